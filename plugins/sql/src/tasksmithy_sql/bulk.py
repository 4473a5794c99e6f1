"""Bulk writes: rows into a table, in one of four modes; what the databases share of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from tasksmithy.extend import shorten
from tasksmithy_sql.binding import double_quoted
from tasksmithy_sql.errors import QueryError

if TYPE_CHECKING:
    import pyarrow as pa

Mode = Literal["create", "append", "replace", "upsert"]
MODES: tuple[Mode, ...] = ("create", "append", "replace", "upsert")

_SLICE = 16_384
"""Rows. While PostgreSQL takes in one slice, the driver encodes the next; where rows become
Python's, no more of them are in memory, and a statement to stop comes soon."""


@dataclass(frozen=True, slots=True)
class Write:
    """Where rows go, and how.

    Attributes:
        path: the table's name, with those of its schema before it.
        mode: `create` a new table, `append` to one, `replace` one, or `upsert` into one.
        key: the columns by which an upsert finds the rows to update.
    """

    path: tuple[str, ...]
    mode: Mode
    key: tuple[str, ...] = ()

    @property
    def table(self) -> str:
        """The table's name without schema."""
        return self.path[-1]

    @property
    def schema(self) -> str | None:
        """The table's schema, or None for the database's default."""
        return self.path[-2] if len(self.path) > 1 else None

    @property
    def target(self) -> str:
        """The table as a statement has it."""
        return ".".join(map(double_quoted, self.path))


def column_list(names: Sequence[str]) -> str:
    """Columns as a statement has them."""
    return ", ".join(map(double_quoted, names))


def conflict_clause(write: Write, columns: Sequence[str]) -> str:
    """What makes an `INSERT` an upsert; empty for the other modes."""
    if write.mode != "upsert":
        return ""
    rest = [name for name in columns if name not in write.key]
    changes = ", ".join(f"{double_quoted(name)} = excluded.{double_quoted(name)}" for name in rest)
    action = f"update set {changes}" if rest else "nothing"
    return f" on conflict ({column_list(write.key)}) do {action}"


def check_keys(write: Write, source: str, rows: Callable[[str], list[tuple[Any, ...]]]) -> None:
    """Check that each key is there once in `source`, and none is NULL.

    A database takes two NULLs for different keys: each run of the task would add such a row.

    Args:
        write: the upsert.
        source: the table with the rows that are written.
        rows: asks the database a query.

    Raises:
        QueryError: one is not.
    """
    for name in map(double_quoted, write.key):
        if rows(f"select 1 from {source} where {name} is null limit 1"):  # noqa: S608 - quoted
            raise QueryError(
                f"upsert into {write.target}: the rows have NULL in the key's column {name}, which "
                "is no key: NULL is the same as nothing; leave such rows out, or append them"
            )
    keys = column_list(write.key)
    repeated = f"select {keys} from {source} group by {keys} having count(*) > 1 limit 1"  # noqa: S608 - quoted
    for found in rows(repeated):  # which of its rows should win?
        key = ", ".join(
            f"{name}={shorten(value)}" for name, value in zip(write.key, found, strict=True)
        )
        raise QueryError(
            f"upsert into {write.target}: the rows have the key {key} more than once; "
            "give each key once"
        )


def slices(rows: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    """The rows in batches that are soon written, however large those that come are.

    Raises:
        QueryError: the stream fails that they come from.
    """
    import pyarrow as pa

    try:
        for batch in rows:
            for start in range(0, batch.num_rows, _SLICE):
                yield batch.slice(start, _SLICE)
    except pa.ArrowException as error:
        raise QueryError(f"the rows cannot be read: {without_traceback(str(error))}") from None


def without_traceback(message: str) -> str:
    """What Arrow says of an error of Python in a stream, of which it makes text, all of it."""
    return message.partition(" Detail: Python exception:")[0]


def check_columns(write: Write, columns: Sequence[str]) -> None:
    """Check that the rows have names that a table can have, and the key among them.

    Raises:
        QueryError: they have not.
    """
    missing = [name for name in write.key if name not in columns]
    if missing:
        raise QueryError(
            f"upsert into {write.target}: the rows have no column {missing[0]!r}, which is in the "
            f"key (columns: {', '.join(columns)})"
        )
    if not columns:
        raise QueryError(f"write into {write.target}: the rows have no columns")
    seen: set[str] = set()
    for name in columns:
        if not name or "\0" in name or name in seen:
            raise QueryError(
                f"write into {write.target}: column names are unique and not empty, "
                f"{shorten(name)} is not"
            )
        seen.add(name)
