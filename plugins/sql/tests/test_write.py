"""Bulk writes: a table as an input becomes a table of the database."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import parquet

from tasksmithy import TaskDefinitionError, run, serialize
from tasksmithy.values._files import File
from tasksmithy_sql import QueryError, RowCount, SQLWrite

ROWS = pa.table({"k": [1, 2], "v": ["one", None]})


def write(database: str, rows: Any, mode: str = "append", **fields: Any) -> Any:
    task = SQLWrite(
        name="w", table="t", inputs={"rows": type(rows)}, mode=mode, database=database, **fields
    )
    return run(task, rows=rows)


@pytest.fixture
def table(database, ask):
    """A database with a table `t` that holds the row (1, 'old')."""
    ask(database, "create table t (k integer primary key, v varchar(20))", None)
    ask(database, "insert into t values (1, 'old')", None)
    return database


def test_create_makes_the_table(database, ask):
    assert write(database, ROWS, "create") == RowCount(2)
    assert ask(database, "select * from t order by k") == ROWS.to_pylist()


def test_create_refuses_a_table_that_is_there(table, ask):
    with pytest.raises(QueryError, match="exists"):
        write(table, ROWS, "create")
    assert ask(table, "select v from t", str) == "old"


def test_append_adds(table, ask):
    assert write(table, ROWS.slice(1)) == 1
    assert ask(table, "select k from t order by k") == [{"k": 1}, {"k": 2}]


def test_append_to_a_missing_table_names_the_near_miss(database, ask):
    ask(database, "create table tt (k integer, v text)", None)
    with pytest.raises(QueryError, match="tt"):
        write(database, ROWS)


def test_append_that_fails_halfway_leaves_nothing(table, ask):
    with pytest.raises(QueryError):
        write(table, pa.table({"k": [7, 8, 1], "v": ["a", "b", "c"]}))
    assert ask(table, "select count(*) from t", int) == 1


def test_append_needs_no_column_that_has_a_default(table, ask):
    assert write(table, pa.table({"k": [5]})) == 1
    assert ask(table, "select v from t where k = 5") == [{"v": None}]


def test_a_column_that_the_table_has_not_is_an_error(table):
    with pytest.raises(QueryError, match="w"):
        write(table, pa.table({"k": [5], "w": [1]}))


def test_replace_makes_it_anew(table, ask):
    assert write(table, pa.table({"x": [1.5]}), "replace") == 1
    assert ask(table, "select * from t") == [{"x": 1.5}]


def test_replace_makes_what_is_not_there(database, ask):
    assert write(database, ROWS, "replace") == 2


def test_upsert_updates_and_adds(table, ask):
    assert write(table, ROWS, "upsert", key="k") == 2
    assert ask(table, "select * from t order by k") == ROWS.to_pylist()


def test_upsert_without_a_unique_index_says_so(database, ask):
    ask(database, "create table t (k integer, v text)", None)
    with pytest.raises(QueryError, match=r"(?i)unique|constraint"):
        write(database, ROWS, "upsert", key="k")


def test_upsert_of_a_key_twice_is_refused(table, ask):
    with pytest.raises(QueryError, match="k=2 more than once"):
        write(table, pa.table({"k": [2, 2], "v": ["a", "b"]}), "upsert", key="k")
    assert ask(table, "select count(*) from t", int) == 1


def test_upsert_of_the_key_alone_keeps_what_is_there(table, ask):
    assert write(table, pa.table({"k": [1, 3]}), "upsert", key=["k"]) == 1
    assert ask(table, "select * from t order by k") == [{"k": 1, "v": "old"}, {"k": 3, "v": None}]


def test_upsert_needs_its_key_among_the_columns(table):
    with pytest.raises(QueryError, match="no column 'k'"):
        write(table, pa.table({"v": ["a"]}), "upsert", key="k")


def test_frames_streams_and_files_are_written(database, ask, tmp_path):
    file = tmp_path / "rows.parquet"
    parquet.write_table(ROWS, file)
    write(database, ROWS.to_pandas(), "create")
    write(database, pl.from_arrow(ROWS))
    write(database, ROWS.to_reader())
    write(database, File(str(file)))
    assert ask(database, "select k, count(*) as n from t group by k order by k") == [
        {"k": 1, "n": 4},
        {"k": 2, "n": 4},
    ]


def test_no_rows_make_an_empty_table(database, ask):
    assert write(database, ROWS.slice(0, 0), "create") == 0
    assert ask(database, "select count(*) from t", int) == 0


@dataclass
class Typed:
    i: int
    f: float
    b: bool
    s: str
    x: bytes
    d: dt.date
    t: dt.datetime
    n: Decimal
    c: str


def test_types_are_kept(database, ask):
    moment = dt.datetime(2026, 3, 1, 10, 0, 0, 123456)
    rows = pa.table(
        {
            "i": pa.array([2**62], pa.int64()),
            "f": [0.1],
            "b": [True],
            "s": ['it\'s "quoted" ü'],
            "x": [b"\x00\xff"],
            "d": [dt.date(2026, 3, 1)],
            "t": pa.array([moment], pa.timestamp("us")),
            "n": pa.array([Decimal("1.50")], pa.decimal128(10, 2)),
            "c": pa.array(["a"]).dictionary_encode(),
        }
    )
    write(database, rows, "create")
    [row] = ask(
        database,
        "select * from t",
        list[Typed],
    )
    assert row == Typed(
        i=2**62,
        f=0.1,
        b=True,
        s='it\'s "quoted" ü',
        x=b"\x00\xff",
        d=dt.date(2026, 3, 1),
        t=moment,
        n=Decimal("1.5"),
        c="a",
    )


def test_postgresql_casts_to_the_column_s_type(postgresql, ask):
    ask(postgresql, "create table t (a smallint, b jsonb, c uuid, d numeric(5, 2))", None)
    uuid = "00000000-0000-0000-0000-000000000007"
    rows = pa.table({"a": pa.array([1], pa.int64()), "b": ['{"x": 1}'], "c": [uuid], "d": [2.5]})
    write(postgresql, rows)
    assert ask(postgresql, "select a, b->>'x' as x, c::text as c, d from t") == [
        {"a": 1, "x": "1", "c": uuid, "d": Decimal("2.50")}
    ]


def test_no_number_is_too_large_for_postgresql(postgresql, ask):
    write(postgresql, pa.table({"n": pa.array([2**64 - 1], pa.uint64())}), "create")
    assert ask(postgresql, "select n from t", int) == 2**64 - 1


@pytest.mark.parametrize("scheme", ["sqlite", "postgresql"])
def test_a_column_that_the_database_has_no_type_for_is_named(scheme, request):
    url = request.getfixturevalue("postgresql") if scheme == "postgresql" else "sqlite://"
    with pytest.raises(QueryError, match=r"column 's': .* has no type for struct<x: int64>"):
        write(url, pa.table({"s": [{"x": 1}]}), "create")


def test_rows_without_columns_are_refused(database):
    with pytest.raises(QueryError, match="the rows have no columns"):
        write(database, pa.table({}), "create")


def test_a_value_that_the_column_cannot_hold_is_an_error(postgresql, ask):
    ask(postgresql, "create table t (a smallint)", None)
    with pytest.raises(QueryError, match="out of range"):
        write(postgresql, pa.table({"a": [1, 70000]}))
    assert ask(postgresql, "select count(*) from t", int) == 0


def test_a_table_may_be_in_a_schema(server, postgresql, ask):
    name = postgresql.rpartition("%3D")[2]
    task = SQLWrite(
        name="w",
        table=f"{name}.other",
        inputs={"rows": pa.Table},
        mode="create",
        database=server.url(),
    )
    assert run(task, rows=ROWS) == 2
    assert ask(postgresql, "select count(*) from other", int) == 2


@pytest.mark.parametrize("name", ['it"s', "t; drop table log", "select", "ü"])
def test_names_are_quoted(database, ask, name):
    task = SQLWrite(
        name="w", table=name, inputs={"rows": pa.Table}, mode="create", database=database
    )
    assert run(task, rows=pa.table({name: [1]})) == 1


def test_appending_through_sqlalchemy(tmp_path, ask):
    url = f"sqlite+pysqlite:///{tmp_path}/a.db"
    ask(url, "create table t (k integer, v text)", None)
    assert write(url, ROWS) == 2
    assert ask(url, "select * from t order by k") == ROWS.to_pylist()


def test_a_percent_sign_in_a_name_is_written_through_sqlalchemy(postgresql, ask):
    ask(postgresql, 'create table "t%" ("a%" integer)', None)
    task = SQLWrite(
        name="w",
        table="t%",
        inputs={"rows": pa.Table},
        database=postgresql.replace("postgresql:", "postgresql+psycopg:"),
    )
    run(task, rows=pa.table({"a%": [1]}))
    assert ask(postgresql, 'select * from "t%"') == [{"a%": 1}]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"mode": "apend"}, "one of 'create', 'append', 'replace', 'upsert'"),
        ({"mode": "upsert"}, "the key's columns"),
        ({"key": "k"}, "the key's columns"),
        ({"table": ""}, "table"),
        ({"table": "a.b.c"}, "table or schema.table"),
        ({"inputs": {}}, "one input"),
        ({"inputs": {"a": int}}, "a table"),
        ({"database": "mysql+pymysql://h/d", "mode": "create"}, "'append'"),
    ],
)
def test_a_wrong_field_is_an_error_at_definition(fields, said):
    given = {"table": "t", "inputs": {"rows": pa.Table}, **fields}
    with pytest.raises(TaskDefinitionError, match=said):
        SQLWrite(name="w", **given)


def test_the_spec_says_where_the_rows_go():
    task = SQLWrite(
        name="w", table="s.t", inputs={"rows": pa.Table}, mode="upsert", key="k", cache="auto"
    )
    spec = serialize(task)
    assert spec.sql is None
    assert spec.custom_config == {
        "database": "duckdb://",
        "table": "s.t",
        "mode": "upsert",
        "key": ["k"],
    }


def test_pandas_columns_of_text_and_time_are_written(database, ask):
    frame = pd.DataFrame({"s": ["x", None], "t": pd.to_datetime(["2026-03-01", None])})
    assert write(database, frame, "create") == 2
    assert ask(database, "select count(t) from t", int) == 1


def test_a_missing_table_is_not_taken_for_the_rows(database):
    with pytest.raises(QueryError) as raised:
        write(database, ROWS)
    assert "tasksmithy" not in str(raised.value)


def test_a_stream_that_fails_leaves_nothing_and_shows_no_traceback(database, ask):
    def batches() -> Iterator[pa.RecordBatch]:
        yield ROWS.to_batches()[0]
        raise ValueError("no more of them")

    with pytest.raises(QueryError, match="no more of them") as raised:
        write(database, pa.RecordBatchReader.from_batches(ROWS.schema, batches()), "create")
    assert "Traceback" not in str(raised.value)
    with pytest.raises(QueryError):
        ask(database, "select * from t")
