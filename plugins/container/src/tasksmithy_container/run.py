"""One attempt of a container task, from inputs to result, with nothing left behind."""

from __future__ import annotations

import asyncio
import shlex
import sys
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from tasksmithy import RunContext, in_thread
from tasksmithy_container.engine import Engine, find_engine
from tasksmithy_container.errors import ContainerError, EngineError
from tasksmithy_container.inputs import place_inputs
from tasksmithy_container.invocation import can_hand_over, disk_arguments, run_arguments
from tasksmithy_container.leftovers import Sweep
from tasksmithy_container.lines import Sink, console
from tasksmithy_container.outputs import read_outputs
from tasksmithy_container.process import Ended, completed, to_the_end
from tasksmithy_container.scratch import Scratch
from tasksmithy_container.secret_files import (
    check_secrets,
    place_secrets,
    secret_environment,
    secret_values,
)
from tasksmithy_container.task import ContainerTask
from tasksmithy_container.templates import filled

_ENGINE_REFUSED = 125  # the code of both clients for what is their own or their daemon's error
_CREATION_SECONDS = 60.0
_CLIENT_SECONDS = 10.0

_said: set[tuple[str, str]] = set()


async def run_container(task: ContainerTask, inputs: Mapping[str, Any], ctx: RunContext) -> Any:
    """Run the container and return the task's result.

    Cancelled, it stops the container, kills it where it does not stop in time, removes it, and
    only then lets the cancellation go on.

    Raises:
        ContainerError: the container ended with another exit code than 0, or could not start.
        EngineError: there is no engine, or it refuses the image or a setting.
        InputError: an input cannot be handed over.
        OutputError: an output is missing or unreadable.
    """
    engine = await find_engine()
    secrets = secret_values(ctx)
    check_secrets(task, secrets)
    _say_what_cannot_be(task, ctx)
    scratch = Scratch.create(engine)
    sweep = Sweep(engine, ctx.logger)
    try:
        placed = await to_the_end(in_thread(place_inputs, task, inputs, scratch))
        mounts = [*placed.mounts, *place_secrets(secrets, scratch)]
        command = filled(task.name, task.words, placed.texts)
        environment = secret_environment(secrets)
        arguments = run_arguments(engine, task, ctx, scratch, mounts, list(environment))
        attempt = _Attempt(engine, task, ctx, scratch, arguments, command, environment)
        await attempt.run()
        return await to_the_end(in_thread(read_outputs, task, scratch))
    finally:
        await to_the_end(_cleaned(scratch, sweep, ctx))


async def _cleaned(scratch: Scratch, sweep: Sweep, ctx: RunContext) -> None:
    """Remove the directories; what cannot be removed is left, and costs no result."""
    try:
        await in_thread(scratch.remove)
    except OSError as error:
        ctx.logger.warning("left for the next container task: %s: %s", scratch.name, error)
    await sweep.end()


def _say_what_cannot_be(task: ContainerTask, ctx: RunContext) -> None:
    device = task.resources.device() if task.resources is not None else None
    if device is not None and not can_hand_over(device):
        _warn_once(ctx, task, "gpu", f"an engine can hand over whole GPUs, not {device}")


def _warn_once(ctx: RunContext, task: ContainerTask, resource: str, why: str) -> None:
    if (task.name, resource) not in _said:
        _said.add((task.name, resource))
        ctx.logger.warning(
            "task %r: resources.%s makes no difference here: %s", task.name, resource, why
        )


class _Attempt:
    """A container on its way from `run` to its removal."""

    def __init__(
        self,
        engine: Engine,
        task: ContainerTask,
        ctx: RunContext,
        scratch: Scratch,
        arguments: Sequence[str],
        command: Sequence[str],
        environment: Mapping[str, str],
    ) -> None:
        self._engine = engine
        self._task = task
        self._ctx = ctx
        self._scratch = scratch
        self._arguments = arguments
        self._command = command
        self._environment = {**engine.client_environment, **environment}

    async def run(self) -> None:
        """Run the container to its end."""
        policy, image = self._task.image_pull_policy, self._task.image_uri
        if policy == "Always":
            await self._pull()
        disk = disk_arguments(self._task.resources)
        ended = await self._started(disk)
        if self._was_refused(ended) and not await self._engine.has_image(image):
            if policy == "Never":
                raise EngineError(
                    f"task {self._task.name!r}: image {image!r} is not on this machine, and "
                    "image_pull_policy='Never': pull or build it, or allow to pull it"
                )
            await self._pull()
            ended = await self._started(disk)
        if disk and self._was_refused(ended):
            refusal = " ".join(ended.stderr)
            ended = await self._started([])
            if not self._was_refused(ended):
                _warn_once(self._ctx, self._task, "disk", f"the engine says: {refusal}")
        if ended.code:
            await self._fail(ended)
        elif not self._engine.removes_by_itself:
            await to_the_end(self._remove())

    async def _started(self, disk: Sequence[str]) -> Ended:
        """Start the container and wait for its end; it is gone where this raises."""
        run = self._ctx.run

        def show(stream: TextIO) -> Sink | None:
            # Outside a run there are no secrets.
            return console(stream, run.mask if run else str) if self._task.local_logs else None

        client = asyncio.create_task(
            completed(
                [
                    *(self._engine.program, *self._arguments, *disk),
                    *(self._task.image_uri, *self._command),
                ],
                stdout=show(sys.stdout),
                stderr=show(sys.stderr),
                env=self._environment,
                # Podman leaves a file there that says that a container was out of memory.
                cwd=self._scratch.folder,
            )
        )
        try:
            return await asyncio.shield(client)
        except BaseException:
            await to_the_end(self._given_up(client))
            raise

    async def _given_up(self, client: asyncio.Task[Ended]) -> None:
        """Stop and remove the container, and then see its client off."""
        # A container that is not there yet cannot be removed, and would come into being later.
        patience = _CREATION_SECONDS
        while patience > 0 and not client.done() and not self._scratch.has_container:
            await asyncio.sleep(0.02)
            patience -= 0.02
        if not client.done():
            await self._engine.stop(self._scratch.name)
        await self._remove()
        await asyncio.wait([client], timeout=_CLIENT_SECONDS)
        if not client.done():
            client.cancel()
            await asyncio.wait([client])
            await self._remove()  # it may have been made after all
        await asyncio.gather(client, return_exceptions=True)  # nobody else hears what it raised

    async def _remove(self) -> None:
        try:
            await self._engine.remove(self._scratch.name)
        except EngineError as error:
            self._ctx.logger.warning("left for the next run: %s", error)
            self._scratch.leave()

    def _was_refused(self, ended: Ended) -> bool:
        return ended.code == _ENGINE_REFUSED and not self._scratch.has_container

    async def _pull(self) -> None:
        """Get the image; what the engine says of its progress is shown."""
        image = self._task.image_uri
        self._ctx.logger.info("pulling image %s", image)
        show = console(sys.stderr) if self._task.local_logs else None
        ended = await completed(
            [self._engine.program, "pull", image],
            stdout=show,
            stderr=show,
            env=self._engine.client_environment,
        )
        if ended.code:
            said = "\n".join(f"  {line}" for line in ended.stderr)
            raise EngineError(
                f"task {self._task.name!r}: image {image!r} is not on this machine and cannot be "
                f"pulled; is it spelt right, with its registry, and may you pull it?\n{said}"
            )

    async def _fail(self, ended: Ended) -> None:
        """Raise what says why the container failed, after removing it."""
        said = "\n".join(ended.stderr)
        if self._was_refused(ended):
            raise EngineError(
                f"task {self._task.name!r}: {self._engine.program} refuses the container:\n{said}"
            )
        try:
            started = await self._engine.was_started(self._scratch.name, ended)
        finally:
            await to_the_end(self._remove())
        raise ContainerError(
            self._task.name,
            self._task.image_uri,
            shlex.join(self._command),
            ended.code,
            started,
            said,
        )
