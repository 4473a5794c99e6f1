"""Writes are by assignment: a value is exact in its column, or refused; no type cuts another's."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from tasksmithy import run
from tasksmithy_sql import QueryError, SQLWrite


def write(database: str, rows: pa.Table, mode: str = "append", **fields: Any) -> Any:
    task = SQLWrite(
        name="w", table="t", inputs={"rows": pa.Table}, mode=mode, database=database, **fields
    )
    return run(task, rows=rows)


KEYS = {
    "int32": pa.array([1], pa.int32()),
    "int64": pa.array([1], pa.int64()),
    "dictionary": pa.array([1], pa.int32()).dictionary_encode(),
}


@pytest.mark.parametrize("mode", ["append", "upsert"])
@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("varchar(3)", "abcdef"),
        ("char(3)", "abcdef"),
        ("varchar(3)", 12345),
        ("bit(3)", "10101"),
        ("varchar(3)[]", ["abcdef"]),
    ],
)
def test_postgresql_refuses_what_is_too_long_whatever_the_other_columns_are(
    postgresql, ask, key, mode, kind, value
):
    ask(postgresql, f"create table t (id int primary key, v {kind})", None)
    fields = {"key": ["id"]} if mode == "upsert" else {}
    with pytest.raises(QueryError, match=r"too long for type|does not match type bit\(3\)"):
        write(postgresql, pa.table({"id": KEYS[key], "v": [value]}), mode, **fields)
    assert ask(postgresql, "select count(*) from t", int) == 0


def test_postgresql_refuses_a_type_that_it_would_not_assign(postgresql, ask):
    ask(postgresql, "create table t (b boolean, k bigint)", None)
    with pytest.raises(QueryError, match="is of type boolean but expression is of type bigint"):
        write(postgresql, pa.table({"b": [1], "k": [1]}))


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("jsonb", '{"x":1}', '{"x": 1}'),
        ("uuid", "00000000-0000-0000-0000-000000000007", "00000000-0000-0000-0000-000000000007"),
        ("inet", "10.0.0.1", "10.0.0.1/32"),
        ("uuid[]", ["00000000-0000-0000-0000-000000000007"], None),
        ("int[]", [1, 2], "{1,2}"),
        ("bit(3)", "101", "101"),
        ("interval", "1 day", "1 day"),
        ("text", 5, "5"),
    ],
)
def test_postgresql_takes_text_as_it_takes_a_literal(postgresql, ask, kind, value, text):
    ask(postgresql, f"create table t (v {kind})", None)
    assert write(postgresql, pa.table({"v": [value]})) == 1
    written = ask(postgresql, "select v::text from t", str)
    assert text is None or written == text


def test_a_moment_is_written_without_changing_the_session(postgresql, ask):
    ask(
        postgresql,
        "create table t (at timestamptz, zone text default current_setting('timezone'))",
        None,
    )
    url = f"{postgresql}%20-c%20timezone%3DEurope/Helsinki"
    moment = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    write(url, pa.table({"at": pa.array([moment], pa.timestamp("us", "UTC"))}))
    assert ask(postgresql, "select at, zone from t") == [{"at": moment, "zone": "Europe/Helsinki"}]


@pytest.fixture
def keyed(database, ask):
    """A database with a table `t` that holds the row (NULL, 1)."""
    ask(database, "create table t (k integer, v integer)", None)
    ask(database, "create unique index i on t (k)", None)
    ask(database, "insert into t values (null, 1)", None)
    return database


def test_upsert_refuses_null_in_a_key(keyed, ask):
    with pytest.raises(QueryError, match='NULL in the key\'s column "k"'):
        write(
            keyed, pa.table({"k": pa.array([7, None], pa.int64()), "v": [2, 3]}), "upsert", key="k"
        )
    assert ask(keyed, "select count(*) from t", int) == 1


def test_upsert_refuses_keys_that_are_one_in_the_column_s_type(keyed, ask):
    if keyed.startswith("sqlite"):
        return  # its integers may be floats: the keys differ
    with pytest.raises(QueryError, match=r"more than once|a second time"):
        write(keyed, pa.table({"k": [1.2, 0.9], "v": [2, 3]}), "upsert", key="k")
    assert ask(keyed, "select count(*) from t", int) == 1


EVERYWHERE: dict[str, pa.Array] = {
    "int8": pa.array([-128, None], pa.int8()),
    "uint32": pa.array([2**32 - 1, None], pa.uint32()),
    "float16": pa.array([1.5, None], pa.float16()),
    "float32": pa.array([0.1, None], pa.float32()),
    "float64": pa.array([0.1, None], pa.float64()),
    "decimal32": pa.array([Decimal("1.5"), None], pa.decimal32(5, 1)),
    "decimal128": pa.array([Decimal("1.5"), None], pa.decimal128(5, 1)),
    "large string": pa.array(["ü", None], pa.large_string()),
    "string view": pa.array(["ü", None], pa.string_view()),
    "binary view": pa.array([b"\0", None], pa.binary_view()),
    "fixed binary": pa.array([b"ab", None], pa.binary(2)),
    "date64": pa.array([dt.date(2026, 1, 1), None], pa.date64()),
    "time32": pa.array([dt.time(1), None], pa.time32("s")),
    "time64 ns": pa.array([dt.time(1), None], pa.time64("ns")),
    "timestamp s": pa.array([dt.datetime(2026, 1, 1), None], pa.timestamp("s")),
    "timestamp ns": pa.array([dt.datetime(2026, 1, 1), None], pa.timestamp("ns")),
    "dictionary of text": pa.array(["a", None]).dictionary_encode(),
    "dictionary of int": pa.array([5, None]).dictionary_encode(),
    "run ends": pa.RunEndEncodedArray.from_arrays(
        pa.array([1, 2], pa.int32()), pa.array([7, None])
    ),
    "null": pa.nulls(2),
    "bool8": pa.ExtensionArray.from_storage(pa.bool8(), pa.array([1, None], pa.int8())),
    "uuid": pa.array([b"0123456789abcdef", None], pa.uuid()),
}


@pytest.fixture(params=["duckdb", "sqlite", "postgresql", "mariadb"])
def any_database(request, tmp_path):
    if request.param in ("postgresql", "mariadb"):
        return request.getfixturevalue(request.param)
    return f"{request.param}:///{tmp_path}/test.db"


COLUMNS = {
    "float16": "double",
    "float32": "double",
    "float64": "double",
    "decimal32": "decimal(5, 1)",
    "decimal128": "decimal(5, 1)",
    "binary view": "blob",
    "fixed binary": "blob",
    "date64": "date",
    "time32": "time",
    "time64 ns": "time",
    "timestamp s": "datetime",
    "timestamp ns": "datetime",
    "large string": "text",
    "string view": "text",
    "dictionary of text": "text",
    "uuid": "uuid",
}
"""The types of MariaDB, where no task makes the table; the others are bigint."""


@pytest.mark.parametrize("name", EVERYWHERE)
def test_a_type_of_arrow_is_written_as_what_it_means(any_database, ask, name):
    column = EVERYWHERE[name]
    if any_database.startswith("mariadb"):
        ask(any_database, f"create table t (v {COLUMNS.get(name, 'bigint')})", None)
        assert write(any_database, pa.table({"v": column})) == 2
    else:
        assert write(any_database, pa.table({"v": column}), "create") == 2
    meant = column.to_pylist()[0]
    if isinstance(meant, pd.Timestamp):
        meant = meant.to_pydatetime()
    if meant is None:
        assert ask(any_database, "select count(v) as n from t", int) == 0
        return
    if any_database.startswith("mariadb") and isinstance(meant, dt.time):
        assert ask(any_database, "select cast(v as char) from t where v is not null", str)
        return
    assert ask(any_database, "select v from t where v is not null", type(meant)) == meant


REFUSED: dict[str, pa.Array] = {
    "time64 ns": pa.array([None, 1001], pa.time64("ns")),
    "date64": pa.array([None, 5], pa.date64()),
    "timestamp s": pa.array([None, 2**62], pa.timestamp("s")),
    "interval": pa.array([None, pa.MonthDayNano([0, 0, 1])]),
    "duration": pa.array([None, 1001], pa.duration("ns")),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_value_that_the_database_cannot_hold_names_column_and_row(any_database, ask, name):
    if any_database.startswith("duckdb") and name in ("time64 ns", "timestamp s"):
        return  # it has them
    if any_database.startswith("mariadb"):
        ask(any_database, "create table t (v bigint)", None)
    mode = "append" if any_database.startswith("mariadb") else "create"
    with pytest.raises(QueryError, match=r"^write into \"t\", column 'v'(, row 2)?: "):
        write(any_database, pa.table({"v": REFUSED[name]}), mode)


def test_nan_is_refused_where_it_would_be_null(ask):
    with pytest.raises(QueryError, match="column 'v', row 2: NaN"):
        write("sqlite://", pa.table({"v": [1.5, float("nan"), float("inf")]}), "create")


def test_nul_in_text_is_refused_where_functions_would_end_at_it(ask):
    with pytest.raises(QueryError, match="column 'v', row 2: text with a NUL"):
        write("sqlite://", pa.table({"v": ["a", "a\0b"]}), "create")


def test_decimals_of_sqlite_are_numbers_or_refused(tmp_path, ask):
    url = f"sqlite:///{tmp_path}/a.db"
    write(url, pa.table({"v": [Decimal("10.50"), Decimal("9.00")]}), "create")
    assert ask(url, "select max(v) as v, typeof(v) as t from t") == [{"v": 10.5, "t": "real"}]
    with pytest.raises(QueryError, match=r"column 'v', row 1: .* more digits than a float"):
        write(url, pa.table({"v": [Decimal("0.12345678901234567")]}))


@pytest.mark.parametrize("value", [[1], {"a": 1}])
def test_what_has_parts_is_refused_where_there_is_no_type_for_it(mariadb, ask, value):
    ask(mariadb, "create table t (v text)", None)
    for url in (mariadb, "sqlite://"):
        with pytest.raises(QueryError, match=r"column 'v': .* has no type for"):
            write(url, pa.table({"v": [value]}), "append" if url == mariadb else "create")


def test_a_server_of_mariadb_that_is_not_strict_cuts_nothing_in_silence(
    mariadb, ask, mariadb_server
):
    ask(mariadb, "create table t (v varchar(3))", None)
    mariadb_server.execute("set global sql_mode = ''")
    try:
        with pytest.raises(QueryError, match="the database warns: Data truncated"):
            write(mariadb, pa.table({"v": ["abcdef"]}))
    finally:
        mariadb_server.execute("set global sql_mode = default")
    assert ask(mariadb, "select count(*) as n from t", int) == 0
