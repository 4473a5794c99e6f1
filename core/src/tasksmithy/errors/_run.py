"""What ends a run, or an attempt of a task."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tasksmithy._texts import shorten
from tasksmithy.errors._base import TasksmithyError


class SecretNotFoundError(TasksmithyError, LookupError):
    """A secret of a task that nothing on this machine knows.

    Attributes:
        task: name of the task.
        key: the secret's name.
        group: the group that it is in, or None.
        looked_at: every place that was looked at, in order, with what is wrong there.
    """

    def __init__(self, task: str, key: str, group: str | None, looked_at: Iterable[str]) -> None:
        self.task = task
        self.key = key
        self.group = group
        self.looked_at: tuple[str, ...] = tuple(looked_at)
        super().__init__(task, key, group, self.looked_at)

    def __str__(self) -> str:
        group = "" if self.group is None else f" of group {self.group!r}"
        places = "".join(f"\n  - {place}" for place in self.looked_at)
        return (
            f"task {self.task!r} needs the secret {self.key!r}{group}, which has no value here. "
            f"Looked at, in this order:{places}\n"
            "Put the value into one of these, or name other files and another directory: "
            "secrets_files and secrets_dir in [tool.tasksmithy], or TASKSMITHY_SECRETS_DIR."
        )


class NotExecutableError(TasksmithyError):
    """A task that cannot run on this machine, because its task type has no local execution."""


class NonRecoverableError(TasksmithyError):
    """For tasks to raise: no retry can help, so the remaining retries are not used."""


class TaskRecursionError(NonRecoverableError, RecursionError):
    """A task that calls itself without end, by itself or through others.

    Attributes:
        task: name of the task.
        generations: how many tasks waited for each other.
    """

    def __init__(self, task: str, generations: int) -> None:
        super().__init__(task, generations)
        self.task = task
        self.generations = generations

    def __str__(self) -> str:
        return (
            f"task {self.task!r} was called with {self.generations:,} tasks that wait for each "
            "other above it: does it call itself without end, by itself or through others?"
        )


class TaskTimeoutError(TasksmithyError, TimeoutError):
    """A task that reached a bound on its time.

    Attributes:
        task: name of the task.
        limit: the bound: `"max_runtime"`, `"max_queued_time"` or `"deadline"`.
        seconds: the bound, in seconds.
    """

    def __init__(self, task: str, limit: str, seconds: float) -> None:
        super().__init__(task, limit, seconds)
        self.task = task
        self.limit = limit
        self.seconds = seconds

    def __str__(self) -> str:
        return f"task {self.task!r} was ended after {self.seconds:g} s: its {self.limit}"


class JobFailedError(TasksmithyError):
    """A job of a task that has failed where it ran, as the hook `poll` has found.

    Attributes:
        task: name of the task.
        handle: what `submit` gave for the job.
        reason: what `poll` said.
    """

    def __init__(self, task: str, handle: Any, reason: str) -> None:
        super().__init__(task, handle, reason)
        self.task = task
        self.handle = handle
        self.reason = reason

    def __str__(self) -> str:
        said = self.reason or "it said no reason"
        return f"task {self.task!r}: its job {shorten(self.handle)} has failed: {said}"


class TaskExitError(TasksmithyError):
    """A task that ended by `sys.exit`, which would otherwise end the whole run."""


class TaskCancelledError(TasksmithyError):
    """A run that was cancelled from within: a task raised `asyncio.CancelledError` of its own.

    Attributes:
        task: name of the task that the run was for.
    """

    def __init__(self, task: str) -> None:
        super().__init__(task)
        self.task = task

    def __str__(self) -> str:
        return (
            f"task {self.task!r} was cancelled from within: it raised asyncio.CancelledError, or "
            "let one of a task that it waits for through, and nobody has stopped the run"
        )


class NotShippableError(NonRecoverableError):
    """A value that cannot go from one process to another, where a task has one of its own.

    Attributes:
        task: name of the task.
        what: what was to go: the task, an input by name, the result, what was raised.
        problem: what pickling says against it.
    """

    def __init__(self, task: str, what: str, problem: str) -> None:
        super().__init__(task, what, problem)
        self.task = task
        self.what = what
        self.problem = problem

    def __str__(self) -> str:
        return (
            f"task {self.task!r}: {self.what} cannot go from one process to another: "
            f"{self.problem}. Define functions and classes at the top of a module that can be "
            "imported; give data, or a path, in the place of an open file, a lock or a "
            "connection. A task without timeout, env_vars and secrets needs no process of its own."
        )


class WorkerStartError(TasksmithyError):
    """A process for an attempt that this machine could not start; the reason is the `__cause__`.

    Attributes:
        task: name of the task.
    """

    def __init__(self, task: str, reason: str) -> None:
        super().__init__(task, reason)
        self.task = task
        self.reason = reason

    def __str__(self) -> str:
        return (
            f"task {self.task!r} needs a process of its own, and this machine could not start one: "
            f"{self.reason}. If it is a limit, raise it, or let fewer tasks run at once "
            "(max_concurrency)"
        )


class WorkerDiedError(TasksmithyError):
    """The process of an attempt that ended before the attempt did.

    One that was ended from outside is lost by no fault of the task, and the run makes the attempt
    again, up to three times for a call and apart from the task's `retries`. One that was out of
    memory would be that again: it counts as any failure of the task.

    Attributes:
        task: name of the task.
        returncode: the exit code; for a process that a signal ended, the signal's number, negated;
            None where that is not known, as of a machine that is gone.
        is_out_of_memory: whether Linux has killed it as memory was short, of the machine or of its
            cgroup.
        losses: how many attempts were lost before the run gave the call up; 0 until then.
    """

    def __init__(
        self, task: str, returncode: int | None, *, is_out_of_memory: bool = False
    ) -> None:
        super().__init__(task, returncode)
        self.task = task
        self.returncode = returncode
        self.is_out_of_memory = is_out_of_memory
        self.losses = 0

    @property
    def is_loss(self) -> bool:
        """Whether something outside of the task has ended it: SIGKILL, SIGTERM, a lost machine."""
        return self.returncode in (None, -9, -15) and not self.is_out_of_memory

    def __str__(self) -> str:
        import signal  # only on the way to an error

        if self.is_out_of_memory:
            how = "was killed, as memory was short,"
            advice = "The task needs less data at once, or more memory."
        elif self.returncode is None:
            how = "was lost"
            advice = "The machine that it was on, or the connection to it, is gone."
        elif self.returncode >= 0:
            how = f"ended with exit code {self.returncode}"
            advice = (
                "The task, or a library that it uses, called os._exit, or Python could not start: "
                "see its output on stderr."
            )
        else:
            number = -self.returncode
            known = {known.value for known in signal.Signals}
            how = f"was ended by {signal.Signals(number).name if number in known else number}"
            advice = {
                "SIGKILL": "Something killed it. systemd-oomd does when memory is short.",
                "SIGTERM": "Something outside the run told it to end.",
            }.get(how.rpartition(" ")[2], "Native code that the task uses has crashed.")
        return f"task {self.task!r}: its process {how} before it had a result. {advice}"
