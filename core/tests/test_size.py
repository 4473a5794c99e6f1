"""What values take where they are passed inline."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from tasksmithy.errors import InlineSizeError
from tasksmithy.values._files import Dir, File
from tasksmithy.values._size import check_inline, inline_size


@pytest.mark.parametrize(
    ("value", "at_least", "at_most"),
    [
        ("x" * 1000, 1000, 1000),
        ("ü" * 1000, 2000, 2030),
        (b"x" * 1000, 1000, 1000),
        (3, 1, 16),
        ([1.5] * 1000, 8000, 9100),
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
    assert inline_size([File("x" * 1000)]) < 60


def test_a_list_that_holds_itself_has_a_size() -> None:
    loop: list[Any] = ["x" * 1000]
    loop.append(loop)
    assert 1000 < inline_size(loop) < 1100


def test_inputs_may_have_as_many_bytes_as_the_limit_and_no_more() -> None:
    check_inline("t", "input", {"a": "x" * 50, "b": "y" * 50}, 100)
    with pytest.raises(InlineSizeError, match="of 100 in all"):
        check_inline("t", "input", {"a": "x" * 50, "b": "y" * 50}, 99)


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
