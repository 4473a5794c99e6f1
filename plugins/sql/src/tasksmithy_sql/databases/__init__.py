"""The databases: one module for each way to connect."""

from __future__ import annotations

from tasksmithy_sql.connection import Connection
from tasksmithy_sql.url import DatabaseURL


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
    if url.dialect == "mysql":
        from tasksmithy_sql.databases.mysql import MySQL

        return MySQL(url, password, transaction=transaction)
    from tasksmithy_sql.databases.sqlalchemy import OtherDatabase

    return OtherDatabase(url, password, transaction=transaction)
