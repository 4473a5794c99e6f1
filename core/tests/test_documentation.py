"""A task's documentation."""

from typing import Any

import pytest

from tasksmithy.errors import FieldError
from tasksmithy.fields._documentation import Documentation


def test_a_text_is_documentation_with_a_docstrings_indentation_removed() -> None:
    docs = Documentation.of("First.\n\n    More.\n        Code.\n    ", "docs")
    assert docs == Documentation("First.\n\nMore.\n    Code.")


def test_none_is_no_documentation() -> None:
    assert Documentation.of(None, "docs") is None


def test_documentation_is_given_back() -> None:
    docs = Documentation("x")
    assert Documentation.of(docs, "docs") is docs


@pytest.mark.parametrize(
    ("value", "field"), [(1, "docs"), (b"x", "docs"), (Documentation(1), "docs.description")]  # type: ignore[arg-type]
)  # fmt: skip
def test_what_is_no_text_is_refused(value: Any, field: str) -> None:
    with pytest.raises(FieldError) as caught:
        Documentation.of(value, "docs")
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("description", "short"),
    [
        ("", ""),
        ("One line.", "One line."),
        ("\n\nFirst paragraph,\n  still it.\n \nSecond.", "First paragraph, still it."),
    ],
)
def test_the_short_description_is_the_first_paragraph_on_one_line(
    description: str, short: str
) -> None:
    assert Documentation(description).short_description == short


def test_the_dict_has_what_is_set() -> None:
    assert Documentation("x").to_dict() == {"description": "x"}
    assert Documentation().to_dict() == {}
