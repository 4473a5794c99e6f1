"""The databases: each answers, and says what is wrong with it."""

from __future__ import annotations

import re
import socket
import sys
from typing import Any

import pytest
from tests.processes import until

from tasksmithy import Secret, TaskDefinitionError, TaskEnvironment, run, serialize
from tasksmithy.errors import MissingDependencyError
from tasksmithy_sql import (
    CredentialsError,
    DatabaseUnreachableError,
    QueryError,
    SQLConfig,
    SQLTask,
)

PASSWORD_OF = Secret("db-password")


def guarded(server: Any) -> SQLTask:
    """A task whose user has a password."""
    config = SQLConfig(url=server.url("guarded"), password=PASSWORD_OF)
    return SQLTask(name="who", query="select current_user::text", output=str, database=config)


def test_a_query_is_answered(database, ask):
    assert ask(database, "select 1 as one, 'x' as text") == [{"one": 1, "text": "x"}]


def test_what_one_task_writes_another_reads(database, ask, change):
    ask(database, "create table t (a integer)", None)
    assert change(database, "insert into t values (:a), (:b)", a=1, b=2) == 2
    assert ask(database, "select a from t order by a") == [{"a": 1}, {"a": 2}]


def test_a_missing_table_is_named_with_the_near_miss(database, ask):
    ask(database, "create table flights (a integer)", None)
    with pytest.raises(QueryError, match="flihgts") as raised:
        ask(database, "select * from flihgts")
    assert "flights" in str(raised.value)


def test_an_error_names_the_parameters_and_their_types(database, ask):
    with pytest.raises(QueryError, match="parameters: a: str"):
        ask(database, "select * from nowhere where x = :a", a="x")


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("select 1\n  as n limit all", "line 2, column 14"),
        ("select 'all' as b, 1 as allx, 2 as \"all\"\nlimit all", "line 2, column 7"),
        ("select :x as a, :x as b\nlimit all", "line 2, column 7"),
        ("select interval '1' day", "line 1, column 21"),
        ("select\n x'1'", "line 2, column 2"),
        ("select 1 order", "line 1, column 15"),
        ("-- all\nupdate t set a = 1 where all in (1) limit all", "line 2, column 26"),
    ],
)
def test_a_syntax_error_of_sqlite_is_told_with_its_line_and_column(ask, query, where):
    inputs = {"x": 1} if ":x" in query else {}
    with pytest.raises(QueryError, match=re.escape(f" ({where})")):
        ask("sqlite://", query, **inputs)


@pytest.mark.parametrize("scheme", ["duckdb", "sqlite"])
def test_a_database_in_memory_ends_with_its_task(scheme, ask):
    ask(f"{scheme}://", "create table t (a integer)", None)
    with pytest.raises(QueryError):
        ask(f"{scheme}://", "select * from t")


@pytest.mark.parametrize("scheme", ["duckdb", "sqlite"])
def test_a_folder_that_is_not_there_is_said(scheme, tmp_path, ask):
    with pytest.raises(DatabaseUnreachableError, match="nowhere"):
        ask(f"{scheme}:///{tmp_path}/nowhere/a.db", "select 1")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "duckdb://"),
        ("flights.db", "duckdb://"),
        (None, "duckdb://"),
        ("duckdb://host/x.db", "duckdb:///path/to/file.db"),
        ("sqlite://x.db", "sqlite:///path/to/file.db"),
        ("postgrsql://host/db", "did you mean 'postgresql'"),
        ("postgresql://host:port/db", "a port from 0 to 65535"),
        ("postgresql://a b/db", "a URL without white space"),
        ("duckdb:///my flights.db", "%20"),
    ],
)
def test_a_wrong_url_is_an_error_at_definition(url, said):
    with pytest.raises(TaskDefinitionError, match="database=") as raised:
        SQLTask(name="t", query="select 1", database=url)
    assert said in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:hunter2@host/db",
        "postgresql://user:hun/ter2@host/db",
        "postgresql://user:hunter2?x@host/db",
        "postgresql://user:hunter2:port@host/db",
        "postgres//user:hunter2@host/db",
        "user:hunter2@host",
        "postgresql://host/db?password=hunter2",
        "mysql+pymysql://user:hunter2@host/db",
        "snowflake://host/db?token=hunter2",
    ],
)
def test_a_password_in_a_url_is_refused_and_not_shown(url):
    with pytest.raises(TaskDefinitionError) as raised:
        SQLTask(name="t", query="select 1", database=url)
    assert "ter2" not in str(raised.value) + repr(raised.value) + repr(raised.value.value)
    with pytest.raises(ValueError, match="url") as by_config:
        SQLConfig(url=url)
    assert "ter2" not in str(by_config.value) + repr(by_config.value)


def test_an_unreachable_server_is_told_with_the_time_it_took(ask):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(DatabaseUnreachableError, match=r"no connection in \d+\.\d s"):
        ask(f"postgresql://a@127.0.0.1:{port}/x", "select 1")


def test_a_server_that_never_answers_is_given_up_after_connect_timeout(ask):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(DatabaseUnreachableError) as raised:
            ask(f"postgresql://a@127.0.0.1:{port}/x?connect_timeout=2", "select 1")
    [seconds] = re.findall(r"no connection in (\d+\.\d) s", str(raised.value))
    assert 2 <= float(seconds) < 10  # which it is without one


def test_the_password_is_a_secret_of_the_task(server, monkeypatch):
    monkeypatch.setenv("DB_PASSWORD", server.password)
    task = guarded(server)
    assert PASSWORD_OF in task.secrets
    assert run(task) == "guarded"


def test_a_wrong_password_is_refused_without_being_shown(server, monkeypatch):
    monkeypatch.setenv("DB_PASSWORD", "hunter2")
    with pytest.raises(CredentialsError, match="password authentication failed") as raised:
        run(guarded(server))
    assert "hunter2" not in str(raised.value)


def test_a_secret_without_a_value_is_named(server, monkeypatch):
    monkeypatch.delenv("DB_PASSWORD", raising=False)
    with pytest.raises(Exception, match="db-password"):
        run(guarded(server))


def test_a_password_is_in_no_spec_log_repr_or_cache_version(server, monkeypatch, caplog):
    monkeypatch.setenv("DB_PASSWORD", server.password)
    caplog.set_level(0)
    task = guarded(server).override(cache="auto")
    run(task)
    told = serialize(task).to_json() + repr(task) + repr(task.database) + caplog.text
    assert server.password not in told
    assert serialize(task).custom_config == {"database": server.url("guarded")}


def test_a_password_for_an_embedded_database_has_no_use():
    with pytest.raises(ValueError, match="no password"):
        SQLConfig(url="duckdb://", password=PASSWORD_OF)


def test_the_connection_of_a_run_is_kept_for_its_next_task(server):
    backend = SQLTask(
        name="backend", query="select pg_backend_pid()", output=int, database=server.url()
    )
    env = TaskEnvironment(name="pool")

    @env.task
    async def both() -> list[int]:
        return [await backend(), await backend()]

    first, second = run(both)
    assert first == second


def test_a_task_finds_nothing_of_the_session_that_another_has_used(database):
    make = SQLTask(
        name="make",
        query="create temporary table mine (a integer)",
        output=None,
        database=database,
    )
    env = TaskEnvironment(name="sessions")

    @env.task
    async def twice() -> list[None]:
        return [await make(), await make()]  # a table that is there cannot be made

    assert run(twice) == [None, None]


def test_the_connections_of_a_run_are_closed_at_its_end(server):
    backend = SQLTask(
        name="backend", query="select pg_backend_pid()", output=int, database=server.url()
    )
    number = run(backend)
    until(
        lambda: not server.execute(f"select 1 from pg_stat_activity where pid = {number}"),
        seconds=60,
    )


def test_tasks_of_a_run_that_run_at_once_have_connections_of_their_own(server):
    slow = SQLTask(
        name="slow",
        query="select pg_backend_pid() from pg_sleep(0.3)",
        output=int,
        database=server.url(),
    )
    env = TaskEnvironment(name="pool")

    @env.task
    async def both() -> list[int]:
        import asyncio

        return list(await asyncio.gather(slow(), slow()))

    assert len(set(run(both))) == 2


def test_python_variables_are_no_tables(ask):
    with pytest.raises(QueryError, match="statement"):
        ask("duckdb://", "select * from statement")


def test_another_url_goes_through_sqlalchemy(tmp_path, ask, change):
    url = f"sqlite+pysqlite:///{tmp_path}/a.db"
    ask(url, "create table t (a integer, b text)", None)
    assert change(url, "insert into t values (:a, :b)", a=1, b="100%") == 1
    assert ask(url, "select * from t where a = :a and b like '%0\\%' escape '\\'", a=1) == [
        {"a": 1, "b": "100%"}
    ]


def test_a_connection_through_sqlalchemy_is_closed_from_whatever_thread(ask, caplog):
    ask("sqlite+pysqlite://", "select 1 as v")
    assert "closing connection" not in caplog.text


def test_sqlalchemy_takes_the_password_and_the_driver_s_placeholders(server, monkeypatch, ask):
    monkeypatch.setenv("DB_PASSWORD", server.password)
    url = server.url("guarded").replace("postgresql://", "postgresql+psycopg://")
    config = SQLConfig(url=url, password=PASSWORD_OF)
    query = "select current_user::text as name, :a::int as a, 'a%b' as b where 7 % 4 = :a"
    assert ask(config, query, a=3) == [{"name": "guarded", "a": 3, "b": "a%b"}]


@pytest.mark.parametrize(
    ("missing", "url", "package"),
    [
        ("sqlalchemy", "mysql+pymysql://h/d", "pip install sqlalchemy"),
        (
            "adbc_driver_postgresql",
            "postgresql://h/d",
            r"pip install 'tasksmithy-sql\[postgresql\]'",
        ),
        ("pymysql", "mysql+pymysql://h/d", "pip install 'pymysql'"),
        ("MySQLdb", "mysql://h/d", "pip install 'mysqlclient'"),
        ("snowflake", "snowflake://h/d", "pip install 'snowflake-sqlalchemy'"),
        ("nonesuch", "nonesuch+driver://h/d", "or correct the URL"),
    ],
)
def test_what_has_to_be_installed_is_named(ask, monkeypatch, missing, url, package):
    monkeypatch.setitem(sys.modules, missing, None)  # as if it were not installed
    with pytest.raises(MissingDependencyError, match=package):
        ask(url, "select 1")


def test_a_setting_that_libpq_does_not_know_is_no_lost_connection(ask):
    with pytest.raises(QueryError, match='invalid URI query parameter: "conect_timeout"'):
        ask("postgresql://h/d?conect_timeout=5", "select 1")
