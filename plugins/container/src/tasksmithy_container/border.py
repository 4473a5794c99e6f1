"""The border: what a container left is walked once, before anything here opens or moves it.

A container is a stranger: what it leaves may lead anywhere on this machine, never end, or be made
to break whoever walks over it. So the walk looks at names and kinds alone, follows nothing, and
goes no deeper than other programs can follow.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

_MOST_ENTRIES = 1_000_000
_DEEPEST = 100  # directories inside each other
_LONGEST_PATH = 4_000  # bytes, with what is before it here: Linux opens none of 4,096 or more

_KINDS = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class BorderError(Exception):
    """Something that may not cross the border; the message says where it is, and why it may not."""


def check_tree(folder: Path, to: Path) -> None:
    """Check that a directory holds nothing but files, directories, and links between these.

    Args:
        folder: the directory.
        to: the directory that it is moved to.

    Raises:
        BorderError: it holds something else, or more than can be walked over.
        OSError: a directory in it cannot be read.
    """
    root = os.path.realpath(folder)
    entries, size, room = 0, 0, _room(folder, to)
    waiting = [("", 0)]
    while waiting:
        inner, depth = waiting.pop()
        with os.scandir(os.path.join(folder, inner)) as found:  # noqa: PTH118 - names may be hostile
            for entry in found:
                entries += 1
                if entries > _MOST_ENTRIES:
                    raise BorderError(f"it holds more than {_MOST_ENTRIES:,} files")
                place = f"{inner}{entry.name}"
                _check_name(root, place)
                if entry.is_symlink():
                    _check_link(root, folder, place)
                if entry.is_dir(follow_symlinks=False):
                    if depth >= _DEEPEST:
                        raise BorderError(
                            f"{shown(place)} is more than {_DEEPEST} directories deep"
                        )
                    waiting.append((f"{place}/", depth + 1))
                    continue
                # Of a link, what it leads to, which is inside and is read once more under its name.
                status = entry.stat()
                if stat.S_ISREG(status.st_mode):
                    size += status.st_size
                    _check_size(f"with {shown(place)} it has", size, room)
                elif not stat.S_ISDIR(status.st_mode):
                    raise BorderError(f"{shown(place)} is {what_is(status.st_mode)}")


def check_file(file: Path, to: Path) -> None:
    """Check that a file can be read to its end, and moved to a directory.

    Raises:
        BorderError: it is larger than its disk, as a file with holes may be, or than what is free
            on another disk, where nothing stays a hole.
    """
    _check_size("it has", file.lstat().st_size, _room(file, to))


def what_is(mode: int) -> str:
    """What a mode that is neither of a file nor of a directory is of."""
    return next((name for is_kind, name in _KINDS if is_kind(mode)), "no file")


def _room(place: Path, to: Path) -> int:
    """How many bytes can be moved: what a disk has, and on another one what is free; 0: unknown."""
    system = os.statvfs(to)
    is_copied = place.lstat().st_dev != to.stat().st_dev
    return (system.f_bavail if is_copied else system.f_blocks) * system.f_frsize


def _check_size(who: str, size: int, room: int) -> None:
    if size > room > 0:
        raise BorderError(f"{who} {size:,} bytes, more than the disk has room for ({room:,})")


def _check_name(root: str, place: str) -> None:
    try:
        path = os.fsencode(os.path.join(root, place))  # noqa: PTH118
        path.decode()
    except UnicodeDecodeError:
        raise BorderError(f"the name {shown(place)} is not UTF-8") from None
    if len(path) > _LONGEST_PATH:
        raise BorderError(f"the path of {shown(place)} is longer than {_LONGEST_PATH:,} bytes")


def _check_link(root: str, folder: Path, place: str) -> None:
    link = os.path.join(folder, place)  # noqa: PTH118
    to = os.readlink(link)  # noqa: PTH115
    try:
        # Strictly: a link to nothing is a file that cannot be read, and a loop is none.
        end = os.path.realpath(link, strict=True)
    except OSError:
        raise BorderError(f"{shown(place)} is a link to {shown(to)}, which is not there") from None
    # By its text, too: an absolute path means another place in the container.
    if os.path.isabs(to) or not f"{end}{os.sep}".startswith(f"{root}{os.sep}"):  # noqa: PTH117
        raise BorderError(f"{shown(place)} is a link to {shown(to)}, which leads out of it")


def shown(name: str) -> str:
    """The name of a file in a message, whatever a container has called it."""
    text = repr(name)
    return text if len(text) <= 120 else f"{text[:60]}…{text[-59:]}"
