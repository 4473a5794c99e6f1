"""An attempt in a process of its own, from the side of the run.

The process is a fresh interpreter, not a fork of a warm one: it has the task's environment from its
first instruction, which the linker, the allocator and libraries that read it once rely on, and it
inherits no threads and no locks. `_worker` is the program in it.

Import this module only where a process is needed: it imports cloudpickle and more.
"""

from __future__ import annotations

import asyncio
import logging
import os
import pickle
import signal
import socket
import subprocess
import sys
from asyncio.subprocess import Process
from collections.abc import Mapping
from contextlib import nullcontext, suppress
from dataclasses import replace
from functools import partial
from typing import Any, Final, cast

from tasksmithy._registry_in_use import registry_in_use
from tasksmithy.errors import NotShippableError, WorkerDiedError, WorkerStartError
from tasksmithy.runtime.executors.process import _shipping as shipping
from tasksmithy.runtime.executors.process import _wire as wire
from tasksmithy.runtime.executors.process._surroundings import Surroundings
from tasksmithy.runtime.executors.process._wire import GRACE, Frame, Kind
from tasksmithy.task._context import Run, RunContext, entered, group
from tasksmithy.task._template import TaskTemplate

Task = TaskTemplate[..., Any]

# The path comes first: tasksmithy itself may be importable only by what the parent has put there.
_PROGRAM: Final = (
    "import sys; sys.path[:] = sys.argv[2:]; "
    "from tasksmithy.runtime.executors.process._worker import main; main(int(sys.argv[1]))"
)

# Nothing tells when a process group is empty, so for the grace it is looked at this often, seconds.
_LOOK: Final = 0.02


async def perform_in_process(
    task: Task, inputs: Mapping[str, Any], context: RunContext, env_vars: Mapping[str, str]
) -> Any:
    """One attempt (`perform`) in a new process, which leads a group of its own.

    When this ends, be it by the result, an error or a cancellation, the whole group has ended: with
    SIGTERM, and SIGKILL for what is left after `GRACE` seconds.

    Args:
        task: the task.
        inputs: its inputs by name.
        context: the context of the attempt, in a run.
        env_vars: environment variables of the process, beside those of this one.

    Returns:
        The result.

    Raises:
        NotShippableError: the task, an input, the result or what it raised does not pickle.
        WorkerStartError: the machine could not start a process.
        WorkerDiedError: the process ended before the attempt did.
        SourceError: the main script has no `if __name__ == "__main__"` before it starts the run.
        Exception: whatever the task raises, as the type it was raised as; the last of its causes is
            a `WorkerTraceback`.
    """
    frames = (
        Frame(Kind.SURROUNDINGS, 0, pickle.dumps(Surroundings.here(task.name))),
        Frame(Kind.ATTEMPT, 0, _packed(task, inputs, context)),
    )
    try:
        ours, theirs = socket.socketpair()
    except OSError as error:
        raise WorkerStartError(task.name, str(error)) from error
    with theirs:
        reader, writer = await asyncio.open_connection(sock=ours)
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
                raise WorkerStartError(task.name, str(error)) from error
            theirs.close()
            for frame in frames:
                wire.write(writer, frame)
            worker = _Worker(task.name, context, process, reader, writer)
            try:
                answer = await worker.answer()
                writer.close()  # for which the worker waits
                with suppress(TimeoutError):
                    async with asyncio.timeout(GRACE):
                        await process.wait()
            finally:
                await worker.end()
        finally:
            writer.close()
    if answer is None:
        raise WorkerDiedError(task.name, process.returncode or 0)
    if answer.kind is Kind.ERROR:
        raise shipping.unpack_error(task.name, answer.payload)
    return shipping.unpacked(task.name, "its result", answer.payload)


def _command(descriptor: int) -> list[str]:
    flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]  # noqa: SLF001 - as the standard library's own pools
    path = [entry for entry in sys.path if isinstance(entry, str)]
    return [sys.executable, *flags, "-c", _PROGRAM, str(descriptor), *path]


def _packed(task: Task, inputs: Mapping[str, Any], context: RunContext) -> bytes:
    """The attempt as one value, so that what its parts share is one object there, too."""
    registry = registry_in_use.get()
    attempt = (task, dict(inputs), replace(context, run=None), registry)
    try:
        return shipping.dumps(attempt)
    except Exception as error:
        parts = {
            "the task": task,
            **{f"input {name!r}": value for name, value in inputs.items()},
            "the registry, with what is registered in code,": registry,
        }
        for what, part in parts.items():
            shipping.packed(task.name, what, part)
        raise NotShippableError(task.name, "the context", str(error)) from error


class _Worker:
    """The process of one attempt.

    Args:
        task: name of the task.
        context: the context of the attempt.
        process: the process.
        reader, writer: the wire to it.
    """

    def __init__(
        self,
        task: str,
        context: RunContext,
        process: Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._task = task
        self._context = context
        self._process = process
        self._reader = reader
        self._writer = writer
        self._calls: dict[int, asyncio.Task[None]] = {}

    async def answer(self) -> Frame | None:
        """What the attempt came to; None if the process ended before. Serves it until then."""
        while (frame := await wire.read(self._reader)) is not None:
            match frame.kind:
                case Kind.CALL:
                    call = asyncio.create_task(self._serve(frame))
                    self._calls[frame.number] = call
                    call.add_done_callback(partial(self._forget, frame.number))
                case Kind.CANCEL:
                    if frame.number in self._calls:
                        self._calls[frame.number].cancel()
                case Kind.LOG:
                    self._log(frame.payload)
                case Kind.REPORT:
                    tab, fragment = pickle.loads(frame.payload)  # noqa: S301 - text of a worker
                    cast("Run", self._context.run).add_to_report(self._context, tab, fragment)
                case _:
                    return frame
        return None

    async def end(self) -> None:
        """End what is left: the group of the process, and the children that it waits for."""
        try:
            self._signal(signal.SIGTERM)
            calls = list(self._calls.values())
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
            with suppress(TimeoutError):
                async with asyncio.timeout(GRACE):
                    while self._signal(0):
                        await asyncio.sleep(_LOOK)
        finally:
            self._signal(signal.SIGKILL)
        await self._process.wait()

    def _forget(self, number: int, _: object) -> None:
        del self._calls[number]

    def _signal(self, number: int) -> bool:
        """Send a signal to the group; whether there is anything left in it."""
        try:
            os.killpg(self._process.pid, number)
        except (ProcessLookupError, PermissionError):  # the latter where there are only zombies
            return False
        return True

    async def _serve(self, call: Frame) -> None:
        """Run a child for the task in the process."""
        try:
            answer = Frame(Kind.RESULT, call.number, await self._child(call.payload))
        except asyncio.CancelledError as error:
            me = asyncio.current_task()
            if me is not None and me.cancelling():
                raise  # nobody waits for it any more
            answer = Frame(Kind.ERROR, call.number, shipping.pack_error(error))
        except Exception as error:  # noqa: BLE001 - handed to the task, whatever it is
            answer = Frame(Kind.ERROR, call.number, shipping.pack_error(error))
        wire.write(self._writer, answer)

    async def _child(self, payload: bytes) -> bytes:
        what = "the call of another task"
        child, args, kwargs, name = shipping.unpacked(self._task, what, payload)
        run = cast("Run", self._context.run)
        with entered(self._context), group(name) if name else nullcontext():
            result = await run.child(child, args, kwargs)
        return shipping.packed(child.name, "its result", result)

    def _log(self, payload: bytes) -> None:
        record = logging.makeLogRecord(pickle.loads(payload))  # noqa: S301 - plain data of a worker
        logger = logging.getLogger(record.name)
        with entered(self._context):
            if logger.isEnabledFor(record.levelno):
                logger.handle(record)
