"""Bounds on a task's time: the body is cancelled when one is reached."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tasksmithy.errors import TaskTimeoutError

_logger = logging.getLogger("tasksmithy.run")


@asynccontextmanager
async def bounded(task: str, limit: str, seconds: float | None) -> AsyncIterator[None]:
    """End the body after `seconds`.

    Args:
        task: name of the task, for the error.
        limit: which limit it is, as `TaskTimeoutError` names it.
        seconds: the limit; None where there is none.

    Raises:
        TaskTimeoutError: the body was ended, or kept the event loop from ending it in time.
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
    if asyncio.get_running_loop().time() > (bound.when() or math.inf):
        if not bound.expired():  # the body has kept the event loop from turning until now
            raise TaskTimeoutError(task, limit, seconds)
        # It was cancelled in time and went on to its result, as a commit that has begun does: to
        # call that a failure would have it done a second time.
        _logger.warning(
            "task %r reached its %s of %g s and went on to a result, which counts",
            *(task, limit, seconds),
        )
