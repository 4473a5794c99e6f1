"""Containers that stay up and run one task after another."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Literal, get_args

from tasksmithy.checks import Duration, integer, one_of, seconds
from tasksmithy.errors import FieldError

ReuseScope = Literal["global", "run"]

SHORTEST_TTL = 30.0
"""Seconds: the shortest idle time, as Flyte has it."""


@dataclass(frozen=True, slots=True)
class ReusePolicy:
    """The pool of warm containers of an environment.

    Attributes:
        replicas: how many containers, at least 1; or a tuple (at least, at most).
        idle_ttl: seconds or a timedelta, at least 30 s: the whole pool ends after so long without
            a task. None: the cluster's default.
        concurrency: tasks that one container runs at a time.
        scaledown_ttl: seconds or a timedelta, at least 30 s: one container ends after so long
            without a task. None: the cluster's default.
        scope: "global": one pool for all runs; "run": each run has a pool of its own.
    """

    replicas: int | tuple[int, int] = 2
    idle_ttl: Duration | None = None
    _: KW_ONLY
    concurrency: int = 1
    scaledown_ttl: Duration | None = None
    scope: ReuseScope = "global"

    def check(self) -> None:
        """Raise `FieldError` for the first field that is not allowed."""
        if isinstance(self.replicas, tuple):
            if len(self.replicas) != 2:
                raise FieldError("replicas", self.replicas, "an integer, or a tuple of two")
            for replicas in self.replicas:
                integer("replicas", replicas, 1)
            if self.min_replicas > self.max_replicas:
                raise FieldError("replicas", self.replicas, "the smaller number first")
        else:
            integer("replicas", self.replicas, 1)
        integer("concurrency", self.concurrency, 1)
        one_of("scope", self.scope, get_args(ReuseScope))
        for field, ttl in (("idle_ttl", self.idle_ttl), ("scaledown_ttl", self.scaledown_ttl)):
            if ttl is not None:
                seconds(field, ttl, SHORTEST_TTL)

    @property
    def min_replicas(self) -> int:
        """How many containers there are at least."""
        return self.replicas[0] if isinstance(self.replicas, tuple) else self.replicas

    @property
    def max_replicas(self) -> int:
        """How many containers there are at most."""
        return self.replicas[1] if isinstance(self.replicas, tuple) else self.replicas

    @property
    def idle_ttl_seconds(self) -> float | None:
        """`idle_ttl` in seconds."""
        return None if self.idle_ttl is None else seconds("idle_ttl", self.idle_ttl)

    @property
    def scaledown_ttl_seconds(self) -> float | None:
        """`scaledown_ttl` in seconds."""
        return None if self.scaledown_ttl is None else seconds("scaledown_ttl", self.scaledown_ttl)

    def to_dict(self) -> dict[str, object]:
        """The fields that are set, JSON-able: replicas as a pair, durations in seconds."""
        fields: dict[str, object] = {
            "replicas": [self.min_replicas, self.max_replicas],
            "idle_ttl": self.idle_ttl_seconds,
            "concurrency": self.concurrency,
            "scaledown_ttl": self.scaledown_ttl_seconds,
            "scope": self.scope,
        }
        return {name: value for name, value in fields.items() if value is not None}
