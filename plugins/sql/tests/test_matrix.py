"""Every type of the four databases, alone and in each container, against the database's own text.

A value is exact in Arrow, or the result is refused; `docs/sql-types.md` is made of the same table:
`python plugins/sql/tests/test_matrix.py` writes it.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as pa
import pytest

from tasksmithy import run
from tasksmithy_sql import QueryError, ResultError, RowCount, SQLTask, SQLWrite

PAGE = Path(__file__).parents[3] / "docs" / "sql-types.md"
ROWS = 10_000
"""Values that are generated for a type and a direction."""


@dataclass(frozen=True)
class Kind:
    """A type of a database.

    Attributes:
        name: what the database calls it.
        arrow: what it is in Arrow; "" where a column of it is refused.
        exact: values that come as they are, as text: the extremes among them.
        refused: values that are refused.
        limits: what is refused, in words, for the page.
        made: makes a value of a random generator, as text.
        text: how the database says its text.
    digits: how many digits that has, where it has not all of a float.
    """

    name: str
    arrow: str = ""
    exact: Sequence[str] = ()
    refused: Sequence[str] = ()
    limits: str = ""
    made: Callable[[random.Random], str] | None = None
    text: str = ""
    digits: int = 0
    extra: dict[str, str] = field(default_factory=dict)


def integers(low: int, high: int) -> dict[str, Any]:
    def made(any_: random.Random) -> str:
        return str(
            any_.choice([any_.randint(low, high), any_.randint(max(low, -99), min(high, 99))])
        )

    return {"exact": [str(low), str(high), "0"], "made": made}


def decimal_made(digits: int, scale: int) -> Callable[[random.Random], str]:
    def made(any_: random.Random) -> str:
        number = any_.randint(-(10**digits) + 1, 10**digits - 1) // 10 ** any_.randint(
            0, digits - 1
        )
        return f"{Decimal(number).scaleb(-scale):f}" if digits < 28 else _scaled(number, scale)

    return made


def _scaled(number: int, scale: int) -> str:
    text = str(abs(number)).rjust(scale + 1, "0")
    whole = f"{text[:-scale]}.{text[-scale:]}" if scale else text
    return f"{'-' if number < 0 else ''}{whole}"


def float_made(any_: random.Random) -> str:
    while True:
        bits = any_.getrandbits(64).to_bytes(8, "little")
        value = float(np.frombuffer(bits)[0])
        if math.isfinite(value):
            return repr(any_.choice([value, round(any_.uniform(-1e6, 1e6), 3)]))


def single_made(any_: random.Random) -> str:
    while True:
        value = np.frombuffer(any_.getrandbits(32).to_bytes(4, "little"), np.float32)[0]
        if np.isfinite(value):
            return str(value)


LETTERS = "aZ09 '\"\\`%_;:$?{}()[]-/*\n\t€ü😀漢"


def text_made(any_: random.Random) -> str:
    return "".join(any_.choices(LETTERS, k=any_.randint(0, 12)))


def date_made(first: int, last: int) -> Callable[[random.Random], str]:
    def made(any_: random.Random) -> str:
        return (
            f"{any_.randint(first, last):04d}-{any_.randint(1, 12):02d}-{any_.randint(1, 28):02d}"
        )

    return made


def time_made(digits: int) -> Callable[[random.Random], str]:
    def made(any_: random.Random) -> str:
        clock = f"{any_.randrange(24):02d}:{any_.randrange(60):02d}:{any_.randrange(60):02d}"
        return f"{clock}.{any_.randrange(10**digits):0{digits}d}" if digits else clock

    return made


def moment_made(first: int, last: int, digits: int) -> Callable[[random.Random], str]:
    date, clock = date_made(first, last), time_made(digits)
    return lambda any_: f"{date(any_)} {clock(any_)}"


def interval_made(any_: random.Random) -> str:
    clock = f"{any_.randrange(1000)}:{any_.randrange(60):02d}:{any_.randrange(60):02d}"
    return (
        f"{any_.randint(-999, 999)} months {any_.randint(-999, 999)} days "
        f"{any_.choice(['', '-'])}{clock}.{any_.randrange(10**6):06d}"
    )


def uuid_made(any_: random.Random) -> str:
    return str(UUID(int=any_.getrandbits(128), version=4))  # MariaDB takes no others


UUIDS: dict[str, Any] = {
    "exact": ["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"],
    "made": uuid_made,
}
TEXTS: dict[str, Any] = {"exact": ["", "ü😀'\"\\", "a" * 300], "made": text_made}
FLOATS: dict[str, Any] = {
    "exact": ["nan", "infinity", "-infinity", "-0.0", "5e-324", "1.7976931348623157e308", "0.1"],
    "made": float_made,
}
SINGLES: dict[str, Any] = {
    "exact": ["nan", "infinity", "-infinity", "1e-45", "3.4028235e38", "0.1"],
    "made": single_made,
}
HUGE = 10**38 - 1

DUCKDB = [
    Kind("boolean", "bool", ["true", "false"], made=lambda any_: any_.choice(["true", "false"])),
    Kind("tinyint", "int8", **integers(-(2**7), 2**7 - 1)),
    Kind("smallint", "int16", **integers(-(2**15), 2**15 - 1)),
    Kind("integer", "int32", **integers(-(2**31), 2**31 - 1)),
    Kind("bigint", "int64", **integers(-(2**63), 2**63 - 1)),
    Kind("utinyint", "uint8", **integers(0, 2**8 - 1)),
    Kind("usmallint", "uint16", **integers(0, 2**16 - 1)),
    Kind("uinteger", "uint32", **integers(0, 2**32 - 1)),
    Kind("ubigint", "uint64", **integers(0, 2**64 - 1)),
    Kind(
        "hugeint",
        "decimal128(38, 0)",
        **integers(-HUGE, HUGE),
        refused=[str(HUGE + 1), str(2**127 - 1), str(-(2**127))],
        limits="integers of 39 digits; in rows they are exact",
    ),
    Kind(
        "uhugeint",
        "decimal128(38, 0)",
        **integers(0, HUGE),
        refused=[str(HUGE + 1), str(2**127), str(2**128 - 1)],
        limits="integers of 39 digits; in rows they are exact",
    ),
    Kind("float", "float", **SINGLES),
    Kind("double", "double", **FLOATS),
    Kind("decimal(4, 1)", "decimal128(4, 1)", ["999.9", "-999.9"], made=decimal_made(4, 1)),
    Kind("decimal(18, 3)", "decimal128(18, 3)", ["0.001"], made=decimal_made(18, 3)),
    Kind("decimal(38, 10)", "decimal128(38, 10)", ["0.0000000001"], made=decimal_made(38, 10)),
    Kind("varchar", "string", **TEXTS),
    Kind("json", "string", ['{"a": [1, null]}', "1"]),
    Kind("blob", "binary", ["", r"\x00\xFFab"], text="hex({})"),
    Kind("enum('a', 'ü')", "dictionary<values=string, indices=uint8, ordered=0>", ["a", "ü"]),
    Kind("uuid", "string", **UUIDS),
    Kind(
        "date",
        "date32[day]",
        ["5877642-06-25 (BC)", "5881580-07-10", "0001-01-01", "9999-12-31"],
        ["infinity", "-infinity"],
        "infinity",
        date_made(1, 9999),
    ),
    Kind(
        "time", "time64[us]", ["00:00:00", "23:59:59.999999"], ["24:00:00"], "24:00", time_made(6)
    ),
    Kind("time_ns", "time64[ns]", ["23:59:59.999999999"], ["24:00:00"], "24:00", time_made(9)),
    *(
        Kind(
            name,
            arrow,
            exact,
            ["infinity", "-infinity"],
            "infinity",
            moment_made(first, last, digits),
        )
        for name, arrow, exact, first, last, digits in [
            ("timestamp_s", "timestamp[s]", ["0001-01-01 00:00:00"], 1, 9999, 0),
            ("timestamp_ms", "timestamp[ms]", ["9999-12-31 23:59:59.999"], 1, 9999, 3),
            (
                "timestamp",
                "timestamp[us]",
                ["294247-01-10 04:00:54.775806", "290309-12-22 (BC) 00:00:00"],
                1,
                9999,
                6,
            ),
            ("timestamp_ns", "timestamp[ns]", ["2262-04-11 23:47:16.854775806"], 1678, 2261, 9),
            ("timestamptz", "timestamp[us, tz=UTC]", ["9999-12-31 23:59:59.999999"], 1, 9999, 6),
            ("timestamptz_ns", "timestamp[ns, tz=UTC]", ["2026-01-01 00:00:00.1"], 1678, 2261, 9),
        ]
    ),
    Kind(
        "interval",
        "month_day_nano_interval",
        ["0 days", "-1 month -1 day -00:00:00.000001", "2562047:47:16.854775", "178956970 years"],
        ["2562047:47:16.854776", "3000000 hours"],
        "more than 292 years of hours; months, in rows",
        interval_made,
    ),
    Kind("bit", exact=["101"]),
    Kind("bignum", exact=["5"]),
    Kind("timetz", exact=["10:00:00+02"]),
    Kind("variant", exact=["5"]),
]

POSTGRESQL = [
    Kind("boolean", "bool", ["true", "false"], made=lambda any_: any_.choice(["true", "false"])),
    Kind("smallint", "int16", **integers(-(2**15), 2**15 - 1)),
    Kind("integer", "int32", **integers(-(2**31), 2**31 - 1)),
    Kind("bigint", "int64", **integers(-(2**63), 2**63 - 1)),
    Kind("oid", "uint32", **integers(0, 2**32 - 1)),
    Kind("real", "float", **SINGLES),
    Kind("double precision", "double", **FLOATS),
    Kind(
        "numeric(10, 2)",
        "decimal128(10, 2)",
        ["99999999.99", "-99999999.99"],
        ["NaN"],
        "NaN",
        decimal_made(10, 2),
    ),
    Kind("numeric(3, -2)", "decimal128(5, 0)", ["99900", "-100"], ["NaN"], "NaN"),
    Kind("numeric(3, 5)", "decimal128(5, 5)", ["0.00999"], ["NaN"], "NaN"),
    Kind("numeric(50, 5)", "decimal256(50, 5)", ["9" * 18 + ".99999"], ["NaN"], "NaN; polars"),
    Kind(
        "numeric",
        "decimal128(38, 20)",
        ["0", "999999999999999999.99999999999999999999", "1e-20"],
        ["NaN", "infinity", "-infinity", "1e18", "1e-21", "1e100"],
        "NaN, infinity, more than 18 digits before the point or 20 after it; in rows all are exact",
        decimal_made(38, 20),
    ),
    Kind("text", "string", **TEXTS),
    Kind("varchar(5)", "string", ["", "ü😀"]),
    Kind("char(5)", "string", ["ab"], text="rpad({}::text, 5)"),
    Kind("name", "string", ["pg_class"]),
    Kind('"char"', "string", ["", "a"], ["é"], "a byte beyond ASCII"),
    Kind("bytea", "binary", ["", r"\x00ff6162"], text="encode({}, 'hex')"),
    Kind("json", "string", ['{"a": [1, null]}', "1"]),
    Kind("jsonb", "string", ['{"a": [1, null]}', "1"]),
    Kind("uuid", "extension<arrow.uuid>", **UUIDS),
    Kind("mood", "string", ["happy"], extra={"page": "an enum"}),
    Kind(
        "date",
        "date32[day]",
        ["4713-01-01 BC", "5874897-12-31", "0001-01-01", "9999-12-31"],
        ["infinity", "-infinity"],
        "infinity",
        date_made(1, 9999),
    ),
    Kind(
        "time", "time64[us]", ["00:00:00", "23:59:59.999999"], ["24:00:00"], "24:00", time_made(6)
    ),
    Kind(
        "timestamp",
        "timestamp[us]",
        ["4713-01-01 00:00:00 BC", "294246-12-31 23:59:59.999999"],
        ["infinity", "-infinity", "294276-12-31 23:59:59.999999", "294247-01-11"],
        "infinity, years from 294247 on",
        moment_made(1, 9999, 6),
    ),
    Kind(
        "timestamptz",
        "timestamp[us, tz=UTC]",
        ["4713-01-01 00:00:00+00 BC", "294246-12-31 23:59:59.999999+00"],
        ["infinity", "-infinity", "294276-12-31 23:59:59+00"],
        "infinity, years from 294247 on",
        lambda any_: f"{moment_made(1, 9999, 6)(any_)}+00",
    ),
    Kind(
        "interval",
        "month_day_nano_interval",
        ["0 days", "-1 month -1 day -00:00:00.000001", "2562047:47:16.854775"],
        ["3000000 hours"],
        "more than 292 years of hours; months, in rows",
        interval_made,
    ),
    *(
        Kind(name, exact=[value])
        for name, value in [
            ("money", "1.50"),
            ("timetz", "10:00+02"),
            ("inet", "10.0.0.1"),
            ("cidr", "10.0.0.0/8"),
            ("macaddr", "08:00:2b:01:02:03"),
            ("macaddr8", "08:00:2b:01:02:03:04:05"),
            ("bit(3)", "101"),
            ("varbit", "101"),
            ("xml", "<a/>"),
            ("tsvector", "a b"),
            ("tsquery", "a & b"),
            ("point", "(1,2)"),
            ("line", "{1,2,3}"),
            ("lseg", "[(1,2),(3,4)]"),
            ("box", "(3,4),(1,2)"),
            ("path", "[(1,2),(3,4)]"),
            ("polygon", "((1,2),(3,4))"),
            ("circle", "<(1,2),3>"),
            ("int4range", "[1,5)"),
            ("numrange", "[1.5,5)"),
            ("tstzrange", "[2026-01-01,2026-01-02)"),
            ("int4multirange", "{[1,5)}"),
            ("pg_lsn", "16/B374D848"),
            ("pg_snapshot", "10:20:10,14,15"),
            ("xid8", "5"),
            ("xid", "5"),
            ("cid", "5"),
            ("tid", "(1,2)"),
            ("regclass", "pg_class"),
            ("regproc", "now"),
            ("regtype", "integer"),
            ("jsonpath", "$.a"),
        ]
    ),
]

MARIADB = [
    Kind("boolean", "int8", ["0", "1"]),
    Kind("tinyint", "int8", **integers(-(2**7), 2**7 - 1)),
    Kind("smallint", "int16", **integers(-(2**15), 2**15 - 1)),
    Kind("mediumint", "int32", **integers(-(2**23), 2**23 - 1)),
    Kind("int", "int32", **integers(-(2**31), 2**31 - 1)),
    Kind("bigint", "int64", **integers(-(2**63), 2**63 - 1)),
    Kind("tinyint unsigned", "uint8", **integers(0, 2**8 - 1)),
    Kind("smallint unsigned", "uint16", **integers(0, 2**16 - 1)),
    Kind("mediumint unsigned", "uint32", **integers(0, 2**24 - 1)),
    Kind("int unsigned", "uint32", **integers(0, 2**32 - 1)),
    Kind("bigint unsigned", "uint64", **integers(0, 2**64 - 1)),
    Kind("decimal(10, 2)", "decimal128(10, 2)", ["99999999.99"], made=decimal_made(10, 2)),
    Kind("decimal(38, 10)", "decimal128(38, 10)", ["-1.5"], made=decimal_made(38, 10)),
    Kind("decimal(65, 30)", "decimal256(65, 30)", ["9" * 35 + "." + "9" * 30], limits="polars"),
    Kind(
        "float",
        "float",
        ["0.1", "-3.40282e38", "1e-38"],
        limits="as the server's text says it, in six digits; cast it to double for all of them",
    ),
    Kind("double", "double", ["0.1", "1.7976931348623157e308", "5e-324"], made=float_made),
    Kind(
        "date",
        "date32[day]",
        ["0001-01-01", "9999-12-31"],
        ["0000-00-00"],
        "zeros",
        date_made(1, 9999),
    ),
    Kind("time", "duration[us]", ["-838:59:59", "838:59:59", "00:00:00"], made=time_made(0)),
    Kind("time(6)", "duration[us]", ["-838:59:59.000000"], made=time_made(6)),
    Kind(
        "datetime(6)",
        "timestamp[us]",
        ["0001-01-01 00:00:00.000000", "9999-12-31 23:59:59.999999"],
        ["0000-00-00 00:00:00"],
        "zeros",
        moment_made(1, 9999, 6),
    ),
    Kind(
        "timestamp(6) null",
        "timestamp[us]",
        ["1971-01-01 00:00:01.000000", "2038-01-18 03:14:07.999999"],
        limits="as the session's time zone says it",
        made=moment_made(1971, 2037, 6),
    ),
    Kind("year", "uint16", ["1901", "2155"]),
    Kind("char(5)", "string", ["", "ü😀"]),
    Kind("varchar(300)", "string", **TEXTS),
    Kind("text", "string", **TEXTS),
    Kind("json", "string", ['{"a": [1, null]}']),
    Kind("enum('a', 'ü')", "string", ["a", "ü"]),
    Kind("set('a', 'ü')", "string", ["", "a,ü"]),
    Kind("uuid", "string", **UUIDS),
    Kind("inet6", "string", ["::1"]),
    Kind("binary(2)", "binary", ["ab"], text="hex({})"),
    Kind("varbinary(9)", "binary", ["", "a\\"], text="hex({})"),
    Kind("blob", "binary", ["", "a"], text="hex({})"),
    Kind("bit(10)", "binary", ["a"], text="lpad(hex({}), 4, '0')"),
]

# SQLite has types of values: what is declared is how a column converts them. Its text of a float
# has 15 digits, and is wrong in the last of very large ones.
SQLITE = [
    Kind("integer", "int64", **integers(-(2**63), 2**63 - 1)),
    Kind(
        "real",
        "double",
        ["0.1", "1.7976931348623157e308"],
        made=lambda any_: repr(any_.uniform(-1e9, 1e9)),
        text="printf('%.15g', {})",
        digits=15,
    ),
    Kind("text", "string", **TEXTS),
    Kind("blob", "binary", ["ab", ""], text="hex({})"),
]

MATRIX = {"DuckDB": DUCKDB, "PostgreSQL": POSTGRESQL, "MariaDB": MARIADB, "SQLite": SQLITE}
CELLS = [(name, kind) for name, kinds in MATRIX.items() for kind in kinds]
IDS = [f"{name}-{kind.name}" for name, kind in CELLS]

# Each with what leads from its array to that of the value.
Path_ = tuple[str, ...]
CONTAINERS: dict[str, dict[str, tuple[str, Path_]]] = {
    "DuckDB": {
        "alone": ("{v}", ()),
        "list": ("[{v}, null]", ("values",)),
        "array": ("array_value({v})", ("values",)),
        "struct": ("{{'f': {v}}}", ("f",)),
        "row": ("row({v})", ("f",)),
        "map value": ("map {{1: {v}}}", ("items",)),
        "map key": ("map {{{v}: 1}}", ("keys",)),
        "union": ("union_value(f := {v})", ("f",)),
        "nested": ("[{{'f': [map {{1: {v}}}]}}]", ("values", "f", "values", "items")),
    },
    "PostgreSQL": {
        "alone": ("{v}", ()),
        "array": ("array[{v}, null]", ("values",)),
        "composite": ("row({v})::in_composite", ("f",)),
        "array of composite": ("array[row({v})::in_composite]", ("values", "f")),
        "array in composite": ("row(array[{v}])::of_array", ("f", "values")),
        "domain": ("{v}::as_domain", ()),
        "array of domain": ("array[{v}::as_domain]", ("values",)),
        "domain in composite": ("row({v}::as_domain)::of_domain", ("f",)),
    },
    "MariaDB": {"alone": ("{v}", ())},
    "SQLite": {"alone": ("{v}", ())},
}
MAY_BE_REFUSED = frozenset({"array of domain", "domain in composite"})
"""Where PostgreSQL's driver does not say what the domain is of."""


def leaf(array: pa.Array, path: Path_) -> pa.Array:
    for step in path:
        if step == "f":
            array = array.field(0)
        elif step == "values":
            array = array.flatten() if not pa.types.is_map(array.type) else array
        else:
            array = getattr(array, step)
    return array


# What the database's text means.

_DATE = r"(?P<y>\d+)-(?P<m>\d\d)-(?P<d>\d\d)"
_TIME = r"(?P<h>\d+):(?P<min>\d\d):(?P<s>\d\d)(?:\.(?P<f>\d+))?"


def _days(year: int, month: int, day: int) -> int:
    """Days since 1970 in the proleptic Gregorian calendar."""
    year -= month <= 2
    era, month = year // 400, (month + 9) % 12
    of_era = year - era * 400
    of_year = (153 * month + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


def _date(text: str) -> int:
    found = re.match(_DATE, text)
    assert found, text
    year = int(found["y"])
    return _days(1 - year if "BC" in text else year, int(found["m"]), int(found["d"]))


_DIGITS = {"s": 0, "ms": 3, "us": 6, "ns": 9}


def _clock(text: str, unit: str) -> int:
    found = re.search(_TIME, text)
    if found is None:
        return 0
    seconds = int(found["h"]) * 3600 + int(found["min"]) * 60 + int(found["s"])
    fraction = (found["f"] or "").ljust(9, "0")
    digits = _DIGITS[unit]
    assert not fraction[digits:].strip("0")
    return seconds * 10**digits + int(fraction[:digits] or 0)


def _interval(text: str) -> tuple[int, int, int]:
    def part(word: str) -> int:
        found = re.search(rf"(-?\d+) {word}", text)
        return int(found[1]) if found else 0

    sign = -1 if re.search(r"-\d+:\d\d:", text) else 1
    return part("year") * 12 + part("mon"), part("day"), sign * _clock(text, "us") * 1000


def meant(text: str | None, kind: pa.DataType) -> Any:
    types = pa.types
    if text is None:
        return None
    if types.is_boolean(kind):
        return text in ("true", "t", "1")
    if types.is_integer(kind):
        return int(text)
    if types.is_decimal(kind):
        return Decimal(text)
    if types.is_floating(kind):
        value = float(text)
        return repr(float(np.float32(value)) if types.is_float32(kind) else value)
    if types.is_binary(kind):
        return bytes.fromhex(text)
    if types.is_date(kind):
        return _date(text)
    if types.is_time(kind):
        return _clock(text, kind.unit)
    if types.is_timestamp(kind):
        return _date(text) * 86_400 * 10 ** _DIGITS[kind.unit] + _clock(text, kind.unit)
    if types.is_duration(kind):
        return _clock(text, kind.unit) * (-1 if text.startswith("-") else 1)
    if types.is_interval(kind):
        return _interval(text)
    return text


def given(array: pa.Array, digits: int) -> list[Any]:
    types, kind = pa.types, array.type
    if types.is_date(kind):
        return list(array.cast(pa.int32()).to_pylist())
    if types.is_time(kind) or types.is_timestamp(kind) or types.is_duration(kind):
        return list(array.cast(pa.int64()).to_pylist())
    values = array.to_pylist()
    if types.is_floating(kind):
        form = f".{digits}g" if digits else ""
        return [None if value is None else meant(format(value, form), kind) for value in values]
    if types.is_interval(kind):
        return [None if v is None else (v.months, v.days, v.nanoseconds) for v in values]
    if getattr(kind, "extension_name", "") == "arrow.uuid":
        return [None if value is None else str(value) for value in values]
    return list(values)


def flat(array: pa.ChunkedArray) -> pa.Array:
    return pa.concat_arrays(array.chunks) if array.num_chunks != 1 else array.chunk(0)


def literal(name: str, text: str) -> str:
    quoted = text.replace("'", "''")
    if name == "MariaDB":
        quoted = quoted.replace("\\", "\\\\")
    return f"'{quoted}'"


class Database:
    """A database of the matrix."""

    def __init__(self, name: str, url: str) -> None:
        self.name = name
        self.url = url

    def ask(self, query: str, output: Any = pa.Table, **inputs: Any) -> Any:
        kinds = {name: type(value) for name, value in inputs.items()}
        task = SQLTask(name="t", query=query, inputs=kinds, output=output, database=self.url)
        return run(task, **inputs)

    def value(self, kind: Kind, text: str) -> str:
        return f"cast({literal(self.name, text)} as {kind.name})"

    def text(self, kind: Kind, column: str) -> str:
        to = {"MariaDB": "char"}.get(self.name, "varchar" if self.name == "DuckDB" else "text")
        return kind.text.format(column) if kind.text else f"cast({column} as {to})"

    def source(self, kind: Kind, text: str) -> str:
        """A table of one row, whose column `v` has the value in the type."""
        if self.name in ("DuckDB", "PostgreSQL"):
            return f"(select {self.value(kind, text)} as v) t"
        self.ask("drop table if exists t", None)
        self.ask(f"create table t (v {kind.name})", None)
        said = literal(self.name, text)
        is_bytes = kind.name == "blob" and self.name == "SQLite"
        self.ask(f"insert into t values ({f'cast({said} as blob)' if is_bytes else said})", None)
        return "t"


@pytest.fixture(scope="module")
def databases(request: pytest.FixtureRequest, tmp_path_factory: Any) -> Callable[[str], Database]:
    made: dict[str, Database] = {}

    def database(name: str) -> Database:
        if name not in made:
            folder = tmp_path_factory.mktemp("matrix")
            if name == "PostgreSQL":
                url = request.getfixturevalue("server").schema() + "%20-c%20timezone%3DUTC"
            elif name == "MariaDB":
                server = request.getfixturevalue("mariadb_server")
                server.execute("set global sql_mode = ''")  # or it takes no date of zeros
                url = server.database()
            else:
                url = f"{name.lower()}:///{folder}/a.db"
            made[name] = Database(name, url)
            if name == "PostgreSQL":
                made[name].ask("create type mood as enum ('happy')", None)
        return made[name]

    yield database
    if "MariaDB" in made:
        request.getfixturevalue("mariadb_server").execute("set global sql_mode = default")


@pytest.fixture(autouse=True)
def _in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")


def wrapped(database: Database, kind: Kind) -> None:
    """Make the types of PostgreSQL that have a name."""
    for statement in (
        "drop type if exists of_domain",
        "drop domain if exists as_domain",
        "drop type if exists of_array",
        "drop type if exists in_composite",
        f"create type in_composite as (f {kind.name})",
        f"create type of_array as (f {kind.name}[])",
        f"create domain as_domain as {kind.name}",
        "create type of_domain as (f as_domain)",
    ):
        database.ask(statement, None)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "kind"), CELLS, ids=IDS)
def test_each_type_in_each_container_is_exact_or_refused(databases, name, kind):
    database = databases(name)
    if name == "PostgreSQL":
        wrapped(database, kind)
    for text in [*kind.exact, *kind.refused]:
        is_refused = not kind.arrow or text in kind.refused
        source = database.source(kind, text)
        for container, (template, path) in CONTAINERS[name].items():
            value, text_of = template.format(v="v"), database.text(kind, "v")
            query = f"select {value} as v, {text_of} as t from {source}"
            try:
                table = database.ask(query)
            except ResultError as error:
                told = str(error)
                assert "column 'v'" in told
                assert is_refused or container in MAY_BE_REFUSED, (container, text, told)
                continue
            except QueryError:  # no such container of the type, as an array of a pseudo-type
                assert container != "alone", text
                continue
            assert not is_refused, (container, text, table)
            array = leaf(flat(table["v"]), path)
            if container == "alone":
                assert str(array.type).replace("Etc/UTC", "UTC") == kind.arrow
            [said] = table["t"].to_pylist()
            assert given(array, kind.digits)[0] == meant(said, array.type), (container, text)


GENERATED = [(name, kind) for name, kind in CELLS if kind.made is not None]
GENERATED_IDS = [f"{name}-{kind.name}" for name, kind in GENERATED]


def typed(database: Database, kind: Kind, texts: Sequence[str]) -> str:
    """A table whose column `v` has the values in the type."""
    database.ask("drop table if exists t", None)
    database.ask(f"create table t (n integer, v {kind.name})", None)
    insert = {
        "DuckDB": f"insert into t select n, cast(v as {kind.name}) from texts",
        "PostgreSQL": f"insert into t select n, cast(v as {kind.name}) from texts",
    }.get(database.name, "insert into t select n, v from texts")
    database.ask("drop table if exists texts", None)
    database.ask("create table texts (n integer, v text)", None)
    rows = pa.table({"n": pa.array(range(len(texts)), pa.int32()), "v": texts})
    write = SQLWrite(name="w", table="texts", inputs={"rows": pa.Table}, database=database.url)
    assert run(write, rows=rows) == len(texts)
    assert database.ask(insert, RowCount) == len(texts)
    assert database.ask("select count(v) as n from t", int) == len(texts)  # each has the type
    return "t"


@pytest.mark.slow
@pytest.mark.parametrize(("name", "kind"), GENERATED, ids=GENERATED_IDS)
def test_ten_thousand_results_are_the_database_s_own_text(databases, name, kind):
    database, any_ = databases(name), random.Random(kind.name)
    texts = [kind.made(any_) for _ in range(ROWS)]
    typed(database, kind, texts)
    found = database.ask(f"select v, {database.text(kind, 'v')} as t from t order by n")
    array, said = flat(found["v"]), found["t"].to_pylist()
    wrong = [
        (value, text)
        for value, text in zip(given(array, kind.digits), said, strict=True)
        if value != meant(text, array.type)
    ]
    assert len(said) == ROWS
    assert wrong == []


@pytest.mark.slow
@pytest.mark.parametrize(("name", "kind"), GENERATED, ids=GENERATED_IDS)
def test_ten_thousand_values_are_written_as_the_database_says_them(databases, name, kind):
    database, any_ = databases(name), random.Random(kind.name)
    texts = [kind.made(any_) for _ in range(ROWS)]
    typed(database, kind, texts)
    column = flat(database.ask("select v from t order by n")["v"])
    assert column.null_count == 0
    database.ask("drop table if exists u", None)
    database.ask(f"create table u (n integer, v {kind.name})", None)
    rows = pa.table({"n": pa.array(range(ROWS), pa.int32()), "v": column})
    write = SQLWrite(name="w", table="u", inputs={"rows": pa.Table}, database=database.url)
    assert run(write, rows=rows) == ROWS
    is_number = kind.name.startswith("numeric")  # 1.50 is 1.5
    said = [f"{t}.v" if is_number else database.text(kind, f"{t}.v") for t in ("t", "u")]
    query = f"select count(*) as n from t join u on t.n = u.n where {said[0]} <> {said[1]}"
    assert database.ask(query, int) == 0
    assert database.ask("select count(v) as n from u", int) == ROWS


def page() -> str:
    """The page of the docs."""
    lines = ["# The types of the databases", "", *_INTRODUCTION.strip().splitlines()]
    for name, kinds in MATRIX.items():
        lines += ["", f"## {name}", "", "| type | in Arrow | refused |", "|---|---|---|"]
        for kind in kinds:
            if kind.arrow:
                said = kind.extra.get("page", f"`{kind.name}`")
                lines.append(f"| {said} | `{kind.arrow}` | {kind.limits} |")
        foreign = [f"`{kind.name}`" for kind in kinds if not kind.arrow]
        if foreign:
            lines += ["", f"Refused: {', '.join(foreign)}."]
    return "\n".join([*lines, "", *_NOTES.strip().splitlines()]) + "\n"


_INTRODUCTION = """
What a column of a SQL task's result is in Arrow. It does not depend on the values: one that the
type cannot hold is refused, with column and row. A type without an entry is refused: cast it to
text, or to a type that is here. In lists, arrays, structs, composites, maps and unions, at any
depth, a type is what it is alone. This page is made from the table that the tests go through, in
which each type in each container is compared with the database's own text.
"""

_NOTES = """
An array of PostgreSQL of several dimensions is refused, as Arrow has lists of lists alone. An array
of a domain over a number, and a domain over one in a composite, is refused too: the driver does not
say what it is of. Composites and arrays forget precision and scale of their numerics.

A column of a table of SQLite has the type that it is declared with. An expression has that of its
values: an integer beside a float is a float, if it is exactly one; text beside a number is refused.
"""


def test_the_page_of_the_docs_is_made_of_the_matrix():
    assert PAGE.read_text() == page(), "python plugins/sql/tests/test_matrix.py makes it"


if __name__ == "__main__":
    PAGE.write_text(page())
