"""Journal: what a run writes down of itself, and what it finds there when it is resumed."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tasksmithy._texts import cut, shorten
from tasksmithy.errors import ResumeError, TasksmithyError, ValueEncodingError
from tasksmithy.runtime._attempts import Made
from tasksmithy.runtime._observer import ended_by
from tasksmithy.runtime._options import RunOptions
from tasksmithy.runtime._run_cache import code_version, decoded
from tasksmithy.runtime.report._pages import Pages
from tasksmithy.runtime.secrets._exits import handed_out
from tasksmithy.runtime.secrets._masking import MASK
from tasksmithy.runtime.stores._run_store import (
    AttemptRecord,
    Kept,
    RunRecord,
    RunStore,
    TaskRecord,
    TaskStatus,
    default_runs_directory,
)
from tasksmithy.task._context import RunContext
from tasksmithy.task._interface import result_type
from tasksmithy.task._template import TaskTemplate
from tasksmithy.values._codec import Encoded, digest, encode

INPUT_SHOWN, INPUTS_SHOWN = 200, 2000
"""Characters of one input, and of all together, that a record shows."""

_CODES_KEPT = 256

_logger = logging.getLogger("tasksmithy.run")


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
        inputs: its inputs.
        options: where records are, the run that this one goes on with, and who is told of it.

    Attributes:
        run_id: id of the run, also where it goes on with another one.
        pages: what its executions add to their reports.

    Raises:
        UnknownRunError: there is no run to go on with.
        RunInProgressError: another process is at it.
        ResumeError: it was a run of another task, or with other inputs.
    """

    def __init__(
        self,
        run_id: str,
        task: TaskTemplate[..., Any],
        inputs: Mapping[str, Any],
        options: RunOptions,
    ) -> None:
        self.run_id = run_id
        self._calls: dict[bytes, int] = {}
        self._codes: dict[int, tuple[TaskTemplate[..., Any], str]] = {}
        self._store = RunStore(options.runs_dir or default_runs_directory())
        self._kept: Mapping[str, Kept] = {}
        self._changed: set[str] = set()
        self._digests = _digests(inputs)
        words = options.inputs if options.inputs is not None else self._shown(inputs)
        try:
            before = None if options.resume is None else self._found(options.resume, task.name)
            if before is not None:
                self.run_id = before.id
                self._kept = self._store.outputs(before.id)
            self._store.begin(
                self.run_id,
                file=options.file,
                task=task.name,
                inputs=words,
                digests=self._digests,
            )
            options.observer.begin(self.run_id)
            if before is not None:
                options.observer.resumed(len(self._kept), self._store.lost(before))
        except BaseException:
            self._store.close()
            raise
        self.pages = Pages(self.run_id)

    def _found(self, run_id: str, task: str) -> RunRecord:
        """The run to go on with."""
        run = self._store.find(run_id)
        if run.task != task:
            raise ResumeError(run.id, f"it is one of task {run.task!r}, and not of {task!r}")
        then, now = self._store.digests(run.id), self._digests
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

    def entry(
        self,
        parent: RunContext | None,
        task: TaskTemplate[..., Any],
        inputs: Mapping[str, Any],
        group: str,
    ) -> Entry:
        """An execution that begins now, called by the attempt of `parent`, or the root."""
        # An attempt that is made anew makes its calls anew: its number is part of their keys.
        caller = "" if parent is None else f"{parent.key}/{parent.attempt}"
        digests = self._digests if parent is None else _digests(inputs)
        call = f"{task.name}({','.join(f'{name}={each}' for name, each in digests.items())})"
        # A digest of the call: a run has as many as children, and holds them until its end.
        called = hashlib.blake2b(f"{caller}\0{call}".encode(), digest_size=12).digest()
        nth = self._calls.get(called, 0)
        self._calls[called] = nth + 1
        key = hashlib.sha256(f"{caller}\0{call}\0{nth}".encode()).hexdigest()
        shown = self._shown(inputs)
        self.pages.open(key, task)
        return Entry(key, None if parent is None else parent.key, task, group, time.time(), shown)

    def kept(self, entry: Entry) -> tuple[Any] | None:
        """The result in the run that this one goes on with, in a tuple; None where it has none."""
        kept = self._kept.get(entry.key)
        if kept is None:
            return None
        if kept.code and kept.code != self._code(entry.task):
            if entry.task.name not in self._changed:
                self._changed.add(entry.task.name)
                _logger.warning(
                    "task %r has changed since it ran in run %s, and runs again",
                    entry.task.name,
                    self.run_id,
                )
            return None
        return decoded(kept.output, result_type(entry.task.interface))

    async def succeeded(
        self, entry: Entry, status: TaskStatus, result: Any, attempts: Sequence[Made]
    ) -> None:
        """Write down a result; return once it is there to stay."""
        output, code = self._output(entry, result), self._code(entry.task)
        await self._write(entry, status, attempts, output=output, code=code)

    async def failed(self, entry: Entry, error: BaseException, attempts: Sequence[Made]) -> None:
        """Write down what an execution raised."""
        told = shorten(error, sys.maxsize)  # masked before anything is cut off
        write = self._write(entry, ended_by(error), attempts, error=told)
        # Written in any case, also where the task that waits for it is cancelled once more.
        await asyncio.shield(asyncio.ensure_future(write))

    def end(self, error: BaseException | None) -> None:
        """Write down how the run has ended."""
        self.pages.close()
        self._store.end(self.run_id, "succeeded" if error is None else ended_by(error))
        self._store.close()

    async def _write(
        self,
        entry: Entry,
        status: TaskStatus,
        attempts: Sequence[Made],
        *,
        output: Encoded | None = None,
        error: str | None = None,
        code: str = "",
    ) -> None:
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
                attempts=tuple(map(AttemptRecord._make, attempts)),
                inputs=entry.inputs,
                output=output,
                error=error,
                report=self.pages.take(entry.key),
                code=code,
            )
        )

    def _output(self, entry: Entry, result: Any) -> Encoded | None:
        """The result to keep; None where it cannot be: a resumed run then does the task again."""
        try:
            return encode(result, result_type(entry.task.interface))
        except ValueEncodingError:
            return None

    def _code(self, task: TaskTemplate[..., Any]) -> str:
        """What tells the code of a task from another; empty where its plugin cannot say."""
        known = self._codes.get(id(task))
        if known is None:
            try:
                version = code_version(task)
            except TasksmithyError:
                version = ""  # a cache needs it, and tells; a record only serves better with it
            code = version and hashlib.sha256(version.encode(errors="surrogatepass")).hexdigest()
            if len(self._codes) >= _CODES_KEPT:  # each child may have an override of its own
                self._codes.clear()
            known = self._codes[id(task)] = task, code
        return known[1]

    def _shown(self, inputs: Mapping[str, Any]) -> str:
        shorten = handed_out.shorten
        words = ", ".join(f"{name}={shorten(value, INPUT_SHOWN)}" for name, value in inputs.items())
        return cut(words, INPUTS_SHOWN)


def _digests(inputs: Mapping[str, Any]) -> Mapping[str, str]:
    """What tells calls with other inputs apart; values without an encoding are all alike.

    A file is the same by its path: to read it may take longer than the task, and a run that writes
    it could not be gone on with.
    """
    digests = {}
    for name, value in inputs.items():
        try:
            digests[name] = digest(value, reads_files=False)
        except ValueEncodingError:
            digests[name] = "?"
    return digests
