"""Private folders and files: made for this user alone, and not trusted where others can write.

What is kept may be loaded as code (a pickle), and holds what tasks were given and have returned.
"""

from __future__ import annotations

import os
import stat
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal

_NO_HOME: Final = Path("/nonexistent")


def user_folder(kind: Literal["cache", "state"]) -> Path:
    """The user's folder for the cache or for the records; a user without a home has none to make.

    So it is in a container that runs as any number, and in a service. Elsewhere it is the one of
    the XDG Base Directory Specification, or on macOS that of its Standard Directories.
    """
    if sys.platform == "darwin":
        place = Path("~/Library", "Caches" if kind == "cache" else "Application Support")
    else:
        given = Path(os.environ.get(f"XDG_{kind.upper()}_HOME", ""))
        usual = "~/.cache" if kind == "cache" else "~/.local/state"
        place = given if given.is_absolute() else Path(usual)
    try:
        folder = place.expanduser()
    except RuntimeError:
        folder = Path()
    return (folder if folder.is_absolute() else _NO_HOME / kind) / "tasksmithy"


def state_folder() -> Path:
    """The user's folder for what outlives a run, such as files that a task gives; it is made.

    It is `$XDG_STATE_HOME/tasksmithy` where that is set. A user without a home, or with one that is
    read-only, has one in the temporary directory.

    Raises:
        OSError: it cannot be made, or others can write it.
    """
    folder = user_folder("state")
    if os.environ.get("XDG_STATE_HOME"):
        make_folder(folder)
        return folder
    with suppress(OSError):
        make_folder(folder)
        if os.access(folder, os.W_OK):
            return folder
    import tempfile

    folder = Path(tempfile.gettempdir(), f"tasksmithy-{os.getuid()}")
    make_folder(folder)
    # In a directory that all can write to, somebody else may have been faster.
    reason = f"{folder} is a link" if folder.is_symlink() else shared(folder)
    if reason is not None:
        raise PermissionError(reason)
    return folder


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it that are missing, with mode 0700 whatever the umask.

    One that is there stays as it is.

    Raises:
        OSError: it cannot be made.
    """
    if folder.is_relative_to(_NO_HOME):
        raise FileNotFoundError(
            "this user has no home directory; set HOME, or XDG_CACHE_HOME and XDG_STATE_HOME, to "
            "an absolute path, or name a folder (--cache-dir, --runs-dir)"
        )
    missing = [folder]
    while not missing[-1].exists() and missing[-1].parent != missing[-1]:
        missing.append(missing[-1].parent)
    for each in reversed(missing[:-1]):
        with suppress(FileExistsError):  # another process has made it meanwhile
            each.mkdir(mode=0o700)
            each.chmod(0o700)  # a umask can take away what the owner needs, too
    if not folder.is_dir():
        raise NotADirectoryError(20, "it is no folder", str(folder))


def make_file(file: Path) -> None:
    """Make a file with mode 0600, whatever the umask; of one that is there, make this the mode.

    A file that is there is not opened: to close it again would end this process's locks on it.

    Raises:
        OSError: it cannot be made.
    """
    try:
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        status = file.stat()
        if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) == 0o600:
            return
    with suppress(OSError):  # a file system that has no modes, or is read-only
        file.chmod(0o600)


def shared(place: Path) -> str | None:
    """Why others can write a file or folder; None where only this user and root can, or none is.

    Raises:
        OSError: it cannot be looked at.
    """
    try:
        status = place.stat()
    except FileNotFoundError:
        return None
    me = os.geteuid()
    if status.st_uid not in (me, 0):
        return f"{place} belongs to {_user(status.st_uid)}"
    if status.st_mode & stat.S_IWOTH:
        return f"everybody can write {place}"
    if status.st_mode & stat.S_IWGRP and not _is_own_group(status.st_gid, me):
        return f"a group can write {place}"
    return None


def _user(number: int) -> str:
    import pwd  # only on the way to an error

    try:
        return f"user {pwd.getpwuid(number).pw_name!r}"
    except KeyError:
        return f"user {number}"


def _is_own_group(group: int, user: int) -> bool:
    """Whether it is the group that many systems make for each user, with nobody else in it."""
    import grp
    import pwd

    try:
        found, name = grp.getgrgid(group), pwd.getpwuid(user).pw_name
    except KeyError:
        return False
    return found.gr_name == name and set(found.gr_mem) <= {name}
