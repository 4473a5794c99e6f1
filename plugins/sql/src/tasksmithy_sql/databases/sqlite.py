"""SQLite, embedded in this process: in memory or in a file.

The standard library's driver, because a statement that runs can be interrupted there; the ADBC
driver for SQLite cannot cancel.
"""

# ruff: noqa: ARG002, D102 - the methods are those of `Connection`, documented there

from __future__ import annotations

import datetime as dt
import math
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pyarrow as pa

from tasksmithy.errors import near_misses, shorten
from tasksmithy_sql.binding import Statement, double_quoted, misfit
from tasksmithy_sql.bulk import (
    Write,
    column_list,
    conflict_clause,
    duplicate_key_query,
    refuse_duplicates,
)
from tasksmithy_sql.errors import (
    DatabaseUnreachableError,
    QueryError,
    ResultError,
    SQLError,
    TransactionConflictError,
)
from tasksmithy_sql.url import DatabaseURL

if TYPE_CHECKING:
    from collections.abc import Callable

_BATCH = 65_536
_STAGE = "tasksmithy_rows"
_WAIT_FOR_LOCK = 5.0  # seconds


class SQLite:
    """A connection to SQLite.

    SQLite has integers of 64 bits, floats, text and bytes. What else there is, is kept as text: a
    Decimal as its digits, dates and times in ISO 8601, a UUID in its usual form; a bool is 0 or 1.
    """

    repeats = False

    def __init__(self, url: DatabaseURL) -> None:
        self._url = url
        with self._telling(None):
            self._connection = sqlite3.connect(
                url.path, isolation_level=None, check_same_thread=False, timeout=_WAIT_FOR_LOCK
            )
        self.limit = self._connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER)

    def code(self, text: str) -> str:
        return text

    def marker(self, position: int, cast: str) -> str:
        return "?"

    def driver_value(self, name: str, value: Any, declared: Any) -> tuple[Any, str]:
        if isinstance(value, dt.timedelta):
            raise misfit(name, "no timedelta, SQLite has no type for it; give seconds", value)
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise misfit(name, "an integer of at most 64 bits, as SQLite's INTEGER", value)
        if isinstance(value, float) and math.isnan(value):
            raise misfit(name, "a number, SQLite would make NULL of it", value)
        return _plain(value), ""

    def nothing(self, element: Any) -> str:
        return ""  # SQLite takes `in ()`

    def quoted(self, name: str) -> str:
        return double_quoted(name)

    def begin(self) -> None:
        self._run("begin")

    def commit(self) -> None:
        self._run("commit")

    def rollback(self) -> None:
        if self._connection.in_transaction:
            self._run("rollback")

    def show(self, tables: Mapping[str, Any]) -> None:
        """Nothing: tables as inputs are DuckDB's, and the definition refuses others."""

    def forget(self) -> None:
        """Nothing."""

    def table(self, statement: Statement) -> pa.Table:
        with self._telling(statement):
            cursor = self._connection.execute(statement.text, statement.values)
            rows = cursor.fetchall()
        if cursor.description is None:
            return pa.table({})
        names = [column[0] for column in cursor.description]
        columns = list(zip(*rows, strict=True)) or [()] * len(names)
        arrays = [_array(name, column, 0) for name, column in zip(names, columns, strict=True)]
        return pa.Table.from_arrays(arrays, names=names)

    def batches(self, statement: Statement) -> pa.RecordBatchReader:
        with self._telling(statement):
            cursor = self._connection.execute(statement.text, statement.values)
            first = cursor.fetchmany(_BATCH)
        names = [column[0] for column in cursor.description or ()]
        columns = list(zip(*first, strict=True)) or [()] * len(names)
        arrays = [_array(name, column, 0) for name, column in zip(names, columns, strict=True)]
        schema = pa.schema([(name, array.type) for name, array in zip(names, arrays, strict=True)])

        def rest() -> Iterator[pa.RecordBatch]:
            rows, start = first, 0
            while rows:
                yield pa.RecordBatch.from_arrays(
                    [
                        _array(field.name, column, start, field.type)
                        for field, column in zip(schema, zip(*rows, strict=True), strict=True)
                    ],
                    schema=schema,
                )
                start += len(rows)
                with self._telling(statement):
                    rows = cursor.fetchmany(_BATCH)

        return pa.RecordBatchReader.from_batches(schema, rest())

    def changed(self, statement: Statement) -> int:
        with self._telling(statement):
            cursor = self._connection.execute(statement.text, statement.values)
            returned = len(cursor.fetchall())
        return returned if cursor.description else max(cursor.rowcount, 0)

    def write(self, write: Write, rows: pa.RecordBatchReader) -> int:
        names = rows.schema.names
        if write.mode == "replace":
            self._run(f"drop table if exists {write.target}")
        into = write.target
        if write.mode != "append":
            definitions = ", ".join(
                f"{double_quoted(field.name)} {_column_type(field.type)}" for field in rows.schema
            )
            if write.mode == "upsert":
                into = f"temp.{_STAGE}"
                self._run(f"drop table if exists {into}")
            self._run(f"create table {into} ({definitions})")
        marks = ", ".join("?" * len(names))
        insert = f"insert into {into} ({column_list(names)}) values ({marks})"  # noqa: S608 - quoted names
        written = 0
        for batch in rows:
            columns = [_storable(name, batch.column(name)) for name in names]
            with self._telling(None):
                self._connection.executemany(insert, zip(*columns, strict=True))
            written += batch.num_rows
        if write.mode == "upsert":
            refuse_duplicates(write, self._run(duplicate_key_query(write, into)).fetchall())
            # "where true": without it SQLite reads "on" as that of a join.
            columns_ = column_list(names)
            written = self._run(
                f"insert into {write.target} ({columns_}) select {columns_} from {into} where true"  # noqa: S608
                f"{conflict_clause(write, names)}"
            ).rowcount
            self._run(f"drop table {into}")
        return written

    def _run(self, statement: str) -> sqlite3.Cursor:
        with self._telling(None):
            return self._connection.execute(statement)

    def cancel(self) -> None:
        self._connection.interrupt()

    def is_alive(self) -> bool:
        return True  # it lives in this process

    def close(self) -> None:
        with suppress(sqlite3.Error):
            self._connection.close()

    @contextmanager
    def _telling(self, statement: Statement | None) -> Iterator[None]:
        """Raise what SQLite raises as an error of SQL tasks."""
        try:
            yield
        except sqlite3.Error as error:
            raise self._told(error, statement) from None

    def _told(self, error: sqlite3.Error, statement: Statement | None) -> SQLError:
        name, reason = getattr(error, "sqlite_errorname", "") or "", str(error)
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return TransactionConflictError(
                f"{self._url}: {reason} (waited {_WAIT_FOR_LOCK:g} s for the lock)"
            )
        if name.startswith("SQLITE_INTERRUPT"):
            return SQLError(f"{self._url}: the statement was interrupted")
        if name.startswith(("SQLITE_CANTOPEN", "SQLITE_IOERR", "SQLITE_FULL")):
            return DatabaseUnreachableError(f"{self._url}: {reason}")
        missing = re.match(r"no such table: (.*)", reason)
        if missing is not None:
            reason += near_misses(missing[1].rpartition(".")[2], self._tables())
        given = (
            ", ".join(f"{n}: {kind}" for n, kind in statement.types.items()) if statement else ""
        )
        return QueryError(f"{self._url}: {reason}{f'; parameters: {given}' if given else ''}")

    def _tables(self) -> list[str]:
        with suppress(sqlite3.Error):
            found = self._connection.execute(
                "select name from sqlite_master where type in ('table', 'view')"
            )
            return [row[0] for row in found]
        return []


def _plain(value: Any) -> Any:
    """A value as SQLite keeps it."""
    if isinstance(value, dt.datetime):
        return value.isoformat(" ")
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal | UUID) else value


_ARROW: dict[type, pa.DataType] = {
    int: pa.int64(),
    float: pa.float64(),
    str: pa.string(),
    bytes: pa.binary(),
}


def _array(
    name: str, column: Sequence[Any], start: int, wanted: pa.DataType | None = None
) -> pa.Array:
    """A column of values as an Arrow array, of the type `wanted` or of the first value's.

    SQLite has types for values and none for columns, so a column may hold several.
    """
    kinds = {type(value) for value in column if value is not None}
    if wanted is None:
        first = next((type(value) for value in column if value is not None), None)
        wanted = pa.null() if first is None else _ARROW[first]
        if kinds == {int, float}:
            wanted = pa.float64()
    accepted = {kind for kind, arrow in _ARROW.items() if arrow == wanted}
    if wanted == pa.float64():
        accepted.add(int)
    if kinds <= accepted:
        with suppress(pa.ArrowInvalid):  # an integer that no float equals
            return pa.array(column, wanted)
        accepted.discard(int)
    row, value = next(
        (row, value)
        for row, value in enumerate(column, start + 1)
        if value is not None and type(value) not in accepted
    )
    raise ResultError(
        f"column {name!r}, row {row}: {shorten(value)} of type {type(value).__name__}, in a column "
        f'of {wanted}; an Arrow column has one type: write cast("{name}" as text) or such'
    )


_COLUMN_TYPES: tuple[tuple[Callable[[pa.DataType], bool], str], ...] = (
    (pa.types.is_boolean, "boolean"),
    (pa.types.is_integer, "integer"),
    (pa.types.is_floating, "real"),
    (pa.types.is_binary, "blob"),
    (pa.types.is_large_binary, "blob"),
    (pa.types.is_fixed_size_binary, "blob"),
)


def _column_type(kind: pa.DataType) -> str:
    """The type that a new column has; text for what SQLite has no type for."""
    return next((name for fits, name in _COLUMN_TYPES if fits(kind)), "text")


def _storable(name: str, column: pa.Array) -> list[Any]:
    """The values of an Arrow column as SQLite keeps them."""
    values: list[Any] = column.to_pylist()
    kind = column.type
    plain = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_string(kind)
    if pa.types.is_nested(kind) or pa.types.is_duration(kind) or pa.types.is_interval(kind):
        raise QueryError(f"column {name!r}: SQLite has no type for {kind}; write it as text")
    if pa.types.is_uint64(kind) and any(value is not None and value >= 2**63 for value in values):
        raise QueryError(f"column {name!r}: SQLite's integers have 64 bits with a sign")
    return values if plain else [_plain(value) for value in values]
