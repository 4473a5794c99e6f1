"""SQLWrite: a task that writes a table, its one input, into a table of a database."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasksmithy import NativeInterface, checks
from tasksmithy.errors import FieldError
from tasksmithy_sql.bulk import MODES, Mode, Write
from tasksmithy_sql.database import DatabaseTask
from tasksmithy_sql.errors import QueryError
from tasksmithy_sql.kinds import Kind, kind_of
from tasksmithy_sql.values import RowCount

if TYPE_CHECKING:
    import pyarrow as pa


class SQLWrite(DatabaseTask, task_type="sql"):
    """A task that writes its input, a table, into a table of a database; its result is a RowCount.

    All rows are written in one transaction, by the fastest way that the database has.

    Args:
        table: the table; `schema.table` for one in a schema.
        inputs: name and type of the one input: a table (Arrow, pandas, polars), a stream of
            record batches, or a `File` (CSV, Parquet, JSON).
        mode: `create` makes the table, which must not be there; `append` adds to it; `replace`
            makes it anew; `upsert` updates the rows whose key is there and adds the others.
        key: the columns that an upsert goes by; the table has a unique index on them.
        database: as for a `SQLTask`.
        transaction: as for a `SQLTask`.

    Raises:
        TaskDefinitionError: a field's value is not allowed.
    """

    table: str
    inputs: Mapping[str, Any]
    mode: Mode = "append"
    key: Sequence[str] = ()
    interface: NativeInterface = field(default_factory=NativeInterface)

    def __post_init__(self) -> None:
        if not isinstance(self.inputs, Mapping) or len(self.inputs) != 1:
            raise FieldError("inputs", self.inputs, "one input: the name and type of a table")
        interface = NativeInterface.from_types(self.inputs, {"o0": RowCount})
        self._settle(inputs=dict(self.inputs), interface=interface)
        super().__post_init__()
        [(name, declared)] = self.inputs.items()
        kind = kind_of(f"inputs.{name}", declared)
        if kind not in (Kind.TABLE, Kind.FILE):
            allowed = "a table (Arrow, pandas, polars), a pyarrow.RecordBatchReader or a File"
            raise FieldError(f"inputs.{name}", declared, allowed)
        checks.one_of("mode", self.mode, MODES)
        path = checks.non_empty("table", self.table).split(".")
        if "\0" in self.table or not all(path) or len(path) > 2:
            raise FieldError("table", self.table, "the name of a table: table or schema.table")
        keys = (self.key,) if isinstance(self.key, str) else tuple(self.key)
        self._settle(key=tuple(checks.non_empty("key", column) for column in keys))
        if bool(self.key) != (self.mode == "upsert"):
            raise FieldError("key", self.key, "the key's columns for mode='upsert', and only there")
        if self.url.kind == "sqlalchemy" and self.mode != "append":
            allowed = f"'append': what {self.url.scheme} makes of other modes is not known here"
            raise FieldError("mode", self.mode, allowed)

    @property
    def destination(self) -> Write:
        """Where the rows go, and how."""
        return Write(tuple(self.table.split(".")), self.mode, tuple(self.key))


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
