"""Every other database: the driver that SQLAlchemy knows for its URL."""

# ruff: noqa: ARG002, D102 - the methods are those of `Connection`, documented there
# ruff: noqa: S608 - names in statements are quoted, values are bound

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import pyarrow as pa

from tasksmithy.errors import MissingDependencyError
from tasksmithy_sql.binding import Statement
from tasksmithy_sql.bulk import Write
from tasksmithy_sql.errors import (
    CredentialsError,
    DatabaseUnreachableError,
    QueryError,
    ResultError,
    SQLError,
    TransactionConflictError,
)
from tasksmithy_sql.url import DatabaseURL

_BATCH = 65_536
_ONCE = ("qmark", "format")
"""Styles whose placeholders are counted: each needs a value of its own."""


class OtherDatabase:
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
        self._url = url
        self._password = password
        self._exc = exc
        begun = time.monotonic()
        try:
            target = sqlalchemy.make_url(url.text)
            target = target if password is None else target.set(password=password)
            options = {} if transaction else {"isolation_level": "AUTOCOMMIT"}
            engine = sqlalchemy.create_engine(target, poolclass=sqlalchemy.NullPool, **options)
            self._connection = engine.connect()
        except (exc.ArgumentError, exc.NoSuchModuleError) as error:
            raise QueryError(f"{url}: {self._clean(error)}; is its dialect installed?") from None
        except ModuleNotFoundError as error:
            install = f"pip install the package that provides {error.name}"
            raise MissingDependencyError(f"database {url}", str(error.name), install) from None
        except exc.DBAPIError as error:
            raise self._not_connected(error, time.monotonic() - begun) from None
        self._style = engine.dialect.paramstyle
        self._quote = engine.dialect.identifier_preparer.quote_identifier

    @property
    def repeats(self) -> bool:
        """Whether a placeholder can stand in several places."""
        return self._style not in _ONCE

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

    def driver_value(self, name: str, value: Any, declared: Any) -> tuple[Any, str]:
        return value, ""

    def nothing(self, element: Any) -> str:
        return "select null where 1 = 0"

    def quoted(self, name: str) -> str:
        return str(self._quote(name))

    def begin(self) -> None:
        with self._telling(None):
            self._connection.begin()

    def commit(self) -> None:
        with self._telling(None):
            self._connection.commit()

    def rollback(self) -> None:
        with self._telling(None):
            self._connection.rollback()

    def show(self, tables: Mapping[str, Any]) -> None:
        """Nothing: tables as inputs are DuckDB's, and the definition refuses others."""

    def forget(self) -> None:
        """Nothing."""

    def table(self, statement: Statement) -> pa.Table:
        with self._telling(statement):
            result = self._execute(statement)
            if not result.returns_rows:
                return pa.table({})
            names, rows = list(result.keys()), result.fetchall()
        columns = list(zip(*rows, strict=True)) or [()] * len(names)
        arrays = [_array(name, column) for name, column in zip(names, columns, strict=True)]
        return pa.Table.from_arrays(arrays, names=names)

    def batches(self, statement: Statement) -> pa.RecordBatchReader:
        with self._telling(statement):
            result = self._execute(statement)
            names = list(result.keys()) if result.returns_rows else []
            first = result.fetchmany(_BATCH) if names else []
        columns = list(zip(*first, strict=True)) or [()] * len(names)
        arrays = [_array(name, column) for name, column in zip(names, columns, strict=True)]
        schema = pa.schema([(n, array.type) for n, array in zip(names, arrays, strict=True)])

        def rest() -> Iterator[pa.RecordBatch]:
            rows = first
            while rows:
                arrays = [
                    _array(field.name, column, field.type)
                    for field, column in zip(schema, zip(*rows, strict=True), strict=True)
                ]
                yield pa.RecordBatch.from_arrays(arrays, schema=schema)
                with self._telling(statement):
                    rows = result.fetchmany(_BATCH)

        return pa.RecordBatchReader.from_batches(schema, rest())

    def changed(self, statement: Statement) -> int:
        with self._telling(statement):
            result = self._execute(statement)
            return len(result.fetchall()) if result.returns_rows else max(result.rowcount, 0)

    def write(self, write: Write, rows: pa.RecordBatchReader) -> int:
        """Append, with INSERT; the definition refuses the other modes."""
        names = rows.schema.names
        target = ".".join(map(self.quoted, write.path))
        marks = ", ".join(self.marker(number, "") for number in range(1, len(names) + 1))
        columns = ", ".join(map(self.quoted, names))
        insert = self.code(f"insert into {target} ({columns}) values (") + f"{marks})"
        written = 0
        for batch in rows:
            values = zip(*(column.to_pylist() for column in batch.columns), strict=True)
            with self._telling(None):
                self._connection.exec_driver_sql(insert, [self._given(row) for row in values])
            written += batch.num_rows
        return written

    def _execute(self, statement: Statement) -> Any:
        return self._connection.exec_driver_sql(statement.text, self._given(statement.values))

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

    def is_alive(self) -> bool:
        try:
            with self._telling(None):
                self._connection.scalar(_one())
                self._connection.rollback()
        except SQLError:
            return False
        return True

    def close(self) -> None:
        with suppress(Exception):  # a lost connection cannot even be closed
            self._connection.close()

    @contextmanager
    def _telling(self, statement: Statement | None) -> Iterator[None]:
        """Raise what SQLAlchemy and the driver raise as an error of SQL tasks."""
        try:
            yield
        except self._exc.DBAPIError as error:
            raise self._told(error, statement) from None
        except self._exc.SQLAlchemyError as error:
            raise QueryError(f"{self._url}: {self._clean(error)}") from None

    def _told(self, error: Any, statement: Statement | None) -> SQLError:
        reason = f"{self._url}: {self._clean(error.orig)}"
        state = str(getattr(error.orig, "sqlstate", None) or "")
        if state.startswith("40") or state == "55P03":
            return TransactionConflictError(f"{reason} (SQLSTATE {state})")
        if error.connection_invalidated or state.startswith(("08", "57P0")):
            return DatabaseUnreachableError(f"{reason}: the connection was lost")
        if isinstance(error, self._exc.OperationalError) and not state:
            return SQLError(reason)  # the driver does not say whose fault it is
        given = (
            ", ".join(f"{n}: {kind}" for n, kind in statement.types.items()) if statement else ""
        )
        return QueryError(f"{reason}{f'; parameters: {given}' if given else ''}")

    def _not_connected(self, error: Any, seconds: float) -> SQLError:
        reason = self._clean(error.orig)
        state = str(getattr(error.orig, "sqlstate", None) or "")
        if state.startswith("28") or "authentication failed" in reason or "denied" in reason:
            return CredentialsError(f"{self._url}: {reason}")
        return DatabaseUnreachableError(f"{self._url}: no connection in {seconds:.1f} s: {reason}")

    def _clean(self, error: object) -> str:
        """A message in one line, and without the password."""
        text = " ".join(str(error).split())
        return text.replace(self._password, "***") if self._password else text


def _one() -> Any:
    from sqlalchemy import text

    return text("select 1")


def _array(name: str, column: Sequence[Any], wanted: pa.DataType | None = None) -> pa.Array:
    try:
        return pa.array(column, wanted)
    except (pa.ArrowException, OverflowError) as error:
        raise ResultError(f"column {name!r}: its values have no one Arrow type: {error}") from None
