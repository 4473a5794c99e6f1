"""Observer: who is told what happens in a recorded run."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from tasksmithy.task._context import RunContext
    from tasksmithy.task._template import TaskTemplate


class Observer:
    """Is told what happens in a recorded run, in the thread where it happens; this one ignores it.

    The context is of the execution: its `key` tells executions apart, its `attempt` is 0.

    Attributes:
        run_id: id of the run; empty where it is not remembered, or before the run has begun.
    """

    run_id: str = ""

    def begin(self, run_id: str) -> None:
        """A run begins."""

    def resumed(self, kept: int, lost: int) -> None:
        """The run goes on with this many results; other tasks that had ended left none behind."""

    def started(self, task: TaskTemplate[..., Any], context: RunContext) -> None:
        """An execution has begun."""

    def retried(self, context: RunContext, attempt: int, error: Exception) -> None:
        """The attempt of this number failed, and another one follows."""

    def succeeded(self, context: RunContext, status: str) -> None:
        """An execution has a result: `"succeeded"`, `"cached"` or `"resumed"`."""

    def failed(self, context: RunContext, error: BaseException) -> None:
        """An execution failed or was cancelled."""

    def close(self) -> None:
        """The run is over, however it ended."""


NOBODY = Observer()


def ended_by(error: BaseException) -> Literal["failed", "cancelled"]:
    """How an execution, or a run, has ended that ended with an error."""
    was_stopped = isinstance(error, (asyncio.CancelledError, KeyboardInterrupt))
    return "cancelled" if was_stopped else "failed"
