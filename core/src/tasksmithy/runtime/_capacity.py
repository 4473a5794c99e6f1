"""What runs at once: a number of tasks, the cpu and memory that they declare, and processes."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any

from tasksmithy.concurrency._slots import Slots
from tasksmithy.concurrency._threads import caller_is_blocked
from tasksmithy.fields._quantity import NANOS, Quantity
from tasksmithy.runtime._options import RunOptions
from tasksmithy.task._template import TaskTemplate

MOST_RUNNING_PROCESSES = 32
"""How many attempts have a process of their own at once; those that wait for a child do not count.

Each is an interpreter with what the task imports: a few dozen fill the memory of a small machine.
"""

Needs = list[tuple[Slots, int]]


class _Place:
    """What one running task holds, and gives back while it waits for its children."""

    def __init__(self, needs: Needs) -> None:
        self._needs = needs
        self._held: Needs = []
        self._children = 0
        self._taking = False

    async def take(self) -> None:
        try:
            # Always in the same order, so that two tasks cannot each wait for the other's part.
            for slots, units in self._needs:
                await slots.acquire(units)
                self._held.append((slots, units))
        except BaseException:
            self.leave()
            raise

    def leave(self) -> None:
        while self._held:
            slots, units = self._held.pop()
            slots.release(units)

    def child_begins(self) -> None:
        self._children += 1
        self.leave()

    async def child_ended(self) -> None:
        self._children -= 1
        if self._children or self._taking or not self._needs:
            return
        self._taking = True
        try:
            await self.take()
        finally:
            self._taking = False
        if self._waits():  # a child has begun meanwhile, and may need the very place
            self.leave()

    def _waits(self) -> bool:
        return self._children > 0


_processes = Slots(MOST_RUNNING_PROCESSES)
_place: ContextVar[_Place | None] = ContextVar("tasksmithy_place", default=None)


class Capacity:
    """The limits of one run.

    Args:
        options: `max_concurrency` and `respect_resources`.
    """

    def __init__(self, options: RunOptions) -> None:
        self._tasks = Slots(options.max_concurrency) if options.max_concurrency else None
        self._cpu = Slots(_machine_cpu()) if options.respect_resources else None
        self._memory = Slots(_machine_memory()) if options.respect_resources else None

        self._is_limited = self._tasks is not None or self._cpu is not None

    def limits(self, *, in_process: bool) -> bool:
        """Whether an attempt needs a place.

        Args:
            in_process: whether it has a process of its own.
        """
        return in_process or self._is_limited

    @property
    def caller_has_place(self) -> bool:
        """Whether the task that is current, or one that waits for it, has a place to give."""
        return _place.get() is not None

    @asynccontextmanager
    async def of(self, task: TaskTemplate[..., Any], *, in_process: bool) -> AsyncIterator[None]:
        """In the body the task has its place; before it, the task waits for one."""
        if caller_is_blocked.get():  # it cannot give its place up, so the task has part in it
            yield
            return
        place = _Place(self._needs(task, in_process=in_process))
        await place.take()
        token = _place.set(place)
        try:
            yield
        finally:
            _place.reset(token)
            place.leave()

    @asynccontextmanager
    async def waiting(self) -> AsyncIterator[None]:
        """In the body the task that is current gives its place to others."""
        place = _place.get()
        if place is None or caller_is_blocked.get():
            yield
            return
        place.child_begins()
        try:
            yield
        finally:
            await place.child_ended()

    def _needs(self, task: TaskTemplate[..., Any], *, in_process: bool) -> Needs:
        needs: Needs = [(self._tasks, 1)] if self._tasks is not None else []
        if self._cpu is not None and self._memory is not None and task.resources is not None:
            cpu, _ = task.resources.cpu_range()
            memory, _ = task.resources.memory_range()
            for slots, text in ((self._cpu, cpu), (self._memory, memory)):
                if text is not None:
                    # More than the machine has means: alone.
                    needs.append((slots, min(Quantity.parse(text).nanos, slots.units)))
        if in_process:
            needs.append((_processes, 1))
        return needs


def _machine_cpu() -> int:
    """The cores that this process may use, in nanos."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0)) * NANOS
    return (os.cpu_count() or 1) * NANOS


def _machine_memory() -> int:
    """The machine's memory in nanos of a byte (POSIX `sysconf`)."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * NANOS
