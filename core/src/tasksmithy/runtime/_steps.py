"""The steps of a call before its attempts, and what is done with their result.

A step that a task has no use for is no more than a look at the task.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tasksmithy._registry_in_use import registry_in_use
from tasksmithy.runtime._call import Call, Stage, Step
from tasksmithy.runtime._limits import bounded
from tasksmithy.task._around import admit
from tasksmithy.task._call_checks import check_result
from tasksmithy.task._hooks import hooks_for
from tasksmithy.values._size import check_inline

if TYPE_CHECKING:
    from tasksmithy.fields._cache import Cache
    from tasksmithy.fields._timeout import Timeout
    from tasksmithy.runtime._event_stream import ExecutionEvents
    from tasksmithy.runtime._run_cache import RunCache


def told(begun: Callable[[Call], ExecutionEvents | None]) -> Stage:
    """Tell, and write down, that a call has begun and what has become of it.

    Args:
        begun: tells that it has begun; gives what tells the rest, or None where nobody listens.
    """

    def stage(then: Step) -> Step:
        def step(call: Call) -> Awaitable[Any]:
            events = begun(call)
            return then(call) if events is None else telling(call, events)

        async def telling(call: Call, events: ExecutionEvents) -> Any:
            call.events, call.key = events, events.key
            try:
                result = await then(call)
            except BaseException as error:
                await events.failed(error)
                raise
            if call.source == "record":
                await events.resumed(result)
            else:
                await events.succeeded(result, was_cached=call.source == "cache")
            return result

        return step

    return stage


def admitted(then: Step) -> Step:
    """Ask whether the call may go on: before a record or the cache answers it."""

    def step(call: Call) -> Awaitable[Any]:
        if "admit" in hooks_for(call.task).answered:
            return asked(call)
        return go_on(call)

    async def asked(call: Call) -> Any:
        await admit(call.task, call.inputs, call.context())
        return await go_on(call)

    def go_on(call: Call) -> Awaitable[Any]:
        if call.events is not None:
            call.events.admitted()
        return then(call)

    return step


def kept(then: Step) -> Step:
    """Answer from the record of the run that this one resumes."""

    def step(call: Call) -> Awaitable[Any]:
        found = None if call.events is None else call.events.kept()
        return then(call) if found is None else answered(call, found[0])

    async def answered(call: Call, result: Any) -> Any:
        call.source = "record"
        return result

    return step


def before_deadline(then: Step) -> Step:
    """End the call at the deadline of its task."""

    def step(call: Call) -> Awaitable[Any]:
        timeout = call.task.timeout
        return then(call) if timeout.deadline is None else ended(call, timeout)

    async def ended(call: Call, timeout: Timeout) -> Any:
        seconds = timeout.deadline_seconds(datetime.now(UTC))
        async with bounded(call.task.name, "deadline", seconds):
            return await then(call)

    return step


def cached(cache: Callable[[], RunCache]) -> Stage:
    """Answer from the cache, and leave a new result there.

    Args:
        cache: gives the cache; asked when a task wants one.
    """

    def stage(then: Step) -> Step:
        def step(call: Call) -> Awaitable[Any]:
            policy = call.task.cache
            return looked_up(call, policy) if policy.enabled else then(call)

        async def looked_up(call: Call, policy: Cache) -> Any:
            result, was_there = await cache().result(
                call.task, call.inputs, policy, lambda: then(call)
            )
            if was_there:
                call.source = "cache"
            return result

        return step

    return stage


def with_secrets(then: Step) -> Step:
    """Find the values of the task's secrets, and have them as files while it runs."""

    def step(call: Call) -> Awaitable[Any]:
        return resolved(call) if call.task.secrets else then(call)

    async def resolved(call: Call) -> Any:
        from tasksmithy.runtime.secrets._mounts import mounted
        from tasksmithy.runtime.secrets._sources import SecretSources, resolve

        hooks, sources = hooks_for(call.task), SecretSources.of(registry_in_use.get().settings)
        call.secrets = await resolve(call.task, hooks, sources)
        with nullcontext() if "secrets" in hooks.heeds else mounted(call.secrets) as mounts:
            if mounts is not None:
                call.env_vars = {**call.env_vars, **mounts.environment()}
            return await then(call)

    return step


def checked(then: Step) -> Step:
    """Check that the result fits what the task declares."""

    async def step(call: Call) -> Any:
        task, result = call.task, await then(call)
        check_result(task, result)
        outputs = task.interface.by_name(result)
        check_inline(task.name, "output", outputs, task.max_inline_io_bytes)
        return result

    return step
