"""What identifies a value: the same for what a function cannot tell apart, and for that alone."""

from __future__ import annotations

import collections
import copy
import dataclasses
import datetime as dt
import enum
import functools
import math
import os
import struct
import subprocess
import sys
import textwrap
import threading
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasksmithy.errors import ValueEncodingError
from tasksmithy.values._files import Dir, File
from tasksmithy.values._identity import digest


class Color(enum.Enum):
    RED = "r"
    GREEN = "g"


class Point(NamedTuple):
    x: int
    y: float = 0.0


@dataclasses.dataclass(frozen=True)
class Leg:
    start: Point
    note: str = dataclasses.field(default="", compare=False)


@dataclasses.dataclass
class Trip:
    legs: list[Leg]

    @functools.cached_property
    def length(self) -> int:
        return len(self.legs)


class Order(pydantic.BaseModel):
    id: int
    lines: tuple[str, ...] = ()


def seen(value: Any) -> Any:
    """All that a function can see of a value, in a form whose equality tells it."""
    kind = type(value)
    if kind is set or kind is frozenset:
        return kind, frozenset(map(seen, value))
    if kind is dict or kind is collections.OrderedDict:
        return kind, tuple((seen(key), seen(item)) for key, item in value.items())
    if kind in (list, tuple, Point):
        return kind, tuple(map(seen, value))
    if dataclasses.is_dataclass(kind):
        return kind, tuple(seen(getattr(value, each.name)) for each in dataclasses.fields(kind))
    return kind, struct.pack("<d", value) if kind is float else repr(value)


# Few values, so that two of them are often the same.
numbers = st.sampled_from([0, 1, True, False, 1.0, 0.0, -0.0, math.nan, 2**70, Decimal(1)])
words = st.sampled_from(["", "a", "b", b"a", None, Color.RED, dt.date(2024, 1, 1), Path("a")])
atoms = numbers | words
values = st.recursive(
    atoms | st.sets(atoms, max_size=3) | st.frozensets(atoms, max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.lists(inner, max_size=2).map(tuple)
        | st.dictionaries(atoms, inner, max_size=3)
        | st.dictionaries(atoms, inner, max_size=2).map(collections.OrderedDict)
        | st.builds(Leg, st.builds(Point, numbers), words)
        | st.lists(st.builds(Leg, st.builds(Point, numbers)), max_size=2).map(Trip)
    ),
    max_leaves=5,
)


@settings(deadline=None, max_examples=500)
@given(values, values)
def test_digests_are_equal_where_a_function_sees_the_same_and_only_there(
    left: Any, right: Any
) -> None:
    assert (digest(left) == digest(right)) == (seen(left) == seen(right))


@settings(deadline=None)
@given(values)
def test_a_copy_has_the_same_digest(value: Any) -> None:
    assert digest(copy.deepcopy(value)) == digest(value)


@settings(deadline=None)
@given(st.lists(atoms | st.tuples(atoms), max_size=30), st.randoms())
def test_sets_in_another_order_have_the_same_digest(items: list[Any], random: Any) -> None:
    shuffled = list(dict.fromkeys(items))
    random.shuffle(shuffled)
    assert digest(set(shuffled)) == digest(set(dict.fromkeys(items)))


@settings(deadline=None)
@given(st.lists(st.integers()) | st.lists(st.floats()) | st.lists(st.text()), st.integers(1, 40))
def test_long_sequences_of_one_type_are_told_apart(items: list[Any], times: int) -> None:
    long = items * times
    assert digest(long) == digest(list(long)) != digest(tuple(long))
    assert digest(long) != digest([*long, 1])
    if seen(long) != seen(long[::-1]):
        assert digest(long) != digest(long[::-1])


TOLD_APART = [
    *(1, 1.0, True, "1", b"1", bytearray(b"1"), Decimal(1), Decimal("1.0"), 1 + 0j, np.int64(1)),
    *([1], (1,), {1}, frozenset({1}), {1: 1}, collections.deque([1]), np.array([1])),
    *(0.0, -0.0, math.nan, None, False, [], {}, ..., int, Color.RED, "r", "RED"),
    *({"a": 1, "b": 2}, {"b": 2, "a": 1}, collections.OrderedDict({"a": 1, "b": 2})),
    *(collections.Counter("ab"), collections.Counter("ba"), collections.defaultdict(int, a=1)),
    *(range(0, 3, 2), range(0, 4, 2), range(0), range(1, 1)),
    *(Leg(Point(1), "a"), Leg(Point(1), "b"), Leg(Point(2), "a"), Point(1), (1, 0.0)),
    *(Order(id=1), Order(id=1, lines=())),  # `model_dump(exclude_unset=True)` tells them apart
    *(dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 1, tzinfo=dt.UTC)),
    *(
        dt.datetime(2024, 10, 27, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=fold)
        for fold in (0, 1)
    ),
    *(dt.timedelta(days=1), dt.time(), dt.date(2024, 1, 1), Path("a"), Path("b")),
    *(np.float32(1), np.float64(1), np.array([1.0]), np.array([[1.0]]), np.array(1.0)),
    *(pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [1]}).set_flags(allows_duplicate_labels=False)),
]


@pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")
def test_values_that_a_function_can_tell_apart_have_different_digests() -> None:
    assert len({digest(value) for value in TOLD_APART}) == len(TOLD_APART)


def test_nan_has_always_the_same_digest() -> None:
    assert digest(float("nan")) == digest(math.nan)


def test_two_classes_with_the_same_fields_have_different_digests() -> None:
    @dataclasses.dataclass(frozen=True)
    class Other:
        start: Point
        note: str = ""

    assert digest(Other(Point(1))) != digest(Leg(Point(1)))


def test_a_class_whose_field_has_another_type_is_another_class() -> None:
    def version(kind: type) -> Any:
        made: Any = dataclasses.make_dataclass("Changing", [("x", kind)])
        made.__module__, made.__qualname__ = __name__, "Changing"
        return made

    assert digest(version(int)(1)) == digest(version(int)(1)) != digest(version(float)(1))


def test_a_cached_property_is_not_in_the_digest_as_it_follows_from_the_fields() -> None:
    trip, used = Trip([Leg(Point(1))]), Trip([Leg(Point(1))])
    assert used.length == 1
    assert digest(trip) == digest(used)


def test_an_attribute_beside_the_fields_is_in_the_digest() -> None:
    trip, marked = Trip([]), Trip([])
    marked.mark = 1  # type: ignore[attr-defined]
    assert digest(trip) != digest(marked)


def test_a_list_that_holds_itself_and_a_deep_one_have_digests() -> None:
    loop: list[Any] = []
    loop.append(loop)
    deep: list[Any] = []
    for _ in range(150):
        deep = [deep]
    assert digest(loop) == digest(loop) != digest(deep) == digest(copy.deepcopy(deep))


def test_whether_two_parts_are_one_object_is_not_in_the_digest() -> None:
    part = [1]
    assert digest([part, part]) == digest([[1], [1]])


def test_what_cannot_be_identified_is_an_error_that_says_where_it_is() -> None:
    with pytest.raises(ValueEncodingError, match=r"at \['a'\]\[1\]\.start, .* _thread\.lock"):
        digest({"a": [1, Leg(threading.Lock())]})  # type: ignore[arg-type]


# Files


def test_a_file_is_its_name_and_content_in_whatever_folder(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.csv").write_text("content")
    (tmp_path / "one" / "y.csv").write_text("content")
    one, two = File(tmp_path / "one" / "x.csv"), File(tmp_path / "two" / "x.csv")
    assert digest(one) == digest(two) != digest(File(tmp_path / "one" / "y.csv"))
    (tmp_path / "two" / "x.csv").write_text("other content")
    assert digest(one) != digest(two)


def test_a_directory_is_the_names_and_content_of_its_files_in_whatever_folder(
    tmp_path: Path,
) -> None:
    def made(folder: str, name: str, content: str) -> Dir:
        file = tmp_path / folder / name
        file.parent.mkdir(parents=True)
        file.write_text(content)
        return Dir(tmp_path / folder)

    first = made("1", "x", "content")
    assert digest(first) == digest(made("2", "x", "content"))
    others = [made("3", "y", "content"), made("4", "x", "other"), made("5", "z/x", "content")]
    assert len({digest(each) for each in (first, *others)}) == 4


def test_a_file_that_is_not_there_has_no_digest() -> None:
    with pytest.raises(ValueEncodingError, match=r"File\(path='nowhere'\), whose content cannot"):
        digest([File("nowhere")])


def test_without_reading_files_a_digest_tells_them_apart_by_their_path(tmp_path: Path) -> None:
    def by_path(value: object) -> str:
        return digest([value], reads_files=False)

    (tmp_path / "a").write_text("content")
    before = by_path(File(tmp_path / "a")), by_path(Dir(tmp_path))
    (tmp_path / "a").write_text("other content")
    assert (by_path(File(tmp_path / "a")), by_path(Dir(tmp_path))) == before
    assert by_path(File("nowhere")) not in {by_path(File("else")), by_path(Dir("nowhere"))}


# Across processes

DETERMINED = textwrap.dedent("""
    import collections, datetime, decimal, pathlib, uuid
    from tasksmithy.values._identity import digest
    print(digest({
        "set": {"a", "b", "c", ("d", 1), None, 2.5}, "frozen": frozenset("xyz"),
        "nested": [{frozenset({"p", "q"}): {"r", "s"}}, set(map(str, range(50)))],
        "time": datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC), "d": decimal.Decimal("1.10"),
        "path": pathlib.Path("a"), "id": uuid.UUID(int=7),
    }))
""")


def test_a_digest_is_the_same_in_processes_with_other_hashes() -> None:
    digests = {
        subprocess.run(
            [sys.executable, "-c", DETERMINED],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1
    assert len(digests.pop().strip()) == 64
