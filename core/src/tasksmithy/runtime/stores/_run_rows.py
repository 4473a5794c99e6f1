"""The records of runs as rows of two tables, with their texts masked when they are written."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from tasksmithy.runtime.secrets._exits import handed_out
from tasksmithy.runtime.secrets._masking import masked_json
from tasksmithy.runtime.stores._records import AttemptRecord, JobRecord, RunRecord, TaskRecord
from tasksmithy.runtime.stores._sqlite import Schema, empty_log, transaction
from tasksmithy.values._storage import Encoded

SCHEMA = Schema(
    holds="the record of runs",
    mark=0x74737206,
    tables="""
    CREATE TABLE run (
        id TEXT PRIMARY KEY, file TEXT, task TEXT NOT NULL, inputs TEXT NOT NULL,
        version TEXT NOT NULL, pid INTEGER NOT NULL, status TEXT NOT NULL,
        started REAL NOT NULL, ended REAL, unrecorded INTEGER NOT NULL,
        paused REAL NOT NULL, digests TEXT NOT NULL
    );
    CREATE INDEX run_by_time ON run (started);
    CREATE TABLE task (
        run TEXT NOT NULL, key TEXT NOT NULL, parent TEXT, task TEXT NOT NULL,
        task_type TEXT NOT NULL, group_name TEXT NOT NULL, status TEXT NOT NULL,
        queued REAL NOT NULL, started REAL, ended REAL NOT NULL, attempts TEXT NOT NULL,
        inputs TEXT NOT NULL, error TEXT, report TEXT, format TEXT, output BLOB, code TEXT NOT NULL,
        traceback TEXT,
        PRIMARY KEY (run, key)
    );
    CREATE TABLE job (
        run TEXT NOT NULL, key TEXT NOT NULL, number INTEGER NOT NULL, code TEXT NOT NULL,
        handle TEXT, has_ended INTEGER NOT NULL,
        PRIMARY KEY (run, key)
    )
    """,
)

_WRITE_RUN = """
    INSERT INTO run VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET version = excluded.version, pid = excluded.pid,
        status = excluded.status, ended = excluded.ended, unrecorded = excluded.unrecorded,
        paused = excluded.paused
"""
# What happened before a run was resumed stays: when an execution began, the attempts that failed
# and the last traceback; and all of one whose result was kept.
_WRITE_TASK = """
    INSERT INTO task VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (run, key) DO UPDATE SET
        status = excluded.status, inputs = excluded.inputs, error = excluded.error,
        report = ifnull(excluded.report, report), format = excluded.format,
        output = excluded.output, code = excluded.code,
        ended = iif(excluded.status = 'resumed', ended, excluded.ended),
        started = ifnull(started, excluded.started),
        attempts = CASE '[]' WHEN attempts THEN excluded.attempts WHEN excluded.attempts
            THEN attempts ELSE rtrim(attempts, ']') || '], [' || ltrim(excluded.attempts, '[') END,
        traceback = ifnull(excluded.traceback, traceback)
"""
SUCCEEDED = "FROM task WHERE run = ? AND status IN ('succeeded', 'cached', 'resumed')"
OUTPUTS = f"{SUCCEEDED} AND format IS NOT NULL"
# A damaged file may have another type in a column than was written.
RUNS = """
    SELECT CAST(id AS TEXT), CAST(file AS TEXT), CAST(task AS TEXT), CAST(inputs AS TEXT),
        CAST(version AS TEXT), CAST(pid AS INTEGER), CAST(status AS TEXT), CAST(started AS REAL),
        CAST(ended AS REAL), CAST(unrecorded AS INTEGER),
        CAST(paused AS REAL)
    FROM run
"""
CHOSEN_RUNS = """
    WHERE task = ifnull(?, task) AND started >= ifnull(?, started)
        AND (status = 'running' OR ? = '[]' OR status IN (SELECT value FROM json_each(?)))
    ORDER BY started DESC LIMIT ?
"""
TASKS = """
    SELECT CAST(run AS TEXT), CAST(key AS TEXT), CAST(parent AS TEXT), CAST(task AS TEXT),
        CAST(task_type AS TEXT), CAST(group_name AS TEXT), CAST(status AS TEXT),
        CAST(queued AS REAL), CAST(started AS REAL), CAST(ended AS REAL), CAST(attempts AS TEXT),
        CAST(inputs AS TEXT), CAST(error AS TEXT), CAST(report AS TEXT), CAST(format AS TEXT),
        ifnull(CAST(output AS BLOB), x''), CAST(code AS TEXT), CAST(traceback AS TEXT)
    FROM task WHERE run = ? ORDER BY queued, rowid
"""
OUTPUT = f"""
    SELECT CAST(format AS TEXT), ifnull(CAST(output AS BLOB), x''), CAST(code AS TEXT)
    {OUTPUTS} AND key = ?
"""
JOBS = """
    SELECT CAST(run AS TEXT), CAST(key AS TEXT), CAST(number AS INTEGER), CAST(code AS TEXT),
        CAST(handle AS TEXT), CAST(has_ended AS INTEGER)
    FROM job WHERE run = ?
"""
_MASK_RUN = "UPDATE run SET inputs = masked(inputs) WHERE id = ? AND inputs IS NOT masked(inputs)"
_MASK_TASKS = """
    UPDATE task SET group_name = masked(group_name), inputs = masked(inputs),
        error = masked(error), traceback = masked(traceback),
        attempts = masked_json(attempts), report = masked_json(report),
        format = iif(is_secret(output), NULL, format), output = iif(is_secret(output), NULL, output)
    WHERE run = ? AND (
        group_name IS NOT masked(group_name) OR inputs IS NOT masked(inputs)
        OR error IS NOT masked(error) OR traceback IS NOT masked(traceback)
        OR attempts IS NOT masked_json(attempts)
        OR report IS NOT masked_json(report) OR is_secret(output)
    )
"""
_MASK_JOBS = """
    UPDATE job SET handle = 'null' WHERE run = ? AND is_secret(CAST(handle AS BLOB))
"""


def write_run(connection: sqlite3.Connection, record: RunRecord, digests: str) -> None:
    """Write a run, in place of what was written of it before; `digests` is JSON."""
    shown = record._replace(inputs=_text(handed_out.mask(record.inputs)))
    connection.execute(_WRITE_RUN, (*shown, digests))


def write_tasks(connection: sqlite3.Connection, records: Iterable[TaskRecord]) -> None:
    """Write executions, each together with what was written of it before the run was resumed."""
    # Masked here, where nothing comes between this and `mask_rows`.
    shown = records if handed_out.is_empty else map(_masked, records)
    rows = [_row(record) for record in shown]
    with transaction(connection):
        connection.executemany(_WRITE_TASK, rows)


def write_jobs(connection: sqlite3.Connection, records: Iterable[JobRecord]) -> None:
    """Write jobs, each in the place of the one before. A handle that holds a secret is left out."""
    rows = []
    for record in records:
        handle = json.dumps(record.handle)
        if handed_out.is_in(handle.encode()):
            handle = "null"
        rows.append(record._replace(handle=handle))
    with transaction(connection):
        connection.executemany("INSERT OR REPLACE INTO job VALUES (?, ?, ?, ?, ?, ?)", rows)


def job_of(row: Sequence[Any]) -> JobRecord:
    """The job that a row of the table is of."""
    record = JobRecord._make(row)
    return record._replace(handle=parsed(record.handle), has_ended=bool(record.has_ended))


def mask_rows(connection: sqlite3.Connection, run_ids: Iterable[str]) -> None:
    """Mask what was written of runs before their secrets were known.

    A kept result that holds one is dropped: a run that goes on makes it again.
    """
    functions: dict[str, Callable[[Any], Any]] = {
        "masked": lambda text: text and handed_out.mask(text),
        "masked_json": lambda text: text and _json(json.loads(text)),
        "is_secret": lambda data: data is not None and handed_out.is_in(data),
    }
    for name, function in functions.items():
        connection.create_function(name, 1, function)
    with transaction(connection):
        for run_id in run_ids:
            connection.execute(_MASK_RUN, (run_id,))
            connection.execute(_MASK_TASKS, (run_id,))
            connection.execute(_MASK_JOBS, (run_id,))
    empty_log(connection)


def _masked(record: TaskRecord) -> TaskRecord:
    """The record with its texts masked; a result that holds a secret is not kept."""
    mask, output = handed_out.mask, record.output
    return record._replace(
        group=mask(record.group),
        attempts=tuple(
            each._replace(
                error=each.error and mask(each.error), place=each.place and mask(each.place)
            )
            for each in record.attempts
        ),
        inputs=mask(record.inputs),
        output=None if output is not None and handed_out.is_in(output.data) else output,
        error=record.error and mask(record.error),
        report=record.report and masked_json(dict(record.report), handed_out),
        traceback=record.traceback and mask(record.traceback),
    )


def _row(record: TaskRecord) -> tuple[object, ...]:
    """What is written of an execution."""
    *facts, attempts, inputs, output, error, report, code, traceback = record
    return (
        *facts,
        json.dumps(attempts),
        _text(inputs),
        None if error is None else _text(error),
        None if report is None else json.dumps(dict(report)),
        *(output or (None, None)),
        code,
        None if traceback is None else _text(traceback),
    )


def _json(value: Any) -> str:
    """A value as JSON with its texts masked."""
    return json.dumps(masked_json(value, handed_out))


def record_of(row: Sequence[Any]) -> TaskRecord:
    """The execution that a row of the table is of."""
    *facts, attempts, inputs, error, report, format_, output, code, traceback = row
    return TaskRecord._make(
        [
            *facts,
            _attempts(attempts),
            inputs,
            None if format_ is None else Encoded(format_, output),
            error,
            _report(report),
            code,
            traceback,
        ]
    )


def _attempts(text: str) -> tuple[AttemptRecord, ...]:
    """The attempts of a record; none where that is damaged."""
    try:
        return tuple(
            AttemptRecord(
                int(number), float(started), float(ended), *(each and str(each) for each in told)
            )
            for number, started, ended, *told in parsed(text)  # of an older version, no place
        )
    except (TypeError, ValueError):
        return ()


def _report(text: str | None) -> Mapping[str, str] | None:
    """The report of a record; none where that is damaged."""
    found = text and parsed(text)
    return {tab: str(page) for tab, page in found.items()} if isinstance(found, dict) else None


def parsed(text: str) -> Any:
    """What JSON says; None where it is damaged."""
    try:
        return json.loads(text)
    except ValueError:
        return None


def _text(text: str) -> str:
    """`text` as it can be stored: what a program printed may hold what is not Unicode."""
    return text if text.isascii() else text.encode(errors="backslashreplace").decode()
