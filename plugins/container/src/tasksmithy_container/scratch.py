"""The directories of one attempt, and the lock that says that its process is alive.

An attempt has a name: its container is called so, and so are its directories. A lock file with
that name is made before all else and removed after all else, and the process that holds the lock is
alive. So whatever is left behind by a killed process has a lock file that nobody holds, and looking
for it is the listing of one directory.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tasksmithy.extend import state_folder
from tasksmithy_container.engine import Engine
from tasksmithy_container.errors import EngineError
from tasksmithy_container.places import run_folder
from tasksmithy_container.trees import remove_tree

_LOCK = ".lock"

_VERSION = 1
"""Of the text in a lock file, which other versions of this package may have written."""


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
        process_id: file that podman writes when it is about to start the command.
    """

    def __init__(self, name: str, folder: Path, locks: Path, lock: int) -> None:
        self.name = name
        self._lock = lock
        self._lock_file = locks / f"{name}{_LOCK}"
        self._is_left = False
        self.folder = folder
        self.inputs: Path = folder / "inputs"
        self.outputs: Path = folder / "outputs"
        self.links: Path = folder / "links"
        self.container_id: Path = folder / "container-id"
        self.process_id: Path = folder / "process-id"
        self.memory: Path = locks / f"{name}-secrets"

    @classmethod
    def create(cls, engine: Engine) -> Scratch:
        """New directories.

        Args:
            engine: which engine will have the container, for who finds it after a kill.

        Raises:
            EngineError: there is no folder for them.
        """
        name = f"tasksmithy-{secrets.token_hex(8)}"
        try:
            locks, folder = run_folder(), state_folder() / "containers" / name
            if re.search(r'[,"\s\ufffd]', os.fsencode(folder).decode("utf-8", "replace")):
                raise NotADirectoryError(f"no engine can mount what is in {str(folder)!r}")
            text = json.dumps(
                {"version": _VERSION, "folder": str(folder), "engine": engine.to_dict()}
            )
            lock = _new_lock(locks / f"{name}{_LOCK}", text)
            scratch = cls(name, folder, locks, lock)
            folder.mkdir(mode=0o700, parents=True)
            for inner in (scratch.inputs, scratch.outputs, scratch.links):
                inner.mkdir()
            # For whichever user the image is made for; nobody else gets into the folder.
            scratch.inputs.chmod(0o755)
            scratch.outputs.chmod(0o777)
        except OSError as error:
            raise EngineError(
                f"the directories of a container cannot be made: {error}. Set XDG_STATE_HOME to a "
                "directory that can be written to, its path in UTF-8 without white space"
            ) from None
        return scratch

    @property
    def has_container(self) -> bool:
        """Whether the engine has made the container; docker makes the file first, and empty."""
        try:
            return self.container_id.stat().st_size > 0
        except FileNotFoundError:
            return False

    def forget_secrets(self) -> None:
        """Remove the secrets, whatever else has to stay.

        Raises:
            OSError: they cannot be removed.
        """
        if self.memory.exists():
            remove_tree(self.memory)

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
                self.forget_secrets()
                self._end_lost_process()
                if self.folder.exists():
                    remove_tree(self.folder)
                self._lock_file.unlink(missing_ok=True)
        finally:
            self.release()

    def _end_lost_process(self) -> None:
        """End what podman has lost that was killed while it made a container; it waits for ever.

        Podman itself has no record of it yet, and removes such a container without its process.
        """
        try:
            process = int(self.process_id.read_text())
            status = Path(f"/proc/{process}/stat").read_text()
            above = status.rpartition(")")[2].split()[1]
            is_own = self.name in Path(f"/proc/{above}/cmdline").read_text()
        except (OSError, ValueError):  # there was none, or it has ended
            return
        if is_own:  # and not another one that has its number by now
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)


class Leftover:
    """What a killed process has left, held so that only one process removes it.

    Attributes:
        scratch: its directories.
        engine: the engine that has its container; None where that cannot be read.
    """

    def __init__(self, name: str, locks: Path, lock: int) -> None:
        self.engine: Engine | None = None
        folder = locks / f"{name}-unknown"
        try:
            told = json.loads(os.pread(lock, os.fstat(lock).st_size, 0))
            if told["version"] == _VERSION:
                self.engine, folder = Engine.from_dict(told["engine"]), Path(told["folder"])
        except (ValueError, KeyError, TypeError, AttributeError):  # of another version, or damaged
            pass
        self.scratch: Scratch = Scratch(name, folder, locks, lock)


def leftovers() -> Iterator[Leftover]:
    """What killed processes left behind."""
    locks = run_folder()
    for file in locks.glob(f"*{_LOCK}"):
        try:
            lock = os.open(file, os.O_RDWR | os.O_NOFOLLOW)
        except OSError:  # another process has removed it
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_there = os.fstat(lock).st_nlink > 0
        except OSError:  # its process is alive, or another one is removing it
            is_there = False
        if is_there:
            yield Leftover(file.name.removesuffix(_LOCK), locks, lock)
        else:
            os.close(lock)


def _new_lock(file: Path, text: str) -> int:
    """A lock file that nobody ever sees without its text, or without somebody who holds it."""
    early = file.with_suffix(".new")
    lock = os.open(early, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode=0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.write(lock, text.encode())
        early.rename(file)
    except OSError:
        os.close(lock)
        early.unlink(missing_ok=True)
        raise
    return lock
