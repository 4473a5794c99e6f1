"""Cron expressions, field by field."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasksmithy.errors import FieldError
from tasksmithy.fields._cron import MACROS, check_cron

RANGES = [("minute", 0, 59), ("hour", 0, 23), ("day of month", 1, 31), ("month", 1, 12)]
RANGES += [("day of week", 0, 7)]


@st.composite
def items(draw: Callable[..., Any], low: int, high: int) -> str:
    start, end = sorted([draw(st.integers(low, high)), draw(st.integers(low, high))])
    step = draw(st.integers(1, high))
    texts = ["*", f"*/{step}", f"{start}", f"{start:02}", f"{start}-{end}", f"{start}-{end}/{step}"]
    return str(draw(st.sampled_from(texts)))


def fields(low: int, high: int) -> st.SearchStrategy[str]:
    return st.lists(items(low, high), min_size=1, max_size=4).map(",".join)


def is_allowed(expression: str) -> bool:
    try:
        check_cron("expression", expression)
    except FieldError:
        return False
    return True


expressions = st.tuples(*(fields(low, high) for _, low, high in RANGES))


@given(expressions, st.sampled_from([" ", "  ", "\t"]))
def test_every_expression_by_the_grammar_is_allowed(texts: tuple[str, ...], space: str) -> None:
    assert is_allowed(space.join(texts))


@given(expressions, st.integers(0, 4), st.data())
def test_one_bad_item_is_refused_with_its_field(
    texts: tuple[str, ...], place: int, data: st.DataObject
) -> None:
    name, low, high = RANGES[place]
    bad = data.draw(
        st.sampled_from(
            [
                *[f"{high + 1}", f"{low - 1}", f"{high}-{low}", f"*/{high + 1}", "*/0", "", "*-1"],
                *[f"{low}/2", f"{low}-", f"-{high}", f"{low}-{high}/", f"{low}.5"],
                *["?", "L", "1#2", "x"],
            ]
        )
    )
    items = [*texts[place].split(","), bad]
    expression = " ".join([*texts[:place], ",".join(items), *texts[place + 1 :]])
    with pytest.raises(FieldError) as caught:
        check_cron("expression", expression)
    assert caught.value.allowed.startswith(f"{name} as *, {low}-{high}")
    assert caught.value.allowed.endswith(f"; {bad!r} is none of these")


@pytest.mark.parametrize(
    "expression",
    [
        "0 0 * JAN mon",
        "0 0 * jan-DEC SUN,Sat",
        "0 0 * * MON-FRI/2",
        "0 0 * * FRI-SUN",
        "0 0 * * SUN-SAT",
        "0 0 * * 5-7",
        "0 0 1 1 0",
        " * * * * * ",
    ],
)
def test_months_and_days_have_names_and_sunday_is_zero_and_seven(expression: str) -> None:
    assert is_allowed(expression)


@pytest.mark.parametrize(
    ("expression", "name"),
    [
        ("0 0 * MON *", "month"),
        ("0 0 * * JAN", "day of week"),
        ("0 0 * * MONDAY", "day of week"),
        ("0 0 * * SAT-FRI", "day of week"),
        ("0 0 JAN * *", "day of month"),
        ("٣ * * * *", "minute"),
        ("² * * * *", "minute"),
        ("000 * * * *", "minute"),
        ("0-5-9 * * * *", "minute"),
        ("0-5/2/2 * * * *", "minute"),
    ],
)
def test_names_have_three_letters_and_their_own_field(expression: str, name: str) -> None:
    with pytest.raises(FieldError) as caught:
        check_cron("expression", expression)
    assert caught.value.allowed.startswith(f"{name} as ")


@pytest.mark.parametrize("macro", MACROS)
def test_macros_are_allowed(macro: str) -> None:
    assert is_allowed(macro)


@pytest.mark.parametrize("macro", ["@reboot", "@every 5m", "@Daily", "@", "@dayly"])
def test_other_macros_are_refused(macro: str) -> None:
    with pytest.raises(FieldError, match=r"@hourly, @daily"):
        check_cron("expression", macro)


@pytest.mark.parametrize("expression", ["*", "* * * *", "* * * * * *", "0 0 12 * * ?"])
def test_there_are_five_fields(expression: str) -> None:
    with pytest.raises(FieldError, match=f"not {len(expression.split())}"):
        check_cron("expression", expression)


@pytest.mark.parametrize("expression", ["", "  ", None, 5])
def test_an_expression_is_a_text(expression: Any) -> None:
    with pytest.raises(FieldError, match="not empty"):
        check_cron("expression", expression)


def test_the_error_says_what_is_allowed() -> None:
    with pytest.raises(FieldError) as caught:
        check_cron("expression", "0 0 * 13 *")
    assert caught.value.allowed == (
        "month as *, 1-12 or JAN-DEC, ranges a-b with a <= b, steps */n or a-b/n, "
        "and lists of these with commas; '13' is none of these"
    )
