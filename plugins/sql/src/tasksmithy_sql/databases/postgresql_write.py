"""Bulk writes into PostgreSQL: COPY in binary, straight into the table where its types allow."""

# ruff: noqa: S608 - names in statements are quoted, values are bound

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from tasksmithy.extend import near_misses
from tasksmithy_sql.binding import double_quoted
from tasksmithy_sql.bulk import (
    Write,
    check_keys,
    column_list,
    conflict_clause,
)
from tasksmithy_sql.databases.columns import Plan
from tasksmithy_sql.databases.postgresql_types import plan_of
from tasksmithy_sql.databases.written import INTERVAL, exact
from tasksmithy_sql.errors import QueryError

if TYPE_CHECKING:
    from tasksmithy_sql.databases.postgresql import PostgreSQL

_STAGE = "tasksmithy_rows"

# The types of the server whose binary form is what COPY gets of an Arrow type. For any other pair
# the rows go through a temporary table, and the server casts them.
_SAME = {
    "int2": pa.types.is_int16,
    "int4": pa.types.is_int32,
    "int8": pa.types.is_int64,
    "float4": pa.types.is_float32,
    "float8": pa.types.is_float64,
    "bool": pa.types.is_boolean,
    "text": lambda kind: pa.types.is_string(kind) or pa.types.is_large_string(kind),
    "varchar": lambda kind: pa.types.is_string(kind) or pa.types.is_large_string(kind),
    "bytea": lambda kind: pa.types.is_binary(kind) or pa.types.is_large_binary(kind),
    "date": pa.types.is_date32,
    "numeric": pa.types.is_decimal,
    "timestamp": lambda kind: pa.types.is_timestamp(kind) and kind.tz is None,
    "timestamptz": lambda kind: pa.types.is_timestamp(kind) and kind.tz is not None,
}


def write_rows(connection: PostgreSQL, write: Write, rows: pa.RecordBatchReader) -> int:
    """Write rows into a table of the server, in the transaction that is open; how many."""
    with exact(rows, write, "PostgreSQL", _kind, nested=_is_list, check=_check) as made:
        return _write(connection, write, made)


def _write(connection: PostgreSQL, write: Write, rows: pa.RecordBatchReader) -> int:
    schema: dict[str, Any] = {"db_schema_name": write.schema} if write.schema else {}
    if write.mode == "replace":
        connection.run(f"drop table if exists {write.target}")
    if write.mode in ("create", "replace"):
        return connection.ingest(rows, write.table, mode="create", **schema)
    columns = _columns(connection, write)
    for name in rows.schema.names:
        if name not in columns:
            raise QueryError(
                f"table {write.target} has no column {name!r}{near_misses(name, columns)} "
                f"(columns: {', '.join(columns)})"
            )
    if write.mode == "append" and all(
        _SAME.get(columns[field.name].kind, lambda _: False)(field.type) for field in rows.schema
    ):
        return connection.ingest(rows, write.table, mode="append", **schema)
    stage = f"pg_temp.{_STAGE}"
    connection.run(f"drop table if exists {stage}")
    connection.ingest(rows, _STAGE, mode="create", temporary=True)
    if write.mode == "upsert":
        check_keys(write, stage, connection.rows)
    names = rows.schema.names
    assigned = ", ".join(_assigned(field, columns[field.name]) for field in rows.schema)
    written = connection.run(
        f"insert into {write.target} ({column_list(names)}) "
        f"select {assigned} from {stage}{conflict_clause(write, names)}"
    )
    connection.run(f"drop table {stage}")
    return written


def _assigned(field: pa.Field, column: _Column) -> str:
    """A staged column as the insert selects it.

    It is assigned to the table's as the server does it, which refuses what does not fit. Text has
    to be cast to what is no text, as a literal would be; to the type without its length, to which
    a cast would cut it.
    """
    name = double_quoted(field.name)
    kind = field.type.value_type if _is_list(field.type) else field.type
    is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    return f"{name}::{column.cast}" if is_text and not column.is_text else name


def _is_list(kind: pa.DataType) -> bool:
    types = pa.types
    is_list = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    return is_list and not pa.types.is_nested(kind.value_type)


class _Column(NamedTuple):
    """A column of the table.

    Attributes:
        kind: the name of its type.
        cast: its type as a cast has it, without its length.
        is_text: whether its type is one of text, to which the server assigns any other.
    """

    kind: str
    cast: str
    is_text: bool


def _columns(connection: PostgreSQL, write: Write) -> dict[str, _Column]:
    """The table's columns."""
    target = write.target.replace("'", "''")
    found = connection.rows(f"select to_regclass('{target}')::oid::int8")
    number = found[0][0]
    if number is None:
        close = near_misses(write.table, connection.tables())
        raise QueryError(f"there is no table {write.target}{close}: mode='create' makes one")
    described = connection.rows(
        "select attname::text, typname::text, format_type(atttypid, -1), typcategory = 'S' "
        f"from pg_attribute join pg_type on pg_type.oid = atttypid where attrelid = {number} "
        "and attnum > 0 and not attisdropped order by attnum"
    )
    return {name: _Column(*rest) for name, *rest in described}


def _kind(kind: pa.DataType) -> pa.DataType | None:
    """The type that the driver writes of one of Arrow."""
    types = pa.types
    if types.is_uint64(kind):  # the driver would write the upper half as negative numbers
        return pa.decimal128(20, 0)
    if types.is_decimal(kind) and kind.bit_width < 128:
        return pa.decimal128(kind.precision, kind.scale)
    if types.is_date(kind):
        return pa.date32()
    if types.is_time(kind):
        return pa.time64("us")
    if types.is_timestamp(kind):
        return pa.timestamp("us", kind.tz)
    if types.is_duration(kind):
        return pa.duration("us")
    if types.is_string_view(kind):
        return pa.string()
    if types.is_binary_view(kind):
        return pa.binary()
    if getattr(kind, "extension_name", "") in ("arrow.uuid", "arrow.json"):
        return kind
    return kind if types.is_primitive(kind) or _is_plain(kind) else None


def _is_plain(kind: pa.DataType) -> bool:
    types = pa.types
    return any(
        fits(kind)
        for fits in (
            types.is_null,
            types.is_decimal,
            types.is_string,
            types.is_large_string,
            types.is_binary,
            types.is_large_binary,
            types.is_fixed_size_binary,
            types.is_interval,
        )
    )


def _check(kind: pa.DataType) -> Plan:
    if pa.types.is_interval(kind):
        return INTERVAL
    return plan_of(kind) if pa.types.is_date(kind) or pa.types.is_timestamp(kind) else Plan()
