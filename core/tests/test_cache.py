"""Cache policies and their shorthand."""

from datetime import timedelta
from typing import Any

import pytest

from tasksmithy.errors import FieldError
from tasksmithy.fields._cache import Cache


@pytest.mark.parametrize("behavior", ["auto", "disable"])
def test_a_behavior_is_a_policy(behavior: Any) -> None:
    assert Cache.of(behavior, "cache") == Cache(behavior)


def test_a_policy_is_given_back() -> None:
    cache = Cache("override", "v1")
    assert Cache.of(cache, "cache") is cache


def test_another_behavior_is_refused_with_what_is_allowed() -> None:
    with pytest.raises(FieldError) as caught:
        Cache.of("sometimes", "cache")  # type: ignore[arg-type]
    assert str(caught.value) == (
        "cache='sometimes' is not allowed: give one of 'auto', 'override', 'disable', or a Cache"
    )


@pytest.mark.parametrize("value", [True, None, 1, "", "AUTO"])
def test_another_shorthand_is_refused(value: Any) -> None:
    with pytest.raises(FieldError) as caught:
        Cache.of(value, "cache")
    assert caught.value.field == "cache"


@pytest.mark.parametrize("value", ["override", Cache("override")])
def test_override_needs_no_version(value: Any) -> None:
    assert Cache.of(value, "cache").version_override is None


@pytest.mark.parametrize(
    ("cache", "field"),
    [
        (Cache("never"), "behavior"),  # type: ignore[arg-type]
        (Cache("override", " "), "version_override"),
        (Cache("override", 1), "version_override"),  # type: ignore[arg-type]
        (Cache(salt=1), "salt"),  # type: ignore[arg-type]
        (Cache(ignored_inputs=["x"]), "ignored_inputs"),  # type: ignore[arg-type]
        (Cache(ignored_inputs=("x", 1)), "ignored_inputs"),  # type: ignore[arg-type]
        (Cache(ignored_inputs=""), "ignored_inputs"),
        (Cache(serialize=1), "serialize"),  # type: ignore[arg-type]
        (Cache(max_age=0), "max_age"),
        (Cache(max_age=-1), "max_age"),
        (Cache(max_age=True), "max_age"),
        (Cache(max_age=timedelta(0)), "max_age"),
        (Cache(max_age=float("nan")), "max_age"),
    ],
)
def test_a_policy_that_is_not_allowed_is_refused_by_field(cache: Cache, field: str) -> None:
    with pytest.raises(FieldError) as caught:
        cache.check()
    assert caught.value.field == field


def test_only_disable_is_not_enabled() -> None:
    enabled = [Cache("auto").enabled, Cache("override", "1").enabled, Cache("disable").enabled]
    assert enabled == [True, True, False]


def test_one_ignored_input_is_a_tuple_of_one() -> None:
    assert Cache(ignored_inputs="now").ignored == ("now",)
    assert Cache(ignored_inputs=("a", "b")).ignored == ("a", "b")
    assert Cache().ignored == ()


def test_an_age_is_in_seconds() -> None:
    assert Cache(max_age=timedelta(minutes=1)).max_age_seconds == 60
    assert Cache(max_age=1.5).max_age_seconds == 1.5
    assert Cache().max_age_seconds is None


def test_only_set_fields_are_in_the_dict() -> None:
    assert Cache().to_dict() == {"behavior": "auto"}
    cache = Cache("override", "v1", salt="s", ignored_inputs="x", serialize=True, max_age=60)
    cache.check()
    assert cache.to_dict() == {
        "behavior": "override",
        "version_override": "v1",
        "salt": "s",
        "ignored_inputs": ["x"],
        "serialize": True,
        "max_age": 60.0,
    }
