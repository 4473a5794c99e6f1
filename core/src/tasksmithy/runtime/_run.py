"""run(), arun(), with_runcontext() and init(): from a task and its inputs to its result."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final, ParamSpec, TypeVar, overload

from tasksmithy._registry_in_use import registry_in_use
from tasksmithy._texts import near_misses
from tasksmithy.concurrency._threads import in_a_loop, wait_for
from tasksmithy.errors import FieldError, NotATaskError, NotExecutableError, SettingsError
from tasksmithy.plugins._registry import Registry
from tasksmithy.runtime._options import RunOptions
from tasksmithy.task._context import current
from tasksmithy.task._template import TaskTemplate

P = ParamSpec("P")
T = TypeVar("T")


def init(*, registry: Registry | None = None) -> None:
    """Set up this process: read the settings, see what is installed.

    `run` does it by itself. Call it to fail early, or to use a registry of your own. What was
    registered with `TaskPluginRegistry` is in the new registry too.

    Args:
        registry: the registry to use; one of what is installed, if not given.

    Raises:
        SettingsError: a setting is not allowed.
        PluginError: with `TASKSMITHY_STRICT=1`, a plugin that cannot be used.
    """
    if registry is None:
        known: Registry | None = registry_in_use.of_process
        registry = Registry() if known is None else known.renewed()
    registry_in_use.set(registry)


def is_initialized() -> bool:
    """Whether this process is set up: by `init`, by a run, or inside `entered()`."""
    return registry_in_use.is_initialized


class Runner:
    """Runs tasks with the given options.

    Args:
        options: how runs are to be done.
    """

    def __init__(self, options: RunOptions) -> None:
        self._options = options

    @overload
    async def arun(
        self, task: TaskTemplate[P, Coroutine[Any, Any, T]], /, *args: P.args, **inputs: P.kwargs
    ) -> T: ...
    @overload
    async def arun(self, task: TaskTemplate[P, T], /, *args: P.args, **inputs: P.kwargs) -> T: ...
    async def arun(self, task: TaskTemplate[..., Any], /, *args: Any, **inputs: Any) -> Any:
        """Run a task on this machine and return its result; inside a run it becomes a child.

        Raises:
            InputError: the inputs do not fit the task's interface.
            PluginError: the plugin for the task's type is missing or cannot be used.
            NotExecutableError: no event loop of asyncio turns here.
            Exception: whatever the task raises, as the type it was raised as.
        """
        if not isinstance(task, TaskTemplate):
            raise NotATaskError(task)
        run = current().run
        if run is not None:
            return await run.child(task, args, inputs)
        if not in_a_loop():
            raise NotExecutableError(
                f"task {task.name!r} needs an event loop of asyncio, and none turns here; in trio, "
                "call run() in a thread: await trio.to_thread.run_sync(run, task)"
            )
        from tasksmithy.runtime._local_run import LocalRun  # a worker never needs it

        return await LocalRun(self._options).root(task, args, inputs)

    @overload
    def run(
        self, task: TaskTemplate[P, Coroutine[Any, Any, T]], /, *args: P.args, **inputs: P.kwargs
    ) -> T: ...
    @overload
    def run(self, task: TaskTemplate[P, T], /, *args: P.args, **inputs: P.kwargs) -> T: ...
    def run(self, task: TaskTemplate[..., Any], /, *args: Any, **inputs: Any) -> Any:
        """`arun` for a caller that blocks; it also works in a notebook, whose loop is running.

        Raises:
            As `arun`.
        """
        return wait_for(self.arun(task, *args, **inputs))


def _typed_by(
    options: Callable[P, RunOptions],
) -> Callable[[Callable[..., Runner]], Callable[P, Runner]]:
    """Has type checkers know a function's arguments by the fields of its options."""
    del options
    return lambda function: function


@_typed_by(RunOptions)
def with_runcontext(**options: Any) -> Runner:
    """Runs with other than the usual options: `with_runcontext(max_concurrency=4).run(task)`.

    Args:
        options: fields of `RunOptions`.

    Raises:
        SettingsError: an option is unknown, or its value is not allowed.
    """
    known = RunOptions._fields
    for name in options:
        if name not in known:
            raise SettingsError(
                f"there is no run option {name!r}{near_misses(name, known)} "
                f"(options: {', '.join(sorted(known))})"
            )
    chosen = RunOptions(**options)
    try:
        chosen.check()
    except FieldError as error:
        raise SettingsError(f"run option {error}") from None
    return Runner(chosen)


_usual = Runner(RunOptions())

run: Final = _usual.run
"""Run a task on this machine and give its result: `run(task, *args, **inputs)`.

It blocks, and also works in a notebook, whose loop is running. `with_runcontext(...)` has options.

Raises:
    InputError: the inputs do not fit the interface.
    TasksmithyError: the run cannot be made; what the task raises comes through as it is.
"""

arun: Final = _usual.arun
"""`run` for a caller that does not block: await it."""
