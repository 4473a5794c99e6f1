"""One attempt of a container task, from inputs to result, with nothing left behind."""

from __future__ import annotations

import asyncio
import platform
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from tasksmithy import RunContext, in_thread, report
from tasksmithy_container.engine import Engine, find_engine
from tasksmithy_container.errors import ContainerError, EngineError
from tasksmithy_container.images import pull, pull_missing
from tasksmithy_container.inputs import place_inputs
from tasksmithy_container.invocation import (
    can_hand_over,
    disk_arguments,
    is_another,
    needs_user,
    run_arguments,
)
from tasksmithy_container.leftovers import Sweep
from tasksmithy_container.lines import LastLines, Sink, console
from tasksmithy_container.outputs import read_outputs
from tasksmithy_container.process import Ended, completed, to_the_end
from tasksmithy_container.scratch import Scratch
from tasksmithy_container.secret_files import (
    check_secrets,
    place_secrets,
    place_variables,
    secret_values,
)
from tasksmithy_container.task import ContainerTask
from tasksmithy_container.templates import filled

_ENGINE_REFUSED = 125  # the code of both clients for what is their own or their daemon's error
_CREATION_SECONDS = 60.0
_CLIENT_SECONDS = 10.0

_LINES_IN_REPORT = 1_000

# As engines name them.
_ARCHITECTURES = {"x86_64": "amd64", "AMD64": "amd64", "aarch64": "arm64", "armv7l": "arm"}

_said: set[tuple[str, str]] = set()
_at_work: list[ContainerTask] = []  # by each attempt


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
    _at_work.append(task)
    try:
        placed = await to_the_end(in_thread(place_inputs, task, inputs, scratch))
        user = await _user(engine, task, ctx)
        mounts = [*placed.mounts, *place_secrets(secrets, scratch, for_all=is_another(user))]
        variables = place_variables(secrets, scratch)
        command = filled(task.name, task.words_after_image, placed.texts)
        arguments = run_arguments(engine, task, ctx, scratch, mounts, variables, user)
        attempt = _Attempt(engine, task, ctx, scratch, arguments, command)
        await attempt.run()
        return await to_the_end(in_thread(read_outputs, task, scratch))
    finally:
        _at_work.remove(task)
        await to_the_end(_cleaned(scratch, sweep, ctx))


async def _user(engine: Engine, task: ContainerTask, ctx: RunContext) -> str:
    """The user in the container, where something here depends on it, otherwise nothing."""
    if task.user is not None:
        return task.user
    if not needs_user(engine, task) and not any(secret.mount for secret in ctx.secrets):
        return ""
    if task.image_pull_policy != "Never":
        await pull_missing(engine, task, ctx)
    facts = await engine.image(task.image_uri)
    return facts.user if facts is not None else ""


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
    ) -> None:
        self._engine = engine
        self._task = task
        self._ctx = ctx
        self._scratch = scratch
        self._arguments = arguments
        self._command = command
        self._log = LastLines(_LINES_IN_REPORT)

    async def run(self) -> None:
        """Run the container to its end."""
        policy, image = self._task.image_pull_policy, self._task.image_uri
        if policy == "Always":
            await pull(self._engine, self._task, self._ctx)
        disk = disk_arguments(self._task.resources)
        ended = await self._started(disk)
        if self._was_refused(ended) and await self._engine.image(image) is None:
            if policy == "Never":
                raise EngineError(
                    f"task {self._task.name!r}: image {image!r} is not on this machine, and "
                    "image_pull_policy='Never': pull or build it, or allow to pull it"
                )
            await pull_missing(self._engine, self._task, self._ctx)
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
        run, name = self._ctx.run, self._task.name

        def prefix() -> str:
            return f"{name} | " if len(_at_work) > 1 else ""

        def show(stream: TextIO) -> Sink | None:
            return console(stream, prefix) if self._task.local_logs else None

        client = asyncio.create_task(
            completed(
                [
                    *(self._engine.program, *self._arguments, *disk),
                    *(self._task.image_uri, *self._command),
                ],
                stdout=show(sys.stdout),
                stderr=show(sys.stderr),
                log=self._log,
                mask=run.mask if run else str,  # outside a run there are no secrets
                env=self._engine.client_environment,
                # Podman leaves a file there that says that a container was out of memory.
                cwd=self._scratch.folder,
            )
        )
        try:
            return await self._in_truth(await asyncio.shield(client))
        except BaseException:
            await to_the_end(self._given_up(client))
            raise
        finally:
            if self._log:
                report.log("\n".join(self._log))
                self._log.clear()

    async def _in_truth(self, ended: Ended) -> Ended:
        """With the exit code of the container, where the client has its own error.

        It may have lost sight of a container that runs on, or has ended in its own way.
        """
        if ended.code != _ENGINE_REFUSED or self._engine.removes_by_itself:
            return ended
        code = await self._engine.exit_code(self._scratch.name)
        return ended if code is None else ended._replace(code=code)

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

    async def _fail(self, ended: Ended) -> None:
        """Raise what says why the container failed, after removing it."""
        said = "\n".join(ended.stderr)
        try:
            state = await self._state()
            notes = await self._notes() if state is not None else []
        finally:
            if not self._was_refused(ended):
                await to_the_end(self._remove())
        who = f"task {self._task.name!r}: {self._engine.program}"
        if state is None:
            raise EngineError(
                f"{who} does not know its container of image {self._task.image_uri!r} any more, "
                "which may still run: its daemon has ended, or somebody has removed the container. "
                "Start the daemon again, if it has ended; the next container task removes what is "
                f"left. It said:\n{said}"
            )
        started, out_of_memory = state
        if not started and (device := self._missing_device()) is not None:
            raise EngineError(f"{who} has no {device}\n{said}")
        if not started and ended.code == _ENGINE_REFUSED:
            raise EngineError(f"{who} refuses the container:\n{said}")
        raise ContainerError(
            self._task.name,
            self._task.image_uri,
            shlex.join([*(self._task.image_entrypoint or ())[:1], *self._command]),
            ended.code,
            started,
            said,
            out_of_memory,
            tuple(notes),
        )

    async def _state(self) -> tuple[bool, bool] | None:
        """Whether the container was started, and was out of memory; None where nobody knows."""
        if not self._scratch.has_container:
            return False, False
        if self._engine.removes_by_itself:
            out_of_memory = (self._scratch.folder / "oom").exists()
            return self._scratch.process_id.exists(), out_of_memory
        return await self._engine.state(self._scratch.name)

    async def _notes(self) -> list[str]:
        """What the image has to do with it, as far as it is known."""
        facts = await self._engine.image(self._task.image_uri)
        if facts is None:
            return []
        notes = []
        here = _ARCHITECTURES.get(platform.machine(), platform.machine())
        if facts.architecture not in ("", here):
            notes.append(
                f"the image is made for {facts.architecture}, and this machine is {here}: build or "
                f"pull it for {here}, or have {self._engine.program} run it by an emulator"
            )
        if facts.entrypoint and self._task.image_entrypoint is None:
            notes.append(
                f"the image has an entry point, {shlex.join(facts.entrypoint)}, which is run with "
                "the command as its arguments; image_entrypoint=[] has the command itself run"
            )
        return notes

    def _missing_device(self) -> str | None:
        """What the task asks for that podman has not, which is said nowhere but in its words."""
        resources = self._task.resources
        device = resources.device() if resources is not None else None
        if device is None or not can_hand_over(device) or self._engine.kind != "podman":
            return None
        folders = (Path("/etc/cdi"), Path("/var/run/cdi"))  # where podman looks
        files = (file for folder in folders for file in folder.glob("*.*"))
        if any("nvidia.com/gpu" in file.read_text("utf-8", "replace") for file in files):
            return None
        return (
            f"GPU, and the task asks for {device.quantity}: no file in /etc/cdi or /var/run/cdi "
            "tells it of one ('nvidia-ctk cdi generate' writes it)"
        )
