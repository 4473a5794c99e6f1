"""What is recorded of a run: the run, its executions and their attempts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from tasksmithy.values._storage import Encoded

RunStatus = Literal["running", "succeeded", "failed", "cancelled", "dead"]
TaskStatus = Literal["succeeded", "failed", "cancelled", "cached", "resumed"]


class AttemptRecord(NamedTuple):
    """One attempt of a task.

    Attributes:
        number: from 1.
        started, ended: seconds since the epoch.
        error: what it raised, as text; None where it succeeded.
        place: where it was made; None where the executor has not told.
    """

    number: int
    started: float
    ended: float
    error: str | None
    place: str | None = None


class TaskRecord(NamedTuple):
    """One execution of a task that has ended.

    Attributes:
        run: id of the run.
        key: identifies the execution in its run.
        parent: key of the execution that called it; None for the root.
        task: name of the task.
        task_type: its type.
        group: the group that the caller opened around the call, or empty.
        status: how it ended.
        queued, started, ended: seconds since the epoch; `started` is None where nothing ran.
        attempts: its attempts, in order.
        inputs: its inputs, as shortened text.
        output: its result; None where there is none.
        error: what it raised, as text; None where it succeeded.
        report: HTML by name of the tab; None where there is no report.
        code: identifies the code that made the result; empty where that is not known.
        traceback: the traceback of the error, where it was raised first; None elsewhere.
    """

    run: str
    key: str
    parent: str | None
    task: str
    task_type: str
    group: str
    status: TaskStatus
    queued: float
    started: float | None
    ended: float
    attempts: tuple[AttemptRecord, ...] = ()
    inputs: str = ""
    output: Encoded | None = None
    error: str | None = None
    report: Mapping[str, str] | None = None
    code: str = ""
    traceback: str | None = None

    @property
    def seconds(self) -> float | None:
        """How long its attempts took together; None where nothing ran."""
        return sum(each.ended - each.started for each in self.attempts) if self.attempts else None


class Kept(NamedTuple):
    """A result that a run has kept.

    Attributes:
        output: the result.
        code: identifies the code that made it; empty where that is not known.
    """

    output: Encoded
    code: str


class JobRecord(NamedTuple):
    """The last job of an execution whose work is done elsewhere.

    Attributes:
        run: id of the run.
        key: identifies the execution in its run.
        number: how many jobs the execution has had, with this one.
        code: identifies the code that the job is of; empty where that is not known.
        handle: what the backend knows it by, as JSON; None where there is none.
        has_ended: whether it has ended without a result.
    """

    run: str
    key: str
    number: int = 1
    code: str = ""
    handle: Any = None
    has_ended: bool = False


class RunRecord(NamedTuple):
    """A run.

    Attributes:
        id: identifies the run.
        file: the file that the task comes from, if any.
        task: name of the root task.
        inputs: its inputs, as shortened text.
        version: the version of tasksmithy.
        pid: the process of the run.
        status: "dead" where that process ended without ending the run.
        started, ended: seconds since the epoch.
        unrecorded: how many executions ended without a record, as none could be written; if the
            run is resumed, they run again.
        paused: seconds between its ends and the moments in which it was resumed.
    """

    id: str
    file: str | None
    task: str
    inputs: str
    version: str
    pid: int
    status: RunStatus
    started: float
    ended: float | None = None
    unrecorded: int = 0
    paused: float = 0.0

    @property
    def seconds(self) -> float | None:
        """How long the run took; None where it has not ended."""
        return None if self.ended is None else self.ended - self.started - self.paused


class RunDetails(NamedTuple):
    """A run and its executions, in the order in which they were queued."""

    run: RunRecord
    tasks: list[TaskRecord]
