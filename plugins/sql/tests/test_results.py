"""Results: the declared output type says what a result becomes."""

from __future__ import annotations

import datetime as dt
import gc
import os
import tempfile
import time
import weakref
from dataclasses import dataclass, make_dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import parquet
from pydantic import AliasChoices, BaseModel, Field, field_validator

from tasksmithy import TaskDefinitionError, run
from tasksmithy.values._files import Dir, File
from tasksmithy_sql import QueryError, ResultError, RowCount, SQLError, SQLTask

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


def test_the_number_of_rows_that_a_change_after_with_changed(database, ask):
    ask(database, "create table t (a integer)", None)
    added = "with two as (select 1 as a union all select 2) insert into t select a from two"
    assert ask(database, added, RowCount) == 2
    assert ask(database, f"{added} where a > 2", RowCount) == 0


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


def test_a_stream_with_parameters_needs_no_transaction(database):
    task = SQLTask(
        name="t",
        query="select :a as a",
        inputs={"a": int},
        output=pa.RecordBatchReader,
        database=database,
        transaction=False,
    )
    assert run(task, a=1).read_all().to_pylist() == [{"a": 1}]


@pytest.mark.parametrize("output", [pa.Table, pa.RecordBatchReader, File])
@pytest.mark.parametrize("end", [" -- it's one", ";", "; -- one", " /* one */ ;;\n-- ;"])
def test_a_query_may_end_with_comments_and_semicolons(database, ask, output, end):
    result = ask(database, f"select 1 as a{end}", output)
    rows = parquet.read_table(result) if output is File else pa.table(result)
    assert rows.to_pylist() == [{"a": 1}]


@pytest.mark.parametrize("output", [list[dict], pa.RecordBatchReader])
@pytest.mark.parametrize("query", ["explain select 1", "show server_version", "table pg_tables"])
def test_whatever_gives_rows_in_postgresql_is_a_result(postgresql, ask, output, query):
    result = ask(postgresql, query, output)
    assert len(result if isinstance(result, list) else result.read_all()) > 0


def test_an_empty_stream_has_its_columns(database, ask):
    reader = ask(database, f"{TWO.replace(' order by a', '')} limit 0", pa.RecordBatchReader)
    assert reader.schema.names == ["a", "b"]
    assert reader.read_all().num_rows == 0


def text_in_row(database: str, row: int) -> str:
    """A query of many rows, one of which the database or its driver cannot give."""
    if database.startswith("sqlite"):
        return f"select case when n = {row} then t else n end as v from ({numbers(database, row)})"
    return f"select 1 / ({row} - n)::int as v from ({numbers(database, 2 * row)}) x"


def parquet_files(state: Path) -> list[Path]:
    return list(state.rglob("*.parquet"))


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


def test_a_parquet_file_stays_in_the_user_s_state_folder(database, ask, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "mine"))
    one, other = (ask(database, TWO, File) for _ in range(2))
    assert one != other
    for file in (one, other):
        assert (tmp_path / "mine" / "tasksmithy" / "outputs") in Path(file).parents
        assert parquet.read_table(str(Path(file))).num_rows == 2


def test_a_parquet_file_of_a_user_without_a_home_is_in_the_temporary_directory(
    ask, tmp_path, monkeypatch
):
    monkeypatch.setenv("XDG_STATE_HOME", "")
    monkeypatch.setenv("HOME", "/nonexistent")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    file = ask("duckdb://", TWO, File)
    assert tmp_path / f"tasksmithy-{os.getuid()}" / "outputs" in Path(file).parents
    assert parquet.read_table(str(Path(file))).num_rows == 2


@pytest.mark.parametrize("scheme", ["sqlite", "postgresql"])
def test_a_statement_that_fails_leaves_no_parquet_file(scheme, ask, tmp_path, request):
    url = request.getfixturevalue("server").url() if scheme == "postgresql" else "sqlite://"
    with pytest.raises(SQLError):
        ask(url, text_in_row(url, 150_000), File)
    assert parquet_files(tmp_path) == []


def test_a_commit_that_fails_leaves_no_parquet_file(postgresql, ask, tmp_path):
    ask(postgresql, "create table t (a integer primary key deferrable initially deferred)", None)
    ask(postgresql, "insert into t values (1)", None)
    with pytest.raises(QueryError, match="duplicate key"):
        ask(postgresql, "insert into t values (1) returning a", File)
    assert parquet_files(tmp_path) == []


@pytest.mark.parametrize("output", [list[dict], File, pl.DataFrame])
def test_columns_with_one_name_are_an_error_where_names_count(database, ask, output):
    with pytest.raises(ResultError, match="column 'a' is there more than once"):
        ask(database, "select 1 as a, 2 as a", output)


@pytest.mark.parametrize("output", [list[dict], list[Row], int])
@pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)
def test_a_statement_that_gives_no_rows_has_no_such_output(database, ask, output):
    with pytest.raises(ResultError, match="the statement gives no rows: declare"):
        ask(database, "create table t (a integer)", output)
    with pytest.raises(QueryError):
        ask(database, "select * from t")


def test_columns_that_do_not_fit_are_an_error_without_rows_too(database, ask):
    with pytest.raises(ResultError, match=r"no column 'b', which .*Row needs"):
        ask(database, "select 1 as a where 1 = 2", list[Row])


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
        ("select 'x' as n", int, "column 'n', row 1: .*got 'x' of type str"),
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


class Aliased(BaseModel):
    number: int = Field(alias="a")
    text: str | None = Field(validation_alias=AliasChoices("b", "label"))


class AliasedByName(BaseModel, populate_by_name=True):
    a: int = Field(alias="number")
    b: str | None = Field(alias="text")


@pytest.mark.parametrize("model", [Aliased, AliasedByName])
def test_a_column_may_have_any_name_that_a_model_s_field_has(ask, model):
    assert [tuple(dict(row).values()) for row in ask("duckdb://", TWO, list[model])] == [
        (1, "x"),
        (2, None),
    ]


def test_a_missing_column_is_told_with_all_its_names(ask):
    with pytest.raises(ResultError, match=r"no column 'b' or 'label', which .*Aliased needs"):
        ask("duckdb://", "select 1 as a where false", list[Aliased])


class Positive(BaseModel):
    a: int

    @field_validator("a")
    @classmethod
    def _is_positive(cls, a: int) -> int:
        if a < 0:
            raise ValueError("it is negative")
        return a


def test_a_result_that_does_not_fit_is_not_kept_in_memory(ask):
    def failed() -> weakref.ref[ResultError]:
        with pytest.raises(ResultError) as raised:
            ask("duckdb://", "select -1 as a", list[Positive])
        return weakref.ref(raised.value)

    error = failed()
    deadline = time.monotonic() + 60
    while error() is not None and time.monotonic() < deadline:
        gc.collect()
        time.sleep(0.02)  # the thread that ran it lets go of it in a moment
    assert error() is None


def test_a_row_type_that_nobody_can_check_is_told(ask):
    class Unknown:
        """Nothing that pydantic knows."""

    with pytest.raises(ResultError, match=r"rows cannot be made .*: Unable to generate"):
        ask("duckdb://", "select 1 as a", list[make_dataclass("Strange", [("a", Unknown)])])


def test_a_model_that_ignores_other_columns_may_have_fewer_fields(database, ask):
    assert ask(database, "select 1 as a, 2 as c", list[Open]) == [Open(a=1)]


def late(value: str) -> str:
    """A query of SQLite of 200,000 rows, whose column `v` is NULL in the first half of them."""
    return f"select case when n > 100000 then {value} end as v from ({numbers('sqlite', 200_000)})"


@pytest.mark.parametrize("url", ["sqlite://", "sqlite+pysqlite://"])
@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ("select 1 as v union all select 2.5", pa.float64()),
        ("select null as v union all select 1", pa.int64()),
        ("select null as v union all select 'x'", pa.string()),
        ("select null as v union all select null", pa.null()),
        (late("n"), pa.int64()),
        (late("t"), pa.string()),
    ],
)
def test_a_column_has_the_type_that_holds_its_values(ask, url, values, kind):
    assert ask(url, values, pa.Table).schema.types == [kind]


@pytest.mark.parametrize("url", ["sqlite://", "sqlite+pysqlite://"])
@pytest.mark.parametrize(
    ("query", "row"),
    [
        ("select 1 as v union all select 'x'", 2),
        ("select 'x' as v union all select null union all select x'00'", 3),
        ("select 0.5 as v union all select 9007199254740993", 2),
        (f"{late('n')} union all select 'x'", 200_001),
    ],
)
def test_a_column_of_several_types_names_the_first_row_that_does_not_fit(ask, url, query, row):
    with pytest.raises(ResultError, match=rf"column 'v', row {row}: .* write cast\("):
        ask(url, query)
    assert ask(url, f"select cast(v as text) as v from ({query}) limit 3")


def test_a_stream_keeps_the_types_of_its_first_batch(ask, tmp_path):
    file = ask("sqlite://", late("t"), File)
    assert parquet.read_table(str(Path(file)))["v"].to_pylist()[99_999:100_001] == [
        None,
        "text 100001",
    ]
    with pytest.raises(ResultError, match=r"column 'v', row 100001: .*in a column of string"):
        ask("sqlite://", late("n"), File)
    with pytest.raises(ResultError, match=r"column 'v', row 100001: 0.5 .*in a column of int64"):
        ask("sqlite://", late("0.5").replace("end", "else n end"), File)


@pytest.mark.parametrize(
    "value", ["'10.0.0.1'::inet", "12.5::money", "int4range(1, 5)", "array['10.0.0.1'::inet]"]
)
def test_a_type_of_postgresql_that_arrow_has_not_is_told_and_not_given_as_bytes(
    postgresql, ask, value
):
    for output in (pa.Table, File):
        with pytest.raises(ResultError, match="column 'v' is of a type that Arrow has not"):
            ask(postgresql, f"select {value} as v", output)
    assert ask(postgresql, f"select cast({value} as text) as v", str)


@pytest.mark.parametrize(
    "value", ["'101'::bit", "['1'::bit]", "5::bignum", "5::variant", "'01:02:03+02'::timetz"]
)
def test_a_type_of_duckdb_that_arrow_has_not_is_told_and_not_given_as_bytes(ask, value):
    for output in (pa.Table, File):
        with pytest.raises(ResultError, match="column 'v' is of a type that Arrow has not"):
            ask("duckdb://", f"select {value} as v", output)
    assert ask("duckdb://", f"select cast({value} as text) as v", str)


@pytest.mark.parametrize(
    ("value", "given"),
    [
        ("array[1.50::numeric]", [Decimal("1.50")]),
        ("array['00000000-0000-0000-0000-000000000007'::uuid]", [UUID(int=7)]),
        ("array['{}'::jsonb]", ["{}"]),
        ("array[]::numeric[]", []),
    ],
)
def test_an_array_of_postgresql_is_a_list(postgresql, ask, value, given):
    assert ask(postgresql, f"select {value} as v") == [{"v": given}]
    stream = ask(postgresql, f"select {value} as v where 1 = :one", pa.RecordBatchReader, one=1)
    assert stream.read_all().to_pylist() == [{"v": given}]
    file = ask(postgresql, f"select {value} as v", File)
    assert "opaque" not in str(parquet.read_table(str(Path(file))).schema)


@pytest.mark.parametrize("value", ["'4713-01-01 BC'::date", "'5874897-01-01'::date"])
def test_a_date_that_python_has_not_names_column_and_row(postgresql, ask, value):
    query = f"select date '2026-01-01' as d union all select {value}"
    assert ask(postgresql, query, pa.Table).num_rows == 2
    with pytest.raises(ResultError, match="column 'd', row 2: "):
        ask(postgresql, query)


@pytest.mark.parametrize("database", ["duckdb", "postgresql"], indirect=True)
def test_an_interval_is_a_timedelta_unless_it_has_months(database, ask):
    query = "select interval '2 days 3 hours' as i"
    assert ask(database, query, dt.timedelta) == dt.timedelta(days=2, hours=3)
    with pytest.raises(ResultError, match="column 'i', row 1: 1 months are no timedelta"):
        ask(database, "select interval '1 month' as i")


def test_a_change_with_parameters_may_give_a_stream(postgresql, ask):
    ask(postgresql, "create table t (a integer)", None)
    query = "with added as (insert into t values (:a) returning a) select a from added"
    assert ask(postgresql, query, pa.RecordBatchReader, a=7).read_all().to_pylist() == [{"a": 7}]


@pytest.mark.parametrize(
    "output", [int | list, set, dict, object, list[int], "table", tuple[int, str], Dir]
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
