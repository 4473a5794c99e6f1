"""Whether a task's result is kept and found again."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Literal, get_args

from tasksmithy.checks import (
    Duration,
    boolean,
    checked,
    non_empty,
    one_of,
    seconds,
    text,
    widened,
)
from tasksmithy.errors import FieldError

CacheBehavior = Literal["auto", "override", "disable"]


@dataclass(frozen=True, slots=True)
class Cache:
    """The cache policy of a task.

    Attributes:
        behavior: "auto": a kept result is used, a new one is kept; "override": the task runs in
            any case, and its result replaces the kept one; "disable": no cache.
        version_override: the version of the code, the query or the command; None: it follows from
            the task itself.
        salt: part of the key: another salt, another cache.
        ignored_inputs: names of the inputs that are not part of the key.
        serialize: of several equal calls at one time, one runs and the others wait for it.
        max_age: seconds or a timedelta after which a result is no longer used; None: never.
    """

    behavior: CacheBehavior = "auto"
    version_override: str | None = None
    _: KW_ONLY
    salt: str = ""
    ignored_inputs: str | tuple[str, ...] = ()
    serialize: bool = False
    max_age: Duration | None = None

    @classmethod
    def of(cls, value: CacheRequest, field: str) -> Cache:
        """A policy from its shorthand, the behavior.

        Raises:
            FieldError: for `field`, or `field.<inner>` where `value` is a policy.
        """
        if isinstance(value, Cache):
            return checked(field, value)
        try:
            one_of(field, value, get_args(CacheBehavior))
        except FieldError as error:
            raise widened(error, "a Cache") from None
        return checked(field, cls(value))

    def check(self) -> None:
        """Raise `FieldError` for the first field that is not allowed."""
        one_of("behavior", self.behavior, get_args(CacheBehavior))
        if self.version_override is not None:
            non_empty("version_override", self.version_override)
        text("salt", self.salt)
        if not isinstance(self.ignored_inputs, str | tuple):
            raise FieldError("ignored_inputs", self.ignored_inputs, "a name or a tuple of names")
        for name in self.ignored:
            non_empty("ignored_inputs", name)
        boolean("serialize", self.serialize)
        if self.max_age is not None and seconds("max_age", self.max_age) == 0:
            raise FieldError("max_age", self.max_age, "more than 0 seconds, or None for no limit")

    @property
    def enabled(self) -> bool:
        """Whether there is a cache at all."""
        return self.behavior != "disable"

    @property
    def ignored(self) -> tuple[str, ...]:
        """`ignored_inputs`, always a tuple."""
        names = self.ignored_inputs
        return (names,) if isinstance(names, str) else names

    @property
    def max_age_seconds(self) -> float | None:
        """`max_age` in seconds."""
        return None if self.max_age is None else seconds("max_age", self.max_age)

    def to_dict(self) -> dict[str, object]:
        """The behavior and the fields that are set, JSON-able, `max_age` in seconds."""
        fields: dict[str, object] = {
            "behavior": self.behavior,
            "version_override": self.version_override,
            "salt": self.salt,
            "ignored_inputs": list(self.ignored),
            "serialize": self.serialize,
            "max_age": self.max_age_seconds,
        }
        return {name: value for name, value in fields.items() if value}


CacheRequest = CacheBehavior | Cache
"""What a task's `cache` may be."""
