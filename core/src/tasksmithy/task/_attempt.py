"""What one attempt of a task consists of: `pre`, `execute` inside `around_execute`, `post`."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any, Protocol

from tasksmithy._texts import shorten
from tasksmithy.errors import HookResultError
from tasksmithy.task._context import RunContext, entered
from tasksmithy.task._hooks import TaskHooks, hooks_for
from tasksmithy.task._hookspecs import Task


class Attempted(Task, Protocol):
    """What an attempt needs to know of its task."""

    def pre(self, *args: Any, **kwargs: Any) -> Any:
        """Called first, with the inputs."""
        ...

    def post(self, return_vals: Any) -> Any:
        """Called last, with what `execute` returned."""
        ...


async def pre_execute_post(task: Attempted, inputs: dict[str, Any], ctx: RunContext) -> Any:
    """The result of one attempt, in the context `ctx`, by the registry that is in use here.

    Raises:
        HookResultError: `pre` returned no mapping, or `around_execute` kept an error to itself.
        Exception: whatever the task, a hook, or `pre` or `post` raises.
    """
    hooks = hooks_for(task)
    with entered(ctx):
        data = task.pre(**inputs)
        if inspect.isawaitable(data):
            data = await data
    if data:
        if not isinstance(data, Mapping):
            problem = f"pre() returned {shorten(data)}; give a mapping"
            raise HookResultError("pre", task.name, type(task).__name__, problem)
        ctx = replace(ctx, data=data)
    with entered(ctx):
        result = task.post(await _surrounded(task, inputs, ctx, hooks))
        return await result if inspect.isawaitable(result) else result


async def _surrounded(
    task: Attempted, inputs: dict[str, Any], ctx: RunContext, hooks: TaskHooks
) -> Any:
    """What `execute` returns, inside what `around_execute` gives."""
    failure: BaseException | None = None
    result: Any = None
    try:
        async with AsyncExitStack() as stack:
            try:
                for _, manager in hooks.around_execute(task, inputs, ctx):
                    await stack.enter_async_context(manager)
                result = await hooks.execute(task, inputs, ctx)
            except BaseException as error:
                failure = error
                raise
        if failure is not None:
            problem = f"kept {shorten(failure)} to itself, and there is no result; let it through"
            provider = f"a policy, or of task type {task.task_type!r}"
            raise HookResultError("around_execute", task.name, provider, problem) from failure
        return result
    finally:
        failure = None  # its traceback holds this frame
