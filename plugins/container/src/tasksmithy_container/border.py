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


def check_tree(folder: Path) -> None:
    """Check that a directory holds nothing but files, directories, and links between these.

    Raises:
        BorderError: it holds something else, or more than can be walked over.
        OSError: a directory in it cannot be read.
    """
    root = os.path.realpath(folder)
    entries, size, room = 0, 0, _room(folder)
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
                            f"{_shown(place)} is more than {_DEEPEST} directories deep"
                        )
                    waiting.append((f"{place}/", depth + 1))
                    continue
                # Of a link, what it leads to, which is inside and is read once more under its name.
                status = entry.stat()
                if stat.S_ISREG(status.st_mode):
                    size += status.st_size
                    _check_size(f"with {_shown(place)} it has", size, room)
                elif not stat.S_ISDIR(status.st_mode):
                    raise BorderError(f"{_shown(place)} is {what_is(status.st_mode)}")


def check_file(file: Path) -> None:
    """Check that a file can be read to its end.

    Raises:
        BorderError: it is larger than its disk, as a file with holes may be.
    """
    _check_size("it has", file.lstat().st_size, _room(file))


def what_is(mode: int) -> str:
    """What a mode that is neither of a file nor of a directory is of."""
    return next((name for is_kind, name in _KINDS if is_kind(mode)), "no file")


def _room(place: Path) -> int:
    """How many bytes there are on the disk of a place, whether free or not; 0: nobody knows."""
    system = os.statvfs(place)
    return system.f_blocks * system.f_frsize


def _check_size(who: str, size: int, room: int) -> None:
    if size > room > 0:
        raise BorderError(f"{who} {size:,} bytes, more than the disk that it is on ({room:,})")


def _check_name(root: str, place: str) -> None:
    try:
        size = len(os.path.join(root, place).encode())  # noqa: PTH118
    except UnicodeEncodeError:
        raise BorderError(f"the name {_shown(place)} is not UTF-8") from None
    if size > _LONGEST_PATH:
        raise BorderError(f"the path of {_shown(place)} is longer than {_LONGEST_PATH:,} bytes")


def _check_link(root: str, folder: Path, place: str) -> None:
    link = os.path.join(folder, place)  # noqa: PTH118
    to = os.readlink(link)  # noqa: PTH115
    try:
        # Strictly: a link to nothing is a file that cannot be read, and a loop is none.
        end = os.path.realpath(link, strict=True)
    except OSError:
        raise BorderError(
            f"{_shown(place)} is a link to {_shown(to)}, which is not there"
        ) from None
    # By its text, too: an absolute path means another place in the container.
    if os.path.isabs(to) or not f"{end}{os.sep}".startswith(f"{root}{os.sep}"):  # noqa: PTH117
        raise BorderError(f"{_shown(place)} is a link to {_shown(to)}, which leads out of it")


def _shown(name: str) -> str:
    text = repr(name)
    return text if len(text) <= 120 else f"{text[:60]}…{text[-59:]}"
