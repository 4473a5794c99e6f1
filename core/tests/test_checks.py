"""The shared checks: what each gives back, and how it refuses."""

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tasksmithy import checks
from tasksmithy.errors import FieldError
from tasksmithy.fields._retry import RetryStrategy


@pytest.mark.parametrize("value", [0, 1, "yes", None])
def test_a_boolean_is_nothing_merely_truthy_or_falsy(value: object) -> None:
    with pytest.raises(FieldError, match=r"^report=.* is not allowed: give True or False$"):
        checks.boolean("report", value)


@pytest.mark.parametrize("value", [True, False])
def test_a_boolean_is_given_back(value: bool) -> None:
    assert checks.boolean("report", value) is value


@pytest.mark.parametrize("value", [True, 2, 3.0, "3", None])
def test_an_integer_is_no_bool_no_float_no_text_and_not_below_the_minimum(value: object) -> None:
    with pytest.raises(FieldError, match="give an integer of at least 3"):
        checks.integer("count", value, 3)


def test_an_integer_may_be_the_minimum() -> None:
    assert checks.integer("count", 3, 3) == 3


@pytest.mark.parametrize("value", [True, math.nan, math.inf, 10**400, "1", Decimal(1), None, 0.9])
def test_a_number_is_finite_and_at_least_the_minimum(value: object) -> None:
    with pytest.raises(FieldError, match="give a number of at least 1"):
        checks.number("factor", value, 1)


def test_a_number_is_a_float_and_may_be_the_minimum() -> None:
    assert repr(checks.number("factor", 1, 1)) == "1.0"


@pytest.mark.parametrize(
    ("value", "expected"),
    [(90, 90.0), (0.5, 0.5), (timedelta(minutes=1.5), 90.0), (0, 0.0)],
)
def test_seconds_are_numbers_or_timedeltas(value: object, expected: float) -> None:
    assert checks.seconds("timeout", value) == expected


@pytest.mark.parametrize(
    "value", [-1, timedelta(seconds=-1), math.nan, math.inf, True, "60", None, 10**400]
)
def test_seconds_are_finite_and_not_negative(value: object) -> None:
    with pytest.raises(FieldError, match="give seconds or a timedelta, at least 0 seconds"):
        checks.seconds("timeout", value)


def test_seconds_may_have_a_minimum() -> None:
    assert checks.seconds("ttl", 30, 30) == 30
    with pytest.raises(FieldError, match="at least 30 seconds"):
        checks.seconds("ttl", timedelta(seconds=29.9), 30)


def test_a_moment_knows_its_time_zone() -> None:
    noon = datetime(2025, 1, 1, 12, tzinfo=UTC)
    assert checks.moment("start", noon) is noon
    with pytest.raises(FieldError, match="time zone"):
        checks.moment("start", noon.replace(tzinfo=None))


def test_a_text_may_be_empty_but_is_a_string() -> None:
    assert checks.text("salt", "") == ""
    with pytest.raises(FieldError, match="give a string"):
        checks.text("salt", b"")


@pytest.mark.parametrize("value", ["", " \t", None, 1, b"x"])
def test_a_name_has_something_in_it(value: object) -> None:
    with pytest.raises(FieldError, match="a string that is not empty"):
        checks.non_empty("name", value)


@pytest.mark.parametrize("value", ["ab\n", "AB", "", 1, None])
def test_a_pattern_matches_the_whole_text(value: object) -> None:
    assert checks.matching("name", "ab", "[a-z]+", "letters") == "ab"
    with pytest.raises(FieldError, match=r"give letters$"):
        checks.matching("name", value, "[a-z]+", "letters")


def test_a_choice_says_what_there_is_and_nothing_of_what_was_meant() -> None:
    assert checks.one_of("cache", "auto", ("auto", "disable")) == "auto"
    with pytest.raises(FieldError) as caught:
        checks.one_of("cache", "enable", ("auto", "disable"))
    assert str(caught.value) == ("cache='enable' is not allowed: give one of 'auto', 'disable'")


@pytest.mark.parametrize("value", [None, 1, ["auto"]])
def test_a_choice_is_a_string(value: object) -> None:
    with pytest.raises(FieldError, match="one of 'auto'"):
        checks.one_of("cache", value, ("auto",))


def test_an_instance_is_of_the_kind() -> None:
    assert checks.instance("x", 1, int) == 1
    with pytest.raises(FieldError, match="give a RetryStrategy"):
        checks.instance("x", 1, RetryStrategy)


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ([("a", "b")], "labels"),
        ({1: "a"}, "labels"),
        ({"": "a"}, "labels"),
        ({"team": 1}, "labels['team']"),
        ({"team": None}, "labels['team']"),
    ],
)
def test_a_string_mapping_names_the_entry_that_is_wrong(value: object, field: str) -> None:
    with pytest.raises(FieldError) as caught:
        checks.string_mapping("labels", value)
    assert caught.value.field == field


def test_a_string_mapping_is_copied() -> None:
    given = {"team": "a"}
    taken = checks.string_mapping("labels", given)
    assert taken == given
    assert taken is not given


def test_named_values_may_be_anything() -> None:
    assert checks.named_values("inputs", {"x": None}) == {"x": None}


@pytest.mark.parametrize(
    ("value", "field"), [({"A=B": "1"}, "env"), ({"A\0": "1"}, "env"), ({"A": "\0"}, "env['A']")]
)
def test_an_environment_is_what_posix_can_hold(value: object, field: str) -> None:
    with pytest.raises(FieldError) as caught:
        checks.env_vars("env", value)
    assert caught.value.field == field


def test_an_environment_variable_may_be_empty() -> None:
    assert checks.env_vars("env", {"A": "", "b.c": "1"}) == {"A": "", "b.c": "1"}


def test_an_error_of_a_nested_value_names_the_way_to_it() -> None:
    with pytest.raises(FieldError) as caught:
        checks.checked("retries", RetryStrategy(count=-1))
    assert caught.value.field == "retries.count"
    assert caught.value.value == -1


def test_a_widened_error_allows_something_more() -> None:
    error = checks.widened(FieldError("cpu", "x", "a number"), "None")
    assert str(error) == "cpu='x' is not allowed: give a number, or None"
