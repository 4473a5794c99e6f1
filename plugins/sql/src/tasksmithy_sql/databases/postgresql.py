"""PostgreSQL, through its ADBC driver: rows come and go as Arrow."""

# ruff: noqa: D102 - the methods are those of `Connection`, documented there
# ruff: noqa: S608 - names in statements are quoted, values are bound

from __future__ import annotations

import itertools
import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urlsplit

import pyarrow as pa

from tasksmithy.errors import MissingDependencyError
from tasksmithy.extend import near_misses
from tasksmithy_sql.binding import Statement, double_quoted
from tasksmithy_sql.bulk import Write, without_traceback
from tasksmithy_sql.connection import Connection
from tasksmithy_sql.credentials import without
from tasksmithy_sql.databases import columns
from tasksmithy_sql.databases import postgresql_types as types
from tasksmithy_sql.databases.columns import Plan, refused
from tasksmithy_sql.databases.postgresql_write import write_rows
from tasksmithy_sql.errors import (
    CommitUnknownError,
    CredentialsError,
    DatabaseUnreachableError,
    QueryError,
    SQLError,
    TransactionConflictError,
)
from tasksmithy_sql.url import DatabaseURL

if TYPE_CHECKING:
    from adbc_driver_manager import dbapi

_CONNECT_TIMEOUT = 10
"""Seconds, where neither the URL nor PGCONNECT_TIMEOUT says otherwise; libpq waits for ever."""

_FETCH = 65_536

_CHANGES = frozenset({"insert", "update", "delete", "merge", "into"})
"""Words of queries that change something: no cursor can be declared for them."""

_MAKES_TYPES = frozenset({"CREATE", "ALTER", "DROP", "DO", "CALL"})
"""What may make a type; the driver knows those that there were when it connected."""

_COPIED = frozenset(
    {"SELECT", "WITH", "VALUES", "TABLE", "INSERT", "UPDATE", "DELETE", "MERGE", "("}
)
"""What the driver may wrap in COPY, which is the fastest way to read."""

_AS_IT_IS = {"adbc.postgresql.use_copy": "false"}

# Classes of SQLSTATE (PostgreSQL, appendix A) that are no fault of the statement.
_LOST = ("08", "57P01", "57P02", "57P03", "58")
_CONFLICT = ("40", "55P03", "55006")
_TRANSIENT = ("53", "57014")

_REFUSED = re.compile(
    r"authentication failed|no password supplied|role .* does not exist|"
    r"database .* does not exist|no pg_hba.conf entry|is not permitted to log in|permission denied"
)


class PostgreSQL(Connection):
    """A connection to a PostgreSQL server."""

    limit = 65535

    def __init__(self, url: DatabaseURL, password: str | None) -> None:
        try:
            from adbc_driver_postgresql import dbapi  # type: ignore[import-untyped]
        except ImportError:
            raise MissingDependencyError(
                f"database {url}",
                "adbc-driver-postgresql",
                "pip install 'tasksmithy-sql[postgresql]'",
            ) from None
        super().__init__(url, (dbapi.Error, OSError, pa.ArrowException))
        self._password = password
        self._cursor: dbapi.Cursor | None = None
        self._in_transaction = False
        self._intervals: list[str] = []
        self._knows_types = True
        begun = time.monotonic()
        try:
            # Transactions are begun by `begin` alone: the driver's own would begin at once, and an
            # idle connection would keep the time of its beginning as now().
            self._connection = dbapi.connect(_with_password(url.text, password), autocommit=True)
        except dbapi.Error as error:
            raise self._not_connected(error, time.monotonic() - begun) from None

    def driver_value(self, name: str, value: Any, declared: Any) -> tuple[Any, str]:
        return types.arrow_value(name, value, declared)

    def nothing(self, element: Any) -> str:
        return f"select cast(null as {types.type_of(element)}) where false"

    def begin(self) -> None:
        super().begin()
        self._in_transaction = True

    def commit(self) -> None:
        # The number of the transaction, if it wrote: by it another connection can learn its end.
        number = self.rows("select txid_current_if_assigned()::text")[0][0]
        self._in_transaction = False
        try:
            super().commit()
        except DatabaseUnreachableError:
            if number is None:
                return  # it wrote nothing
            if self._ended(number) == "aborted":
                raise

    def _ended(self, transaction: str) -> str:
        """How a transaction of a connection that is lost has ended."""
        deadline = time.monotonic() + _CONNECT_TIMEOUT
        while time.monotonic() < deadline:
            with suppress(SQLError):
                other = PostgreSQL(self._url, self._password)
                try:
                    status = other.rows(f"select txid_status({transaction})")[0][0]
                finally:
                    other.close()
                if status in ("committed", "aborted"):
                    return str(status)
            time.sleep(0.2)
        raise CommitUnknownError(
            f"{self._url}: the connection was lost while transaction {transaction} committed, and "
            f"the server did not say within {_CONNECT_TIMEOUT} s how it ended: look whether the "
            f"rows are there (select txid_status({transaction})) before you run the task again"
        )

    def rollback(self) -> None:
        if self._in_transaction:
            self._in_transaction = False
            super().rollback()

    def table(self, statement: Statement) -> pa.Table:
        asked, plans, width = self._planned(statement)
        with self._executed(asked) as cursor:
            found = cursor.fetch_arrow_table()
        return columns.table(found, plans, width)

    def batches(self, statement: Statement) -> pa.RecordBatchReader:
        """The rows as they are asked for.

        The driver streams only what has no parameters; a query with some is read through a cursor
        of the server, so that neither side holds the whole. Cursors live in transactions alone.
        """
        query = statement.query
        asked, plans, width = self._planned(statement)
        is_reading = query.keywords[0] in ("SELECT", "WITH") and not _CHANGES & query.words
        if statement.values and is_reading and self._in_transaction:
            batches = self._fetched(asked)
        else:
            batches = self._streamed(asked)
        first = next(batches)
        return columns.reader(first.schema, itertools.chain([first], batches), plans, width)

    def _planned(self, statement: Statement) -> tuple[Statement, list[Plan], int]:
        """What is executed, the plans of its columns, and how many of them are the statement's.

        The driver gives an array of several dimensions as one list. Where there are arrays, the
        statement is asked for their dimensions too.
        """
        with self.telling(statement), self._opened() as cursor:
            given = types.parameters(statement.values) if statement.values else None
            schema = cursor.adbc_execute_schema(statement.text, given)
        plans = types.plans(self._named(schema))
        self._intervals = [field.name for field in schema if "interval" in str(field.type)]
        names = [f"tasksmithy_{number}" for number in range(len(schema))]
        counted = [
            (field.name, expression)
            for name, field in zip(names, schema, strict=True)
            if (expression := types.dimensions(name, field))
        ]
        if not counted:
            return statement, plans, len(schema)
        given_names = list(zip(names, schema.names, strict=True))
        chosen = ", ".join(f"{e} as {double_quoted(n)}" for e, n in given_names)
        chosen += "".join(f", {e} as {double_quoted(n)}" for n, e in counted)
        inner, rows = ", ".join(names), "tasksmithy_rows"
        word = statement.query.keywords[0]
        if word in ("INSERT", "UPDATE", "DELETE"):
            before, after = f"with {rows}({inner}) as (", f") select {chosen} from {rows}"
        elif word in _COPIED and not (word == "WITH" and _CHANGES & statement.query.words):
            before, after = f"select {chosen} from (", f") {rows}({inner})"
        else:
            raise refused(counted[0][0], "an array here may have several dimensions, unseen")
        plans += [types.ONE_DIMENSION] * len(counted)
        return statement.within(before, after), plans, len(schema)

    def _named(self, schema: pa.Schema) -> pa.Schema:
        """The schema with the names of types that the driver knows by their numbers alone."""
        unnamed = re.findall(r"unnamed<oid:(\d+)>", schema.to_string())
        if not unnamed:
            return schema
        asked = " union all ".join(f"select {n}, format_type({n}, null)" for n in set(unnamed))
        known = {f"unnamed<oid:{number}>": name for number, name in self.rows(asked)}
        return pa.schema(
            field.with_metadata({types.NAME: known.get(name, name)})
            if (name := types.type_name(field)) in known
            else field
            for field in schema
        )

    def _streamed(self, statement: Statement) -> Iterator[pa.RecordBatch]:
        with self._executed(statement) as cursor:
            reader = cursor.fetch_record_batch()
            yield types.no_rows(reader.schema)
            yield from reader

    def _fetched(self, statement: Statement) -> Iterator[pa.RecordBatch]:
        name = "tasksmithy_rows"
        with self._executed(statement.within(f"declare {name} no scroll cursor for ")):
            pass
        while True:
            with self.telling(statement), self._opened() as cursor:
                cursor.adbc_statement.set_options(**_AS_IT_IS)
                cursor.execute(f"fetch forward {_FETCH} from {name}")
                rows = cursor.fetch_arrow_table()
            yield from rows.to_batches() or [types.no_rows(rows.schema)]
            if rows.num_rows < _FETCH:
                break
        self.run(f"close {name}")

    def changed(self, statement: Statement) -> int:
        self._knows_types &= statement.query.keywords[0] not in _MAKES_TYPES
        with self.telling(statement):
            return self._update(statement.text, statement.values)

    def write(self, write: Write, rows: pa.RecordBatchReader) -> int:
        return write_rows(self, write, rows)

    def run(self, command: str) -> int:
        with self.telling():
            return self._update(command, ())

    def _update(self, text: str, values: Sequence[pa.Array]) -> int:
        with self._opened() as cursor:
            cursor.adbc_statement.set_sql_query(text)
            if values:
                cursor.adbc_statement.bind(types.parameters(values))
            return max(int(cursor.adbc_statement.execute_update()), 0)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with self.telling(), self._opened() as cursor:
            cursor.execute(query)
            return list(cursor.fetchall())

    def ingest(self, rows: Any, table: str, **options: Any) -> int:
        """Load rows with the server's COPY."""
        with self.telling(), self._opened() as cursor:
            return int(cursor.adbc_ingest(table, rows, **options))

    def reset(self) -> None:
        if not self._knows_types:
            raise DatabaseUnreachableError(f"{self._url}: a new connection knows the new types")
        self.run("discard all")

    def cancel(self) -> None:
        cursor = self._cursor
        if cursor is not None:
            with suppress(Exception):  # the statement ended meanwhile
                cursor.adbc_cancel()

    @contextmanager
    def _opened(self) -> Iterator[dbapi.Cursor]:
        with self._connection.cursor() as cursor:
            self._cursor = cursor
            try:
                yield cursor
            finally:
                self._cursor = None

    @contextmanager
    def _executed(self, statement: Statement) -> Iterator[dbapi.Cursor]:
        with self.telling(statement), self._opened() as cursor:
            if statement.values:
                cursor.execute(statement.text, types.parameters(statement.values))
            elif statement.query.keywords[0] in _COPIED:
                cursor.execute(statement.bare)  # in parentheses, which a comment would leave open
            else:
                cursor.adbc_statement.set_options(**_AS_IT_IS)
                cursor.execute(statement.text)
            yield cursor

    def told(self, error: Exception, statement: Statement | None) -> SQLError:
        details = {
            key.decode(): value.decode(errors="replace")
            for key, value in getattr(error, "details", None) or ()
        }
        state = getattr(error, "sqlstate", None) or details.get("PG_DIAG_SQLSTATE") or ""
        primary = details.get("PG_DIAG_MESSAGE_PRIMARY") or _first_line(error)
        reason = without(self._password, primary)
        overflow = re.search(r"Interval with time value (-?\d+) usec would overflow", str(error))
        if overflow is not None:
            return refused(
                ", ".join(self._intervals),
                f"{overflow[1]} microseconds: more time than the 292 years of Arrow's intervals",
            )
        if state.startswith(_CONFLICT):
            return TransactionConflictError(f"{self._url}: {reason} (SQLSTATE {state})")
        if state.startswith(_LOST) or (not state and _is_lost(str(error))):
            return DatabaseUnreachableError(f"{self._url}: the connection was lost: {reason}")
        if state.startswith(_TRANSIENT):
            return SQLError(f"{self._url}: {reason} (SQLSTATE {state})")
        place = details.get("PG_DIAG_STATEMENT_POSITION", "")
        where = parameters = ""
        if statement is not None:
            parameters = statement.parameters
            if place.isdecimal():
                where = f" ({statement.where(int(place) - 1)})"
        hint = "".join(
            f"; {details[key].rstrip('.')}"
            for key in ("PG_DIAG_MESSAGE_DETAIL", "PG_DIAG_MESSAGE_HINT")
            if key in details
        )
        if state == "42P01":
            hint += self._near_table(reason)
        return QueryError(f"{self._url}: {reason}{where}{hint}{parameters}")

    def _near_table(self, reason: str) -> str:
        """What the missing table may be; the transaction has failed, and must end before."""
        name = re.search(r'"([^"]+)"', reason)
        with suppress(SQLError):
            self.rollback()
            return near_misses(name[1].rpartition(".")[2] if name else "", self.tables())
        return ""

    def tables(self) -> list[str]:
        """The names of the tables that are no system's."""
        query = (
            "select table_name::text from information_schema.tables where table_schema "
            "not in ('pg_catalog', 'information_schema')"
        )
        return [name for (name,) in self.rows(query)]

    def _not_connected(self, error: Exception, seconds: float) -> SQLError:
        told = re.sub(r"^.*Failed to connect:", "", str(error), flags=re.S)
        reason = without(self._password, told)
        if _REFUSED.search(reason):
            return CredentialsError(f"{self._url}: {reason}")
        if reason.startswith("invalid "):  # libpq cannot read the URL, or a setting in it
            return QueryError(f"{self._url}: {reason}")
        return DatabaseUnreachableError(f"{self._url}: no connection in {seconds:.1f} s: {reason}")


def _with_password(url: str, password: str | None) -> str:
    """The URL that libpq gets: with the password, and a time within which it connects."""
    parts = urlsplit(url)
    netloc = parts.netloc
    if password is not None:
        user, at, host = netloc.rpartition("@")
        netloc = f"{user}:{quote(password, safe='')}{at or '@'}{host}"
    query = parts.query
    if "connect_timeout" not in parse_qs(query) and "PGCONNECT_TIMEOUT" not in os.environ:
        query += f"{'&' if query else ''}connect_timeout={_CONNECT_TIMEOUT}"
    return parts._replace(scheme="postgresql", netloc=netloc, query=query).geturl()


def _first_line(error: Exception) -> str:
    message = without_traceback(str(error)).partition("\nQuery was:")[0]
    return re.sub(r"^.*?(?:ERROR|FATAL):\s*", "", message, flags=re.S)


_LOST_SIGNS = (
    "no connection to the server",
    "server closed the connection",
    "connection to server",
    "could not receive data",
    "could not send",
    "SSL connection",
)


def _is_lost(message: str) -> bool:
    return any(sign in message for sign in _LOST_SIGNS)
