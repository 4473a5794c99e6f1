"""Bulk writes into PostgreSQL: COPY in binary, straight into the table where its types allow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from tasksmithy.extend import near_misses
from tasksmithy_sql.binding import double_quoted
from tasksmithy_sql.bulk import (
    Write,
    column_list,
    conflict_clause,
    duplicate_key_query,
    refuse_duplicates,
    slices,
)
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
    rows = _written(rows)
    schema: dict[str, Any] = {"db_schema_name": write.schema} if write.schema else {}
    if write.mode == "replace":
        connection.run(f"drop table if exists {write.target}")
    if write.mode in ("create", "replace"):
        return connection.ingest(rows, write.table, mode="create", **schema)
    columns = _columns(connection, write)
    names = rows.schema.names
    for name in names:
        if name not in columns:
            raise QueryError(
                f"table {write.target} has no column {name!r}{near_misses(name, columns)} "
                f"(columns: {', '.join(columns)})"
            )
    if write.mode == "append" and all(
        _SAME.get(columns[field.name][0], lambda _: False)(field.type) for field in rows.schema
    ):
        return connection.ingest(rows, write.table, mode="append", **schema)
    connection.run(f"drop table if exists pg_temp.{_STAGE}")
    connection.ingest(rows, _STAGE, mode="create", temporary=True)
    if write.mode == "upsert":
        refuse_duplicates(write, connection.rows(duplicate_key_query(write, f"pg_temp.{_STAGE}")))
    cast = ", ".join(f"{double_quoted(name)}::{columns[name][1]}" for name in names)
    written = connection.run(
        f"insert into {write.target} ({column_list(names)}) "  # noqa: S608 - quoted names
        f"select {cast} from pg_temp.{_STAGE}{conflict_clause(write, names)}"
    )
    connection.run(f"drop table pg_temp.{_STAGE}")
    return written


def _written(rows: pa.RecordBatchReader) -> pa.RecordBatchReader:
    """The rows in slices, and in types that the driver writes.

    Raises:
        QueryError: the server has no type for a column.
    """
    schema = pa.schema([(field.name, _written_type(field)) for field in rows.schema])

    parts = slices(rows)
    if schema != rows.schema:
        parts = (part.cast(schema) for part in parts)
    return pa.RecordBatchReader.from_batches(schema, parts)


def _written_type(field: pa.Field) -> pa.DataType:
    kind = field.type
    if pa.types.is_struct(kind) or pa.types.is_map(kind) or pa.types.is_union(kind):
        raise QueryError(
            f"column {field.name!r}: PostgreSQL has no type for {kind}; write it as text"
        )
    if pa.types.is_uint64(kind):  # the driver would write the upper half as negative numbers
        return pa.decimal128(20, 0)
    return pa.date32() if pa.types.is_date64(kind) else kind


def _columns(connection: PostgreSQL, write: Write) -> dict[str, tuple[str, str]]:
    """The table's columns: the name of their type, and the type in full."""
    target = write.target.replace("'", "''")
    found = connection.rows(f"select to_regclass('{target}')::oid::int8")
    number = found[0][0]
    if number is None:
        close = near_misses(write.table, connection.tables())
        raise QueryError(f"there is no table {write.target}{close}: mode='create' makes one")
    described = connection.rows(
        "select attname::text, typname::text, format_type(atttypid, atttypmod) "  # noqa: S608 - a number
        f"from pg_attribute join pg_type on pg_type.oid = atttypid where attrelid = {number} "
        "and attnum > 0 and not attisdropped order by attnum"
    )
    return {name: (kind, full) for name, kind, full in described}
