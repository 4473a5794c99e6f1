"""Transactions: a failed attempt leaves nothing behind, and what is retried is what may help."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import duckdb
import pytest
from tests.processes import until

from tasksmithy import Backoff, RetryStrategy, TaskEnvironment, Timeout, arun, run
from tasksmithy_sql import (
    CommitUnknownError,
    DatabaseUnreachableError,
    QueryError,
    RowCount,
    SQLTask,
    TransactionConflictError,
)
from tasksmithy_sql.databases import postgresql as module_of_postgresql
from tasksmithy_sql.databases import sqlite

STATEMENT_SECONDS = 300  # what takes long takes longer, also on a busy machine


def in_background(task: SQLTask) -> Future[Any]:
    """The result of a task that runs in a thread."""
    threads = ThreadPoolExecutor(1)
    result = threads.submit(run, task)
    threads.shutdown(wait=False)
    return result


def backend(server: Any, statement: str) -> int:
    """The backend that runs a statement which contains the text."""
    found = until(
        lambda: server.execute(
            f"select pid from pg_stat_activity where query like '%{statement}%' "
            "and state = 'active' and pid <> pg_backend_pid()"
        )
    )
    return int(found[0][0])


def slow(database: str) -> str:
    """An expression that takes long, in the database's own way."""
    if database.startswith("postgresql"):
        return f"(select 1 from pg_sleep({STATEMENT_SECONDS + 30}))"
    if database.startswith("sqlite"):
        return (
            "(with recursive r(n) as (select 1 union all select n + 1 from r where n < 1000000000) "
            "select count(*) from r)"
        )
    return "(select count(*) from range(1000000000) a, range(1000) b where a.range + b.range = -1)"


@pytest.fixture
def log(database, ask):
    """A database with an empty table `log`."""
    ask(database, "create table log (a integer primary key)", None)
    return database


def test_a_statement_that_fails_halfway_leaves_nothing(log, ask):
    ask(log, "insert into log values (2)", None)
    with pytest.raises(QueryError):
        ask(log, "insert into log values (1), (2)", None)
    assert ask(log, "select a from log") == [{"a": 2}]


def test_a_result_that_does_not_fit_leaves_nothing(log, ask):
    with pytest.raises(Exception, match="row 1"):
        ask(log, "insert into log values (1) returning 'x' as n", int)
    assert ask(log, "select count(*) from log", int) == 0


def test_an_error_in_the_query_is_not_retried(log, caplog):
    task = SQLTask(name="t", query="select nothing from log", database=log, retries=3)
    with pytest.raises(QueryError) as raised:
        run(task)
    assert "attempt 1 of 4" in raised.value.__notes__[0]


def test_a_timeout_stops_the_statement_and_leaves_nothing(log, ask):
    query = f"insert into log select {slow(log)}"
    task = SQLTask(name="t", query=query, output=RowCount, database=log, timeout=0.5)
    begun = time.monotonic()
    with pytest.raises(TimeoutError):
        run(task)
    assert time.monotonic() - begun < STATEMENT_SECONDS
    assert ask(log, "select count(*) from log", int) == 0


def test_a_cancelled_task_stops_its_statement(log, ask):
    query = f"insert into log select {slow(log)}"
    task = SQLTask(name="t", query=query, output=RowCount, database=log)

    async def cancelled() -> None:
        running = asyncio.ensure_future(arun(task))
        await asyncio.sleep(0.5)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    begun = time.monotonic()
    asyncio.run(cancelled())
    assert time.monotonic() - begun < STATEMENT_SECONDS
    assert ask(log, "select count(*) from log", int) == 0


def test_a_timeout_cancels_the_statement_on_the_server(postgresql, server):
    task = SQLTask(name="t", query="select pg_sleep(31)", database=postgresql, timeout=0.3)
    with pytest.raises(TimeoutError):
        run(task)
    assert not server.execute(
        "select 1 from pg_stat_activity where query like 'select pg_sleep(31)%' and state='active'"
    )


def test_a_connection_whose_statement_was_stopped_is_not_used_again(postgresql):
    pid = SQLTask(name="pid", query="select pg_backend_pid()", output=int, database=postgresql)
    long = SQLTask(name="long", query="select pg_sleep(31)", database=postgresql, timeout=0.3)
    env = TaskEnvironment(name="pool")

    @env.task
    async def around() -> list[int]:
        first = await pid()
        with pytest.raises(TimeoutError):
            await long()
        return [first, await pid()]

    first, second = run(around)
    assert first != second


def test_a_statement_that_is_stopped_while_it_streams_is_stopped(log, ask):
    import pyarrow as pa

    text = {"s": "with recursive r(n) as (select 1 union all select n + 1 from r) select n from r"}
    query = text.get(log[0], "select n from generate_series(1, 100000000000) r(n)")
    if log.startswith("postgresql"):
        query = "select n from generate_series(1, 100000000000::bigint) r(n)"
    task = SQLTask(name="t", query=query, output=pa.RecordBatchReader, database=log, timeout=1.0)
    begun = time.monotonic()
    with pytest.raises(TimeoutError):
        run(task)
    assert time.monotonic() - begun < STATEMENT_SECONDS


def test_a_killed_backend_is_survived_and_nothing_is_written_twice(postgresql, server, ask):
    ask(postgresql, "create table log (a integer)", None)
    ask(postgresql, "create sequence attempts", None)
    long = "pg_sleep(case nextval('attempts') when 1 then 600 else 0 end)"
    query = f"insert into log select 1 from {long}"
    task = SQLTask(name="t", query=query, output=RowCount, database=postgresql, retries=1)
    result = in_background(task)
    server.execute(f"select pg_terminate_backend({backend(server, 'insert into log select 1')})")
    assert result.result() == 1
    assert ask(postgresql, "select count(*) from log", int) == 1


def test_without_retries_a_killed_backend_is_an_error(postgresql, server):
    task = SQLTask(name="t", query="select pg_sleep(32)", database=postgresql)
    result = in_background(task)
    number = backend(server, "select pg_sleep(32)")
    server.execute(f"select pg_terminate_backend({number})")
    with pytest.raises(DatabaseUnreachableError, match="connection was lost"):
        result.result()


def test_a_server_that_restarts_between_attempts_is_survived(postgresql, server, ask):
    ask(postgresql, "create table log (a integer)", None)
    task = SQLTask(
        name="t",
        query="insert into log select 1 from pg_sleep(1)",
        output=RowCount,
        database=postgresql,
        retries=RetryStrategy(count=40, backoff=Backoff(base=0.3, factor=1)),
    )
    result = in_background(task)
    backend(server, "insert into log select 1")
    server.stop()
    server.start()
    assert result.result() == 1
    assert ask(postgresql, "select count(*) from log", int) == 1


def test_a_connection_that_broke_between_two_tasks_of_a_run_is_replaced(postgresql, server):
    pid = SQLTask(name="pid", query="select pg_backend_pid()", output=int, database=postgresql)
    env = TaskEnvironment(name="pool")

    @env.task
    async def both() -> list[int]:
        first = await pid()
        server.execute(f"select pg_terminate_backend({first})")
        return [first, await pid()]

    first, second = run(both)
    assert first != second


def deadlocked(postgresql: str, ask: Any, **policies: Any) -> list[Any]:
    """The results of two tasks that lock each other's rows."""
    ask(postgresql, "create table pair (k integer primary key, n integer)", None)
    ask(postgresql, "insert into pair values (1, 0), (2, 0)", None)
    ask(postgresql, "create sequence arrived", None)
    # Each waits until both have locked a row. Other transactions see a sequence at once.
    body = (
        "create function bump(x int, y int) returns int language plpgsql as $$ begin "
        "update pair set n = n + 1 where k = x; perform nextval('arrived'); "
        "while (select last_value from arrived) < 2 loop perform pg_sleep(0.01); end loop; "
        "update pair set n = n + 1 where k = y; return 1; end $$"
    )
    ask(postgresql, body, None)
    task = SQLTask(
        name="t",
        query="select bump(:x, :y)",
        inputs={"x": int, "y": int},
        output=int,
        database=postgresql,
        **policies,
    )

    async def both() -> list[Any]:
        return await asyncio.gather(
            arun(task, x=1, y=2), arun(task, x=2, y=1), return_exceptions=True
        )

    return asyncio.run(both())


def test_a_deadlock_is_retried_and_nothing_is_written_twice(postgresql, ask):
    assert deadlocked(postgresql, ask, retries=5) == [1, 1]
    assert ask(postgresql, "select sum(n) from pair", int) == 4


def test_without_retries_a_deadlock_is_an_error(postgresql, ask):
    results = deadlocked(postgresql, ask)
    [error] = [result for result in results if result != 1]
    assert isinstance(error, TransactionConflictError)
    assert "deadlock" in str(error)
    assert ask(postgresql, "select sum(n) from pair", int) == 2


def test_a_serialization_failure_is_retried(postgresql, ask):
    serializable = postgresql + "%20-c%20default_transaction_isolation%3Dserializable"
    ask(postgresql, "create table account (n integer)", None)
    ask(postgresql, "insert into account values (0)", None)
    task = SQLTask(
        name="t",
        query="update account set n = n + 1 from pg_sleep(0.1)",
        output=RowCount,
        database=serializable,
        retries=30,
    )

    async def all_at_once() -> list[int]:
        return await asyncio.gather(*(arun(task) for _ in range(4)))

    assert asyncio.run(all_at_once()) == [1] * 4
    assert ask(postgresql, "select n from account", int) == 4


def test_a_conflict_in_duckdb_is_a_conflict(tmp_path, ask):
    url, path = f"duckdb:///{tmp_path}/a.db", f"{tmp_path}/a.db"
    ask(url, "create table t (a integer)", None)
    ask(url, "insert into t values (1)", None)
    with duckdb.connect(path) as other:
        other.begin()
        other.execute("update t set a = 2")
        with pytest.raises(TransactionConflictError):
            ask(url, "update t set a = 3", RowCount)


def test_a_locked_sqlite_database_is_a_conflict(tmp_path, ask, monkeypatch):
    monkeypatch.setattr(sqlite, "_WAIT_FOR_LOCK", 0.2)
    url, path = f"sqlite:///{tmp_path}/a.db", f"{tmp_path}/a.db"
    ask(url, "create table t (a integer)", None)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("begin exclusive")
    with pytest.raises(TransactionConflictError, match="locked"):
        ask(url, "insert into t values (1)", RowCount)
    other.close()


def test_a_statement_that_cannot_be_in_a_transaction_runs_without_one(postgresql, ask):
    ask(postgresql, "create table t (a integer)", None)
    with pytest.raises(QueryError, match="cannot run inside a transaction"):
        ask(postgresql, "vacuum t", None)
    run(SQLTask(name="t", query="vacuum t", output=None, database=postgresql, transaction=False))


def slow_commit(postgresql: str, ask: Any, seconds: float = 1) -> None:
    """A table `log` whose rows make their commit take a second, or so many."""
    ask(postgresql, "create table log (a integer)", None)
    body = f"begin perform pg_sleep({seconds}); return null; end"
    ask(
        postgresql,
        f"create function wait() returns trigger language plpgsql as $$ {body} $$",
        None,
    )
    ask(
        postgresql,
        "create constraint trigger wait after insert on log deferrable initially deferred "
        "for each row execute function wait()",
        None,
    )


def test_a_backend_killed_in_its_commit_is_retried_once_it_is_known_to_have_aborted(
    postgresql, server, ask
):
    slow_commit(postgresql, ask)
    task = SQLTask(
        name="t",
        query="insert into log values (1)",
        output=RowCount,
        database=postgresql,
        retries=1,
    )
    result = in_background(task)
    number = until(
        lambda: server.execute(
            "select pid from pg_stat_activity where query = 'commit' and state = 'active'"
        )
    )[0][0]
    server.execute(f"select pg_terminate_backend({number})")
    assert result.result() == 1
    assert ask(postgresql, "select count(*) from log", int) == 1


def test_a_commit_that_is_lost_after_it_was_done_is_done(postgresql, server, ask):
    ask(postgresql, "create table log (a integer)", None)
    # A commit waits for a standby that is not there: it is done, and nobody has been told.
    server.execute("alter system set synchronous_standby_names = 'nobody'")
    server.execute("select pg_reload_conf()")
    try:
        task = SQLTask(
            name="t",
            query="insert into log values (1)",
            output=RowCount,
            database=postgresql,
            retries=3,
        )
        result = in_background(task)
        number = until(
            lambda: server.execute("select pid from pg_stat_activity where wait_event = 'SyncRep'")
        )[0][0]
        server.execute(f"select pg_terminate_backend({number})")
        result.exception()
    finally:
        server.execute("alter system reset synchronous_standby_names")
        server.execute("select pg_reload_conf()")
    assert result.result() == 1
    assert ask(postgresql, "select count(*) from log", int) == 1


def test_a_commit_whose_end_cannot_be_learnt_is_not_retried(postgresql, server, ask, monkeypatch):
    monkeypatch.setattr(module_of_postgresql, "_CONNECT_TIMEOUT", 1)
    slow_commit(postgresql, ask)
    task = SQLTask(
        name="t",
        query="insert into log values (1)",
        output=RowCount,
        database=postgresql,
        retries=3,
    )
    result = in_background(task)
    until(
        lambda: server.execute(
            "select pid from pg_stat_activity where query = 'commit' and state = 'active'"
        )
    )
    server.stop()
    error = result.exception()
    server.start()
    assert isinstance(error, CommitUnknownError)
    assert "txid_status" in str(error)
    assert "attempt 1 of 4" in error.__notes__[0]


def test_a_timeout_during_the_commit_comes_too_late(postgresql, ask):
    slow_commit(postgresql, ask, seconds=4)
    task = SQLTask(
        name="t",
        query="insert into log values (1)",
        output=RowCount,
        database=postgresql,
        timeout=Timeout(max_runtime=3),
        retries=3,
    )
    assert run(task) == 1
    assert ask(postgresql, "select count(*) from log", int) == 1
