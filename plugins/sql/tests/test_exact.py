"""Results are exact, or refused with column and row: whatever the type, at any depth."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from tasksmithy import File, TaskEnvironment, run
from tasksmithy_sql import ResultError, SQLTask

OUTPUTS = [pa.Table, pa.RecordBatchReader, File, pd.DataFrame, pl.DataFrame, list[dict]]
SAMPLE = [pa.Table, list[dict]]


@pytest.fixture(params=["sample", pytest.param("all", marks=pytest.mark.slow)])
def refused_everywhere(request: pytest.FixtureRequest, ask: Any) -> Callable[[str, str, str], None]:
    """Checks that a query is refused for a sample of the outputs, or for each of them."""

    def check(database: str, query: str, said: str) -> None:
        for output in SAMPLE if request.param == "sample" else OUTPUTS:
            with pytest.raises(ResultError, match=said):
                ask(database, query, output)

    return check


@pytest.mark.parametrize("database", ["duckdb", "postgresql"], indirect=True)
@pytest.mark.parametrize(
    "value",
    [
        "timestamp 'infinity'",
        "timestamp '-infinity'",
        "timestamptz 'infinity'",
        "date 'infinity'",
        "date '-infinity'",
        "time '24:00'",
    ],
)
def test_a_time_that_arrow_has_not_is_refused_at_any_depth(
    database, ask, value, refused_everywhere
):
    kind = value.split()[0]
    for query in (
        f"select v from (values (cast(null as {kind})), ({value})) t(v)",
        f"select v from (values (cast(null as {kind}[])), (array[{value}])) t(v)",
    ):
        refused_everywhere(database, query, "column 'v', row 2: .* write cast")
    assert ask(database, f"select cast({value} as text) as v", str)


@pytest.mark.parametrize("value", ["timestamp '294276-12-31'", "timestamptz '294247-01-11'"])
def test_a_moment_of_postgresql_beyond_arrow_s_range_does_not_wrap_around(
    postgresql, value, refused_everywhere
):
    refused_everywhere(postgresql, f"select {value} as v", "column 'v', row 1: ")


@pytest.mark.parametrize("kind", ["timestamp_s", "timestamp_ms", "timestamp_ns"])
def test_infinity_of_duckdb_is_no_moment(kind, refused_everywhere):
    refused_everywhere("duckdb://", f"select {kind} '-infinity' as v", "column 'v', row 1: ")


@pytest.mark.parametrize(
    ("query", "exact"),
    [
        ("select 340282366920938463463374607431768211455::uhugeint as v", 2**128 - 1),
        ("select 170141183460469231731687303715884105727::hugeint as v", 2**127 - 1),
        ("select (-170141183460469231731687303715884105728)::hugeint as v", -(2**127)),
    ],
)
def test_integers_of_128_bits_are_exact_in_python_and_refused_where_arrow_has_38_digits(
    ask, query, exact
):
    assert ask("duckdb://", query, int) == exact
    assert ask("duckdb://", f"select [v] as v from ({query})")[0]["v"] == [exact]
    for output in OUTPUTS[:-1]:
        with pytest.raises(ResultError, match="column 'v', row 1: "):
            ask("duckdb://", query, output)


def test_intervals_of_duckdb_are_exact_at_any_depth_or_refused(ask):
    value = "interval '1 year -2 months 3 days -04:05:06.000007'"
    query = (
        f"select {value} as v, {{'a': [{value}, null]}} as s, map {{'k': {value}}} as m, "
        f"[{value}]::interval[1] as f, union_value(u := {value}) as u"
    )
    exact = pa.MonthDayNano([10, 3, -14_706_000_007_000])
    [row] = ask("duckdb://", query, pa.Table).to_pylist()
    assert row == {
        "v": exact,
        "s": {"a": [exact, None]},
        "m": [("k", exact)],
        "f": [exact],
        "u": exact,
    }
    for output in (pa.Table, pa.RecordBatchReader, list[dict]):
        with pytest.raises(ResultError, match=r"column 'v', row 1: .*292 years"):
            ask("duckdb://", "select interval '3000000 hours' as v", output)


@pytest.mark.parametrize("value", ["interval '1 day'", "[interval '1 day']", "union_value(a := 1)"])
def test_a_type_that_parquet_has_not_is_refused_in_a_file(ask, value):
    with pytest.raises(ResultError, match="column 'v': Parquet has no type for"):
        ask("duckdb://", f"select 1 as a, {value} as v", File)


def test_intervals_are_timedeltas_at_any_depth(database, ask):
    if database.startswith("sqlite"):
        return  # it has no intervals
    hours = "interval '2 hours'"
    assert ask(database, f"select {hours} as v, array[{hours}] as w") == [
        {"v": dt.timedelta(hours=2), "w": [dt.timedelta(hours=2)]}
    ]


@pytest.mark.parametrize(
    "value", ["{'x': '1'::bit}", "map {1: '1'::bit}", "[row(5::bignum)]", "[['1'::bit]]"]
)
def test_a_type_of_duckdb_that_arrow_has_not_is_refused_at_any_depth(value, refused_everywhere):
    refused_everywhere("duckdb://", f"select {value} as v", "a type that Arrow has not")


@pytest.fixture
def composites(postgresql, ask):
    for statement in (
        "create type money_in as (m money, n numeric(10, 2))",
        "create type zone_in as (z timetz)",
        "create type address_in as (n inet)",
        "create type number_in as (n numeric, o oid, a int[])",
        "create domain dollars as money",
        "create domain share as numeric(5, 2)",
    ):
        ask(postgresql, statement, None)
    return postgresql


@pytest.mark.parametrize(
    "value",
    [
        "row('1.50', 1)::money_in",
        "array[row('1.50', 1)::money_in]",
        "array['1.5'::dollars]",
        "'1.5'::dollars",
        "row('12:00+03')::zone_in",
        "row('1.1.1.1')::address_in",
        "'pg_class'::regclass",
        "'now'::regproc",
        "int4multirange(int4range(1, 2))",
    ],
)
def test_a_type_of_postgresql_that_arrow_has_not_is_refused_at_any_depth(
    composites, value, refused_everywhere
):
    refused_everywhere(composites, f"select {value} as v", "a type that Arrow has not")


def test_what_composites_and_domains_hold_is_exact(composites, ask):
    query = (
        "select row(1.50, 4294967295, array[1])::number_in as c, "
        "array['1.5'::share] as d, 4294967295::oid as o, array[3000000000::oid] as l"
    )
    assert ask(composites, query) == [
        {
            "c": {"n": Decimal("1.50"), "o": 2**32 - 1, "a": [1]},
            "d": [Decimal("1.50")],
            "o": 2**32 - 1,
            "l": [3_000_000_000],
        }
    ]


def test_an_interval_of_postgresql_beyond_arrow_s_names_the_column(postgresql, ask):
    query = "select 1 as n, interval '3000000 hours' as v"
    for output in (pa.Table, pa.RecordBatchReader, list[dict]):
        with pytest.raises(ResultError, match=r"column 'v': .* more time than the 292 years"):
            ask(postgresql, query, output)


def test_a_range_of_postgresql_is_refused_by_its_name(postgresql, refused_everywhere):
    refused_everywhere(postgresql, "select int4range(1, 2) as v", r"\(int4range\)")


@pytest.mark.parametrize(("extension", "value"), [("citext", "x"), ("hstore", "a=>1")])
def test_a_type_of_an_extension_is_refused_by_its_name_and_given_as_text(
    postgresql, ask, refused_everywhere, extension, value
):
    # It is in the schema of the test that has made it.
    ask(postgresql, f"drop extension if exists {extension} cascade", None)
    ask(postgresql, f"create extension {extension}", None)
    query = f"select '{value}'::{extension} as v"
    refused_everywhere(postgresql, query, rf"\({extension}\): write cast\(\.\.\. as text\)")
    assert ask(postgresql, f"select cast('{value}'::{extension} as text)", str) is not None


def test_a_type_that_the_run_has_made_is_known_to_its_next_task(postgresql):
    make = SQLTask(
        name="make", query="create type pair as (a int, b text)", output=None, database=postgresql
    )
    ask = SQLTask(
        name="ask", query="select row(1, 'x')::pair as v", output=list[dict], database=postgresql
    )
    env = TaskEnvironment(name="types")

    @env.task
    async def both() -> list[dict]:
        await make()
        return await ask()

    assert run(both) == [{"v": {"a": 1, "b": "x"}}]


@pytest.mark.parametrize(
    "value",
    ["array[[1, 2], [3, 4]]", "array[row(1, 1, array[[1], [2]])::number_in]"],
)
def test_an_array_of_several_dimensions_is_refused(composites, value, refused_everywhere):
    query = f"select v from (values (null), ({value})) t(v)"
    refused_everywhere(composites, query, "column 'v', row 2: an array of several dimensions")


def test_an_array_that_a_change_returns_has_one_dimension_or_is_refused(postgresql, ask):
    ask(postgresql, "create table t (a int[])", None)
    assert ask(postgresql, "insert into t values (array[1, 2]) returning a -- all") == [
        {"a": [1, 2]}
    ]
    with pytest.raises(ResultError, match="column 'a', row 1: an array of several dimensions"):
        ask(postgresql, "insert into t values (array[[1], [2]]) returning a")
    assert ask(postgresql, "select count(*) from t", int) == 1


def test_an_array_comes_with_parameters_order_and_repeated_names(postgresql, ask):
    query = "select array[n] as a, array[n, n] as a from generate_series(1, 3) n where n > :m"
    table = ask(postgresql, f"{query} order by n desc", pa.Table, m=1)
    assert table.column_names == ["a", "a"]
    assert [column.to_pylist() for column in table.columns] == [[[3], [2]], [[3, 3], [2, 2]]]


def test_the_char_of_postgresql_is_text(postgresql, ask, refused_everywhere):
    query = "select ''::\"char\" as empty, 'a'::\"char\" as a"
    assert ask(postgresql, query) == [{"empty": "", "a": "a"}]
    refused_everywhere(postgresql, "select 'é'::\"char\" as v", "column 'v', row 1: ")


UNBOUNDED = pa.decimal128(38, 20)


@pytest.mark.parametrize("rows", ["(1.5), (2.5)", "(1.5), (null)", "(0.00000000000000000001)"])
def test_a_numeric_without_precision_has_one_type_in_every_output(postgresql, ask, rows):
    query = f"select x, array[x] as l from (values {rows}) t(x)"
    for output in (pa.Table, pa.RecordBatchReader):
        assert ask(postgresql, query, output).schema.types[0] == UNBOUNDED
    assert ask(postgresql, query, pl.DataFrame).schema["x"] == pl.Decimal(38, 20)
    assert set(map(type, ask(postgresql, query, pd.DataFrame)["x"].dropna())) == {Decimal}
    assert {type(row["x"]) for row in ask(postgresql, query)} <= {Decimal, type(None)}


@pytest.mark.parametrize("value", ["'NaN'", "'infinity'", "1e76", "1e-21", "1e18"])
def test_a_numeric_that_arrow_has_not_is_refused_there_and_exact_in_python(postgresql, ask, value):
    query = f"select x from (values (1.5), ({value}::numeric)) t(x)"
    for output in OUTPUTS[:-1]:
        with pytest.raises(ResultError, match=r"column 'x', row 2: .* is not exact in decimal128"):
            ask(postgresql, query, output)
    assert str(ask(postgresql, query)[1]["x"]) == str(Decimal(f"{Decimal(value.strip(chr(39))):f}"))


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("1.5::numeric(10, 2)", pa.decimal128(10, 2)),
        ("12345::numeric(3, -2)", pa.decimal128(5, 0)),
        ("0.00123::numeric(3, 5)", pa.decimal128(5, 5)),
        ("1.5::numeric(50, 2)", pa.decimal256(50, 2)),
        (f"{'9' * 45}.99999::numeric(50, 5)", pa.decimal256(50, 5)),
    ],
)
def test_a_numeric_with_a_precision_has_the_type_that_it_says(
    postgresql, ask, value, kind, refused_everywhere
):
    table = ask(postgresql, f"select {value} as v, {value}::text as t", pa.Table)
    assert table.schema.types[0] == kind
    [row] = table.to_pylist()
    assert row["v"] == Decimal(row["t"])
    nan = value.replace("1.5", "'NaN'")
    if nan != value:
        refused_everywhere(postgresql, f"select {nan} as v", "column 'v', row 1: 'nan'")


def test_decimals_that_polars_would_panic_at_are_refused(postgresql, ask):
    with pytest.raises(ResultError, match="column 'v': polars has no decimal256"):
        ask(postgresql, "select 1.5::numeric(50, 2) as v", pl.DataFrame)


@pytest.mark.parametrize("value", ["'4713-01-01 BC'::date", "'5874897-12-31'::date"])
def test_a_date_that_pandas_has_not_names_column_and_row(postgresql, ask, value):
    with pytest.raises(ResultError, match="column 'v', row 1: "):
        ask(postgresql, f"select {value} as v", pd.DataFrame)


@pytest.mark.parametrize("value", ["timestamp_ns '2026-01-01 00:00:00.000000001'"])
def test_nanoseconds_are_exact_in_arrow_and_refused_in_python(ask, value):
    assert str(ask("duckdb://", f"select {value} as v", pa.Table)["v"][0]).endswith("000000001")
    with pytest.raises(ResultError, match="column 'v', row 1: nanoseconds"):
        ask("duckdb://", f"select [{value}] as v")


def test_a_row_far_into_a_stream_is_named(postgresql, ask):
    query = (
        "select case when n = 150000 then timestamp 'infinity' else timestamp '2026-01-01' end "
        "as v from generate_series(1, 200000) n where n > :least"
    )
    with pytest.raises(ResultError, match="column 'v', row 149990: "):
        ask(postgresql, query, File, least=10)


SQLITE = {
    "bigint": pa.int64(),
    "varchar(9)": pa.string(),
    "blob": pa.binary(),
    "double": pa.float64(),
}


@pytest.mark.parametrize("kind", SQLITE)
def test_a_column_of_a_table_of_sqlite_has_its_declared_type(tmp_path, ask, kind):
    url = f"sqlite:///{tmp_path}/a.db"
    ask(url, f'create table t (a {kind}, "b?" {kind})', None)
    query = 'select a, "b?" as b, a as a from t where :x = :x -- all'
    for value in (None, "null"):
        if value:
            ask(url, f"insert into t values ({value}, {value})", None)
        for output in (pa.Table, pa.RecordBatchReader):
            assert ask(url, query, output, x=1).schema.types == [SQLITE[kind]] * 3


def test_a_value_of_sqlite_that_is_not_of_its_column_s_type_is_refused(
    tmp_path, ask, refused_everywhere
):
    url = f"sqlite:///{tmp_path}/a.db"
    ask(url, "create table t (a integer)", None)
    ask(url, "insert into t values (1), ('x')", None)
    refused_everywhere(url, "select a from t", "column 'a', row 2: 'x' of type str")
    assert ask(url, "select cast(a as text) as a from t") == [{"a": "1"}, {"a": "x"}]


MARIADB = {
    "tinyint unsigned": (pa.uint8(), 255, 255),
    "smallint": (pa.int16(), -(2**15), -(2**15)),
    "mediumint": (pa.int32(), -(2**23), -(2**23)),
    "int unsigned": (pa.uint32(), 2**32 - 1, 2**32 - 1),
    "bigint": (pa.int64(), -(2**63), -(2**63)),
    "bigint unsigned": (pa.uint64(), 2**64 - 1, 2**64 - 1),
    "decimal(65, 30)": (pa.decimal256(65, 30), "9.5", Decimal("9.5")),
    "decimal(10, 2) unsigned": (pa.decimal128(10, 2), "9.5", Decimal("9.5")),
    "double": (pa.float64(), 0.1, 0.1),
    "date": (pa.date32(), "9999-12-31", dt.date(9999, 12, 31)),
    "datetime(6)": (
        pa.timestamp("us"),
        "2026-01-01 00:00:00.000001",
        dt.datetime(2026, 1, 1, microsecond=1),
    ),
    "time(6)": (pa.duration("us"), "-838:59:59", -dt.timedelta(hours=838, minutes=59, seconds=59)),
    "year": (pa.uint16(), 2026, 2026),
    "varchar(9)": (pa.string(), "ü", "ü"),
    "varbinary(9)": (pa.binary(), "b", b"b"),
    "enum('a', 'b')": (pa.string(), "b", "b"),
    "json": (pa.string(), "{}", "{}"),
    "boolean": (pa.int8(), 1, 1),
}


@pytest.mark.parametrize("kind", MARIADB)
def test_a_column_of_mariadb_has_its_type_whatever_its_values(mariadb, ask, kind):
    arrow, written, read = MARIADB[kind]
    ask(mariadb, f"create table t (v {kind})", None)
    for output in (pa.Table, pa.RecordBatchReader):
        assert ask(mariadb, "select v from t", output).schema.types == [arrow]
    ask(mariadb, "insert into t values (null)", None)
    assert ask(mariadb, "select v from t", pa.Table).schema.types == [arrow]
    ask(mariadb, "insert into t values (:v)", None, v=written)
    table = ask(mariadb, "select v from t where v is not null", pa.Table)
    assert table.schema.types == [arrow]
    assert table["v"].to_pylist() == [read]


def test_a_date_of_zeros_names_column_and_row_and_the_database_s_own_cast(mariadb, ask):
    query = "select date '2026-01-01' as v union all select cast('0000-00-00' as date)"
    with pytest.raises(ResultError, match=r"column 'v', row 2: .*cast\(`v` as char\)"):
        ask(mariadb, f"{query} order by v desc")


def test_a_type_of_mariadb_that_arrow_has_not_is_refused(mariadb, refused_everywhere):
    refused_everywhere(mariadb, "select point(1, 2) as v", "a type that Arrow has not")
