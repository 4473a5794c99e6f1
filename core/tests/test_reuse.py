"""Reuse policies."""

from datetime import timedelta
from typing import Any

import pytest

from tasksmithy.errors import FieldError
from tasksmithy.fields._reuse import ReusePolicy


@pytest.mark.parametrize(
    ("replicas", "low", "high"), [(1, 1, 1), (3, 3, 3), ((1, 5), 1, 5), ((2, 2), 2, 2)]
)
def test_replicas_are_a_number_or_a_range(replicas: Any, low: int, high: int) -> None:
    policy = ReusePolicy(replicas)
    policy.check()
    assert (policy.min_replicas, policy.max_replicas) == (low, high)


@pytest.mark.parametrize(
    "replicas", [0, -1, True, 1.5, "2", None, [1, 2], (0, 1), (3, 1), (1,), (1, 2, 3), (1, "2")]
)
def test_replicas_are_at_least_one_and_ordered(replicas: Any) -> None:
    with pytest.raises(FieldError) as caught:
        ReusePolicy(replicas).check()
    assert caught.value.field == "replicas"


@pytest.mark.parametrize("concurrency", [0, True, 1.0, None])
def test_concurrency_is_at_least_one(concurrency: Any) -> None:
    with pytest.raises(FieldError) as caught:
        ReusePolicy(concurrency=concurrency).check()
    assert caught.value.field == "concurrency"


@pytest.mark.parametrize("field", ["idle_ttl", "scaledown_ttl"])
@pytest.mark.parametrize("ttl", [29, 29.9, timedelta(seconds=29), -1, True, "60", float("nan")])
def test_an_idle_time_is_at_least_thirty_seconds(field: str, ttl: Any) -> None:
    with pytest.raises(FieldError, match="at least 30 seconds") as caught:
        ReusePolicy(**{field: ttl}).check()
    assert caught.value.field == field


def test_idle_times_are_in_seconds() -> None:
    policy = ReusePolicy(idle_ttl=timedelta(minutes=1), scaledown_ttl=30)
    policy.check()
    assert (policy.idle_ttl_seconds, policy.scaledown_ttl_seconds) == (60, 30)


def test_the_dict_has_a_range_and_seconds() -> None:
    assert ReusePolicy().to_dict() == {
        "replicas": [2, 2],
        "concurrency": 1,
        "scope": "global",
    }
    policy = ReusePolicy((1, 5), 60, concurrency=3, scaledown_ttl=30)
    assert policy.to_dict() == {
        "replicas": [1, 5],
        "idle_ttl": 60.0,
        "concurrency": 3,
        "scaledown_ttl": 30.0,
        "scope": "global",
    }
