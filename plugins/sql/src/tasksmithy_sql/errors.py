"""The exceptions of SQL tasks: one class for each situation, all below `SQLError`.

An error that no retry can help is also a `NonRecoverableError`; the others are retried as the task
declares.
"""

from __future__ import annotations

from tasksmithy.errors import NonRecoverableError, TasksmithyError


class SQLError(TasksmithyError):
    """Base of what goes wrong when a SQL task runs; a failure that another attempt may not have."""


class DatabaseUnreachableError(SQLError, ConnectionError):
    """A database that could not be reached, or a connection that was lost; nothing was written."""


class TransactionConflictError(SQLError):
    """A transaction that lost against another: serialization failure, deadlock, lock not had."""


class QueryError(SQLError, NonRecoverableError):
    """A statement that the database refuses: no such table, wrong types, a violated constraint."""


class ParameterError(SQLError, NonRecoverableError, ValueError):
    """An input whose value the database's parameters cannot hold."""


class CredentialsError(SQLError, NonRecoverableError):
    """Credentials that the database refuses, or a secret that is not there."""


class ResultError(SQLError, NonRecoverableError):
    """A result that does not fit the declared output; the message names column and row."""


class CommitUnknownError(SQLError, NonRecoverableError):
    """A connection that was lost while its transaction committed, with no way to learn the end.

    Or while a statement ran that is in no transaction. It is never retried: the rows may be written
    already.
    """
