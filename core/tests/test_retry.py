"""Retries and the delays between them."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasksmithy.errors import FieldError
from tasksmithy.fields._retry import LONGEST_DELAY, Backoff, RetryStrategy


def test_a_count_is_a_strategy() -> None:
    assert RetryStrategy.of(3, "retries") == RetryStrategy(count=3)


def test_a_strategy_is_given_back() -> None:
    strategy = RetryStrategy(3, Backoff())
    assert RetryStrategy.of(strategy, "retries") is strategy


@pytest.mark.parametrize("value", [-1, True, 1.0, "3", None])
def test_another_shorthand_is_refused(value: Any) -> None:
    with pytest.raises(FieldError) as caught:
        RetryStrategy.of(value, "retries")
    assert str(caught.value) == (
        f"retries={value!r} is not allowed: give an integer of at least 0, or a RetryStrategy"
    )


@pytest.mark.parametrize(
    ("strategy", "field"),
    [
        (RetryStrategy(-1), "retries.count"),
        (RetryStrategy(True), "retries.count"),
        (RetryStrategy(1, 2.0), "retries.backoff"),  # type: ignore[arg-type]
        (RetryStrategy(1, Backoff(-1)), "retries.backoff.base"),
        (RetryStrategy(1, Backoff(factor=0.5)), "retries.backoff.factor"),
        (RetryStrategy(1, Backoff(factor=float("nan"))), "retries.backoff.factor"),
        (RetryStrategy(1, Backoff(cap=float("inf"))), "retries.backoff.cap"),
    ],
)
def test_a_strategy_that_is_not_allowed_is_refused_by_field(
    strategy: RetryStrategy, field: str
) -> None:
    with pytest.raises(FieldError) as caught:
        RetryStrategy.of(strategy, "retries")
    assert caught.value.field == field


def test_no_retry_at_all_is_the_default_and_allowed() -> None:
    assert RetryStrategy.of(0, "retries") == RetryStrategy()
    RetryStrategy().check()


def test_the_default_backoff_is_a_second_each_time() -> None:
    assert [Backoff().delay(attempt) for attempt in (1, 2, 3)] == [1, 1, 1]


def test_delays_that_grow_need_a_longest_one() -> None:
    with pytest.raises(FieldError, match=r"cap=None is not allowed: give the longest delay"):
        Backoff(base=2, factor=2).check()
    Backoff(base=2, factor=2, cap=60).check()
    Backoff(base=2, factor=1).check()


def test_delays_grow_by_the_factor() -> None:
    backoff = Backoff(base=10, factor=3)
    assert [backoff.delay(attempt) for attempt in (1, 2, 3)] == [10, 30, 90]


def test_delays_stop_at_the_cap() -> None:
    backoff = Backoff(timedelta(seconds=10), 2, cap=timedelta(minutes=1))
    assert [backoff.delay(attempt) for attempt in (1, 2, 3, 4, 5)] == [10, 20, 40, 60, 60]


def test_a_factor_of_one_is_a_constant_delay() -> None:
    assert Backoff(5, 1).delay(10**9) == 5


def test_no_base_is_no_delay_ever() -> None:
    assert Backoff(0, 10).delay(10**6) == 0


def test_a_delay_is_never_longer_than_a_year_even_by_the_cap() -> None:
    assert timedelta(seconds=LONGEST_DELAY) == timedelta(days=365)
    assert Backoff(factor=2, cap=10**12).delay(10**6) == LONGEST_DELAY


@given(st.floats(0, 1e300), st.floats(1, 1e300), st.floats(0, 1e300), st.integers(1, 10**9))
def test_delays_never_overflow_and_never_shrink(
    base: float, factor: float, cap: float, attempt: int
) -> None:
    backoff = Backoff(base, factor, cap)
    backoff.check()
    assert 0 <= backoff.delay(attempt) <= backoff.delay(attempt + 1) <= LONGEST_DELAY


@pytest.mark.parametrize("attempt", [0, -1, True, 1.0])
def test_retries_are_counted_from_one(attempt: Any) -> None:
    with pytest.raises(FieldError, match="attempt"):
        Backoff().delay(attempt)


def test_the_dict_is_in_seconds() -> None:
    assert RetryStrategy(3).to_dict() == {"count": 3}
    strategy = RetryStrategy(3, Backoff(timedelta(seconds=2), 2.0, timedelta(minutes=1)))
    assert strategy.to_dict() == {"count": 3, "backoff": {"base": 2.0, "factor": 2.0, "cap": 60.0}}
    assert Backoff(1, 1).to_dict() == {"base": 1.0, "factor": 1}
