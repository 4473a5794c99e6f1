"""Executors: which executor makes the attempts of a task in one run."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cached_property
from typing import Any, cast

from tasksmithy.errors import NotExecutableError
from tasksmithy.fields._timeout import Timeout
from tasksmithy.plugins._attempt import Executor
from tasksmithy.plugins._executor import made_executor
from tasksmithy.runtime.executors._loop import LoopExecutor
from tasksmithy.task._template import TaskTemplate

_logger = logging.getLogger("tasksmithy.run")


class Executors:
    """The executors of one run.

    Args:
        chosen: the executor of the run: a name, or what makes one; None for this machine, on which
            a task has the event loop or a process of its own.

    Raises:
        PluginError: no plugin provides the executor, or it cannot be used.
    """

    def __init__(self, chosen: str | Callable[[], Executor] | None) -> None:
        self._loop = LoopExecutor()
        self._chosen = None if chosen is None else made_executor(chosen)

    def of(self, task: TaskTemplate[..., Any]) -> Executor:
        """The executor of a task.

        Raises:
            NotExecutableError: it refuses the task.
        """
        if self._chosen is not None:
            executor, label = self._chosen
            if (reason := executor.refuses(task)) is not None:
                raise NotExecutableError(f"{label} refuses task {task.name!r}: {reason}")
            return executor
        return self._process if _needs_process(task) else self._loop

    async def close(self) -> None:
        """The run has ended. An executor that fails to close changes no result: it is logged."""
        try:
            if self._chosen is not None:
                await self._chosen.executor.close()
        except Exception:
            _logger.exception("%s failed to close", self._chosen and self._chosen.label)
        finally:
            await self._loop.close()

    @cached_property
    def _process(self) -> Executor:
        # What a process needs is of no use to the others.
        from tasksmithy.runtime.executors.process._executor import ProcessExecutor

        return ProcessExecutor()


def _needs_process(task: TaskTemplate[..., Any]) -> bool:
    """Whether the task is a sync function that may have to be ended, or has an environment.

    A thread cannot be ended, and threads share one environment.
    """
    timeout = cast("Timeout", task.timeout)  # a task keeps it in this form
    return task._call_as_synchronous and bool(  # noqa: SLF001 - the field's name is the API's
        task.env_vars or task.secrets or timeout.runtime_seconds or timeout.deadline is not None
    )
