"""One SQLite file that threads share: what the stores rely on and cannot show by themselves."""

from __future__ import annotations

import gc
import os
import sqlite3
import threading
import warnings
from contextlib import closing
from pathlib import Path

import pytest

from tasksmithy.errors import StoreError
from tasksmithy.runtime.stores._sqlite import Database, Schema, transaction

SCHEMA = Schema("the test", 0x74736D7F, "CREATE TABLE numbers (number INTEGER PRIMARY KEY)")


def numbers(database: Database) -> list[int]:
    return database.use(
        lambda connection: [row[0] for row in connection.execute("SELECT number FROM numbers")]
    )


def test_threads_take_turns_with_their_transactions(tmp_path: Path) -> None:
    def work(start: int) -> None:
        for number in range(start, start + 200, 2):
            database.use(lambda connection, number=number: two(connection, number))

    def two(connection: sqlite3.Connection, number: int) -> None:
        with transaction(connection):
            connection.execute("INSERT INTO numbers VALUES (?)", (number,))
            connection.execute("INSERT INTO numbers VALUES (?)", (number + 1,))

    with closing(Database(tmp_path / "test.db", SCHEMA)) as database:
        threads = [threading.Thread(target=work, args=(n * 200,)) for n in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert numbers(database) == list(range(1200))


def test_of_a_transaction_that_fails_nothing_is_left(tmp_path: Path) -> None:
    def fail(connection: sqlite3.Connection) -> None:
        with transaction(connection):
            connection.execute("INSERT INTO numbers VALUES (1)")
            connection.execute("INSERT INTO numbers VALUES (1)")

    with closing(Database(tmp_path / "test.db", SCHEMA)) as database:
        with pytest.raises(StoreError, match="UNIQUE"):
            database.use(fail)
        assert numbers(database) == []


def test_a_file_that_is_opened_again_after_its_end_is_closed_with_its_store(tmp_path: Path) -> None:
    database = Database(tmp_path / "test.db", SCHEMA)
    numbers(database)
    database.close()
    numbers(database)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        del database
        gc.collect()
    assert said == []
    assert str(tmp_path / "test.db") not in map(os.path.realpath, Path("/proc/self/fd").iterdir())


def test_another_kind_of_store_is_not_taken_for_this_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = Schema("another", 0x74736D7E, "CREATE TABLE others (number INTEGER)")
    with closing(Database(tmp_path / "test.db", other)) as database:
        database.use(lambda connection: connection.execute("INSERT INTO others VALUES (1)"))
    with closing(Database(tmp_path / "test.db", SCHEMA)) as database:
        assert numbers(database) == []
    with closing(sqlite3.connect(tmp_path / "test.db.aside-1")) as connection:
        assert connection.execute("SELECT number FROM others").fetchall() == [(1,)]
    assert "it is a database of something else" in caplog.text
