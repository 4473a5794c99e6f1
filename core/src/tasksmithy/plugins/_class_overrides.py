"""What answers by the methods that the class of a task overrides, as Flyte's plugins do."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from tasksmithy.task._hook import Implementation
from tasksmithy.task._hooks import answering
from tasksmithy.task._hookspecs import HOOKS
from tasksmithy.task._template import HOOK_METHODS, TaskTemplate

Task = TaskTemplate[..., Any]


def _method(hook: str) -> Callable[..., Any]:
    def answer(task: Task, *arguments: Any) -> Any:
        if hook not in task.overridden_hooks:
            return None
        with answering(task, hook):
            return getattr(task, hook)(*arguments)

    return answer


def _execute(task: Task, inputs: Mapping[str, Any], _: object) -> Awaitable[Any] | None:
    return _executed(task, inputs) if "execute" in task.overridden_hooks else None


async def _executed(task: Task, inputs: Mapping[str, Any]) -> Any:
    """What the method gives; it is called in a thread, unless it is async."""
    with answering(task, "execute"):
        if inspect.iscoroutinefunction(inspect.unwrap(type(task).execute)):
            return await task.execute(**inputs)
        from tasksmithy.concurrency._threads import (
            in_thread,  # with asyncio, which listing plugins needs not
        )

        result = await in_thread(task.execute, **inputs)
        return await result if inspect.isawaitable(result) else result


OVERRIDES: Final[Mapping[str, Implementation]] = {
    hook: Implementation(_execute if hook == "execute" else _method(hook), HOOKS[hook].arguments)
    for hook in HOOK_METHODS
}
"""The hooks that a class may answer, each by the method of its name."""
