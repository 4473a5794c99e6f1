"""Job and JobStatus: work of a task that is done elsewhere, as the run and as `poll` know it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args

from tasksmithy._texts import shorten
from tasksmithy.errors import FieldError


class Place(Protocol):
    """What an attempt holds of what is limited."""

    async def take(self) -> None:
        """Wait until it is free, and take it."""
        ...

    def leave(self) -> None:
        """Give it back."""
        ...


JobPhase = Literal["queued", "running", "succeeded", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStatus:
    """How a job is, as the hook `poll` has found it.

    Attributes:
        phase: `"queued"`, `"running"`, `"succeeded"` or `"failed"`; the last two are its end.
        result: the result of the task, of a job that has succeeded.
        message: what there is to say; of a job that has failed, why.
        poll_after: seconds until it is worth to poll again; None leaves it to the run, which waits
            longer each time, up to 10 s.

    Raises:
        FieldError: the phase is unknown, or `poll_after` is no number of seconds.
    """

    phase: JobPhase
    result: Any = None
    message: str = ""
    poll_after: float | None = None

    def __post_init__(self) -> None:
        phases = get_args(JobPhase)
        if self.phase not in phases:
            raise FieldError("phase", shorten(self.phase), " or ".join(map(repr, phases)))
        after = self.poll_after
        if after is not None and not (isinstance(after, (int, float)) and 0 <= after < 1e9):
            raise FieldError("poll_after", shorten(after), "seconds, from 0 on, or None")


class Job:
    """The job of one call of a task, known for as long as this process lives.

    Who makes attempts that outlive a process, as a server does, gives `make_attempt` a subclass
    that keeps the handle and knows it the next time.

    Attributes:
        key: what a backend may tell submissions of the same job by.
        handle: what `submit` gave; None until then.
        unwanted: the handle of an earlier job of the call that is not to go on; None without one.
    """

    def __init__(self) -> None:
        self.key: str = os.urandom(16).hex()
        self.handle: Any = None
        self.unwanted: Any = None

    def begin(self, place: Place | None) -> None:
        """An attempt begins.

        Args:
            place: what it holds of what is limited on this machine; None where nothing is.
        """

    async def submitted(self, handle: Any) -> None:
        """The job is there; return once the handle is kept."""
        self.handle = handle

    async def ended(self) -> None:
        """The job has ended without a result, and no attempt may go on with it."""

    def leave_place(self) -> None:
        """The attempt waits, and takes nothing of what is limited."""

    async def take_place(self) -> None:
        """The attempt goes on by itself."""
