"""Values as bytes and back, their digests, and their size."""

from __future__ import annotations

import collections
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
from typing import Any, Generic, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

import numpy as np
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasksmithy.errors import InlineSizeError, ValueEncodingError
from tasksmithy.values._codec import Encoded, check_inline, decode, digest, encode, inline_size
from tasksmithy.values._files import Dir, File

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
    | text.map(File)
    | text.map(Dir)
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
def test_a_value_that_came_back_has_the_same_bytes_and_digest(value: Any) -> None:
    copy = again(value)
    assert encode(copy) == encode(value)
    if not contains_files(value):
        assert digest(copy) == digest(value)


@settings(deadline=None)
@given(st.lists(st.integers()) | st.lists(st.floats()) | st.lists(text), st.integers(1, 40))
def test_long_sequences_of_one_type_come_back_as_they_were(items: list[Any], times: int) -> None:
    assert is_same(again(items * times), items * times)
    assert is_same(again(tuple(items * times)), tuple(items * times))


@settings(deadline=None)
@given(st.lists(st.tuples(keys, st.integers()), max_size=30).map(dict), st.randoms())
def test_dicts_and_sets_in_another_order_have_the_same_digest(
    value: dict[Any, int], random: Any
) -> None:
    shuffled = list(value.items())
    random.shuffle(shuffled)
    assert digest(dict(shuffled)) == digest(value)
    assert digest(set(dict(shuffled))) == digest(set(value))


@settings(deadline=None)
@given(values, values)
def test_digests_are_equal_only_for_the_same_value(left: Any, right: Any) -> None:
    if not contains_files(left) and not contains_files(right) and digest(left) == digest(right):
        assert left == right or is_same(left, right) or "nan" in repr(left)


def contains_files(value: Any) -> bool:
    return "File(" in repr(value) or "Dir(" in repr(value)


TOLD_APART = [
    1,
    1.0,
    True,
    "1",
    b"1",
    Decimal(1),
    [1],
    (1,),
    {1},
    frozenset({1}),
    {1: 1},
    Color.RED,
]


def test_values_of_different_types_have_different_digests() -> None:
    assert len({digest(value) for value in TOLD_APART}) == len(TOLD_APART)


def test_zero_and_minus_zero_and_nan_have_different_digests() -> None:
    assert len({digest(value) for value in (0.0, -0.0, math.nan)}) == 3


def test_nan_has_always_the_same_digest() -> None:
    assert digest(float("nan")) == digest(math.nan)


def test_a_field_that_does_not_compare_is_not_in_the_digest() -> None:
    one, other = Leg(Point(1), Color.RED, "a"), Leg(Point(1), Color.RED, "b")
    assert one == other
    assert digest(one) == digest(other)


def test_a_field_that_compares_is_in_the_digest() -> None:
    assert digest(Leg(Point(1), Color.RED)) != digest(Leg(Point(2), Color.RED))


def test_two_classes_with_the_same_fields_have_different_digests() -> None:
    @dataclasses.dataclass(frozen=True)
    class Other:
        start: Point
        color: Color
        note: str = ""

    assert digest(Other(Point(1), Color.RED)) != digest(Leg(Point(1), Color.RED))


def test_a_value_computed_and_kept_by_an_object_is_not_in_its_digest() -> None:
    trip, used = Trip([Leg(Point(1), Color.RED)]), Trip([Leg(Point(1), Color.RED)])
    assert used.colors == {Color.RED}
    assert digest(trip) == digest(used)


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


def test_a_field_given_as_its_default_does_not_change_the_digest_of_a_model() -> None:
    assert digest(Order(id=1)) == digest(Order(id=1, lines=()))


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
        collections.OrderedDict(a=1),
        collections.deque([1, 2], maxlen=3),
        collections.Counter("aab"),
        Plain([1]),
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


def test_an_array_comes_back_with_type_and_shape_also_inside_others() -> None:
    copy = again({"a": [np.arange(6, dtype="int16").reshape(2, 3)]})["a"][0]
    assert (copy.dtype, copy.tolist()) == (np.int16, [[0, 1, 2], [3, 4, 5]])


def test_without_reading_files_a_digest_tells_them_apart_by_their_path(tmp_path: Path) -> None:
    def by_path(value: object) -> str:
        return digest([value], reads_files=False)

    (tmp_path / "a").write_text("content")
    before = by_path(File(tmp_path / "a")), by_path(Dir(tmp_path))
    (tmp_path / "a").write_text("other content")
    assert (by_path(File(tmp_path / "a")), by_path(Dir(tmp_path))) == before
    assert by_path(File("nowhere")) not in {by_path(File("else")), by_path(Dir("nowhere"))}


def test_arrays_of_equal_content_have_equal_digests() -> None:
    assert digest([np.arange(5)]) == digest([np.arange(5)]) != digest([np.arange(1, 6)])


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


def test_a_deep_value_comes_back() -> None:
    deep: list[Any] = []
    for _ in range(150):
        deep = [deep]
    assert again(deep) == deep


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


class Trap:
    sprung = False

    def __reduce__(self) -> tuple[Any, ...]:
        return setattr, (Trap, "sprung", True)


def test_no_pickle_is_loaded_where_the_format_is_none() -> None:
    encoded = encode([Trap()])
    with pytest.raises(ValueEncodingError, match="there is a pickle where none may be"):
        decode(Encoded(encode(1).format, encoded.data))
    assert not Trap.sprung


@pytest.mark.parametrize("format_", ["tasksmithy.2", "tasksmithy.1+cloudpickle.cpython-27", ""])
def test_a_format_of_another_version_is_an_error_that_names_it(format_: str) -> None:
    with pytest.raises(ValueEncodingError, match=re.escape(f"format '{format_}'")):
        decode(Encoded(format_, encode(1).data))


def test_a_class_whose_fields_have_changed_is_an_error() -> None:
    def version(*names: str) -> Any:
        made: Any = dataclasses.make_dataclass("Changing", names)
        made.__module__, made.__qualname__ = __name__, "Changing"
        return made

    old, new = version("x"), version("x", "y")
    encoded = encode(old(1), old)
    with pytest.raises(ValueEncodingError, match=r"stored as 'dataclass .*Changing x', which is"):
        decode(encoded, new)


def test_a_member_that_an_enum_has_no_more_is_an_error() -> None:
    old, new = enum.Enum("Changing", "A B"), enum.Enum("Changing", "A")
    with pytest.raises(ValueEncodingError, match="KeyError: 'B'"):
        decode(encode(old["B"], old), new)


# Across processes

DETERMINED = textwrap.dedent("""
    import collections, datetime, decimal, pathlib, uuid
    from tasksmithy.values._codec import digest, encode
    from tasksmithy.values._files import File
    value = {
        "set": {"a", "b", "c", ("d", 1), None, 2.5}, "frozen": frozenset("xyz"),
        "nested": [{frozenset({"p", "q"}): {"r", "s"}}, set(map(str, range(50)))],
        "time": datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC), "d": decimal.Decimal("1.10"),
        "path": pathlib.Path("a"), "id": uuid.UUID(int=7), "file": File("nowhere"),
    }
    print(encode(value).data.hex())
    del value["file"]
    print(digest(value))
""")


def python(code: str, *arguments: str, seed: str = "0") -> str:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_bytes_and_digest_are_the_same_in_processes_with_other_hashes() -> None:
    first, second = python(DETERMINED, seed="1"), python(DETERMINED, seed="2")
    assert first == second
    assert len(first) > 200


MAIN = textwrap.dedent("""
    import dataclasses, enum, pathlib, sys
    from typing import Any
    from tasksmithy.values._codec import Encoded, decode, encode
    class Kind(enum.Enum):
        A = 1
    @dataclasses.dataclass
    class Row:
        n: int
        kind: Kind
        def double(self): return Row(2 * self.n, self.kind)
    def apply(row): return row.double().n
    if len(sys.argv) > 1:
        encoded = encode([Row(21, Kind.A), apply], {"Any": Any, "declared": list[Row]}[sys.argv[2]])
        pathlib.Path(sys.argv[1]).write_bytes(encoded.data)
        print(encoded.format)
""")

ELSEWHERE = textwrap.dedent("""
    import pathlib, sys
    from tasksmithy.values._codec import Encoded, decode
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
        row, _ = decode(Encoded(os.environ["FORMAT"], data), list[Row])
        print(type(row) is Row, row.kind is Kind.A)
    """)
    os.environ |= {"VALUE": file, "FORMAT": format_}
    try:
        assert python(MAIN + reads) == "True True\n"
    finally:
        del os.environ["VALUE"], os.environ["FORMAT"]


SPAWNS = textwrap.dedent("""
    import dataclasses, multiprocessing
    from tasksmithy.values._codec import decode, encode
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
        from tasksmithy.values._codec import check_inline, decode, digest, encode
        value = [1, "a", 2.5, None, True, b"x", {"k": (1, {2})}]
        decode(encode(value)); digest(value); check_inline("t", "input", {"v": value}, 1000)
        print([name for name in ("pydantic", "pyarrow", "cloudpickle") if name in sys.modules])
    """)
    assert python(code) == "[]\n"


# Sizes


@pytest.mark.parametrize(
    ("value", "at_least", "at_most"),
    [
        ("x" * 1000, 1000, 1000),
        ("ü" * 1000, 2000, 2010),
        (b"x" * 1000, 1000, 1000),
        (3, 1, 16),
        ([1.5] * 1000, 8000, 8020),
        ({"a": "x" * 1000}, 1000, 1030),
        (np.zeros(1000), 8000, 8500),
        ([np.zeros(1000)], 8000, 8500),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_size_of_a_value_is_about_what_its_bytes_take(
    value: Any, at_least: int, at_most: int
) -> None:
    assert at_least <= inline_size(value) <= at_most


def test_files_directories_and_what_never_leaves_the_process_have_no_size() -> None:
    assert [inline_size(value) for value in (File("x"), Dir("y"), threading.Lock())] == [0, 0, 0]


def test_files_inside_others_have_no_size() -> None:
    assert inline_size([File("x" * 1000)]) < 10


def test_a_list_that_holds_itself_has_a_size() -> None:
    loop: list[Any] = ["x" * 1000]
    loop.append(loop)
    assert 1000 < inline_size(loop) < 1100


def test_inputs_within_the_limit_pass() -> None:
    check_inline("t", "input", {"a": "x" * 50, "b": "y" * 50}, 100)


def test_inputs_that_are_too_large_together_are_an_error_that_names_the_largest() -> None:
    with pytest.raises(InlineSizeError) as raised:
        check_inline("t.load", "input", {"a": "x" * 50, "b": "y" * 51}, 100)
    assert (raised.value.task, raised.value.name, raised.value.size) == ("t.load", "b", 51)
    assert str(raised.value).startswith(
        "task 't.load': input 'b' is 51 bytes of 101 in all, "
        "and max_inline_io_bytes allows 100 for the inputs together; make it a File"
    )


def test_an_output_that_is_too_large_is_named_as_such() -> None:
    with pytest.raises(InlineSizeError, match="output 'o0' is 101 bytes, and max_inline_io_bytes"):
        check_inline("t", "output", {"o0": "x" * 101}, 100)


def test_uuids_and_decimals_of_every_kind_come_back() -> None:
    for value in (uuid.uuid4(), Decimal("-0"), Decimal("1.10"), Decimal("Infinity")):
        assert str(again(value)) == str(value)
    assert str(again(Decimal("sNaN12"))) == "sNaN12"
