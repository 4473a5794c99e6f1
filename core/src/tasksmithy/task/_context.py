"""Where a task runs: the context of one attempt, as the task and its hooks see it."""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import logging

    from tasksmithy.fields._secret import Secret
    from tasksmithy.task._job import Job


class Run(Protocol):
    """The run that an attempt belongs to, as far as a task or a plugin needs it."""

    @property
    def id(self) -> str:
        """Identifies the run."""
        ...

    def child(
        self, task: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Coroutine[Any, Any, Any]:
        """The result of `task` as a child of the current attempt, once awaited."""
        ...

    def at_end(self, callback: Callable[[], None]) -> None:
        """Call `callback` when the run ends, however it ends; the last registered comes first.

        In a process of the attempt's own it is called when that has made its attempt. What a
        callback raises is logged, and changes no result.
        """
        ...

    def mask(self, text: str) -> str:
        """`text` with `***` for each secret that was handed out, as far as this process knows."""
        ...

    def add_to_report(self, tab: str, fragment: str) -> None:
        """Add HTML to a tab of the report of the task."""
        ...

    def job(self) -> Job:
        """The job of this attempt, as far as the run knows it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """One attempt of one task in a run. Outside a run, `current()` is a context that is falsy.

    Attributes:
        run: the run, or None outside one.
        run_id: identifies the run; empty outside one.
        task: name of the task.
        key: identifies this execution of the task within the run; attempts share it.
        attempt: number of the attempt, from 1.
        group: the group that the caller opened around the call, or empty.
        data: what the task's `pre` returned.
        env_vars: the task's environment variables.
        secrets: the values of the task's secrets.
    """

    run: Run | None = None
    run_id: str = ""
    task: str = ""
    key: str = ""
    attempt: int = 0
    group: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    env_vars: Mapping[str, str] = field(default_factory=dict)
    # Never in the repr: what is printed must not hold a secret.
    secrets: Mapping[Secret, str] = field(default_factory=dict, repr=False)

    def __bool__(self) -> bool:
        return self.run is not None

    @property
    def logger(self) -> logging.Logger:
        """The logger of the task: `tasksmithy.task.` and the task's name."""
        import logging  # a quarter of what this module would cost to import

        return logging.getLogger(f"tasksmithy.task.{self.task}")


_current: ContextVar[RunContext] = ContextVar("tasksmithy_run", default=RunContext())  # noqa: B039 - frozen
_open_group: ContextVar[str] = ContextVar("tasksmithy_group", default="")


_under_way: list[str] = []
_told: set[str] = set()


def _leave() -> None:
    """In a forked process, which is no part of the run."""
    _under_way.clear()
    _current.set(RunContext())
    _open_group.set("")


os.register_at_fork(after_in_child=_leave)


def current() -> RunContext:
    """The context of the attempt that runs here; falsy outside a run.

    Examples:
        >>> bool(current())
        False
    """
    return _current.get()


def run_of_call(task: str) -> Run | None:
    """The run that a task is called in, or None; with a warning where it is out of sight.

    A thread that a task has started by itself, as a pool's, knows nothing of the run.
    """
    run = _current.get().run
    if run is None and _under_way and task not in _told:
        import logging  # as above
        import threading

        if threading.current_thread() is not threading.main_thread():
            _told.add(task)
            logging.getLogger("tasksmithy.run").warning(
                "task %r is called in a thread that knows of no run, while run %s goes on: it is "
                "its plain function there, without retries, cache, timeout and record. Give the "
                "thread the context, pool.submit(contextvars.copy_context().run, task, ...), or "
                "use asyncio.to_thread, or map",
                task,
                _under_way[-1],
            )
    return run


@contextmanager
def under_way(run_id: str) -> Iterator[None]:
    """In this process, attempts of that run are made while the body runs."""
    _under_way.append(run_id)
    try:
        yield
    finally:
        with suppress(ValueError):  # in a forked process
            _under_way.remove(run_id)


@contextmanager
def entered(context: RunContext) -> Iterator[RunContext]:
    """Make `context` the current one for the body."""
    token = _current.set(context)
    try:
        yield context
    finally:
        _current.reset(token)


@contextmanager
def group(name: str) -> Iterator[None]:
    """Put the tasks that are called in the body into a group, for display and reports.

    Groups may be nested: `a` in `b` is the group `b/a`.
    """
    outer = _open_group.get()
    token = _open_group.set(f"{outer}/{name}" if outer else name)
    try:
        yield
    finally:
        _open_group.reset(token)


def open_group() -> str:
    """The name of the group that is open here, or empty."""
    return _open_group.get()


@contextmanager
def no_group() -> Iterator[None]:
    """Leave the caller's group for the body, which is a child's."""
    token = _open_group.set("")
    try:
        yield
    finally:
        _open_group.reset(token)
