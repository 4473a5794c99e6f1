"""When a task runs by itself."""

from __future__ import annotations

import enum
from dataclasses import KW_ONLY, dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypedDict, Unpack

from tasksmithy import checks
from tasksmithy._texts import near_misses
from tasksmithy.errors import FieldError
from tasksmithy.fields._cron import check_cron

if TYPE_CHECKING:
    from collections.abc import Mapping


class _TriggerTime(enum.Enum):
    # An enum member stays itself through copies and pickles.
    TRIGGER_TIME = "trigger_time"

    def __repr__(self) -> str:
        return "TriggerTime"


TriggerTime: Final = _TriggerTime.TRIGGER_TIME
"""As an input of a trigger: the moment for which it fires."""


@dataclass(frozen=True, slots=True)
class Cron:
    """A schedule in cron's words.

    Attributes:
        expression: minute, hour, day of month, month and day of week as in crontab(5), or a
            macro such as "@daily".
        timezone: the IANA time zone in which the expression is read.
    """

    expression: str
    timezone: str = "UTC"

    def check(self) -> None:
        """Raise `FieldError` for the first field that is not allowed."""
        check_cron("expression", self.expression)
        _check_timezone("timezone", self.timezone)

    def to_dict(self) -> dict[str, object]:
        """The schedule, JSON-able."""
        return {"cron": self.expression, "timezone": self.timezone}


@dataclass(frozen=True, slots=True)
class FixedRate:
    """A schedule with the same time between any two runs.

    Attributes:
        interval_minutes: minutes, or a timedelta of whole minutes; at least one.
        start_time: the moment of the first run, with a time zone; None: when it is activated.
    """

    interval_minutes: int | timedelta
    start_time: datetime | None = None

    def check(self) -> None:
        """Raise `FieldError` for the first field that is not allowed."""
        interval = self.interval_minutes
        if isinstance(interval, timedelta):
            if interval < timedelta(minutes=1) or interval % timedelta(minutes=1):
                raise FieldError("interval_minutes", interval, "whole minutes, at least one")
        else:
            checks.integer("interval_minutes", interval, 1)
        if self.start_time is not None:
            checks.moment("start_time", self.start_time)

    @property
    def minutes(self) -> int:
        """The interval in minutes."""
        interval = self.interval_minutes
        return interval // timedelta(minutes=1) if isinstance(interval, timedelta) else interval

    def to_dict(self) -> dict[str, object]:
        """The schedule, JSON-able, `start_time` in ISO 8601."""
        fields: dict[str, object] = {"interval_minutes": self.minutes}
        if self.start_time is not None:
            fields["start_time"] = self.start_time.isoformat()
        return fields


class TriggerSettings(TypedDict, total=False):
    """What `Trigger.daily` and its siblings take, as `Trigger` does."""

    name: str
    description: str
    auto_activate: bool
    inputs: Mapping[str, Any] | None
    env_vars: Mapping[str, str] | None
    interruptible: bool | None
    overwrite_cache: bool
    queue: str | None
    labels: Mapping[str, str] | None
    annotations: Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class Trigger:
    """A schedule with the inputs and the settings of the runs that it starts.

    Attributes:
        name: the trigger's name.
        automation: the schedule.
        description: what it is for.
        auto_activate: whether it is active as soon as it is deployed.
        inputs: inputs of the runs; `TriggerTime` stands for the moment of the run.
        env_vars: environment variables instead of the task's.
        interruptible: instead of the task's; None: the task's.
        overwrite_cache: whether a run takes nothing from the cache, and stores its result anew.
        queue: where the runs are queued; None: where the task's are.
        labels: labels of the runs.
        annotations: annotations of the runs.
    """

    # A trigger can be hashed with what cannot: equal triggers have equal hashes all the same.
    name: str
    automation: Cron | FixedRate
    _: KW_ONLY
    description: str = ""
    auto_activate: bool = True
    inputs: Mapping[str, Any] | None = field(default=None, hash=False)
    env_vars: Mapping[str, str] | None = field(default=None, hash=False)
    interruptible: bool | None = None
    overwrite_cache: bool = False
    queue: str | None = None
    labels: Mapping[str, str] | None = field(default=None, hash=False)
    annotations: Mapping[str, str] | None = field(default=None, hash=False)

    @classmethod
    def minutely(
        cls, trigger_time_input_key: str | None = None, **settings: Unpack[TriggerSettings]
    ) -> Trigger:
        """Every minute; the moment is the input `trigger_time_input_key`, if given."""
        return cls._cron("minutely", "* * * * *", trigger_time_input_key, settings)

    @classmethod
    def hourly(
        cls, trigger_time_input_key: str | None = None, **settings: Unpack[TriggerSettings]
    ) -> Trigger:
        """Every hour on the hour; the moment is the input `trigger_time_input_key`, if given."""
        return cls._cron("hourly", "0 * * * *", trigger_time_input_key, settings)

    @classmethod
    def daily(
        cls, trigger_time_input_key: str | None = None, **settings: Unpack[TriggerSettings]
    ) -> Trigger:
        """Every midnight (UTC); the moment is the input `trigger_time_input_key`, if given."""
        return cls._cron("daily", "0 0 * * *", trigger_time_input_key, settings)

    @classmethod
    def weekly(
        cls, trigger_time_input_key: str | None = None, **settings: Unpack[TriggerSettings]
    ) -> Trigger:
        """Sundays at midnight (UTC); the moment is the input `trigger_time_input_key`, if given."""
        return cls._cron("weekly", "0 0 * * 0", trigger_time_input_key, settings)

    @classmethod
    def monthly(
        cls, trigger_time_input_key: str | None = None, **settings: Unpack[TriggerSettings]
    ) -> Trigger:
        """Every month's first midnight (UTC); the moment is `trigger_time_input_key`, if given."""
        return cls._cron("monthly", "0 0 1 * *", trigger_time_input_key, settings)

    @classmethod
    def _cron(
        cls, name: str, expression: str, key: str | None, settings: TriggerSettings
    ) -> Trigger:
        merged: TriggerSettings = {"name": name, **settings}
        if key is not None:
            merged["inputs"] = {key: TriggerTime, **(settings.get("inputs") or {})}
        return cls(automation=Cron(expression), **merged)

    def check(self) -> None:
        """Raise `FieldError` for the first field that is not allowed."""
        checks.name_of_at_most(255, "name", self.name)
        if not isinstance(self.automation, Cron | FixedRate):
            raise FieldError("automation", self.automation, "a Cron or a FixedRate")
        checks.checked("automation", self.automation)
        checks.text("description", self.description)
        checks.boolean("auto_activate", self.auto_activate)
        if self.inputs is not None:
            checks.named_values("inputs", self.inputs)
        if self.env_vars is not None:
            checks.env_vars("env_vars", self.env_vars)
        if self.interruptible is not None:
            checks.boolean("interruptible", self.interruptible)
        checks.boolean("overwrite_cache", self.overwrite_cache)
        if self.queue is not None:
            checks.non_empty("queue", self.queue)
        for name, mapping in (("labels", self.labels), ("annotations", self.annotations)):
            if mapping is not None:
                checks.string_mapping(name, mapping)

    def to_dict(self) -> dict[str, Any]:
        """The fields that are set.

        JSON-able but for the values in "inputs", which are as they were given. An input that is
        `TriggerTime` is not among them: "trigger_time_inputs" lists the names of these.
        """
        inputs = self.inputs or {}
        fields: dict[str, object] = {
            "name": self.name,
            "automation": self.automation.to_dict(),
            "description": self.description or None,
            "auto_activate": self.auto_activate,
            "inputs": {k: v for k, v in inputs.items() if v is not TriggerTime} or None,
            "trigger_time_inputs": [k for k, v in inputs.items() if v is TriggerTime] or None,
            "env_vars": None if self.env_vars is None else dict(self.env_vars),
            "interruptible": self.interruptible,
            "overwrite_cache": self.overwrite_cache,
            "queue": self.queue,
            "labels": None if self.labels is None else dict(self.labels),
            "annotations": None if self.annotations is None else dict(self.annotations),
        }
        return {name: value for name, value in fields.items() if value is not None}


def _check_timezone(field: str, name: object) -> None:
    if name == "UTC":  # there even where the machine has no time zone database
        return
    import zoneinfo

    try:
        zoneinfo.ZoneInfo(checks.non_empty(field, name))
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        close = near_misses(str(name), zoneinfo.available_timezones())
        allowed = f'an IANA time zone such as "Europe/Zurich", known to this machine{close}'
        raise FieldError(field, name, allowed) from None
