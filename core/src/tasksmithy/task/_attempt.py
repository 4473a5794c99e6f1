"""What one attempt of a task consists of: `pre`, `execute` inside `around_execute`, `post`."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

from tasksmithy._texts import shorten
from tasksmithy.errors import HookResultError
from tasksmithy.task._around import admit, inside, inside_policies
from tasksmithy.task._context import RunContext, entered
from tasksmithy.task._hooks import hooks_for
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
    with entered(ctx):
        data = task.pre(**inputs)
        if inspect.isawaitable(data):
            data = await data
        if not data:
            return await _execute_post(task, inputs, ctx)
    if not isinstance(data, Mapping):
        problem = f"pre() returned {shorten(data)}; give a mapping"
        raise HookResultError("pre", task.name, type(task).__name__, problem)
    ctx = replace(ctx, data=data)
    with entered(ctx):
        return await _execute_post(task, inputs, ctx)


async def _execute_post(task: Attempted, inputs: dict[str, Any], ctx: RunContext) -> Any:
    hooks = hooks_for(task)
    around = hooks.of_task_type.around_execute(task, inputs, ctx)
    result = await inside(around, task, lambda: hooks.execute(task, inputs, ctx))
    changed = task.post(result)
    if inspect.isawaitable(changed):
        changed = await changed
    return result if changed is None else changed


async def outside_runs(task: Attempted, inputs: dict[str, Any]) -> Any:
    """The result of one attempt that no run wants, with all that policies have to say of it.

    Raises:
        PolicyVetoError: a policy refuses it.
        Exception: as `pre_execute_post` does.
    """
    ctx = RunContext(task=task.name)
    await admit(task, inputs, ctx)
    return await inside_policies(
        task, inputs, ctx, lambda: pre_execute_post(task, inputs, RunContext())
    )
