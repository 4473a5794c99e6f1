"""The databases that the tests run against: DuckDB and SQLite files, PostgreSQL and MariaDB."""

from __future__ import annotations

import itertools
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tasksmithy import run
from tasksmithy_sql import RowCount, SQLTask

PASSWORD = "p@ss/w:rd?'\"% x"  # every character that a URL or a message could trip over
TEMPORARY = tempfile.gettempdir()
_numbers = itertools.count()


@pytest.fixture(autouse=True)
def _own_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that tasks give as results, and those they use, go where the test's own files go."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def postgresql_programs() -> Path | None:
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return installed[-1].parent if installed else None


class PostgreSQLServer:
    """A server in a temporary directory, on loopback alone."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self.programs = programs
        self.folder = folder
        self.password = PASSWORD
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        # PostgreSQL refuses to run as root.
        self.user = "postgres" if os.getuid() == 0 else None
        if self.user:
            shutil.chown(folder, self.user)
        password = folder / "password"
        password.write_text(PASSWORD)
        if self.user:
            shutil.chown(password, self.user)
        self.program(
            "initdb",
            "--no-sync",
            "-E",
            "UTF8",
            "--locale",
            "C",
            "-U",
            "owner",
            "-A",
            "scram-sha-256",
            "--pwfile",
            str(password),
        )
        (folder / "data" / "pg_hba.conf").write_text(
            "host all owner 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
        )
        with (folder / "data" / "postgresql.conf").open("a") as settings:
            settings.write(
                f"listen_addresses = '127.0.0.1'\nport = {self.port}\n"
                "unix_socket_directories = ''\nfsync = off\ndeadlock_timeout = '100ms'\n"
                "max_prepared_transactions = 4\n"
            )
        self.start()
        quoted = PASSWORD.replace("'", "''")
        self.execute(f"create role guarded login password '{quoted}'")

    def program(self, name: str, *arguments: str) -> None:
        subprocess.run(
            [self.programs / name, "-D", self.folder / "data", *arguments],
            user=self.user,
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def start(self) -> None:
        self.program("pg_ctl", "start", "-w", "-l", str(self.folder / "log"))

    def stop(self) -> None:
        self.program("pg_ctl", "stop", "-w", "-m", "immediate")

    def url(self, user: str = "owner", options: str = "") -> str:
        return f"postgresql://{user}@127.0.0.1:{self.port}/postgres{options}"

    def execute(self, statement: str) -> list[Any]:
        # ADBC reads the catalogue first, which is most of what a short statement takes.
        import psycopg

        with psycopg.connect(self.url(), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def schema(self) -> str:
        """The URL of a schema that nobody has used."""
        name = f"test_{next(_numbers)}"
        self.execute(f"create schema {name}")
        return self.url(options=f"?options={quote(f'-c search_path={name}')}")


class MariaDBServer:
    """A server in a temporary directory, on loopback alone; the measure for SQLAlchemy."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.user = "mysql" if os.getuid() == 0 else None  # it refuses to run as root
        if self.user:
            shutil.chown(folder, self.user)
        self.program(
            "mariadb-install-db", "--auth-root-authentication-method=normal", "--skip-test-db"
        )
        self.start()

    def program(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        found = shutil.which(name) or f"/usr/sbin/{name}"
        # A server that starts removes every temporary table that it finds in its tmpdir, also those
        # of other servers.
        places = (f"--datadir={self.folder / 'data'}", f"--tmpdir={self.folder}")
        output = self.folder / f"{name}.output"
        with output.open("wb") as written:
            running = subprocess.Popen(
                [found, "--no-defaults", *places, *arguments],
                user=self.user,
                cwd=self.folder,
                env={"PATH": os.environ["PATH"]},
                stdout=written,
                stderr=written,
                start_new_session=True,
            )
        if name == "mariadb-install-db":
            assert running.wait() == 0, output.read_text(errors="replace")
        return running

    def start(self) -> None:
        self.process = self.program(
            "mariadbd",
            f"--socket={self.folder / 'socket'}",
            f"--pid-file={self.folder / 'pid'}",
            f"--log-error={self.folder / 'log'}",
            f"--port={self.port}",
            "--bind-address=127.0.0.1",
            "--skip-name-resolve",
            "--innodb-buffer-pool-size=16M",
            "--innodb-flush-log-at-trx-commit=0",
        )
        deadline = time.monotonic() + 60
        while True:
            try:
                self.execute("select 1")
            except OSError:
                assert time.monotonic() < deadline, (self.folder / "log").read_text()
                time.sleep(0.1)
            else:
                return

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()

    def execute(self, statement: str) -> list[Any]:
        import pymysql

        try:
            connection = pymysql.connect(host="127.0.0.1", port=self.port, user="root")
        except pymysql.OperationalError as error:
            raise ConnectionError(str(error)) from None
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())

    def url(self, database: str = "mysql", port: int | None = None) -> str:
        return f"mariadb+pymysql://root@127.0.0.1:{port or self.port}/{database}?charset=utf8mb4"

    def database(self) -> str:
        """The URL of a database that nobody has used."""
        name = f"test_{next(_numbers)}"
        self.execute(f"create database {name} character set utf8mb4")
        return self.url(name)


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[MariaDBServer]:
    if shutil.which("mariadb-install-db") is None:
        missing = "MariaDB is not installed (mariadb-install-db is not on PATH)"
        if os.environ.get("CI") == "true":
            pytest.fail(f"{missing}: .ci/mariadb installs it", pytrace=False)
        pytest.skip(missing)
    with tempfile.TemporaryDirectory(prefix="tasksmithy-mariadb-", dir=TEMPORARY) as folder:
        running = MariaDBServer(Path(folder))
        try:
            yield running
        finally:
            running.stop()


@pytest.fixture
def mariadb(mariadb_server: MariaDBServer) -> str:
    """The URL of an empty database of the server."""
    return mariadb_server.database()


@pytest.fixture(scope="session")
def server() -> Iterator[PostgreSQLServer]:
    programs = postgresql_programs()
    if programs is None:
        missing = "PostgreSQL is not installed (initdb is neither on PATH nor below /usr/lib)"
        if os.environ.get("CI") == "true":
            pytest.fail(f"{missing}: .ci/postgresql installs it", pytrace=False)
        pytest.skip(missing)
    with tempfile.TemporaryDirectory(prefix="tasksmithy-postgresql-", dir=TEMPORARY) as folder:
        running = PostgreSQLServer(programs, Path(folder))
        try:
            yield running
        finally:
            running.stop()


@pytest.fixture
def postgresql(server: PostgreSQLServer) -> str:
    """The URL of an empty schema of the server."""
    return server.schema()


@pytest.fixture(params=["duckdb", "sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, of each kind in turn."""
    if request.param == "postgresql":
        url: str = request.getfixturevalue("server").schema()
        return url
    return f"{request.param}:///{tmp_path}/test.db"


@pytest.fixture(scope="session")
def ask() -> Callable[..., Any]:
    """Asks a database a query, with inputs of the types that their values have."""

    def ask(database: Any, query: str, output: Any = list[dict], **inputs: Any) -> Any:
        kinds = {name: type(value) for name, value in inputs.items()}
        task = SQLTask(name="ask", query=query, inputs=kinds, output=output, database=database)
        return run(task, **inputs)

    return ask


@pytest.fixture(scope="session")
def change(ask: Callable[..., Any]) -> Callable[..., int]:
    """Tells how many rows a statement changed."""

    def change(database: Any, query: str, **inputs: Any) -> int:
        changed: int = ask(database, query, RowCount, **inputs)
        return changed

    return change
