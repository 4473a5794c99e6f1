"""Every other database: the driver that SQLAlchemy knows for its URL."""

# ruff: noqa: ARG002, D102 - the methods are those of `Connection`, documented there
# ruff: noqa: S608 - names in statements are quoted, values are bound

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from typing import Any

import pyarrow as pa

from tasksmithy.errors import MissingDependencyError
from tasksmithy_sql.binding import Statement
from tasksmithy_sql.bulk import Write
from tasksmithy_sql.connection import Connection
from tasksmithy_sql.credentials import without
from tasksmithy_sql.databases.rows import Rows
from tasksmithy_sql.databases.written import exact
from tasksmithy_sql.errors import (
    CommitUnknownError,
    CredentialsError,
    DatabaseUnreachableError,
    QueryError,
    ResultError,
    SQLError,
    TransactionConflictError,
)
from tasksmithy_sql.url import DatabaseURL

_ONCE = ("qmark", "format")
"""Styles whose placeholders are counted: each needs a value of its own."""


# The packages that are called otherwise than what they provide.
_DIALECTS = {
    "awsathena": "pyathena",
    "bigquery": "sqlalchemy-bigquery",
    "clickhouse": "clickhouse-sqlalchemy",
    "cockroachdb": "sqlalchemy-cockroachdb",
    "databricks": "databricks-sqlalchemy",
    "hana": "sqlalchemy-hana",
    "redshift": "sqlalchemy-redshift",
    "snowflake": "snowflake-sqlalchemy",
}
_DRIVERS = {
    "MySQLdb": "mysqlclient",
    "mysql": "mysql-connector-python",
    "psycopg": "psycopg[binary]",
    "psycopg2": "psycopg2-binary",
}


class OtherDatabase(Connection):
    """A connection that SQLAlchemy makes; rows are Python's, and become Arrow in batches."""

    limit = 32_000

    def __init__(self, url: DatabaseURL, password: str | None, *, transaction: bool) -> None:
        try:
            import sqlalchemy
            from sqlalchemy import exc
        except ImportError:
            raise MissingDependencyError(
                f"database {url}", "sqlalchemy", "pip install sqlalchemy and the database's driver"
            ) from None
        super().__init__(url, (exc.SQLAlchemyError,))
        self._password = password
        self._exc = exc
        begun = time.monotonic()
        try:
            target = sqlalchemy.make_url(url.text)
            target = target if password is None else target.set(password=password)
            options: dict[str, Any] = {} if transaction else {"isolation_level": "AUTOCOMMIT"}
            if (target.get_backend_name(), target.get_driver_name()) == ("sqlite", "pysqlite"):
                # It is used by one thread at a time, and not always by the same.
                options["connect_args"] = {"check_same_thread": False}
            engine = sqlalchemy.create_engine(target, poolclass=sqlalchemy.NullPool, **options)
            self._engine = engine
            self._connection = engine.connect()
        except exc.NoSuchModuleError:
            package = _DIALECTS.get(url.scheme, url.scheme)
            known = f"pip install {package!r}" if url.scheme in _DIALECTS else ""
            unknown = "install what gives SQLAlchemy this dialect, or correct the URL"
            raise MissingDependencyError(f"database {url}", package, known or unknown) from None
        except (exc.ArgumentError, TypeError) as error:  # the driver does not know an argument
            raise QueryError(f"{url}: {without(password, error)}") from None
        except ModuleNotFoundError as error:
            package = _DRIVERS.get(str(error.name), str(error.name))
            install = f"pip install {package!r}"
            raise MissingDependencyError(f"database {url}", package, install) from None
        except exc.DBAPIError as error:
            raise self._not_connected(error, time.monotonic() - begun) from None
        self._style = engine.dialect.paramstyle
        self._quote = engine.dialect.identifier_preparer.quote_identifier
        self.repeats: bool = self._style not in _ONCE

    def marker(self, position: int, cast: str) -> str:
        return {
            "qmark": "?",
            "format": "%s",
            "numeric": f":{position}",
            "numeric_dollar": f"${position}",
            "named": f":p{position}",
            "pyformat": f"%(p{position})s",
        }[self._style]

    def code(self, text: str) -> str:
        """Text between placeholders as the driver reads it."""
        return text.replace("%", "%%") if self._style in ("format", "pyformat") else text

    def quoted(self, name: str) -> str:
        return str(self._quote(name))

    def begin(self) -> None:
        with self.telling():
            self._connection.begin()

    def commit(self) -> None:
        try:
            with self.telling():
                self._connection.commit()
        except (TransactionConflictError, QueryError):
            raise  # it is the server that says so
        except SQLError as error:
            raise CommitUnknownError(
                f"{error}; it happened while the transaction committed, and nobody can be asked "
                "how it ended: look whether the rows are there before you run the task again"
            ) from None

    def rollback(self) -> None:
        with self.telling():
            self._connection.rollback()

    def table(self, statement: Statement) -> pa.Table:
        return self._rows(statement).table()

    def batches(self, statement: Statement) -> pa.RecordBatchReader:
        return self._rows(statement, stream_results=True).batches()

    def _rows(self, statement: Statement, **options: Any) -> Rows:
        with self.telling(statement):
            result = self._execute(statement, **options)
            names = list(result.keys()) if result.returns_rows else []
        try:
            kinds = self.types(result.cursor, names) if names else []
        except ResultError:
            result.close()
            raise

        def fetch(most: int) -> Sequence[Any]:
            with self.telling(statement):
                return result.fetchmany(most)  # type: ignore[no-any-return]

        return Rows(names, fetch, kinds, self.as_text)

    def types(self, cursor: Any, names: Sequence[str]) -> list[pa.DataType | None]:
        """The types of a result's columns; None for one that only its values tell."""
        return [None] * len(names)

    def as_text(self, name: str) -> str:
        """A column as text, for messages."""
        return f"cast({self.quoted(name)} as varchar)"

    def changed(self, statement: Statement) -> int:
        with self.telling(statement):
            result = self._execute(statement)
            return len(result.fetchall()) if result.returns_rows else max(result.rowcount, 0)

    def write(self, write: Write, rows: pa.RecordBatchReader) -> int:
        """Append, with INSERT; the definition refuses the other modes."""
        with self.exact(write, rows) as made:
            return self._write(write, made)

    def _write(self, write: Write, rows: pa.RecordBatchReader) -> int:
        names = rows.schema.names
        target = ".".join(map(self.quoted, write.path))
        marks = ", ".join(self.marker(number, "") for number in range(1, len(names) + 1))
        columns = ", ".join(map(self.quoted, names))
        insert = f"insert into {target} ({columns}) values ({marks})"
        written = 0
        for batch in rows:
            values = zip(*(column.to_pylist() for column in batch.columns), strict=True)
            given = [self._given([self.written(value) for value in row]) for row in values]
            with self.telling():
                self._connection.exec_driver_sql(insert, given)
            self.check_written(write)
            written += batch.num_rows
        return written

    def exact(
        self, write: Write, rows: pa.RecordBatchReader
    ) -> AbstractContextManager[pa.RecordBatchReader]:
        """The rows in slices, and in types that the database has."""
        return exact(rows, write, self._url.scheme, written_kind)

    def written(self, value: Any) -> Any:
        """A value of a row as the driver takes it."""
        return value

    def check_written(self, write: Write) -> None:
        """Check that what was written is what was given."""

    def run(self, command: str) -> int:
        with self.telling():
            return max(int(self._connection.exec_driver_sql(command).rowcount), 0)

    def _execute(self, statement: Statement, **options: Any) -> Any:
        return self._connection.exec_driver_sql(
            statement.text, self._given(statement.values), execution_options=options
        )

    def _given(self, values: Sequence[Any]) -> Any:
        if self._style in ("named", "pyformat"):
            return {f"p{number}": value for number, value in enumerate(values, 1)}
        return tuple(values)

    def cancel(self) -> None:
        with suppress(Exception):  # the statement ended meanwhile
            driver = self._connection.connection.driver_connection
            stop = getattr(driver, "interrupt", None) or getattr(driver, "cancel", None)
            if stop is not None:
                stop()

    def reset(self) -> None:
        """Look whether it works; each database has its own way to a new session, if it has one."""
        self.run("select 1")
        self.rollback()  # whatever runs begins a transaction

    def told(self, error: Any, statement: Statement | None) -> SQLError:
        if not isinstance(error, self._exc.DBAPIError):
            return QueryError(f"{self._url}: {without(self._password, error)}")
        reason = f"{self._url}: {without(self._password, error.orig)}"
        state = str(getattr(error.orig, "sqlstate", None) or "")
        if state.startswith("40") or state == "55P03":
            return TransactionConflictError(f"{reason} (SQLSTATE {state})")
        if error.connection_invalidated or state.startswith(("08", "57P0")):
            return DatabaseUnreachableError(f"{reason}: the connection was lost")
        if isinstance(error, self._exc.OperationalError) and not state:
            return SQLError(reason)  # the driver does not say whose fault it is
        return QueryError(f"{reason}{statement.parameters if statement else ''}")

    def _not_connected(self, error: Any, seconds: float) -> SQLError:
        reason = without(self._password, error.orig)
        state = str(getattr(error.orig, "sqlstate", None) or "")
        if state.startswith("28") or "authentication failed" in reason or "denied" in reason:
            return CredentialsError(f"{self._url}: {reason}")
        return DatabaseUnreachableError(f"{self._url}: no connection in {seconds:.1f} s: {reason}")


def written_kind(kind: pa.DataType) -> pa.DataType | None:
    """The type of which a driver gets the values; none where it could be text of the driver's."""
    types = pa.types
    if types.is_date(kind):
        return pa.date32()
    if types.is_timestamp(kind):
        return pa.timestamp("us", kind.tz)
    if types.is_time(kind):
        return pa.time64("us")
    if types.is_duration(kind):
        return pa.duration("us")
    has_parts = types.is_nested(kind) or types.is_dictionary(kind) or types.is_interval(kind)
    is_named = isinstance(kind, pa.BaseExtensionType) and kind.extension_name != "arrow.uuid"
    return None if has_parts or is_named or types.is_run_end_encoded(kind) else kind
