"""Tasks whose inputs flyte writes and whose outputs it reads."""

import datetime
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from pydantic import BaseModel

import tasksmithy as sdk

env = sdk.TaskEnvironment(name="exchanged", image="ghcr.io/acme/app:1.4")


class Color(Enum):
    RED = "red"
    GREEN = "green"


@dataclass
class Point:
    x: int
    y: float = 0.5
    after: datetime.timedelta = datetime.timedelta(seconds=1)
    color: Color = Color.RED


class Model(BaseModel):
    name: str
    color: Color
    point: Point


class Pair(NamedTuple):
    total: int
    label: str


@env.task
async def scalars(a: int, b: float, c: bool, d: str) -> tuple[int, float, bool, str]:
    return a, b, c, d


@env.task
async def times(
    at: datetime.datetime, on: datetime.date, after: datetime.timedelta
) -> tuple[datetime.datetime, datetime.date, datetime.timedelta]:
    return at, on, after


@env.task
async def records(point: Point, model: Model, color: Color) -> tuple[Point, Model, Color]:
    return point, model, color


@env.task
async def containers(
    a: list[int], b: dict[str, Point], c: dict[int, str]
) -> tuple[list[int], dict[str, Point], dict[int, str]]:
    return a, b, c


@env.task
async def unions(
    a: int | None, b: int | str, c: Point | None
) -> tuple[int | None, int | str, Point | None]:
    return a, b, c


@env.task
async def tuples(plain: tuple[int, str], named: Pair) -> tuple[tuple[int, str], Pair]:
    return plain, named


@env.task
async def total(n: int) -> Pair:
    return Pair(n, "n")


GIVEN = {
    "scalars": {"a": -3, "b": 1.5, "c": True, "d": "é"},
    "times": {
        "at": datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC),
        "on": datetime.date(2026, 1, 2),
        "after": datetime.timedelta(days=-1, microseconds=5),
    },
    "records": {
        "point": Point(1, color=Color.GREEN),
        "model": Model(name="m", color=Color.GREEN, point=Point(2)),
        "color": Color.GREEN,
    },
    "containers": {"a": [1, 2], "b": {"p": Point(3)}, "c": {1: "a"}},
    "unions": {"a": None, "b": "b", "c": Point(4)},
    "tuples": {"plain": (1, "a"), "named": Pair(2, "b")},
    "total": {"n": 3},
}
