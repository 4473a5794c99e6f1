"""LoopExecutor: attempts in the process and the event loop of the run."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from typing import Any

from tasksmithy.plugins._attempt import Attempt, Host
from tasksmithy.runtime._task_run import Site, make_attempt_at
from tasksmithy.runtime.executors._slots import declared
from tasksmithy.task._template import TaskTemplate


class LoopExecutor:
    """Makes attempts in the event loop that asks for them; it is an `Executor`."""

    heeds: frozenset[str] = frozenset()

    def __init__(self) -> None:
        self._site = Site()

    def refuses(self, task: TaskTemplate[..., Any]) -> str | None:  # noqa: ARG002 - the protocol's
        """None: every task can run here that can run at all."""
        return None

    def slots(self, task: TaskTemplate[..., Any]) -> Mapping[str, int]:
        """The cpu and memory that the task declares."""
        return declared(task)

    def perform(self, attempt: Attempt, host: Host) -> Coroutine[Any, Any, Any]:
        """Make an attempt and return its result."""
        return make_attempt_at(self._site, attempt, host)

    async def close(self) -> None:
        """Call what tasks have registered for the end of the run."""
        self._site.close()
