"""make_attempt(): one attempt of a task in this process, for executors."""

from __future__ import annotations

from typing import Any

from tasksmithy.plugins._attempt import Attempt, Host
from tasksmithy.runtime._local_run import LocalRun
from tasksmithy.runtime._options import RunOptions
from tasksmithy.runtime._task_run import Site, make_attempt_at
from tasksmithy.runtime.secrets._exits import learn
from tasksmithy.task._job import Job


async def make_attempt(
    attempt: Attempt, host: Host | None = None, *, job: Job | None = None
) -> Any:
    """Make one attempt in this process and return its result: no retries, no cache, no timeout.

    It is `pre`, then `execute` inside what `around_execute` gives, then `post`, by the plugins of
    the attempt. Cancelled, the attempt is cancelled.

    An executor gives the host that it was given. The program in a cluster's container has none: the
    cluster retries, and whatever the task calls is run in this process. Its secrets are then looked
    for on this machine, and its result is checked.

    Examples:
        >>> import asyncio
        >>> from tasksmithy import Attempt, TaskEnvironment, make_attempt
        >>> env = TaskEnvironment(name="sums")
        >>> @env.task
        ... def double(n: int) -> int:
        ...     return 2 * n
        >>> asyncio.run(make_attempt(Attempt.of(double, n=4)))
        8

    Args:
        attempt: the attempt.
        host: the run that wants it, which runs its children; None where there is none.
        job: the job that does the work, of a task type that submits one, where nobody hosts the
            attempt and it outlives this process; None for another job each time.

    Raises:
        Exception: whatever the attempt raises.
    """
    if host is None:
        return await LocalRun(RunOptions()).attempt(attempt, job)
    learn(attempt.context.secrets.values())
    site = Site()
    try:
        return await make_attempt_at(site, attempt, host)
    finally:
        site.close()
