"""What becomes of a result: the value that the declared output type asks for."""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import tempfile
import typing
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tasksmithy import File
from tasksmithy.errors import FieldError
from tasksmithy.extend import shorten, state_folder, type_name
from tasksmithy_sql.binding import Statement
from tasksmithy_sql.errors import ResultError
from tasksmithy_sql.kinds import scalar_types
from tasksmithy_sql.values import RowCount

if TYPE_CHECKING:
    import pyarrow as pa
    from pydantic import ValidationError

    from tasksmithy_sql.connection import Connection

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
    if isinstance(declared, type) and issubclass(declared, File | Path):
        file: Callable[[str], Any] = declared
        return lambda connection, statement: file(str(_parquet(connection, statement)))
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


def is_stream(declared: Any) -> bool:
    """Whether a result of the type is read once."""
    return isinstance(declared, type) and _TABLES.get(_full_name(declared)) is _reader


def _full_name(kind: type) -> str:
    return f"{kind.__module__.partition('.')[0]}.{kind.__qualname__}"


def _nothing(connection: Connection, statement: Statement) -> None:
    connection.changed(statement)


def _table(connection: Connection, statement: Statement) -> pa.Table:
    return _public(connection.table(statement))


def _public(table: pa.Table) -> pa.Table:
    """A result in types that every reader of Arrow knows."""
    from tasksmithy_sql.databases import columns  # with pyarrow, not before a task runs

    return columns.table(table, columns.public(table.schema))


def _pandas(connection: Connection, statement: Statement) -> Any:
    table = _table(connection, statement)
    try:
        return table.to_pandas()
    except (OverflowError, ValueError):  # also what Arrow raises
        for name, column in zip(table.column_names, table.columns, strict=True):
            _values(name, column)
        raise


def _polars(connection: Connection, statement: Statement) -> Any:
    import polars as pl

    table = _public(_with_names(connection, statement))
    for name, kind in zip(table.column_names, table.schema.types, strict=True):
        if "decimal256" in str(kind):  # polars would panic
            raise ResultError(
                f"column {name!r}: polars has no {kind}, its decimals have 38 digits; write "
                "cast(... as numeric(38, s)) or text, or declare output=pyarrow.Table"
            )
    return pl.from_arrow(table)


def _batches(connection: Connection, statement: Statement) -> pa.RecordBatchReader:
    from tasksmithy_sql.databases import columns

    given = connection.batches(statement)
    return columns.reader(given.schema, given, columns.public(given.schema))


def _reader(connection: Connection, statement: Statement) -> pa.RecordBatchReader:
    """The batches, kept in a file without a name that ends with the reader.

    The reader outlives the transaction: it may be read long after, or never.
    """
    import pyarrow as pa
    from pyarrow import ipc

    descriptor, path = tempfile.mkstemp(prefix="tasksmithy-sql-", suffix=".arrows")
    os.close(descriptor)
    try:
        _write(_batches(connection, statement), partial(ipc.new_stream, path))
        kept = pa.OSFile(path)
    finally:
        Path(path).unlink()
    return ipc.open_stream(kept)


def _parquet(connection: Connection, statement: Statement) -> Path:
    """The path of a Parquet file in the user's state folder, where it stays."""
    from pyarrow import parquet

    batches = _batches(connection, statement)
    _named(batches.schema)
    _check_parquet(batches.schema)
    outputs = state_folder() / "outputs"
    outputs.mkdir(mode=0o700, exist_ok=True)
    path = Path(tempfile.mkdtemp(prefix="tasksmithy-sql-", dir=outputs), "result.parquet")
    try:
        _write(batches, partial(parquet.ParquetWriter, path))
    except BaseException:
        discard(path)
        raise
    return path


def _check_parquet(schema: pa.Schema) -> None:
    """Check that Parquet has a type for each column.

    Raises:
        ResultError: it has not.
    """
    import pyarrow as pa
    from pyarrow import parquet

    for field in schema:
        try:
            parquet.ParquetWriter(pa.BufferOutputStream(), pa.schema([field])).close()
        except pa.ArrowException:
            raise ResultError(
                f"column {field.name!r}: Parquet has no type for {field.type}; write cast(... as "
                "text), or declare output=pyarrow.Table"
            ) from None


def _write(batches: pa.RecordBatchReader, writer: Callable[[pa.Schema], Any]) -> None:
    with batches, writer(batches.schema) as opened:
        for batch in batches:
            opened.write_batch(batch)


def discard(result: object) -> None:
    """Remove what a result has on disk: it is one of a transaction that did not commit."""
    if isinstance(result, os.PathLike):
        shutil.rmtree(Path(result).parent, ignore_errors=True)


_TABLES: Mapping[str, Deliver] = {
    "pyarrow.Table": _table,
    "pyarrow.RecordBatchReader": _reader,
    "pandas.DataFrame": _pandas,
    "polars.DataFrame": _polars,
}


def _named(schema: pa.Schema) -> None:
    """Check that a result has columns, and each a name of its own.

    Raises:
        ResultError: it has not.
    """
    if not schema.names:
        raise ResultError("the statement gives no rows: declare output=RowCount or output=None")
    repeated = {name for name in schema.names if schema.names.count(name) > 1}
    if repeated:
        raise ResultError(f"column {min(repeated)!r} is there more than once: name each with AS")


def _with_names(connection: Connection, statement: Statement) -> pa.Table:
    table = connection.table(statement)
    _named(table.schema)
    return table


def _rows(connection: Connection, statement: Statement) -> list[dict[str, Any]]:
    return _dicts(_with_names(connection, statement))


def _dicts(table: pa.Table) -> list[dict[str, Any]]:
    from tasksmithy_sql.databases import columns

    table = columns.table(table, columns.python(table.schema))
    names = table.column_names
    values = [_values(name, table.column(name)) for name in names]
    return [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)]


def _values(name: str, column: pa.ChunkedArray) -> list[Any]:
    """The values of a column as Python's own.

    Raises:
        ResultError: Python has none for one of them, as for a date before year 1.
    """
    with suppress(OverflowError, ValueError):
        values: list[Any] = column.to_pylist()
        return values
    values = []
    for row, held in enumerate(column, 1):
        try:
            values.append(held.as_py())
        except (OverflowError, ValueError) as error:
            raise ResultError(
                f"column {name!r}, row {row}: {error}: Python has no value for this "
                f"{column.type}; write cast({name} as text), or declare output=pyarrow.Table"
            ) from None
    return values


def _records(row: Any, connection: Connection, statement: Statement) -> list[Any]:
    table = _with_names(connection, statement)
    columns = table.column_names
    fields, is_open = _fields(row) or ([], True)
    for field in fields:
        if field.is_required and not field.names.intersection(columns):
            raise ResultError(
                f"the result has no column {' or '.join(map(repr, sorted(field.names)))}, which "
                f"{type_name(row)} needs (columns: {', '.join(columns)})"
            )
    known = {name for field in fields for name in field.names}
    if not is_open and (extra := set(columns) - known):
        raise ResultError(
            f"{type_name(row)} has no field for column {min(extra)!r} "
            f"(fields: {', '.join(sorted(known))})"
        )
    return _validated(row, _dicts(table))


class _Field(NamedTuple):
    """A field of a row type.

    Attributes:
        names: what its column may be called.
        is_required: whether there has to be such a column.
    """

    names: frozenset[str]
    is_required: bool


def _fields(row: Any) -> tuple[list[_Field], bool] | None:
    """A row type's fields, and whether it takes other columns; None where it is none."""
    if dataclasses.is_dataclass(row):
        none = dataclasses.MISSING
        return [
            _Field(frozenset([field.name]), field.default is none and field.default_factory is none)
            for field in dataclasses.fields(row)
            if field.init
        ], False
    if hasattr(row, "model_fields"):  # a pydantic model
        config = row.model_config
        by_name = config.get("validate_by_name") or config.get("populate_by_name")
        fields = []
        for name, field in row.model_fields.items():
            names = {name} if by_name or field.validation_alias is None else set()
            names |= _aliases(field.validation_alias)
            fields.append(_Field(frozenset(names), field.is_required()))
        return fields, config.get("extra") in ("allow", "ignore")
    return None


def _aliases(alias: Any) -> set[str]:
    """The columns that an alias of pydantic stands for: a name, a path, or a choice of such."""
    if alias is None:
        return set()
    choices = getattr(alias, "choices", [alias])
    return {choice if isinstance(choice, str) else choice.path[0] for choice in choices}


def _scalar(declared: Any, connection: Connection, statement: Statement) -> Any:
    table = _with_names(connection, statement)
    takes_none = type(None) in (scalar_types(declared) or ())
    if table.num_columns == 1 and table.num_rows == 0 and takes_none:
        return None
    if table.shape != (1, 1):
        raise ResultError(
            f"output {type_name(declared)} is one value, the result has {table.num_rows} rows of "
            f"{table.num_columns} columns"
        )
    [column] = table.column_names
    if table.column(0).null_count and not takes_none:
        raise ResultError(f"column {column!r}, row 1: expected {type_name(declared)}, got NULL")
    [row] = _validated(dict[str, declared], _dicts(table))
    return row[column]


@lru_cache(maxsize=256)
def _adapter(kind: Any) -> Any:
    from pydantic import TypeAdapter

    rows: Any = list  # of a type that is known when it runs
    return TypeAdapter(rows[kind])


def _validated(kind: Any, values: list[Any]) -> list[Any]:
    """The values as `kind` each; what comes from outside is coerced as pydantic does it.

    Raises:
        ResultError: a value does not fit; it names column and row. Or no value can be checked, as
            the type has a part that pydantic does not know.
    """
    from pydantic import PydanticUserError, ValidationError

    try:
        fitting: list[Any] = _adapter(kind).validate_python(values)
    except PydanticUserError as error:
        reason = str(error).partition("\n")[0]
        raise ResultError(f"rows cannot be made {type_name(kind)}: {reason}") from None
    except ValidationError as error:
        unfit = _unfit(error)
    else:
        return fitting
    # Not above, where pydantic's error would be its context: the garbage collector cannot see
    # through one, and would keep the rows for ever.
    raise unfit


def _unfit(error: ValidationError) -> ResultError:
    first = error.errors(include_url=False)[0]
    row, *column = first["loc"]
    names = f"column {'.'.join(map(str, column))!r}, " if column else ""
    reason = re.sub(r"^Value error, ", "", first["msg"])
    return ResultError(
        f"{names}row {int(row) + 1}: {reason}, got {shorten(first['input'])} of type "
        f"{type(first['input']).__name__}"
    )
