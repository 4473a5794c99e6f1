"""Values between Python, Arrow and PostgreSQL."""

# ruff: noqa: S608 - names in statements are quoted

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc

from tasksmithy_sql.binding import double_quoted, misfit
from tasksmithy_sql.databases.columns import TIME, Plan, Unfit, decimals, foreign, numeric, within
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
    if isinstance(value, Decimal) and value.is_finite() and value.adjusted() >= _NUMERIC_DIGITS:
        raise misfit(name, f"a number of at most {_NUMERIC_DIGITS} digits", value)
    if isinstance(value, dt.datetime) and value.tzinfo is not None:
        # For a timestamp with a zone the driver changes the session's, and commits.
        return pa.array([value.isoformat()]), "timestamptz"
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


NAME = b"POSTGRESQL:type"
"""Where the driver says what the server calls a type."""


def plans(schema: pa.Schema) -> list[Plan]:
    """The plans of a result's columns; at any depth.

    Raises:
        ResultError: a column has a type that Arrow has not.
    """
    return [_plan(field.name, field, _typmod(field)) for field in schema]


def no_rows(schema: pa.Schema) -> pa.RecordBatch:
    """A batch without rows."""
    return pa.RecordBatch.from_arrays([pa.nulls(0, kind) for kind in schema.types], schema=schema)


# PostgreSQL begins at 4713 BC. What is earlier has wrapped around where the driver counts from 1970
# instead of 2000: both infinities, and the years from 294247 on.
_DAYS_TO_4713_BC = -2_440_588
_LEAVES: tuple[tuple[Callable[[pa.DataType], bool], Plan], ...] = (
    (
        pa.types.is_timestamp,
        within(_DAYS_TO_4713_BC * 86_400 * 10**6, 2**63 - 1, "infinity, or a year beyond 294246"),
    ),
    (pa.types.is_date32, within(_DAYS_TO_4713_BC, 2**31 - 1, "infinity")),
    (pa.types.is_time64, TIME["us"]),
    (pa.types.is_boolean, Plan()),
    (pa.types.is_int16, Plan()),
    (pa.types.is_floating, Plan()),
    (pa.types.is_string, Plan(lambda array: _texts(array))),
    (pa.types.is_binary, Plan()),
    (pa.types.is_interval, Plan()),
)
# Where the type in Arrow does not say which of the server's it was.
_NAMED: dict[tuple[pa.DataType, str], Plan] = {
    (pa.int64(), "int8"): Plan(),
    (pa.int32(), "int4"): Plan(),
    (pa.int32(), "oid"): Plan(lambda array: array.view(pa.uint32())),
    (pa.string(), "char"): Plan(lambda array: _bytes(array)),
    **{(pa.string(), name): Plan() for name in ("text", "varchar", "bpchar", "name")},
}


_VOID = Plan(lambda array: array.storage.cast(pa.string()))
_UNBOUNDED = numeric(pa.string(), pa.decimal128(38, 20), "a numeric without precision and scale")


def _plan(column: str, field: pa.Field, typmod: int) -> Plan:
    kind, name = field.type, type_name(field)
    if kind.num_fields:
        parts = (kind.field(number) for number in range(kind.num_fields))
        return Plan.of(*(_plan(column, part, typmod) for part in parts))
    extension = getattr(kind, "extension_name", "")
    if extension == "arrow.uuid":
        return Plan()
    if extension == "arrow.json":
        return Plan(lambda array: array.storage)
    if extension == "arrow.opaque" and pa.types.is_string(kind.storage_type):
        return _numeric(typmod)
    if name == "void":
        return _VOID
    if (named := _NAMED.get((kind, name))) is not None:
        return named
    if not extension and kind not in (pa.int32(), pa.int64()):
        with suppress(StopIteration):
            return plan_of(kind)
    raise foreign(column, name or str(kind))


def plan_of(kind: pa.DataType) -> Plan:
    """The plan of what the server and Arrow have alike.

    Raises:
        StopIteration: they have not.
    """
    return next(plan for fits, plan in _LEAVES if fits(kind))


def type_name(field: pa.Field) -> str:
    """What the server calls the type of a field."""
    return str((field.metadata or {}).get(NAME, b"").decode())


def _typmod(field: pa.Field) -> int:
    return int((field.metadata or {}).get(b"POSTGRESQL:typmod", b"-1"))


def _numeric(modifier: int) -> Plan:
    """The plan of a `numeric(precision, scale)`; its modifier holds both."""
    if modifier >= 0:
        precision, scale = ((modifier - 4) >> 16) & 0xFFFF, ((modifier - 4) & 0x7FF ^ 0x400) - 0x400
        # PostgreSQL has 5000 in a numeric(1, -3), and 0.005 in a numeric(1, 3).
        digits = max(precision, scale) if scale > 0 else precision - scale
        if digits <= 76:
            wide = pa.decimal128 if digits <= 38 else pa.decimal256
            return decimals(wide(digits, max(scale, 0)), f"a numeric({precision},{scale})")
    return _UNBOUNDED


def _texts(array: pa.Array) -> pa.Array:
    """Texts of an enum or a domain, unless that is of "char"."""
    try:
        array.validate(full=True)
    except pa.ArrowInvalid:
        raise Unfit("what is no text in UTF-8") from None
    if pc.any(pc.match_substring(array, "\0")).as_py():
        raise Unfit('a "char" without a character')
    return array


def _bytes(array: pa.Array) -> pa.Array:
    """The texts of PostgreSQL's "char", a byte: the byte 0 is the empty text."""
    texts = array.cast(pa.binary()).to_pylist()
    if any(text is not None and text > b"\x7f" for text in texts):
        raise Unfit('a "char" beyond ASCII, which is no text')
    plain = [None if text is None else text.rstrip(b"\0") for text in texts]
    return pa.array(plain, pa.binary()).cast(pa.string())


def _one_dimension(array: pa.Array) -> pa.Array:
    if (pc.max(array).as_py() or 0) > 1:
        raise Unfit("an array of several dimensions, which Arrow has as lists of lists alone")
    return array


ONE_DIMENSION = Plan(_one_dimension)
"""The plan of the dimensions that an array has."""


def dimensions(name: str, field: pa.Field) -> str:
    """An expression of the most dimensions that an array in a column has; empty for no array.

    Args:
        name: the column in the statement.
        field: its type.
    """
    found = _dimensions(name, field.type)
    return f"greatest({', '.join(found)})" if found else ""


def _dimensions(value: str, kind: pa.DataType) -> list[str]:
    if pa.types.is_struct(kind):
        fields = [kind.field(number) for number in range(kind.num_fields)]
        parts = [
            _dimensions(f"({value}).{double_quoted(field.name)}", field.type) for field in fields
        ]
        return [found for part in parts for found in part]
    if not pa.types.is_list(kind):
        return []
    inner = _dimensions("tasksmithy_item", kind.value_type)
    each = f"(select max(greatest({', '.join(inner)})) from unnest({value}) tasksmithy_item)"
    return [f"array_ndims({value})", *([each] if inner else [])]
