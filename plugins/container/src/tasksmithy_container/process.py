"""Programs of the engine as child processes, and what must not be given up half done."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from weakref import WeakKeyDictionary

from tasksmithy_container.errors import EngineError
from tasksmithy_container.lines import LastLines, Mask, Sink, pump

T = TypeVar("T")

_starting: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()


class Ended(NamedTuple):
    """How a program ended.

    Attributes:
        code: exit code; below 0, the signal that killed it.
        stdout: the last lines that it wrote there.
        stderr: the last lines that it wrote there.
    """

    code: int
    stdout: list[str]
    stderr: list[str]


async def completed(
    arguments: Sequence[str],
    *,
    stdout: Sink | None = None,
    stderr: Sink | None = None,
    log: LastLines | None = None,
    mask: Mask = str,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Ended:
    """Run a program to its end; cancelled, it is killed.

    Args:
        arguments: the program and its arguments.
        stdout: where what it writes to stdout goes, line by line; nowhere, if not given.
        stderr: the same for stderr.
        log: takes the last lines of both.
        mask: what is left of what it writes, wherever that goes.
        env: its environment; that of this process, if not given.
        cwd: its working directory; that of this process, if not given.

    Raises:
        EngineError: the program cannot be started.
    """
    try:
        # Starting a program holds the loop up for a moment: several must not do so in one turn.
        async with _starting.setdefault(asyncio.get_running_loop(), asyncio.Lock()):
            process = await asyncio.create_subprocess_exec(
                # Whatever the locale is: engines take UTF-8.
                *(argument.encode("utf-8", "surrogateescape") for argument in arguments),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=env,
                cwd=cwd,
                # Ctrl-C is for this process, which stops the container in its own way.
                start_new_session=True,
            )
    except OSError as error:
        if error.errno == errno.E2BIG:
            raise EngineError(
                "the command line is too long for this machine: leave large inputs to their files "
                "in the input directory, and out of command and arguments"
            ) from None
        raise EngineError(f"{arguments[0]} cannot be started: {error}") from None
    tails = LastLines(), LastLines()
    pumps = [
        asyncio.create_task(pump(stream, [tail] if log is None else [tail, log], sink, mask))
        for stream, tail, sink in zip(
            (process.stdout, process.stderr), tails, (stdout, stderr), strict=True
        )
        if stream is not None  # both are pipes; this says so to the type checker
    ]
    try:
        await asyncio.gather(*pumps)
        code = await process.wait()
    except BaseException:
        for task in pumps:
            task.cancel()
        if process.returncode is None:
            process.kill()
            await to_the_end(process.wait())
        raise
    return Ended(code, *(list(tail) for tail in tails))


async def to_the_end(coroutine: Coroutine[Any, Any, T]) -> T:
    """Wait for a coroutine also when cancelled meanwhile; the cancellation then goes on."""
    task = asyncio.ensure_future(coroutine)
    cancelled = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        if not task.cancelled():
            task.exception()  # the cancellation is what the caller hears of
        raise cancelled
    return task.result()
