"""LocalHost: the run's side of one attempt, with the children that must not outlive it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any, Final, Protocol

from tasksmithy.concurrency._threads import caller_is_blocked
from tasksmithy.task._context import RunContext, entered
from tasksmithy.task._template import TaskTemplate

_STACKED: Final = 16
"""Generations that await each other on one stack: Python allows for no more than 1,000 frames."""


class Parents(Protocol):
    """What a host needs of its run."""

    def child(
        self,
        parent: LocalHost,
        task: TaskTemplate[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        group: str,
    ) -> Coroutine[Any, Any, Any]:
        """The result of a task as a child of the attempt that `parent` is the host of."""
        ...

    def add_to_report(self, context: RunContext, tab: str, fragment: str) -> None:
        """Add HTML to a tab of the report of the execution that `context` is of."""
        ...


class LocalHost:
    """The run, as one attempt sees it; it is a `Host`.

    Args:
        run: the run.
        context: the context of the attempt.
        above: the host of the attempt that called; None for the run's first task.

    Attributes:
        context: as given.
        generation: how many attempts wait for this one.
    """

    __slots__ = ("_ended", "_loop", "_run", "_tasks", "_variables", "context", "generation")

    def __init__(self, run: Parents, context: RunContext, above: LocalHost | None) -> None:
        self.context = context
        self.generation: int = 0 if above is None else above.generation + 1
        self._run = run
        self._loop = asyncio.get_running_loop()
        self._variables = copy_context()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._ended = False

    async def call(
        self,
        task: TaskTemplate[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        group: str,
    ) -> Any:
        """The result of a task that the attempt calls, from any thread and any event loop.

        Raises:
            asyncio.CancelledError: the attempt has ended.
            Exception: whatever the child raises, as the type that it was raised as.
        """
        child = self._run.child(self, task, args, kwargs, group)
        if asyncio.get_running_loop() is self._loop or caller_is_blocked.get():
            return await child
        variables = self._variables.copy()
        call = variables.run(asyncio.run_coroutine_threadsafe, child, self._loop)
        return await asyncio.wrap_future(call)

    def log(self, record: logging.LogRecord) -> None:
        """Handle a log record of the attempt here."""
        logger = logging.getLogger(record.name)
        if logger.isEnabledFor(record.levelno):
            with entered(self.context):  # whose report it belongs to
                logger.handle(record)

    def report(self, tab: str, fragment: str) -> None:
        """Add HTML to a tab of the report of the task."""
        self._run.add_to_report(self.context, tab, fragment)

    @contextmanager
    def member(self) -> Iterator[None]:
        """In the body, the current asyncio task runs a child of the attempt.

        Raises:
            asyncio.CancelledError: the attempt has ended.
        """
        if self._ended:
            raise asyncio.CancelledError
        task = asyncio.current_task()
        if task is None or task in self._tasks:
            yield
            return
        self._tasks.add(task)
        try:
            yield
        finally:
            self._tasks.discard(task)

    @property
    def needs_stack(self) -> bool:
        """Whether a child needs a stack of its own, as tasks that call themselves go deep."""
        return self.generation % _STACKED == _STACKED - 1

    async def end(self) -> None:
        """Cancel the children that still run, and wait until they have ended."""
        self._ended = True
        loop, me = asyncio.get_running_loop(), asyncio.current_task()
        left = [task for task in self._tasks if task is not me and task.get_loop() is loop]
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)
