"""Values as Flyte's literals, and back."""

import math
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, NamedTuple, TypedDict
from uuid import UUID

import msgpack
import pytest
from flyteidl2.core import literals_pb2, types_pb2
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from tasksmithy import Dir, File, TaskEnvironment, serialize
from tasksmithy.extend import from_json, to_jsonable
from tasksmithy_flyte import LiteralError
from tasksmithy_flyte.literals import json_value, literal
from tasksmithy_flyte.types import literal_type

env = TaskEnvironment(name="literals")


class Color(Enum):
    RED = "red"
    GREEN = "green"


@dataclass
class Point:
    x: int
    after: timedelta = timedelta(seconds=1)
    color: Color = Color.RED


class Model(BaseModel):
    color: Color
    points: list[Point] = []


class Row(TypedDict):
    id: int


class Pair(NamedTuple):
    total: int
    label: str


def structure(kind: Any) -> Any:
    async def task(value: kind) -> None: ...

    task.__annotations__ = {"value": kind, "return": None}
    return serialize(env.task(task)).interface["inputs"][0]["type"]


def there_and_back(kind: Any, value: Any) -> Any:
    described = structure(kind)
    wire = literal(described, to_jsonable(kind, value)).SerializeToString()
    return from_json("t", "v", kind, json_value(described, literals_pb2.Literal.FromString(wire)))


INTEGERS = st.integers(-(2**63), 2**63 - 1)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
MOMENTS = st.datetimes(timezones=st.just(UTC))
DURATIONS = st.timedeltas(timedelta(days=-3000), timedelta(days=3000))
POINTS = st.builds(Point, INTEGERS, DURATIONS, st.sampled_from(Color))

VALUES: dict[Any, st.SearchStrategy[Any]] = {
    int: INTEGERS,
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    str: TEXTS,
    datetime: MOMENTS,
    date: st.dates(),
    timedelta: DURATIONS,
    Color: st.sampled_from(Color),
    Decimal: st.decimals(allow_nan=False, allow_infinity=False),
    UUID: st.uuids(),
    Point: POINTS,
    Model: st.builds(Model, color=st.sampled_from(Color), points=st.lists(POINTS, max_size=2)),
    Row: st.builds(lambda number: {"id": number}, INTEGERS),
    Pair: st.builds(Pair, INTEGERS, TEXTS),
    File: st.just(File("s3://bucket/file")),
    Dir: st.just(Dir("s3://bucket/folder")),
    int | None: INTEGERS | st.none(),
    int | str: INTEGERS | TEXTS,
    Point | Row | list[int] | None: POINTS | st.lists(INTEGERS) | st.none(),
    list[int]: st.lists(INTEGERS),
    list[list[Color]]: st.lists(st.lists(st.sampled_from(Color))),
    list[int | None]: st.lists(INTEGERS | st.none()),
    dict[str, Point]: st.dictionaries(TEXTS, POINTS),
    dict[int, str]: st.dictionaries(INTEGERS, TEXTS),
    dict[str, list[date]]: st.dictionaries(TEXTS, st.lists(st.dates())),
    set[int]: st.sets(INTEGERS),
    tuple[int, str]: st.tuples(INTEGERS, TEXTS),
    tuple[int, ...]: st.lists(INTEGERS).map(tuple),
}


@pytest.mark.parametrize("kind", VALUES, ids=str)
def test_a_value_comes_back_as_it_was(kind):
    @settings(max_examples=30)
    @given(VALUES[kind])
    def check(value):
        assert there_and_back(kind, value) == value

    check()


def test_a_literal_that_is_another_type_is_refused():
    wrong = literal(structure(str), "a")

    with pytest.raises(LiteralError, match="integer is wanted, and the literal has string"):
        json_value(structure(int), wrong)
    with pytest.raises(LiteralError, match="list is wanted, and the literal has primitive"):
        json_value(structure(list[int]), wrong)


def test_an_empty_literal_is_refused():
    for kind in (int, str, list[int], dict[str, int], File, int | None, None):
        with pytest.raises(LiteralError):
            json_value(structure(kind), literals_pb2.Literal())


def test_a_number_of_a_console_is_the_number_that_is_declared():
    whole = literal(structure(float), 3.0)

    assert json_value(structure(int), whole) == 3
    with pytest.raises(LiteralError):
        json_value(structure(int), literal(structure(float), 3.5))
    assert math.isclose(json_value(structure(float), literal(structure(int), 3)), 3.0)


def test_a_union_of_another_sender_may_have_no_tag_of_a_member():
    bare = literal(structure(int), 3)

    assert json_value(structure(int | None), bare) == 3


def test_a_member_that_is_not_of_the_union_is_refused():
    with pytest.raises(LiteralError, match="no member of the type"):
        json_value(structure(int | None), literal(structure(str | None), "a"))


def test_pickled_data_is_never_read():
    binary = literals_pb2.Binary(value=b"cos\nsystem\n(S'true'\ntR.", tag="pickle")
    pickled = literals_pb2.Literal(scalar=literals_pb2.Scalar(binary=binary))

    with pytest.raises(LiteralError, match="'pickle' is not read, only 'msgpack'"):
        json_value(structure(Point), pickled)


def test_broken_data_is_refused():
    binary = literals_pb2.Binary(value=b"\xc1", tag="msgpack")
    broken = literals_pb2.Literal(scalar=literals_pb2.Scalar(binary=binary))

    with pytest.raises(LiteralError, match="msgpack data cannot be read"):
        json_value(structure(Point), broken)


def test_what_is_packed_is_as_flyte_packs_it():
    packed = literal(structure(Point), {"x": 1, "after": "PT90S", "color": "green"})
    model = literal(structure(Model), {"color": "green", "points": []})

    assert msgpack.unpackb(packed.scalar.binary.value) == {
        "x": 1,
        "after": 90.0,
        "color": "green",
    }
    assert msgpack.unpackb(model.scalar.binary.value) == {"color": "GREEN", "points": []}


def test_a_record_in_itself_has_a_type():
    described = {
        "kind": "record",
        "class": "m:Tree",
        "form": "dataclass",
        "fields": [
            {
                "name": "children",
                "type": {"kind": "list", "item": {"kind": "reference", "class": "m:Tree"}},
                "required": True,
            }
        ],
    }

    assert literal_type(described).simple == types_pb2.STRUCT
    value = {"children": [{"children": []}]}
    assert json_value(described, literal(described, value)) == value


def test_columns_of_a_frame_are_columns_of_the_type():
    pandas = pytest.importorskip("pandas")
    from typing import Annotated

    kind = Annotated[pandas.DataFrame, OrderedDict(a=int), "parquet"]
    frame = literal_type(structure(kind)).structured_dataset_type

    assert [(each.name, each.literal_type.simple) for each in frame.columns] == [
        ("a", types_pb2.INTEGER)
    ]
    assert frame.format == "parquet"
