"""Store: the tasks of a connector in one SQLite file, which outlives the server."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any, Final, NamedTuple

from tasksmithy.errors import TasksmithyError

KEPT_SECONDS: Final = 7 * 86_400
"""How long a task that has ended is known."""

MOST_LINES: Final = 1_000
"""Lines of a task's log that are kept, the first ones."""

_TABLES = """
CREATE TABLE IF NOT EXISTS task (
    id TEXT PRIMARY KEY, template BLOB NOT NULL, inputs BLOB NOT NULL, prefix TEXT NOT NULL,
    attempt INTEGER NOT NULL, phase TEXT NOT NULL, message TEXT NOT NULL, outputs BLOB NOT NULL,
    handle TEXT, losses INTEGER NOT NULL, ended REAL
);
CREATE TABLE IF NOT EXISTS line (
    number INTEGER PRIMARY KEY, task TEXT NOT NULL, time REAL NOT NULL, text TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS line_of_task ON line (task, number);
"""
_CREATE = "INSERT OR IGNORE INTO task VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_SELECT = """
    SELECT id, template, inputs, prefix, attempt, phase, message, outputs, handle, losses FROM task
"""

ENDED = ("succeeded", "failed", "retryable", "aborted")
"""The phases of a task that goes on no more. The others: queued, running, deleted."""


class StateError(TasksmithyError):
    """The state of a connector server cannot be used."""


class StoredTask(NamedTuple):
    """A task that was created.

    Attributes:
        id: what the cluster knows it by.
        template: the task, a message.
        inputs: its inputs, a message.
        prefix: under which its files are left.
        attempt: which attempt of the cluster it is, from 1.
        phase: how it is.
        message: what there is to say, of one that has failed why.
        outputs: its outputs, a message.
        handle: the handle of its job, as JSON; None without one.
        losses: how often a server has ended while it ran.
    """

    id: str
    template: bytes
    inputs: bytes
    prefix: str
    attempt: int
    phase: str = "queued"
    message: str = ""
    outputs: bytes = b""
    handle: str | None = None
    losses: int = 0


class Store:
    """The tasks in a folder, of one server at a time. Every write outlives the process.

    Args:
        folder: the folder; it is made, for its owner alone.

    Raises:
        StateError: another server uses the folder, or it cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = folder / "connector-1.db"
            self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
            self._database = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = NORMAL")
            self._database.executescript(_TABLES)
        except BlockingIOError:
            raise StateError(f"another connector server uses {folder}; give --state DIR") from None
        except (OSError, sqlite3.Error) as error:
            raise StateError(f"the state in {folder} cannot be used: {error}") from error
        self._guard = threading.Lock()  # tasks log in threads
        self._lines: dict[str, int] = {}
        self._forget()

    def create(self, task: StoredTask) -> bool:
        """Write down a task; whether it is new."""
        return self._write(_CREATE, *task, None) == 1

    def find(self, id_: str) -> StoredTask | None:
        """The task with that id; None without one."""
        found = self._read(f"{_SELECT} WHERE id = ?", id_)
        return StoredTask(*found[0]) if found else None

    def open_tasks(self) -> list[StoredTask]:
        """The tasks that have not ended, in the order of their creation."""
        rows = self._read(f"{_SELECT} WHERE ended IS NULL ORDER BY rowid")
        return [StoredTask(*row) for row in rows]

    def update(self, id_: str, **values: Any) -> None:
        """Change columns of a task that has not ended."""
        if values.get("phase") in ENDED:
            values["ended"] = time.time()
        names = ", ".join(f"{name} = ?" for name in values)
        query = f"UPDATE task SET {names} WHERE id = ? AND ended IS NULL"  # noqa: S608 - columns
        self._write(query, *values.values(), id_)

    def log(self, id_: str, moment: float, text: str) -> None:
        """Add a line to the log of a task, unless that is full."""
        count = self._lines.get(id_, 0)
        if count < MOST_LINES:
            self._lines[id_] = count + 1
            self._write("INSERT INTO line (task, time, text) VALUES (?, ?, ?)", id_, moment, text)

    def lines(self, id_: str, after: int, most: int) -> list[tuple[int, float, str]]:
        """Lines of the log of a task, after the one of that number: number, moment and text."""
        query = "SELECT number, time, text FROM line WHERE task = ? AND number > ? LIMIT ?"
        return self._read(query, id_, after, most)

    def _write(self, query: str, *values: Any) -> int:
        """Change rows; how many."""
        with self._guard:
            return self._database.execute(query, values).rowcount

    def _read(self, query: str, *values: Any) -> list[Any]:
        with self._guard:
            return self._database.execute(query, values).fetchall()

    def close(self) -> None:
        """Let go of the folder."""
        self._database.close()
        os.close(self._lock)

    def _forget(self) -> None:
        """Drop what has ended long ago."""
        self._write("DELETE FROM task WHERE ended < ?", time.time() - KEPT_SECONDS)
        self._write("DELETE FROM line WHERE task NOT IN (SELECT id FROM task)")
