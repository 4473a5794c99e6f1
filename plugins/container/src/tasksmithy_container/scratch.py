"""The directories of one attempt, and what finds those of a process that was killed.

An attempt has a name: its container is called so, and so are its directories. A lock file with
that name is made before all else and removed after all else, and the process that holds the lock is
alive. So whatever is left behind by a killed process has a lock file that nobody holds, and looking
for it is the listing of one directory.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tasksmithy_container.errors import EngineError
from tasksmithy_container.trees import remove_tree

_LOCK = ".lock"
_MEMORY = Path("/dev/shm")  # noqa: S108 - the tmpfs that Linux has there


class Scratch:
    """The directories of one attempt.

    Attributes:
        name: the attempt's, and its container's.
        folder: what holds all but what is in memory.
        inputs: what the container sees as its input directory.
        outputs: what it sees as its output directory.
        links: symbolic links to the files and directories that are inputs.
        memory: a directory that is not on a disk where there is such a one (on Linux).
        container_id: file that the engine writes when it has made the container.
    """

    def __init__(self, name: str, lock: int) -> None:
        self.name = name
        self._lock = lock
        self._is_left = False
        self.folder = _root() / name
        self.inputs = self.folder / "inputs"
        self.outputs = self.folder / "outputs"
        self.links = self.folder / "links"
        self.container_id = self.folder / "container-id"
        self.memory = (_MEMORY if _MEMORY.is_dir() else self.folder) / f"{name}-secrets"

    @classmethod
    def create(cls, engine: str) -> Scratch:
        """New directories.

        Args:
            engine: which engine will have the container, for who finds it after a kill.

        Raises:
            EngineError: the temporary directory cannot be used.
        """
        name = f"tasksmithy-{secrets.token_hex(8)}"
        try:
            root = _root()
            if re.search(r'[,"\s]', str(root)):
                raise NotADirectoryError(f"no engine can mount what is in {str(root)!r}")
            root.mkdir(mode=0o700, exist_ok=True)
            _check_root(root)
            lock = _locked(root / f"{name}{_LOCK}", os.O_RDWR | os.O_CREAT | os.O_EXCL)
            os.write(lock, engine.encode())
            scratch = cls(name, lock)
            for folder in (scratch.inputs, scratch.outputs, scratch.links):
                folder.mkdir(parents=True)
        except OSError as error:
            raise EngineError(
                f"the temporary directory of a container cannot be made: {error}. "
                "Set TMPDIR to a directory that can be written to, its path without white space"
            ) from None
        return scratch

    @property
    def has_container(self) -> bool:
        """Whether the engine has made the container; docker makes the file first, and empty."""
        try:
            return self.container_id.stat().st_size > 0
        except FileNotFoundError:
            return False

    @property
    def engine(self) -> str:
        """What `create` was told; empty where the process was killed before it was written."""
        size = os.fstat(self._lock).st_size
        return os.pread(self._lock, size, 0).decode()

    def release(self) -> None:
        """Let go of the directories and leave them to the next who looks."""
        os.close(self._lock)

    def leave(self) -> None:
        """Have `remove` only let go, for the container is still there."""
        self._is_left = True

    def remove(self) -> None:
        """Remove the directories, and let go of them.

        Raises:
            OSError: something in them cannot be removed; the next who looks may try again.
        """
        try:
            if not self._is_left:
                for folder in (self.memory, self.folder):
                    if folder.exists():
                        remove_tree(folder)
                Path(f"{self.folder}{_LOCK}").unlink(missing_ok=True)
        finally:
            self.release()


def abandoned() -> Iterator[Scratch]:
    """What killed processes left behind; each is held, so that only one process removes it."""
    for file in _root().glob(f"*{_LOCK}"):
        try:
            lock = _locked(file, os.O_RDWR)
        except OSError:  # its process is alive, or another one is removing it
            continue
        yield Scratch(file.name.removesuffix(_LOCK), lock)


def _root() -> Path:
    return Path(tempfile.gettempdir(), f"tasksmithy-container-{os.getuid()}")


def _check_root(root: Path) -> None:
    # In a directory that all can write to, somebody else may have been faster.
    status = root.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise PermissionError(f"{root} is not a directory of this user's own")


def _locked(file: Path, flags: int) -> int:
    """Open a file and lock it for as long as it is open, which ends with the process.

    Raises:
        OSError: the file cannot be opened, another holds it, or it has just been removed.
    """
    lock = os.open(file, flags, mode=0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(lock).st_nlink == 0:
            raise FileNotFoundError(f"{file} was removed meanwhile")
    except OSError:
        os.close(lock)
        raise
    return lock
