"""CacheStore: results of tasks, kept on this machine for all of its runs."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakValueDictionary

from tasksmithy.errors import StoreError
from tasksmithy.runtime.secrets._exits import handed_out, stores
from tasksmithy.runtime.stores._private import user_folder
from tasksmithy.runtime.stores._processlocks import ProcessLocks
from tasksmithy.runtime.stores._sqlite import Database, Schema, empty_log, shrink
from tasksmithy.values._storage import Encoded

if TYPE_CHECKING:
    import asyncio
    import sqlite3

_SCHEMA = Schema(
    holds="the cache",
    mark=0x74736303,
    tables="""
    CREATE TABLE entry (
        key TEXT PRIMARY KEY,
        task TEXT NOT NULL,
        made REAL NOT NULL,
        format TEXT NOT NULL,
        data BLOB NOT NULL,
        identity TEXT NOT NULL,
        inputs TEXT NOT NULL,
        size INTEGER NOT NULL
    );
    CREATE INDEX entry_of_task ON entry (task, made, size);
    CREATE TABLE identity (
        digest TEXT PRIMARY KEY,
        parts TEXT NOT NULL
    )
    """,
)

_POLL_SECONDS = (0.001, 0.05)  # the first pause between two looks at a lock, and the longest


class Origin(NamedTuple):
    """What a kept result was made of.

    Attributes:
        identity: the digest of the task's identity.
        parts: the digest of each part of it, by its name.
        inputs: the digest of each input, by its name.
    """

    identity: str = ""
    parts: Mapping[str, str] = {}
    inputs: Mapping[str, str] = {}


_UNKNOWN = Origin()


class Usage(NamedTuple):
    """What a part of the cache amounts to.

    Attributes:
        entries: number of results.
        bytes: size of their values.
    """

    entries: int
    bytes: int


class CacheInfo(NamedTuple):
    """What is in a cache.

    Attributes:
        path: its file.
        file_bytes: what that takes on the disk: values, keys and what they were made of.
        total: all of it.
        tasks: by name of the task.
    """

    path: Path
    file_bytes: int
    total: Usage
    tasks: dict[str, Usage]


def default_cache_directory() -> Path:
    """The folder of the cache in the user's cache folder."""
    return user_folder("cache")


class CacheStore:
    """The cache in a folder, which any number of processes and threads may use at once.

    It never fails a run: a cache that cannot be used is a warning, once, and finds nothing; after
    a result that could not be kept, no more are kept.

    Args:
        directory: the folder; made when it is needed.
    """

    def __init__(self, directory: Path) -> None:
        self._database = Database(directory / "cache-3.db", _SCHEMA)
        self._locks = ProcessLocks.of(directory / "cache.locks")
        self._keeps = True
        self._since: float | None = None  # when the first result was put
        stores.add(self)
        # A lock between processes says nothing about the coroutines of one. asyncio's locks, one
        # for each loop and key, also let only one of ten thousand equal calls look at the file.
        self._turns: WeakValueDictionary[tuple[asyncio.AbstractEventLoop, str], asyncio.Lock] = (
            WeakValueDictionary()
        )

    def get(self, key: str, *, max_age: float | None) -> Encoded | None:
        """The result under `key`, unless there is none or it is older than `max_age` seconds."""
        oldest = time.time() - max_age if max_age is not None else float("-inf")

        def found(connection: sqlite3.Connection) -> Encoded | None:
            row = connection.execute(
                # A damaged file may have another type in a column than was written.
                "SELECT CAST(format AS TEXT), CAST(data AS BLOB) FROM entry "
                "WHERE key = ? AND made >= ?",
                (key, oldest),
            ).fetchone()
            return None if row is None else Encoded(*row)

        return self._database.attempt(found, None)

    def put(self, key: str, task: str, encoded: Encoded, origin: Origin = _UNKNOWN) -> None:
        """Keep the result of a call of `task` under `key`, in place of what was there.

        One that holds a secret that a run has handed out is not kept.
        """

        def kept(connection: sqlite3.Connection) -> bool:
            # Looked at here, where nothing comes between this and `mask_written`.
            if not handed_out.is_in(encoded.data):
                made_of = (origin.identity, json.dumps(origin.inputs))
                row = (key, task, time.time(), *encoded, *made_of, len(encoded.data))
                connection.execute("REPLACE INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
                _keep_parts(connection, origin)
            return True

        if self._keeps:
            self._since = self._since or time.time()
            self._keeps = self._database.attempt(kept, otherwise=False)

    def made(self, key: str) -> float | None:
        """When the result under `key` was made, in seconds since the epoch; None if there is none.

        Raises:
            StoreError: the cache cannot be read.
        """
        row: tuple[float] | None = self._database.read(
            lambda connection: connection.execute(
                "SELECT made FROM entry WHERE key = ?", (key,)
            ).fetchone(),
            otherwise=None,
        )
        return None if row is None else row[0]

    def newest(self, task: str) -> tuple[float, Origin] | None:
        """When the newest result of a task was made, and of what; None where none is kept.

        Raises:
            StoreError: the cache cannot be read.
        """
        row: tuple[float, str, str, str | None] | None = self._database.read(
            lambda connection: connection.execute(
                "SELECT made, identity, inputs, parts FROM entry "
                "LEFT JOIN identity ON identity = digest "
                "WHERE task = ? ORDER BY made DESC LIMIT 1",
                (task,),
            ).fetchone(),
            otherwise=None,
        )
        if row is None:
            return None
        made, identity, inputs, parts = row
        try:
            return made, Origin(identity, json.loads(parts or "{}"), json.loads(inputs))
        except ValueError:  # damaged
            return made, _UNKNOWN

    def mask_written(self) -> None:
        """Drop results that were kept before the secrets in them were known."""

        def dropped(connection: sqlite3.Connection) -> None:
            connection.create_function("is_secret", 1, handed_out.is_in)
            connection.execute("DELETE FROM entry WHERE made >= ? AND is_secret(data)", (since,))
            empty_log(connection)

        if (since := self._since) is not None:
            self._database.revisit(dropped)

    @asynccontextmanager
    async def lock(self, key: str) -> AsyncIterator[None]:
        """Held by one at a time, of all coroutines, threads and processes that ask for `key`.

        The lock of a process that dies is free. Where the folder cannot hold locks, there is a
        warning, once, and no waiting.
        """
        import asyncio

        turn = self._turns.setdefault((asyncio.get_running_loop(), key), asyncio.Lock())
        async with turn:
            await self._take(key)
            try:
                yield
            finally:
                self._locks.release(key)

    @property
    def holds_locks(self) -> bool:
        """Whether this process holds any lock."""
        return self._locks.holds_any

    async def _take(self, key: str) -> None:
        """Wait for the lock, or warn that there can be none."""
        import asyncio

        pause, longest = _POLL_SECONDS
        try:
            while not self._locks.take(key):
                await asyncio.sleep(pause)
                pause = min(2 * pause, longest)
        except OSError as error:
            self._database.warn(StoreError("the cache", self._database.file, str(error)))

    def info(self) -> CacheInfo:
        """What is in the cache.

        Raises:
            StoreError: it cannot be read.
        """
        rows: list[tuple[str, int, int]] = self._database.read(
            lambda connection: connection.execute(
                # The index has all of it: the values of a million entries need not be read.
                "SELECT task, count(*), sum(CAST(size AS INTEGER)) FROM entry "
                "GROUP BY task ORDER BY task"
            ).fetchall(),
            otherwise=[],
        )
        tasks = {task: Usage(entries, size) for task, entries, size in rows}
        total = Usage(
            sum(usage.entries for usage in tasks.values()),
            sum(usage.bytes for usage in tasks.values()),
        )
        return CacheInfo(self._database.file, self._database.size, total, tasks)

    def clear(self, task: str | None = None, *, made_before: float | None = None) -> int:
        """Drop results, and give their space back to the disk.

        Args:
            task: drop those of the task of this name alone.
            made_before: drop those alone that were made until then, in seconds since the epoch.

        Returns:
            The number of entries dropped.

        Raises:
            StoreError: the cache cannot be written.
        """

        def cleared(connection: sqlite3.Connection) -> int:
            dropped = connection.execute(
                "DELETE FROM entry "
                "WHERE (:task IS NULL OR task = :task) AND (:until IS NULL OR made <= :until)",
                {"task": task, "until": made_before},
            ).rowcount
            connection.execute(
                "DELETE FROM identity WHERE digest NOT IN (SELECT identity FROM entry)"
            )
            shrink(connection)
            return dropped

        try:
            return self._database.read(cleared, otherwise=0)
        except StoreError as error:
            if task is not None or made_before is not None:
                raise
            entries = self.info().total.entries
            self._database.remove_full(error)
            return entries

    def close(self) -> None:
        """Let go of the file; the next use opens it again."""
        self._database.close()


def _keep_parts(connection: sqlite3.Connection, origin: Origin) -> None:
    """Keep the parts of an identity once for all results that have it."""
    digest = (origin.identity,)
    if not connection.execute("SELECT 1 FROM identity WHERE digest = ?", digest).fetchone():
        row = (origin.identity, json.dumps(dict(origin.parts)))
        connection.execute("INSERT OR IGNORE INTO identity VALUES (?, ?)", row)
