"""What the types of DuckDB are in Arrow."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from tasksmithy_sql.binding import double_quoted
from tasksmithy_sql.databases.columns import (
    TIME,
    Plan,
    Unfit,
    foreign,
    numeric,
    within,
)
from tasksmithy_sql.databases.written import INTERVAL

if TYPE_CHECKING:
    from duckdb import DuckDBPyRelation
    from duckdb.sqltypes import DuckDBPyType

_INTEGER = pa.decimal128(38, 0)
_MOST_32, _MOST_64 = 2**31 - 1, 2**63 - 1
_MOMENT = within(-_MOST_64 + 1, _MOST_64 - 1, "infinity")

_LEAVES: dict[str, Plan] = {
    "boolean": Plan(),
    "tinyint": Plan(),
    "smallint": Plan(),
    "integer": Plan(),
    "bigint": Plan(),
    "utinyint": Plan(),
    "usmallint": Plan(),
    "uinteger": Plan(),
    "ubigint": Plan(),
    "hugeint": numeric(_INTEGER, _INTEGER, "a hugeint"),
    "float": Plan(),
    "double": Plan(),
    "decimal": Plan(),
    "varchar": Plan(),
    "blob": Plan(),
    "enum": Plan(),
    "uuid": Plan(),
    "null": Plan(),
    "geometry": Plan(),
    "date": within(-_MOST_32 + 1, _MOST_32 - 1, "infinity"),
    "time": TIME["us"],
    "time_ns": TIME["ns"],
    "timestamp_s": _MOMENT,
    "timestamp_ms": _MOMENT,
    "timestamp": _MOMENT,
    "timestamp_ns": _MOMENT,
    "timestamp with time zone": _MOMENT,
    "timestamptz_ns": _MOMENT,
}
"""The types that DuckDB gives to Arrow as they are, and what their values have to keep to."""


_INTERVAL = re.compile(
    r"(?:(?P<years>-?\d+) years? ?)?(?:(?P<months>-?\d+) months? ?)?(?:(?P<days>-?\d+) days? ?)?"
    r"(?:(?P<sign>-?)(?P<h>\d+):(?P<m>\d+):(?P<s>\d+)(?:\.(?P<us>\d+))?)?"
)


def _intervals(array: pa.Array) -> pa.Array:
    """Intervals from DuckDB's text of them."""

    def parts() -> Iterator[pa.MonthDayNano | None]:
        for text in array.to_pylist():
            found = None if text is None else _INTERVAL.fullmatch(text)
            if found is None:
                yield None
                continue
            seconds = int(found["h"] or 0) * 3600 + int(found["m"] or 0) * 60 + int(found["s"] or 0)
            microseconds = seconds * 10**6 + int((found["us"] or "").ljust(6, "0"))
            nanoseconds = microseconds * (-1000 if found["sign"] else 1000)
            if not -(2**63) <= nanoseconds < 2**63:
                raise Unfit(f"{text}: more time than the 292 years of Arrow's {_KIND}")
            months = int(found["years"] or 0) * 12 + int(found["months"] or 0)
            yield pa.MonthDayNano([months, int(found["days"] or 0), nanoseconds])

    return pa.array(parts(), _KIND)


_KIND = pa.month_day_nano_interval()

# Arrow would get the lower 128 bits with a sign, and nanoseconds of 64 bits, of whatever value.
_BY_TEXT = {
    "interval": Plan(_intervals),
    "uhugeint": numeric(pa.string(), _INTEGER, "a uhugeint"),
}
"""The types that are exact in Arrow as long as they come as text."""


def in_arrow(relation: DuckDBPyRelation) -> tuple[DuckDBPyRelation, list[Plan]]:
    """The rows of a relation in types that Arrow has, and the plans of its columns.

    Raises:
        ResultError: a column has a type that Arrow has not.
    """
    plans = [_plan(name, kind) for name, kind in zip(relation.columns, relation.types, strict=True)]
    cast = [
        f"cast(#{number} as {_with_text(kind)}) as {double_quoted(name)}"
        if _has_text(kind)
        else f"#{number} as {double_quoted(name)}"
        for number, (name, kind) in enumerate(zip(relation.columns, relation.types, strict=True), 1)
    ]
    if any(map(_has_text, relation.types)):
        relation = relation.project(", ".join(cast))
    return relation, plans


def _parts(kind: DuckDBPyType) -> list[tuple[str, Any]]:
    """What a nested type consists of, by name; nothing for any other."""
    if kind.id in ("list", "array"):
        return [kind.children[0]]
    if kind.id == "union":
        return list(kind.children[1:])  # the first is the tag
    return list(kind.children) if kind.id in ("struct", "tuple", "map") else []


def _plan(column: str, kind: DuckDBPyType) -> Plan:
    parts = [_plan(column, part) for _, part in _parts(kind)]
    if parts:
        return Plan.of(Plan.of(*parts)) if kind.id == "map" else Plan.of(*parts)
    known = _LEAVES.get(kind.id) or _BY_TEXT.get(kind.id)
    if known is None:
        raise foreign(column, str(kind).lower())
    return known


def _has_text(kind: DuckDBPyType) -> bool:
    return kind.id in _BY_TEXT or any(_has_text(part) for _, part in _parts(kind))


def _with_text(kind: DuckDBPyType) -> str:
    """A type with text where it has one that comes as text."""
    if not _has_text(kind):
        return str(kind)
    if kind.id in _BY_TEXT:
        return "varchar"
    parts = _parts(kind)
    if kind.id == "list":
        return f"{_with_text(parts[0][1])}[]"
    if kind.id == "array":
        return f"{_with_text(parts[0][1])}[{kind.children[1][1]}]"
    if kind.id == "map":
        return f"map({', '.join(_with_text(part) for _, part in parts)})"
    if kind.id == "tuple":
        return f"tuple({', '.join(_with_text(part) for _, part in parts)})"
    fields = ", ".join(f"{double_quoted(name)} {_with_text(part)}" for name, part in parts)
    return f"{kind.id}({fields})"


def written_kind(kind: pa.DataType) -> pa.DataType | None:
    """The type that DuckDB reads of one of Arrow that has no parts."""
    types = pa.types
    if types.is_decimal256(kind):
        return pa.decimal128(kind.precision, kind.scale) if kind.precision <= 38 else None
    if types.is_float16(kind):
        return pa.float32()
    if types.is_date(kind):
        return pa.date32()
    if types.is_duration(kind):
        return pa.duration("us")
    has_parts = types.is_nested(kind) or types.is_dictionary(kind)
    return None if has_parts or types.is_run_end_encoded(kind) else kind


def is_written(kind: pa.DataType) -> bool:
    """Whether DuckDB reads a type that has parts."""
    return not (pa.types.is_list_view(kind) or pa.types.is_large_list_view(kind))


def written_check(kind: pa.DataType) -> Plan:
    """What values keep to that DuckDB would take for others."""
    if pa.types.is_interval(kind):
        return INTERVAL
    if pa.types.is_date32(kind):
        return _LEAVES["date"]
    return _MOMENT if pa.types.is_timestamp(kind) else Plan()
