"""Journal: what a run writes down of itself, and what it finds there when it is resumed."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from tasksmithy.codec import Encoded, digest, encode
from tasksmithy.context import RunContext
from tasksmithy.errors import ResumeError, ValueEncodingError, shorten
from tasksmithy.interface import result_type
from tasksmithy.runtime.attempts import Made
from tasksmithy.runtime.caching import decoded
from tasksmithy.runtime.options import RunOptions
from tasksmithy.runtime.report.pages import Pages
from tasksmithy.runtime.secrets.masking import Masker
from tasksmithy.runtime.stores.records import (
    AttemptRecord,
    RunStore,
    TaskRecord,
    TaskStatus,
    default_runs_directory,
)
from tasksmithy.task import TaskTemplate

INPUTS_SHOWN = 2000
"""Characters of the inputs that a record shows."""


class Entry(NamedTuple):
    """An execution that has begun.

    Attributes:
        key: identifies it in its run, also when the run is done again: by the attempt that called
            it, its task, its inputs and how many such calls came before.
        parent: key of the execution that called it; None for the root.
        task: the task.
        group: the group that the caller opened around the call.
        queued: seconds since the epoch.
        inputs: its inputs, as shortened text.
    """

    key: str
    parent: str | None
    task: TaskTemplate[..., Any]
    group: str
    queued: float
    inputs: str


class Journal:
    """The journal of one run.

    Args:
        run_id: id of the run.
        task: the task of its root.
        inputs: its inputs, as text.
        options: where records are, and the run that this one goes on with.
        masker: masks the secrets that the run has handed out.

    Attributes:
        run_id: id of the run, also where it goes on with another one.
        pages: what its executions add to their reports.

    Raises:
        UnknownRunError: there is no run to go on with.
        RunInProgressError: another process is at it.
        ResumeError: it was a run of another task.
    """

    def __init__(
        self,
        run_id: str,
        task: TaskTemplate[..., Any],
        inputs: Mapping[str, Any],
        options: RunOptions,
        masker: Masker,
    ) -> None:
        self.run_id = run_id
        self._masker = masker
        self._calls: Counter[tuple[str, str]] = Counter()
        self._store = RunStore(options.runs_dir or default_runs_directory())
        self._kept: Mapping[str, Encoded] = {}
        words = options.inputs if options.inputs is not None else _shown(inputs)
        try:
            if options.resume is not None:
                self._go_on(options.resume, task.name)
            self._store.begin(self.run_id, file=options.file, task=task.name, inputs=words)
        except BaseException:
            self._store.close()
            raise
        self.pages = Pages(self.run_id, masker)

    def _go_on(self, run_id: str, task: str) -> None:
        before = self._store.find(run_id)
        if before.task != task:
            raise ResumeError(before.id, before.task, task)
        self.run_id = before.id
        self._kept = self._store.outputs(before.id)

    def entry(
        self,
        parent: RunContext,
        task: TaskTemplate[..., Any],
        inputs: Mapping[str, Any],
        group: str,
    ) -> Entry:
        """An execution that begins now, called by the attempt `parent`."""
        # An attempt that is made anew makes its calls anew: its number is part of their keys.
        caller = f"{parent.key}/{parent.attempt}" if parent else ""
        call = f"{task.name}({_identity(inputs)})"
        nth = self._calls[caller, call]
        self._calls[caller, call] += 1
        key = hashlib.sha256(f"{caller}\0{call}\0{nth}".encode()).hexdigest()
        shown = self._masker.mask(_shown(inputs))
        self.pages.open(key, task)
        return Entry(key, parent.key if parent else None, task, group, time.time(), shown)

    def kept(self, entry: Entry) -> tuple[Any] | None:
        """The result in the run that this one goes on with, in a tuple; None where it has none."""
        encoded = self._kept.get(entry.key)
        if encoded is None:
            return None
        return decoded(encoded, result_type(entry.task.interface))

    async def succeeded(
        self, entry: Entry, status: TaskStatus, result: Any, attempts: Sequence[Made]
    ) -> None:
        """Write down a result; return once it is there to stay."""
        await self._write(entry, status, attempts, output=self._output(entry, result))

    async def failed(self, entry: Entry, error: BaseException, attempts: Sequence[Made]) -> None:
        """Write down what an execution raised."""
        status: TaskStatus = "cancelled" if isinstance(error, asyncio.CancelledError) else "failed"
        write = self._write(entry, status, attempts, error=self._masker.mask(repr(error)))
        # Written in any case, also where the task that waits for it is cancelled once more.
        await asyncio.shield(asyncio.ensure_future(write))

    def end(self, error: BaseException | None) -> None:
        """Write down how the run has ended."""
        status: Literal["succeeded", "failed", "cancelled"] = "succeeded"
        if error is not None:
            cancelled = isinstance(error, (asyncio.CancelledError, KeyboardInterrupt))
            status = "cancelled" if cancelled else "failed"
        self.pages.close()
        self._store.end(self.run_id, status)
        self._store.close()

    async def _write(
        self,
        entry: Entry,
        status: TaskStatus,
        attempts: Sequence[Made],
        *,
        output: Encoded | None = None,
        error: str | None = None,
    ) -> None:
        masked = tuple(
            AttemptRecord(number, started, ended, problem and self._masker.mask(problem))
            for number, started, ended, problem in attempts
        )
        await self._store.finished(
            TaskRecord(
                run=self.run_id,
                key=entry.key,
                parent=entry.parent,
                task=entry.task.name,
                task_type=entry.task.task_type,
                group=entry.group,
                status=status,
                queued=entry.queued,
                started=attempts[0][1] if attempts else None,
                ended=time.time(),
                attempts=masked,
                inputs=entry.inputs,
                output=output,
                error=error,
                report=self.pages.take(entry.key),
            )
        )

    def _output(self, entry: Entry, result: Any) -> Encoded | None:
        """The result to keep; None where it cannot be: a resumed run then does the task again."""
        try:
            output = encode(result, result_type(entry.task.interface))
        except ValueEncodingError:
            return None
        return None if self._masker.is_in(output.data) else output


def _identity(inputs: Mapping[str, Any]) -> str:
    """What tells calls with other inputs apart; values without an encoding are all alike."""
    digests = []
    for name, value in inputs.items():
        try:
            digests.append(f"{name}={digest(value)}")
        except ValueEncodingError:
            digests.append(f"{name}=?")
    return ",".join(digests)


def _shown(inputs: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={shorten(value, 200)}" for name, value in inputs.items())[
        :INPUTS_SHOWN
    ]
