"""LocalRun: a run of tasks on this machine, from its first task to its end."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from contextlib import nullcontext
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tasksmithy._registry_in_use import registry_in_use
from tasksmithy.errors import NotExecutableError
from tasksmithy.plugins._attempt import Executor
from tasksmithy.runtime._attempts import Attempts
from tasksmithy.runtime._capacity import Capacity
from tasksmithy.runtime._host import LocalHost
from tasksmithy.runtime._ignored_fields import Unheeded
from tasksmithy.runtime._options import RunOptions
from tasksmithy.runtime.executors._of_run import Executors
from tasksmithy.task._call_checks import check_inputs, check_result
from tasksmithy.task._context import RunContext, no_group
from tasksmithy.task._hooks import hooks_for
from tasksmithy.task._interface import named_result
from tasksmithy.task._template import TaskTemplate
from tasksmithy.values._size import check_inline

if TYPE_CHECKING:
    from tasksmithy.runtime._event_stream import EventStream
    from tasksmithy.runtime._run_cache import RunCache

Task = TaskTemplate[..., Any]


class LocalRun:
    """A run of tasks in this process.

    Args:
        options: how it is to be done.

    Attributes:
        id: identifies the run.
    """

    def __init__(self, options: RunOptions) -> None:
        self.id = f"r{os.urandom(8).hex()}"
        self._options = options
        self._capacity = Capacity(options)
        self._unheeded = Unheeded(respects_resources=options.respect_resources)
        self._events: EventStream | None = None  # None where nobody is told
        self._at_end: list[Callable[[], None]] = []

    async def root(self, task: Task, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run the task that the run is for, and end the run.

        Raises:
            InputError: the inputs do not fit the interface.
            Exception: whatever the task raises, as the type that it was raised as.
        """
        self._executors = Executors(self._options.executor)
        problem: BaseException | None = None
        try:
            self._events = self._stream(task, args, kwargs)
            return await self.child(None, task, args, kwargs, "")
        except BaseException as error:
            problem = error
            raise
        finally:
            await self._end(problem)

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
        events = EventStream(self.id, task, inputs, options, installed)
        self.id = events.run_id
        return events

    async def child(
        self,
        parent: LocalHost | None,
        task: Task,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        group: str,
    ) -> Any:
        """The result of `task` as a child of the attempt that `parent` is the host of.

        Raises:
            InputError: the inputs do not fit the interface.
            OutputError: the result does not fit it.
            NotExecutableError: the task is a reference, its type has no local execution, or the
                executor refuses it.
            Exception: whatever the task raises, as the type that it was raised as.
        """
        if task.ref:
            raise NotExecutableError(
                f"task {task.name!r} is a reference to a task that is deployed elsewhere; "
                "it has no code here"
            )
        inputs = task.interface.bind(task.name, args, dict(kwargs))
        check_inputs(task.name, task.interface, inputs)
        check_inline(task.name, "input", inputs, task.max_inline_io_bytes)
        executor = self._executors.of(task)
        self._unheeded.say(task, hooks_for(task).heeds | executor.heeds)
        with no_group(), nullcontext() if parent is None else parent.member():
            execution: Awaitable[Any] = self._execution(parent, task, inputs, group, executor)
            if parent is not None and parent.needs_stack:
                execution = asyncio.ensure_future(execution)
            if not self._capacity.caller_has_place:
                return await execution
            async with self._capacity.waiting():
                return await execution

    def add_to_report(self, context: RunContext, tab: str, fragment: str) -> None:
        """Add HTML to a tab of the report of an execution, if the run is recorded."""
        if self._events is not None and self._events.journal is not None:
            self._events.journal.pages.add(context, tab, fragment)

    async def _execution(
        self,
        parent: LocalHost | None,
        task: Task,
        inputs: Mapping[str, Any],
        group: str,
        executor: Executor,
    ) -> Any:
        """The result of a task: from the run that this one goes on with, the cache, or anew."""
        stream = self._events
        events = None
        if stream is not None:
            caller = None if parent is None else parent.context
            name = self._executors.name_of(executor)
            events = stream.queued(caller, task, inputs, group, name)
        context = RunContext(
            run_id=self.id,
            task=task.name,
            key="" if events is None else events.key,
            group=group,
            env_vars=task.env_vars or {},
        )
        attempts = Attempts(task, inputs, context, executor, self, parent, self._capacity, events)
        if events is None:
            return (await self._computed(task, inputs, attempts))[0]
        events.admitted()
        kept = events.kept()
        if kept is not None:
            await events.resumed(kept[0])
            return kept[0]
        try:
            result, was_cached = await self._computed(task, inputs, attempts)
        except BaseException as error:
            await events.failed(error)
            raise
        await events.succeeded(result, was_cached=was_cached)
        return result

    async def _computed(
        self, task: Task, inputs: Mapping[str, Any], attempts: Attempts
    ) -> tuple[Any, bool]:
        """The result of a task, and whether it was in the cache."""
        policy = task.cache
        if not policy.enabled:
            return await attempts.in_time(self._performed(task, attempts)), False
        return await attempts.in_time(
            self._cache.result(task, inputs, policy, lambda: self._performed(task, attempts))
        )

    async def _performed(self, task: Task, attempts: Attempts) -> Any:
        """The result of a task by its attempts, with its secrets at hand."""
        if task.secrets:
            from tasksmithy.runtime.secrets._sources import SecretSources, mounted, resolve

            hooks, sources = hooks_for(task), SecretSources.of(registry_in_use.get().settings)
            values = await resolve(task, hooks, sources)
            with nullcontext(None) if "secrets" in hooks.heeds else mounted(values) as mounts:
                result = await attempts.result(values, mounts.environment() if mounts else {})
        else:
            result = await attempts.result()
        check_result(task.name, task.interface, result)
        outputs = named_result(task.interface, result)
        check_inline(task.name, "output", outputs, task.max_inline_io_bytes)
        return result

    @cached_property
    def _cache(self) -> RunCache:
        from tasksmithy.runtime._run_cache import RunCache  # brings SQLite, for tasks with a cache
        from tasksmithy.runtime.stores._cache_store import CacheStore, default_cache_directory

        store = CacheStore(self._options.cache_dir or default_cache_directory())
        self._at_end.append(store.close)
        return RunCache(store)
