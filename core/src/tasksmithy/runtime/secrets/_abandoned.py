"""Folders with secrets that processes left behind when they were killed."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cache
from typing import Final

PREFIX: Final = "tasksmithy-secrets-"
"""How the names of the folders begin, in this machine's temporary directory.

The process that a folder belongs to holds it locked (`flock`), and the kernel takes the lock from a
process that dies in whatever way: a folder that nobody holds was left behind.
"""


@cache  # once in a process
def remove_abandoned() -> None:
    """Remove what processes of this user left behind, with one look at the names."""
    # tempfile knows the directory, and takes longer to import than most runs to start.
    places = [os.environ.get(name) for name in ("TMPDIR", "TEMP", "TMP")]
    for place in {place or "/tmp" for place in places}:  # noqa: S108 - looked at, not written
        with suppress(OSError), os.scandir(place) as entries:
            for entry in entries:
                if entry.name.startswith(PREFIX):
                    with suppress(OSError):  # it is in use, of another user, or gone meanwhile
                        _remove(entry.path)


def _remove(folder: str) -> None:
    import fcntl
    import shutil

    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if os.fstat(lock).st_uid == os.getuid():
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(lock)
