"""Slots: how much may be in use at once, for waiters in any thread and any event loop."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from concurrent.futures import Future


class Slots:
    """A number of units of which each holder takes some; who comes first is served first.

    asyncio's own semaphore belongs to one loop and one thread; the tasks of a run may be in
    several.

    Args:
        units: how many there are.
    """

    def __init__(self, units: int) -> None:
        self.units = units
        self._free = units
        self._waiting: deque[tuple[int, Future[None]]] = deque()
        self._lock = threading.Lock()

    async def acquire(self, units: int = 1) -> None:
        """Take `units`, waiting in the event loop until they are free."""
        if self._taken(units):
            return
        loop = asyncio.get_running_loop()
        ready: Future[None] = Future()
        self._enqueue(units, ready)
        try:
            await asyncio.wrap_future(ready, loop=loop)
        except asyncio.CancelledError:
            self._forget(units, ready)
            raise

    def acquire_blocking(self, units: int = 1) -> None:
        """Take `units`, blocking the thread until they are free."""
        if self._taken(units):
            return
        ready: Future[None] = Future()
        self._enqueue(units, ready)
        ready.result()

    def release(self, units: int = 1) -> None:
        """Give `units` back, to those who wait first."""
        with self._lock:
            self._free += units
            self._serve()

    def _taken(self, units: int) -> bool:
        with self._lock:
            if self._waiting or units > self._free:
                return False
            self._free -= units
            return True

    def _enqueue(self, units: int, ready: Future[None]) -> None:
        with self._lock:
            self._waiting.append((units, ready))
            self._serve()

    def _forget(self, units: int, ready: Future[None]) -> None:
        """Whoever waited is gone: give back what was granted in the same moment."""
        if ready.cancel():
            with self._lock:
                self._serve()
        else:
            self.release(units)

    def _serve(self) -> None:
        while self._waiting:
            units, ready = self._waiting[0]
            if units > self._free and not ready.cancelled():
                return
            self._waiting.popleft()
            if ready.set_running_or_notify_cancel():
                self._free -= units
                ready.set_result(None)
