"""The attempts of one task: the first, and the retries that its strategy allows, each in time."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from tasksmithy._registry_in_use import registry_in_use
from tasksmithy._texts import shorten
from tasksmithy.errors import (
    InputError,
    MissingDependencyError,
    NonRecoverableError,
    NotExecutableError,
    PluginError,
    PolicyVetoError,
    TaskExitError,
    TaskTimeoutError,
)
from tasksmithy.fields._secret import Secret
from tasksmithy.plugins._attempt import Attempt, Executor
from tasksmithy.runtime._capacity import Capacity
from tasksmithy.runtime._host import LocalHost, Parents
from tasksmithy.task._context import RunContext, entered
from tasksmithy.task._template import TaskTemplate

if TYPE_CHECKING:
    from tasksmithy.runtime._event_stream import ExecutionEvents

T = TypeVar("T")

_BEYOND_RETRIES = (
    NonRecoverableError,
    InputError,
    PluginError,
    PolicyVetoError,
    NotExecutableError,
    MissingDependencyError,
)


class Attempts:
    """All attempts of one execution of a task.

    Args:
        task: the task.
        inputs: its inputs.
        context: the context of the attempts, but for their number.
        executor: makes them.
        run: runs their children.
        parent: the host of the attempt that called the task; None for the run's first task.
        capacity: the limits of the run.
        events: tells what becomes of them; None where nobody is told.
    """

    def __init__(
        self,
        task: TaskTemplate[..., Any],
        inputs: Mapping[str, Any],
        context: RunContext,
        executor: Executor,
        run: Parents,
        parent: LocalHost | None,
        capacity: Capacity,
        events: ExecutionEvents | None = None,
    ) -> None:
        self._task = task
        self._inputs = inputs
        self._context = context
        self._executor = executor
        self._run = run
        self._parent = parent
        self._capacity = capacity
        self._events = events
        # A task keeps its fields in these forms, whatever shorthand it was given.
        self._retries = task.retries
        self._timeout = task.timeout
        self._max_runtime = self._timeout.runtime_seconds

    async def in_time(self, result: Coroutine[Any, Any, T]) -> T:
        """Await what the task needs besides its attempts, and these, before its deadline.

        Raises:
            TaskTimeoutError: the deadline has come.
        """
        if self._timeout.deadline is None:
            return await result
        deadline = self._timeout.deadline_seconds(datetime.now(UTC))
        async with _bounded(self._task.name, "deadline", deadline):
            return await result

    async def result(
        self, secrets: Mapping[Secret, str] | None = None, env_vars: Mapping[str, str] | None = None
    ) -> Any:
        """The result of the first attempt that succeeds.

        Args:
            secrets: the values of the task's secrets.
            env_vars: environment variables beside the task's own.

        Raises:
            TaskTimeoutError: `max_runtime`, which is retried, or `max_queued_time` is reached.
            Exception: what the last attempt raised, as the type it was raised as, with a note of
                the task, the attempt and the run.
        """
        if secrets or env_vars:
            own = {**self._context.env_vars, **(env_vars or {})}
            self._context = replace(self._context, secrets=secrets or {}, env_vars=own)
        number = 1
        while True:
            try:
                return await self._placed(number)
            except Exception as error:
                if number > self._retries.count or not self._is_recoverable(error):
                    error.add_note(
                        f"in task {self._task.name!r}, attempt {number} of "
                        f"{self._retries.count + 1}, run {self._context.run_id}"
                    )
                    raise
                with entered(self._context):  # whose log it belongs to
                    self._context.logger.warning(
                        "attempt %d of %d failed: %s",
                        number,
                        self._retries.count + 1,
                        shorten(error, sys.maxsize),
                    )
            backoff = self._retries.backoff
            delay = 0.0 if backoff is None else backoff.delay(number)
            if self._events is not None:
                self._events.attempt_retried(number, delay)
            if backoff is not None:
                await asyncio.sleep(delay)
            number += 1

    async def _placed(self, number: int) -> Any:
        """An attempt in its place among those that run at once, if they are limited."""
        needs = self._capacity.needs(self._executor.slots(self._task))
        if not needs:
            return await self._attempt(number)
        place = self._capacity.of(needs)
        async with _bounded(self._task.name, "max_queued_time", self._timeout.queued_seconds):
            await place.__aenter__()
        try:
            return await self._attempt(number)
        finally:
            await place.__aexit__(None, None, None)

    async def _attempt(self, number: int) -> Any:
        context = replace(self._context, attempt=number)
        if self._events is not None:
            self._events.attempt_started(number)
        try:
            if self._max_runtime is None:
                return await self._made(context)
            async with _bounded(self._task.name, "max_runtime", self._max_runtime):
                return await self._made(context)
        except SystemExit as error:
            exit_ = TaskExitError(
                f"task {self._task.name!r} called sys.exit({error.code!r}); a task raises or "
                "returns"
            )
            self._tell_failed(number, exit_)
            raise exit_ from error
        except BaseException as error:
            self._tell_failed(number, error)
            raise

    def _tell_failed(self, attempt: int, error: BaseException) -> None:
        if self._events is not None:
            self._events.attempt_failed(attempt, error)

    async def _made(self, context: RunContext) -> Any:
        host = LocalHost(self._run, context, self._parent)
        attempt = Attempt(
            task=self._task, inputs=self._inputs, context=context, registry=registry_in_use.get()
        )
        try:
            return await self._executor.perform(attempt, host)
        finally:
            await host.end()

    def _is_recoverable(self, error: Exception) -> bool:
        """Whether another attempt can help: not where the call or the installation is wrong."""
        if isinstance(error, TaskTimeoutError):  # a child's has another start and another end
            return error.limit == "max_runtime" or error.task != self._task.name
        return not isinstance(error, _BEYOND_RETRIES)


@asynccontextmanager
async def _bounded(task: str, limit: str, seconds: float | None) -> AsyncIterator[None]:
    """End the body after `seconds`, with an error that says which limit of the task it was."""
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
