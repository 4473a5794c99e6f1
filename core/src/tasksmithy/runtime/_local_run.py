"""LocalRun: a run of tasks on this machine, from its first task to its end."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

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
from tasksmithy.values._codec import check_inline

if TYPE_CHECKING:
    from tasksmithy.fields._cache import Cache
    from tasksmithy.runtime._journal import Journal
    from tasksmithy.runtime._run_cache import RunCache
    from tasksmithy.runtime.stores._run_store import TaskStatus

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
        self._journal: Journal | None = None
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
            if self._options.record or self._options.resume is not None:
                inputs = task.interface.bind(task.name, args, kwargs)
                self._journal = _journal(self.id, task, inputs, self._options)
                self.id = self._journal.run_id
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
            if self._journal is not None:
                self._journal.end(problem)

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
        if self._journal is not None:
            self._journal.pages.add(context, tab, fragment)

    async def _execution(
        self,
        parent: LocalHost | None,
        task: Task,
        inputs: Mapping[str, Any],
        group: str,
        executor: Executor,
    ) -> Any:
        """The result of a task: from the run that this one goes on with, the cache, or anew."""
        context = RunContext(
            run_id=self.id, task=task.name, group=group, env_vars=task.env_vars or {}
        )
        if self._journal is None:
            attempts = Attempts(task, inputs, context, executor, self, parent, self._capacity)
            return (await self._computed(task, inputs, attempts))[0]
        observer = self._options.observer
        entry = self._journal.entry(None if parent is None else parent.context, task, inputs, group)
        context = replace(context, key=entry.key)
        observer.started(task, context)
        kept = self._journal.kept(entry)
        if kept is not None:
            await self._journal.succeeded(entry, "resumed", kept[0], [])
            observer.succeeded(context, "resumed")
            return kept[0]
        attempts = Attempts(task, inputs, context, executor, self, parent, self._capacity, observer)
        try:
            result, was_cached = await self._computed(task, inputs, attempts)
        except BaseException as error:
            observer.failed(context, error)
            await self._journal.failed(entry, error, attempts.made)
            raise
        status: TaskStatus = "cached" if was_cached else "succeeded"
        await self._journal.succeeded(entry, status, result, attempts.made)
        observer.succeeded(context, status)
        return result

    async def _computed(
        self, task: Task, inputs: Mapping[str, Any], attempts: Attempts
    ) -> tuple[Any, bool]:
        """The result of a task, and whether it was in the cache."""
        policy = cast("Cache", task.cache)  # a task keeps it in this form
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


def _journal(run_id: str, task: Task, inputs: Mapping[str, Any], options: RunOptions) -> Journal:
    from tasksmithy.runtime._journal import Journal  # brings SQLite, for runs that are recorded

    return Journal(run_id, task, inputs, options)
