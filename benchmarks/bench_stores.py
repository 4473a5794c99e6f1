"""What the cache and the records of runs cost, beside bare sqlite3 in the same run.

python benchmarks/bench_stores.py

Each contender works on a file of its own; they take turns, and the table has the median of each.
Bare sqlite3 uses the same journal (WAL, synchronous NORMAL), one transaction for a put, and one
for all records together.
"""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from tasksmithy.runtime.stores._cache_store import CacheStore
from tasksmithy.runtime.stores._records import AttemptRecord, TaskRecord
from tasksmithy.runtime.stores._run_store import RunStore
from tasksmithy.values._storage import Encoded

ROUNDS = 7
CALLS = 1000
RECORDS = 10_000
VALUE = Encoded("json", b"x" * 200)


class Row(NamedTuple):
    """A line of the table: what was done, median microseconds for one, and for bare sqlite3."""

    what: str
    microseconds: float
    bare: float | None


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as directory:
        rows = [*cache_rows(Path(directory)), *record_rows(Path(directory))]
    print(f"{'microseconds for one':<40}{'store':>10}{'sqlite3':>10}{'ratio':>8}")
    for row in rows:
        beside = f"{row.bare:>10.1f}{row.microseconds / row.bare:>8.1f}" if row.bare else ""
        print(f"{row.what:<40}{row.microseconds:>10.1f}{beside}")


def taking_turns(number: int, *works: Callable[[], object]) -> list[float]:
    """Median microseconds of each work, divided by the number of things that it does."""
    seconds: list[list[float]] = [[] for _ in works]
    for _ in range(ROUNDS):
        for work, times in zip(works, seconds, strict=True):
            begin = time.perf_counter()
            work()
            times.append((time.perf_counter() - begin) / number)
    return [statistics.median(times) * 1e6 for times in seconds]


def bare_sqlite(file: Path) -> sqlite3.Connection:
    """A database with a table like the cache's."""
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("CREATE TABLE entry (key TEXT PRIMARY KEY, made REAL, format TEXT, data)")
    return connection


def cache_rows(directory: Path) -> list[Row]:
    """Put, hit and miss, and the lock of `Cache(serialize=True)`."""
    store, bare = CacheStore(directory), bare_sqlite(directory / "bare-cache.db")
    fresh, bare_fresh = itertools.count(), itertools.count()

    def put() -> None:
        for _ in range(CALLS):
            store.put(f"{next(fresh):064}", "task", VALUE)

    def bare_put() -> None:
        for _ in range(CALLS):
            row = (f"{next(bare_fresh):064}", time.time(), *VALUE)
            bare.execute("REPLACE INTO entry VALUES (?, ?, ?, ?)", row)

    def get(prefix: str) -> Callable[[], None]:
        def work() -> None:
            for number in range(CALLS):
                store.get(prefix + f"{number:064}", max_age=3600)

        return work

    def bare_get(prefix: str) -> Callable[[], None]:
        def work() -> None:
            for number in range(CALLS):
                bare.execute(
                    "SELECT format, data FROM entry WHERE key = ?", (prefix + f"{number:064}",)
                ).fetchone()

        return work

    async def lock() -> None:
        for number in range(CALLS):
            async with store.lock(str(number)):
                pass

    with closing(store), closing(bare):
        return [
            Row("cache: put", *taking_turns(CALLS, put, bare_put)),
            Row("cache: hit", *taking_turns(CALLS, get(""), bare_get(""))),
            Row("cache: miss", *taking_turns(CALLS, get("-"), bare_get("-"))),
            Row("cache: lock", *taking_turns(CALLS, lambda: asyncio.run(lock())), None),
        ]


def record_rows(directory: Path) -> list[Row]:
    """Records that finish together, and one after the other."""
    store, bare = RunStore(directory), bare_sqlite(directory / "bare-runs.db")
    fresh, bare_fresh = itertools.count(), itertools.count()

    def record() -> TaskRecord:
        attempts = (AttemptRecord(1, 1.0, 2.0, None),)
        return TaskRecord(
            "run", f"{next(fresh):032}", "0", "demo.add", "python", "", "succeeded", 1.0, 1.0, 2.0,
            attempts, "a=1", VALUE,
        )  # fmt: skip

    def together() -> None:
        async def work() -> None:
            await asyncio.gather(*(store.finished(record()) for _ in range(RECORDS)))

        asyncio.run(work())

    def bare_together() -> None:
        bare.execute("BEGIN")
        rows = ((f"{next(bare_fresh):032}", 1.0, *VALUE) for _ in range(RECORDS))
        bare.executemany("REPLACE INTO entry VALUES (?, ?, ?, ?)", rows)
        bare.execute("COMMIT")

    def one_by_one() -> None:
        async def work() -> None:
            for _ in range(CALLS):
                await store.finished(record())

        asyncio.run(work())

    def bare_one_by_one() -> None:
        for _ in range(CALLS):
            row = (f"{next(bare_fresh):032}", 1.0, *VALUE)
            bare.execute("REPLACE INTO entry VALUES (?, ?, ?, ?)", row)

    with closing(store), closing(bare):
        store.begin("run", file=None, task="demo.main", inputs="")
        rows = [
            Row(
                f"records: {RECORDS} finish together",
                *taking_turns(RECORDS, together, bare_together),
            ),
            Row("records: one by one", *taking_turns(CALLS, one_by_one, bare_one_by_one)),
        ]
        store.end("run", "succeeded")
    return rows


if __name__ == "__main__":
    main()
