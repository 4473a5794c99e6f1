"""ProcessExecutor: each attempt in a process of its own, on this machine.

The process is a fresh interpreter, not a fork of a warm one: it has the task's environment from its
first instruction, which the linker, the allocator and libraries that read it once rely on, and it
inherits no threads and no locks. `_worker` is the program in it.

Import this module only where a process is needed: it imports cloudpickle and more.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import socket
import subprocess
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from tasksmithy.concurrency._interpreter import interpreter
from tasksmithy.concurrency._process_tree import MARK, ProcessTree
from tasksmithy.errors import WorkerDiedError, WorkerStartError
from tasksmithy.plugins._attempt import Attempt, Host
from tasksmithy.runtime.executors._conversation import Conversation
from tasksmithy.runtime.executors._far_attempt import pack_attempt
from tasksmithy.runtime.executors._frames import Frame, Message, StreamChannel
from tasksmithy.runtime.executors._slots import declared
from tasksmithy.runtime.executors._surroundings import Surroundings
from tasksmithy.runtime.executors.process._watch import Watch
from tasksmithy.runtime.secrets._exits import handed_out
from tasksmithy.runtime.secrets._sources import environment
from tasksmithy.task._template import TaskTemplate

GRACE: Final = 3.0
"""Seconds between SIGTERM and SIGKILL.

Enough to roll a transaction back and to remove files; a user who presses Ctrl-C still waits for it.
"""

# The parent's path, by which alone tasksmithy itself may be importable, comes last until the worker
# has what it needs: a file of the user may be named as a module of the standard library.
_PROGRAM: Final = (
    "import sys; sys.path[:] = [entry for entry in sys.path if entry] + sys.argv[3:]; "
    "from tasksmithy.runtime.executors.process._worker import main; "
    "sys.path[:] = sys.argv[3:]; main(int(sys.argv[1]), float(sys.argv[2]))"
)

# Nothing tells when a process group is empty, so for the grace it is looked at this often, seconds.
_LOOK: Final = 0.02


class ProcessExecutor:
    """Makes each attempt in a new process, which leads a group of its own; it is an `Executor`."""

    capabilities: frozenset[str] = frozenset({"preemption", "processes"})
    heeds: frozenset[str] = frozenset({"env_vars", "secrets"})

    def __init__(self) -> None:
        # Later than a worker that can ends itself and what it has started.
        self._watch = Watch(GRACE + 1)

    def refuses(self, task: TaskTemplate[..., Any]) -> str | None:  # noqa: ARG002 - the protocol's
        """None: whether a task pickles is seen when it is shipped."""
        return None

    def slots(self, task: TaskTemplate[..., Any]) -> Mapping[str, int]:
        """A process, and the cpu and memory that the task declares."""
        return {"processes": 1, **declared(task)}

    async def perform(self, attempt: Attempt, host: Host) -> Any:
        """Make an attempt and return its result.

        When this ends, be it by the result, an error or a cancellation, the whole group of the
        process has ended: with SIGTERM, and SIGKILL for what is left after `GRACE` seconds.

        Raises:
            NotShippableError: the task, an input, the result or what it raised does not pickle.
            WorkerStartError: the machine could not start a process.
            WorkerDiedError: the process ended before the attempt did.
            SourceError: the main script has no `if __name__ == "__main__"` before it starts the
                run.
            Exception: whatever the task raises, as the type it was raised as; the last of its
                causes is a `WorkerTraceback`.
        """
        task = attempt.task.name
        packed = pack_attempt(attempt).payload
        surroundings = task, Surroundings.here(), handed_out.known_in(packed)
        frames = (
            Frame(Message.SURROUNDINGS, 0, pickle.dumps(surroundings)),
            Frame(Message.ATTEMPT, 0, packed),
        )
        memory_kills, mark = _memory_kills(), uuid4().hex
        async with _started(task, attempt, mark) as (process, channel):
            self._watch.begin(process.pid, mark)
            host.placed(f"process {process.pid}")
            for frame in frames:
                channel.send(frame)
            conversation = Conversation(attempt, host, channel.send)
            try:
                answer = await conversation.answer(channel.receive)
                channel.close()  # for which the worker waits
                with suppress(TimeoutError):
                    async with asyncio.timeout(GRACE):
                        await process.wait()
            finally:
                await _end(process, conversation, mark)
                self._watch.end(process.pid)
        if answer is None:
            code = process.returncode or 0
            is_out = code == -signal.SIGKILL and _memory_kills() != memory_kills
            raise WorkerDiedError(task, code, is_out_of_memory=is_out)
        return conversation.result(answer)

    async def close(self) -> None:
        """End the watch; each process has ended with its attempt."""
        self._watch.close()


def _memory_kills() -> int | None:
    """How many processes Linux has killed so far as memory was short; None elsewhere.

    It tells of no single one: where something else kills a process while another one is out of
    memory, that counts as a failure of its task, too.
    """
    try:
        _, _, found = Path("/proc/vmstat").read_bytes().partition(b"\noom_kill ")
    except OSError:
        return None
    return int(found.split(maxsplit=1)[0]) if found else None


@asynccontextmanager
async def _started(
    task: str, attempt: Attempt, mark: str
) -> AsyncIterator[tuple[Process, StreamChannel]]:
    """A process with the environment of the attempt and a mark, and the channel to it."""
    context = attempt.context
    env_vars = {**environment(context.secrets), **context.env_vars, MARK: mark}
    try:
        ours, theirs = socket.socketpair()
    except OSError as error:
        raise WorkerStartError(task, str(error)) from error
    with theirs:
        channel = StreamChannel(*await asyncio.open_connection(sock=ours))
        try:
            try:
                process = await asyncio.create_subprocess_exec(
                    *_command(theirs.fileno()),
                    stdin=subprocess.DEVNULL,
                    pass_fds=[theirs.fileno()],
                    env={**os.environ, **env_vars},
                    start_new_session=True,
                )
            except OSError as error:
                raise WorkerStartError(task, str(error)) from error
            theirs.close()
            yield process, channel
        finally:
            channel.close()


def _command(descriptor: int) -> list[str]:
    flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]  # noqa: SLF001 - as the standard library's own pools
    path = [entry for entry in sys.path if isinstance(entry, str)]
    return [interpreter(), *flags, "-c", _PROGRAM, str(descriptor), str(GRACE), *path]


async def _end(process: Process, conversation: Conversation, mark: str) -> None:
    """End what is left: all that the process has started, and the children that it waits for."""
    is_killed = process.returncode is not None and process.returncode < 0
    left = ProcessTree(
        process.pid, is_there=process.returncode is None, mark=mark if is_killed else ""
    )
    try:
        left.send(signal.SIGTERM)
        await conversation.end()
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE):
                while left.is_alive:
                    await asyncio.sleep(_LOOK)
    finally:
        left.send(signal.SIGKILL)
        left.close()
    await process.wait()
