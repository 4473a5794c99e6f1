"""GroupCommit: what many coroutines wait to have written is written together, by one thread."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

if TYPE_CHECKING:
    import asyncio

T = TypeVar("T")
_Queue: TypeAlias = "SimpleQueue[tuple[T, asyncio.Future[None]] | None]"


class GroupCommit(Generic[T]):
    """A thread that writes whatever has come together while it wrote the group before.

    One item alone is written at once; ten thousand that end together cost a few transactions.

    Args:
        write: writes a group; it is only called in the thread, or in two where items are added
            while it closes.
    """

    def __init__(self, write: Callable[[list[T]], None]) -> None:
        self._write = write
        self._lock = threading.Lock()
        self._running: tuple[_Queue[T], threading.Thread] | None = None

    async def add(self, item: T) -> None:
        """Have `item` written; return once it is.

        Raises:
            Exception: what `write` raised for the group.
        """
        import asyncio  # who only reads need not pay for it

        written = asyncio.get_running_loop().create_future()
        with self._lock:
            if self._running is None:
                self._running = self._started()
            self._running[0].put((item, written))
        await written

    def close(self) -> None:
        """Write what has been added, and end the thread; the next `add` starts another."""
        # What is added from now on goes to another queue: behind the end of this one, nobody
        # would read it.
        with self._lock:
            running, self._running = self._running, None
        if running is not None:
            queue, thread = running
            queue.put(None)
            thread.join()

    def _started(self) -> tuple[_Queue[T], threading.Thread]:
        queue: _Queue[T] = SimpleQueue()
        # What nobody waits for any more need not keep the interpreter from ending.
        thread = threading.Thread(
            target=self._work, args=(queue,), name="tasksmithy-records", daemon=True
        )
        thread.start()
        return queue, thread

    def _work(self, queue: _Queue[T]) -> None:
        open_ = True
        while open_:
            group = []
            waiting = queue.get()
            while waiting is not None:
                group.append(waiting)
                try:
                    waiting = queue.get_nowait()
                except Empty:
                    break
            else:
                open_ = False
            if group:
                self._write_group(group)

    def _write_group(self, group: list[tuple[T, asyncio.Future[None]]]) -> None:
        failure: Exception | None = None
        try:
            self._write([item for item, _ in group])
        except Exception as error:  # noqa: BLE001 - belongs to who waits
            failure = error
        futures = defaultdict(list)
        for _, future in group:
            futures[future.get_loop()].append(future)
        for loop, of_loop in futures.items():
            with suppress(RuntimeError):  # the loop is closed: nobody waits there
                loop.call_soon_threadsafe(_settle, of_loop, failure)


def _settle(futures: list[asyncio.Future[None]], failure: Exception | None) -> None:
    for future in futures:
        if future.done():  # cancelled
            continue
        if failure is None:
            future.set_result(None)
        else:
            future.set_exception(failure)
