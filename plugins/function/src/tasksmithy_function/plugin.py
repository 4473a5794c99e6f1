"""FunctionTaskType: what the core asks of tasks that are Python functions."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from tasksmithy import TaskTemplate, TaskType, hookimpl, in_thread
from tasksmithy.errors import TaskDefinitionError
from tasksmithy.extend import code_identity, module_of
from tasksmithy_function.task import AsyncFunctionTaskTemplate

if TYPE_CHECKING:
    from tasksmithy import SerializationContext

Task = AsyncFunctionTaskTemplate[..., Any]


class FunctionTaskType(TaskType):
    """Task type `python`."""

    template = AsyncFunctionTaskTemplate

    @hookimpl
    async def execute(self, task: Task, inputs: Mapping[str, Any]) -> Any:
        """Call the function: an async one in the event loop, a sync one in a thread."""
        func = _function(task)
        if inspect.iscoroutinefunction(func):
            return await func(**inputs)
        result = await in_thread(func, **inputs)
        # A plain function around an async one gives the coroutine of that.
        return await result if inspect.isawaitable(result) else result

    @hookimpl
    def container_args(self, task: Task, sctx: SerializationContext) -> list[str]:
        """The call of `tasksmithy_function.entrypoint` that runs the function in a container."""
        args = [
            *(sctx.interpreter_path, "-m", "tasksmithy_function.entrypoint"),
            *("--inputs", sctx.input_path),
            *("--outputs-path", sctx.output_path),
            *("--version", sctx.version),
        ]
        if (bundle := sctx.code_bundle) is not None:
            # The program refuses a pickled one: it imports the module that has the task.
            args += ["--tgz", bundle.tgz] if bundle.tgz else ["--pkl", bundle.pkl or ""]
            args += ["--dest", bundle.destination]
        return [*args, "--module", module_of(_function(task), sctx.root_dir), "--task", task.name]

    @hookimpl
    def cache_version(self, task: Task) -> str:
        """The identity of the function, with all that it runs, and of its config."""
        own = {name: getattr(task, name) for name in sorted(task.field_names - _OF_EVERY_FUNCTION)}
        given = {name: value for name, value in own.items() if value is not None}
        return code_identity([_function(task), given])


def _function(task: TaskTemplate[..., Any]) -> Callable[..., Any]:
    """The function of a task. A class that says no task type is of this one, and may have none."""
    if isinstance(task, AsyncFunctionTaskTemplate):
        func: Callable[..., Any] = task.func
        return func
    name = type(task).__name__
    allowed = f"a type of its own: class {name}(..., task_type=...); {name} has no function to call"
    raise TaskDefinitionError(task.name, "task_type", task.task_type, allowed)


# A configuration, and what else a task type that builds on this one adds, may decide on the result.
_OF_EVERY_FUNCTION = TaskTemplate.field_names | {"func"}
