"""SQLWrite: a task that writes a table, its one input, into a table of a database."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasksmithy import Converted, NativeInterface, checks, task_field
from tasksmithy.errors import FieldError
from tasksmithy_sql.bulk import MODES, Mode, Write
from tasksmithy_sql.database import DatabaseTask
from tasksmithy_sql.errors import QueryError
from tasksmithy_sql.kinds import Kind, kind_of
from tasksmithy_sql.values import RowCount

if TYPE_CHECKING:
    import pyarrow as pa


def _one_table(name: str, value: object) -> dict[str, Any]:
    if not isinstance(value, Mapping) or len(value) != 1:
        raise FieldError(name, value, "one input: the name and type of a table")
    [(key, declared)] = value.items()
    if kind_of(f"{name}.{key}", declared) not in (Kind.TABLE, Kind.FILE):
        allowed = "a table (Arrow, pandas, polars), a pyarrow.RecordBatchReader or a File"
        raise FieldError(f"{name}.{key}", declared, allowed)
    return dict(value)


def _table(name: str, value: object) -> str:
    table = checks.non_empty(name, value)
    path = table.split(".")
    if "\0" in table or not all(path) or len(path) > 2:
        raise FieldError(name, table, "the name of a table: table or schema.table")
    return table


def _columns(name: str, value: Any) -> tuple[str, ...]:
    columns = (value,) if isinstance(value, str) else tuple(value)
    return tuple(checks.non_empty(name, column) for column in columns)


class SQLWrite(DatabaseTask, task_type="sql"):
    """A task that writes its input, a table, into a table of a database; its result is a RowCount.

    All rows are written in one transaction, by the fastest way that the database has.

    Raises:
        TaskDefinitionError: a field's value is not allowed.
    """

    table: str = task_field(check=_table, doc="the table; `schema.table` for one in a schema.")
    inputs: Mapping[str, Any] = task_field(
        check=_one_table,
        doc="name and type of the one input: a table (Arrow, pandas, polars), a stream of record "
        "batches, or a `File` (CSV, Parquet, JSON).",
    )
    mode: Mode = task_field(
        default="append",
        check=lambda name, value: checks.one_of(name, value, MODES),
        doc="`create` makes the table, which must not be there; `append` adds to it; `replace` "
        "makes it anew; `upsert` updates the rows whose key is there and adds the others.",
    )
    key: Converted[str | Sequence[str], tuple[str, ...]] = task_field(
        default=(),
        check=_columns,
        doc="the columns that an upsert goes by; the table has a unique index on them.",
    )
    interface: NativeInterface = task_field(
        default_factory=NativeInterface,
        derived=lambda task: NativeInterface.from_types(task.inputs, {"o0": RowCount}),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if bool(self.key) != (self.mode == "upsert"):
            raise FieldError("key", self.key, "the key's columns for mode='upsert', and only there")
        if self.url.kind == "sqlalchemy" and self.mode != "append":
            allowed = f"'append': what {self.url.scheme} makes of other modes is not known here"
            raise FieldError("mode", self.mode, allowed)

    @property
    def destination(self) -> Write:
        """Where the rows go, and how."""
        return Write(tuple(self.table.split(".")), self.mode, self.key)


def rows_of(given: Any) -> pa.RecordBatchReader:
    """The rows of a table, a data frame, a stream or a file.

    Raises:
        QueryError: the file cannot be read.
    """
    import pyarrow as pa

    if isinstance(given, os.PathLike):
        from tasksmithy_sql.databases.duckdb import DuckDB
        from tasksmithy_sql.url import DatabaseURL

        return DuckDB(DatabaseURL.of("database", "duckdb://")).read_file(Path(given))
    try:
        return pa.RecordBatchReader.from_stream(given)
    except (TypeError, pa.ArrowException) as error:
        raise QueryError(f"the input cannot be read as a table: {error}") from None
