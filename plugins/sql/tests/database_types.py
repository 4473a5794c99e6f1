"""Every type of the four databases: what it is in Arrow, its extremes, how its values are made."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from plugins.sql.tests.made_values import (
    FLOATS,
    HUGE,
    SINGLES,
    TEXTS,
    UUIDS,
    date_made,
    decimal_made,
    float_made,
    integers,
    interval_made,
    moment_made,
    time_made,
)


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
