"""What the SQL task type costs beside the bare drivers: `python benchmarks/bench_sql.py`.

Three figures, each beside its floor or its peers in the same run:

- a query of DuckDB to an Arrow table, beside DuckDB itself;
- a table of PostgreSQL to Arrow, beside the bare ADBC driver, psycopg and pandas `read_sql`;
- an Arrow table into PostgreSQL, beside a bare `COPY` of rows that are encoded already, and the
  bare ADBC driver.

All contenders are timed in turn, several times over, so that a busy machine slows all of them
alike; the table has the median of each and its ratio to the first. A time is that of a whole task:
it opens its connection, and what it writes is committed. The server is one that the benchmark
starts on loopback; without PostgreSQL's programs its figures are left out, and the table says so.
"""

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa

from tasksmithy import run
from tasksmithy_sql import SQLTask, SQLWrite

ROWS_DUCKDB = 10_000_000
ROWS_POSTGRESQL = 1_000_000


class Row(NamedTuple):
    """One figure: how long one contender takes."""

    figure: str
    contender: str
    seconds: float
    ratio: float
    """To the first contender of the figure in the same run."""


def programs() -> Path | None:
    """The folder of PostgreSQL's programs."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return installed[-1].parent if installed else None


@contextmanager
def server(binaries: Path, folder: Path) -> Iterator[str]:
    """The URL of a PostgreSQL server that lives as long as the body, with its own settings."""
    user = "postgres" if os.getuid() == 0 else None  # it refuses to run as root
    if user:
        shutil.chown(folder, user)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    def program(name: str, *arguments: str) -> None:
        subprocess.run(
            [binaries / name, "-D", folder / "data", *arguments],
            user=user,
            cwd=folder,
            check=True,
            stdout=subprocess.DEVNULL,
        )

    program("initdb", "--no-sync", "-E", "UTF8", "--locale", "C", "-U", "owner", "-A", "trust")
    with (folder / "data" / "postgresql.conf").open("a") as settings:
        settings.write(
            f"listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = ''\n"
            "max_wal_size = '8GB'\n"
        )
    program("pg_ctl", "start", "-w", "-l", str(folder / "log"))
    try:
        yield f"postgresql://owner@127.0.0.1:{port}/postgres"
    finally:
        program("pg_ctl", "stop", "-w", "-m", "immediate")


def timed(figure: str, contenders: dict[str, Callable[[], Any]], rounds: int) -> list[Row]:
    """The median of each contender's times; each is called once before."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for call in contenders.values():
        call()
    for number in range(rounds):
        # Alternating, so that nobody always comes after the same other.
        for name in list(contenders)[:: 1 if number % 2 else -1]:
            begun = time.perf_counter()
            result = contenders[name]()
            times[name].append(time.perf_counter() - begun)
            del result
    medians = {name: statistics.median(found) for name, found in times.items()}
    first = next(iter(medians.values()))
    return [Row(figure, name, median, median / first) for name, median in medians.items()]


def duckdb_rows(rows: int, rounds: int) -> list[Row]:
    """A query of DuckDB to an Arrow table."""
    query = f"select range as n, range % 97 as m, range * 0.5 as x, 'text' as t from range({rows})"
    task = SQLTask(name="duckdb", query=query)

    def bare() -> pa.Table:
        with duckdb.connect() as connection:
            return connection.sql(query).to_arrow_table()

    contenders = {"bare DuckDB": bare, "tasksmithy": lambda: run(task)}
    return timed(f"{rows:,} rows to Arrow", contenders, rounds)


def table(rows: int) -> pa.Table:
    """The rows that are read and written."""
    return duckdb.sql(
        "select range as id, range % 1000 as k, range * 0.5::double as x, 'row ' || range as t, "
        f"date '2026-01-01' + (range % 365)::int as d from range({rows})"
    ).to_arrow_table()


def postgresql_rows(url: str, rows: int, rounds: int) -> list[Row]:
    """A table of PostgreSQL to Arrow, and to the frames of others."""
    import pandas as pd
    import psycopg
    import sqlalchemy
    from adbc_driver_postgresql import dbapi

    run(
        SQLWrite(
            name="fill",
            table="filled",
            inputs={"rows": pa.Table},
            mode="replace",
            database=url,
        ),
        rows=table(rows),
    )
    query = "select * from filled"
    task = SQLTask(name="read", query=query, database=url)

    def bare() -> pa.Table:
        with dbapi.connect(url) as connection, connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetch_arrow_table()

    def by_psycopg() -> list[Any]:
        with psycopg.connect(url) as connection:
            return connection.execute(query).fetchall()

    def by_pandas() -> Any:
        engine = sqlalchemy.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
        with engine.connect() as connection:
            frame = pd.read_sql(sqlalchemy.text(query), connection)
        engine.dispose()
        return frame

    contenders = {
        "bare ADBC": bare,
        "tasksmithy": lambda: run(task),
        "psycopg, to tuples": by_psycopg,
        "pandas read_sql": by_pandas,
    }
    return timed(f"{rows:,} rows from PostgreSQL", contenders, rounds)


def writes(url: str, rows: int, rounds: int) -> list[Row]:
    """An Arrow table into a new table of PostgreSQL.

    What is copied bare was encoded before the clock started; the others begin with Arrow.
    """
    import psycopg
    from adbc_driver_postgresql import dbapi

    given = table(rows)
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("create table copied (id bigint, k bigint, x float8, t text, d date)")
        cursor.execute("insert into copied select * from filled")
        encoded = {}
        for form in ("csv", "binary"):
            with cursor.copy(f"copy copied to stdout (format {form})") as copy:
                encoded[form] = b"".join(copy)

    def bare(form: str) -> None:
        with psycopg.connect(url) as connection, connection.cursor() as cursor:
            cursor.execute("drop table if exists copied")
            cursor.execute("create table copied (id bigint, k bigint, x float8, t text, d date)")
            with cursor.copy(f"copy copied from stdin (format {form})") as copy:
                copy.write(encoded[form])

    def bare_ingest() -> None:
        with dbapi.connect(url) as connection, connection.cursor() as cursor:
            cursor.adbc_ingest("ingested", given, mode="replace")
            connection.commit()

    task = SQLWrite(
        name="write",
        table="written",
        inputs={"rows": pa.Table},
        mode="replace",
        database=url,
    )
    contenders = {
        "bare COPY of CSV": lambda: bare("csv"),
        "bare COPY of binary": lambda: bare("binary"),
        "bare ADBC ingest": bare_ingest,
        "tasksmithy": lambda: run(task, rows=given),
    }
    return timed(f"{rows:,} rows into PostgreSQL", contenders, rounds)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=7, help="how often each is timed")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the rows, for a trial")
    args = parser.parse_args(argv)
    found = duckdb_rows(int(ROWS_DUCKDB * args.scale), args.rounds)
    binaries = programs()
    if binaries is None:
        print("PostgreSQL is not installed here: its figures are left out")
    else:
        rows = int(ROWS_POSTGRESQL * args.scale)
        with (
            tempfile.TemporaryDirectory(prefix="bench-sql-") as folder,
            server(binaries, Path(folder)) as url,
        ):
            found += postgresql_rows(url, rows, args.rounds)
            found += writes(url, rows, args.rounds)
    print(f"{'figure':<32}{'contender':<28}{'seconds':>9}{'ratio':>8}")
    for row in found:
        print(f"{row.figure:<32}{row.contender:<28}{row.seconds:>9.3f}{row.ratio:>8.2f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
