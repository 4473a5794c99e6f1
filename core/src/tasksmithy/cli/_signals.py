"""Signals that stop a run: the first cancels it, another one ends the process at once.

They are the command line's own: a program that calls `tasksmithy.run` keeps what Python does.
"""

from __future__ import annotations

import _thread
import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any, Final, NoReturn, TypeVar

from tasksmithy.concurrency._threads import cancel_what_blocks

T = TypeVar("T")

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SHOW_CURSOR: Final = b"\x1b[?25h\n"  # a live display hides it


class Stop:
    """What Ctrl-C, SIGTERM and SIGHUP do to this process, from when it is made to its end.

    The first one cancels the run, or raises `KeyboardInterrupt` where none is under way. Another
    SIGINT or SIGTERM kills what the process has started and ends it, also where tasks hold on to
    what they do: only the files of secrets are removed. A signal that is ignored, as by `nohup`,
    stays so.

    Args:
        tell: is called when the first one cancels a run, in a thread: what is interrupted may be
            about to print itself.
    """

    def __init__(self, tell: Callable[[], None]) -> None:
        self._tell = tell
        self._first: int | None = None
        self._cancel: Callable[[], None] | None = None
        for number in _SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._on_signal)

    @property
    def exit_code(self) -> int:
        """The exit code of a process that was stopped, as a shell has it."""
        return 128 + (self._first or signal.SIGINT)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """The result of `coroutine`; without one, what it has started does not outlive it.

        Raises:
            KeyboardInterrupt: a signal has stopped it.
            BaseException: whatever it raises.
        """
        try:
            return asyncio.run(self._stoppable(coroutine))
        except BaseException as error:
            # Functions in threads end with this process, but not the programs that they have run.
            _signal_descendants(signal.SIGTERM)
            if isinstance(error, asyncio.CancelledError) and self._first is not None:
                raise KeyboardInterrupt from None
            raise

    async def _stoppable(self, coroutine: Coroutine[Any, Any, T]) -> T:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()

        def cancel() -> None:
            if task is not None:
                task.cancel()
            loop.call_soon_threadsafe(lambda: None)  # it may be waiting for something to do
            cancel_what_blocks()  # or a task may keep it from turning

        self._cancel = cancel
        try:
            return await coroutine
        finally:
            self._cancel = None

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        if self._first is None:
            self._first = number
            if self._cancel is None:
                raise KeyboardInterrupt
            self._cancel()
            # Not threading's: a signal may come while that holds its lock.
            _thread.start_new_thread(self._tell, ())
        elif number != signal.SIGHUP:  # of which a terminal that is closed sends two
            _end_at_once(128 + number)


def _end_at_once(code: int) -> NoReturn:
    """End this process with nothing tidied up but what would be a danger or a nuisance."""
    _signal_descendants(signal.SIGKILL)
    if (secrets := sys.modules.get("tasksmithy.runtime.secrets._mounts")) is not None:
        secrets.remove_mounts()
    if os.isatty(2):
        os.write(2, _SHOW_CURSOR)
    os._exit(code)


def _signal_descendants(number: int) -> None:
    """Send a signal to what this process has started, and to what that has started, and so on.

    That is told from `/proc`; where there is none, nobody is sent anything.
    """
    for process in _descendants():
        with suppress(OSError):  # it has ended meanwhile
            os.kill(process, number)


def _descendants() -> list[int]:
    children: dict[int, list[int]] = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended meanwhile
            # The name in parentheses may hold whatever a program has put there.
            stat = file.read_bytes().rpartition(b") ")[2].split()
            process, parent, session = int(file.parent.name), int(stat[1]), int(stat[3])
            for above in {parent, session} - {process}:
                children.setdefault(above, []).append(process)
    found: dict[int, None] = {}
    pending = [os.getpid()]
    while pending:
        new = [child for child in children.get(pending.pop(), ()) if child not in found]
        found.update(dict.fromkeys(new))
        pending += new
    return list(found)
