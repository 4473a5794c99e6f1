"""What runs at once: a number of tasks, the cpu and memory that they declare, and processes."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from tasksmithy._texts import near_misses
from tasksmithy.concurrency._slots import Slots
from tasksmithy.errors import PluginContractError
from tasksmithy.runtime._options import RunOptions

MOST_RUNNING_PROCESSES = 32
"""How many attempts have a process of their own at once; those that wait for a child do not count.

Each is an interpreter with what the task imports: a few dozen fill the memory of a small machine.
"""

SLOTS = ("cpu", "memory", "processes")
"""What an attempt may take of this machine: thousandths of a core, bytes, processes."""

Needs = list[tuple[Slots, int]]


class Place:
    """What one attempt holds of what is limited, and gives back while it waits for its children.

    Args:
        needs: what it needs.
    """

    def __init__(self, needs: Needs) -> None:
        self._needs = needs
        self._held: Needs = []
        self._children = 0
        self._taking = False

    async def take(self) -> None:
        """Wait until everything is free, and take it."""
        try:
            # Always in the same order, so that two tasks cannot each wait for the other's part.
            for slots, units in self._needs:
                await slots.acquire(units)
                self._held.append((slots, units))
        except BaseException:
            self.leave()
            raise

    def leave(self) -> None:
        """Give back what is held."""
        while self._held:
            slots, units = self._held.pop()
            slots.release(units)

    @asynccontextmanager
    async def given_back(self) -> AsyncIterator[None]:
        """In the body the attempt waits for a child, and others may have its place."""
        self._children += 1
        self.leave()
        try:
            yield
        finally:
            await self._child_ended()

    async def _child_ended(self) -> None:
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


def _begin_anew() -> None:
    """In a forked process, which waits for none of those of its parent."""
    global _processes
    _processes = Slots(MOST_RUNNING_PROCESSES)


os.register_at_fork(after_in_child=_begin_anew)


class Capacity:
    """The limits of one run.

    Args:
        options: `max_concurrency` and `respect_resources`.
    """

    def __init__(self, options: RunOptions) -> None:
        self._tasks = Slots(options.max_concurrency) if options.max_concurrency else None
        self._machine = {"processes": _processes}
        if options.respect_resources:
            self._machine |= {"cpu": Slots(_machine_cpu()), "memory": Slots(_machine_memory())}

    def needs(self, slots: Mapping[str, int]) -> Needs:
        """What an attempt needs before it begins; empty where nothing limits it.

        Args:
            slots: what it takes of this machine, as its executor says.

        Raises:
            PluginContractError: this machine has no slots of that name.
        """
        needs: Needs = [] if self._tasks is None else [(self._tasks, 1)]
        for name, units in slots.items():
            if name in self._machine:
                # More than the machine has means: alone.
                needs.append((self._machine[name], min(units, self._machine[name].units)))
            elif name not in SLOTS:
                raise PluginContractError(
                    f"the executor takes slots of {name!r}{near_misses(name, SLOTS)}; this machine "
                    f"has {', '.join(SLOTS)}"
                )
        return needs


def _machine_cpu() -> int:
    """The cores that this process may use, in thousandths."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0)) * 1000
    return (os.cpu_count() or 1) * 1000


def _machine_memory() -> int:
    """The machine's memory in bytes (POSIX `sysconf`)."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
