"""Results: the declared output type says what a result becomes."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import parquet
from pydantic import BaseModel

from tasksmithy import TaskDefinitionError, run
from tasksmithy.files import File
from tasksmithy_sql import ResultError, RowCount, SQLTask

TWO = "select 1 as a, 'x' as b union all select 2, null order by a"


@dataclass
class Row:
    a: int
    b: str | None


class Model(BaseModel):
    a: int
    b: str | None = None


class Open(BaseModel, extra="ignore"):
    a: int


def numbers(database: str, count: int) -> str:
    """A query of `count` rows."""
    if database.startswith("sqlite"):
        return (
            f"with recursive r(n) as (select 1 union all select n + 1 from r where n < {count}) "
            "select n, 'text ' || n as t from r"
        )
    return f"select n, 'text ' || n as t from generate_series(1, {count}) as r(n)"


def test_an_arrow_table_is_the_default(database):
    table = run(SQLTask(name="t", query=TWO, database=database))
    assert isinstance(table, pa.Table)
    assert table.to_pylist() == [{"a": 1, "b": "x"}, {"a": 2, "b": None}]


def test_pandas(database, ask):
    frame = ask(database, TWO, pd.DataFrame)
    assert isinstance(frame, pd.DataFrame)
    assert list(frame["a"]) == [1, 2]


def test_polars(database, ask):
    frame = ask(database, TWO, pl.DataFrame)
    assert isinstance(frame, pl.DataFrame)
    assert frame.rows() == [(1, "x"), (2, None)]


@pytest.mark.parametrize("output", [list, list[dict], list[dict[str, Any]]])
def test_rows(database, ask, output):
    assert ask(database, TWO, output) == [{"a": 1, "b": "x"}, {"a": 2, "b": None}]


def test_dataclasses(database, ask):
    assert ask(database, TWO, list[Row]) == [Row(1, "x"), Row(2, None)]


def test_pydantic_models(database, ask):
    assert ask(database, TWO, list[Model]) == [Model(a=1, b="x"), Model(a=2)]


@pytest.mark.parametrize(
    ("query", "output", "value"),
    [
        ("select 41 + 1", int, 42),
        ("select 'x'", str, "x"),
        ("select 1.5", float, 1.5),
        ("select cast('2.50' as decimal(10, 2))", Decimal, Decimal("2.5")),
        ("select 1 = 1", bool, True),
        ("select '2026-03-01'", dt.date, dt.date(2026, 3, 1)),
        ("select '2026-03-01 10:00:00'", dt.datetime, dt.datetime(2026, 3, 1, 10)),
        (f"select '{UUID(int=7)}'", UUID, UUID(int=7)),
        ("select null", int | None, None),
        ("select 1 where 1 = 2", int | None, None),
    ],
)
def test_a_scalar(database, ask, query, output, value):
    assert ask(database, query, output) == value


def test_the_number_of_rows_changed(database, ask):
    ask(database, "create table t (a integer)", None)
    assert ask(database, "insert into t values (1), (2), (3)", RowCount) == 3
    assert ask(database, "update t set a = 9 where a > 1", RowCount) == 2
    assert ask(database, "delete from t where a = 7", RowCount) == 0


def test_rows_that_a_change_returns(database, ask):
    ask(database, "create table t (a integer)", None)
    assert ask(database, "insert into t values (1), (2) returning a") == [{"a": 1}, {"a": 2}]
    assert ask(database, "select count(*) from t", int) == 2


def test_no_output(database, ask):
    assert ask(database, "create table t (a integer)", None) is None


def test_a_stream_of_batches(database, ask):
    reader = ask(database, numbers(database, 200_000), pa.RecordBatchReader)
    batches = list(reader)
    assert len(batches) > 1
    assert sum(batch.num_rows for batch in batches) == 200_000


def test_a_stream_with_parameters(database, ask):
    query = f"select * from ({numbers(database, 200_000)}) x where n > :least"
    reader = ask(database, query, pa.RecordBatchReader, least=10)
    assert reader.read_all().num_rows == 199_990


def test_an_empty_stream_has_its_columns(database, ask):
    reader = ask(database, f"{TWO.replace(' order by a', '')} limit 0", pa.RecordBatchReader)
    assert reader.schema.names == ["a", "b"]
    assert reader.read_all().num_rows == 0


@pytest.mark.parametrize("output", [File, Path])
def test_a_parquet_file(database, ask, output):
    file = ask(database, numbers(database, 200_000), output)
    assert isinstance(file, output)
    table = parquet.read_table(str(Path(file)))
    assert (table.num_rows, table.column_names) == (200_000, ["n", "t"])


def test_a_file_of_one_task_is_a_table_of_the_next(database, ask):
    file = ask(database, numbers(database, 10), File)
    count = SQLTask(name="t", query="select count(*) from r", inputs={"r": File}, output=int)
    assert run(count, r=file) == 10


def test_a_numeric_of_postgresql_is_a_decimal(postgresql, ask):
    query = (
        "select 1.50::numeric(10, 2) as a, sum(n) as b, avg(n) as c from generate_series(1, 4) n"
    )
    [row] = ask(postgresql, query)
    assert row == {"a": Decimal("1.50"), "b": Decimal(10), "c": Decimal("2.5")}


@pytest.mark.parametrize(
    ("query", "output", "said"),
    [
        (TWO, int, "one value, the result has 2 rows of 2 columns"),
        ("select 1 where 1 = 2", int, "has 0 rows"),
        ("select null as n", int, "column 'n', row 1: expected int, got NULL"),
        ("select 'x' as n", int, "row 1: .*got 'x' of type str"),
        (
            "select 1 as a, 'x' as b union all select 2, 'y'",
            list[dict[str, int]],
            "column 'b', row 1",
        ),
        ("select 1 as a", list[Row], "no column 'b', which .*Row needs"),
        ("select 1 as a, 'x' as b, 3 as c", list[Row], "no field for column 'c'"),
        ("select null as a, 'x' as b", list[Row], "column 'a', row 1"),
        ("select 1 as a, 2 as c", list[Model], "no field for column 'c'"),
        ("select 1 as a, 2 as a", list[dict], "column 'a' is there more than once"),
    ],
)
def test_a_result_that_does_not_fit_names_column_and_row(database, ask, query, output, said):
    with pytest.raises(ResultError, match=said):
        ask(database, query, output)


def test_the_row_that_does_not_fit_is_named(database, ask):
    query = "select 1 as a, '1' as b union all select 2, '2' union all select 3, 'x' order by a"
    with pytest.raises(ResultError, match="column 'b', row 3"):
        ask(database, query, list[dict[str, int]])


def test_a_model_that_ignores_other_columns_may_have_fewer_fields(database, ask):
    assert ask(database, "select 1 as a, 2 as c", list[Open]) == [Open(a=1)]


def test_a_column_of_several_types_in_sqlite_is_an_error_for_arrow(ask):
    query = "select 1 as v union all select 'x'"
    assert [row["v"] for row in ask("sqlite://", query.replace("1", "cast(1 as text)"))] == [
        "1",
        "x",
    ]
    with pytest.raises(ResultError, match=r"column 'v', row 2: 'x' of type str"):
        ask("sqlite://", query)


@pytest.mark.parametrize(
    "output", [int | list, set, dict, object, list[int], "table", tuple[int, str]]
)
def test_an_output_that_no_result_can_be_is_an_error_at_definition(output):
    with pytest.raises(TaskDefinitionError, match=r"output=.*RowCount"):
        SQLTask(name="t", query="select 1", output=output)


def test_a_query_that_changes_nothing_has_no_row_count():
    with pytest.raises(TaskDefinitionError, match="SELECT changes no rows"):
        SQLTask(name="t", query="select 1", output=RowCount)


def test_frames_and_tables_are_tables_of_duckdb():
    query = "select * from a join b using (k) join c using (k) order by k"
    task = SQLTask(
        name="t",
        query=query,
        inputs={"a": pa.Table, "b": pd.DataFrame, "c": pl.DataFrame},
        output=list[dict],
    )
    given = {"a": pa.table({"k": [1, 2]}), "b": pd.DataFrame({"k": [1, 2], "x": [3, 4]})}
    assert run(task, **given, c=pl.DataFrame({"k": [2], "y": ["z"]})) == [
        {"k": 2, "x": 4, "y": "z"}
    ]


def test_tables_of_one_task_are_unknown_to_the_next(tmp_path, ask):
    url = f"duckdb:///{tmp_path}/a.db"
    task = SQLTask(
        name="t", query="from rows", inputs={"rows": pa.Table}, output=list[dict], database=url
    )
    assert run(task, rows=pa.table({"a": [1]})) == [{"a": 1}]
    assert run(task, rows=pa.table({"a": [2]})) == [{"a": 2}]


@pytest.mark.parametrize("suffix", ["csv", "parquet", "json"])
def test_files_are_tables_of_duckdb(tmp_path, suffix):
    file = tmp_path / f"rows.{suffix}"
    if suffix == "parquet":
        parquet.write_table(pa.table({"a": [1]}), file)
    else:
        file.write_text('{"a": 1}\n' if suffix == "json" else "a\n1\n")
    task = SQLTask(name="t", query="from rows", inputs={"rows": File}, output=list[dict])
    assert run(task, rows=File(str(file))) == [{"a": 1}]


@pytest.mark.parametrize(("name", "said"), [("rows.txt", r"\.csv"), ("none.csv", "no such file")])
def test_a_file_that_is_no_table_is_said(tmp_path, name, said):
    (tmp_path / "rows.txt").write_text("a\n1\n")
    task = SQLTask(name="t", query="from rows", inputs={"rows": File})
    with pytest.raises(Exception, match=said):
        run(task, rows=File(str(tmp_path / name)))


@pytest.mark.parametrize("url", ["sqlite://", "postgresql://h/d"])
def test_tables_as_inputs_are_duckdb_s_alone(url):
    with pytest.raises(TaskDefinitionError, match="SQLWrite"):
        SQLTask(name="t", query="select * from rows", inputs={"rows": pa.Table}, database=url)


def test_a_stream_is_not_held_in_memory(tmp_path, ask):
    pa.default_memory_pool().release_unused()
    before = pa.total_allocated_bytes()
    query = "select range as n, repeat('x', 100) as t from range(2_000_000)"
    reader = ask("duckdb://", query, pa.RecordBatchReader)
    assert pa.total_allocated_bytes() - before < 20e6
    assert sum(batch.num_rows for batch in reader) == 2_000_000
