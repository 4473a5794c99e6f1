"""LocalRun: a run of tasks on this machine, from its first task to its end."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasksmithy._registry_in_use import registry_in_use
from tasksmithy.errors import NotExecutableError, TaskRecursionError
from tasksmithy.plugins._attempt import Attempt
from tasksmithy.runtime._attempts import attempt_told, in_time, made, placed, retried, surrounded
from tasksmithy.runtime._call import Call, line
from tasksmithy.runtime._capacity import Capacity
from tasksmithy.runtime._host import LocalHost
from tasksmithy.runtime._ignored_fields import IgnoredFields
from tasksmithy.runtime._options import RunOptions
from tasksmithy.runtime._steps import (
    admitted,
    before_deadline,
    cached,
    checked,
    kept,
    told,
    with_secrets,
)
from tasksmithy.runtime.executors._of_run import Executors
from tasksmithy.runtime.secrets._abandoned import remove_abandoned
from tasksmithy.task._call_checks import check_inputs
from tasksmithy.task._context import RunContext, under_way
from tasksmithy.task._hooks import hooks_for
from tasksmithy.task._job import Job
from tasksmithy.task._template import TaskTemplate
from tasksmithy.values._size import check_inline

if TYPE_CHECKING:
    from tasksmithy.runtime._event_stream import EventStream, ExecutionEvents
    from tasksmithy.runtime._identities import Identities
    from tasksmithy.runtime._run_cache import RunCache

Task = TaskTemplate[..., Any]

MOST_GENERATIONS = 2_000
"""Tasks that may wait for each other: more are a recursion without end, which takes all memory."""


class LocalRun:
    """A run of tasks in this process.

    Args:
        options: how it is to be done.

    Attributes:
        id: identifies the run.
        result: leads to the result of a call.
    """

    def __init__(self, options: RunOptions) -> None:
        self.id = f"r{os.urandom(8).hex()}"
        self._options = options
        self._ignored_fields = IgnoredFields(respects_resources=options.respect_resources)
        self._executors = Executors(options.executor, options.executor_options)
        self._events: EventStream | None = None  # None where nobody listens
        self._at_end: list[Callable[[], None]] = []
        self.result = line(
            told(self._begun),
            admitted,
            kept,
            before_deadline,
            cached(lambda: self._cache),
            with_secrets,
            checked,
            # From here on once for each attempt.
            retried,
            surrounded,
            placed(Capacity(options)),
            attempt_told,
            in_time,
            last=made(self),
        )

    async def root(self, task: Task, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run the task that the run is for, and end the run.

        Raises:
            InputError: the inputs do not fit the interface.
            Exception: whatever the task raises, as the type that it was raised as.
        """
        registry_in_use.begin()
        remove_abandoned()
        problem: BaseException | None = None
        try:
            self._events = self._stream(task, args, kwargs)
            with under_way(self.id):
                return await self.result(self.call(task, args, kwargs))
        except BaseException as error:
            problem = error
            raise
        finally:
            await self._end(problem)

    async def attempt(self, attempt: Attempt, job: Job | None = None) -> Any:
        """Make one attempt in this process, and end the run, which runs its children.

        Args:
            attempt: the attempt.
            job: the job that does its work, of a task type that submits one.

        Raises:
            OutputError: the result does not fit the interface.
            Exception: whatever the task raises, as the type that it was raised as.
        """
        context = attempt.context
        call = Call(
            run_id=context.run_id or self.id,
            task=attempt.task,
            inputs=attempt.inputs,
            executor=self._executors.here,
            env_vars=context.env_vars,
            group=context.group,
            key=context.key,
            number=context.attempt,
            job=job,
        )
        result = line(with_secrets, checked, last=made(self))
        try:
            with attempt.registry.entered():
                return await result(call)
        finally:
            await self._end(None)

    async def _end(self, problem: BaseException | None) -> None:
        try:
            await self._executors.close()
        finally:
            while self._at_end:
                self._at_end.pop()()
            if self._events is not None:
                self._events.ended(problem)
                await self._events.close()

    def _stream(
        self, task: Task, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> EventStream | None:
        """What tells the events of the run; None where there is nobody to tell."""
        options, installed = self._options, registry_in_use.get().observers()
        if not (options.is_recorded or options.progress or options.observers or installed):
            return None
        from tasksmithy.runtime._event_stream import EventStream

        inputs = task.interface.bind(task.name, args, kwargs)
        events = EventStream(self.id, task, inputs, options, installed, lambda: self._identities)
        self.id = events.run_id
        return events

    def call(
        self,
        task: Task,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        group: str = "",
        caller: LocalHost | None = None,
    ) -> Call:
        """A call of a task in the run, checked.

        Raises:
            InputError: the inputs do not fit the interface.
            NotExecutableError: the task is a reference, or the executor refuses it.
            PluginError: the plugin of the task's type cannot be used.
            TaskRecursionError: too many tasks wait for each other.
        """
        if caller is not None and caller.generation >= MOST_GENERATIONS:
            raise TaskRecursionError(task.name, MOST_GENERATIONS)
        if task.ref:
            raise NotExecutableError(
                f"task {task.name!r} is a reference to a task that is deployed elsewhere; "
                "it has no code here"
            )
        inputs = task.interface.bind(task.name, args, dict(kwargs))
        check_inputs(task, inputs)
        check_inline(task.name, "input", inputs, task.max_inline_io_bytes)
        executor = self._executors.of(task)
        self._ignored_fields.warn(task, hooks_for(task).heeds | executor.heeds)
        return Call(
            run_id=self.id,
            task=task,
            inputs=inputs,
            executor=executor,
            env_vars=task.env_vars or {},
            caller=None if caller is None else caller.context,
            generation=0 if caller is None else caller.generation + 1,
            group=group,
        )

    def add_to_report(self, context: RunContext, tab: str, fragment: str) -> None:
        """Add HTML to a tab of the report of an execution, if the run is recorded."""
        if self._events is not None and self._events.journal is not None:
            self._events.journal.pages.add(context, tab, fragment)

    def job(self, call: Call) -> Job:
        """The job of the attempt that a call makes."""
        if call.job is None:
            from tasksmithy.runtime._job import RunJob  # most tasks have none

            journal = None if self._events is None else self._events.journal
            is_identified = call.events is not None and call.events.is_identified
            call.job = RunJob(journal, call.key, is_identified=is_identified)
        call.job.begin(call.place)
        return call.job

    def _begun(self, call: Call) -> ExecutionEvents | None:
        if self._events is None:
            return None
        executor = self._executors.name_of(call.executor)
        return self._events.queued(call.caller, call.task, call.inputs, call.group, executor)

    @cached_property
    def _cache(self) -> RunCache:
        from tasksmithy.runtime._run_cache import RunCache  # brings SQLite, for tasks with a cache
        from tasksmithy.runtime.stores._cache_store import CacheStore, default_cache_directory

        store = CacheStore(Path(self._options.cache_dir or default_cache_directory()))
        self._at_end.append(store.close)
        return RunCache(store, self._identities)

    @cached_property
    def _identities(self) -> Identities:
        from tasksmithy.runtime._identities import Identities  # for tasks with a cache, and records

        return Identities()
