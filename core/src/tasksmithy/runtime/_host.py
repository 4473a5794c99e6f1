"""LocalHost: the run's side of one attempt, with the children that must not outlive it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Mapping
from contextvars import copy_context
from typing import Any, Final, Protocol

from tasksmithy.concurrency._threads import caller_is_blocked
from tasksmithy.runtime._call import Call
from tasksmithy.task._context import RunContext, entered, no_group
from tasksmithy.task._job import Job
from tasksmithy.task._template import TaskTemplate

_STACKED: Final = 16
"""Generations that await each other on one stack: Python allows for no more than 1,000 frames."""


class Caller(Protocol):
    """What a host needs of its run."""

    def call(
        self,
        task: TaskTemplate[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        group: str,
        caller: LocalHost,
    ) -> Call:
        """A call that the attempt of `caller` makes, checked.

        Raises:
            InputError: the inputs do not fit the interface.
            NotExecutableError: the task cannot run here.
        """
        ...

    def result(self, call: Call, /) -> Awaitable[Any]:
        """The result of a call, once awaited."""
        ...

    def add_to_report(self, context: RunContext, tab: str, fragment: str) -> None:
        """Add HTML to a tab of the report of the execution that `context` is of."""
        ...

    def job(self, call: Call) -> Job:
        """The job of the attempt that a call makes, as far as the run knows it."""
        ...


class LocalHost:
    """The run, as one attempt sees it; it is a `Host`.

    Args:
        run: the run.
        call: what makes the attempt.

    Attributes:
        context: the context of the attempt.
        generation: how many attempts wait for this one.
    """

    __slots__ = (
        "_call",
        "_children",
        "_ended",
        "_events",
        "_loop",
        "_place",
        "_run",
        "_variables",
        "context",
        "generation",
    )

    def __init__(self, run: Caller, call: Call) -> None:
        self.context = call.context()
        self.generation = call.generation
        self._run = run
        self._call = call
        self._place = call.place  # given back while the attempt waits for its children
        self._events = call.events
        self._loop = asyncio.get_running_loop()
        self._variables = copy_context()
        self._children: set[asyncio.Task[Any]] = set()
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
        if asyncio.get_running_loop() is not self._loop and not caller_is_blocked.get():
            here = self.call(task, args, kwargs, group)
            variables = self._variables.copy()
            child = variables.run(asyncio.run_coroutine_threadsafe, here, self._loop)
            return await asyncio.wrap_future(child)
        call = self._run.call(task, args, kwargs, group, self)
        if not group:
            return await self._child(call)
        with no_group():
            return await self._child(call)

    async def _child(self, call: Call) -> Any:
        if self._ended:
            raise asyncio.CancelledError
        me = asyncio.current_task()
        is_new = me is not None and me not in self._children
        if is_new:
            self._children.add(me)  # type: ignore[arg-type]  # a new one is not None
        try:
            result = self._run.result(call)
            if self.generation % _STACKED == _STACKED - 1:
                # A stack of its own, as tasks that call themselves go deep.
                result = asyncio.ensure_future(result)
            if self._place is None or caller_is_blocked.get():
                return await result
            async with self._place.given_back():
                return await result
        finally:
            if is_new:
                self._children.discard(me)

    def log(self, record: logging.LogRecord) -> None:
        """Handle a log record of the attempt here."""
        logger = logging.getLogger(record.name)
        if logger.isEnabledFor(record.levelno):
            with entered(self.context):  # whose report it belongs to
                logger.handle(record)

    def report(self, tab: str, fragment: str) -> None:
        """Add HTML to a tab of the report of the task."""
        self._run.add_to_report(self.context, tab, fragment)

    def job(self) -> Job:
        """The job of the attempt, as far as the run knows it."""
        return self._run.job(self._call)

    def placed(self, place: str) -> None:
        """Tell where the attempt is made."""
        if self._events is not None and not self._ended:
            self._events.attempt_placed(self.context.attempt, place)

    def end(self) -> list[asyncio.Task[Any]]:
        """The attempt has ended: cancel the children that still run, and give them."""
        self._ended = True
        if not self._children:
            return []
        me = asyncio.current_task()
        left = [
            child for child in self._children if child is not me and child.get_loop() is self._loop
        ]
        for child in left:
            child.cancel()
        return left
