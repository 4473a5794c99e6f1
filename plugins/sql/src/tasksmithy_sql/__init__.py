"""Task type `sql`: a task is a SQL query, on an embedded database by default."""

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:  # what type checkers see; `_HOMES` is the same for the interpreter
    from tasksmithy_sql.config import SQLConfig as SQLConfig
    from tasksmithy_sql.errors import CommitUnknownError as CommitUnknownError
    from tasksmithy_sql.errors import CredentialsError as CredentialsError
    from tasksmithy_sql.errors import DatabaseUnreachableError as DatabaseUnreachableError
    from tasksmithy_sql.errors import ParameterError as ParameterError
    from tasksmithy_sql.errors import QueryError as QueryError
    from tasksmithy_sql.errors import ResultError as ResultError
    from tasksmithy_sql.errors import SQLError as SQLError
    from tasksmithy_sql.errors import TransactionConflictError as TransactionConflictError
    from tasksmithy_sql.task import SQLTask as SQLTask
    from tasksmithy_sql.values import Identifier as Identifier
    from tasksmithy_sql.values import RowCount as RowCount
    from tasksmithy_sql.write import SQLWrite as SQLWrite

_HOMES = {
    "SQLConfig": "config",
    "CommitUnknownError": "errors",
    "CredentialsError": "errors",
    "DatabaseUnreachableError": "errors",
    "ParameterError": "errors",
    "QueryError": "errors",
    "ResultError": "errors",
    "SQLError": "errors",
    "TransactionConflictError": "errors",
    "SQLTask": "task",
    "Identifier": "values",
    "RowCount": "values",
    "SQLWrite": "write",
}

__all__ = [*_HOMES, "__version__"]


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"tasksmithy_sql.{home}"), name)
    globals()[name] = value  # so that the next look-up is an ordinary one
    return value
