"""What becomes of a result: the value that the declared output type asks for."""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
import re
import tempfile
import typing
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasksmithy.errors import FieldError, shorten
from tasksmithy.interface import type_name
from tasksmithy_sql.binding import Statement
from tasksmithy_sql.errors import ResultError
from tasksmithy_sql.kinds import scalar_types
from tasksmithy_sql.values import RowCount

if TYPE_CHECKING:
    import pyarrow as pa

    from tasksmithy_sql.databases import Connection

Deliver = Callable[["Connection", Statement], Any]
"""Runs a statement and makes the result of it."""

_ALLOWED = (
    "pyarrow.Table, pyarrow.RecordBatchReader, pandas.DataFrame, polars.DataFrame, list[dict], a "
    "list of a dataclass or a pydantic model, File (Parquet), a scalar type for one value, "
    "RowCount, or None"
)


def delivery(declared: Any) -> Deliver:
    """How the result of the type `declared` is made.

    Raises:
        FieldError: it is no type that a result can have.
    """
    if declared is None or declared is type(None):
        return _nothing
    if declared is RowCount:
        return lambda connection, statement: RowCount(connection.changed(statement))
    if isinstance(declared, type) and (made := _TABLES.get(_full_name(declared))) is not None:
        return made
    if isinstance(declared, type) and issubclass(declared, os.PathLike):
        file: Callable[[str], Any] = declared
        return lambda connection, statement: file(_parquet(connection, statement))
    if (typing.get_origin(declared) or declared) is list:
        row = (typing.get_args(declared) or (dict,))[0]
        if row is dict or typing.get_origin(row) is dict:
            if row is dict or typing.get_args(row) == (str, Any):
                return _rows
            return lambda connection, statement: _validated(row, _rows(connection, statement))
        if _fields(row) is not None:
            return lambda connection, statement: _records(row, connection, statement)
    elif scalar_types(declared) is not None and declared is not Any:
        return lambda connection, statement: _scalar(declared, connection, statement)
    raise FieldError("output", type_name(declared), _ALLOWED)


def _full_name(kind: type) -> str:
    return f"{kind.__module__.partition('.')[0]}.{kind.__qualname__}"


def _nothing(connection: Connection, statement: Statement) -> None:
    connection.changed(statement)


def _table(connection: Connection, statement: Statement) -> pa.Table:
    return connection.table(statement)


def _pandas(connection: Connection, statement: Statement) -> Any:
    return connection.table(statement).to_pandas()


def _polars(connection: Connection, statement: Statement) -> Any:
    import polars as pl

    return pl.from_arrow(connection.table(statement))


def _reader(connection: Connection, statement: Statement) -> pa.RecordBatchReader:
    """The batches, kept in a file without a name that ends with the reader.

    The reader outlives the transaction: it may be read long after, or never.
    """
    import pyarrow as pa
    from pyarrow import ipc

    descriptor, path = tempfile.mkstemp(prefix="tasksmithy-sql-", suffix=".arrows")
    os.close(descriptor)
    try:
        with (
            connection.batches(statement) as batches,
            ipc.new_stream(path, batches.schema) as stream,
        ):
            for batch in batches:
                stream.write_batch(batch)
        kept = pa.OSFile(path)
    finally:
        Path(path).unlink()
    return ipc.open_stream(kept)


def _parquet(connection: Connection, statement: Statement) -> str:
    from pyarrow import parquet

    path = Path(tempfile.mkdtemp(prefix="tasksmithy-sql-"), "result.parquet")
    try:
        with (
            connection.batches(statement) as batches,
            parquet.ParquetWriter(path, batches.schema) as writer,
        ):
            for batch in batches:
                writer.write_batch(batch)
    except BaseException:
        path.unlink(missing_ok=True)
        path.parent.rmdir()
        raise
    return str(path)


_TABLES: Mapping[str, Deliver] = {
    "pyarrow.Table": _table,
    "pyarrow.RecordBatchReader": _reader,
    "pandas.DataFrame": _pandas,
    "polars.DataFrame": _polars,
}


def _rows(connection: Connection, statement: Statement) -> list[dict[str, Any]]:
    import pyarrow as pa

    table = connection.table(statement)
    if not table.num_columns:
        raise ResultError("the statement gives no rows: declare output=RowCount or output=None")
    repeated = {name for name in table.column_names if table.column_names.count(name) > 1}
    if repeated:
        raise ResultError(f"column {min(repeated)!r} is there more than once: name each with AS")
    for index, field in enumerate(table.schema):
        if pa.types.is_interval(field.type):
            spans = [_timedelta(value) for value in table.column(index).to_pylist()]
            with_spans = pa.array(spans, pa.duration("us"))
            table = table.set_column(index, field.name, with_spans)
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def _timedelta(value: Any) -> dt.timedelta | None:
    if value is None:
        return None
    if value.months:
        raise ResultError(f"an interval of {value.months} months is no timedelta: months differ")
    return dt.timedelta(days=value.days, microseconds=value.nanoseconds // 1000)


def _records(row: Any, connection: Connection, statement: Statement) -> list[Any]:
    found = _rows(connection, statement)
    required, known, is_open = _fields(row) or (set(), set(), True)
    columns = found[0].keys() if found else None
    if columns is not None:
        if missing := required - columns:
            raise ResultError(
                f"the result has no column {min(missing)!r}, which {type_name(row)} needs "
                f"(columns: {', '.join(columns)})"
            )
        if not is_open and (extra := columns - known):
            raise ResultError(
                f"{type_name(row)} has no field for column {min(extra)!r} "
                f"(fields: {', '.join(sorted(known))})"
            )
    return _validated(row, found)


def _fields(row: Any) -> tuple[set[str], set[str], bool] | None:
    """A row type's required fields, all fields, and whether it takes others; None for no row."""
    if dataclasses.is_dataclass(row):
        fields = [field for field in dataclasses.fields(row) if field.init]
        none = dataclasses.MISSING
        required = {f.name for f in fields if f.default is none and f.default_factory is none}
        return required, {field.name for field in fields}, False
    if hasattr(row, "model_fields"):  # a pydantic model
        named = {field.alias or name: field for name, field in row.model_fields.items()}
        needed = {name for name, field in named.items() if field.is_required()}
        return needed, set(named), row.model_config.get("extra") in ("allow", "ignore")
    return None


def _scalar(declared: Any, connection: Connection, statement: Statement) -> Any:
    rows = _rows(connection, statement)
    if len(rows) != 1 or len(rows[0]) != 1:
        columns = len(rows[0]) if rows else 1
        if not rows and type(None) in (scalar_types(declared) or ()):
            return None
        raise ResultError(
            f"output {type_name(declared)} is one value, the result has {len(rows)} rows of "
            f"{columns} columns"
        )
    [[value]] = [row.values() for row in rows]
    if value is None and type(None) not in (scalar_types(declared) or ()):
        column = next(iter(rows[0]))
        raise ResultError(f"column {column!r}, row 1: expected {type_name(declared)}, got NULL")
    return _validated(declared, [value])[0]


@lru_cache(maxsize=256)
def _adapter(kind: Any) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(list[kind])


def _validated(kind: Any, values: list[Any]) -> list[Any]:
    """The values as `kind` each; what comes from outside is coerced as pydantic does it.

    Raises:
        ResultError: a value does not fit; it names column and row.
    """
    from pydantic import ValidationError

    try:
        fitting: list[Any] = _adapter(kind).validate_python(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        row, *column = first["loc"]
        names = f"column {'.'.join(map(str, column))!r}, " if column else ""
        reason = re.sub(r"^Value error, ", "", first["msg"])
        raise ResultError(
            f"{names}row {int(row) + 1}: {reason}, got {shorten(first['input'])} of type "
            f"{type(first['input']).__name__}"
        ) from None
    return fitting
