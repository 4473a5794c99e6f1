"""Images: pulled where they are missing, once, and known by what their reference means now."""

from __future__ import annotations

import asyncio
import secrets
import sys
from contextvars import ContextVar
from weakref import WeakKeyDictionary

from tasksmithy import Image, RunContext
from tasksmithy_container.engine import Engine, find_engine
from tasksmithy_container.errors import EngineError
from tasksmithy_container.lines import console
from tasksmithy_container.process import completed
from tasksmithy_container.task import ContainerTask

_Locks = dict[tuple[Engine, str], asyncio.Lock]

_pulling: WeakKeyDictionary[asyncio.AbstractEventLoop, _Locks] = WeakKeyDictionary()
_noted: ContextVar[tuple[str, str] | None] = ContextVar("tasksmithy_container_image", default=None)


async def note_image(task: ContainerTask, ctx: RunContext) -> None:
    """Have `noted_image` know, in this call of the task, what its image is.

    A reference may mean another image tomorrow, so the image is pulled where it is missing.
    """
    reference = task.image_uri
    if "@sha256:" in reference:  # which means one image for ever
        return
    found = None
    try:
        engine = await find_engine()
        if task.image_pull_policy == "Always":
            await pull(engine, task, ctx)
        elif task.image_pull_policy == "IfNotPresent":
            await pull_missing(engine, task, ctx)
        found = await engine.image(reference)
    except EngineError:
        pass  # which the attempt will meet, and say
    # An image that nobody knows is like no other.
    _noted.set((reference, found.identity if found else secrets.token_hex(16)))


def noted_image(task: ContainerTask) -> str | None:
    """What identifies the image of a task; None outside of a run, where its reference does."""
    noted = _noted.get()
    return noted[1] if noted is not None and noted[0] == task.image_uri else None


async def pull_missing(engine: Engine, task: ContainerTask, ctx: RunContext) -> None:
    """Get an image that is not on this machine, of several that want it at once only the first.

    Raises:
        EngineError: it cannot be had.
    """
    locks = _pulling.setdefault(asyncio.get_running_loop(), {})
    async with locks.setdefault((engine, task.image_uri), asyncio.Lock()):
        if await engine.image(task.image_uri) is None:
            await pull(engine, task, ctx)


async def pull(engine: Engine, task: ContainerTask, ctx: RunContext) -> None:
    """Get an image; what the engine says of its progress is shown.

    Raises:
        EngineError: it cannot be had.
    """
    image = task.image_uri
    if isinstance(task.image, Image) and task.image.layers:
        raise EngineError(
            f"task {task.name!r}: its image is a description with layers, which nobody has built "
            f"here, and tasksmithy builds none: build it as {image}, or give the reference of an "
            "image that is there"
        )
    ctx.logger.info("pulling image %s", image)
    show = console(sys.stderr) if task.local_logs else None
    ended = await completed(
        [engine.program, "pull", image], stdout=show, stderr=show, env=engine.client_environment
    )
    if ended.code:
        said = "\n".join(f"  {line}" for line in ended.stderr)
        raise EngineError(
            f"task {task.name!r}: image {image!r} is not on this machine and cannot be pulled; is "
            f"it spelt right, with its registry, and may you pull it?\n{said}"
        )
