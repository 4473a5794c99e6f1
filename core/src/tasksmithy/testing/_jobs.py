"""Checks: a job elsewhere is submitted once for each key, and may be cancelled at any time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tasksmithy._texts import shorten
from tasksmithy.task._context import RunContext
from tasksmithy.task._hooks import TaskHooks
from tasksmithy.testing._outcome import correct_hook, fail
from tasksmithy.testing._subject import Subject

_KEYS = "conformance-1", "conformance-2"


class JobChecks(Subject):
    """A job elsewhere is submitted once for each key, and may be cancelled at any time."""

    def test_a_key_submits_one_job(self) -> None:
        """A run that was killed before it had the handle submits again, with the same key."""
        first, again, other = self._asked(_submitted_thrice, "submit")
        if first != again:
            fail(
                f"{self._who}: submit gave the handle {shorten(first)}, and for the same "
                f"idempotency_key {shorten(again)}; a key is one job",
                "hand idempotency_key to the backend as the job's name or client token, or look "
                "for a job that carries it before one is submitted",
            )
        if first == other:
            fail(
                f"{self._who}: submit gave the handle {shorten(first)} for two keys; each key is "
                "a job of its own",
                "leave it to the run which submissions are the same: it gives them one key",
            )

    def test_a_job_may_be_cancelled_twice(self) -> None:
        """A job may end, or be cancelled, while it is about to be cancelled."""
        self._asked(_cancelled_twice, "cancel")

    def _asked(self, ask: Callable[..., Awaitable[Any]], hook: str) -> Any:
        """What `ask` gives with the hooks of the type."""
        self._type()
        hooks = self._registry.hooks(self.task_type)
        if not hooks.has_jobs:
            pytest.skip("for task types that implement submit, poll and cancel")
        task = self._task()
        secrets = {secret: hooks.resolve_secret(secret) or "" for secret in task.secrets}
        env_vars = task.env_vars or {}
        ctx = RunContext(task=task.name, attempt=1, env_vars=env_vars, secrets=secrets)
        try:
            return asyncio.run(_awaited(ask(hooks, task, self._inputs, ctx)))
        except Exception as error:  # noqa: BLE001 - whatever a hook raises
            fail(
                f"{self._who}: with a job that is submitted and cancelled, a hook raised "
                f"{type(error).__name__}: {error}",
                correct_hook(hook),
            )


async def _awaited(answer: Awaitable[Any]) -> Any:
    return await answer


async def _submitted_thrice(hooks: TaskHooks, task: Any, inputs: Any, ctx: RunContext) -> Any:
    handles = [await hooks.submit(task, inputs, key, ctx) for key in (*_KEYS[:1], *_KEYS)]
    for handle in handles[1:]:
        await hooks.cancel(task, handle, ctx)
    return handles


async def _cancelled_twice(hooks: TaskHooks, task: Any, inputs: Any, ctx: RunContext) -> None:
    handle = await hooks.submit(task, inputs, _KEYS[0], ctx)
    await hooks.cancel(task, handle, ctx)
    await hooks.cancel(task, handle, ctx)
