"""Cleaning up after processes that were killed, beside an attempt and never in its way."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

from tasksmithy import in_thread
from tasksmithy_container.engine import Engine
from tasksmithy_container.scratch import Leftover, leftovers

OWNER = "tasksmithy.owner"
"""The label that says which process has a container."""

_OWN_SECONDS = 10.0
"""How long an attempt waits at its end for the cleaning in its own engine, which answers."""

_OTHERS_SECONDS = 1.5
"""The same for other engines, which may never answer; the next attempt tries again."""

_CLIENT_SECONDS = 2.0
"""How long the client of a container that is removed has to end by itself."""

_said: set[str] = set()
_searched: set[Engine] = set()


class Sweep:
    """The removal of what killed processes have left, while an attempt goes on.

    Args:
        engine: the engine of the attempt; containers that only it knows are looked for once.
        logger: is told what cannot be removed.
    """

    def __init__(self, engine: Engine, logger: logging.Logger) -> None:
        self._engine = engine
        self._logger = logger
        self._own: list[asyncio.Task[None]] = []
        self._others: list[asyncio.Task[None]] = []
        try:
            found = list(leftovers())
        except OSError as error:
            self._say("leftovers", error)
            return
        for each in found:
            is_own = each.engine is not None and each.engine.daemon == engine.daemon
            tasks = self._own if is_own else self._others
            tasks.append(asyncio.create_task(self._remove(each)))
        if engine not in _searched:
            _searched.add(engine)
            self._own.append(asyncio.create_task(self._remove_strays()))

    async def end(self) -> None:
        """Wait a moment for the rest, and give it up after that."""
        for tasks, seconds in ((self._own, _OWN_SECONDS), (self._others, _OTHERS_SECONDS)):
            if tasks:
                await asyncio.wait(tasks, timeout=seconds)
        for task in (*self._own, *self._others):
            task.cancel()
        await asyncio.gather(*self._own, *self._others, return_exceptions=True)

    async def _remove(self, found: Leftover) -> None:
        """Remove the container and the directories of one attempt."""
        name, is_held = found.scratch.name, True
        try:
            found.scratch.forget_secrets()
            if found.engine is None:
                self._say(name, "its lock file is of another version, or damaged")
                return
            await _removed(found.engine, name)
            is_held = False
            await asyncio.shield(in_thread(found.scratch.remove))
        except Exception as error:  # noqa: BLE001 - cleaning up after others fails no task
            self._say(name, error)
        finally:
            if is_held:
                found.scratch.release()

    async def _remove_strays(self) -> None:
        """Remove containers whose lock file is gone, or in another place, as is their process."""
        try:
            for name, owner in await self._engine.labelled(OWNER):
                if _is_gone(owner):
                    await _removed(self._engine, name)
        except Exception as error:  # noqa: BLE001 - cleaning up after others fails no task
            self._say("containers", error)

    def _say(self, name: str, problem: object) -> None:
        if name not in _said:
            _said.add(name)
            self._logger.warning("left for the next container task: %s: %s", name, problem)


async def _removed(engine: Engine, name: str) -> None:
    """Remove a container, and the client that has started it.

    A client of a daemon ends with its container, but for one that has missed its end: that one
    would wait for ever. Where the client is the engine, it has to tidy up.
    """
    await engine.remove(name)
    if not engine.removes_by_itself:
        await in_thread(_end_clients, name)


def _end_clients(name: str) -> None:
    patience = time.monotonic() + _CLIENT_SECONDS
    while (clients := _clients(name)) and time.monotonic() < patience:
        time.sleep(0.1)
    for process in clients:
        with suppress(OSError):  # it has ended meanwhile
            os.kill(process, signal.SIGKILL)


def _clients(name: str) -> list[int]:
    argument, found = f"\0--name={name}\0".encode(), []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended, or is another user's
            if argument in file.read_bytes():
                found.append(int(file.parent.name))
    return found


@cache
def _here() -> str:
    """What process ids are of: this start of this machine, and the namespace."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}:{os.stat('/proc/self/ns/pid').st_ino}"  # noqa: PTH116 - no path
    except OSError:  # not Linux
        return ""


def owner() -> str | None:
    """What tells this process from all others, also later ones; None where nothing does."""
    started = _started(os.getpid())
    return f"{_here()}:{os.getpid()}:{started}" if _here() and started else None


def _is_gone(owner: str) -> bool:
    """Whether a process is gone for certain; one of elsewhere is not."""
    where, _, process = owner.rpartition(":")
    where, _, number = where.rpartition(":")
    return where == _here() != "" and number.isdecimal() and _started(int(number)) != process


def _started(process: int) -> str | None:
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return None
    return status.rpartition(")")[2].split()[19]
