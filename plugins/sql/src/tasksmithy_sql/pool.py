"""Connections of one run: made when they are needed, kept for the next task, closed at its end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tasksmithy import RunContext
from tasksmithy_sql.connection import Connection
from tasksmithy_sql.databases import connect
from tasksmithy_sql.errors import SQLError
from tasksmithy_sql.url import DatabaseURL

_Key = tuple[str, str | None, bool]


class Pool:
    """The idle connections of one run. It may be used from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: dict[_Key, list[Connection]] = {}
        self._closed = False

    def take(self, url: DatabaseURL, password: str | None, *, transaction: bool) -> Connection:
        """A connection that works, for the caller alone. Raises as `connect`."""
        while True:
            with self._lock:
                idle = self._idle.get((url.text, password, transaction))
                kept = idle.pop() if idle else None
            if kept is None:
                return connect(url, password, transaction=transaction)
            try:
                kept.reset()
            except SQLError:
                kept.close()
            else:
                return kept

    def give_back(
        self, connection: Connection, url: DatabaseURL, password: str | None, *, transaction: bool
    ) -> None:
        """Keep a connection for the next that wants one; it is in no transaction."""
        with self._lock:
            # A database in memory lives as long as its query.
            if not self._closed and not url.in_memory:
                key = (url.text, password, transaction)
                self._idle.setdefault(key, []).append(connection)
                return
        connection.close()

    def close(self) -> None:
        """Close what is idle, and from now on whatever comes back."""
        with self._lock:
            self._closed = True
            idle = [connection for kept in self._idle.values() for connection in kept]
            self._idle.clear()
        for connection in idle:
            connection.close()


_pools: dict[str, Pool] = {}


@contextmanager
def pool_of(context: RunContext) -> Iterator[Pool]:
    """The pool of the context's run; outside a run one that ends with the body."""
    run = context.run
    if run is None:
        pool = Pool()
        try:
            yield pool
        finally:
            pool.close()
        return
    kept = _pools.get(run.id)
    if kept is None:
        kept = _pools[run.id] = Pool()

        def end() -> None:
            _pools.pop(run.id, Pool()).close()

        run.at_end(end)
    yield kept
