"""Executors: which executor makes the attempts of a task in a run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cached_property
from typing import Any

from tasksmithy.errors import NotExecutableError
from tasksmithy.plugins._attempt import Attempt, Executor, Host
from tasksmithy.runtime.executors._loop import LoopExecutor
from tasksmithy.task._hooks import hooks_for
from tasksmithy.task._template import TaskTemplate

_logger = logging.getLogger("tasksmithy.run")


class Executors:
    """The executors of one run.

    Args:
        chosen: the executor of the run: a name, or what makes one; None for this machine, on which
            a task has the event loop or a process of its own.
        options: the executor's options.

    Attributes:
        here: the one that makes attempts in the event loop of the run.

    Raises:
        PluginError: no plugin provides the executor, or it cannot be used.
        SettingsError: an option of it is not allowed.
    """

    def __init__(
        self, chosen: str | Callable[..., Executor] | None, options: Mapping[str, Any]
    ) -> None:
        self.here = LoopExecutor()
        self._chosen: _Chosen | None = None
        if chosen is not None:
            from tasksmithy.plugins._executor import made_executor  # most runs are given none

            self._chosen = _Chosen(*made_executor(chosen, options))
        self._name = chosen if isinstance(chosen, str) else getattr(chosen, "__qualname__", "")

    def of(self, task: TaskTemplate[..., Any]) -> Executor:
        """The executor of a task.

        Raises:
            NotExecutableError: it refuses the task.
        """
        if hooks_for(task).has_jobs:  # whose work is elsewhere already
            return self.here
        if self._chosen is not None:
            if (reason := self._chosen.refuses(task)) is not None:
                raise NotExecutableError(
                    f"{self._chosen.label} refuses task {task.name!r}: {reason}"
                )
            return self._chosen
        return self._process if _needs_process(task) else self.here

    def name_of(self, executor: Executor) -> str:
        """What events call an executor: its name, where it has one, or that of what made it."""
        if executor is self.here:
            return "loop"
        if self._chosen is None:
            return "process"
        return self._name

    async def close(self) -> None:
        """The run has ended. What fails to close is logged, and changes no result."""
        try:
            if self._chosen is not None:
                await self._chosen.close()
        finally:
            if "_process" in self.__dict__:  # made when it was needed
                await self._process.close()
            await self.here.close()

    @cached_property
    def _process(self) -> Executor:
        # What a process needs is of no use to the others.
        from tasksmithy.runtime.executors.process._executor import ProcessExecutor

        return ProcessExecutor()


class _Chosen:
    """An executor that the run was given: other people's code.

    Args:
        executor: the executor.
        label: what messages call it.
    """

    def __init__(self, executor: Executor, label: str) -> None:
        self._executor = executor
        self.label = label
        self.heeds = executor.heeds
        self.refuses = executor.refuses
        self.slots = executor.slots

    async def perform(self, attempt: Attempt, host: Host) -> Any:
        """Make an attempt; however often this is cancelled, the executor is cancelled once."""
        making = asyncio.ensure_future(self._executor.perform(attempt, host))
        try:
            return await asyncio.shield(making)
        except asyncio.CancelledError:
            making.cancel()
            while not making.done():
                with suppress(asyncio.CancelledError):
                    await asyncio.wait([making])
            if not making.cancelled():
                making.exception()  # nobody wants it any more
            raise

    async def close(self) -> None:
        """Close the executor; log what it raises."""
        try:
            await self._executor.close()
        except Exception:
            _logger.exception("%s failed to close", self.label)


def _needs_process(task: TaskTemplate[..., Any]) -> bool:
    """Whether the task is a sync function that may have to be ended, or has an environment.

    A thread cannot be ended, and threads share one environment.
    """
    timeout = task.timeout
    return task._call_as_synchronous and bool(  # noqa: SLF001 - the field's name is the API's
        task.env_vars or task.secrets or timeout.runtime_seconds or timeout.deadline is not None
    )
