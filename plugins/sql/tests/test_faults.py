"""Faults: nothing is written twice, and nothing is lost in silence."""

from __future__ import annotations

import asyncio
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tests.processes import until

from tasksmithy import Backoff, RetryStrategy, TaskEnvironment, arun, run
from tasksmithy.errors import NonRecoverableError
from tasksmithy_sql import (
    CommitUnknownError,
    DatabaseUnreachableError,
    RowCount,
    SQLError,
    SQLTask,
    SQLWrite,
    TransactionConflictError,
)

SERVERS = {"postgresql": "server", "mariadb": "mariadb_server"}


class Proxy:
    """A proxy on loopback before a server, that loses the connection once.

    Args:
        port: the server's port.
        trigger: what the client says where the connection is lost.
        loses: "request": the server never gets it; "answer": it does, and its answer is lost.
    """

    def __init__(self, port: int, trigger: bytes, loses: str) -> None:
        self._server = port
        self._trigger = trigger
        self._loses = loses
        self.lost = 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client = self._listening.accept()[0]
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError), client, socket.create_connection(("127.0.0.1", self._server)) as to:
            losing = threading.Event()
            back = threading.Thread(target=self._answer, args=(to, client, losing), daemon=True)
            back.start()
            while said := client.recv(65536):
                if not self.lost and self._trigger in said.lower():
                    self.lost += 1
                    losing.set()
                    if self._loses == "answer":
                        to.sendall(said)
                        back.join(10)  # until the server has answered
                    for end in (to, client):
                        end.shutdown(socket.SHUT_RDWR)
                    return
                to.sendall(said)

    def _answer(self, to: socket.socket, client: socket.socket, losing: threading.Event) -> None:
        with suppress(OSError):
            while said := to.recv(65536):
                if losing.is_set():
                    return
                client.sendall(said)


@pytest.fixture(params=SERVERS)
def served(request: pytest.FixtureRequest) -> tuple[str, Any]:
    """The URL of an empty database of a server, and the server."""
    return request.getfixturevalue(request.param), request.getfixturevalue(SERVERS[request.param])


@pytest.fixture
def losing(served: Any) -> Iterator[Callable[[str, str], tuple[str, Proxy]]]:
    """Makes a proxy that loses a connection, and the URL that goes through it."""
    made: list[Proxy] = []

    def losing(trigger: str, loses: str) -> tuple[str, Proxy]:
        url, server = served
        made.append(Proxy(server.port, trigger.encode(), loses))
        return url.replace(f":{server.port}/", f":{made[-1].port}/"), made[-1]

    yield losing
    for proxy in made:
        proxy.close()


def insert(url: str, **fields: Any) -> SQLTask:
    return SQLTask(
        name="t",
        query="insert into pay values (:x)",
        inputs={"x": int},
        output=RowCount,
        database=url,
        **fields,
    )


def committing(url: str) -> str:
    """What a client says when it commits; a driver may say "autocommit" before."""
    return "commit" if url.startswith("postgresql") else "\x03commit"


def paid(ask: Any, url: str) -> list[int]:
    return [row["x"] for row in ask(url, "select x from pay order by x")]


@pytest.fixture
def pay(served: Any, ask: Any) -> str:
    """The URL of a database with the empty table `pay`."""
    ask(served[0], "create table pay (x integer)", None)
    return str(served[0])


@pytest.mark.parametrize("loses", ["request", "answer"])
def test_a_connection_lost_in_the_statement_is_retried_and_written_once(pay, losing, ask, loses):
    url, proxy = losing("insert into pay", loses)
    assert run(insert(url, retries=2), x=100) == 1
    assert proxy.lost == 1
    assert paid(ask, pay) == [100]


@pytest.mark.parametrize("loses", ["request", "answer"])
def test_a_connection_lost_in_the_commit_writes_nothing_twice(pay, losing, ask, loses):
    url, proxy = losing(committing(pay), loses)
    is_committed = loses == "answer"
    if pay.startswith("mariadb"):  # it cannot be asked how a transaction ended
        with pytest.raises(CommitUnknownError, match="before you run the task again"):
            run(insert(url, retries=2), x=100)
        assert paid(ask, pay) == [100] * is_committed
    else:
        assert run(insert(url, retries=2), x=100) == 1
        assert paid(ask, pay) == [100]
    assert proxy.lost == 1


def test_a_bulk_write_whose_commit_is_lost_is_not_written_twice(pay, losing, ask):
    url, _ = losing(committing(pay), "answer")
    task = SQLWrite(name="w", table="pay", inputs={"r": pa.Table}, database=url, retries=2)
    rows = pa.table({"x": pa.array([1, 2, 3], pa.int32())})
    if pay.startswith("mariadb"):
        with pytest.raises(CommitUnknownError):
            run(task, r=rows)
    else:
        assert run(task, r=rows) == 3
    assert paid(ask, pay) == [1, 2, 3]


@pytest.mark.parametrize("loses", ["request", "answer"])
def test_without_a_transaction_a_lost_statement_is_not_run_again(pay, losing, ask, loses):
    url, _ = losing("insert into pay", loses)
    task = insert(url).override(query="insert into pay values (100)", inputs={})
    with pytest.raises(CommitUnknownError, match="without a transaction"):
        run(task.override(retries=2, transaction=False))
    assert paid(ask, pay) == [100] * (loses == "answer")


def test_a_connection_that_broke_after_the_commit_is_replaced(pay, served, ask):
    url, server = served
    number = "pg_backend_pid()" if pay.startswith("postgresql") else "connection_id()"
    kill = "select pg_terminate_backend({})" if pay.startswith("postgresql") else "kill {}"
    own = SQLTask(name="own", query=f"select {number} as n", output=int, database=url)
    env = TaskEnvironment(name="pool")
    task = insert(url)

    @env.task
    async def both() -> None:
        await task(x=1)
        server.execute(kill.format(await own()))
        await task(x=2)

    run(both)
    assert paid(ask, pay) == [1, 2]


def in_background(task: SQLTask, **inputs: Any) -> Future[Any]:
    threads = ThreadPoolExecutor(1)
    result = threads.submit(run, task, **inputs)
    threads.shutdown(wait=False)
    return result


def running(server: Any, text: str) -> list[Any]:
    """The statements of others with the text that run on the server."""
    if hasattr(server, "process"):
        return list(
            server.execute(
                "select id from information_schema.processlist where info like "
                f"'%{text}%' and id <> connection_id()"
            )
        )
    return list(
        server.execute(
            f"select pid from pg_stat_activity where query like '%{text}%' "
            "and state = 'active' and pid <> pg_backend_pid()"
        )
    )


def slow(url: str, seconds: float, **fields: Any) -> SQLTask:
    sleep = f"pg_sleep({seconds})" if url.startswith("postgresql") else f"(select sleep({seconds}))"
    query = f"insert into pay select 1 from {sleep} s"
    return SQLTask(name="t", query=query, output=RowCount, database=url, **fields)


def test_a_server_that_is_killed_and_comes_back_is_survived(pay, served, ask):
    url, server = served
    again = RetryStrategy(count=60, backoff=Backoff(base=0.3, factor=1))
    result = in_background(slow(url, 1.5, retries=again))
    until(lambda: running(server, "insert into pay select 1"))
    server.stop()
    server.start()
    assert result.result() == 1
    assert paid(ask, pay) == [1]


def test_without_retries_a_killed_connection_is_an_error(pay, served, ask):
    url, server = served
    result = in_background(slow(url, 30))
    [(number, *_), *_] = until(lambda: running(server, "insert into pay select 1"))
    kill = "select pg_terminate_backend({})" if pay.startswith("postgresql") else "kill {}"
    server.execute(kill.format(number))
    with pytest.raises(DatabaseUnreachableError, match="connection was lost"):
        result.result()
    assert paid(ask, pay) == []


def test_a_timeout_ends_the_statement_on_the_server(pay, served, ask):
    url, server = served
    begun = time.monotonic()
    with pytest.raises(TimeoutError):
        run(slow(url, 600, timeout=1))
    assert time.monotonic() - begun < 300
    until(lambda: not running(server, "insert into pay select 1"))
    assert paid(ask, pay) == []


def test_a_cancelled_task_ends_its_statement_on_the_server(pay, served, ask):
    url, server = served

    async def cancelled() -> None:
        task = asyncio.ensure_future(arun(slow(url, 30)))
        while not running(server, "insert into pay select 1"):
            await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    until(lambda: not running(server, "insert into pay select 1"))
    assert paid(ask, pay) == []


def deadlocked(url: str, ask: Any, **fields: Any) -> list[Any]:
    """The results of two tasks that lock each other's rows."""
    if url.startswith("postgresql"):
        ask(url, "create sequence arrived", None)
        # Each waits until both have locked a row. Other transactions see a sequence at once.
        body = (
            "create function bump(x int, y int) returns int language plpgsql as $$ begin "
            "update pay set x = bump.x where pay.x = bump.x; perform nextval('arrived'); "
            "while (select last_value from arrived) < 2 loop perform pg_sleep(0.01); end loop; "
            "update pay set x = bump.y where pay.x = bump.y; return 1; end $$"
        )
    else:
        ask(url, "create unique index i on pay (x)", None)
        body = (
            "create function bump(a int, b int) returns int begin declare s int; "
            "update pay set x = -x where x in (a, -a); select sleep(2) into s; "
            "update pay set x = -x where x in (b, -b); return 1; end"
        )
    ask(url, body, None)
    ask(url, "insert into pay values (1), (2)", None)
    task = SQLTask(
        name="t",
        query="select bump(:x, :y) as n",
        inputs={"x": int, "y": int},
        output=int,
        database=url,
        **fields,
    )

    async def both() -> list[Any]:
        calls = (arun(task, x=1, y=2), arun(task, x=2, y=1))
        return await asyncio.gather(*calls, return_exceptions=True)

    return asyncio.run(both())


def test_a_deadlock_is_retried(pay, ask):
    assert deadlocked(pay, ask, retries=5) == [1, 1]


def test_without_retries_a_deadlock_is_a_conflict(pay, ask):
    errors = [result for result in deadlocked(pay, ask) if result != 1]
    assert [type(error) for error in errors] == [TransactionConflictError]
    assert "deadlock" in str(errors[0]).lower()


def test_a_stream_of_mariadb_is_not_held_in_memory(mariadb, ask):
    pa.default_memory_pool().release_unused()
    query = "select seq as n, repeat('x', 100) as t from seq_1_to_300000"
    before = pa.total_allocated_bytes()
    reader = ask(mariadb, query, pa.RecordBatchReader)
    assert pa.total_allocated_bytes() - before < 15e6
    assert sum(batch.num_rows for batch in reader) == 300_000
    del reader


FILL = {
    "sqlite": "insert into t select hex(zeroblob(1000000)) from (values (1), (2), (3))",
    "duckdb": "insert into t select repeat(md5(range::text), 30) from range(20000)",
    "postgresql": "insert into t select repeat(md5(n::text), 30) from generate_series(1, 20000) n",
    "mariadb": "insert into t select repeat(md5(seq), 30) from seq_1_to_20000",
}


@pytest.mark.parametrize("scheme", ["sqlite", "duckdb"])
def test_a_full_disk_below_an_embedded_database_is_told_and_leaves_nothing(tmp_path, ask, scheme):
    url = f"{scheme}:///{tmp_path}/a.db"
    ask(url, "create table t (v text)", None)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, limits[1]))
    try:
        with pytest.raises(DatabaseUnreachableError, match=r"full|disk I/O|Could not write"):
            ask(url, FILL[scheme], RowCount)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert ask(url, "select count(*) as n from t", int) == 0
    assert ask(url, FILL[scheme], RowCount) > 0


@pytest.mark.slow
def test_a_full_disk_below_a_server_is_told_and_leaves_nothing(served, ask, tmp_path):
    url, server = served
    scheme = "postgresql" if url.startswith("postgresql") else "mariadb"
    with tempfile.TemporaryDirectory(prefix="tasksmithy-full-", dir="/tmp") as folder:
        mount = ["mount", "-t", "tmpfs", "-o", "size=8m,mode=777", "none", folder]
        if subprocess.run(mount, capture_output=True).returncode:
            pytest.skip("no file system may be mounted here")
        try:
            inner = Path(folder, "data")
            inner.mkdir()
            shutil.chown(inner, server.user)
            if scheme == "postgresql":
                server.execute(f"create tablespace small location '{inner}'")
                ask(url, "create table t (v text) tablespace small", None)
            else:
                ask(url, f"create table t (v text) data directory = '{inner}'", None)
            with pytest.raises(SQLError, match=r"53100|1114|1021") as raised:
                ask(url, FILL[scheme], RowCount)
            assert not isinstance(raised.value, NonRecoverableError)
            assert ask(url, "select count(*) as n from t", int) == 0
            ask(url, "drop table t", None)
            if scheme == "postgresql":
                server.execute("drop tablespace small")
        finally:
            subprocess.run(["umount", folder], check=True)
