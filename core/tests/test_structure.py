"""structure(): a type as JSON values that a second program can use."""

import collections
import dataclasses
import datetime as dt
import enum
import json
import pathlib
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import (
    Annotated,
    Any,
    Generic,
    Literal,
    NamedTuple,
    NewType,
    Optional,
    TypedDict,
    TypeVar,
    Union,
)

import pandas as pd
import pyarrow as pa
import pytest
from pydantic import BaseModel, Field
from typing_extensions import TypeAliasType

from tasksmithy import Dir, File
from tasksmithy.values._structure import structure

T = TypeVar("T")
N = TypeVar("N", int, str)
UserId = NewType("UserId", int)
Names = TypeAliasType("Names", list[str])

INT, STR, ANY = {"kind": "integer"}, {"kind": "string"}, {"kind": "any"}
HERE = __name__


class Color(enum.Enum):
    RED = "red"
    ODD = object()


class Size(enum.IntEnum):
    BIG = 7


class Count(int):
    pass


@dataclasses.dataclass
class Node:
    value: int
    color: Color = Color.RED
    children: "list[Node]" = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Box(Generic[T]):
    content: T
    more: list[T]


class Model(BaseModel):
    month: int = Field(gt=0, description="of the year")
    tags: frozenset[str] = frozenset({"a", "b", "c"})


class GenericModel(BaseModel, Generic[T]):
    content: T


class Movie(TypedDict, total=False):
    title: str


class Pair(NamedTuple):
    left: int
    right: str = "r"


class Plain:
    pass


class Broken(NamedTuple):
    what: "NotThere"  # type: ignore[name-defined]  # noqa: F821


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (int, INT),
        (bool, {"kind": "boolean"}),
        (float, {"kind": "float"}),
        (complex, {"kind": "complex"}),
        (str, STR),
        (bytes, {"kind": "bytes"}),
        (None, {"kind": "none"}),
        (type(None), {"kind": "none"}),
        (Decimal, {"kind": "decimal"}),
        (dt.datetime, {"kind": "datetime"}),
        (dt.date, {"kind": "date"}),
        (dt.time, {"kind": "time"}),
        (dt.timedelta, {"kind": "duration"}),
        (uuid.UUID, {"kind": "uuid"}),
        (pathlib.Path, {"kind": "path", "class": "pathlib:Path"}),
        (Any, ANY),
        (Count, {"kind": "integer", "class": f"{HERE}:Count"}),
        (UserId, INT),
        (T, ANY),
        (N, {"kind": "union", "members": [INT, STR]}),
    ],
)
def test_what_has_no_parts_is_a_kind(kind: Any, expected: Any) -> None:
    assert structure(kind) == expected


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (list[int], {"kind": "list", "item": INT}),
        (list, {"kind": "list", "item": ANY}),
        (Sequence[int], {"kind": "list", "item": INT, "class": "collections.abc:Sequence"}),
        (set[int], {"kind": "set", "item": INT}),
        (frozenset[int], {"kind": "set", "item": INT, "class": "builtins:frozenset"}),
        (dict[str, int], {"kind": "dict", "key": STR, "value": INT}),
        (
            Mapping[str, int],
            {"kind": "dict", "key": STR, "value": INT, "class": "collections.abc:Mapping"},
        ),
        (
            collections.Counter[str],
            {"kind": "dict", "key": STR, "value": INT, "class": "collections:Counter"},
        ),
        (tuple[int, str], {"kind": "tuple", "items": [INT, STR]}),
        (tuple[int, ...], {"kind": "tuple", "item": INT}),
        (tuple[()], {"kind": "tuple", "items": []}),
        (tuple, {"kind": "tuple", "item": ANY}),
        (int | str, {"kind": "union", "members": [INT, STR]}),
        (Union[str, int], {"kind": "union", "members": [STR, INT]}),  # noqa: UP007
        (Optional[int], {"kind": "union", "members": [INT, {"kind": "none"}]}),  # noqa: UP045
    ],
)
def test_what_has_parts_has_their_structures(kind: Any, expected: Any) -> None:
    assert structure(kind) == expected


def test_unions_keep_their_order_also_where_python_takes_them_for_one() -> None:
    assert [each["kind"] for each in structure(int | str)["members"]] == ["integer", "string"]
    assert [each["kind"] for each in structure(str | int)["members"]] == ["string", "integer"]


def test_a_literal_has_its_values() -> None:
    kind = Literal["a", 1, True, None, b"\xff", Size.BIG]
    assert structure(kind)["values"] == [
        *("a", 1, True, None),
        {"bytes": "ff"},
        {"enum": f"{HERE}:Size", "name": "BIG"},
    ]


def test_an_enum_has_the_names_and_values_of_its_members() -> None:
    assert structure(Color) == {
        "kind": "enum",
        "class": f"{HERE}:Color",
        "members": [{"name": "RED", "value": "red"}, {"name": "ODD"}],
    }
    assert structure(Size)["members"] == [{"name": "BIG", "value": 7}]


def test_a_record_has_its_fields_in_their_order_and_a_schema() -> None:
    found = structure(Pair)
    assert (found["kind"], found["class"], found["form"]) == (
        "record",
        f"{HERE}:Pair",
        "named_tuple",
    )
    assert found["fields"] == [
        {"name": "left", "type": INT, "required": True},
        {"name": "right", "type": STR, "required": False, "default": "r"},
    ]
    assert found["schema"]["type"] == "array"
    assert structure(Movie)["fields"] == [{"name": "title", "type": STR, "required": False}]
    assert structure(Movie)["form"] == "typed_dict"


def test_a_record_in_itself_is_a_reference() -> None:
    found = structure(Node)
    value, color, children = found["fields"]
    assert (value["required"], color["default"]) == (True, "red")
    assert "default" not in children  # the class makes it
    assert children["type"]["item"] == {"kind": "reference", "class": f"{HERE}:Node"}


def test_a_model_has_its_constraints_in_its_schema() -> None:
    found = structure(Model)
    assert found["schema"]["properties"]["month"]["exclusiveMinimum"] == 0
    assert found["schema"]["properties"]["tags"]["default"] == ["a", "b", "c"]
    assert found["fields"][1]["default"] == ["a", "b", "c"]


@pytest.mark.parametrize("generic", [Box, GenericModel])
def test_a_generic_record_has_the_types_that_it_is_used_with(generic: Any) -> None:
    found = structure(generic[int])
    assert found["class"] == f"{HERE}:{generic.__name__}"
    assert found["arguments"] == [INT]
    assert found["fields"][0]["type"] == INT
    assert structure(generic)["fields"][0]["type"] == ANY


def test_a_record_whose_annotations_cannot_be_evaluated_has_no_fields() -> None:
    assert structure(Broken) == {"kind": "record", "class": f"{HERE}:Broken", "form": "named_tuple"}


def test_an_alias_has_its_name() -> None:
    assert structure(Names) == {"kind": "list", "item": STR, "alias": f"{HERE}:Names"}


@pytest.mark.skipif(sys.version_info < (3, 12), reason="it is evaluated where it is defined")
def test_an_alias_in_itself_is_a_reference() -> None:
    space: dict[str, Any] = {"__name__": "aliases"}
    exec("type Nested = dict[str, Nested] | int", space)
    found = structure(space["Nested"])
    assert (found["kind"], found["alias"]) == ("union", "aliases:Nested")
    assert found["members"][0]["value"] == {"kind": "reference", "class": "aliases:Nested"}


def test_files_and_frames_are_what_they_are_of() -> None:
    assert structure(File) == structure(File[int]) == {"kind": "file"}
    assert structure(Dir) == {"kind": "dir"}
    assert structure(pa.Table) == {"kind": "frame", "class": "pyarrow.lib:Table"}
    frame = Annotated[pd.DataFrame, {"a": int, "n": {"x": str}}, "csv", pa.schema([("a", "int8")])]
    found = structure(frame)
    assert found["columns"] == [{"name": "a", "type": INT}, {"name": "n.x", "type": STR}]
    assert (found["format"], found["arrow_schema"]) == ("csv", "a: int8")


def test_what_is_annotated_are_constraints_in_the_words_of_json_schema() -> None:
    month = Annotated[int, Field(gt=0, description="of the year")]
    said = {"exclusiveMinimum": 0, "description": "of the year"}
    assert structure(month) == {**INT, "constraints": said}
    assert structure(Annotated[int, "for Python alone"]) == INT


def test_the_constraints_of_a_union_are_at_each_member() -> None:
    word = Annotated[Optional[str], Field(pattern="a+", description="a word")]  # noqa: UP045
    assert structure(word) == {
        "kind": "union",
        "members": [{**STR, "constraints": {"pattern": "a+"}}, {"kind": "none"}],
        "constraints": {"description": "a word"},
    }


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (Plain, {"class": f"{HERE}:Plain"}),
        (object, {"class": "builtins:object"}),
        (Iterator[int], {"class": "collections.abc:Iterator", "name": "Iterator[int]"}),
        (
            Callable[[int], str],
            {"class": "collections.abc:Callable", "name": "Callable[[int], str]"},
        ),
    ],
)
def test_everything_else_is_pickled(kind: Any, expected: Any) -> None:
    assert structure(kind) == {"kind": "pickled", **expected}


def test_every_structure_is_json() -> None:
    kinds = [Node, Model, Box[int], Pair, Movie, Color, Names, Literal["a"], pd.DataFrame]
    for kind in kinds:
        assert json.loads(json.dumps(structure(kind))) == structure(kind)
