"""The databases: one module for each way to connect, and what all of them offer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from tasksmithy_sql.binding import Statement, Style
from tasksmithy_sql.url import DatabaseURL

if TYPE_CHECKING:
    import pyarrow as pa

    from tasksmithy_sql.bulk import Write


class Connection(Style, Protocol):
    """A connection to a database. Every method blocks; `cancel` is called from another thread.

    Every method raises a `SQLError` where the database refuses or is lost. An error that leaves a
    connection unusable is followed by `close`.
    """

    def begin(self) -> None:
        """Begin a transaction."""
        ...

    def commit(self) -> None:
        """Commit it.

        Raises:
            CommitUnknownError: the connection was lost, and the end cannot be learnt.
        """
        ...

    def rollback(self) -> None:
        """Leave nothing behind of it."""
        ...

    def show(self, tables: Mapping[str, Any]) -> None:
        """Make tables and files queryable under their names, until `forget`."""
        ...

    def forget(self) -> None:
        """Forget what `show` was given."""
        ...

    def table(self, statement: Statement) -> pa.Table:
        """The rows of a statement as an Arrow table; without columns where it gives none."""
        ...

    def batches(self, statement: Statement) -> pa.RecordBatchReader:
        """The rows of a statement, read as they are asked for, within the transaction."""
        ...

    def changed(self, statement: Statement) -> int:
        """How many rows a statement changed."""
        ...

    def write(self, write: Write, rows: pa.RecordBatchReader) -> int:
        """Write rows into a table; the number of rows."""
        ...

    def cancel(self) -> None:
        """Stop the statement that runs, if one does."""
        ...

    def is_alive(self) -> bool:
        """Whether the connection, idle until now, can be used."""
        ...

    def close(self) -> None:
        """Close it; never raises."""
        ...


def connect(url: DatabaseURL, password: str | None, *, transaction: bool) -> Connection:
    """A new connection, for transactions or for statements that are none.

    Raises:
        DatabaseUnreachableError: the database cannot be reached now.
        CredentialsError: it refuses the user or the password.
        MissingDependencyError: the driver is not installed.
    """
    if url.kind == "duckdb":
        from tasksmithy_sql.databases.duckdb import DuckDB

        return DuckDB(url)
    if url.kind == "sqlite":
        from tasksmithy_sql.databases.sqlite import SQLite

        return SQLite(url)
    if url.kind == "postgresql":
        from tasksmithy_sql.databases.postgresql import PostgreSQL

        return PostgreSQL(url, password)
    from tasksmithy_sql.databases.sqlalchemy import OtherDatabase

    return OtherDatabase(url, password, transaction=transaction)
