"""Bulk writes: rows into a table, in one of four modes; what the databases share of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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


def duplicate_key_query(write: Write, source: str) -> str:
    """The first key that `source` has more than once: which of its rows should win?"""
    keys = column_list(write.key)
    return f"select {keys} from {source} group by {keys} having count(*) > 1 limit 1"  # noqa: S608 - quoted names


def refuse_duplicates(write: Write, found: Sequence[Sequence[Any]]) -> None:
    """Raise where `duplicate_key_query` found something."""
    if found:
        key = ", ".join(
            f"{name}={shorten(value)}" for name, value in zip(write.key, found[0], strict=True)
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
