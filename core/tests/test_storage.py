"""Values as bytes that are kept, and back: exactly, and without running what is in them."""

from __future__ import annotations

import collections
import copyreg
import dataclasses
import datetime as dt
import enum
import functools
import math
import os
import pickle
import re
import struct
import subprocess
import sys
import textwrap
import threading
import uuid
import zlib
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, Generic, Literal, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

import numpy as np
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasksmithy.errors import ValueEncodingError
from tasksmithy.values._files import File
from tasksmithy.values._identity import digest
from tasksmithy.values._storage import Encoded, decode, encode, record

T = TypeVar("T")


class Color(enum.Enum):
    RED = "r"
    GREEN = "g"
    CRIMSON = "r"  # noqa: PIE796 - an alias


class Access(enum.Flag):
    READ = 1
    WRITE = 2


class Point(NamedTuple):
    x: int
    y: float = 0.0


@dataclasses.dataclass(frozen=True, slots=True)
class Leg:
    start: Point
    color: Color
    note: str = dataclasses.field(default="", compare=False)


@dataclasses.dataclass
class Trip:
    legs: list[Leg]
    extra: dict[str, object] = dataclasses.field(default_factory=dict)
    length: int = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        self.length = len(self.legs)

    @functools.cached_property
    def colors(self) -> set[Color]:
        return {leg.color for leg in self.legs}


class Order(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")
    id: int
    lines: tuple[str, ...] = ()
    _seen: int = pydantic.PrivateAttr(default=0)


class Box(pydantic.BaseModel, Generic[T]):
    content: T


class Numbers(pydantic.RootModel[list[int]]):
    pass


@dataclasses.dataclass
class Connection:
    url: str
    lock: Any = dataclasses.field(default_factory=threading.Lock)

    def __getstate__(self) -> dict[str, Any]:
        return {"url": self.url}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["url"])  # type: ignore[misc]


class Plain:
    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Plain) and other.value == self.value

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Plain({self.value!r})"


def again(value: Any, kind: Any = Any) -> Any:
    return decode(encode(value, kind), kind)


def is_same(left: Any, right: Any) -> bool:
    """Equality that tells types, signs of zero and order apart, and holds for NaN."""
    if type(left) is not type(right):
        return False
    if isinstance(left, float):
        return struct.pack("d", left) == struct.pack("d", right)
    if isinstance(left, complex):
        return is_same(left.real, right.real) and is_same(left.imag, right.imag)
    if isinstance(left, (list, tuple)):
        return len(left) == len(right) and all(map(is_same, left, right))
    if isinstance(left, dict):
        return is_same(list(left.items()), list(right.items()))
    if dataclasses.is_dataclass(left):
        fields = [field.name for field in dataclasses.fields(left)]
        return all(is_same(getattr(left, name), getattr(right, name)) for name in fields)
    if isinstance(left, (dt.datetime, dt.time)):
        return left == right and left.fold == right.fold and str(left.tzinfo) == str(right.tzinfo)
    return bool(left == right)


text = st.text(st.characters(exclude_categories=()))  # also lone surrogates
zones = st.none() | st.sampled_from([dt.UTC, ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Kolkata")])
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.complex_numbers()
    | text
    | st.binary()
    | st.binary().map(bytearray)
    | st.dates()
    | st.times(timezones=zones)
    | st.datetimes(timezones=zones, allow_imaginary=False)
    | st.timedeltas()
    | st.decimals(allow_nan=False)
    | st.uuids()
    | st.builds(range, st.integers(), st.integers(), st.integers(min_value=1))
    | st.sampled_from([*Color, Access.READ, Access.READ | Access.WRITE, Access(0)])
    | st.sampled_from([Path("a/b"), Path("/"), PurePosixPath("x"), PureWindowsPath("c:/x")])
    | st.builds(Point, st.integers(), st.floats())
)
keys = (
    st.none() | st.booleans() | st.integers() | text | st.binary() | st.uuids() | st.dates()
) | st.tuples(st.integers(), text)
values = st.recursive(
    scalars | st.sets(keys) | st.frozensets(keys),
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(keys, inner)
        | st.builds(Trip, st.lists(st.builds(Leg, st.builds(Point), st.sampled_from(Color))))
    ),
    max_leaves=20,
)


@settings(deadline=None)
@given(values)
def test_a_value_comes_back_as_it_was_and_without_a_pickle(value: Any) -> None:
    encoded = encode(value)
    assert "pickle" not in encoded.format
    assert is_same(decode(encoded), value)


@settings(deadline=None)
@given(values)
def test_a_value_that_came_back_has_the_same_digest(value: Any) -> None:
    assert digest(again(value)) == digest(value)


@settings(deadline=None)
@given(st.lists(st.integers()) | st.lists(st.floats()) | st.lists(text), st.integers(1, 40))
def test_long_sequences_of_one_type_come_back_as_they_were(items: list[Any], times: int) -> None:
    assert is_same(again(items * times), items * times)
    assert is_same(again(tuple(items * times)), tuple(items * times))


def test_an_object_that_holds_more_than_its_fields_comes_back_with_all_of_it() -> None:
    trip = Trip([])
    trip.seen = 3  # type: ignore[attr-defined]
    assert again(trip).seen == 3


def test_slots_of_a_base_class_that_are_no_fields_come_back() -> None:
    class Base:
        __slots__ = ("hidden",)

    @dataclasses.dataclass(slots=True)
    class Slotted(Base):
        n: int

    value = Slotted(1)
    value.hidden = 2  # type: ignore[attr-defined]
    assert again(value, Slotted).hidden == 2


def test_no_constructor_runs_when_a_dataclass_comes_back() -> None:
    trip = Trip([Leg(Point(1), Color.RED)])
    trip.length = 7
    assert again(trip) == trip


def test_a_dataclass_that_says_how_it_is_pickled_is_left_to_it() -> None:
    assert again(Connection("db://x")).url == "db://x"


def test_a_dataclass_that_is_an_exception_comes_back_with_its_arguments() -> None:
    @dataclasses.dataclass
    class OddError(Exception):
        code: int

    error = again(OddError(3), OddError)
    assert (error.code, error.args) == (3, (3,))


def test_a_model_comes_back_with_extra_private_and_given_fields() -> None:
    order = Order(id=1, lines=("a",), color="red")  # type: ignore[call-arg]
    order._seen = 5
    copy = again(order)
    assert copy == order
    assert (copy._seen, copy.model_fields_set) == (5, order.model_fields_set)
    assert "pickle" not in encode(order).format


def test_root_models_and_generic_models_come_back() -> None:
    assert again(Numbers([1, 2])) == Numbers([1, 2])
    box = Box[dict[str, int]](content={"a": 1})
    assert again(box, Box[dict[str, int]]) == box


def test_an_enum_comes_back_as_the_member_itself() -> None:
    assert again(Color.CRIMSON) is Color.RED
    assert again(Access.READ | Access.WRITE) is Access.READ | Access.WRITE


def test_fold_and_time_zone_of_a_datetime_come_back() -> None:
    late = dt.datetime(2024, 10, 27, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=1)
    copy = again(late)
    assert (copy.fold, copy.tzinfo, copy.utcoffset()) == (1, late.tzinfo, late.utcoffset())
    assert again(dt.timezone(dt.timedelta(hours=1), "CET")).tzname(None) == "CET"


@pytest.mark.parametrize("value", [0, -1, 255, 2**20000, -(2**63), 2**64], ids=int.bit_length)
def test_an_int_of_any_size_comes_back(value: int) -> None:
    assert again(value) == value
    assert again([value] * 20) == [value] * 20


@pytest.mark.parametrize(
    "value",
    [
        Plain([1]),
        collections.defaultdict(Plain),
        collections.UserDict(a=1),
        int,
        math.sqrt,
        ...,
        ValueError("x"),
    ],
    ids=repr,
)
def test_what_has_no_form_of_its_own_comes_back_from_a_pickle(value: Any) -> None:
    encoded = encode(value)
    assert "cloudpickle" in encoded.format
    copy = decode(encoded)
    assert type(copy) is type(value)
    assert copy == value or copy.args == value.args


class Words(list[str]):
    """A subclass of a builtin type, with more to it."""

    source = ""


@pytest.mark.parametrize(
    "value",
    [
        collections.OrderedDict(b=1, a=Point(1)),
        collections.deque([1, 2], maxlen=3),
        collections.deque([Point(1)]),
        collections.Counter("aab"),
        collections.Counter({"a": -1, "b": 0}),
        collections.defaultdict(list, {"a": [1]}),
        collections.defaultdict(None, {1: 2}),
        np.arange(6, dtype="int16").reshape(2, 3),
        np.asfortranarray(np.ones((2, 3))),
        np.array(["a", "bc"]),
        np.array([(1, 2.5)], dtype=[("a", "<i4"), ("b", ">f8")]),
        np.array("2024-01-01", dtype="datetime64[ns]"),
        np.array([]),
        np.float64(1.5),
        np.float32("nan"),
        np.str_("a"),
        np.bool_(True),
        np.datetime64("2024-01-01", "ns"),
    ],
    ids=repr,
)
def test_containers_and_arrays_of_every_kind_come_back_without_a_pickle(value: Any) -> None:
    encoded = encode(value)
    assert "pickle" not in encoded.format
    copy = decode(encoded)
    assert type(copy) is type(value)
    assert repr(copy) == repr(value)
    if isinstance(value, (np.ndarray, np.generic)):
        assert copy.dtype == value.dtype
        assert copy.flags.f_contiguous == value.flags.f_contiguous
        assert copy.tobytes("A") == value.tobytes("A")


def test_an_array_that_came_back_can_be_written_to() -> None:
    copy = again(np.zeros(3))
    copy[0] = 1
    assert copy.tolist() == [1, 0, 0]


def test_a_subclass_of_a_builtin_type_comes_back_with_all_that_it_holds() -> None:
    words = Words(["a"])
    words.source = "here"
    copy = again(words)
    assert (type(copy), list(copy), copy.source) == (Words, ["a"], "here")


def test_what_is_shared_comes_back_shared() -> None:
    part, day, trip = [1], [dt.date(2024, 1, 1)], Trip([])
    first, second, third, fourth, *others = again((part, part, day, [day], trip, {"a": trip}))
    assert first is second
    assert fourth[0] is third
    assert others[1]["a"] is others[0]


@dataclasses.dataclass
class Node:
    name: str
    parent: Node | None = None
    children: list[Node] = dataclasses.field(default_factory=list)


def test_objects_that_hold_each_other_come_back_without_a_pickle() -> None:
    root = Node("root")
    root.children = [Node("a", root), Node("b", root)]
    encoded = encode(root, Node)
    assert "pickle" not in encoded.format
    copy = decode(encoded, Node)
    assert [(child.name, child.parent is copy) for child in copy.children] == [
        ("a", True),
        ("b", True),
    ]


def test_a_tuple_that_holds_itself_comes_back_or_is_an_error() -> None:
    def holding(*more: object) -> tuple[Any, ...]:
        value: tuple[Any, ...] = ([], *more)
        value[0].append(value)
        return value

    copy = again(holding(1))
    assert copy[0][0] is copy
    with pytest.raises(ValueEncodingError, match="holds itself"):
        again(holding(Point(1)))


def test_an_array_comes_back_with_type_and_shape_also_inside_others() -> None:
    copy = again({"a": [np.arange(6, dtype="int16").reshape(2, 3)]})["a"][0]
    assert (copy.dtype, copy.tolist()) == (np.int16, [[0, 1, 2], [3, 4, 5]])


def test_a_function_with_a_closure_comes_back() -> None:
    def adder(n: int) -> Callable[[int], int]:
        return lambda m: m + n

    assert again(adder(3))(4) == 7


def test_a_list_that_holds_itself_comes_back_holding_itself() -> None:
    loop: list[Any] = []
    loop.append(loop)
    copy = again(loop)
    assert copy[0] is copy
    assert digest(loop) == digest(loop)


@pytest.mark.parametrize("innermost", [1, Point(1)], ids=["builtin", "object"])
def test_a_deep_value_comes_back(innermost: object) -> None:
    deep: list[Any] = [innermost]
    for _ in range(150):
        deep = [deep]
    assert again(deep) == deep


def test_a_value_that_is_too_deep_is_an_error() -> None:
    deep: list[Any] = []
    for _ in range(200_000):
        deep = [deep]
    with pytest.raises(ValueEncodingError, match="nests too deeply"):
        encode(deep)
    while deep:  # what is that deep cannot be taken down in one go
        deep = deep[0]


def test_a_local_class_comes_back_as_itself_where_the_declared_type_names_it() -> None:
    @dataclasses.dataclass
    class Local:
        n: int

    encoded = encode([Local(1)], list[Local])
    assert "pickle" not in encoded.format
    assert type(decode(encoded, list[Local])[0]) is Local


def test_a_local_class_comes_back_without_a_declared_type() -> None:
    @dataclasses.dataclass
    class Local:
        n: int

    assert again(Local(3)).n == 3


# Errors


def error_of(value: Any) -> ValueEncodingError:
    with pytest.raises(ValueEncodingError) as raised:
        encode(value)
    return raised.value


def test_the_error_says_where_the_value_is_that_cannot_be_encoded() -> None:
    error = error_of({"rows": [1, Trip([], {"lock": threading.Lock()})]})
    assert error.where == "['rows'][1].extra['lock']"


def test_the_error_says_type_reason_and_what_to_do() -> None:
    message = str(error_of([threading.Lock()]))
    assert message.startswith("the value, at [0], is <unlocked _thread.lock")
    assert "of type _thread.lock" in message
    assert "cannot pickle" in message
    assert "pass it as a File" in message


def test_the_error_is_chained_to_the_reason() -> None:
    assert isinstance(error_of([[threading.Lock()]]).__cause__, TypeError)


def test_an_error_survives_being_pickled() -> None:
    error = error_of([threading.Lock()])
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_what_cannot_be_encoded_has_no_digest() -> None:
    with pytest.raises(ValueEncodingError, match=r"_thread\.lock"):
        digest({"a": threading.Lock()})


@settings(deadline=None)
@given(values, st.data())
def test_damaged_bytes_are_an_error(value: Any, data: st.DataObject) -> None:
    encoded = encode(value)
    at = data.draw(st.integers(0, len(encoded.data) - 1))
    bit = data.draw(st.integers(0, 7))
    damaged = bytearray(encoded.data)
    damaged[at] ^= 1 << bit
    with pytest.raises(ValueEncodingError, match="damaged"):
        decode(Encoded(encoded.format, bytes(damaged)))


@settings(deadline=None)
@given(values, st.data())
def test_bytes_that_end_early_are_an_error(value: Any, data: st.DataObject) -> None:
    encoded = encode(value)
    end = data.draw(st.integers(0, len(encoded.data) - 1))
    with pytest.raises(ValueEncodingError, match="damaged"):
        decode(Encoded(encoded.format, encoded.data[:end]))


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=40))
def test_bytes_that_no_writer_wrote_are_an_error_or_a_value(body: bytes) -> None:
    data = body + zlib.crc32(body).to_bytes(4, "little")
    try:
        decode(Encoded(encode(1).format, data))
    except ValueEncodingError as error:
        assert "cannot be read back" in str(error)  # noqa: PT017 - a value is as good


# Bytes that someone else has written


class Trap:
    sprung = False

    def __reduce__(self) -> tuple[Any, ...]:
        return setattr, (Trap, "sprung", True)


@pytest.fixture(autouse=True)
def trap() -> None:
    Trap.sprung = False


def written(body: bytes) -> Encoded:
    """Bytes with a checksum, as anyone can write it who can write to the folder."""
    return Encoded(encode(1).format, body + zlib.crc32(body).to_bytes(4, "little"))


NAMED = b"ctasksmithy.values._storage\nrecord\n"


def test_no_cloudpickle_is_loaded_where_the_format_has_none() -> None:
    with pytest.raises(ValueEncodingError, match="there is code in it, where none may be"):
        decode(Encoded(encode(1).format, encode([Trap()]).data))
    assert not Trap.sprung


class Closed(NamedTuple):
    kind: Any
    value: Any


CLOSED = [
    Closed(int, 1),
    Closed(list[dict[str, int]], [{"a": 1}]),
    Closed(Trip | None, None),
    Closed(tuple[Leg, ...], (Leg(Point(1), Color.RED),)),
    Closed(collections.abc.Mapping[str, dt.datetime], {"a": dt.datetime(2024, 1, 1)}),
    Closed(Numbers, Numbers([1])),
    Closed(np.ndarray, np.zeros(2)),
    Closed(Path | uuid.UUID | Decimal | bytes | range, Path("a")),
]


@pytest.mark.parametrize("closed", CLOSED[:2] + CLOSED[4:], ids=lambda each: str(each.kind))
def test_no_cloudpickle_is_loaded_where_the_declared_type_needs_none(closed: Closed) -> None:
    assert decode(encode(closed.value, closed.kind), closed.kind) is not None
    with pytest.raises(ValueEncodingError, match="there is code in it, where none may be"):
        decode(encode([Trap()]), closed.kind)
    assert not Trap.sprung


@pytest.mark.parametrize(
    "kind", [int, list[int], dict[str, Node], tuple[Leg, ...], Literal["a"], Color, Numbers]
)
def test_what_the_declared_type_does_not_name_is_refused(kind: Any) -> None:
    with pytest.raises(ValueEncodingError, match="only cloudpickle can store, and the declared"):
        encode([Plain(1)], kind)


@pytest.mark.parametrize(
    "kind",
    [Any, object, list, dict[str, Any], Callable[[], int], Plain, Plain | None, list[T], Trip],
    ids=str,
)
def test_a_declared_type_whose_values_may_be_anything_needs_cloudpickle(kind: Any) -> None:
    encoded = encode([Plain(1)], kind)
    assert "cloudpickle" in encoded.format
    assert decode(encoded, kind) == [Plain(1)]


@dataclasses.dataclass
class Ring(Node):
    size: int = 0


def test_a_subclass_of_a_class_that_the_declared_type_names_comes_back() -> None:
    encoded = encode([Ring("a", size=3)], list[Node])
    assert "pickle" not in encoded.format
    assert decode(encoded, list[Node]) == [Ring("a", size=3)]


def test_a_class_that_the_declared_type_does_not_name_is_not_looked_for() -> None:
    with pytest.raises(ValueEncodingError, match=r"names no class '.*:Order'"):
        decode(encode(Order(id=1)), Node)


def test_no_module_is_imported_for_a_closed_type() -> None:
    body = NAMED + b"(S'dataclass\\nthis:Zen'\ntR."
    with pytest.raises(ValueEncodingError, match="names no class 'this:Zen'"):
        decode(written(body), Point)
    assert "this" not in sys.modules


class Setting(dict[str, Any]):
    """What calls a method of its own for whatever a pickle does to it."""


@pytest.mark.parametrize(
    "body",
    [
        b"cos\nsystem\n(S'false'\ntR.",
        b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x8c\x011\x85R.",
        b"cbuiltins\ngetattr\n.",
        b"cbuiltins\nint\n.",
        b"(S'false'\nios\nsystem\n.",
        b"ctasksmithy.values._storage\nrecord.__class__\n.",
        b"ctasksmithy.values._storage\nRecord\n.",
        b"ctasksmithy.values._storage\nsys\n.",
        b"\x82\xf0.",
        b"\x8c\x011Q.",
    ],
)
def test_a_pickle_that_names_code_is_an_error(body: bytes) -> None:
    with pytest.raises(ValueEncodingError, match="cannot be read back"):
        decode(written(body))


def test_a_name_that_someone_registered_for_pickles_is_not_handed_out() -> None:
    copyreg.add_extension("os", "system", 0xF0)
    try:
        assert pickle.loads(b"\x82\xf0.") is os.system  # from now on it is known without a search
        with pytest.raises(ValueEncodingError, match=r"names os\.system"):
            decode(written(b"\x82\xf0."))
    finally:
        copyreg.remove_extension("os", "system", 0xF0)


@pytest.mark.parametrize(
    "state", [b"}S'x'\nI1\ns", b"N}S'x'\nI1\ns\x86", b"N}S'__class__'\nI1\ns\x86"]
)
def test_what_a_pickle_can_name_cannot_be_changed_by_it(state: bytes) -> None:
    with pytest.raises(ValueEncodingError, match="cannot be read back"):
        decode(written(NAMED + state + b"b."))
    assert not hasattr(record, "x")


@pytest.mark.parametrize(
    "opcodes",
    [b"(I1\ne", b"I1\na", b"(I1\nI2\nu", b"I1\nI2\ns", b"(I1\n\x90", b"N\x81"],
    ids=["appends", "append", "setitems", "setitem", "additems", "newobj"],
)
def test_a_pickle_reaches_no_method_of_an_object(opcodes: bytes) -> None:
    of_point = NAMED + b"S'enum\\n%b:Color\\nx'\n\x85R" % __name__.encode()
    with pytest.raises(ValueEncodingError, match="cannot be read back"):
        decode(written(of_point + opcodes + b"."), Color)


def test_a_pickle_cannot_change_a_member_of_an_enum() -> None:
    body = encode(Color.RED, Color).data[:-5] + b"}\x8c\x07_value_K\x01sb."
    with pytest.raises(ValueEncodingError):
        decode(written(body), Color)
    assert Color.RED.value == "r"


def test_a_path_is_not_looked_at_for_a_type_that_names_no_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    with pytest.raises(ValueEncodingError, match=r"names no class 'tasksmithy.*:File'"):
        decode(encode([File(tmp_path / "a")]), list[int])


@settings(deadline=None, max_examples=300)
@given(values, st.data())
def test_bytes_that_someone_has_changed_are_an_error_or_a_value(
    value: Any, data: st.DataObject
) -> None:
    body = bytearray(encode(value).data[:-4])
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    try:
        decode(written(bytes(body)), Node | Point | Color)
    except ValueEncodingError as error:
        assert "cannot be read back" in str(error)  # noqa: PT017 - a value is as good


@pytest.mark.parametrize("format_", ["tasksmithy.1", "tasksmithy.2+cloudpickle.cpython-27", ""])
def test_a_format_of_another_version_is_an_error_that_names_it(format_: str) -> None:
    with pytest.raises(ValueEncodingError, match=re.escape(f"format '{format_}'")):
        decode(Encoded(format_, encode(1).data))


def test_a_class_whose_fields_have_changed_is_an_error() -> None:
    def version(*fields: Any) -> Any:
        made: Any = dataclasses.make_dataclass("Changing", fields)
        made.__module__, made.__qualname__ = __name__, "Changing"
        return made

    old = version(("x", int))
    encoded = encode(old(1), old)
    for new in (version(("x", int), ("y", int)), version(("x", str)), version(("z", int))):
        with pytest.raises(ValueEncodingError, match=r"stored as 'dataclass .*Changing x: int',"):
            decode(encoded, new)
    assert decode(encoded, old) == old(1)


def test_a_member_whose_value_has_changed_is_an_error() -> None:
    old, new = enum.Enum("Changing", {"A": 1}), enum.Enum("Changing", {"A": 2})
    with pytest.raises(ValueEncodingError, match="was stored with the value 1"):
        decode(encode(old["A"], old), new)


def test_a_member_that_an_enum_has_no_more_is_an_error() -> None:
    old, new = enum.Enum("Changing", "A B"), enum.Enum("Changing", "A")
    with pytest.raises(ValueEncodingError, match="KeyError: 'B'"):
        decode(encode(old["B"], old), new)


# Across processes


def python(code: str, *arguments: str, seed: str = "0") -> str:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


MAIN = textwrap.dedent("""
    import dataclasses, enum, pathlib, sys
    from typing import Any
    from tasksmithy.values._storage import Encoded, decode, encode
    class Kind(enum.Enum):
        A = 1
    @dataclasses.dataclass
    class Row:
        n: int
        kind: Kind
        def double(self): return Row(2 * self.n, self.kind)
    def apply(row): return row.double().n
    if len(sys.argv) > 1:
        kind = {"Any": Any, "declared": list[Row | Any]}[sys.argv[2]]
        encoded = encode([Row(21, Kind.A), apply], kind)
        pathlib.Path(sys.argv[1]).write_bytes(encoded.data)
        print(encoded.format)
""")

ELSEWHERE = textwrap.dedent("""
    import pathlib, sys
    from tasksmithy.values._storage import Encoded, decode
    row, apply = decode(Encoded(sys.argv[2], pathlib.Path(sys.argv[1]).read_bytes()))
    print(apply(row), row.kind.name)
""")


def test_functions_and_classes_of_the_main_module_survive_to_another_process(
    tmp_path: Path,
) -> None:
    file = str(tmp_path / "value")
    format_ = python(MAIN, file, "Any").strip()
    assert python(ELSEWHERE, file, format_) == "42 A\n"


def test_a_value_of_a_script_comes_back_as_the_class_of_its_next_run(tmp_path: Path) -> None:
    file = str(tmp_path / "value")
    format_ = python(MAIN, file, "declared").strip()
    reads = textwrap.dedent("""
        import os
        data = pathlib.Path(os.environ["VALUE"]).read_bytes()
        row, _ = decode(Encoded(os.environ["FORMAT"], data), list[Row | Any])
        print(type(row) is Row, row.kind is Kind.A)
    """)
    os.environ |= {"VALUE": file, "FORMAT": format_}
    try:
        assert python(MAIN + reads) == "True True\n"
    finally:
        del os.environ["VALUE"], os.environ["FORMAT"]


SPAWNS = textwrap.dedent("""
    import dataclasses, multiprocessing
    from tasksmithy.values._storage import decode, encode
    @dataclasses.dataclass
    class Row:
        n: int
    def made():
        return encode(Row(1), Row)
    if __name__ == "__main__":
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            print(type(decode(pool.apply(made), Row)) is Row)
""")


def test_a_spawned_process_names_the_classes_of_the_main_module_as_its_parent_does(
    tmp_path: Path,
) -> None:
    script = tmp_path / "script.py"
    script.write_text(SPAWNS)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


def test_builtin_values_import_neither_pydantic_nor_pyarrow_nor_cloudpickle() -> None:
    code = textwrap.dedent("""
        import sys
        from tasksmithy.values._identity import digest
        from tasksmithy.values._size import check_inline
        from tasksmithy.values._storage import decode, encode
        value = [1, "a", 2.5, None, True, b"x", {"k": (1, {2})}]
        decode(encode(value)); digest(value); check_inline("t", "input", {"v": value}, 1000)
        print([name for name in ("pydantic", "pyarrow", "cloudpickle") if name in sys.modules])
    """)
    assert python(code) == "[]\n"


def test_uuids_and_decimals_of_every_kind_come_back() -> None:
    for value in (uuid.uuid4(), Decimal("-0"), Decimal("1.10"), Decimal("Infinity")):
        assert str(again(value)) == str(value)
    assert str(again(Decimal("sNaN12"))) == "sNaN12"
