"""Values: whether one fits its type, and what text and JSON stand for."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import (
    Annotated,
    Any,
    AnyStr,
    Generic,
    Literal,
    NewType,
    Optional,
    Protocol,
    Required,
    TypeVar,
    runtime_checkable,
)
from typing import TypedDict as StandardTypedDict
from uuid import UUID

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AwareDatetime, BaseModel, Field
from pydantic_core import core_schema
from typing_extensions import TypedDict

from tasksmithy import File, InputError, NativeInterface, TaskTemplate
from tasksmithy.task._call_checks import check_inputs
from tasksmithy.values._conversion import from_json, from_text, to_jsonable

T = TypeVar("T")


class Colour(Enum):
    """An enum with values of two types."""

    RED = "red"
    THREE = 3


@dataclass
class Flight:
    """A dataclass, with another inside."""

    carrier: str
    delay: int = 0
    stops: list[Stop] = field(default_factory=list)


@dataclass
class Stop:
    """A stop on the way."""

    airport: str


class Seat(BaseModel):
    """A pydantic model."""

    row: int
    letter: str = "A"


class Row(TypedDict):
    """A typed dictionary."""

    row: int


class Named(Protocol):
    """A protocol that cannot be checked at run time."""

    def name(self) -> str: ...


@runtime_checkable
class Numbered(Protocol):
    """A protocol of an attribute, which some objects of a class may lack."""

    number: int


class Anything:
    """A class whose objects have the attributes that they are given."""

    def __init__(self, **attributes: Any) -> None:
        vars(self).update(attributes)


@runtime_checkable
class Closing(Protocol):
    """A protocol that can be checked at run time."""

    def close(self) -> None: ...


class Plain:
    """A class that nothing is known of."""


@dataclass
class Unfinished:
    """A dataclass that names a type which is not there, as one for type checkers only is not."""

    later: Undefined  # type: ignore[name-defined]  # noqa: F821


class Quoted(StandardTypedDict, total=False):
    """A typed dictionary of the standard library, whose annotations are text, as all are here."""

    row: Required[int]
    letter: str


class Nested(StandardTypedDict):
    """A typed dictionary with others inside."""

    seats: list[Quoted]


@dataclass
class Bill:
    """A dataclass of what a number of JSON cannot hold."""

    total: Decimal
    due: date | None = None


class Offer(BaseModel):
    """A model of the same."""

    price: Decimal


class Of(Generic[T]):
    """A generic class."""


class ModelOf(BaseModel, Generic[T]):
    """A generic pydantic model."""

    value: T


class Celsius(Generic[T]):
    """A class that stands for floats, as some of pydantic's and of other libraries do."""

    @classmethod
    def __get_pydantic_core_schema__(cls, *_: Any) -> Any:
        return core_schema.float_schema()


Id = NewType("Id", int)
Price = NewType("Price", Decimal)


def checked(kind: Any, value: Any) -> None:
    check_inputs(
        SimpleNamespace(name="t.main", interface=NativeInterface.from_types({"x": kind})),
        {"x": value},
    )


def fits(kind: Any, value: Any) -> bool:
    try:
        checked(kind, value)
    except InputError:
        return False
    return True


# Whether a value fits

FITTING: list[tuple[Any, Any]] = [
    (int, 1),
    (int, 10**30),
    (float, 1.5),
    (float, 1),
    (str, ""),
    (bool, False),
    (bytes, b""),
    (Any, object()),
    (int | None, None),
    (Optional[int], 1),  # noqa: UP045 - the other spelling
    (int | str, "a"),
    (list, [object()]),
    (list[int], [1, 2]),
    (list[float], [1, 2.5]),
    (dict[str, list[int]], {"a": [1]}),
    (tuple[int, str], (1, "a")),
    (tuple[int, ...], ()),
    (set[int], {1}),
    (Literal["a", "b"], "b"),
    (datetime, datetime(2024, 1, 1, tzinfo=UTC)),
    (Path, Path("a")),
    (Colour, Colour.RED),
    (Flight, Flight("AA")),
    (list[Flight], [Flight("AA")]),
    (Seat, Seat(row=1)),
    (list[Seat], [Seat(row=1)]),
    (Row, {"row": 1}),
    (Plain, Plain()),
    (list[Plain], [Plain()]),
    (Annotated[int, Field(gt=0)], 1),
    (Annotated[int, ["a list has no hash"]], 1),
    (Named, Plain()),
    (list[Named], [Plain()]),
    (Closing, io.BytesIO()),
    (list[Unfinished], [Unfinished(1)]),
    (Unfinished | None, None),
    (list["Undefined"], [1]),  # type: ignore[name-defined]  # noqa: F821
    (Quoted, {"row": 1}),
    (Quoted | None, None),
    (complex, 1),
    (Sequence[int], range(3)),
    (Sequence[int], (1, 2)),
    (Collection[int], {1}),
    (Set[int], {1}),
    (Set[int], {1: "a"}.keys()),
    (Mapping[str, int], MappingProxyType({"a": 1})),
    (Counter[str], Counter("ab")),
    (Iterable[str], iter("ab")),
    (Callable[[int], int], abs),
    (type[int], bool),
    (list[Any], [1, "a"]),
    (list[float | None], [1, 2.5, None]),
    (list[Seat | None], [Seat(row=1), None]),
    (Of[int], Of()),
    (list[Of[int]], [Of()]),
    (ModelOf[int], ModelOf(value=1)),
    (list[ModelOf[int]], [ModelOf[int](value=1)]),
    (Id, 1),
    (list[Id], [1]),
    (T, object()),
    (AnyStr, b"a"),
    (Annotated[str, Field(pattern="^a")], "ab"),
    (Celsius[float], 21.5),
    (Celsius[float] | None, Celsius()),
    (AwareDatetime, datetime(2024, 1, 1, tzinfo=UTC)),
    (list[AwareDatetime], [datetime(2024, 1, 1, tzinfo=UTC)]),
    (TaskTemplate[..., int] | None, None),
    (list[TaskTemplate[..., int]], [TaskTemplate(name="t", interface=NativeInterface())]),
]


@pytest.mark.parametrize(("kind", "value"), FITTING)
def test_a_value_of_its_type_fits(kind: Any, value: Any) -> None:
    assert fits(kind, value)


REFUSED: list[tuple[Any, Any]] = [
    (int, "1"),
    (int, 1.0),
    (int, None),
    (int, True),
    (float, True),
    (float, "1"),
    (str, 1),
    (str, b"a"),
    (bool, 1),
    (bytes, "a"),
    (int | None, True),
    (int | None, "1"),
    (list[int], [True]),
    (list[int], (1, 2)),
    (list[int], ["1"]),
    (dict[str, int], {1: 1}),
    (tuple[int, str], (1, "a", "b")),
    (Literal["a"], "b"),
    (datetime, "2024-01-01"),
    (Path, "a"),
    (Colour, "red"),
    (Flight, {"carrier": "AA"}),
    (list[Flight], [{"carrier": "AA"}]),
    (Seat, {"row": 1}),
    (Row, {"row": "1"}),
    (Row, {}),
    (Row, 1),
    (Plain, object()),
    (list[Plain], [1]),
    (Annotated[int, Field(gt=0)], 0),
    (Annotated[int, ["a list has no hash"]], "1"),
    (list[Seat], [{"row": 1}]),
    (dict[str, Seat], {"a": {"row": 1}}),
    (Seat | None, {"row": 1}),
    (list[Flight], [Stop("JFK"), Flight("AA")]),
    (list[Unfinished], [1]),
    (Closing, Plain()),
    (list[Numbered], [Anything(), Anything(number=1)]),
    (Quoted, {}),
    (Quoted, {"row": 1, "letter": 2}),
    (complex, True),
    (Sequence[int], ["a"]),
    (Sequence[str], "text"),
    (list[Sequence[str]], ["text"]),
    (Set[int], {"a"}),
    (Mapping[str, int], MappingProxyType({"a": "b"})),
    (Counter[str], Counter([1])),
    (Iterable[str], 1),
    (Callable[[int], int], 1),
    (type[int], str),
    (list[float | None], [1.5, "2"]),
    (list[Seat | None], [None, 1]),
    (list[bool], [1]),
    (Of[int], 1),
    (ModelOf[int], {"value": 1}),
    (Id, "1"),
    (Annotated[str, Field(pattern="^a")], "b"),
    (Celsius[float], "warm"),
    (AnyStr, 1),
    (AwareDatetime, datetime(2024, 1, 1)),
]


@pytest.mark.parametrize(("kind", "value"), REFUSED)
def test_a_value_of_another_type_is_refused(kind: Any, value: Any) -> None:
    with pytest.raises(InputError):
        checked(kind, value)


def test_the_error_names_task_input_type_and_value() -> None:
    with pytest.raises(InputError) as caught:
        checked(int, "1")
    assert str(caught.value) == "task 't.main': input 'x' is int, and '1' of type str was given"


@pytest.mark.parametrize(
    ("kind", "value", "detail"),
    [
        (list[int], [1, "2"], "[1] is '2', no int"),
        (list[list[int]], [[], [1, "2"]], "[1][1] is '2', no int"),
        (tuple[int, str], (1, 2), "[1] is 2, no str"),
        (dict[str, int], {"a": "1"}, "['a'] is '1', no int"),
        (dict[str, int], {1: 1}, ".keys()[0] is 1, no str"),
        (list[int] | None, ["a"], "[0] is 'a', no int"),
        (set[int], {"a"}, "[...] is 'a', no int"),
        (list[Row], [{"row": "1"}], "[0]['row'] is '1', no int"),
        (Row, {}, "it has no 'row'"),
        (
            Annotated[int, Field(gt=0)],
            0,
            "it is not allowed: Input should be greater than 0",
        ),
        (
            list[Annotated[int, Field(gt=0)]],
            [1, 0],
            "[1] is not allowed: Input should be greater than 0",
        ),
    ],
)
def test_the_error_says_where_inside_a_value_it_is_wrong(
    kind: Any, value: Any, detail: str
) -> None:
    with pytest.raises(InputError, match=re.escape(f"was given ({detail})")):
        checked(kind, value)


def test_an_iterator_is_not_used_up_to_be_checked() -> None:
    letters = iter("ab")
    checked(Iterator[int], letters)
    assert list(letters) == ["a", "b"]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="no `type` statement")
def test_a_value_of_a_recursive_type_may_hold_itself() -> None:
    names: dict[str, Any] = {}
    exec("type Tree = list[Tree] | int", names)
    endless: list[Any] = []
    endless.append(endless)
    checked(names["Tree"], endless)
    checked(names["Tree"], [1, [2]])
    with pytest.raises(InputError):
        checked(names["Tree"], [1, ["2"]])


def test_a_value_is_checked_and_never_changed() -> None:
    value = [1, 2]
    inputs = {"x": value}
    check_inputs(
        SimpleNamespace(name="t", interface=NativeInterface.from_types({"x": list[float]})), inputs
    )
    assert inputs["x"] is value
    assert [type(item) for item in value] == [int, int]


def test_a_check_and_builtin_scalars_need_no_pydantic() -> None:
    program = """
import sys
from types import SimpleNamespace
from tasksmithy import File, NativeInterface
from tasksmithy.task._call_checks import check_inputs
from tasksmithy.values._conversion import from_text
class Plain: ...
for kind, value in (
    (int, 1), (float, 1), (list[int | None], [1]), (list[Plain | File], [Plain(), File("a")])
):
    interface = NativeInterface.from_types({"x": kind})
    check_inputs(SimpleNamespace(name="t", interface=interface), {"x": value})
for kind, text in ((int, "1"), (float, "1"), (str, "a"), (bool, "yes")):
    from_text("t", "x", kind, text)
print("pydantic" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert done.stdout == "False\n"


# What text stands for

TEXTS: list[tuple[Any, str, Any]] = [
    (str, "5", "5"),
    (str, '"quoted"', '"quoted"'),
    (Any, "5", "5"),
    (int, "5", 5),
    (int, "-5", -5),
    (float, "1", 1.0),
    (float, "1e3", 1000.0),
    (bool, "true", True),
    (bool, "NO", False),
    (bool, "1", True),
    (bytes, "abc", b"abc"),
    (int | None, "5", 5),
    (int | None, "null", None),
    (str | None, "5", "5"),
    (bool | None, "yes", True),
    (float | None, "1", 1.0),
    (Annotated[int | None, Field(gt=0)], "5", 5),
    (int | str, "5", 5),
    (int | str, "five", "five"),
    (list[int], "[1, 2]", [1, 2]),
    (list[str], '["a"]', ["a"]),
    (dict[str, float], '{"a": 1}', {"a": 1.0}),
    (tuple[int, str], '[1, "a"]', (1, "a")),
    (Literal["a", "b"], "a", "a"),
    (Literal[1, 2], "2", 2),
    (datetime, "2024-01-02T03:04:05Z", datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)),
    (date, "2024-01-02", date(2024, 1, 2)),
    (timedelta, "PT90S", timedelta(seconds=90)),
    (Decimal, "1.10", Decimal("1.10")),
    (UUID, "00000000-0000-0000-0000-000000000005", UUID(int=5)),
    (Path, "a/b.csv", Path("a/b.csv")),
    (Colour, "red", Colour.RED),
    (Colour, "3", Colour.THREE),
    (Flight, '{"carrier": "AA"}', Flight("AA")),
    (
        Flight,
        '{"carrier": "AA", "stops": [{"airport": "JFK"}]}',
        Flight("AA", stops=[Stop("JFK")]),
    ),
    (Seat, '{"row": 3}', Seat(row=3)),
    (Row, '{"row": 3}', {"row": 3}),
    # What is usually text is read as such, and exactly.
    (Decimal, "1234567890.12345678901234567890", Decimal("1234567890.12345678901234567890")),
    (Decimal, "100.00", Decimal("100.00")),
    (Decimal, "Infinity", Decimal("Infinity")),
    (Decimal | None, "100.00", Decimal("100.00")),
    (Decimal | None, "null", None),
    (float | Decimal, "100.00", Decimal("100.00")),
    (int | Decimal, "5", 5),
    (Annotated[Decimal, Field(gt=0)], "1.10", Decimal("1.10")),
    (Price, "1.10", Decimal("1.10")),
    (datetime, "20240501", datetime(2024, 5, 1)),
    (datetime, "20240501T1200", datetime(2024, 5, 1, 12)),
    (datetime, "2024-05-01 12:00", datetime(2024, 5, 1, 12)),
    (datetime | None, "20240501", datetime(2024, 5, 1)),
    (date, "20240501", date(2024, 5, 1)),
    (date, "2024-05-01T00:00:00", date(2024, 5, 1)),
    (date | datetime, "2024-05-01T12:00", datetime(2024, 5, 1, 12)),
    (time, "12:30", time(12, 30)),
    (time, "1230", time(12, 30)),
    (timedelta, "1:30:00", timedelta(minutes=90)),
    (str | None, '"quoted"', '"quoted"'),
    (str | int, '"5"', '"5"'),
    (Annotated[str, Field(min_length=1)], '"quoted"', '"quoted"'),
    (bytes, '"quoted"', b'"quoted"'),
    (bytes, "\udcff", b"\xff"),
    (Path, "5", Path("5")),
    (Path, '"quoted"', Path('"quoted"')),
    (Path | None, "null", None),
    (UUID | str, "00000000-0000-0000-0000-000000000005", UUID(int=5)),
    (UUID | str, "five", "five"),
    # And inside of JSON.
    (list[Decimal], "[100.00, 5]", [Decimal("100.00"), Decimal(5)]),
    (list[Decimal | None], "[100.00, null]", [Decimal("100.00"), None]),
    (dict[str, Decimal], '{"a": 0.10}', {"a": Decimal("0.10")}),
    (tuple[float, Decimal], "[0.10, 0.10]", (0.1, Decimal("0.10"))),
    (list[float], "[100.00]", [100.0]),
    (list[Any], "[100.00]", [100.0]),
    (Bill, '{"total": 100.00, "due": "20240501"}', Bill(Decimal("100.00"), date(2024, 5, 1))),
    (list[Bill], '[{"total": 0.10}]', [Bill(Decimal("0.10"))]),
    (Offer, '{"price": 100.00}', Offer(price=Decimal("100.00"))),
    (list[datetime], '["20240501", "2024-05-01"]', [datetime(2024, 5, 1), datetime(2024, 5, 1)]),
    (dict[date, int], '{"20240501": 1}', {date(2024, 5, 1): 1}),
    # A TypedDict of the standard library.
    (Quoted, '{"row": 3}', {"row": 3}),
    (list[Quoted], '[{"row": 3, "letter": "a"}]', [{"row": 3, "letter": "a"}]),
    (Quoted | None, '{"row": 3}', {"row": 3}),
    (Nested, '{"seats": [{"row": 3}]}', {"seats": [{"row": 3}]}),
]


@pytest.mark.parametrize(("kind", "text", "value"), TEXTS)
def test_text_stands_for_a_value(kind: Any, text: str, value: Any) -> None:
    found = from_text("t.main", "x", kind, text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("kind", "text", "detail"),
    [
        (int, "true", ""),
        (int, "1.5", ""),
        (int, "", ""),
        (float, "lots", ""),
        (bool, "maybe", ""),
        (int | None, "true", ""),
        (int | None, "5.0", ""),
        (bool | None, "on", ""),
        (Annotated[int, Field(gt=0)], "-5", " (Input should be greater than 0)"),
        (list[int], "1,2", " (Input should be a valid list)"),
        (list[int], "[true]", " (0: Input should be a valid integer)"),
        (list[int], '[1, "x"]', " (1: Input should be a valid integer)"),
        (Colour, "green", " (Input should be 'red' or 3)"),
        (Literal["a", "b"], "c", " (Input should be 'a' or 'b')"),
        (Flight, '{"delay": 1}', " (carrier: Field required)"),
        (Flight, '{"carrier": "AA", "delay": true}', " (delay: Input should be a valid integer)"),
        (Seat, '{"row": "x"}', " (row: Input should be a valid integer)"),
        (Plain, "{}", " (Input should be an instance of Plain)"),
        (datetime, "2024", " (Invalid isoformat string: '2024')"),
        (datetime | None, "2024", " (Invalid isoformat string: '2024')"),
        (date, "0", " (Invalid isoformat string: '0')"),
        (date, "2024-05-01T12:00", " (Invalid isoformat string: '2024-05-01T12:00')"),
        (timedelta, "30", " (a number has no unit: give it as PT90S, P1D or 1:30:00)"),
        (AwareDatetime, "20240501", " (a number is no time: give ISO 8601)"),
        (list[datetime], "[2024]", " ([0] is 2024, and a number is no time: give ISO 8601)"),
        (list[date], '["0"]', " ([0] is '0', and a number is no time: give ISO 8601)"),
        (Bill, '{"total": 1, "due": 0}', " (.due is 0, and a number is no time: give ISO 8601)"),
        (Decimal, "lots", " (no decimal number)"),
        (Quoted, '{"letter": "a"}', " (row: Field required)"),
    ],
)
def test_text_that_stands_for_none_is_an_input_error_that_says_why(
    kind: Any, text: str, detail: str
) -> None:
    with pytest.raises(InputError) as caught:
        from_text("t.main", "x", kind, text)
    assert str(caught.value).startswith("task 't.main': input 'x' is ")
    assert str(caught.value).endswith(f"{text!r} is not one{detail}")


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        (list[Unfinished], "name 'Undefined' is not defined"),
        (list[Named], "whose values no text stands for"),
    ],
)
def test_text_for_a_type_that_cannot_be_read_is_an_input_error_that_says_why(
    kind: Any, why: str
) -> None:
    with pytest.raises(InputError, match=why):
        from_text("t", "x", kind, "[]")


# What JSON stands for

JSONS: list[tuple[Any, Any, Any]] = [
    (int, 5, 5),
    (float, 5, 5.0),
    (str, "5", "5"),
    (bool, True, True),
    (Any, {"a": [1]}, {"a": [1]}),
    (int | None, None, None),
    (tuple[int, str], [1, "a"], (1, "a")),
    (set[int], [1, 1], {1}),
    (dict[int, str], {"1": "a"}, {1: "a"}),
    (datetime, "2024-01-02T03:04:05Z", datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)),
    (Path, "a", Path("a")),
    (Colour, "red", Colour.RED),
    (Flight, {"carrier": "AA"}, Flight("AA")),
    (Seat, {"row": 1}, Seat(row=1)),
    (Decimal, "100.00", Decimal("100.00")),
    (Decimal, 5, Decimal(5)),
    (Quoted, {"row": 1}, {"row": 1}),
]


@pytest.mark.parametrize(("kind", "given", "value"), JSONS)
def test_a_json_value_stands_for_a_value(kind: Any, given: Any, value: Any) -> None:
    found = from_json("t.main", "x", kind, given)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (int, True),
        (int, "5"),
        (int, None),
        (float, False),
        (bool, 1),
        (str, 5),
        (int | None, True),
        (list[int], [True]),
        (list[int], {"a": 1}),
        (Flight, {"carrier": 5}),
        (Seat, {}),
        (datetime, "soon"),
        (datetime, 2024),
        (datetime, "2024"),
        (timedelta, 30),
        (Decimal, 1.5),
        (Bill, {"total": 1.5}),
        (Plain, {}),
    ],
)
def test_a_json_value_of_another_type_is_an_input_error(kind: Any, given: Any) -> None:
    with pytest.raises(InputError, match=r"input 'x' is .* is not one"):
        from_json("t.main", "x", kind, given)


# Round trips

DAYS = st.datetimes(timezones=st.just(UTC))
FLIGHTS = st.builds(
    Flight, st.text(), st.integers(), st.lists(st.builds(Stop, st.text()), max_size=2)
)
TYPES: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (int, st.integers()),
    (float, st.floats(allow_nan=False, allow_infinity=False)),
    (str, st.text()),
    (bool, st.booleans()),
    (int | None, st.none() | st.integers()),
    (list[float], st.lists(st.floats(allow_nan=False, allow_infinity=False))),
    (dict[str, list[int]], st.dictionaries(st.text(), st.lists(st.integers()))),
    (tuple[int, bool], st.tuples(st.integers(), st.booleans())),
    (set[str], st.sets(st.text())),
    (datetime, DAYS),
    (date, st.dates()),
    (timedelta, st.timedeltas(timedelta(-(10**5)), timedelta(10**5))),
    (UUID, st.uuids()),
    (Colour, st.sampled_from(Colour)),
    (Path, st.sampled_from([Path("a"), Path("/a/b"), Path()])),
    (Flight, FLIGHTS),
    (list[Flight], st.lists(FLIGHTS, max_size=2)),
    (Seat, st.builds(Seat, row=st.integers(), letter=st.text())),
]
ROUND_TRIPS = st.sampled_from(TYPES).flatmap(lambda pair: st.tuples(st.just(pair[0]), pair[1]))


@given(ROUND_TRIPS)
def test_a_value_is_the_same_after_a_round_trip_through_json(pair: tuple[Any, Any]) -> None:
    kind, value = pair
    text = json.dumps(to_jsonable(kind, value), allow_nan=False)
    again = from_json("t", "x", kind, json.loads(text))
    assert again == value
    checked(kind, again)


@given(ROUND_TRIPS)
def test_a_value_is_the_same_after_a_round_trip_through_the_text_of_its_json(
    pair: tuple[Any, Any],
) -> None:
    kind, value = pair
    plain = to_jsonable(kind, value)
    text = plain if isinstance(plain, str) else json.dumps(plain)
    assert from_text("t", "x", kind, text) == value


@pytest.mark.parametrize("value", [1, 1.5, "a", True, None])
def test_a_scalar_is_its_own_json(value: Any) -> None:
    assert to_jsonable(Any, value) is value


def test_what_is_declared_as_any_becomes_json_by_what_it_is() -> None:
    assert to_jsonable(Any, [Flight("AA"), Colour.RED, Path("a")]) == [
        {"carrier": "AA", "delay": 0, "stops": []},
        "red",
        "a",
    ]


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (np.int64(3), 3),
        ({"a": np.float32(1.5)}, {"a": 1.5}),
        (np.array([[1, 2]]), [[1, 2]]),
        (pa.table({"a": [1, 2], "b": ["x", None]}), [{"a": 1, "b": "x"}, {"a": 2, "b": None}]),
        ([pl.DataFrame({"day": [date(2024, 5, 1)]})], [[{"day": "2024-05-01"}]]),
        (pd.DataFrame({"a": [1.5]}), [{"a": 1.5}]),
        ({1: 2, "a": 3, None: 4, False: 5}, {"1": 2, "a": 3, "null": 4, "false": 5}),
        ({date(2024, 5, 1): Colour.RED}, {"2024-05-01": "red"}),
        (Bill(Decimal("1.10")), {"total": "1.10", "due": None}),
        ([File("a"), UUID(int=5), b"abc"], ["a", "00000000-0000-0000-0000-000000000005", "abc"]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_of_other_libraries_become_json(value: Any, plain: Any) -> None:
    assert to_jsonable(Any, value) == plain


@pytest.mark.parametrize(
    ("kind", "value", "problem"),
    [
        (Any, [1.0, float("nan")], "[1] is nan, and JSON has no such number"),
        (list[float], [1.0, float("inf")], "[1] is inf, and JSON has no such number"),
        (Any, {"loss": [np.float32("nan")]}, "['loss'][0] is nan, and JSON has no such number"),
        (Any, {1: 2, "1": 3}, "it has two keys that are '1' in JSON"),
        (Any, {(1, 2): 3}, "it has the key (1, 2), which is no string"),
        (Any, [b"\xff"], "[0] is b'\\xff' of type bytes, which has no JSON form"),
        (Any, [Flight("AA", 0, [Plain()])], "[0].stops[0] is <"),  # type: ignore[list-item]
    ],
)
def test_what_has_no_json_form_is_an_error_that_says_where(
    kind: Any, value: Any, problem: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)):
        to_jsonable(kind, value)
