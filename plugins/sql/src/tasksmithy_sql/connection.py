"""Connection: what every way to reach a database offers, and what they have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from tasksmithy_sql.binding import Statement, Style
from tasksmithy_sql.bulk import Write
from tasksmithy_sql.errors import SQLError
from tasksmithy_sql.url import DatabaseURL

if TYPE_CHECKING:
    import pyarrow as pa


class Connection(Style, ABC):
    """A connection to a database. Every method blocks; `cancel` is called from another thread.

    Every method raises a `SQLError` where the database refuses or is lost. An error that leaves a
    connection unusable is followed by `close`.

    Args:
        url: the database.
        raised: what the driver raises.
    """

    _connection: Any
    """The driver's own connection."""

    def __init__(self, url: DatabaseURL, raised: tuple[type[Exception], ...]) -> None:
        self._url = url
        self._raised = raised

    def begin(self) -> None:
        """Begin a transaction."""
        self.run("begin")

    def commit(self) -> None:
        """Commit it.

        Raises:
            CommitUnknownError: the connection was lost, and the end cannot be learnt.
        """
        self.run("commit")

    def rollback(self) -> None:
        """Leave nothing behind of it."""
        self.run("rollback")

    def show(self, tables: Mapping[str, Any]) -> None:
        """Make tables and files queryable under their names, until `forget`.

        The definition of a task refuses such inputs for a database that cannot.
        """

    def forget(self) -> None:
        """Forget what `show` was given."""

    @abstractmethod
    def table(self, statement: Statement) -> pa.Table:
        """The rows of a statement as an Arrow table; without columns where it gives none."""

    @abstractmethod
    def batches(self, statement: Statement) -> pa.RecordBatchReader:
        """The rows of a statement, read as they are asked for, within the transaction."""

    @abstractmethod
    def changed(self, statement: Statement) -> int:
        """How many rows a statement changed."""

    @abstractmethod
    def write(self, write: Write, rows: pa.RecordBatchReader) -> int:
        """Write rows into a table; how many were inserted or updated."""

    @abstractmethod
    def run(self, command: str) -> int:
        """Run a command of the plugin's own; how many rows it changed."""

    @abstractmethod
    def cancel(self) -> None:
        """Stop the statement that runs, if one does."""

    @abstractmethod
    def reset(self) -> None:
        """Make the session as good as new, after an idle time: nothing of an earlier task is left.

        Raises:
            SQLError: the connection cannot be used any more.
        """

    def close(self) -> None:
        """Close it; never raises."""
        with suppress(Exception):  # a lost connection cannot even be closed
            self._connection.close()

    @contextmanager
    def telling(self, statement: Statement | None = None) -> Iterator[None]:
        """Raise what the driver raises in the body as an error of SQL tasks.

        Args:
            statement: what the body executes; None for commands of the plugin's own.
        """
        try:
            yield
        except self._raised as error:
            raise self.told(error, statement) from None

    @abstractmethod
    def told(self, error: Exception, statement: Statement | None) -> SQLError:
        """What the driver raised, as an error of SQL tasks."""
