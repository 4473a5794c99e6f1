"""SQLite, embedded in this process: in memory or in a file.

Through the standard library's driver, because a statement that runs can be interrupted there. The
ADBC driver for SQLite (1.13) answers a cancellation with NOT_IMPLEMENTED, so that a timeout would
wait for the statement; it reads about three times as fast.
"""

# ruff: noqa: ARG002, D102 - the methods are those of `Connection`, documented there
# ruff: noqa: S608 - names in statements are quoted, values are bound

from __future__ import annotations

import datetime as dt
import math
import re
import sqlite3
from contextlib import suppress
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pyarrow as pa

from tasksmithy.extend import near_misses
from tasksmithy_sql.binding import Statement, double_quoted, misfit
from tasksmithy_sql.bulk import (
    Write,
    check_keys,
    column_list,
    conflict_clause,
)
from tasksmithy_sql.connection import Connection
from tasksmithy_sql.databases.columns import Plan, Unfit
from tasksmithy_sql.databases.rows import Rows
from tasksmithy_sql.databases.written import PYTHON, exact, not_nan, without_nul
from tasksmithy_sql.errors import (
    DatabaseUnreachableError,
    QueryError,
    SQLError,
    TransactionConflictError,
)
from tasksmithy_sql.url import DatabaseURL

if TYPE_CHECKING:
    from collections.abc import Callable

_STAGE = "tasksmithy_rows"
_VIEW = "tasksmithy_types"
_WAIT_FOR_LOCK = 5.0  # seconds


class SQLite(Connection):
    """A connection to SQLite.

    SQLite has integers of 64 bits, floats, text and bytes. A Decimal is the integer or float that
    has its digits, so that it compares as a number. What else there is, is kept as text: dates and
    times in ISO 8601, a UUID in its usual form; a bool is 0 or 1.
    """

    repeats = False

    def __init__(self, url: DatabaseURL) -> None:
        super().__init__(url, (sqlite3.Error,))
        self._connect()
        self.limit: int = self._connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER)

    def _connect(self) -> None:
        with self.telling():
            self._connection = sqlite3.connect(
                self._url.path,
                isolation_level=None,
                check_same_thread=False,
                timeout=_WAIT_FOR_LOCK,
            )

    def marker(self, position: int, cast: str) -> str:
        return "?"

    def driver_value(self, name: str, value: Any, declared: Any) -> tuple[Any, str]:
        if isinstance(value, dt.timedelta):
            raise misfit(name, "no timedelta, SQLite has no type for it; give seconds", value)
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise misfit(name, "an integer of at most 64 bits, as SQLite's INTEGER", value)
        if isinstance(value, float) and math.isnan(value):
            raise misfit(name, "a number, SQLite would make NULL of it", value)
        if isinstance(value, Decimal):
            number = _number(value)
            if number is None:
                raise misfit(name, "a decimal that a float of SQLite holds; give text", value)
            return number, ""
        return _plain(value), ""

    def rollback(self) -> None:
        if self._connection.in_transaction:
            super().rollback()

    def table(self, statement: Statement) -> pa.Table:
        return self._rows(statement).table()

    def batches(self, statement: Statement) -> pa.RecordBatchReader:
        return self._rows(statement).batches()

    def _rows(self, statement: Statement) -> Rows:
        kinds = self._declared(statement)
        with self.telling(statement):
            cursor = self._connection.execute(statement.bare, statement.values)

        def fetch(most: int) -> list[Any]:
            with self.telling(statement):
                return cursor.fetchmany(most)  # type: ignore[no-any-return]

        names = [column[0] for column in cursor.description or ()]
        return Rows(names, fetch, kinds if len(kinds) == len(names) else ())

    def _declared(self, statement: Statement) -> list[pa.DataType | None]:
        """The types that the tables declare for a query's columns; None for an expression.

        SQLite tells them of a view, which can have no parameters.
        """
        text = statement.bare
        for start, end, *_ in reversed(statement.spans):
            if text[start] != '"':  # a name
                text = text[:start] + text[start:end].replace("?", "null") + text[end:]
        with suppress(sqlite3.Error):  # it is no query
            self._connection.execute(f"create temp view {_VIEW} as {text}")
            try:
                described = self._connection.execute(f"pragma temp.table_info({_VIEW})")
                return [_affinity(declared) for _, _, declared, *_ in described]
            finally:
                self._connection.execute(f"drop view temp.{_VIEW}")
        return []

    def changed(self, statement: Statement) -> int:
        before = self._connection.total_changes
        with self.telling(statement):
            cursor = self._connection.execute(statement.bare, statement.values)
            returned = len(cursor.fetchall())
        if cursor.description:
            return returned
        # The driver's own count knows nothing of changes that begin with WITH.
        has_changed = self._connection.total_changes > before
        return int(self.rows("select changes()")[0][0]) if has_changed else 0

    def write(self, write: Write, rows: pa.RecordBatchReader) -> int:
        with exact(rows, write, "SQLite", _written_kind, check=_written_check) as made:
            return self._write(write, made)

    def _write(self, write: Write, rows: pa.RecordBatchReader) -> int:
        names, columns = rows.schema.names, column_list(rows.schema.names)
        into = write.target
        if write.mode == "replace":
            self.run(f"drop table if exists {into}")
        if write.mode in ("create", "replace"):
            definitions = ", ".join(
                f"{double_quoted(field.name)} {_column_type(field.type)}" for field in rows.schema
            )
            self.run(f"create table {into} ({definitions})")
        if write.mode == "upsert":
            into = f"temp.{_STAGE}"
            self.run(f"drop table if exists {into}")
            # In the types of the table, in which two keys may be the same that were not.
            self.run(f"create table {into} as select {columns} from {write.target} limit 0")
        insert = f"insert into {into} ({columns}) values ({', '.join('?' * len(names))})"
        written = 0
        for batch in rows:
            values = [_storable(column) for column in batch.columns]
            with self.telling():
                self._connection.executemany(insert, zip(*values, strict=True))
            written += batch.num_rows
        if write.mode == "upsert":
            check_keys(write, into, self.rows)
            # "where true": without it SQLite reads "on" as that of a join.
            written = self.run(
                f"insert into {write.target} ({columns}) select {columns} from {into} where true"
                f"{conflict_clause(write, names)}"
            )
            self.run(f"drop table {into}")
        return written

    def run(self, command: str) -> int:
        with self.telling():
            return max(int(self._connection.execute(command).rowcount), 0)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with self.telling():
            return list(self._connection.execute(query))

    def reset(self) -> None:
        self.close()
        self._connect()

    def cancel(self) -> None:
        self._connection.interrupt()

    def told(self, error: Exception, statement: Statement | None) -> SQLError:
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
        if statement is None:
            return QueryError(f"{self._url}: {reason}")
        where = self._where(statement, reason)
        return QueryError(f"{self._url}: {reason}{where}{statement.parameters}")

    def _where(self, statement: Statement, reason: str) -> str:
        """Where a syntax error is: SQLite says no more than the word that it trips over.

        It reads no further, so that what there is up to this word, and no less, fails in that way.
        """
        if reason == "incomplete input":
            return f" ({statement.where(statement.end)})"
        found = re.fullmatch(r'near "(.*)": syntax error|unrecognized token: "(.*)"', reason, re.S)
        if found is None:
            return ""
        word = re.sub(r"^(?=\w)|(?<=\w)$", r"\\b", re.escape(found[1] or found[2]))
        for each in re.finditer(word, statement.text):
            if self._refusal(statement.text[: each.end()]) == reason:
                return f" ({statement.where(each.start())})"
        return ""

    def _refusal(self, text: str) -> str:
        """What SQLite says against a text, which is read and not executed."""
        try:
            self._connection.execute(f"explain {text}")
        except sqlite3.Error as error:
            return str(error)
        return ""

    def _tables(self) -> list[str]:
        with suppress(SQLError):
            query = "select name from sqlite_master where type in ('table', 'view')"
            return [name for (name,) in self.rows(query)]
        return []


def _affinity(declared: str) -> pa.DataType | None:
    """What a column of a declared type holds (SQLite, "Datatypes", 3.1); None: numbers or text."""
    for words, kind in (
        (("INT",), pa.int64()),
        (("CHAR", "CLOB", "TEXT"), pa.string()),
        (("BLOB",), pa.binary()),
        (("REAL", "FLOA", "DOUB"), pa.float64()),
    ):
        if any(word in declared.upper() for word in words):
            return kind
    return None


def _number(value: Decimal) -> int | float | None:
    """A decimal as a number that has its digits; None where SQLite has none."""
    if not value.is_finite():
        return None
    if value == value.to_integral_value() and abs(value) < 2**63:
        return int(value)
    number = float(value)
    return number if Decimal(repr(number)) == value else None


def _plain(value: Any) -> Any:
    """A value as SQLite keeps it."""
    if isinstance(value, dt.datetime):
        return value.isoformat(" ")
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


_COLUMN_TYPES: tuple[tuple[Callable[[pa.DataType], bool], str], ...] = (
    (pa.types.is_boolean, "boolean"),
    (pa.types.is_integer, "integer"),
    (pa.types.is_floating, "real"),
    (pa.types.is_decimal, "numeric"),
    (pa.types.is_binary, "blob"),
)


def _column_type(kind: pa.DataType) -> str:
    """The type that a new column has; text for what SQLite has no type for."""
    return next((name for fits, name in _COLUMN_TYPES if fits(kind)), "text")


def _written_kind(kind: pa.DataType) -> pa.DataType | None:
    """The type of which SQLite gets the values, for one that has no parts."""
    types = pa.types
    if types.is_integer(kind):
        return pa.int64()
    if types.is_floating(kind):
        return pa.float64()
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return pa.string()
    if (
        types.is_binary_view(kind)
        or types.is_large_binary(kind)
        or types.is_fixed_size_binary(kind)
    ):
        return pa.binary()
    if types.is_date(kind):
        return pa.date32()
    if types.is_time(kind):
        return pa.time64("us")
    if types.is_timestamp(kind):
        return pa.timestamp("us", kind.tz)
    if types.is_boolean(kind) or types.is_binary(kind) or types.is_null(kind):
        return kind
    is_uuid = getattr(kind, "extension_name", "") == "arrow.uuid"
    return kind if types.is_decimal(kind) or is_uuid else None


def _written_check(kind: pa.DataType) -> Plan:
    if pa.types.is_floating(kind):
        return Plan(not_nan)
    if pa.types.is_string(kind):
        return Plan(without_nul)
    if pa.types.is_decimal(kind):
        return Plan(_check_numbers)
    return PYTHON if pa.types.is_temporal(kind) else Plan()


def _check_numbers(array: pa.Array) -> pa.Array:
    for value in array.to_pylist():
        if value is not None and _number(value) is None:
            raise Unfit(f"{value} has more digits than a float of SQLite; write it as text")
    return array


def _storable(column: pa.Array) -> list[Any]:
    """The values of an Arrow column as SQLite keeps them."""
    values: list[Any] = column.to_pylist()
    kind = column.type
    if pa.types.is_decimal(kind):
        return [None if value is None else _number(value) for value in values]
    plain = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_string(kind)
    return values if plain else [_plain(value) for value in values]
