"""make_attempt(): one attempt of a task in this process, for executors."""

from __future__ import annotations

from typing import Any

from tasksmithy.plugins._attempt import Attempt, Host
from tasksmithy.runtime._task_run import Site, make_attempt_at
from tasksmithy.runtime.secrets._exits import learn


async def make_attempt(attempt: Attempt, host: Host) -> Any:
    """Make one attempt in this process and return its result: no retries, no cache, no timeout.

    It is `pre`, then `execute` inside what `around_execute` gives, then `post`, by the plugins of
    the attempt. Cancelled, the attempt is cancelled.

    >>> import asyncio
    >>> from tasksmithy import Attempt, TaskEnvironment, make_attempt
    >>> env = TaskEnvironment(name="sums")
    >>> @env.task
    ... def double(n: int) -> int:
    ...     return 2 * n
    >>> class Nobody:
    ...     async def call(self, task, args, kwargs, group):
    ...         raise RuntimeError("no children here")
    ...     def log(self, record): ...
    ...     def report(self, tab, fragment): ...
    >>> asyncio.run(make_attempt(Attempt.of(double, n=4), Nobody()))
    8

    Args:
        attempt: the attempt.
        host: the run that wants it, which runs its children.

    Raises:
        Exception: whatever the attempt raises.
    """
    learn(attempt.context.secrets.values())
    site = Site()
    try:
        return await make_attempt_at(site, attempt, host)
    finally:
        site.close()
