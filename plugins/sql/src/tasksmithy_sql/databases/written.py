"""The walk over a table that is written: each value is exact in the database, or refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from tasksmithy_sql.bulk import Write, slices
from tasksmithy_sql.databases import columns
from tasksmithy_sql.databases.columns import Plan, Unfit
from tasksmithy_sql.errors import QueryError, SQLError

if TYPE_CHECKING:
    Kind = Callable[[pa.DataType], pa.DataType | None]
    """The type that a database gets of one that has no parts; None where it has none for it."""


@contextmanager
def exact(
    rows: pa.RecordBatchReader,
    write: Write,
    database: str,
    kind: Kind,
    nested: Callable[[pa.DataType], bool] = lambda _: False,
    check: Callable[[pa.DataType], Plan] = lambda _: Plan(),
) -> Iterator[pa.RecordBatchReader]:
    """The rows in slices, and in types that the database has, while they are written.

    Args:
        rows: the rows.
        write: where they go, for messages.
        database: what the database is called, for messages.
        kind: the types that it gets.
        nested: which types that have parts it has.
        check: what the values of a type have to keep to, once they have it.

    Raises:
        QueryError: it has no type for a column, or cannot hold a value.
    """
    plans = []
    for field in rows.schema:
        wanted = _written(field.type, kind, nested)
        if wanted is None:
            raise QueryError(
                f"write into {write.target}, column {field.name!r}: {database} has no type for "
                f"{field.type}; write it as text"
            )
        plans.append(_plan(field.type, wanted, check))

    def refuse(column: str, reason: str, *, row: int) -> QueryError:
        return QueryError(f"write into {write.target}, column {column!r}, row {row}: {reason}")

    made = columns.reader(rows.schema, slices(rows), plans, refuse=refuse)
    failed: list[SQLError] = []

    def each() -> Iterator[pa.RecordBatch]:
        try:
            yield from made
        except SQLError as error:
            failed.append(error)
            raise

    try:
        yield pa.RecordBatchReader.from_batches(made.schema, each())
    except SQLError:
        if failed:  # a driver makes text of it
            raise failed[0] from None
        raise


def _written(
    given: pa.DataType, kind: Kind, nested: Callable[[pa.DataType], bool]
) -> pa.DataType | None:
    """The type that a column is written in; None where there is none."""
    known = kind(given)
    if known is not None:
        return known
    if isinstance(given, pa.BaseExtensionType):
        return _written(given.storage_type, kind, nested)
    if pa.types.is_dictionary(given) or pa.types.is_run_end_encoded(given):
        return _written(given.value_type, kind, nested)
    if not nested(given):
        return None
    parts = [given.field(number) for number in range(given.num_fields)]
    if pa.types.is_map(given):
        parts = [parts[0].type.field(0), parts[0].type.field(1)]
    inner = [_written(part.type, kind, nested) for part in parts]
    if any(part is None for part in inner):
        return None
    fields = [part.with_type(made) for part, made in zip(parts, inner, strict=True)]
    if pa.types.is_map(given):
        return pa.map_(*inner)
    if pa.types.is_struct(given):
        return pa.struct(fields)
    if pa.types.is_union(given) or pa.types.is_list_view(given):
        return given if inner == [part.type for part in parts] else None
    if pa.types.is_fixed_size_list(given):
        return pa.list_(fields[0], given.list_size)
    return pa.list_(fields[0])


def _plan(given: pa.DataType, wanted: pa.DataType, check: Callable[[pa.DataType], Plan]) -> Plan:
    checked = columns.by_leaf(wanted, check)
    if given == wanted:
        return checked

    def convert(array: pa.Array) -> pa.Array:
        plain = array.storage if isinstance(given, pa.BaseExtensionType) else array
        if pa.types.is_run_end_encoded(given):
            plain = pc.run_end_decode(plain)
        try:
            return checked(plain.cast(wanted))
        except pa.ArrowException as error:
            raise Unfit(f"it is not exact as {wanted}: {error}") from None

    return Plan(convert)


def _whole_microseconds(array: pa.Array) -> pa.Array:
    if any(value is not None and value.nanoseconds % 1000 for value in array.to_pylist()):
        raise Unfit("an interval with nanoseconds, the database's have microseconds")
    return array


def finite(array: pa.Array) -> pa.Array:
    """Floats, none of which is NaN or infinite.

    Raises:
        Unfit: one is.
    """
    if pc.all(pc.is_finite(array)).as_py() is False:
        raise Unfit("NaN or infinity, the database has numbers alone")
    return array


def not_nan(array: pa.Array) -> pa.Array:
    """Floats, none of which is NaN.

    Raises:
        Unfit: one is.
    """
    if pc.any(pc.is_nan(array)).as_py():
        raise Unfit("NaN, which the database would make NULL of")
    return array


def without_nul(array: pa.Array) -> pa.Array:
    """Texts, none of which has a NUL.

    Raises:
        Unfit: one has.
    """
    if pc.any(pc.match_substring(array, "\0")).as_py():
        raise Unfit("text with a NUL, at which the database's functions would end")
    return array


def _in_python(array: pa.Array) -> pa.Array:
    try:
        array.to_pylist()
    except (OverflowError, ValueError) as error:
        raise Unfit(f"Python has no value for this {array.type} ({error}); write text") from None
    return array


PYTHON = Plan(_in_python)
"""The plan of what becomes Python's."""

INTERVAL = Plan(_whole_microseconds)
"""The plan of intervals for a database whose have microseconds."""
