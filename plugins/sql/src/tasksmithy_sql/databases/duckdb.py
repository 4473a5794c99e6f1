"""DuckDB, embedded in this process: in memory or in a file."""

# ruff: noqa: ARG002, D102 - the methods are those of `Connection`, documented there
# ruff: noqa: S608 - names in statements are quoted, values are bound

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from tasksmithy_sql.binding import Statement, double_quoted, misfit
from tasksmithy_sql.bulk import (
    Write,
    check_keys,
    column_list,
    conflict_clause,
    without_traceback,
)
from tasksmithy_sql.connection import Connection
from tasksmithy_sql.databases import columns
from tasksmithy_sql.databases.duckdb_types import (
    in_arrow,
    is_written,
    written_check,
    written_kind,
)
from tasksmithy_sql.databases.written import exact
from tasksmithy_sql.errors import (
    DatabaseUnreachableError,
    ParameterError,
    QueryError,
    SQLError,
    TransactionConflictError,
)
from tasksmithy_sql.syntax import offset_of, reason_of
from tasksmithy_sql.url import DatabaseURL

_INPUT = "tasksmithy_input"
_STAGE = "tasksmithy_rows"
_MEANT = f' Did you mean "{_INPUT}"?'

_READERS = {
    ".csv": "read_csv",
    ".tsv": "read_csv",
    ".parquet": "read_parquet",
    ".json": "read_json",
    ".jsonl": "read_json",
    ".ndjson": "read_json",
}


# DuckDB shares a file among the connections of a process, but refuses one that comes in the very
# moment in which the last of them goes.
_opening = threading.Lock()


class DuckDB(Connection):
    """A connection to DuckDB."""

    limit = 65535

    def __init__(self, url: DatabaseURL) -> None:
        super().__init__(url, (duckdb.Error, OverflowError))
        self._shown: list[str] = []
        with self.telling(), _opening:
            self._connection = duckdb.connect(url.path)
            self._settle()

    def driver_value(self, name: str, value: Any, declared: Any) -> tuple[Any, str]:
        if isinstance(value, int) and not -(2**127) <= value < 2**127:
            raise misfit(name, "an integer of at most 128 bits, as DuckDB's HUGEINT", value)
        if isinstance(value, Decimal):
            kind = _decimal_type(value)
            if kind is None:
                raise misfit(name, "a decimal of at most 38 digits, as DuckDB's DECIMAL", value)
            # As text it is exact; of a Decimal the driver makes another, where its scale is large.
            return f"{value:f}", kind
        return value, ""

    def show(self, tables: Mapping[str, Any]) -> None:
        for name, given in tables.items():
            with self.telling():
                if isinstance(given, os.PathLike):
                    self._rows_of(Path(given)).create_view(name)
                else:
                    self._connection.register(name, _streamable(given))
            self._shown.append(name)

    def forget(self) -> None:
        for name in self._shown:
            with suppress(duckdb.Error):
                self._connection.execute(f"drop view if exists temp.main.{double_quoted(name)}")
                self._connection.unregister(name)
        self._shown.clear()

    def table(self, statement: Statement) -> pa.Table:
        with self.telling(statement):
            relation = self._relation(statement)
            if relation is None:
                return pa.table({})
            relation, plans = in_arrow(relation)
            found = relation.to_arrow_table()
        return columns.table(found, plans)

    def batches(self, statement: Statement) -> pa.RecordBatchReader:
        with self.telling(statement):
            relation = self._relation(statement)
            if relation is None:
                return pa.table({}).to_reader()
            relation, plans = in_arrow(relation)
            reader = relation.to_arrow_reader()
        return columns.reader(reader.schema, self._read(reader, statement), plans)

    def _relation(self, statement: Statement) -> duckdb.DuckDBPyRelation | None:
        """The rows of a statement; None where it gives none."""
        return self._connection.sql(statement.text, params=list(statement.values) or None)  # type: ignore[no-any-return]

    def _read(self, reader: pa.RecordBatchReader, statement: Statement) -> Iterator[pa.RecordBatch]:
        with self.telling(statement), reader:
            yield from reader

    def changed(self, statement: Statement) -> int:
        with self.telling(statement):
            answer = self._connection.execute(statement.text, list(statement.values) or None)
            is_count = [column[0] for column in answer.description or ()] == ["Count"]
            rows = answer.fetchall()
        if is_count:
            return int(rows[0][0]) if rows else 0
        return len(rows)

    def write(self, write: Write, rows: pa.RecordBatchReader) -> int:
        allowed = written_kind, is_written, written_check
        with exact(rows, write, "DuckDB", *allowed) as made:
            return self._write(write, made)

    def _write(self, write: Write, rows: pa.RecordBatchReader) -> int:
        names = rows.schema.names
        self.show({_INPUT: rows})
        if write.mode in ("create", "replace"):
            word = "create or replace" if write.mode == "replace" else "create"
            return self.run(f"{word} table {write.target} as select * from {_INPUT}")
        columns_ = column_list(names)
        into = f"insert into {write.target} ({columns_})"
        if write.mode == "append":
            return self.run(f"{into} select * from {_INPUT}")
        # In the types of the table, in which two keys may be the same that were not.
        self.run(f"create temp table {_STAGE} as select {columns_} from {write.target} limit 0")
        self.run(f"insert into {_STAGE} select * from {_INPUT}")
        check_keys(write, _STAGE, self.rows)
        written = self.run(f"{into} select * from {_STAGE}{conflict_clause(write, names)}")
        self.run(f"drop table {_STAGE}")
        return written

    def run(self, command: str) -> int:
        counted = self.rows(command)
        return int(counted[0][0]) if counted else 0

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with self.telling():
            return list(self._connection.execute(query).fetchall())

    def reset(self) -> None:
        with self.telling():
            # The file stays open, which is what takes long.
            used, self._connection = self._connection, self._connection.cursor()
            used.close()
            self._settle()

    def _settle(self) -> None:
        # Or a name in a query could mean a variable of the code that runs it.
        self._connection.execute("set session python_enable_replacements = false")

    def cancel(self) -> None:
        self._connection.interrupt()

    def close(self) -> None:
        with _opening:
            super().close()

    def read_file(self, path: Path) -> pa.RecordBatchReader:
        """The rows of a CSV, Parquet or JSON file."""
        with self.telling():
            return self._rows_of(path).to_arrow_reader()

    def _rows_of(self, path: Path) -> duckdb.DuckDBPyRelation:
        suffix = path.suffix.lower()
        if suffix not in _READERS:
            raise QueryError(
                f"{path} cannot be read as a table: give a file whose name ends in "
                f"{', '.join(sorted(_READERS))}"
            )
        if not path.exists():
            raise QueryError(f"{path}: there is no such file")
        # DuckDB reads the name as a pattern.
        exact = re.sub(r"([*?\[])", r"[\1]", str(path))
        return getattr(self._connection, _READERS[suffix])(exact)  # type: ignore[no-any-return]

    def told(self, error: Exception, statement: Statement | None) -> SQLError:
        said = without_traceback(reason_of(str(error)))
        # The rows of a write are no table that could have been meant.
        reason = f"{self._url}: {said.removesuffix(_MEANT)}"
        if "Could not write" in said:  # a full disk; the transaction has ended without a trace
            return DatabaseUnreachableError(reason)
        if isinstance(error, duckdb.TransactionException):
            return TransactionConflictError(reason)
        if isinstance(error, duckdb.InterruptException):
            return SQLError(f"{self._url}: the statement was interrupted")
        if isinstance(error, duckdb.ConnectionException) or (
            isinstance(error, duckdb.IOException) and statement is None
        ):
            return DatabaseUnreachableError(reason)
        if statement is None:
            return QueryError(reason)
        offset = offset_of(statement.text, str(error))
        where = f" ({statement.where(offset)})" if offset is not None else ""
        kind = ParameterError if isinstance(error, OverflowError) else QueryError
        return kind(f"{reason}{where}{statement.parameters}")


def _decimal_type(value: Decimal) -> str | None:
    """The narrowest DECIMAL that holds the value; None where there is none."""
    if not value.is_finite():
        return None
    digits, exponent = len(value.as_tuple().digits), int(value.as_tuple().exponent)
    scale = max(0, -exponent)
    width = max(digits + max(exponent, 0), scale)
    return f"decimal({width}, {scale})" if width <= 38 else None


def _streamable(given: Any) -> Any:
    """A table as DuckDB registers one: its own class where it knows it, else an Arrow stream."""
    package = type(given).__module__.partition(".")[0]
    if package in ("pyarrow", "pandas", "polars"):
        return given
    return pa.RecordBatchReader.from_stream(given)
