"""RunStore: the records of runs, by which a run is shown, reported and resumed."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from tasksmithy.errors import RunInProgressError, StoreError, UnknownRunError
from tasksmithy.runtime.secrets._exits import stores
from tasksmithy.runtime.stores._groupcommit import GroupCommit
from tasksmithy.runtime.stores._private import user_folder
from tasksmithy.runtime.stores._processlocks import ProcessLocks
from tasksmithy.runtime.stores._records import (
    JobRecord,
    Kept,
    RunDetails,
    RunRecord,
    TaskRecord,
)
from tasksmithy.runtime.stores._run_rows import (
    CHOSEN_RUNS,
    JOBS,
    OUTPUT,
    OUTPUTS,
    RUNS,
    SCHEMA,
    SUCCEEDED,
    TASKS,
    job_of,
    mask_rows,
    parsed,
    record_of,
    write_jobs,
    write_run,
    write_tasks,
)
from tasksmithy.runtime.stores._sqlite import Database, shrink, transaction
from tasksmithy.values._storage import Encoded

# What is wrong with one record and not with the file.
_OF_A_VALUE = (sqlite3.DataError, OverflowError, UnicodeEncodeError)

# Another process that looks whether a run is alive holds its lock for microseconds.
_LOOKS, _LOOK_SECONDS = 25, 0.01


def default_runs_directory() -> Path:
    """The folder of the records in the user's state folder."""
    return user_folder("state")


class RunStore:
    """The records in a folder, which any number of processes and threads may use at once.

    Recording never fails a run: what cannot be written is a warning, once. Reading raises.

    Args:
        directory: the folder; made when something is recorded.
    """

    def __init__(self, directory: Path) -> None:
        # Two connections: who reads must not wait while a large group is written.
        self._writing = Database(directory / "runs-1.db", SCHEMA)
        self._reading = Database(directory / "runs-1.db", SCHEMA)
        self._commits = GroupCommit(self._write)
        self._locks = ProcessLocks.of(directory / "runs.locks")  # a living run holds one
        self._begun: dict[str, tuple[RunRecord, str]] = {}  # with its digests, as JSON
        self._unrecorded: Counter[str] = Counter()
        stores.add(self)

    def begin(
        self,
        run_id: str,
        *,
        file: str | None,
        task: str,
        inputs: str,
        digests: Mapping[str, str] | None = None,
        before: RunRecord | None = None,
    ) -> None:
        """Record that this process begins a run, or resumes a recorded one.

        Args:
            run_id: id of the run.
            file: the file that the task comes from, if any.
            task: name of the root task.
            inputs: its inputs, as shortened text.
            digests: what tells its inputs from others, by name, for `digests`.
            before: the recorded run that it goes on with.

        Raises:
            RunInProgressError: a process is at it already.
        """
        from tasksmithy import __version__

        self._take(run_id)
        now = time.time()
        record = RunRecord(run_id, file, task, inputs, __version__, os.getpid(), "running", now)
        if before is not None:
            record = record._replace(paused=before.paused + now - self._last_seen(before))
        self._begun[run_id] = record, json.dumps(dict(digests or {}))
        self._write_run(*self._begun[run_id])

    async def finished(self, record: TaskRecord) -> None:
        """Record an execution; return once the record outlives this process, however that ends."""
        await self._commits.add(record)

    async def keep_job(self, record: JobRecord) -> None:
        """Record a job; return once the record outlives this process, however that ends."""
        await self._commits.add(record)

    def end(self, run_id: str, status: Literal["succeeded", "failed", "cancelled"]) -> None:
        """Record how a run that this process began has ended."""
        record, digests = self._begun.pop(run_id)
        unrecorded = self._unrecorded.pop(run_id, 0)
        record = record._replace(status=status, ended=time.time(), unrecorded=unrecorded)
        self._write_run(record, digests)
        self._locks.release(run_id)

    def runs(
        self,
        *,
        statuses: Collection[str] = (),
        task: str | None = None,
        since: float | None = None,
        limit: int | None = None,
    ) -> list[RunRecord]:
        """The runs, the latest first.

        Args:
            statuses: those that have one of these; all, if none is given.
            task: those of the root task of this name.
            since: those that began then or later, in seconds since the epoch.
            limit: so many of them, the latest.

        Raises:
            StoreError: the records cannot be read.
        """
        # Whether a run that has not ended is running or dead is not in its row.
        wanted, most = json.dumps([*statuses]), -1 if limit is None or statuses else limit
        chosen = self._rows(f"{RUNS} {CHOSEN_RUNS}", task, since, wanted, wanted, most)
        runs = map(self._run, chosen)
        return [*islice((run for run in runs if not statuses or run.status in statuses), limit)]

    def find(self, run_id: str) -> RunRecord:
        """The run with this id, or the one whose id begins so; "last" is the one begun last.

        Raises:
            UnknownRunError: there is no such run, or more than one.
            StoreError: the records cannot be read.
        """
        if run_id == "last":
            found = self._rows(f"{RUNS} ORDER BY started DESC LIMIT 1")
        else:
            found = self._rows(f"{RUNS} WHERE id = ?", run_id)
        if not found and run_id:
            found = self._rows(f"{RUNS} WHERE substr(id, 1, ?) = ?", len(run_id), run_id)
        if len(found) != 1:
            known = found or self._rows("SELECT CAST(id AS TEXT) FROM run")
            raise UnknownRunError(run_id, self._reading.file, [row[0] for row in known])
        return self._run(found[0])

    def show(self, run_id: str) -> RunDetails:
        """A run and its executions; the beginning of the id is enough.

        Raises:
            UnknownRunError: there is no such run, or more than one.
            StoreError: the records cannot be read.
        """
        run = self.find(run_id)
        return RunDetails(run, [record_of(row) for row in self._rows(TASKS, run.id)])

    def digests(self, run_id: str) -> Mapping[str, str]:
        """What `begin` was given to tell the run's inputs from others; `run_id` is the whole id.

        Raises:
            StoreError: the records cannot be read.
        """
        [(digests,)] = self._rows("SELECT CAST(digests AS TEXT) FROM run WHERE id = ?", run_id)
        found = parsed(digests)
        if not isinstance(found, dict):
            problem = f"what run {run_id} began with is damaged; start a new run"
            raise StoreError(SCHEMA.holds, self._reading.file, problem)
        return found

    def lost(self, run: RunRecord) -> int:
        """How many executions of a run have ended without a result or a record that is kept.

        Raises:
            StoreError: the records cannot be read.
        """
        [(without,)] = self._rows(f"SELECT count(*) {SUCCEEDED} AND format IS NULL", run.id)
        return int(without) + run.unrecorded

    def outputs(self, run_id: str) -> Mapping[str, Kept]:
        """The results of the executions that have one, by key; `run_id` is the whole id.

        Each is read when it is asked for, as together they may not fit into memory.

        Raises:
            StoreError: the records cannot be read; also whenever a result is asked for.
        """
        return _Outputs(self._rows, run_id)

    def jobs(self, run_id: str) -> Mapping[str, JobRecord]:
        """The last job of each execution that has one, by key; `run_id` is the whole id.

        Raises:
            StoreError: the records cannot be read.
        """
        return {job.key: job for job in map(job_of, self._rows(JOBS, run_id))}

    def mask_written(self) -> None:
        """Mask what was recorded of this process's runs before their secrets were known.

        A kept result that holds one is dropped: a run that goes on makes it again.
        """
        if self._begun:
            run_ids = [*self._begun]
            self._writing.revisit(lambda connection: mask_rows(connection, run_ids))

    def remove(self, run_ids: Iterable[str]) -> list[str]:
        """Drop runs, with their executions and kept results.

        Their space goes back to the disk, unless a run is under way: then new records take it.

        Args:
            run_ids: whole ids.

        Returns:
            The ids of the runs that are gone: not of those that a process is at, nor of unknown
            ones.

        Raises:
            StoreError: the records cannot be read or written.
        """
        runs, asked = self.runs(), set(run_ids)
        over = [run.id for run in runs if run.status != "running" and run.id in asked]
        try:
            removed = [run_id for run_id in over if self._removed(run_id)]
            if removed and all(run.status != "running" for run in self.runs()):
                self._writing.use(shrink)  # a run that records meanwhile would wait for it
        except StoreError as error:
            if len(over) < len(runs):
                raise
            self._reading.close()
            self._writing.remove_full(error)
            return over
        return removed

    def close(self) -> None:
        """Let go of the file, after what has been given to `finished` is written."""
        self._commits.close()
        self._writing.close()
        self._reading.close()

    def _take(self, run_id: str) -> None:
        try:
            for _ in range(_LOOKS):
                if self._locks.take(run_id):
                    return
                time.sleep(_LOOK_SECONDS)
        except OSError as error:
            self._writing.warn(StoreError(SCHEMA.holds, self._writing.file, str(error)))
        else:
            raise RunInProgressError(run_id)

    def _removed(self, run_id: str) -> bool:
        """Drop a run; whether it was there, and nobody has resumed it meanwhile."""

        def dropped(connection: sqlite3.Connection) -> bool:
            with transaction(connection):
                connection.execute("DELETE FROM task WHERE run = ?", (run_id,))
                connection.execute("DELETE FROM job WHERE run = ?", (run_id,))
                return connection.execute("DELETE FROM run WHERE id = ?", (run_id,)).rowcount == 1

        try:
            self._take(run_id)
        except RunInProgressError:
            return False
        try:
            return self._writing.use(dropped)
        finally:
            self._locks.release(run_id)

    def _last_seen(self, run: RunRecord) -> float:
        """When a run ended; of one that died, when the last of its executions did."""
        [(last,)] = self._rows("SELECT max(CAST(ended AS REAL)) FROM task WHERE run = ?", run.id)
        return run.ended or last or run.started

    def _write_run(self, record: RunRecord, digests: str) -> None:
        self._writing.attempt(lambda connection: write_run(connection, record, digests), None)

    def _write(self, records: list[TaskRecord | JobRecord]) -> None:
        if tasks := [each for each in records if isinstance(each, TaskRecord)]:
            self._write_tasks(tasks)
        if jobs := [each for each in records if isinstance(each, JobRecord)]:
            self._writing.attempt(lambda connection: write_jobs(connection, jobs), None)

    def _write_tasks(self, records: list[TaskRecord]) -> None:
        try:
            self._writing.use(lambda connection: write_tasks(connection, records))
        except StoreError as error:
            self._writing.warn(error)
            if len(records) > 1 and isinstance(error.__cause__, _OF_A_VALUE):
                for record in records:  # the others can be written
                    self._write_tasks([record])
            else:
                self._unrecorded.update(record.run for record in records)

    def _run(self, row: Sequence[Any]) -> RunRecord:
        run = RunRecord(*row)
        if run.status == "running" and not self._locks.is_taken(run.id):
            return run._replace(status="dead")
        return run

    def _rows(self, query: str, *values: str | float | None) -> list[tuple[Any, ...]]:
        return self._reading.read(
            lambda connection: connection.execute(query, values).fetchall(), otherwise=[]
        )


class _Outputs(Mapping[str, Kept]):
    def __init__(self, rows: Callable[..., list[tuple[Any, ...]]], run_id: str) -> None:
        self._rows = rows
        self._run_id = run_id

    def __getitem__(self, key: str) -> Kept:
        rows = self._rows(OUTPUT, self._run_id, key)
        if not rows:
            raise KeyError(key)
        format_, output, code = rows[0]
        return Kept(Encoded(format_, output), code)

    def __iter__(self) -> Iterator[str]:
        return (key for (key,) in self._rows(f"SELECT key {OUTPUTS}", self._run_id))

    def __len__(self) -> int:
        return len(self._rows(f"SELECT key {OUTPUTS}", self._run_id))
