"""ObserverThread: hands an observer the events of a run, in a thread of its own."""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import traceback
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from tasksmithy._texts import shorten
from tasksmithy.plugins._observer import Observer
from tasksmithy.task._events import Event, RunEnded

MOST_WAITING: Final = 10_000
"""Events that wait for an observer that is slow; it is not told those that come on top."""

LONGEST_WAIT: Final = 5.0
"""Seconds that a run waits at its end for observers that have not heard everything."""

_logger = logging.getLogger("tasksmithy.run")


class ObserverThread:
    """The thread in which one observer gets the events of one run.

    Args:
        observer: the observer.
        who: what messages call it.
    """

    def __init__(self, observer: Observer, who: str) -> None:
        self._observer = observer
        self._who = who
        self._waiting: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._lost = 0
        self._given_up = False
        self._loop = asyncio.get_running_loop()
        self._over = asyncio.Event()
        threading.Thread(target=self._work, name=f"tasksmithy-{who}", daemon=True).start()

    def observe(self, event: Event) -> None:
        """Have the observer told an event, soon; from any thread."""
        if self._waiting.qsize() >= MOST_WAITING and not isinstance(event, RunEnded):
            self._lost += 1
            if self._lost == 1:
                _logger.warning(
                    "%s cannot follow: %d events wait for it, and it is not told the next ones",
                    self._who,
                    MOST_WAITING,
                )
            return
        self._waiting.put(event)

    async def end(self, deadline: float) -> None:
        """Wait until the observer has heard everything, or until a time of the event loop."""
        self._waiting.put(None)
        try:
            async with asyncio.timeout_at(deadline):
                await self._over.wait()
        except TimeoutError:
            _logger.warning(
                "%s is not done %g seconds after the end of the run, and is not waited for; it may "
                "not have been told everything",
                self._who,
                LONGEST_WAIT,
            )
        finally:
            self._given_up = True
        if self._lost:
            _logger.warning("%s was not told %d events", self._who, self._lost)

    def _work(self) -> None:
        has_failed = False
        while (event := self._waiting.get()) is not None and not self._given_up:
            try:
                self._observer.observe(event)
            except BaseException as error:  # noqa: BLE001 - sys.exit() would end the thread alone
                if not has_failed:
                    has_failed = True
                    self._tell_failure(event, error)
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._over.set)

    def _tell_failure(self, event: Event, error: BaseException) -> None:
        frames = traceback.extract_tb(error.__traceback__)[1:]  # without that of `_work`
        own = [frame for frame in frames if frame.filename == frames[0].filename]
        _logger.warning(
            "%s failed at %s: %s%s; the run goes on, and further failures are not told",
            self._who,
            type(event).__name__,
            shorten(error, 500),
            f" ({own[-1].filename}, line {own[-1].lineno})" if own else "",
        )


async def end_all(threads: Sequence[ObserverThread]) -> None:
    """Wait for observers, a bounded time for all of them together."""
    deadline = asyncio.get_running_loop().time() + LONGEST_WAIT
    await asyncio.gather(*(thread.end(deadline) for thread in threads))
