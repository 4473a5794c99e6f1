"""Blocking code beside an event loop: functions in threads, coroutines for callers that block."""

from __future__ import annotations

import asyncio
import os
import queue
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager, suppress
from contextvars import ContextVar, copy_context
from types import FrameType
from typing import Any, ParamSpec, TypeVar, cast

from tasksmithy.concurrency._slots import Slots

P = ParamSpec("P")
T = TypeVar("T")

MOST_RUNNING_THREADS = 64
"""How many functions run in threads at once; those that wait for a child do not count."""


LONGEST_IDLE = 10.0
"""Seconds after which an idle thread ends."""


class _Threads:
    """Threads that are started when none is idle, and die with the process.

    The executor of the standard library joins its threads when the interpreter ends: a function
    that never returns would keep a cancelled run from ending.
    """

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._idle = threading.Semaphore(0)

    def start(self, call: Callable[[], None]) -> None:
        """Run `call` in a thread.

        Raises:
            RuntimeError: the machine has no thread left.
        """
        if self._idle.acquire(blocking=False):
            self._calls.put(call)
        else:
            # A thread holds its arguments until it ends: in a list, which it empties.
            threading.Thread(
                target=self._work, args=([call],), name="tasksmithy", daemon=True
            ).start()

    def _work(self, first: list[Callable[[], None]]) -> None:
        call = first.pop()
        while True:
            call()
            del call  # with all that it holds, while the thread is idle
            self._idle.release()
            try:
                call = self._calls.get(timeout=LONGEST_IDLE)
            except queue.Empty:
                if self._idle.acquire(blocking=False):
                    return
                call = self._calls.get()  # it is on its way


class _Blocking:
    """A function in a thread, as the loop that waits for it sees it.

    Attributes:
        loop: the loop, which is free to turn meanwhile.
        counts: whether the function is one of those of which so many run at once.
        children: what the function waits for at the moment.
        cancelled: whether nobody waits for the function any more.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.counts = not caller_is_blocked.get()
        self.children: set[Future[Any]] = set()
        self.cancelled = False
        self._lock = threading.Lock()  # a child is counted from the moment in which it can run

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """In the thread: run `coroutine` in the loop and wait for it."""
        with self._lock:
            if self.cancelled:
                coroutine.close()
                raise asyncio.CancelledError
            child = asyncio.run_coroutine_threadsafe(coroutine, self.loop)
            self.children.add(child)
        self.leave()
        try:
            return child.result()
        except CancelledError:
            raise asyncio.CancelledError from None
        finally:
            self.children.discard(child)
            if self.counts:
                _running.acquire_blocking()

    def leave(self) -> None:
        """Let another function run."""
        if self.counts:
            _running.release()

    def cancel(self) -> bool:
        """In the loop: cancel what the function waits for; whether it waited for anything."""
        with self._lock:
            self.cancelled = True
            children = tuple(self.children)
        cancelled = [child.cancel() for child in children]
        return any(cancelled)


_threads = _Threads()
_running = Slots(MOST_RUNNING_THREADS)
caller_is_blocked: ContextVar[bool] = ContextVar("tasksmithy_caller_is_blocked", default=False)
"""Whether this runs for a caller that blocks its event loop meanwhile.

Whatever waits in that loop cannot go on: this must not wait for it, neither in a queue behind it
nor for what it holds.
"""

_here: ContextVar[_Blocking | None] = ContextVar("tasksmithy_blocking", default=None)


async def in_thread(func: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a blocking function in a thread, in the caller's context.

    Functions that wait for each other, by calling tasks from tasks, cannot starve each other.
    Cancelled, it ends what the function waits for; a function that waits for nothing here cannot
    be ended, and its result is dropped.
    """
    loop = asyncio.get_running_loop()
    blocking = _Blocking(loop)
    context = copy_context()
    context.run(_here.set, blocking)
    result: asyncio.Future[T] = loop.create_future()

    def settle(setter: Callable[[Any], None], value: Any) -> None:
        if not result.done():
            setter(value)

    def call() -> None:
        outcome: tuple[Callable[[Any], None], Any]
        try:
            outcome = (result.set_result, context.run(func, *args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - handed to the caller, whatever it is
            outcome = (result.set_exception, _for_a_future(error))
        blocking.leave()
        try:
            loop.call_soon_threadsafe(settle, *outcome)
        except RuntimeError:  # the loop is closed: nobody waits any more
            return

    if blocking.counts:
        await _running.acquire()
    try:
        _threads.start(call)
    except RuntimeError:
        blocking.leave()
        raise
    try:
        return await asyncio.shield(result)
    except asyncio.CancelledError:
        if not result.done() and blocking.cancel():
            # It waits for children that end now, so it has its own `finally` to do.
            await asyncio.wait([result])
        result.add_done_callback(lambda dropped: dropped.cancelled() or dropped.exception())
        raise


def _for_a_future(error: BaseException) -> BaseException:
    # A future cannot hold StopIteration: it would end the generator that awaits it.
    # One with GeneratorExit would end the coroutines that await it as if they were closed.
    if isinstance(error, (StopIteration, GeneratorExit)):
        told = RuntimeError(f"a function in a thread raised {type(error).__name__}")
        told.__cause__ = error
        return told
    return error


def wait_for(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end for a caller that blocks, wherever that caller runs."""
    if in_a_loop():
        # This thread's loop cannot turn while the thread waits, so another thread's does.
        return cast("T", _Elsewhere(coroutine).result())
    blocking = _here.get()
    return asyncio.run(coroutine) if blocking is None else blocking.wait(coroutine)


def in_a_loop() -> bool:
    """Whether an event loop of asyncio turns in this thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def cancel_what_blocks() -> None:
    """Cancel what callers wait for that block their event loops, so that those can turn again."""
    for waited in tuple(_waited_for):
        waited.cancel()


class _Elsewhere:
    """A coroutine that runs in the loop of a thread of its own.

    Attributes:
        within: those that wait for this one, from the outermost on.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self._coroutine = coroutine
        self.within = _around.get()
        self._started = threading.Event()
        self._done: Future[Any] = Future()
        context = copy_context()
        context.run(_here.set, None)
        context.run(caller_is_blocked.set, True)
        context.run(_around.set, (*self.within, self))
        thread = threading.Thread(target=context.run, args=(self._turn,), daemon=True)
        thread.start()

    def result(self) -> Any:
        """Wait for the result; an interruption of the wait ends the coroutine first."""
        _waited_for.add(self)
        try:
            with _heeding_interrupts(self._stop):
                return self._done.result()
        except BaseException:
            if not self._done.done():
                self._stop()
                self._done.exception()
            raise
        finally:
            _waited_for.discard(self)

    def _stop(self) -> None:
        """Cancel the coroutine and what it waits for itself with its loop blocked."""
        for waited in tuple(_waited_for):
            if self in waited.within:
                waited.cancel()
        self.cancel()

    def cancel(self) -> None:
        """Cancel the coroutine, from any thread."""
        self._started.wait()
        with suppress(RuntimeError):  # the loop is closed: the result is on its way
            self._loop.call_soon_threadsafe(self._task.cancel)

    def _turn(self) -> None:
        try:
            self._done.set_result(asyncio.run(self._main()))
        except BaseException as error:  # noqa: BLE001 - handed to the caller, whatever it is
            self._done.set_exception(error)

    async def _main(self) -> Any:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.ensure_future(self._coroutine)
        self._started.set()
        return await self._task


_waited_for: set[_Elsewhere] = set()
_around: ContextVar[tuple[_Elsewhere, ...]] = ContextVar("tasksmithy_around", default=())


@contextmanager
def _heeding_interrupts(stop: Callable[[], None]) -> Iterator[None]:
    """Have SIGINT call `stop`, too, where it reaches this thread.

    The handler that asyncio has for it only cancels, in a loop that cannot turn meanwhile.
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> Any:
        stop()
        return before(number, frame)

    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) is interrupt:
            signal.signal(signal.SIGINT, before)


def _begin_anew() -> None:
    """In a forked process, which has none of the threads and no loop that turns."""
    global _threads, _running
    _threads, _running = _Threads(), Slots(MOST_RUNNING_THREADS)
    _waited_for.clear()
    _here.set(None)
    caller_is_blocked.set(False)


os.register_at_fork(after_in_child=_begin_anew)
