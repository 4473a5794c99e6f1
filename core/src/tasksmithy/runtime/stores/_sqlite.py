"""Database: one SQLite file that several processes and threads share, and that may turn out bad."""

from __future__ import annotations

import itertools
import os
import shlex
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, TypeVar
from weakref import WeakSet

from tasksmithy.errors import StoreError
from tasksmithy.runtime.stores._private import make_file, make_folder, shared

T = TypeVar("T")

BUSY_SECONDS = 10.0
"""How long a process waits for another one's transaction; each takes milliseconds."""

_PARTS = ("-wal", "-shm", "")
"""What a database consists of, by the ends of the names; the file itself comes last."""

_NO_PLACE = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
}
_BAD_FILE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}

# A value may also be too large for SQLite, or a text not Unicode.
_FAILURES = (sqlite3.Error, OSError, OverflowError, UnicodeEncodeError)


class Schema(NamedTuple):
    """What a database holds.

    Attributes:
        holds: what that is, for messages ("the cache").
        mark: the file's `application_id`. Tables that change get another mark and another file
            name, so that two versions of tasksmithy never disturb each other.
        tables: the SQL that makes the tables.
    """

    holds: str
    mark: int
    tables: str


class Database:
    """One SQLite file, opened when it is first used.

    Every commit survives `kill -9` of its process at any moment; the last ones may not survive a
    power cut, which leaves the file whole.

    A file that is corrupt, or that is not of this schema, is moved aside with a warning that names
    it, and a new one takes its place.

    Args:
        file: where it is; its folder is made when it is needed.
        schema: what it holds.
    """

    def __init__(self, file: Path, schema: Schema) -> None:
        self.file = file.absolute()  # a task may change the working directory
        self._schema = schema
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._opened: tuple[int, int] | None = None
        self._unusable: str | None = None
        self._warned = False
        _databases.add(self)

    @property
    def size(self) -> int:
        """What the file and its log take on the disk, in bytes."""
        total = 0
        for suffix in ("", "-wal"):
            with suppress(FileNotFoundError):
                total += Path(f"{self.file}{suffix}").stat().st_size
        return total

    def use(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What `work` returns; threads take turns. Each statement is a transaction of its own.

        `work` is called again where the file had to be replaced.

        Raises:
            StoreError: the file cannot be used: a full disk, a folder that is read-only, ...
        """
        with self._lock:
            if self._unusable is not None:
                raise StoreError(self._schema.holds, self.file, self._unusable)
            try:
                return self._use(work)
            except _FAILURES as error:
                raise StoreError(self._schema.holds, self.file, str(error)) from error

    def read(self, work: Callable[[sqlite3.Connection], T], otherwise: T) -> T:
        """As `use`, but `otherwise` where there is no file yet; it is not made."""
        try:
            is_there = self._connection is not None or self.file.exists()
        except OSError as error:  # nobody may look into its folder
            raise StoreError(self._schema.holds, self.file, str(error)) from error
        return self.use(work) if is_there else otherwise

    def attempt(self, work: Callable[[sqlite3.Connection], T], otherwise: T) -> T:
        """As `use`, but `otherwise` and, the first time, a warning where that is an error."""
        try:
            return self.use(work)
        except StoreError as error:
            self.warn(error)
            return otherwise

    def revisit(self, work: Callable[[sqlite3.Connection], None]) -> None:
        """As `attempt`; a file that was closed is closed again afterwards."""
        was_closed = self._connection is None
        self.attempt(work, None)
        if was_closed:
            self.close()

    def warn(self, error: StoreError) -> None:
        """Say once that the run goes on without what this holds."""
        if not self._warned:
            self._warned = True
            _log(f"{error}; the run goes on without it")

    def remove_full(self, error: StoreError) -> None:
        """Remove the file, if `error` says that the disk is full; for who drops all there is.

        To delete what is in a file takes some space first. A process that has it open goes on with
        a file that is not there any more.

        Raises:
            StoreError: `error`, if it says anything else; the file cannot be removed.
        """
        if not _has_no_place(error.__cause__):
            raise error
        try:
            with self._lock, _locked_folder(self.file.parent):
                self._close()
                for suffix in _PARTS:
                    Path(f"{self.file}{suffix}").unlink(missing_ok=True)
                self._unusable = None
        except OSError as refused:
            raise StoreError(self._schema.holds, self.file, str(refused)) from refused

    def close(self) -> None:
        """Let go of the file. The next use opens it again."""
        with self._lock:
            self._close()

    def __del__(self) -> None:
        # What comes after the end, as the record of a task that went on in spite of its
        # cancellation, opens the file again.
        self._close()

    def forget(self) -> None:
        """Start anew in a forked child, where what the parent had open must not be touched."""
        self._lock = threading.Lock()
        if self._connection is not None:
            _of_the_parent.append(self._connection)  # deleting it would close it
        self._connection = None

    def _use(self, work: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._connection or self._open()
        try:
            return work(connection)
        except sqlite3.DatabaseError as error:
            if not _is_bad(error) and not self._is_replaced():
                raise
            self._close()
            return work(self._open(bad=error if _is_bad(error) else None))

    def _open(self, bad: sqlite3.DatabaseError | None = None) -> sqlite3.Connection:
        """Connect; `bad` is what made the file that was open until now unusable."""
        try:
            self._refuse_shared()
            make_folder(self.file.parent)
            # Only one process at a time makes the tables, turns WAL on or moves a file aside.
            with _locked_folder(self.file.parent):
                if bad is not None and not self._is_replaced():
                    self._move_aside(bad)
                try:
                    self._connection = self._connected()
                except sqlite3.DatabaseError as error:
                    if not _is_bad(error):
                        raise
                    self._move_aside(error)
                    self._connection = self._connected()
                self._opened = _identity(self.file)
        except (sqlite3.Error, OSError) as error:
            self._unusable = str(error)  # not to be tried again for every result
            raise
        return self._connection

    def _refuse_shared(self) -> None:
        """Refuse what others can write: what is kept here may be loaded as code.

        Raises:
            OSError: they can.
        """
        places = self.file.parent, *(Path(f"{self.file}{suffix}") for suffix in _PARTS)
        for place in places:
            if reason := shared(place):
                raise PermissionError(
                    f"{reason}, and could have it run code as you. Take another folder, or have "
                    f"this one for yourself: chown it, and `chmod go-w {shlex.quote(str(place))}`"
                )

    def _connected(self) -> sqlite3.Connection:
        make_file(self.file)  # SQLite's own files beside it get its mode
        try:
            return self._connected_to(self.file.as_uri())
        except sqlite3.OperationalError as error:
            if not _has_no_place(error) or not self.file.stat().st_size:
                raise
            # A folder that is read-only or full has no place for the files beside it.
            return self._connected_to(f"{self.file.as_uri()}?immutable=1")

    def _connected_to(self, uri: str) -> sqlite3.Connection:
        connection = sqlite3.connect(
            uri, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, uri=True
        )
        # One damaged text is no reason not to read the others.
        connection.text_factory = lambda data: str(data, errors="replace")
        try:
            is_new = self._is_new(connection)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA secure_delete = ON")  # nothing is left in unused space
            if is_new:
                with transaction(connection):
                    for statement in self._schema.tables.split(";"):
                        connection.execute(statement)
                    connection.execute(f"PRAGMA application_id = {self._schema.mark}")
        except BaseException:
            connection.close()
            raise
        return connection

    def _is_new(self, connection: sqlite3.Connection) -> bool:
        (mark,) = connection.execute("PRAGMA application_id").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if tables and mark != self._schema.mark:
            raise _ForeignFileError("it is a database of something else")
        return not tables

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _is_replaced(self) -> bool:
        """Whether the file that was opened is no longer the one of that name."""
        return self._opened is not None and _identity(self.file) != self._opened

    def _move_aside(self, error: sqlite3.DatabaseError) -> None:
        names = (Path(f"{self.file}.aside-{number}") for number in itertools.count(1))
        aside = next(name for name in names if not name.exists())
        # The database goes last: killed in between, the next process finds it and goes on here.
        for suffix in _PARTS:
            part = Path(f"{self.file}{suffix}")
            if part.exists():
                part.rename(f"{aside}{suffix}")
        _log(
            f"{self.file} cannot be used for {self._schema.holds}: {error}. It is now {aside}, "
            "and a new one takes its place"
        )


class _ForeignFileError(sqlite3.DatabaseError):
    """A database that is whole, but of something else."""


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All of the body's statements, or none."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # some errors have rolled it back already
            connection.execute("ROLLBACK")
        raise


def shrink(connection: sqlite3.Connection) -> None:
    """Give the space of what was deleted back to the disk."""
    connection.execute("VACUUM")
    empty_log(connection)


def empty_log(connection: sqlite3.Connection) -> None:
    """Leave nothing of what has been overwritten in the log of changes beside the file."""
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _is_bad(error: sqlite3.DatabaseError) -> bool:
    """Whether an error says that the file itself is no good; it may come without a code."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the rest is detail
    return code in _BAD_FILE or isinstance(error, _ForeignFileError)


def _has_no_place(error: BaseException | None) -> bool:
    """Whether an error says that nothing can be written here."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _NO_PLACE


def _identity(file: Path) -> tuple[int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


@contextmanager
def _locked_folder(folder: Path) -> Iterator[None]:
    import fcntl  # where there is none, tasksmithy can still be imported

    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _log(message: str) -> None:
    import logging  # only on the way to a warning

    logging.getLogger("tasksmithy.store").warning(message)


# A connection must not be used, nor closed, on the other side of a fork.
_databases: WeakSet[Database] = WeakSet()
_of_the_parent: list[sqlite3.Connection] = []


def _after_fork() -> None:
    for database in _databases:
        database.forget()


os.register_at_fork(after_in_child=_after_fork)
