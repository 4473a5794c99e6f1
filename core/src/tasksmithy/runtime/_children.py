"""Family: the children that an attempt has started and that must not outlive it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

_STACKED: Final = 16
"""Generations that await each other on one stack: Python allows for no more than 1,000 frames."""


class Family:
    """The children of one attempt, by the asyncio tasks that they run in.

    Args:
        above: the family that the attempt belongs to; None for that of a run's first task.

    Attributes:
        generation: how many families are above it.
    """

    def __init__(self, above: Family | None) -> None:
        self.generation: int = 0 if above is None else above.generation + 1
        self._tasks: set[asyncio.Task[Any]] = set()
        self._ended = False

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


family: ContextVar[Family | None] = ContextVar("tasksmithy_family", default=None)
"""The family of the attempt that runs here; None outside a run."""
