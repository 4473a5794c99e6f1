"""ProcessLocks: named locks between processes; the kernel takes them from a process that dies."""

from __future__ import annotations

import fcntl
import hashlib
import os
import threading
from pathlib import Path

from tasksmithy.runtime.stores._private import make_file, make_folder

_FILES = 16  # the kernel looks through all locks of a file: ten thousand in one would be slow


class ProcessLocks:
    """Any number of named locks, each with one holder among all processes of a machine.

    A lock is a record lock on one byte of a file, so nothing is left of it when its process ends
    in whatever way, and a child of that process does not inherit it. Since closing any descriptor
    of a file ends all of a process's locks on it, there is one object for a folder, which `of`
    gives, and it closes nothing.

    Args:
        folder: where the files are; made when it is needed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[int, int] = {}
        self._held: set[str] = set()
        self._guard = threading.Lock()

    @staticmethod
    def of(folder: Path) -> ProcessLocks:
        """The locks of a folder."""
        return _of_folder.setdefault(folder.resolve(), ProcessLocks(folder.resolve()))

    def take(self, name: str) -> bool:
        """Take a lock; False where it is held, by this process or another one.

        Raises:
            OSError: the folder cannot be written, or its file system has no locks.
        """
        with self._guard:
            if name in self._held:
                return False
            file, byte = self._place(name)
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, byte)
            except (BlockingIOError, PermissionError):  # both mean that another process has it
                return False
            self._held.add(name)
            return True

    def release(self, name: str) -> None:
        """Give a lock back, where this process holds it."""
        with self._guard:
            if name in self._held:
                file, byte = self._place(name)
                fcntl.lockf(file, fcntl.LOCK_UN, 1, byte)
                self._held.remove(name)

    @property
    def holds_any(self) -> bool:
        """Whether this process holds any lock."""
        return bool(self._held)

    def is_taken(self, name: str) -> bool:
        """Whether some process holds a lock; False where that cannot be found out.

        It takes the lock for a moment, shared, so that several may look at the same time.
        """
        with self._guard:
            if name in self._held:
                return True
            try:
                file, byte = self._place(name, make=False)
            except OSError:
                return False
            try:
                fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB, 1, byte)
            except (BlockingIOError, PermissionError):
                return True
            fcntl.lockf(file, fcntl.LOCK_UN, 1, byte)
            return False

    def forget(self) -> None:
        """Start anew in a forked child, which has none of its parent's locks."""
        self._held = set()
        self._guard = threading.Lock()

    def _place(self, name: str, *, make: bool = True) -> tuple[int, int]:
        """The file and the byte of a lock."""
        spread = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big")
        number, byte = spread % _FILES, spread >> 2  # the largest offset has 63 bits
        if number not in self._files:
            file = self._folder / f"{number:x}"
            if make:
                make_folder(self._folder)
                make_file(file)
            self._files[number] = os.open(file, os.O_RDWR)
        return self._files[number], byte


_of_folder: dict[Path, ProcessLocks] = {}


def _after_fork() -> None:
    for locks in _of_folder.values():
        locks.forget()


os.register_at_fork(after_in_child=_after_fork)
