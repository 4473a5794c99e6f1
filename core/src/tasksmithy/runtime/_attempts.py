"""The steps of a call's attempts: retries, the place of each, its time, and who makes it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, Final

from tasksmithy._registry_in_use import registry_in_use
from tasksmithy._texts import type_and_message
from tasksmithy.concurrency._threads import caller_is_blocked
from tasksmithy.errors import (
    InputError,
    MissingDependencyError,
    NonRecoverableError,
    NotExecutableError,
    PluginError,
    PolicyVetoError,
    TaskTimeoutError,
    WorkerDiedError,
)
from tasksmithy.plugins._attempt import Attempt
from tasksmithy.runtime._call import Call, Stage, Step
from tasksmithy.runtime._capacity import Capacity, Needs, Place
from tasksmithy.runtime._hints import hint
from tasksmithy.runtime._host import Caller, LocalHost
from tasksmithy.runtime._limits import bounded
from tasksmithy.task._around import inside_policies
from tasksmithy.task._context import entered
from tasksmithy.task._hooks import hooks_for

MOST_LOSSES: Final = 3
"""Attempts of a call that are made again as they were lost, apart from the task's retries."""

_BEYOND_RETRIES = (
    NonRecoverableError,
    InputError,
    PluginError,
    PolicyVetoError,
    NotExecutableError,
    MissingDependencyError,
)


def retried(then: Step) -> Step:
    """Make attempts until one succeeds, as many as the task's strategy allows.

    One that is lost with its process is made again besides. What the last one raises has a note of
    the task, the attempt and the run.
    """

    async def step(call: Call) -> Any:
        strategy = call.task.retries
        while True:
            try:
                return await then(call)
            except Exception as error:
                _count_loss(call, error)
                most = strategy.count + 1 + call.losses
                if call.number >= most or not _is_recoverable(call, error):
                    if (advice := hint(call.task, error)) is not None:
                        error.add_note(advice)
                    error.add_note(
                        f"in task {call.task.name!r}, attempt {call.number} of {most}, "
                        f"run {call.run_id}"
                    )
                    raise
                context = call.context()
                with entered(context):  # whose log it belongs to
                    context.logger.warning(
                        "attempt %d of %d failed: %s",
                        call.number,
                        most,
                        type_and_message(error),
                    )
            backoff = strategy.backoff
            delay = 0.0 if backoff is None else backoff.delay(call.number)
            if call.events is not None:
                call.events.attempt_retried(call.number, delay)
            if backoff is not None:
                await asyncio.sleep(delay)
            call.number += 1

    return step


def surrounded(then: Step) -> Step:
    """Enter what policies give around an attempt, outside of its place and its `max_runtime`.

    A policy may let one attempt wait until another has ended. If that held its place meanwhile, the
    other one's children could have none.
    """

    def step(call: Call) -> Awaitable[Any]:
        if "around_execute" not in hooks_for(call.task).of_policies.answered:
            return then(call)
        return inside_policies(call.task, call.inputs, call.context(), lambda: then(call))

    return step


def placed(capacity: Capacity) -> Stage:
    """Wait until there is room for an attempt among those that run at once.

    Args:
        capacity: the limits of the run.
    """

    def stage(then: Step) -> Step:
        def step(call: Call) -> Awaitable[Any]:
            needs = capacity.needs(call.executor.slots(call.task))
            # A caller that blocks cannot give its place up, so the call has part in it.
            return in_place(call, needs) if needs and not caller_is_blocked.get() else then(call)

        async def in_place(call: Call, needs: Needs) -> Any:
            timeout = call.task.timeout
            call.place = Place(needs)
            try:
                async with bounded(call.task.name, "max_queued_time", timeout.queued_seconds):
                    await call.place.take()
                return await then(call)
            finally:
                call.place.leave()
                call.place = None

        return step

    return stage


def attempt_told(then: Step) -> Step:
    """Tell that an attempt has begun, and what it has ended with."""

    def step(call: Call) -> Awaitable[Any]:
        return then(call) if call.events is None else telling(call)

    async def telling(call: Call) -> Any:
        events = call.events
        assert events is not None  # noqa: S101 - `step` has looked
        events.attempt_started(call.number)
        try:
            return await then(call)
        except BaseException as error:
            events.attempt_failed(call.number, error)
            raise

    return step


def in_time(then: Step) -> Step:
    """End an attempt after the task's `max_runtime`."""

    def step(call: Call) -> Awaitable[Any]:
        seconds = call.task.timeout.runtime_seconds
        return then(call) if seconds is None else ended(call, seconds)

    async def ended(call: Call, seconds: float) -> Any:
        async with bounded(call.task.name, "max_runtime", seconds):
            return await then(call)

    return step


def made(run: Caller) -> Step:
    """Have the executor make an attempt, and end the children that it leaves.

    Args:
        run: runs its children.
    """

    async def step(call: Call) -> Any:
        host = LocalHost(run, call)
        attempt = Attempt(
            task=call.task, inputs=call.inputs, context=host.context, registry=registry_in_use.get()
        )
        try:
            return await call.executor.perform(attempt, host)
        finally:
            if left := host.end():
                await asyncio.wait(left)

    return step


def _count_loss(call: Call, error: Exception) -> None:
    """Count an attempt that was lost, as long as it may be made again for that."""
    if not isinstance(error, WorkerDiedError) or not error.is_loss:
        return
    if error.task != call.task.name or error.losses:  # of a child, which was given up
        return
    if call.losses < MOST_LOSSES:
        call.losses += 1
    else:
        error.losses = call.losses + 1


def _is_recoverable(call: Call, error: Exception) -> bool:
    """Whether another attempt can help: not where the call or the installation is wrong."""
    if isinstance(error, TaskTimeoutError):  # a child's has another start and another end
        return error.limit == "max_runtime" or error.task != call.task.name
    return not isinstance(error, _BEYOND_RETRIES)
