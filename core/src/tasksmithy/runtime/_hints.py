"""Hints: what a task's own code most likely has wrong, where Python's error alone does not say."""

from __future__ import annotations

import inspect
from typing import Any

from tasksmithy._texts import message
from tasksmithy.errors import TasksmithyError
from tasksmithy.task._template import TaskTemplate


def hint(task: TaskTemplate[..., Any], error: BaseException) -> str | None:
    """What to write instead, for an error that a task has raised; None where that is not known."""
    if isinstance(error, TasksmithyError):
        return None
    text = message(error)
    if isinstance(error, (TypeError, AttributeError)) and "coroutine" in text:
        called = next(iter(_closed_calls(error)), "an async task")
        if task._call_as_synchronous:  # noqa: SLF001
            return (
                f"{task.name} is sync, and {called} is async: write async def, and await the call"
            )
        return f"{called} was called and not awaited: write await before the call"
    if isinstance(error, RuntimeError) and "event loop" in text and task._call_as_synchronous:  # noqa: SLF001
        _closed_calls(error)
        return f"{task.name} is sync and has no event loop: write async def"
    return None


def _closed_calls(error: BaseException) -> list[str]:
    """Close the calls that variables of the failed code hold and nobody awaits; their names."""
    names = []
    place = error.__traceback__
    while place is not None:
        for value in tuple(place.tb_frame.f_locals.values()):
            for call in value if isinstance(value, tuple) else (value,):  # as those of a gather
                if inspect.iscoroutine(call) and inspect.getcoroutinestate(call) == "CORO_CREATED":
                    call.close()  # which nobody awaits: Python need not say so once more
                    names.append(call.__qualname__)
        place = place.tb_next
    return names
