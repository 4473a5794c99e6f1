"""job_result(): one attempt of a task whose type submits a job: submit, poll, and cancel."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from typing import Any, Final

from tasksmithy._texts import shorten
from tasksmithy.errors import HookResultError, JobFailedError, NonRecoverableError, PluginError
from tasksmithy.task._context import RunContext
from tasksmithy.task._hooks import TaskHooks, hooks_for
from tasksmithy.task._hookspecs import Task
from tasksmithy.task._job import Job, JobStatus
from tasksmithy.values._json import not_json

MOST_FAILED_POLLS: Final = 5
"""Polls in a row that may raise before the attempt fails: a network has hiccups."""

FIRST_POLL, LAST_POLL, GROWTH = 0.1, 10.0, 1.5
"""Seconds between polls: the first, the most, and how each grows to the next."""

MOST_CANCELS: Final = 3
"""How often a job is cancelled where `cancel` raises."""

GRACE: Final = 30.0
"""Seconds that a `submit`, or the calls of `cancel`, may go on when nobody wants the job."""


def job_result(task: Task, inputs: Mapping[str, Any], ctx: RunContext) -> Coroutine[Any, Any, Any]:
    """What a task type does on this machine that answers `submit`: have a job do it.

    Cancelled, or failed, it has cancelled the job when it ends.

    Raises:
        JobFailedError: the job has failed.
        HookResultError: the handle is none, or `poll` gave no `JobStatus`.
        Exception: what `submit` raised, or `poll` five times in a row.
    """
    return _Attempt(task, inputs, ctx).result()


class _Attempt:
    """One attempt of a task by a job."""

    def __init__(self, task: Task, inputs: Mapping[str, Any], ctx: RunContext) -> None:
        self._task = task
        self._inputs = inputs
        self._ctx = ctx
        self._hooks: TaskHooks = hooks_for(task)
        self._job = Job() if ctx.run is None else ctx.run.job()

    async def result(self) -> Any:
        job = self._job
        job.leave_place()
        if job.unwanted is not None:
            await self._cancel(job.unwanted)
        try:
            if job.handle is None:
                await self._submit()
            status = await self._end()
        except BaseException:
            if job.handle is not None:
                await self._cancel(job.handle)
                await job.ended()
            raise
        if status.phase == "failed":
            await job.ended()
            raise JobFailedError(self._task.name, job.handle, status.message)
        # The job stays known: until its result is written down, that is still to be had from it.
        await job.take_place()
        return status.result

    async def _submit(self) -> None:
        """Submit the job. A cancelled attempt waits for the handle, to cancel the job by it."""
        submitting = asyncio.ensure_future(self._submitted())
        try:
            await asyncio.shield(submitting)
        except asyncio.CancelledError:
            if not submitting.done():
                await asyncio.wait([submitting], timeout=GRACE)
            if submitting.cancel():
                self._warn("is submitted for %g s already and given up; it may come to run", GRACE)
            elif not submitting.cancelled():
                submitting.exception()  # nobody wants it any more
            raise

    async def _submitted(self) -> None:
        handle = await self._hooks.submit(self._task, self._inputs, self._job.key, self._ctx)
        problem = "there is none" if handle is None else not_json(handle)
        if problem:
            raise self._wrong(
                "submit", f"{shorten(handle)} ({problem}); a handle is JSON, and not None"
            )
        await self._job.submitted(handle)

    async def _end(self) -> JobStatus:
        """Poll the job until it has ended."""
        failures, usual = 0, FIRST_POLL
        while True:
            after = None
            try:
                status = await self._hooks.poll(self._task, self._job.handle, self._ctx)
            except (PluginError, NonRecoverableError):
                raise
            except Exception as error:
                failures += 1
                if failures == MOST_FAILED_POLLS:
                    raise
                self._warn("could not be polled: %s", shorten(error))
            else:
                if not isinstance(status, JobStatus):
                    raise self._wrong("poll", f"{shorten(status)}; give a tasksmithy.JobStatus")
                if status.phase in ("succeeded", "failed"):
                    return status
                failures, after = 0, status.poll_after
            await asyncio.sleep(usual if after is None else after)
            usual = min(usual * GROWTH, LAST_POLL)

    async def _cancel(self, handle: Any) -> None:
        """Have a job end, also where the attempt is cancelled meanwhile; what fails is logged.

        Raises:
            asyncio.CancelledError: the attempt was cancelled meanwhile.
        """
        cancelling = asyncio.ensure_future(self._cancelled(handle))
        was_cancelled = False
        while not cancelling.done():
            try:
                await asyncio.wait([cancelling])
            except asyncio.CancelledError:
                was_cancelled = True
        if was_cancelled:
            raise asyncio.CancelledError

    async def _cancelled(self, handle: Any) -> None:
        problem = f"`cancel` has not returned in {GRACE:g} s"
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE):
                for last in range(MOST_CANCELS):
                    try:
                        await self._hooks.cancel(self._task, handle, self._ctx)
                    except Exception as error:  # noqa: BLE001 - told where it stays so
                        problem = shorten(error)
                        await asyncio.sleep(2.0**last / 4)
                    else:
                        return
        self._warn("could not be cancelled and may still run (%s): %s", shorten(handle), problem)

    def _warn(self, text: str, *arguments: object) -> None:
        self._ctx.logger.warning("the job " + text, *arguments)

    def _wrong(self, hook: str, problem: str) -> HookResultError:
        label = f"task type {self._hooks.task_type!r} ({self._hooks.provenance})"
        return HookResultError(hook, self._task.name, label, f"returned {problem}, once awaited")
