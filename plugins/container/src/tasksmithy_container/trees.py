"""Trees of directories that a container has made, whatever it has made of them."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


def remove_tree(folder: Path) -> None:
    """Remove a directory and all that is in it.

    A tree may be deeper than a path, a stack or the open files of a process allow, so each inner
    directory is moved to the top before it is emptied; and nobody may be able to enter it. What
    cannot be removed, as an immutable file, is passed over.

    Raises:
        OSError: something in it cannot be removed; it names the first such thing.
    """
    top = os.open(folder, _DIRECTORY)
    staying: list[OSError] = []
    try:
        waiting = _emptied(top, top, str(folder), staying)
        while waiting:
            name = waiting.pop()
            place = f"{folder}/{name}"
            with _passed_over(place, staying):
                inner = os.open(name, _DIRECTORY, dir_fd=top)
                try:
                    waiting += _emptied(inner, top, place, staying)
                finally:
                    os.close(inner)
                os.rmdir(name, dir_fd=top)
    finally:
        os.close(top)
    if staying:
        raise staying[0]
    folder.rmdir()


def _emptied(directory: int, top: int, place: str, staying: list[OSError]) -> list[str]:
    """Remove the files of a directory and move its directories to the top; their names there."""
    moved = []
    for entry in list(os.scandir(directory)):
        with _passed_over(f"{place}/{entry.name}", staying):
            if not entry.is_dir(follow_symlinks=False):
                os.unlink(entry.name, dir_fd=directory)
                continue
            os.chmod(entry.name, 0o700, dir_fd=directory)
            name = entry.name
            if directory != top:
                name = f"moved-{secrets.token_hex(8)}"
                os.rename(entry.name, name, src_dir_fd=directory, dst_dir_fd=top)
            moved.append(name)
    return moved


@contextmanager
def _passed_over(place: str, staying: list[OSError]) -> Iterator[None]:
    """Keep the first error of what cannot be removed, by its place."""
    try:
        yield
    except OSError as error:
        if not staying:
            staying.append(OSError(error.errno, error.strerror, place))
