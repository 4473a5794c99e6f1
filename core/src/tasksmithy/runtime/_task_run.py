"""TaskRun: the run as a task sees it, wherever its attempt is made; and how one is made."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Mapping
from contextlib import nullcontext
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

from tasksmithy._registry_in_use import registry_in_use
from tasksmithy.errors import TaskExitError
from tasksmithy.plugins._attempt import Attempt, Host
from tasksmithy.runtime.secrets._exits import handed_out
from tasksmithy.task._attempt import pre_execute_post
from tasksmithy.task._context import open_group
from tasksmithy.task._job import Job
from tasksmithy.task._template import TaskTemplate

_logger = logging.getLogger("tasksmithy.run")


class Site:
    """Where attempts are made: what lasts longer there than one of them."""

    def __init__(self) -> None:
        self._at_end: list[Callable[[], None]] = []

    def at_end(self, callback: Callable[[], None]) -> None:
        """Call `callback` in `close`; the last registered comes first."""
        self._at_end.append(callback)

    def close(self) -> None:
        """Call what waits for the end. What raises is logged: the others still have their turn."""
        while self._at_end:
            try:
                self._at_end.pop()()
            except Exception:
                _logger.exception("what was to be done at the end of the run failed")


@runtime_checkable
class KeepsJobs(Protocol):
    """A host that is the run itself, which knows the jobs of its tasks."""

    def job(self) -> Job:
        """The job of the attempt, as far as the run knows it."""
        ...


class TaskRun:
    """The run, as the task of one attempt sees it; it is a `tasksmithy.task._context.Run`.

    Args:
        run_id: identifies the run.
        host: the run.
        site: where the attempt is made.
    """

    __slots__ = ("_host", "_site", "id")

    def __init__(self, run_id: str, host: Host, site: Site) -> None:
        self.id = run_id
        self._host = host
        self._site = site

    def child(
        self, task: TaskTemplate[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Coroutine[Any, Any, Any]:
        """The result of `task` as a child of the attempt, once awaited."""
        return self._host.call(task, args, kwargs, open_group())

    def at_end(self, callback: Callable[[], None]) -> None:
        """Call `callback` when the run has ended in this process; the last registered first."""
        self._site.at_end(callback)

    def mask(self, text: str) -> str:
        """`text` with `***` for each secret that was handed out, as far as is known here."""
        return handed_out.mask(text)

    def add_to_report(self, tab: str, fragment: str) -> None:
        """Add HTML to a tab of the report of the task."""
        self._host.report(tab, fragment)

    def job(self) -> Job:
        """The job of the attempt; one that nobody keeps where the run is in another process."""
        return self._host.job() if isinstance(self._host, KeepsJobs) else Job()


async def make_attempt_at(site: Site, attempt: Attempt, host: Host) -> Any:
    """Make an attempt at a site and return its result.

    Raises:
        TaskExitError: it called `sys.exit`.
        Exception: whatever else the attempt raises.
    """
    context = attempt.context
    context = replace(context, run=TaskRun(context.run_id, host, site))
    registry = attempt.registry
    with nullcontext() if registry is registry_in_use.get() else registry.entered():
        try:
            return await pre_execute_post(attempt.task, dict(attempt.inputs), context)
        except SystemExit as error:  # which would end the event loop, and so the whole run
            problem = f"called sys.exit({error.code!r}); a task raises or returns"
            raise TaskExitError(f"task {context.task!r} {problem}") from error
