"""FarHost: the run as the far side of a channel sees it, and the log that goes there."""

from __future__ import annotations

import asyncio
import itertools
import logging
import pickle
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

from tasksmithy.plugins._attempt import Host
from tasksmithy.runtime.executors import _shipping as shipping
from tasksmithy.runtime.executors._frames import FarChannel, Frame, Message
from tasksmithy.runtime.secrets._exits import learn


class FarHost:
    """The run at the other end of a channel; it is a `Host`, for any thread and any event loop.

    Args:
        channel: the channel to the run.
        put: what keeps large values out of the payloads; None where the channel has no way for
            them.
    """

    def __init__(self, channel: FarChannel, put: shipping.Put | None = None) -> None:
        self._channel = channel
        self._put = put
        self._lock = threading.Lock()
        self._waiting: dict[int, Future[Frame]] = {}
        self._numbers = itertools.count(1)

    @property
    def waits(self) -> bool:
        """Whether the attempt waits for an answer of the run."""
        return bool(self._waiting)

    def listen(self) -> None:
        """In a thread: hand out the answers of the run until the channel ends."""
        while (frame := self._channel.receive()) is not None:
            if frame.message is Message.SECRETS:
                learn(pickle.loads(frame.payload))  # noqa: S301 - texts, from the run
            waiting = self._waiting.pop(frame.number, None)
            if waiting is not None and waiting.set_running_or_notify_cancel():
                waiting.set_result(frame)

    def send(self, frame: Frame) -> None:
        """Send a frame.

        Raises:
            OSError: the run is dead, or this is a process that the task has forked.
        """
        with self._lock:
            self._channel.send(frame)

    async def call(self, task: Any, args: Any, kwargs: Mapping[str, Any], group: str) -> Any:
        """The result of a task that the attempt calls.

        Raises:
            NotShippableError: the call does not pickle, or its result.
            OSError: the run is dead, or this is a process that the task has forked.
            Exception: whatever the child raises, as the type it was raised as.
        """
        what = "the call, with its inputs,"
        packed = shipping.packed(task.name, what, (task, args, kwargs, group), self._put)
        number = next(self._numbers)
        waiting = self._waiting[number] = Future()
        try:
            self.send(Frame(Message.CALL, number, *packed))
            answer = await asyncio.wrap_future(waiting)
        except asyncio.CancelledError:
            with suppress(OSError):
                self.send(Frame(Message.CANCEL, number, b""))
            raise
        finally:
            self._waiting.pop(number, None)
        if answer.message is Message.ERROR:
            raise shipping.unpack_error(task.name, answer.payload)
        return shipping.unpacked(task.name, "its result", answer.payload, answer.parts)

    def log(self, record: logging.LogRecord) -> None:
        """Send a record as plain data, which pickles whatever its arguments are."""
        told = {**vars(record), "msg": record.getMessage(), "args": None, "exc_info": None}
        if record.exc_info:
            told["exc_text"] = logging.Formatter().formatException(record.exc_info)
        plain = {
            name: value if type(value) in _PLAIN else repr(value) for name, value in told.items()
        }
        with suppress(OSError):  # nobody is there to be told
            self.send(Frame(Message.LOG, 0, pickle.dumps(plain)))

    def report(self, tab: str, fragment: str) -> None:
        """Have the run add HTML to a tab of the report of the task."""
        with suppress(OSError):  # nobody is there to be told
            self.send(Frame(Message.REPORT, 0, pickle.dumps((tab, fragment))))

    def placed(self, place: str) -> None:
        """Have the run tell where the attempt is made."""
        with suppress(OSError):  # nobody is there to be told
            self.send(Frame(Message.PLACE, 0, place.encode()))

    def leave(self) -> None:
        """In a forked process, which is no part of the conversation."""
        self._lock = threading.Lock()


_PLAIN = (str, int, float, type(None))


class LogToHost(logging.Handler):
    """Hands log records to the run, in the place of the handlers of this process.

    Args:
        host: the run.
    """

    def __init__(self, host: Host) -> None:
        super().__init__()
        self._host = host

    def emit(self, record: logging.LogRecord) -> None:
        """Hand over a record."""
        try:
            self._host.log(record)
        except Exception:  # noqa: BLE001 - as every handler: logging breaks no task
            self.handleError(record)

    def take_over(self, levels: Mapping[str, int]) -> None:
        """Have all that is logged in this process, by the levels of the run.

        Handlers that are there now are those of modules, which the run has, too: what both write
        would be written twice. Those that a task adds later are its own.
        """
        for name in levels:
            logging.getLogger(name)  # it may not be there yet
        loggers = [each for each in logging.root.manager.loggerDict.values()
                   if isinstance(each, logging.Logger)]  # fmt: skip
        for logger in (logging.root, *loggers):
            level = levels.get("" if logger is logging.root else logger.name, 0)
            if logger.level != level:  # to set it looks at all loggers again
                logger.setLevel(level)
            logger.handlers.clear()
            logger.propagate = True
        logging.root.addHandler(self)
