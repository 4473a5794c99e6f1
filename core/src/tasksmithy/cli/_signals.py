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
from types import FrameType
from typing import Any, Final, NoReturn, TypeVar

from tasksmithy.concurrency._process_tree import descendants
from tasksmithy.concurrency._threads import cancel_what_blocks

T = TypeVar("T")

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stop:
    """What Ctrl-C, SIGTERM and SIGHUP do to this process, from when it is made to its end.

    The first one cancels the run, or raises `KeyboardInterrupt` where none is under way. Another
    SIGINT or SIGTERM kills what the process has started and ends it, also where tasks hold on to
    what they do: only the files of secrets are removed. A signal that is ignored, as by `nohup`,
    stays so.

    Args:
        tell: is called before the first one cancels a run, in a thread: what is interrupted may
            be about to print itself.
    """

    def __init__(self, tell: Callable[[], None]) -> None:
        self._tell = tell
        self._first: int | None = None
        self._cancel: Callable[[], None] | None = None
        self._before = {
            number: handler
            for number in _SIGNALS
            if (handler := signal.getsignal(number)) is not signal.SIG_IGN
        }
        for number in self._before:
            signal.signal(number, self._on_signal)
        os.register_at_fork(after_in_child=self._leave)

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
        assert task is not None  # noqa: S101 - `asyncio.run` makes one

        def cancel() -> None:
            with suppress(RuntimeError):  # the loop is closed: the run has just ended
                loop.call_soon_threadsafe(task.cancel)
            cancel_what_blocks()  # a task may keep the loop from turning

        self._cancel = cancel
        try:
            return await coroutine
        finally:
            self._cancel = None

    def _tell_and(self, cancel: Callable[[], None]) -> None:
        """Say that the run is being cancelled, before what it says itself of that."""
        try:
            self._tell()
        finally:
            cancel()

    def _leave(self) -> None:
        """In a process that a task has forked: signals mean there what they meant before."""
        for number, handler in self._before.items():
            if signal.getsignal(number) == self._on_signal:
                signal.signal(number, handler)

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        if self._first is None:
            self._first = number
            if self._cancel is None:
                raise KeyboardInterrupt
            # Not threading's: a signal may come while that holds its lock.
            _thread.start_new_thread(self._tell_and, (self._cancel,))
        elif number != signal.SIGHUP:  # of which a terminal that is closed sends two
            _end_at_once(128 + number)


def _end_at_once(code: int) -> NoReturn:
    """End this process with nothing tidied up but what would be a danger or a nuisance."""
    _signal_descendants(signal.SIGKILL)
    if (secrets := sys.modules.get("tasksmithy.runtime.secrets._mounts")) is not None:
        secrets.remove_mounts()
    if (display := sys.modules.get("tasksmithy.runtime.report._live")) is not None:
        display.wipe()
    os._exit(code)


def _signal_descendants(number: int) -> None:
    """Send a signal to what this process has started, and to what that has started, and so on."""
    for process in descendants(os.getpid()):
        with suppress(OSError):  # it has ended meanwhile
            os.kill(process, number)
