"""Every kind of annotation, with and without a default."""

import datetime
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum, IntEnum
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypedDict
from uuid import UUID

from pydantic import BaseModel, Field

import tasksmithy as sdk
from tasksmithy import Dir, File

env = sdk.TaskEnvironment(name="annotations", image="ghcr.io/acme/app:1.4")


class Color(Enum):
    RED = "red"
    GREEN = "green"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


@dataclass
class Point:
    x: int
    y: float = 0.5


@dataclass
class Line:
    start: Point
    end: Point
    label: str | None = None


@dataclass
class Parts:
    color: Color
    at: datetime.datetime
    sizes: list[int] = field(default_factory=list)
    rates: dict[str, float] = field(default_factory=dict)
    either: int | str = 1
    shade: Color = Color.RED
    level: Literal["low", "high"] = "low"
    pair: tuple[int, str] = (1, "a")
    amount: Decimal | None = None


@dataclass
class Places:
    rows: File
    pages: Dir
    wait: datetime.timedelta = datetime.timedelta(minutes=1)
    more: list[File] | None = None


class Model(BaseModel):
    name: str
    sizes: list[int] = []


class Outer(BaseModel):
    inner: Model
    color: Color = Color.GREEN


class Row(TypedDict):
    id: int
    label: str


class Loose(TypedDict, total=False):
    id: int


class Pair(NamedTuple):
    total: int
    label: str


@env.task
async def simple(a: int, b: float, c: bool, d: str) -> bool:
    return c


@env.task
async def simple_defaults(a: int = 3, b: float = 1.5, c: bool = True, d: str = "x") -> str:
    return d


@env.task
async def times(
    at: datetime.datetime, on: datetime.date, after: datetime.timedelta
) -> datetime.datetime:
    return at


@env.task
async def times_defaults(
    at: datetime.datetime = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC),
    on: datetime.date = datetime.date(2026, 1, 2),
    after: datetime.timedelta = datetime.timedelta(hours=1, microseconds=5),
) -> datetime.timedelta:
    return after


@env.task
async def enumeration(color: Color) -> Color:
    return color


@env.task
async def enumeration_default(color: Color = Color.GREEN) -> None: ...


@env.task
async def literal(level: Literal["low", "high"]) -> None: ...


@env.task
async def literal_default(level: Literal["low", "high"] = "low") -> None: ...


@env.task
async def record(point: Point) -> Point:
    return point


@env.task
async def record_default(point: Point = Point(1)) -> None: ...


@env.task
async def nested_record(line: Line) -> Line:
    return line


@env.task
async def model(model: Model) -> Model:
    return model


@env.task
async def model_default(model: Model = Model(name="m", sizes=[1, 2])) -> None: ...


@env.task
async def typed_dict(row: Row) -> Row:
    return row


@env.task
async def named_tuple(a: int) -> Pair:
    return Pair(a, "a")


@env.task
async def optional(a: int | None, b: str | None = None, c: int | None = 3) -> int | None:
    return a


@env.task
async def union(a: int | str, b: int | str | None = "b") -> int | str:
    return a


@env.task
async def lists(a: list[int], b: list[list[str]], c: list[float] | None = None) -> list[int]:
    return a


@env.task
async def list_defaults(a: list[int] = [1, 2], b: list[str] = []) -> list[str]:
    return b


@env.task
async def mappings(a: dict[str, int], b: dict[str, list[int]]) -> dict[str, int]:
    return a


@env.task
async def mapping_defaults(a: dict[str, int] = {"n": 1}) -> None: ...


@env.task
async def records_in_lists(points: list[Point], by_name: dict[str, Point]) -> list[Point]:
    return points


@env.task
async def untyped_dict(a: dict) -> dict:
    return a


@env.task
async def file(a: File) -> File:
    return a


@env.task
async def directory(a: Dir) -> Dir:
    return a


@env.task
async def files(a: list[File], b: File | None = None) -> list[File]:
    return a


@env.task
async def anything(a: Any) -> Any:
    return a


@env.task
async def numbered(level: Level, other: Level = Level.HIGH) -> Level:
    return level


@env.task
async def parts(parts: Parts) -> None: ...


@env.task
async def outer(outer: Outer) -> None: ...


@env.task
async def loose(row: Loose) -> None: ...


@env.task
async def tuples(pair: tuple[int, str], named: Pair) -> None: ...


@env.task
async def record_or_nothing(point: Point | None = None, line: Line | int = 3) -> None: ...


@env.task
async def constrained(
    n: Annotated[int, Field(gt=3)], text: Annotated[str, Field(max_length=5)] = "abc"
) -> None: ...


@env.task
async def noted(n: Annotated[int, "how many"]) -> None: ...


@env.task
async def no_wire_type(
    amount: Decimal, key: UUID, data: bytes, names: set[str], at: datetime.time, path: Path
) -> Decimal:
    return amount


@env.task
async def no_wire_type_defaults(
    amount: Decimal = Decimal("1.50"), names: frozenset[str] = frozenset({"b", "a"})
) -> None: ...


@env.task
async def numbers_by_number(
    a: dict[int, str], sizes: tuple[int, ...], level: Literal[1, 2] = 1
) -> None: ...


@env.task
async def places(places: Places, others: list[Places] = []) -> None: ...


@env.task
async def outer_default(
    outer: Outer = Outer(inner=Model(name="m"), color=Color.RED),
    row: Row = {"id": 1, "label": "a"},
    pair: Pair = Pair(1, "a"),
    plain: tuple[int, str] = (2, "b"),
) -> None: ...


@env.task
async def parts_default(
    parts: Parts = Parts(
        color=Color.GREEN,
        at=datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC),
        rates={"a": 1.5},
        amount=Decimal("1.5"),
    ),
    by_number: dict[int, str] = {1: "a"},
    maybe: Point | None = Point(2),
    colors: list[Color] = [Color.RED],
) -> None: ...
