"""Attempt, Host and Executor: one attempt of a task, the run that wants it, and who makes it."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from tasksmithy._registry_in_use import registry_in_use
from tasksmithy.plugins._registry import Registry
from tasksmithy.task._context import RunContext
from tasksmithy.task._template import TaskTemplate

if TYPE_CHECKING:
    import logging


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt of one task: all that is needed to make it, in a value that pickles.

    Nothing in it is ambient: what the environment decided where the run is, and what was registered
    in code there, goes along in `registry`.

    Examples:
        >>> from tasksmithy import Attempt, TaskEnvironment
        >>> env = TaskEnvironment(name="sums")
        >>> @env.task
        ... def double(n: int) -> int:
        ...     return 2 * n
        >>> Attempt.of(double, n=4).inputs
        {'n': 4}

    Attributes:
        task: the task.
        inputs: its inputs by name, bound and checked.
        context: the context, without a run: who makes the attempt gives it one.
        registry: the plugins and settings that answer for the task.
    """

    task: TaskTemplate[..., Any]
    inputs: Mapping[str, Any]
    context: RunContext
    registry: Registry

    @classmethod
    def of(cls, task: TaskTemplate[..., Any], /, *args: Any, **inputs: Any) -> Attempt:
        """The first attempt of a task with these inputs, of no run.

        Raises:
            InputError: the inputs do not fit the interface.
        """
        from tasksmithy.task._call_checks import check_inputs

        bound = task.interface.bind(task.name, args, inputs)
        check_inputs(task, bound)
        context = RunContext(task=task.name, attempt=1, env_vars=task.env_vars or {})
        return cls(task=task, inputs=bound, context=context, registry=registry_in_use.get())


class Host(Protocol):
    """The run, as the side that makes an attempt sees it.

    Its methods may be called in any thread and any event loop of the process that it is in.
    """

    async def call(
        self,
        task: TaskTemplate[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        group: str,
    ) -> Any:
        """The result of a task that the attempt calls, which the run runs as its child.

        Cancelled, it ends the child.

        Args:
            task: the task.
            args: inputs by position.
            kwargs: inputs by name.
            group: the group that the call is made in, or empty.

        Raises:
            Exception: whatever the child raises, as the type that it was raised as.
        """
        ...

    def log(self, record: logging.LogRecord) -> None:
        """Handle a log record of the attempt in the process of the run."""
        ...

    def report(self, tab: str, fragment: str) -> None:
        """Add HTML to a tab of the report of the task."""
        ...

    def placed(self, place: str) -> None:
        """Tell where the attempt is made, for events, records and reports.

        Args:
            place: a process, a node of a cluster, ..., as people call it. The last one counts.
        """
        ...


class Executor(Protocol):
    """Where attempts are made: what an entry point in `tasksmithy.executors.v1` names.

    The entry point names a class, of which each run makes an object and closes it when it ends, or
    any other callable that gives such an object. Retries, cache, timeouts, secrets, records and
    capacity are the run's affair: an executor is given one attempt at a time.

    What the entry point names may have two more attributes. `options_model`, a dataclass or a
    pydantic model, declares the options of the executor, which is then made with the checked
    options as its only argument, and without arguments otherwise. `capabilities`, a frozenset,
    says what it can beyond what every executor can: `"preemption"`, `"processes"`.

    Attributes:
        heeds: the fields of `TaskTemplate` that it honours by itself, such as `"image"`. A field
            that nothing honours is warned of.
    """

    heeds: frozenset[str]

    def refuses(self, task: TaskTemplate[..., Any]) -> str | None:
        """Why it cannot make attempts of a task; None where it can. Asked before one is queued."""
        ...

    def slots(self, task: TaskTemplate[..., Any]) -> Mapping[str, int]:
        """What an attempt takes of this machine while it is made; empty where that is nothing.

        The names are `"cpu"` in thousandths of a core and `"memory"` in bytes, which bound what
        runs at once with `--respect-resources`, and `"processes"`.
        """
        ...

    def perform(self, attempt: Attempt, host: Host) -> Coroutine[Any, Any, Any]:
        """Make an attempt; awaited, its result. Cancelled, it has ended when this returns.

        Raises:
            Exception: whatever the attempt raises, as the type that it was raised as.
        """
        ...

    async def close(self) -> None:
        """Called once, when the run ends."""
        ...
