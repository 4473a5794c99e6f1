"""Events: what happens in a run, as its observers see it.

A run begins with `RunStarted` and ends with `RunEnded`. An execution is one call of a task. It
begins with `ExecutionQueued` and ends with one of `ExecutionSucceeded`, `ExecutionCached`,
`ExecutionResumed`, `ExecutionFailed` and `ExecutionCancelled`; its attempts come between.

Texts are masked by all secrets that the run has handed out until the event.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

RunOutcome = Literal["succeeded", "failed", "cancelled"]


class Execution(NamedTuple):
    """One call of a task in a run.

    Attributes:
        key: identifies the execution in its run; a resumed run gives the same call the same key.
        parent: key of the execution that made the call; None for the first task of the run.
        task: name of the task.
        task_type: its type.
        group: the group that the caller opened around the call, or empty.
    """

    key: str
    parent: str | None
    task: str
    task_type: str
    group: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Event:
    """Something that happened in a run.

    Attributes:
        run_id: identifies the run.
        time: when it happened, in seconds since the epoch.
    """

    run_id: str
    time: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RunStarted(Event):
    """A run has begun.

    Attributes:
        task: name of its first task.
        task_type: the type of that task.
        is_recorded: whether the run is recorded, so that it can be shown and resumed.
        kept: how many results a resumed run has already; None for a new run.
        lost: how many executions of a resumed run have ended without a result that could be kept.
    """

    task: str
    task_type: str
    is_recorded: bool
    kept: int | None = None
    lost: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RunEnded(Event):
    """A run is over: its last event.

    Attributes:
        status: how it has ended.
        error: what it raised, as text; None where it succeeded.
        error_type: the class of that error, with its module; None where it succeeded.
        has_report: whether one of its tasks was to add tabs to its report.
    """

    status: RunOutcome
    has_report: bool = False
    error: str | None = None
    error_type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExecutionEvent(Event):
    """Something that happened to one execution.

    Attributes:
        execution: the execution.
    """

    execution: Execution


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExecutionQueued(ExecutionEvent):
    """A task was called, with inputs that fit its interface.

    Attributes:
        input_digests: what identifies the value of each input, by name; a file is identified by its
            path. Empty for a value that has no identity.
    """

    input_digests: Mapping[str, str]


class ExecutionAdmitted(ExecutionEvent):
    """The run lets the execution go on: to a kept result, to the cache, or to its attempts."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AttemptStarted(ExecutionEvent):
    """An attempt has begun: the task is in its place among those that run at once.

    Attributes:
        attempt: number of the attempt, from 1.
        executor: name of the executor that makes it: `"loop"` and `"process"` are those of this
            machine.
    """

    attempt: int
    executor: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AttemptPlaced(ExecutionEvent):
    """The executor has told where an attempt is made: soon after its start, or at its end.

    Attributes:
        attempt: number of the attempt, from 1.
        place: what the executor calls the place, such as a process or a node of a cluster.
    """

    attempt: int
    place: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AttemptFailed(ExecutionEvent):
    """An attempt raised an error, or was cancelled.

    Attributes:
        attempt: number of the attempt, from 1.
        error: what it raised, as text.
        error_type: the class of the error, with its module.
    """

    attempt: int
    error: str
    error_type: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AttemptRetried(ExecutionEvent):
    """A failed attempt will be followed by another one.

    Attributes:
        attempt: number of the attempt that failed, from 1.
        delay: seconds until the next one.
    """

    attempt: int
    delay: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExecutionSucceeded(ExecutionEvent):
    """An attempt gave a result that fits the interface.

    Attributes:
        output_digests: what identifies each output, by name, as for inputs; None where no observer
            of the run wants it.
    """

    output_digests: Mapping[str, str] | None = None


class ExecutionCached(ExecutionSucceeded):
    """The result was in the cache."""

    __slots__ = ()


class ExecutionResumed(ExecutionSucceeded):
    """The result was there from before the run was resumed."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExecutionFailed(ExecutionEvent):
    """An execution has no result.

    Attributes:
        error: what it raised, as text.
        error_type: the class of the error, with its module.
        origin: key of the execution that raised the error first: its own, or that of one below it
            whose error it let through.
        traceback: the traceback, as Python prints it; None where that of the origin tells it.
    """

    error: str
    error_type: str
    origin: str
    traceback: str | None = None


class ExecutionCancelled(ExecutionEvent):
    """An execution was cancelled."""

    __slots__ = ()
