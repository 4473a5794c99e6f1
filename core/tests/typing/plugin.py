"""What the author of a plugin writes, as type checkers see it in strict mode. Never run."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any

from tasksmithy import (
    Attempt,
    Converted,
    Event,
    FieldError,
    Host,
    NativeInterface,
    PolicyVetoError,
    RunContext,
    SerializationContext,
    TaskSpec,
    TaskTemplate,
    TaskType,
    hookimpl,
    make_attempt,
    task_field,
)
from tasksmithy.extend import AsyncFunctionTaskTemplate


def _words(name: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, str) or not value:
        raise FieldError(name, value, "a text of words")
    return tuple(value.split())


class CommandTask(TaskTemplate[..., Coroutine[Any, Any, str]], task_type="command"):
    """A task with fields of its own, and a constructor that makes its interface."""

    command: Converted[str, tuple[str, ...]] = task_field(check=_words, doc="the command")
    strict: bool = task_field(default=True, doc="whether a failure is an error")

    def __init__(self, name: str, command: str, **fields: Any) -> None:
        interface = NativeInterface.from_types({"month": int, "day": (int, 1)}, {"o0": str})
        fields["command"] = command
        super().__init__(name=name, interface=interface, image=None, **fields)

    def custom_config(self, sctx: SerializationContext) -> dict[str, Any]:
        return {"command": list(self.command), "version": sctx.version}


class CommandTaskType(TaskType):
    """Its behaviour."""

    template = CommandTask

    @hookimpl
    async def execute(self, task: CommandTask, inputs: Mapping[str, Any]) -> str:
        return " ".join([*task.command, *map(str, inputs.values())])


class GridConfig:
    """The configuration of functions that run beside a grid."""

    workers: int = 2


class GridTask(AsyncFunctionTaskTemplate[..., Any], task_type="grid"):
    """Methods that are overridden as in Flyte, with and without async."""

    plugin_config: GridConfig = task_field(default_factory=GridConfig)

    async def pre(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return {**(await super().pre(*args, **kwargs)), "workers": self.plugin_config.workers}

    async def post(self, return_vals: Any) -> None:
        await super().post(return_vals)


class SyncGridTask(GridTask, task_type="sync-grid"):
    """The same without async."""

    def container_args(self, serialize_context: SerializationContext) -> list[str]:
        return ["grid", *super().container_args(serialize_context)]


class Guard:
    """A policy."""

    @hookimpl
    async def admit(self, task: TaskTemplate[..., Any]) -> None:
        if task.resources is None:
            raise PolicyVetoError(f"task {task.name!r} says no resources")

    @hookimpl
    @asynccontextmanager
    async def around_execute(
        self, task: TaskTemplate[..., Any], ctx: RunContext
    ) -> AsyncGenerator[None, None]:
        ctx.logger.info("begun: %s", task.name)
        yield


class Inline:
    """An executor."""

    heeds: frozenset[str] = frozenset()

    def refuses(self, task: TaskTemplate[..., Any]) -> str | None:
        return None if task.interface.has_outputs() else "it gives nothing"

    def slots(self, task: TaskTemplate[..., Any]) -> Mapping[str, int]:
        return {}

    async def perform(self, attempt: Attempt, host: Host) -> Any:
        return await make_attempt(attempt, host)

    async def close(self) -> None: ...


class Counting:
    """An observer."""

    def __init__(self) -> None:
        self.count = 0

    def handle(self, event: Event) -> None:
        self.count += 1


def image_of(spec: TaskSpec) -> str:
    """What a renderer may do with a spec."""
    return spec.image or "no container"
