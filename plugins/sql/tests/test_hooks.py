"""What the core is answered: statement, configuration, what a cached result goes by."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from tasksmithy import Secret, SerializationContext, Sql, TaskDefinitionError, serialize
from tasksmithy_sql import SQLConfig, SQLTask, SQLWrite


def task(query: str = "select 1", **fields: Any) -> SQLTask:
    return SQLTask(name="t", query=query, cache="auto", **fields)


def version(query: str = "select 1", **fields: Any) -> str | None:
    return serialize(task(query, **fields)).cache_version


def test_the_statement_is_the_query_as_written():
    query = "select\n  :a  -- as it is\n"
    made = task(query, inputs={"a": int})
    assert made.sql(SerializationContext()) == Sql(query, dialect="duckdb")


@pytest.mark.parametrize(
    ("url", "dialect"),
    [
        ("duckdb://", "duckdb"),
        ("sqlite://", "sqlite"),
        ("postgresql://h/d", "postgres"),
        ("mysql+pymysql://h/d", "mysql"),
        ("snowflake://h/d", "snowflake"),
        ("mssql+pyodbc://h/d", "tsql"),
        ("other+driver://h/d", "ansi"),
    ],
)
def test_the_statement_s_dialect_is_the_database_s(url, dialect):
    made = task(database=url).sql(SerializationContext())
    assert isinstance(made, Sql)
    assert made.dialect == dialect


def test_another_dialect_is_transpiled_with_its_parameters_as_written():
    query = "select strftime(d, '%Y') as y from t where a = :a and b in :bs and c = {{ .inputs.c }}"
    made = task(query, inputs={"a": int, "bs": list[int], "c": str}, dialect="snowflake")
    rendered = made.sql(SerializationContext())
    assert isinstance(rendered, Sql)
    assert rendered.dialect == "snowflake"
    flat = " ".join(rendered.statement.split())
    assert "TO_CHAR(d, 'yyyy')" in flat
    assert "a = :a" in flat
    assert "b IN (:bs)" in flat
    assert "c = {{ .inputs.c }}" in flat


@pytest.mark.parametrize("dialect", ["bigquery", "mysql", "tsql", "trino", "spark", "redshift"])
def test_parameters_survive_every_dialect(dialect):
    query = "select $a as x, %(b)s as y from t where z in (:c)"
    made = task(query, inputs={"a": int, "b": int, "c": list[int]}, dialect=dialect)
    rendered = made.sql(SerializationContext())
    assert isinstance(rendered, Sql)
    for written in ("$a", "%(b)s", "(:c)"):
        assert written in rendered.statement


def test_a_dialect_that_nobody_knows_is_an_error_with_the_near_miss():
    with pytest.raises(TaskDefinitionError, match="did you mean 'snowflake'"):
        task(dialect="snowflak")


def test_the_configuration_has_the_database_without_its_secret():
    config = SQLConfig(url="postgresql://app@h/d", password=Secret("db-password"))
    made = task(database=config)
    assert made.custom_config(SerializationContext()) == {"database": "postgresql://app@h/d"}
    assert serialize(made).definition["secrets"] == [
        {"key": "db-password", "as_env_var": "DB_PASSWORD"}
    ]


def test_a_task_without_a_transaction_says_so():
    made = task("vacuum", database="postgresql://h/d", transaction=False, output=None)
    assert made.custom_config(SerializationContext())["transaction"] is False


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("select 1", "select  1 -- one\n"),
        ("select :a from t", "select\n$a\nfrom t"),
        ("select 1", "select /* one */ 1"),
    ],
)
def test_white_space_and_comments_do_not_change_the_cache_version(one, other):
    inputs = {"a": int} if ":a" in one else {}
    assert version(one, inputs=inputs) == version(other, inputs=inputs)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("select 'a  b'", "select 'a b'"),
        ("select 'a'", 'select "a"'),
        ("select 1", "select 2"),
        ("select 'A'", "select 'a'"),
        ("select ':a', :a", "select :a, ':a'"),
        ("select 'x', 1", "select 'x, 1'"),
        ("select 1 as a", "select 1 as b"),
        ("select /*+ hint */ 1", "select 1"),
    ],
)
def test_different_queries_have_different_cache_versions(one, other):
    inputs = {"a": int} if ":a" in one.replace("':a'", "") else {}
    assert version(one, inputs=inputs) != version(other, inputs=inputs)


def test_database_and_output_are_in_the_cache_version():
    versions = {
        version(),
        version(database="duckdb:///a.db"),
        version(database="duckdb:///b.db"),
        version(database="sqlite:///a.db"),
        version(output=int),
        version(output=list[dict]),
    }
    assert len(versions) == 6


@pytest.mark.parametrize("database", ["duckdb:///a.db", "sqlite:///a.db"])
def test_a_file_in_another_folder_is_another_database(database, tmp_path, monkeypatch):
    here = version(database=database)
    monkeypatch.chdir(tmp_path)
    assert version(database=database) != here


def test_what_libpq_takes_from_the_environment_is_in_the_cache_version(monkeypatch):
    databases = ["postgresql:///flights", "postgresql://db.example.com/flights"]
    partial, whole = (version(database=database) for database in databases)
    monkeypatch.setenv("PGHOST", "staging.example.com")
    assert version(database=databases[0]) != partial
    assert version(database=databases[1]) == whole


def test_writes_differ_by_table_mode_and_key():
    import pyarrow as pa

    def made(**fields: Any) -> str | None:
        given = {"table": "t", "inputs": {"rows": pa.Table}, **fields}
        return serialize(SQLWrite(name="w", cache="auto", **given)).cache_version

    versions = {
        made(),
        made(table="u"),
        made(mode="create"),
        made(mode="upsert", key="a"),
        made(mode="upsert", key=["a", "b"]),
    }
    assert len(versions) == 5


def test_the_spec_is_the_same_in_another_process():
    program = (
        "from tasksmithy import serialize; from tasksmithy_sql import SQLTask; "
        "t = SQLTask(name='t', query='select :a', inputs={'a': int}, cache='auto'); "
        "print(serialize(t).to_json())"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program], capture_output=True, check=True, text=True
        ).stdout
        for _ in range(2)
    }
    assert len(outputs) == 1


def test_an_override_keeps_the_query(tmp_path):
    file = tmp_path / "q.sql"
    file.write_text("select :a")
    made = SQLTask(name="t", query=file, inputs={"a": int}).override(retries=2)
    assert made.query == "select :a"


def test_importing_the_package_imports_no_database(tmp_path):
    program = (
        "import sys, tasksmithy_sql; from tasksmithy_sql import SQLTask, SQLWrite, Identifier; "
        "heavy = ('pyarrow', 'duckdb', 'sqlglot', 'pandas', 'polars', 'adbc_driver_manager', "
        "'sqlalchemy', 'pydantic', 'sqlite3', 'numpy'); "
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, text=True
    )
    assert done.stdout.strip() == "[]"
