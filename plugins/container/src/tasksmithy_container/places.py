"""Where what ends with a run is on this machine: a folder of the user's own."""

from __future__ import annotations

import os
import stat
from pathlib import Path

_MEMORY = Path("/dev/shm")  # noqa: S108 - the tmpfs that Linux has there


def run_folder() -> Path:
    """A folder for locks and secrets: in memory on Linux, and gone with the machine's next start.

    It is the same for all processes of the user, whatever their environment says: TMPDIR and HOME
    change from job to job, and who cleans up after a killed job looks here.

    Raises:
        OSError: it cannot be made, or is not the user's own.
    """
    root = _MEMORY if _MEMORY.is_dir() else Path("/tmp")  # noqa: S108 - checked
    return _own(root / f"tasksmithy-{os.getuid()}")


def _own(folder: Path) -> Path:
    folder.mkdir(mode=0o700, exist_ok=True)
    # In a directory that all can write to, somebody else may have been faster.
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise PermissionError(f"{folder} is not a directory of this user's own, with mode 0700")
    return folder
