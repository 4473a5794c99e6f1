"""What policies and task types put before and around a task: `admit` and `around_execute`."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

from tasksmithy._texts import shorten
from tasksmithy.errors import HookError, HookResultError, TasksmithyError
from tasksmithy.task._context import RunContext, entered
from tasksmithy.task._hook import Given
from tasksmithy.task._hooks import hooks_for
from tasksmithy.task._hookspecs import Task

Surroundings = Iterator[Given[AbstractAsyncContextManager[Any, bool]]]


async def admit(task: Task, inputs: Mapping[str, Any], ctx: RunContext) -> None:
    """Wait until everybody admits the task; the next is asked when the one before has done so.

    Raises:
        PolicyVetoError: somebody refuses it.
        HookError: somebody raised anything else, or refused by a value instead of an exception.
    """
    with entered(ctx):
        for provider, answer in hooks_for(task).admit(task, inputs, ctx):
            try:
                said = await answer
            except TasksmithyError:
                raise
            except Exception as error:
                problem = f"raised {shorten(error, sys.maxsize)}"
                raise HookError("admit", task.name, provider, problem) from error
            if said is not None:
                problem = f"returned {shorten(said)}, once awaited; raise PolicyVetoError to refuse"
                raise HookResultError("admit", task.name, provider, problem)


async def inside(given: Surroundings, task: Task, body: Callable[[], Awaitable[Any]]) -> Any:
    """The result of `body` inside of context managers; each is asked for inside of the one before.

    Raises:
        HookResultError: one of them kept an error to itself.
        Exception: what `body` raises; or what one of them raises, with a note of who it was.
    """
    outermost = next(given, None)
    if outermost is None:
        return await body()
    provider, manager = outermost
    failure: BaseException | None = None
    try:
        async with manager:
            try:
                return await inside(given, task, body)
            except BaseException as error:
                failure = error
                raise
    except Exception as error:
        if error is not failure:
            error.add_note(f"in hook 'around_execute' of {provider}, for task {task.name!r}")
        raise
    else:
        problem = f"kept {shorten(failure)} to itself, and there is no result; let it through"
        raise HookResultError("around_execute", task.name, provider, problem) from failure
    finally:
        failure = None  # its traceback holds this frame


async def inside_policies(
    task: Task, inputs: Mapping[str, Any], ctx: RunContext, body: Callable[[], Awaitable[Any]]
) -> Any:
    """The result of an attempt inside of what the policies give; on the side of the run.

    Raises:
        Exception: as `inside` does.
    """
    with entered(ctx):
        around = hooks_for(task).of_policies.around_execute(task, inputs, ctx)
        return await inside(around, task, body)
