"""The program in the process of one attempt, which `_executor` starts."""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import socket
import sys
import threading
import time
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from typing import Any, Final

from tasksmithy._registry_in_use import registry_in_use
from tasksmithy.concurrency._process_tree import ProcessTree
from tasksmithy.plugins._attempt import Attempt
from tasksmithy.runtime._task_run import Site, make_attempt_at
from tasksmithy.runtime.executors import _shipping as shipping
from tasksmithy.runtime.executors._far_host import FarHost, LogToHost
from tasksmithy.runtime.executors._frames import Frame, Message, SocketChannel
from tasksmithy.runtime.executors._surroundings import Surroundings
from tasksmithy.runtime.secrets._exits import learn
from tasksmithy.task._context import under_way

_SET_CHILD_SUBREAPER: Final = 36  # of <sys/prctl.h>


def main(descriptor: int, grace: float) -> None:
    """Make the attempt that comes over the channel, answer it and end.

    Args:
        descriptor: the file descriptor of the socket.
        grace: seconds between SIGTERM and SIGKILL.
    """
    _adopt_orphans()
    sock = socket.socket(fileno=descriptor)
    sock.set_inheritable(False)  # another process that held it would hide the end of this one
    channel = SocketChannel(sock)
    surroundings, attempt = channel.receive(), channel.receive()
    if surroundings is None or attempt is None:
        return
    taken: Surroundings
    task, taken, secrets = pickle.loads(surroundings.payload)  # noqa: S301 - from the run
    taken.take_on()
    learn(secrets)  # of the attempt: its own, and those in its inputs
    life = _Life(channel, grace)
    maker = _Maker(life.host, taken.log_levels)
    try:
        answer = Frame(Message.RESULT, 0, maker.result(task, attempt.payload))
    except BaseException as error:  # noqa: BLE001 - handed to the run, whatever it is
        answer = Frame(Message.ERROR, 0, shipping.pack_error(error))
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # it may be closed, or None
            stream.flush()
    if maker.is_told_to_end:
        life.die()
    with suppress(OSError):
        life.host.send(answer)
    life.finish()


def _adopt_orphans() -> None:
    """On Linux, have a daemon that the task starts stay below this process, where it is found."""
    import ctypes

    with suppress(OSError, AttributeError):  # there is no such call
        ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


class _Life:
    """How long this process lives: no longer than the channel to the run.

    The end of the channel before the attempt is answered means that the run is dead. Then this
    process is ended with all that it has started, also if the task leaves the event loop no turn: a
    thread sees to it. Where a task leaves that no turn either, the watch of the run does.

    Args:
        channel: the channel.
        grace: seconds between SIGTERM and SIGKILL.

    Attributes:
        host: the run.
    """

    def __init__(self, channel: SocketChannel, grace: float) -> None:
        self.host = FarHost(channel)
        self._channel = channel
        self._grace = grace
        self._answered = False
        self._ended = threading.Event()
        # A process that the task forks is no part of this conversation.
        os.register_at_fork(after_in_child=self._leave)
        threading.Thread(target=self._listen, name="tasksmithy-channel", daemon=True).start()

    def finish(self) -> None:
        """Wait until the run has the answer, so that it never takes this process for dead."""
        self._answered = True
        self._ended.wait()

    def die(self) -> None:
        """End by the signal that told this process to."""
        if self._ended.is_set():
            threading.Event().wait()  # for the end of the whole group, which `_listen` sees to
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)

    def _listen(self) -> None:
        self.host.listen()
        self._ended.set()
        if self._answered:
            time.sleep(self._grace)  # for the ordinary end, which a thread of the task may hold up
        left = ProcessTree(os.getpid())
        left.send(signal.SIGTERM)
        time.sleep(self._grace)
        left.send(signal.SIGKILL)

    def _leave(self) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        self._channel.close()
        self.host.leave()


class _Maker:
    """Makes the attempt.

    Args:
        host: the run.
        log_levels: as the surroundings have them.

    Attributes:
        is_told_to_end: whether SIGTERM has come.
    """

    def __init__(self, host: FarHost, log_levels: Mapping[str, int]) -> None:
        self._host = host
        self._log_levels = log_levels
        self.is_told_to_end = False

    def result(self, task: str, payload: bytes) -> bytes:
        """The result of the attempt.

        Raises:
            NotShippableError: the attempt cannot be read here, or its result does not pickle.
            BaseException: whatever the task raises.
        """
        log = LogToHost(self._host)
        # Also before: `logging.basicConfig` of a module does nothing where there is a handler.
        log.take_over(self._log_levels)
        # Not in the event loop: a script that is imported here may well start one.
        attempt: Attempt = shipping.unpacked(task, "the task, or one of its inputs,", payload)
        log.take_over(self._log_levels)
        registry_in_use.set(attempt.registry)
        site = Site()
        try:
            with under_way(attempt.context.run_id):
                result = asyncio.run(self._until_told(make_attempt_at(site, attempt, self._host)))
        finally:
            site.close()
        return shipping.packed(task, "its result", result).payload

    async def _until_told(self, attempt: Coroutine[Any, Any, Any]) -> Any:
        """The result of `attempt`, which SIGTERM cancels, so that it can tidy up."""
        loop, making = asyncio.get_running_loop(), asyncio.current_task()

        def end(*_: object) -> None:
            self.is_told_to_end = True
            if making is not None:
                loop.call_soon_threadsafe(making.cancel)

        # Not a handler of the loop: a forked process would share it, and tell it of its signals.
        signal.signal(signal.SIGTERM, end)
        try:
            return await attempt
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
