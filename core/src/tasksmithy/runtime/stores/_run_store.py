"""RunStore: the records of runs, by which a run is shown, reported and gone on with."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from tasksmithy.errors import RunInProgressError, StoreError, UnknownRunError
from tasksmithy.runtime.secrets._exits import handed_out, stores
from tasksmithy.runtime.secrets._masking import masked_json
from tasksmithy.runtime.stores._groupcommit import GroupCommit
from tasksmithy.runtime.stores._processlocks import ProcessLocks
from tasksmithy.runtime.stores._sqlite import Database, Schema, empty_log, shrink, transaction
from tasksmithy.values._storage import Encoded

RunStatus = Literal["running", "succeeded", "failed", "cancelled", "dead"]
TaskStatus = Literal["succeeded", "failed", "cancelled", "cached", "resumed"]

_SCHEMA = Schema(
    holds="the record of runs",
    mark=0x74737202,
    tables="""
    CREATE TABLE run (
        id TEXT PRIMARY KEY, file TEXT, task TEXT NOT NULL, inputs TEXT NOT NULL,
        version TEXT NOT NULL, pid INTEGER NOT NULL, status TEXT NOT NULL,
        started REAL NOT NULL, ended REAL, unrecorded INTEGER NOT NULL, digests TEXT NOT NULL
    );
    CREATE TABLE task (
        run TEXT NOT NULL, key TEXT NOT NULL, parent TEXT, task TEXT NOT NULL,
        task_type TEXT NOT NULL, group_name TEXT NOT NULL, status TEXT NOT NULL,
        queued REAL NOT NULL, started REAL, ended REAL NOT NULL, attempts TEXT NOT NULL,
        inputs TEXT NOT NULL, error TEXT, report TEXT, format TEXT, output BLOB, code TEXT NOT NULL,
        PRIMARY KEY (run, key)
    )
    """,
)

_WRITE_RUN = """
    INSERT INTO run VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET version = excluded.version, pid = excluded.pid,
        status = excluded.status, ended = excluded.ended, unrecorded = excluded.unrecorded
"""
_WRITE_TASK = "REPLACE INTO task VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_SUCCEEDED = "FROM task WHERE run = ? AND status IN ('succeeded', 'cached', 'resumed')"
_OUTPUTS = f"{_SUCCEEDED} AND format IS NOT NULL"
# A damaged file may have another type in a column than was written.
_RUNS = """
    SELECT CAST(id AS TEXT), CAST(file AS TEXT), CAST(task AS TEXT), CAST(inputs AS TEXT),
        CAST(version AS TEXT), CAST(pid AS INTEGER), CAST(status AS TEXT), CAST(started AS REAL),
        CAST(ended AS REAL), CAST(unrecorded AS INTEGER)
    FROM run
"""
_TASKS = """
    SELECT CAST(run AS TEXT), CAST(key AS TEXT), CAST(parent AS TEXT), CAST(task AS TEXT),
        CAST(task_type AS TEXT), CAST(group_name AS TEXT), CAST(status AS TEXT),
        CAST(queued AS REAL), CAST(started AS REAL), CAST(ended AS REAL), CAST(attempts AS TEXT),
        CAST(inputs AS TEXT), CAST(error AS TEXT), CAST(report AS TEXT), CAST(format AS TEXT),
        ifnull(CAST(output AS BLOB), x''), CAST(code AS TEXT)
    FROM task WHERE run = ? ORDER BY queued, rowid
"""
_OUTPUT = f"""
    SELECT CAST(format AS TEXT), ifnull(CAST(output AS BLOB), x''), CAST(code AS TEXT)
    {_OUTPUTS} AND key = ?
"""
_MASK_RUN = "UPDATE run SET inputs = masked(inputs) WHERE id = ? AND inputs IS NOT masked(inputs)"
_MASK_TASKS = """
    UPDATE task SET group_name = masked(group_name), inputs = masked(inputs),
        error = masked(error), attempts = masked_json(attempts), report = masked_json(report),
        format = iif(is_secret(output), NULL, format), output = iif(is_secret(output), NULL, output)
    WHERE run = ? AND (
        group_name IS NOT masked(group_name) OR inputs IS NOT masked(inputs)
        OR error IS NOT masked(error) OR attempts IS NOT masked_json(attempts)
        OR report IS NOT masked_json(report) OR is_secret(output)
    )
"""

# What is wrong with one record and not with the file.
_OF_A_VALUE = (sqlite3.DataError, OverflowError, UnicodeEncodeError)

# Another process that looks whether a run is alive holds its lock for microseconds.
_LOOKS, _LOOK_SECONDS = 25, 0.01


class AttemptRecord(NamedTuple):
    """One attempt of a task.

    Attributes:
        number: from 1.
        started, ended: seconds since the epoch.
        error: what it raised, as text; None where it succeeded.
    """

    number: int
    started: float
    ended: float
    error: str | None


class TaskRecord(NamedTuple):
    """One execution of a task that has ended.

    Attributes:
        run: id of the run.
        key: identifies the execution in its run.
        parent: key of the execution that called it; None for the root.
        task: name of the task.
        task_type: its type.
        group: the group that the caller opened around the call, or empty.
        status: how it ended.
        queued, started, ended: seconds since the epoch; `started` is None where nothing ran.
        attempts: its attempts, in order.
        inputs: its inputs, as shortened text.
        output: its result; None where there is none.
        error: what it raised, as text; None where it succeeded.
        report: HTML by name of the tab; None where there is no report.
        code: identifies the code that made the result; empty where that is not known.
    """

    run: str
    key: str
    parent: str | None
    task: str
    task_type: str
    group: str
    status: TaskStatus
    queued: float
    started: float | None
    ended: float
    attempts: tuple[AttemptRecord, ...] = ()
    inputs: str = ""
    output: Encoded | None = None
    error: str | None = None
    report: Mapping[str, str] | None = None
    code: str = ""


class Kept(NamedTuple):
    """A result that a run has kept.

    Attributes:
        output: the result.
        code: identifies the code that made it; empty where that is not known.
    """

    output: Encoded
    code: str


class RunRecord(NamedTuple):
    """A run.

    Attributes:
        id: identifies the run.
        file: the file that the task comes from, if any.
        task: name of the root task.
        inputs: its inputs, as shortened text.
        version: the version of tasksmithy.
        pid: the process of the run.
        status: "dead" where that process ended without ending the run.
        started, ended: seconds since the epoch.
        unrecorded: how many executions ended without a record, as none could be written; if the
            run is resumed, they run again.
    """

    id: str
    file: str | None
    task: str
    inputs: str
    version: str
    pid: int
    status: RunStatus
    started: float
    ended: float | None = None
    unrecorded: int = 0


class RunDetails(NamedTuple):
    """A run and its executions, in the order in which they were queued."""

    run: RunRecord
    tasks: list[TaskRecord]


def default_runs_directory() -> Path:
    """The folder of the records in the user's state folder."""
    from platformdirs import user_state_path

    return user_state_path("tasksmithy")


class RunStore:
    """The records in a folder, which any number of processes and threads may use at once.

    Recording never fails a run: what cannot be written is a warning, once. Reading raises.

    Args:
        directory: the folder; made when something is recorded.
    """

    def __init__(self, directory: Path) -> None:
        # Two connections: who reads must not wait while a large group is written.
        self._writing = Database(directory / "runs-1.db", _SCHEMA)
        self._reading = Database(directory / "runs-1.db", _SCHEMA)
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
    ) -> None:
        """Record that this process begins a run, or goes on with a recorded one.

        Args:
            run_id: id of the run.
            file: the file that the task comes from, if any.
            task: name of the root task.
            inputs: its inputs, as shortened text.
            digests: what tells its inputs from others, by name, for `digests`.

        Raises:
            RunInProgressError: a process is at it already.
        """
        from tasksmithy import __version__

        self._take(run_id)
        record = RunRecord(
            run_id, file, task, _text(inputs), __version__, os.getpid(), "running", time.time()
        )
        self._begun[run_id] = record, json.dumps(dict(digests or {}))
        self._write_run(*self._begun[run_id])

    async def finished(self, record: TaskRecord) -> None:
        """Record an execution; return once the record outlives this process, however that ends."""
        await self._commits.add(record)

    def end(self, run_id: str, status: Literal["succeeded", "failed", "cancelled"]) -> None:
        """Record how a run that this process began has ended."""
        record, digests = self._begun.pop(run_id)
        unrecorded = self._unrecorded.pop(run_id, 0)
        record = record._replace(status=status, ended=time.time(), unrecorded=unrecorded)
        self._write_run(record, digests)
        self._locks.release(run_id)

    def runs(self) -> list[RunRecord]:
        """All runs, the latest first.

        Raises:
            StoreError: the records cannot be read.
        """
        return [self._run(row) for row in self._rows(f"{_RUNS} ORDER BY started DESC")]

    def find(self, run_id: str) -> RunRecord:
        """The run with this id, or the one whose id begins so.

        Raises:
            UnknownRunError: there is no such run, or more than one.
            StoreError: the records cannot be read.
        """
        ids = [row[0] for row in self._rows("SELECT id FROM run")]
        meant = [known for known in ids if run_id and known.startswith(run_id)]
        if run_id not in ids and len(meant) != 1:
            raise UnknownRunError(run_id, self._reading.file, meant or ids)
        chosen = run_id if run_id in ids else meant[0]
        return self._run(self._rows(f"{_RUNS} WHERE id = ?", chosen)[0])

    def show(self, run_id: str) -> RunDetails:
        """A run and its executions; the beginning of the id is enough.

        Raises:
            UnknownRunError: there is no such run, or more than one.
            StoreError: the records cannot be read.
        """
        run = self.find(run_id)
        return RunDetails(run, [_record(row) for row in self._rows(_TASKS, run.id)])

    def digests(self, run_id: str) -> Mapping[str, str]:
        """What `begin` was given to tell the run's inputs from others; `run_id` is the whole id.

        Raises:
            StoreError: the records cannot be read.
        """
        [(digests,)] = self._rows("SELECT CAST(digests AS TEXT) FROM run WHERE id = ?", run_id)
        found = _parsed(digests)
        if not isinstance(found, dict):
            problem = f"what run {run_id} began with is damaged; start a new run"
            raise StoreError(_SCHEMA.holds, self._reading.file, problem)
        return found

    def lost(self, run: RunRecord) -> int:
        """How many executions of a run have ended without a result or a record that is kept.

        Raises:
            StoreError: the records cannot be read.
        """
        [(without,)] = self._rows(f"SELECT count(*) {_SUCCEEDED} AND format IS NULL", run.id)
        return int(without) + run.unrecorded

    def outputs(self, run_id: str) -> Mapping[str, Kept]:
        """The results of the executions that have one, by key; `run_id` is the whole id.

        Each is read when it is asked for, as together they may not fit into memory.

        Raises:
            StoreError: the records cannot be read; also whenever a result is asked for.
        """
        return _Outputs(self._rows, run_id)

    def mask_written(self) -> None:
        """Mask what was recorded of this process's runs before their secrets were known.

        A kept result that holds one is dropped: a run that goes on makes it again.
        """
        functions: dict[str, Callable[[Any], Any]] = {
            "masked": lambda text: text and handed_out.mask(text),
            "masked_json": lambda text: text and _json(json.loads(text)),
            "is_secret": lambda data: data is not None and handed_out.is_in(data),
        }

        def masked(connection: sqlite3.Connection) -> None:
            for name, function in functions.items():
                connection.create_function(name, 1, function)
            with transaction(connection):
                for run_id in self._begun:
                    connection.execute(_MASK_RUN, (run_id,))
                    connection.execute(_MASK_TASKS, (run_id,))
            empty_log(connection)

        if self._begun:
            self._writing.attempt(masked, None)

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
            self._writing.warn(StoreError(_SCHEMA.holds, self._writing.file, str(error)))
        else:
            raise RunInProgressError(run_id)

    def _removed(self, run_id: str) -> bool:
        """Drop a run; whether it was there, and nobody has gone on with it meanwhile."""

        def dropped(connection: sqlite3.Connection) -> bool:
            with transaction(connection):
                connection.execute("DELETE FROM task WHERE run = ?", (run_id,))
                return connection.execute("DELETE FROM run WHERE id = ?", (run_id,)).rowcount == 1

        try:
            self._take(run_id)
        except RunInProgressError:
            return False
        try:
            return self._writing.use(dropped)
        finally:
            self._locks.release(run_id)

    def _write_run(self, record: RunRecord, digests: str) -> None:
        def written(connection: sqlite3.Connection) -> None:
            shown = record._replace(inputs=handed_out.mask(record.inputs))
            connection.execute(_WRITE_RUN, (*shown, digests))

        self._writing.attempt(written, None)

    def _write(self, records: list[TaskRecord]) -> None:
        def written(connection: sqlite3.Connection) -> None:
            # Masked here, where nothing comes between this and `mask_written`.
            rows = [_row(record) for record in records]
            with transaction(connection):
                connection.executemany(_WRITE_TASK, rows)

        try:
            self._writing.use(written)
        except StoreError as error:
            self._writing.warn(error)
            if len(records) > 1 and isinstance(error.__cause__, _OF_A_VALUE):
                for record in records:  # the others can be written
                    self._write([record])
            else:
                self._unrecorded.update(record.run for record in records)

    def _run(self, row: Sequence[Any]) -> RunRecord:
        run = RunRecord(*row)
        if run.status == "running" and not self._locks.is_taken(run.id):
            return run._replace(status="dead")
        return run

    def _rows(self, query: str, *values: str) -> list[tuple[Any, ...]]:
        return self._reading.read(
            lambda connection: connection.execute(query, values).fetchall(), otherwise=[]
        )


class _Outputs(Mapping[str, Kept]):
    def __init__(self, rows: Callable[..., list[tuple[Any, ...]]], run_id: str) -> None:
        self._rows = rows
        self._run_id = run_id

    def __getitem__(self, key: str) -> Kept:
        rows = self._rows(_OUTPUT, self._run_id, key)
        if not rows:
            raise KeyError(key)
        format_, output, code = rows[0]
        return Kept(Encoded(format_, output), code)

    def __iter__(self) -> Iterator[str]:
        return (key for (key,) in self._rows(f"SELECT key {_OUTPUTS}", self._run_id))

    def __len__(self) -> int:
        return len(self._rows(f"SELECT key {_OUTPUTS}", self._run_id))


def _row(record: TaskRecord) -> tuple[object, ...]:
    """What is written of an execution, masked; a result that holds a secret is not kept."""
    run, key, parent, task, task_type, group, *facts = record[:10]
    mask = handed_out.mask
    output = record.output
    if output is not None and handed_out.is_in(output.data):
        output = None
    return (
        *(run, key, parent, task, task_type, mask(group)),
        *facts,
        _json(record.attempts),
        _text(mask(record.inputs)),
        None if record.error is None else _text(mask(record.error)),
        None if record.report is None else _json(dict(record.report)),
        *(output or (None, None)),
        record.code,
    )


def _json(value: Any) -> str:
    """A value as JSON with its texts masked."""
    return json.dumps(masked_json(value, handed_out))


def _record(row: Sequence[Any]) -> TaskRecord:
    *facts, attempts, inputs, error, report, format_, output, code = row
    return TaskRecord._make(
        [
            *facts,
            _attempts(attempts),
            inputs,
            None if format_ is None else Encoded(format_, output),
            error,
            _report(report),
            code,
        ]
    )


def _attempts(text: str) -> tuple[AttemptRecord, ...]:
    """The attempts of a record; none where that is damaged."""
    try:
        return tuple(
            AttemptRecord(int(number), float(started), float(ended), error and str(error))
            for number, started, ended, error in _parsed(text)
        )
    except (TypeError, ValueError):
        return ()


def _report(text: str | None) -> Mapping[str, str] | None:
    """The report of a record; none where that is damaged."""
    found = text and _parsed(text)
    return {tab: str(page) for tab, page in found.items()} if isinstance(found, dict) else None


def _parsed(text: str) -> Any:
    """What JSON says; None where it is damaged."""
    try:
        return json.loads(text)
    except ValueError:
        return None


def _text(text: str) -> str:
    """`text` as it can be stored: what a program printed may hold what is not Unicode."""
    return text if text.isascii() else text.encode(errors="backslashreplace").decode()
