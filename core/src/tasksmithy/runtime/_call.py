"""Call: one call of a task in a run, and the line of steps that leads to its result."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from tasksmithy.plugins._attempt import Executor
from tasksmithy.runtime._capacity import Place
from tasksmithy.task._context import RunContext
from tasksmithy.task._job import Job
from tasksmithy.task._template import TaskTemplate

if TYPE_CHECKING:
    from tasksmithy.fields._secret import Secret
    from tasksmithy.runtime._event_stream import ExecutionEvents


@dataclass(slots=True, kw_only=True, eq=False, repr=False)
class Call:
    """One call of a task in a run: what its steps know, and what they add.

    Attributes:
        run_id: identifies the run.
        task: the task.
        inputs: its inputs, bound and checked.
        executor: makes its attempts.
        env_vars: environment variables of the task.
        caller: the context of the attempt that calls it; None for the run's first task.
        generation: how many attempts wait for it.
        group: the group that the call is made in, or empty.
        events: tells what becomes of it; None where nobody listens.
        key: identifies it in the run; empty where nobody listens.
        secrets: the values of the task's secrets.
        number: the attempt that is being made, from 1.
        losses: how many attempts were lost with their processes, and are made again.
        place: what the attempt holds of what is limited; None where nothing is.
        source: where the result is from.
        job: the job that does the task's work elsewhere; None where there is none yet.
    """

    run_id: str
    task: TaskTemplate[..., Any]
    inputs: Mapping[str, Any]
    executor: Executor
    env_vars: Mapping[str, str]
    caller: RunContext | None = None
    generation: int = 0
    group: str = ""
    events: ExecutionEvents | None = None
    key: str = ""
    secrets: Mapping[Secret, str] = field(default_factory=dict)
    number: int = 1
    losses: int = 0
    place: Place | None = None
    source: Literal["attempts", "cache", "record"] = "attempts"
    job: Job | None = None

    def context(self) -> RunContext:
        """The context of the attempt that is being made."""
        return RunContext(
            run_id=self.run_id,
            task=self.task.name,
            key=self.key,
            attempt=self.number,
            group=self.group,
            env_vars=self.env_vars,
            secrets=self.secrets,
        )


Step = Callable[[Call], Awaitable[Any]]
"""Leads to the result of a call: by itself, or by the step after it."""

Stage = Callable[[Step], Step]
"""Makes a step, given the one after it."""


def line(*stages: Stage, last: Step) -> Step:
    """The first step of a line in which each knows the next alone."""
    step = last
    for stage in reversed(stages):
        step = stage(step)
    return step
