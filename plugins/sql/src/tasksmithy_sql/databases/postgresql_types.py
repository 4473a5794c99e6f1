"""Values between Python, Arrow and PostgreSQL."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc

from tasksmithy_sql.binding import misfit
from tasksmithy_sql.connection import foreign
from tasksmithy_sql.kinds import scalar_types

# bool before int and datetime before date: the first that fits is taken.
_TYPES: tuple[tuple[type, pa.DataType, str], ...] = (
    (bool, pa.bool_(), "boolean"),
    (int, pa.int64(), "bigint"),
    (float, pa.float64(), "double precision"),
    (str, pa.string(), "text"),
    (bytes, pa.binary(), "bytea"),
    (Decimal, pa.string(), "numeric"),
    (dt.datetime, pa.timestamp("us"), "timestamp"),
    (dt.date, pa.date32(), "date"),
    (dt.time, pa.time64("us"), "time"),
    (dt.timedelta, pa.month_day_nano_interval(), "interval"),
    (UUID, pa.string(), "uuid"),
)
_BY_TEXT = (Decimal, UUID)
"""What is bound as text and cast by the server: Arrow has no such type, or a narrower one."""

_MONEY = ("money", "_money")

_INT32 = range(-(2**31), 2**31)
_INT64 = range(-(2**63), 2**63)
_NUMERIC_DIGITS = 131_072
"""PostgreSQL, "Numeric Types": the most digits before the decimal point."""


def arrow_value(name: str, value: Any, declared: Any) -> tuple[pa.Array, str]:
    """A value as an array of one, and the type it is cast to by the server, or "".

    An int is as small as it may be, as a literal in the text would be: PostgreSQL widens by itself
    and never narrows, so a bigint would find no `repeat(text, integer)`.
    """
    if value is None:
        arrow, sql, kind = _null(declared)
        return pa.array([None], arrow), sql if kind in _BY_TEXT else ""
    if isinstance(value, int) and not isinstance(value, bool) and value not in _INT64:
        value = Decimal(value)
    if isinstance(value, int) and not isinstance(value, bool) and value in _INT32:
        return pa.array([value], pa.int32()), ""
    kind, arrow, sql = next(entry for entry in _TYPES if isinstance(value, entry[0]))
    if kind is Decimal and value.is_finite() and value.adjusted() >= _NUMERIC_DIGITS:
        raise misfit(name, f"a number of at most {_NUMERIC_DIGITS} digits", value)
    if isinstance(value, dt.datetime) and value.tzinfo is not None:
        # Arrow's zone is one for the column, the moment is the same.
        return pa.array([value.astimezone(dt.UTC)], pa.timestamp("us", "UTC")), ""
    if kind in _BY_TEXT:
        return pa.array([str(value)]), sql
    return pa.array([value], arrow), ""


def _null(declared: Any) -> tuple[pa.DataType, str, type]:
    kinds = [kind for kind in scalar_types(declared) or () if kind is not type(None)]
    for kind, arrow, sql in _TYPES:
        if len(kinds) == 1 and issubclass(kinds[0], kind):
            return arrow, sql, kind
    return pa.null(), "", type(None)


def type_of(declared: Any) -> str:
    """The server's type for values of a Python type; text where it may be several."""
    return _null(declared)[1] or "text"


def parameters(values: Sequence[pa.Array]) -> pa.RecordBatch:
    """The values of a statement as the driver binds them."""
    return pa.RecordBatch.from_arrays(
        list(values), names=[f"p{number}" for number in range(len(values))]
    )


def plain_table(table: pa.Table) -> pa.Table:
    """A result with types that every reader of Arrow knows.

    The driver gives numerics as text. A column of them becomes decimals, as wide as its type says
    or as its values need.

    Raises:
        ResultError: as `plain_schema`.
    """
    columns = []
    types = plain_schema(table.schema).types
    for field, kind, column in zip(table.schema, types, table.columns, strict=True):
        plain = _plain(column, kind)
        if _is_numeric(field) and pa.types.is_string(kind):
            wanted = _needed_decimal(plain)
            plain = plain if wanted is None else pc.cast(plain, wanted)
        columns.append(plain)
    return pa.Table.from_arrays(columns, names=table.column_names)


def plain_schema(schema: pa.Schema) -> pa.Schema:
    """The schema of a stream with types that every reader of Arrow knows.

    A numeric without a precision stays text: how wide it will be is not known yet.

    Raises:
        ResultError: a column has a type that Arrow has not, and that is not known to be text.
    """
    return pa.schema([(field.name, _plain_type(field)) for field in schema])


def plain_batch(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """A batch of a stream, as `plain_schema` says."""
    columns = [
        _plain(column, kind) for column, kind in zip(batch.columns, schema.types, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def no_rows(schema: pa.Schema) -> pa.RecordBatch:
    """A batch without rows."""
    return pa.RecordBatch.from_arrays([pa.nulls(0, kind) for kind in schema.types], schema=schema)


def _plain(column: Any, kind: pa.DataType) -> Any:
    stored = _storage(column.type)
    if stored != column.type:
        column = column.cast(stored)
    return column if stored == kind else pc.cast(column, kind)


def _plain_type(field: pa.Field) -> pa.DataType:
    if _is_numeric(field):
        return _declared_decimal(field) or pa.string()
    stored = _storage(field.type)
    element = field.type.value_type if pa.types.is_list(field.type) else field.type
    name = (field.metadata or {}).get(b"POSTGRESQL:type", b"").decode()
    # The driver gives them as they are on the wire: bytes, or hundredths.
    if name in _MONEY or (_is_foreign(element) and pa.types.is_binary(element.storage_type)):
        raise foreign(field.name, name or "unknown")
    return stored


def _storage(kind: pa.DataType) -> pa.DataType:
    """The type without those of the server that are kept as another."""
    if pa.types.is_list(kind):
        inner = _storage(kind.value_type)
        return kind if inner == kind.value_type else pa.list_(inner)
    return kind.storage_type if _is_foreign(kind) else kind


def _is_foreign(kind: pa.DataType) -> bool:
    """An extension type that only says what PostgreSQL calls it."""
    name = getattr(kind, "extension_name", "")
    return name in ("arrow.opaque", "arrow.json")


def _is_numeric(field: pa.Field) -> bool:
    return bool(getattr(field.type, "type_name", "") == "numeric")


def _declared_decimal(field: pa.Field) -> pa.DataType | None:
    """The type of a `numeric(precision, scale)`; its modifier holds both."""
    modifier = int((field.metadata or {}).get(b"POSTGRESQL:typmod", b"-1"))
    if modifier < 0:
        return None
    precision, scale = ((modifier - 4) >> 16) & 0xFFFF, (modifier - 4) & 0x7FF
    return _decimal(precision, scale) if scale <= precision else None


def _needed_decimal(column: pa.ChunkedArray) -> pa.DataType | None:
    """The narrowest type that holds all values; None where one is NaN or infinite."""
    if pc.any(pc.match_substring_regex(column, "[^-0-9.]")).as_py():
        return None
    digits = pc.utf8_length(pc.replace_substring(column, "-", ""))
    point = pc.find_substring(column, ".")
    scales = pc.if_else(
        pc.less(point, 0), 0, pc.subtract(pc.subtract(pc.utf8_length(column), point), 1)
    )
    scale = pc.max(scales).as_py() or 0
    whole = pc.max(
        pc.subtract(digits, pc.if_else(pc.equal(scales, 0), 0, pc.add(scales, 1)))
    ).as_py()
    return _decimal(max((whole or 0) + scale, 1), scale)


def _decimal(precision: int, scale: int) -> pa.DataType | None:
    if precision <= 38:
        return pa.decimal128(precision, scale)
    return pa.decimal256(precision, scale) if precision <= 76 else None
