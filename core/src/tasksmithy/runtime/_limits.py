"""Bounds on a task's time: the body is cancelled when one is reached."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tasksmithy.errors import TaskTimeoutError


@asynccontextmanager
async def bounded(task: str, limit: str, seconds: float | None) -> AsyncIterator[None]:
    """End the body after `seconds`.

    Args:
        task: name of the task, for the error.
        limit: which limit it is, as `TaskTimeoutError` names it.
        seconds: the limit; None where there is none.

    Raises:
        TaskTimeoutError: the body was ended, or has ended by itself, but too late.
    """
    if seconds is None:
        yield
        return
    bound = asyncio.timeout(max(seconds, 0))
    try:
        async with bound:
            yield
    except TimeoutError as error:
        if bound.expired() and not isinstance(error, TaskTimeoutError):
            raise TaskTimeoutError(task, limit, seconds) from None
        raise
    # The body may have kept the loop from turning until now, or the cancellation to itself.
    if asyncio.get_running_loop().time() > (bound.when() or math.inf):
        raise TaskTimeoutError(task, limit, seconds)
