"""One attempt: a transaction in a thread, which a cancelled task stops on the server."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from tasksmithy import RunContext, in_thread
from tasksmithy_sql.connection import Connection
from tasksmithy_sql.errors import CommitUnknownError, DatabaseUnreachableError, SQLError
from tasksmithy_sql.outputs import discard
from tasksmithy_sql.pool import Pool, pool_of
from tasksmithy_sql.url import DatabaseURL

T = TypeVar("T")

_AGAIN = 0.1
"""Seconds between two attempts to stop a statement: it may not have begun at the first."""

_PATIENCE = 0.8
"""Seconds that a cancelled task waits for its statement to stop, at most: what has not stopped by
then is left to its thread, which cannot commit any more."""

_LONGEST_COMMIT = 10.0
"""Seconds that a cancelled task waits for a commit that has begun."""


async def attempted(
    context: RunContext,
    url: DatabaseURL,
    password: str | None,
    work: Callable[[Connection], T],
    *,
    transaction: bool,
) -> T:
    """The result of `work` with a connection of the run, as one transaction where asked.

    Cancelled, it stops the statement where it runs, and leaves nothing behind. A commit that has
    begun is waited for: its result is returned, as the cancellation came too late.

    Raises:
        SQLError: the database refuses, or is lost.
    """
    with pool_of(context) as pool:
        attempt = _Attempt(pool, url, password, work, transaction=transaction)
        running = asyncio.ensure_future(in_thread(attempt.run))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            if await _stopped(attempt, running):
                # Who cancelled can see it in asyncio's Task.cancelling(); a second attempt would
                # write twice.
                return running.result()
            raise


async def _stopped(attempt: _Attempt[T], running: asyncio.Future[T]) -> bool:
    """Stop the statement of an attempt, and wait until it has stopped; whether it had committed.

    Raises:
        CommitUnknownError: its commit had begun, and does not end.
    """
    running.add_done_callback(_retrieve)
    for _ in range(round(_PATIENCE / _AGAIN)):
        if running.done():
            break
        stopping = asyncio.ensure_future(in_thread(attempt.stop))
        stopping.add_done_callback(_retrieve)  # it may hang, as a server does that is gone
        await asyncio.wait([running], timeout=_AGAIN)
    if attempt.is_committed and not running.done():
        await asyncio.wait([running], timeout=_LONGEST_COMMIT)
        if not running.done():
            raise CommitUnknownError(
                f"the task was stopped while its transaction committed, which had not ended "
                f"{_LONGEST_COMMIT:g} s later: look whether the rows are there before you run the "
                "task again"
            )
    return attempt.is_committed and running.done()


def _retrieve(future: asyncio.Future[Any]) -> None:
    """Look at the exception of a stopped attempt, so that asyncio does not report it."""
    if not future.cancelled():
        future.exception()


class _Attempt(Generic[T]):
    """What runs in the thread."""

    def __init__(
        self,
        pool: Pool,
        url: DatabaseURL,
        password: str | None,
        work: Callable[[Connection], T],
        *,
        transaction: bool,
    ) -> None:
        self._pool = pool
        self._database = url, password
        self._work = work
        self._transaction = transaction
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._stopped = False
        self.is_committed = False

    def run(self) -> T:
        """Connect, begin, work, commit; what fails is rolled back."""
        connection = self._pool.take(*self._database, transaction=self._transaction)
        try:
            self._step(connection)
            if self._transaction:
                connection.begin()
            try:
                result = self._work(connection)
            except DatabaseUnreachableError as error:
                if self._transaction:
                    raise
                raise CommitUnknownError(
                    f"{error}; without a transaction the statement may be executed all the same: "
                    "look whether it was before you run the task again"
                ) from None
            finally:
                connection.forget()
            self._commit(connection, result)
        except BaseException:
            self._leave(connection)
            raise
        self._step(None)
        self._pool.give_back(connection, *self._database, transaction=self._transaction)
        return result

    def stop(self) -> None:
        """Stop what runs, if its commit has not begun; from another thread."""
        with self._lock:
            self._stopped = True
            if self._connection is not None and not self.is_committed:
                self._connection.cancel()

    def _step(self, connection: Connection | None) -> None:
        with self._lock:
            if self._stopped and connection is not None:
                raise SQLError("the task was cancelled")
            self._connection = connection

    def _commit(self, connection: Connection, result: T) -> None:
        if not self._transaction:
            return
        try:
            self._begin_to_commit()
            connection.commit()
        except BaseException:
            self.is_committed = False
            discard(result)
            raise

    def _begin_to_commit(self) -> None:
        with self._lock:
            if self._stopped:
                raise SQLError("the task was cancelled")
            self.is_committed = True

    def _leave(self, connection: Connection) -> None:
        """Roll back, and keep the connection only where that is certain to have worked."""
        with self._lock:
            self._connection = None
        try:
            if self._transaction:
                connection.rollback()
        except SQLError:
            is_sound = False
        else:
            # What stops a statement may still be on its way, and would meet the next one.
            is_sound = not self._stopped
        if is_sound:
            self._pool.give_back(connection, *self._database, transaction=self._transaction)
        else:
            connection.close()
