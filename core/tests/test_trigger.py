"""Triggers: schedules, inputs and settings."""

import copy
import pickle
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tasksmithy.errors import FieldError
from tasksmithy.fields._trigger import Cron, FixedRate, Trigger, TriggerTime

NOON = datetime(2025, 1, 1, 12, tzinfo=UTC)
HOURLY = Cron("0 * * * *")


@pytest.mark.parametrize("timezone", ["UTC", "Europe/Zurich", "America/Argentina/Buenos_Aires"])
def test_a_cron_schedule_has_a_time_zone(timezone: str) -> None:
    cron = Cron("@daily", timezone)
    cron.check()
    assert cron.to_dict() == {"cron": "@daily", "timezone": timezone}


@pytest.mark.parametrize(
    "timezone", ["Europe/Zurch", "America", "../UTC", "/etc/localtime", "", None, 1, "Mars/Base"]
)
def test_an_unknown_time_zone_is_refused(timezone: Any) -> None:
    with pytest.raises(FieldError) as caught:
        Cron("@daily", timezone).check()
    assert caught.value.field == "timezone"


def test_a_misspelt_time_zone_is_suggested() -> None:
    with pytest.raises(FieldError, match="did you mean 'Europe/Zurich'"):
        Cron("@daily", "Europe/Zurch").check()


def test_a_bad_expression_is_refused() -> None:
    with pytest.raises(FieldError) as caught:
        Cron("61 * * * *").check()
    assert caught.value.field == "expression"


@pytest.mark.parametrize(
    ("interval", "minutes"),
    [(1, 1), (90, 90), (timedelta(hours=2), 120), (timedelta(minutes=1), 1)],
)
def test_a_fixed_rate_is_in_minutes(interval: Any, minutes: int) -> None:
    rate = FixedRate(interval)
    rate.check()
    assert rate.minutes == minutes
    assert rate.to_dict() == {"interval_minutes": minutes}


def test_a_fixed_rate_may_have_a_start() -> None:
    rate = FixedRate(5, NOON)
    rate.check()
    assert rate.to_dict() == {"interval_minutes": 5, "start_time": "2025-01-01T12:00:00+00:00"}


@pytest.mark.parametrize(
    ("rate", "field"),
    [
        (FixedRate(0), "interval_minutes"),
        (FixedRate(True), "interval_minutes"),
        (FixedRate(1.5), "interval_minutes"),  # type: ignore[arg-type]
        (FixedRate(timedelta(seconds=90)), "interval_minutes"),
        (FixedRate(timedelta(0)), "interval_minutes"),
        (FixedRate(timedelta(minutes=-1)), "interval_minutes"),
        (FixedRate(1, datetime(2025, 1, 1)), "start_time"),
        (FixedRate(1, "12:00"), "start_time"),  # type: ignore[arg-type]
    ],
)
def test_a_fixed_rate_that_is_not_allowed_is_refused_by_field(rate: FixedRate, field: str) -> None:
    with pytest.raises(FieldError) as caught:
        rate.check()
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("make", "expression"),
    [
        (Trigger.minutely, "* * * * *"),
        (Trigger.hourly, "0 * * * *"),
        (Trigger.daily, "0 0 * * *"),
        (Trigger.weekly, "0 0 * * 0"),
        (Trigger.monthly, "0 0 1 * *"),
    ],
)
def test_a_common_schedule_has_its_name(make: Any, expression: str) -> None:
    trigger = make()
    trigger.check()
    assert trigger == Trigger(make.__name__, Cron(expression))


def test_a_common_schedule_binds_its_time_to_an_input_that_is_named() -> None:
    assert Trigger.daily("day").inputs == {"day": TriggerTime}


def test_a_common_schedule_takes_the_settings_of_a_trigger() -> None:
    trigger = Trigger.daily("start", name="nightly", inputs={"x": 1}, queue="slow")
    assert trigger == Trigger(
        "nightly", Cron("0 0 * * *"), inputs={"start": TriggerTime, "x": 1}, queue="slow"
    )


def test_a_given_input_has_precedence_over_the_trigger_time() -> None:
    assert Trigger.daily("day", inputs={"day": 5}).inputs == {"day": 5}


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"name": ""}, "name"),
        ({"automation": "0 * * * *"}, "automation"),
        ({"automation": Cron("x")}, "automation.expression"),
        ({"automation": FixedRate(0)}, "automation.interval_minutes"),
        ({"description": None}, "description"),
        ({"auto_activate": 1}, "auto_activate"),
        ({"inputs": [1]}, "inputs"),
        ({"inputs": {"": 1}}, "inputs"),
        ({"env_vars": {"A=": "1"}}, "env_vars"),
        ({"env_vars": {"A": 1}}, "env_vars['A']"),
        ({"interruptible": 0}, "interruptible"),
        ({"overwrite_cache": None}, "overwrite_cache"),
        ({"queue": ""}, "queue"),
        ({"labels": {"a": 1}}, "labels['a']"),
        ({"annotations": "x"}, "annotations"),
    ],
)
def test_a_trigger_that_is_not_allowed_is_refused_by_field(
    settings: dict[str, Any], field: str
) -> None:
    trigger = Trigger(**{"name": "t", "automation": HOURLY, **settings})
    with pytest.raises(FieldError) as caught:
        trigger.check()
    assert caught.value.field == field


def test_the_trigger_time_stays_itself_through_copies_and_pickles() -> None:
    assert pickle.loads(pickle.dumps(TriggerTime)) is TriggerTime
    assert copy.deepcopy(TriggerTime) is TriggerTime
    assert repr(TriggerTime) == "TriggerTime"


def test_triggers_can_be_hashed_with_inputs_that_cannot() -> None:
    one, other = (
        Trigger("t", HOURLY, inputs={"x": [1]}, env_vars={}, labels={}, annotations={})
        for _ in "ab"
    )
    assert one == other
    assert hash(one) == hash(other)
    assert one != Trigger("t", HOURLY, inputs={"x": [2]}, env_vars={}, labels={}, annotations={})


def test_the_dict_has_what_is_set() -> None:
    assert Trigger("t", HOURLY).to_dict() == {
        "name": "t",
        "automation": {"cron": "0 * * * *", "timezone": "UTC"},
        "auto_activate": True,
        "overwrite_cache": False,
    }
    trigger = Trigger(
        "t",
        FixedRate(5),
        description="d",
        auto_activate=False,
        inputs={"at": TriggerTime, "x": None},
        env_vars={"A": ""},
        interruptible=False,
        overwrite_cache=True,
        queue="q",
        labels={"l": "1"},
        annotations={"a": "2"},
    )
    trigger.check()
    assert trigger.to_dict() == {
        "name": "t",
        "automation": {"interval_minutes": 5},
        "description": "d",
        "auto_activate": False,
        "inputs": {"x": None},
        "trigger_time_inputs": ["at"],
        "env_vars": {"A": ""},
        "interruptible": False,
        "overwrite_cache": True,
        "queue": "q",
        "labels": {"l": "1"},
        "annotations": {"a": "2"},
    }
