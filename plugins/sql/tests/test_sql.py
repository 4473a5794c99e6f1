"""Task type `sql`: parameters are bound, definitions checked, results are Arrow tables."""

from __future__ import annotations

import asyncio
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasksmithy import (
    InputError,
    NativeInterface,
    Registry,
    RetryStrategy,
    SerializationContext,
    Sql,
    TaskDefinitionError,
    TaskEnvironment,
    hookimpl,
    run,
    serialize,
)
from tasksmithy.task._hooks import hooks_for
from tasksmithy_sql import SQLTask

SCTX = SerializationContext(version="v1")


def query(text: str, **fields: Any) -> Any:
    return SQLTask(**{"name": "t.query", "query": text, **fields})


def rows(text: str, inputs: dict[str, Any] | None = None, **values: Any) -> list[dict[str, Any]]:
    table: pa.Table = run(query(text, inputs=inputs or {}), **values)
    found: list[dict[str, Any]] = table.to_pylist()
    return found


# Results


def test_a_query_gives_an_arrow_table() -> None:
    table = run(
        query("select n, n * n as square from range($stop) t(n)", inputs={"stop": int}), stop=3
    )
    assert isinstance(table, pa.Table)
    assert table.to_pydict() == {"n": [0, 1, 2], "square": [0, 1, 4]}


def test_the_columns_have_the_types_of_the_database() -> None:
    table = run(query("select 1::smallint a, 'x' b, date '2013-01-31' c, null::double d"))
    assert table.schema == pa.schema(
        [("a", pa.int16()), ("b", pa.string()), ("c", pa.date32()), ("d", pa.float64())]
    )


def test_a_query_without_rows_has_its_columns_all_the_same() -> None:
    table = run(query("select 1 as a where false"))
    assert (table.num_rows, table.column_names) == (0, ["a"])


def test_a_large_result_is_complete() -> None:
    table = run(query("select count(*) n, sum(range) s from range(1_000_000)"))
    assert table.to_pylist() == [{"n": 1_000_000, "s": 499_999_500_000}]
    assert run(query("from range(300_000)")).num_rows == 300_000


@pytest.mark.parametrize("text", ["create table t (a int)", "set threads = 1", "checkpoint"])
def test_a_statement_without_result_gives_a_table_without_rows(text: str) -> None:
    table = run(query(text))
    assert isinstance(table, pa.Table)
    assert table.num_rows == 0


def test_a_statement_that_changes_rows_gives_what_the_database_says(tmp_path: Path) -> None:
    database = file_database(tmp_path / "a.db", "create table t (a int)")
    insert = query("insert into t values ($a)", inputs={"a": int}, database=database)
    assert run(insert, a=1).to_pylist() == [{"Count": 1}]
    returning = query(
        "insert into t values ($a) returning a + 1 as b", inputs={"a": int}, database=database
    )
    assert run(returning, a=5).to_pylist() == [{"b": 6}]
    assert run(query("from t order by a", database=database)).to_pydict() == {"a": [1, 5]}


def test_what_the_database_refuses_is_an_error_that_says_what_it_says() -> None:
    with pytest.raises(Exception, match="nowhere does not exist"):
        run(query("from nowhere"))
    with pytest.raises(Exception, match="Could not convert string 'x'"):
        run(query("select cast($a as int)", inputs={"a": str}), a="x")


def test_a_python_variable_is_never_taken_for_a_table() -> None:
    for name in ("parameters", "query", "connection", "file"):
        with pytest.raises(Exception, match="does not exist"):
            run(query(f"from {name}"))


def test_the_query_runs_beside_the_event_loop() -> None:
    async def main() -> int:
        one, other = await asyncio.gather(query("select 1 a").aio(), query("select 2 a").aio())
        return one["a"][0].as_py() + other["a"][0].as_py()  # type: ignore[no-any-return]

    assert asyncio.run(main()) == 3


def test_a_task_of_functions_calls_a_query() -> None:
    env = TaskEnvironment(name="pipeline")
    squares = query("select n * n as square from range($stop) t(n)", inputs={"stop": int})

    @env.task
    async def main(stop: int) -> int:
        table = await squares(stop=stop)
        return sum(table["square"].to_pylist())

    assert run(main, stop=4) == 14


# Parameters


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (int, 2**62),
        (float, 1.5),
        (str, "O'Hare"),
        (bool, True),
        (bytes, b"\x00\xff"),
        (date, date(2013, 1, 31)),
        (datetime, datetime(2013, 1, 31, 5, 15)),
        (int | None, None),
    ],
)
def test_an_input_comes_back_as_it_went_in(kind: Any, value: Any) -> None:
    assert rows("select $x as x", {"x": kind}, x=value) == [{"x": value}]


INJECTIONS = [
    "'; drop table t; --",
    "' or '1'='1",
    "$x",
    "$$x$$",
    "?",
    "1; select 2",
    "\\'; select 1 --",
    "/* */ union select 1",
    "{x}",
    "%s",
    "",
]


@pytest.mark.parametrize("text", INJECTIONS)
def test_a_text_that_looks_like_sql_is_data(text: str) -> None:
    assert rows("select $x as x", {"x": str}, x=text) == [{"x": text}]


@pytest.mark.parametrize("text", INJECTIONS)
def test_a_text_that_looks_like_sql_matches_itself_and_nothing_else(text: str) -> None:
    found = rows("select a from (values ('AA'), ('BB')) t(a) where a = $x", {"x": str}, x=text)
    assert found == []


def test_no_value_changes_a_table(tmp_path: Path) -> None:
    database = file_database(tmp_path / "a.db", "create table t as select 'AA' as a")
    task = query("select a from t where a = $x", inputs={"x": str}, database=database)
    for text in INJECTIONS:
        assert run(task, x=text).num_rows == 0
    assert run(query("from t", database=database)).to_pylist() == [{"a": "AA"}]


@settings(deadline=None)  # the time of a machine that does much else says nothing
@given(st.text(st.characters(codec="utf-8", exclude_characters="\0")))
def test_any_text_comes_back_as_it_went_in(text: str) -> None:
    assert rows("select $x as x, $x || '' as y", {"x": str}, x=text) == [{"x": text, "y": text}]


def test_a_parameter_may_be_used_more_than_once() -> None:
    assert rows("select $x + $x + $y as z", {"x": int, "y": int}, x=1, y=2) == [{"z": 4}]


def test_what_looks_like_a_parameter_in_a_string_or_a_comment_is_none() -> None:
    assert rows("select '$x' as a -- $y\n") == [{"a": "$x"}]


@pytest.mark.parametrize("values", [{}, {"x": "1"}, {"x": True}, {"x": 1, "y": 2}])
def test_inputs_are_checked_before_the_database_is_asked(values: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"task 't\.query'"):
        run(query("select $x", inputs={"x": int}), **values)


# Definitions


def test_the_interface_has_the_inputs_and_a_table() -> None:
    task = query("select $x, $y", inputs={"x": int, "y": str})
    assert task.interface == NativeInterface.from_types({"x": int, "y": str}, {"o0": pa.Table})


def test_the_task_type_is_sql_and_the_database_in_memory() -> None:
    task = query("select 1")
    assert (task.task_type, task.database, task.inputs) == ("sql", "duckdb://", {})


@pytest.mark.parametrize(
    ("fields", "at_fault", "problem"),
    [
        ({"query": "selct 1"}, "query", "a query that parses"),
        ({"query": "select ("}, "query", "a query that parses"),
        ({"query": ""}, "query", ""),
        ({"query": "  "}, "query", ""),
        ({"query": None}, "query", ""),
        ({"query": 5}, "query", ""),
        ({"query": "-- nothing"}, "query", ""),
        ({"query": "select 1; select 2"}, "query", "one statement"),
        ({"query": "select $y", "inputs": {}}, "query", "$y is none"),
        ({"query": "select $mnth", "inputs": {"month": int}}, "query", "did you mean 'month'?"),
        ({"query": "select ?", "inputs": {}}, "query", "parameters by name"),
        ({"query": "select $1", "inputs": {}}, "query", "parameters by name"),
        ({"inputs": {"y": int}}, "inputs", "y"),
        ({"inputs": {"a b": int}}, "interface.inputs", "identifiers"),
        ({"inputs": [("x", int)]}, "inputs", "a mapping of names to types"),
        ({"database": "duckdbb://"}, "database", "duckdb://"),
        ({"database": "duckdb://host/file.db"}, "database", "duckdb://"),
        ({"database": "duckdb:///file.db?mode=rw"}, "database", "duckdb://"),
        ({"database": "duckdb://["}, "database", ""),
        ({"database": "file.db"}, "database", "duckdb://"),
        ({"database": None}, "database", ""),
        ({"retries": -1}, "retries", "an integer of at least 0"),
        ({"qery": "select 1"}, "qery", "did you mean 'query'?"),
    ],
)
def test_a_definition_that_cannot_run_is_refused(
    fields: dict[str, Any], at_fault: str, problem: str
) -> None:
    with pytest.raises(TaskDefinitionError) as caught:
        SQLTask(**{"name": "t.query", "query": "select 1", **fields})
    assert (caught.value.owner, caught.value.field) == ("t.query", at_fault)
    assert problem in str(caught.value)


def test_a_query_is_needed() -> None:
    with pytest.raises(TaskDefinitionError, match="query"):
        SQLTask(name="t.query")  # type: ignore[call-arg]


@pytest.mark.parametrize(
    "text", ["select 1;", "select 1 -- one; two", "select ';'", "\n select 1\n"]
)
def test_one_statement_may_end_as_it_likes(text: str) -> None:
    assert run(query(text)).num_rows == 1


def test_a_definition_asks_no_database(tmp_path: Path) -> None:
    file = tmp_path / "new.db"
    query("from a_table_that_comes_later", database=f"duckdb:///{file}")
    assert not file.exists()


def test_override_is_checked_as_a_definition_is() -> None:
    task = query("select $x", inputs={"x": int})
    with pytest.raises(TaskDefinitionError, match="a query that parses"):
        task.override(query="selct $x")
    with pytest.raises(TaskDefinitionError, match="inputs that the query uses"):
        task.override(query="select 1")
    changed = task.override(query="select $x + 1 as y", retries=2)
    assert changed.retries == RetryStrategy(2)
    assert run(changed, x=1).to_pylist() == [{"y": 2}]


# The database


def file_database(file: Path, *statements: str) -> str:
    """The URL of a new database file in which the statements have been run."""
    with duckdb.connect(str(file)) as connection:
        for statement in statements:
            connection.execute(statement)
    return f"duckdb:///{file}"


def test_a_database_in_memory_lives_as_long_as_the_query() -> None:
    run(query("create table t as select 1 as a"))
    with pytest.raises(Exception, match="does not exist"):
        run(query("from t"))


def test_a_database_file_keeps_what_one_query_leaves_for_the_next(tmp_path: Path) -> None:
    database = f"duckdb:///{tmp_path / 'kept.db'}"
    run(query("create table t as select 1 as a", database=database))
    assert run(query("from t", database=database)).to_pylist() == [{"a": 1}]


def test_an_absolute_path_begins_with_the_fourth_slash(tmp_path: Path) -> None:
    file = tmp_path / "absolute.db"
    run(query("select 1", database=f"duckdb:///{file}"))
    assert f"duckdb:///{file}".startswith("duckdb:////")
    assert file.exists()


def test_a_relative_path_begins_in_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run(query("select 1", database="duckdb:///relative.db"))
    assert (tmp_path / "relative.db").exists()


def test_a_path_may_hold_what_a_url_quotes(tmp_path: Path) -> None:
    run(query("select 1", database=f"duckdb:///{tmp_path}/my%20flights.db"))
    assert (tmp_path / "my flights.db").exists()


def test_queries_on_one_file_run_side_by_side(tmp_path: Path) -> None:
    database = file_database(tmp_path / "a.db", "create table t as from range(1000)")
    task = query(
        "select count(*) n from t where range >= $low", inputs={"low": int}, database=database
    )

    async def main() -> list[int]:
        tables = await asyncio.gather(*(task.aio(low=low) for low in range(8)))
        return [table["n"][0].as_py() for table in tables]

    assert asyncio.run(main()) == [1000 - low for low in range(8)]


def test_a_file_that_is_open_elsewhere_in_the_process_is_shared(tmp_path: Path) -> None:
    database = file_database(tmp_path / "a.db", "create table t as select 1 as a")
    with duckdb.connect(str(tmp_path / "a.db")):
        assert run(query("from t", database=database)).num_rows == 1


def test_a_query_leaves_no_connection_open(tmp_path: Path) -> None:
    database = file_database(tmp_path / "a.db", "create table t as select 1 as a")
    run(query("from t", database=database))
    with pytest.raises(Exception, match="does not exist"):
        run(query("from nowhere", database=database))
    # A database file with an open connection cannot be opened with other settings.
    with duckdb.connect(str(tmp_path / "a.db"), read_only=True) as connection:
        assert connection.sql("from t").fetchall() == [(1,)]


# Hooks


def test_the_sql_is_the_query_as_written() -> None:
    task = query("select $x  -- as written", inputs={"x": int})
    assert task.sql(SCTX) == Sql("select $x  -- as written", dialect="duckdb")


def test_the_custom_config_says_the_database() -> None:
    assert query("select 1").custom_config(SCTX) == {"database": "duckdb://"}
    task = query("select 1", database="duckdb:///a.db")
    assert task.custom_config(SCTX) == {"database": "duckdb:///a.db"}


def test_a_query_has_no_container() -> None:
    assert query("select 1").container_args(SCTX) == []


def version(task: Any) -> str:
    return hooks_for(task).cache_version(task)


def test_the_version_is_that_of_query_and_database() -> None:
    assert version(query("select 1")) == version(query("select 1", name="other", retries=2))
    assert version(query("select 1")) != version(query("select 2"))
    assert version(query("select 1")) != version(query("select 1", database="duckdb:///a.db"))


def test_a_query_is_serialized_with_its_text_and_its_provenance() -> None:
    spec = serialize(query("select $x", inputs={"x": int}, cache="auto"), SCTX)
    assert (spec.task_type, spec.sql) == ("sql", Sql("select $x", dialect="duckdb"))
    assert spec.provenance.distribution == "tasksmithy-sql"
    assert spec.interface == {
        "inputs": [{"name": "x", "type": {"kind": "integer"}, "required": True}],
        "outputs": [{"name": "o0", "type": {"kind": "frame", "class": "pyarrow.lib:Table"}}],
    }
    assert spec.cache_version == version(query("select $x", inputs={"x": int}))


def test_a_policy_stands_before_the_hooks_of_queries() -> None:
    class Labels:
        @hookimpl(wrapper=True)
        def custom_config(self) -> Any:
            return {**(yield), "team": "flights"}

    with Registry(policies={"labels": Labels()}).entered():
        config = query("select 1").custom_config(SCTX)
    assert config == {"database": "duckdb://", "team": "flights"}


def test_an_environment_is_made_of_queries() -> None:
    one, two = query("select 1", name="one"), query("select 2", name="two")
    env = TaskEnvironment.from_task("queries", one, two)
    assert env.tasks == {"one": one, "two": two}
