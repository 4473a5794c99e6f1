"""How long a task may run, wait and take in all."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from datetime import datetime

from tasksmithy.checks import Duration, checked, moment, seconds, widened
from tasksmithy.errors import FieldError


@dataclass(frozen=True, slots=True)
class Timeout:
    """The bounds on a task's time, in seconds or as a timedelta; 0 and None: no bound.

    Attributes:
        max_runtime: one attempt's running time.
        max_queued_time: one attempt's time before it runs.
        deadline: all attempts together, from when the first is queued; or the moment itself,
            a datetime with a time zone.
    """

    max_runtime: Duration | None = 0
    _: KW_ONLY
    max_queued_time: Duration | None = None
    deadline: Duration | datetime | None = None

    @classmethod
    def of(cls, value: TimeoutType | None, field: str) -> Timeout:
        """A timeout from its shorthand: a duration is `max_runtime`, None is no bound at all.

        Raises:
            FieldError: for `field`, or `field.<inner>` where `value` is a timeout.
        """
        if isinstance(value, Timeout):
            return checked(field, value)
        if value is None:
            return cls()
        try:
            seconds(field, value)
        except FieldError as error:
            raise widened(error, "a Timeout") from None
        return cls(value)

    def check(self) -> None:
        """Raise `FieldError` for the first field that is not allowed."""
        _bound("max_runtime", self.max_runtime)
        _bound("max_queued_time", self.max_queued_time)
        if isinstance(self.deadline, datetime):
            moment("deadline", self.deadline)
            return
        try:
            _bound("deadline", self.deadline)
        except FieldError as error:
            raise widened(error, "a datetime with a time zone") from None

    @property
    def runtime_seconds(self) -> float | None:
        """`max_runtime` in seconds, None for no bound."""
        return _bound("max_runtime", self.max_runtime)

    @property
    def queued_seconds(self) -> float | None:
        """`max_queued_time` in seconds, None for no bound."""
        return _bound("max_queued_time", self.max_queued_time)

    def deadline_seconds(self, queued: datetime) -> float | None:
        """Seconds from `queued` (with a time zone) to the deadline, None for no bound.

        Not above 0 where the deadline is a moment that has passed.
        """
        if isinstance(self.deadline, datetime):
            return (moment("deadline", self.deadline) - queued).total_seconds()
        return _bound("deadline", self.deadline)

    def to_dict(self) -> dict[str, object]:
        """The bounds that are set, JSON-able: seconds, a deadline's moment in ISO 8601."""
        deadline = self.deadline
        fields: dict[str, object] = {
            "max_runtime": self.runtime_seconds,
            "max_queued_time": self.queued_seconds,
            "deadline": deadline.isoformat()
            if isinstance(deadline, datetime)
            else _bound("deadline", deadline),
        }
        return {name: value for name, value in fields.items() if value is not None}


TimeoutType = Duration | Timeout
"""What a task's `timeout` may be: a duration (seconds or a timedelta) is `max_runtime`."""


def _bound(field: str, value: object) -> float | None:
    return None if value is None else seconds(field, value) or None
