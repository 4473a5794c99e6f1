"""How often a failed task is tried again, and how long it waits before."""

from __future__ import annotations

from dataclasses import dataclass

from tasksmithy.checks import Duration, checked, instance, integer, number, seconds, widened
from tasksmithy.errors import FieldError

LONGEST_DELAY = 365 * 86_400.0
"""Seconds: no delay is longer, so that every clock and every sleep can take it."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """A delay before each retry: base, base * factor, base * factor**2, ..., at most cap.

    Durations are seconds or a timedelta.

    Attributes:
        base: the delay before the first retry.
        factor: what each delay is multiplied with for the next, at least 1 (1: always the same).
        cap: the longest delay, which a factor above 1 needs.
    """

    base: Duration = 1.0
    factor: float = 1.0
    cap: Duration | None = None

    def check(self) -> None:
        """Raise `FieldError` for the first field that is not allowed."""
        seconds("base", self.base)
        number("factor", self.factor, 1)
        if self.cap is not None:
            seconds("cap", self.cap)
        elif self.factor > 1:
            allowed = (
                "the longest delay, in seconds or as a timedelta: with a factor above 1 "
                "the delays grow"
            )
            raise FieldError("cap", None, allowed)

    def delay(self, attempt: int) -> float:
        """Seconds to wait before retry number `attempt` (1: the first retry).

        Raises:
            FieldError: `attempt` is below 1, or a field is not allowed.
        """
        base = seconds("base", self.base)
        factor = number("factor", self.factor, 1)
        cap = LONGEST_DELAY if self.cap is None else seconds("cap", self.cap)
        exponent = integer("attempt", attempt, 1) - 1
        try:
            delay = base * factor**exponent
        except OverflowError:  # the power alone: with a base of 0 there is still no delay
            delay = cap if base else 0.0
        return min(delay, cap, LONGEST_DELAY)

    def to_dict(self) -> dict[str, object]:
        """The fields that are set, JSON-able, durations in seconds."""
        fields: dict[str, object] = {"base": seconds("base", self.base), "factor": self.factor}
        if self.cap is not None:
            fields["cap"] = seconds("cap", self.cap)
        return fields


@dataclass(frozen=True, slots=True)
class RetryStrategy:
    """How often a task is tried again after it failed.

    Attributes:
        count: retries after the first attempt; 0: none.
        backoff: the delay before each; None: at once.
    """

    count: int = 0
    backoff: Backoff | None = None

    @classmethod
    def of(cls, value: int | RetryStrategy, field: str) -> RetryStrategy:
        """A strategy from its shorthand, the count.

        Raises:
            FieldError: for `field`, or `field.<inner>` where `value` is a strategy.
        """
        if isinstance(value, RetryStrategy):
            return checked(field, value)
        try:
            return cls(integer(field, value, 0))
        except FieldError as error:
            raise widened(error, "a RetryStrategy") from None

    def check(self) -> None:
        """Raise `FieldError` for the first field that is not allowed."""
        integer("count", self.count, 0)
        if self.backoff is None:
            return
        checked("backoff", instance("backoff", self.backoff, Backoff))

    def to_dict(self) -> dict[str, object]:
        """The fields that are set, JSON-able."""
        if self.backoff is None:
            return {"count": self.count}
        return {"count": self.count, "backoff": self.backoff.to_dict()}
