"""Timeouts: three bounds and their shorthand."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tasksmithy.errors import FieldError
from tasksmithy.fields._timeout import Timeout

NOON = datetime(2025, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(60, 60.0), (0.5, 0.5), (timedelta(minutes=2), 120.0), (0, None), (timedelta(0), None)],
)
def test_a_duration_is_the_running_time(value: Any, expected: float | None) -> None:
    assert Timeout.of(value, "timeout").runtime_seconds == expected


def test_none_is_no_bound() -> None:
    timeout = Timeout.of(None, "timeout")
    assert timeout == Timeout()
    assert timeout.to_dict() == {}


def test_a_timeout_is_given_back() -> None:
    timeout = Timeout(5)
    assert Timeout.of(timeout, "timeout") is timeout


@pytest.mark.parametrize(
    "value", ["x", "60", -1, True, False, float("nan"), float("inf"), timedelta(seconds=-1), NOON]
)
def test_another_shorthand_is_refused(value: Any) -> None:
    with pytest.raises(FieldError) as caught:
        Timeout.of(value, "timeout")
    assert caught.value.field == "timeout"
    assert caught.value.allowed == "seconds or a timedelta, at least 0 seconds, or a Timeout"


@pytest.mark.parametrize("bad", ["x", -1, True, float("nan"), timedelta(-1)])
@pytest.mark.parametrize("field", ["max_runtime", "max_queued_time", "deadline"])
def test_a_bound_that_is_not_allowed_is_refused_by_field(field: str, bad: Any) -> None:
    with pytest.raises(FieldError) as caught:
        Timeout.of(Timeout(**{field: bad}), "timeout")
    assert caught.value.field == f"timeout.{field}"


def test_a_deadline_without_a_time_zone_is_no_moment() -> None:
    with pytest.raises(FieldError, match="time zone") as caught:
        Timeout(deadline=datetime(2025, 1, 1)).check()
    assert caught.value.field == "deadline"


def test_a_deadline_is_seconds_from_when_the_task_is_queued() -> None:
    assert Timeout(deadline=timedelta(hours=2)).deadline_seconds(NOON) == 7200
    assert Timeout(deadline=10**15).deadline_seconds(NOON) == 10**15


def test_a_deadline_may_be_a_moment_also_one_that_has_passed() -> None:
    timeout = Timeout(deadline=NOON)
    timeout.check()
    assert timeout.deadline_seconds(NOON - timedelta(minutes=1)) == 60
    assert timeout.deadline_seconds(NOON + timedelta(minutes=1)) == -60


def test_zero_and_none_are_no_bound() -> None:
    timeout = Timeout(None, max_queued_time=0, deadline=timedelta(0))
    timeout.check()
    assert timeout.runtime_seconds is None
    assert timeout.queued_seconds is None
    assert timeout.deadline_seconds(NOON) is None


def test_the_dict_is_in_seconds_and_iso_8601() -> None:
    timeout = Timeout(timedelta(minutes=1), max_queued_time=5, deadline=NOON)
    assert timeout.to_dict() == {
        "max_runtime": 60.0,
        "max_queued_time": 5.0,
        "deadline": "2025-01-01T12:00:00+00:00",
    }
    assert Timeout(deadline=7).to_dict() == {"deadline": 7.0}
