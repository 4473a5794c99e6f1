"""The program in the process of one attempt, which `_attempt` starts."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import pickle
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from typing import Any

from tasksmithy._registry_in_use import registry_in_use
from tasksmithy.runtime.executors.process import _shipping as shipping
from tasksmithy.runtime.executors.process import _wire as wire
from tasksmithy.runtime.executors.process._surroundings import Surroundings
from tasksmithy.runtime.executors.process._wire import GRACE, Frame, Kind
from tasksmithy.runtime.secrets._masking import Masker, masking
from tasksmithy.task._attempt import perform
from tasksmithy.task._context import RunContext, into_child


def main(descriptor: int) -> None:
    """Perform the attempt that comes over the wire, answer it and end.

    Args:
        descriptor: the file descriptor of the wire.
    """
    sock = socket.socket(fileno=descriptor)
    sock.set_inheritable(False)  # another process that held it would hide the end of this one
    surroundings, attempt = wire.receive(sock), wire.receive(sock)
    if surroundings is None or attempt is None:
        return
    link = _Link(sock)
    taken: Surroundings = pickle.loads(surroundings.payload)  # noqa: S301 - from the run
    taken.take_on()
    _log_to(link)
    worker = _Worker(link)
    try:
        answer = Frame(Kind.RESULT, 0, worker.result(taken.task, attempt.payload))
    except BaseException as error:  # noqa: BLE001 - handed to the run, whatever it is
        answer = Frame(Kind.ERROR, 0, shipping.pack_error(error))
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # it may be closed, or None
            stream.flush()
    if worker.is_told_to_end:
        link.die()
    with suppress(OSError):
        link.send(answer)
    link.finish()


class _Link:
    """The wire, as the worker uses it from any of its threads.

    The end of the wire before the attempt is answered means that the run is dead. Then the group of
    the worker is ended, also if the task leaves the event loop no turn: a thread sees to it.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._lock = threading.Lock()
        self._waiting: dict[int, Future[Frame]] = {}
        self._numbers = itertools.count(1)
        self._answered = False
        self._ended = threading.Event()
        # A process that the task forks is no part of this conversation.
        os.register_at_fork(after_in_child=self._leave)
        threading.Thread(target=self._read, name="tasksmithy-wire", daemon=True).start()

    def send(self, frame: Frame) -> None:
        """Send a frame.

        Raises:
            OSError: the run is dead, or this is a process that the task has forked.
        """
        with self._lock:
            wire.send(self._sock, frame)

    async def call(self, payload: bytes) -> Frame:
        """The answer to a call; from whichever event loop."""
        number = next(self._numbers)
        waiting = self._waiting[number] = Future()
        try:
            self.send(Frame(Kind.CALL, number, payload))
            return await asyncio.wrap_future(waiting)
        except asyncio.CancelledError:
            with suppress(OSError):
                self.send(Frame(Kind.CANCEL, number, b""))
            raise
        finally:
            self._waiting.pop(number, None)

    def finish(self) -> None:
        """Wait until the run has the answer, so that it never takes this process for dead."""
        self._answered = True
        self._ended.wait()

    def die(self) -> None:
        """End by the signal that told this process to."""
        if self._ended.is_set():
            threading.Event().wait()  # for the end of the whole group, which `_read` sees to
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)

    def _read(self) -> None:
        while (frame := wire.receive(self._sock)) is not None:
            waiting = self._waiting.get(frame.number)
            if waiting is not None and waiting.set_running_or_notify_cancel():
                waiting.set_result(frame)
        self._ended.set()
        if self._answered:
            time.sleep(GRACE)  # for the ordinary end, which a thread of the task may hold up
        os.killpg(os.getpgid(0), signal.SIGTERM)
        time.sleep(GRACE)
        os.killpg(os.getpgid(0), signal.SIGKILL)

    def _leave(self) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        self._sock.close()
        self._lock = threading.Lock()


class _Worker:
    """Performs the attempt.

    Attributes:
        is_told_to_end: whether SIGTERM has come.
    """

    def __init__(self, link: _Link) -> None:
        self._link = link
        self.is_told_to_end = False

    def result(self, task: str, payload: bytes) -> bytes:
        """The result of the attempt.

        Raises:
            NotShippableError: the attempt cannot be read here, or its result does not pickle.
            BaseException: whatever the task raises.
        """
        # Not in the event loop: a script that is imported here may well start one.
        attempt = shipping.unpacked(task, "the task, or one of its inputs,", payload)
        subject, inputs, context, registry = attempt
        registry_in_use.set(registry)
        with masking() as masker:
            # Its own loggers write here, and not where the run masks what is logged.
            masker.add(context.secrets.values())
            run = _Run(context.run_id, self._link, masker)
            try:
                result = asyncio.run(
                    self._until_told(perform(subject, inputs, replace(context, run=run)))
                )
            finally:
                run.end()
        return shipping.packed(task, "its result", result)

    async def _until_told(self, attempt: Coroutine[Any, Any, Any]) -> Any:
        """The result of `attempt`, which SIGTERM cancels, so that it can tidy up."""
        loop, performing = asyncio.get_running_loop(), asyncio.current_task()

        def end(*_: object) -> None:
            self.is_told_to_end = True
            if performing is not None:
                loop.call_soon_threadsafe(performing.cancel)

        # Not a handler of the loop: a forked process would share it, and tell it of its signals.
        signal.signal(signal.SIGTERM, end)
        try:
            return await attempt
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


class _Run:
    """The run, as the task in this process sees it; it has `tasksmithy.task._context.Run`.

    Attributes:
        id: identifies the run.
    """

    def __init__(self, id: str, link: _Link, masker: Masker) -> None:  # noqa: A002 - the field's name
        self.id = id
        self._link = link
        self._masker = masker
        self._at_end: list[Callable[[], None]] = []

    async def child(self, task: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The result of `task`, which the run performs as a child of this attempt.

        Raises:
            NotShippableError: the call does not pickle, or its result.
            Exception: whatever the child raises, as the type it was raised as.
        """
        with into_child() as group:
            call = shipping.packed(
                task.name, "the call, with its inputs,", (task, args, kwargs, group)
            )
        answer = await self._link.call(call)
        if answer.kind is Kind.ERROR:
            raise shipping.unpack_error(task.name, answer.payload)
        return shipping.unpacked(task.name, "its result", answer.payload)

    def at_end(self, callback: Callable[[], None]) -> None:
        """Call `callback` when this process has done its part; the last registered comes first."""
        self._at_end.append(callback)

    def mask(self, text: str) -> str:
        """`text` with `***` for each secret that the task in this process has."""
        return self._masker.mask(text)

    def add_to_report(self, context: RunContext, tab: str, fragment: str) -> None:  # noqa: ARG002 - there is but one
        """Have the run add HTML to a tab of the report of this execution."""
        with suppress(OSError):  # nobody is there to be told
            self._link.send(Frame(Kind.REPORT, 0, pickle.dumps((tab, fragment))))

    def end(self) -> None:
        """Call what waits for the end."""
        while self._at_end:
            self._at_end.pop()()


_PLAIN = (str, int, float, type(None))


class _LogSender(logging.Handler):
    """Sends records to the run.

    Args:
        link: the wire.
    """

    def __init__(self, link: _Link) -> None:
        super().__init__()
        self._link = link

    def emit(self, record: logging.LogRecord) -> None:
        """Send a record as plain data, which pickles whatever its arguments are."""
        try:
            told = {**vars(record), "msg": record.getMessage(), "args": None, "exc_info": None}
            if record.exc_info:
                told["exc_text"] = logging.Formatter().formatException(record.exc_info)
            plain = {
                name: value if type(value) in _PLAIN else repr(value)
                for name, value in told.items()
            }
            self._link.send(Frame(Kind.LOG, 0, pickle.dumps(plain)))
        except OSError:  # nobody is there to be told
            return
        except Exception:  # noqa: BLE001 - as every handler: logging breaks no task
            self.handleError(record)


def _log_to(link: _Link) -> None:
    logger = logging.getLogger("tasksmithy")
    logger.addHandler(_LogSender(link))
    logger.propagate = False
