"""Journal: what a run writes down of itself, and what it finds there when it is resumed."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tasksmithy._texts import cut
from tasksmithy.errors import ResumeError, TasksmithyError, ValueEncodingError
from tasksmithy.runtime._identities import Identities
from tasksmithy.runtime._options import RunOptions
from tasksmithy.runtime._run_cache import decoded
from tasksmithy.runtime.report._pages import Pages
from tasksmithy.runtime.secrets._exits import handed_out
from tasksmithy.runtime.secrets._masking import MASK
from tasksmithy.runtime.stores._records import (
    AttemptRecord,
    JobRecord,
    Kept,
    RunRecord,
    TaskRecord,
    TaskStatus,
)
from tasksmithy.runtime.stores._run_store import RunStore, default_runs_directory
from tasksmithy.task._events import (
    AttemptFailed,
    AttemptPlaced,
    AttemptStarted,
    Event,
    Execution,
    ExecutionCached,
    ExecutionCancelled,
    ExecutionEvent,
    ExecutionFailed,
    ExecutionResumed,
    ExecutionSucceeded,
    RunOutcome,
)
from tasksmithy.task._interface import result_type
from tasksmithy.task._template import TaskTemplate
from tasksmithy.values._storage import Encoded, encode

INPUT_SHOWN, INPUTS_SHOWN = 200, 2000
"""Characters of one input, and of all together, that a record shows."""

_logger = logging.getLogger("tasksmithy.run")


class _Open:
    """An execution that has begun and not ended."""

    __slots__ = ("attempts", "code", "inputs", "number", "place", "queued", "started", "task")

    def __init__(self, task: TaskTemplate[..., Any], queued: float, inputs: str, code: str) -> None:
        self.task = task
        self.queued = queued
        self.inputs = inputs
        self.code = code
        self.attempts: list[AttemptRecord] = []
        self.number = 0  # of the attempt that is under way, or 0
        self.started = 0.0
        self.place: str | None = None

    def attempt_ended(self, ended: float, error: str | None) -> None:
        """The attempt under way, if there is one, has ended."""
        if self.number:
            attempt = AttemptRecord(self.number, self.started, ended, error, self.place)
            self.attempts.append(attempt)
            self.number, self.place = 0, None


_STATUS: dict[type[ExecutionSucceeded], TaskStatus] = {
    ExecutionSucceeded: "succeeded",
    ExecutionCached: "cached",
    ExecutionResumed: "resumed",
}


class Journal:
    """The journal of one run: it gets the run's events before anyone else.

    Args:
        run_id: id of the run.
        task: the task of its root.
        inputs: its inputs.
        digests: what identifies each of them, by name.
        options: where records are, and the run that this one resumes.
        identities: those of the run.

    Attributes:
        run_id: id of the run, also where it resumes another one.
        pages: what its executions add to their reports.
        found: how many results a resumed run has already, or None for a new run, and how many
            executions have ended without one.

    Raises:
        UnknownRunError: there is no such run to resume.
        RunInProgressError: another process is at it.
        ResumeError: it was a run of another task, or with other inputs.
    """

    def __init__(
        self,
        run_id: str,
        task: TaskTemplate[..., Any],
        inputs: Mapping[str, Any],
        digests: Mapping[str, str],
        options: RunOptions,
        identities: Identities,
    ) -> None:
        self.run_id = run_id
        self._open: dict[str, _Open] = {}
        self._identities = identities
        self._store = RunStore(Path(options.runs_dir or default_runs_directory()))
        self._kept: Mapping[str, Kept] = {}
        self._jobs: Mapping[str, JobRecord] = {}
        self._changed: set[str] = set()
        self.found: tuple[int | None, int] = (None, 0)
        words = options.inputs if options.inputs is not None else self._shown(inputs)
        try:
            before = (
                None if options.resume is None else self._found(options.resume, task.name, digests)
            )
            if before is not None:
                self.run_id = before.id
                self._kept = self._store.outputs(before.id)
                self._jobs = self._store.jobs(before.id)
                self.found = len(self._kept), self._store.lost(before)
            self._store.begin(
                self.run_id,
                file=options.file,
                task=task.name,
                inputs=words,
                digests=digests,
                before=before,
            )
        except BaseException:
            self._store.close()
            raise
        self.pages = Pages(self.run_id)

    def _found(self, run_id: str, task: str, now: Mapping[str, str]) -> RunRecord:
        """The run to resume."""
        run = self._store.find(run_id)
        if run.task != task:
            raise ResumeError(run.id, f"it is one of task {run.task!r}, and not of {task!r}")
        then = self._store.digests(run.id)
        if then == now:
            return run
        other = [name for name in {**then, **now} if then.get(name) != now.get(name)]
        recorded = f"`tasksmithy runs show {run.id}` tells what it began with"
        if MASK in run.inputs:
            recorded = "its record has no secrets: give them by with_runcontext(resume=...)"
        raise ResumeError(
            run.id,
            f"it began with another value of {', '.join(map(repr, other))}; start a new run for "
            f"these inputs ({recorded})",
        )

    def begin(
        self,
        execution: Execution,
        queued: float,
        task: TaskTemplate[..., Any],
        inputs: Mapping[str, Any],
    ) -> None:
        """An execution has begun."""
        self.pages.open(execution.key, task)
        code = self._code(task, inputs)
        self._open[execution.key] = _Open(task, queued, self._shown(inputs), code)

    def observe(self, event: Event) -> None:
        """Take notice of an event."""
        if isinstance(event, AttemptStarted):
            execution = self._open[event.execution.key]
            execution.number, execution.started = event.attempt, event.time
        elif isinstance(event, AttemptPlaced):
            self._open[event.execution.key].place = event.place
        elif isinstance(event, AttemptFailed):
            self._open[event.execution.key].attempt_ended(event.time, event.error)

    def kept(self, key: str, task: TaskTemplate[..., Any]) -> tuple[Any] | None:
        """The result in the run that this one resumes, in a tuple; None where it has none."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        if kept.code and kept.code != self._open[key].code:
            if task.name not in self._changed:
                self._changed.add(task.name)
                _logger.warning(
                    "task %r has changed since it ran in run %s, and runs again",
                    task.name,
                    self.run_id,
                )
            return None
        return decoded(kept.output, task)

    def code(self, key: str) -> str:
        """What identifies the code of an execution that is under way; empty where nothing does."""
        return self._open[key].code

    def job(self, key: str) -> JobRecord:
        """The last job of an execution, from before the run was resumed; the first, to be, else."""
        return self._jobs.get(key) or JobRecord(self.run_id, key)

    async def keep_job(self, job: JobRecord) -> None:
        """Write down a job; return once it is there to stay."""
        await self._store.keep_job(job)

    async def succeeded(self, event: ExecutionSucceeded, result: Any) -> None:
        """Write down a result; return once it is there to stay."""
        known = self._open[event.execution.key]
        output = self._output(known.task, result)
        await self._write(event, _STATUS[type(event)], output=output, code=known.code)

    async def failed(self, event: ExecutionFailed | ExecutionCancelled) -> None:
        """Write down that an execution has no result."""
        if isinstance(event, ExecutionFailed):
            await self._write(event, "failed", error=event.error, traceback=event.traceback)
        else:
            await self._write(event, "cancelled")

    def end(self, status: RunOutcome) -> None:
        """Write down how the run has ended."""
        self.pages.close()
        self._store.end(self.run_id, status)
        self._store.close()

    async def _write(
        self,
        event: ExecutionEvent,
        status: TaskStatus,
        *,
        output: Encoded | None = None,
        error: str | None = None,
        code: str = "",
        traceback: str | None = None,
    ) -> None:
        execution = event.execution
        known = self._open.pop(execution.key)
        known.attempt_ended(event.time, None)
        await self._store.finished(
            TaskRecord(
                run=self.run_id,
                key=execution.key,
                parent=execution.parent,
                task=known.task.name,
                task_type=execution.task_type,
                group=execution.group,
                status=status,
                queued=known.queued,
                started=known.attempts[0].started if known.attempts else None,
                ended=event.time,
                attempts=tuple(known.attempts),
                inputs=known.inputs,
                output=output,
                error=error,
                report=self.pages.take(execution.key),
                code=code,
                traceback=traceback,
            )
        )

    def _output(self, task: TaskTemplate[..., Any], result: Any) -> Encoded | None:
        """The result to keep; None where it cannot be: a resumed run then does the task again."""
        try:
            return encode(result, result_type(task.interface))
        except ValueEncodingError:
            return None

    def _code(self, task: TaskTemplate[..., Any], inputs: Mapping[str, Any]) -> str:
        """What tells the code of a call from another; empty where its plugin cannot say."""
        try:
            code = self._identities.of(task).digest
        except TasksmithyError:
            return ""  # a cache needs it, and tells; a record only serves better with it
        if task.cache.version_override:
            return code
        of_inputs = self._identities.in_inputs(inputs)
        return hashlib.sha256(f"{code} {of_inputs}".encode()).hexdigest() if of_inputs else code

    def _shown(self, inputs: Mapping[str, Any]) -> str:
        shorten = handed_out.shorten
        words = ", ".join(f"{name}={shorten(value, INPUT_SHOWN)}" for name, value in inputs.items())
        return cut(words, INPUTS_SHOWN)
