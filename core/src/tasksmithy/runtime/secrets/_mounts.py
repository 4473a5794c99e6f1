"""Secrets as files: private while a task runs, and gone afterwards, or when the next run starts."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tasksmithy.fields._secret import Secret
from tasksmithy.runtime.secrets._abandoned import PREFIX

MOUNTS_VARIABLE: Final = "TASKSMITHY_SECRETS_ROOT"
"""The environment variable that holds `Mounts.root`."""

_in_use: Final[set[Path]] = set()


@dataclass(frozen=True, slots=True, kw_only=True)
class Mounts:
    """The secrets that are in files now.

    Attributes:
        root: the private directory that stands for `/`: a mount `/etc/secrets` is
            `<root>/etc/secrets`. None where no secret is mounted.
        files: the file of each mounted secret.
    """

    root: Path | None = None
    files: Mapping[Secret, Path] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        """`TASKSMITHY_SECRETS_ROOT`, by which a task finds `root`; empty where there is none."""
        return {} if self.root is None else {MOUNTS_VARIABLE: str(self.root)}


@contextmanager
def mounted(secrets: Mapping[Secret, str]) -> Iterator[Mounts]:
    """The secrets with a `mount` as files (mode 0600) that are gone after the body.

    The files are in a private directory of this machine's temporary directory, never at the
    declared path: `/etc/secrets` belongs to the machine, needs its administrator, and may be in
    use by another run. Below the directory the declared path is kept, so that a container can
    have it where it is declared.
    """
    places = {secret: secret.mount_file for secret in secrets}
    if not any(places.values()):
        yield Mounts()
        return
    with _folder() as root:
        files = {
            secret: root.joinpath(*place.parts[1:]) for secret, place in places.items() if place
        }
        for secret, file in files.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            # Created with its mode: a moment with the usual one is a moment to read it in.
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            # What the environment holds is bytes; those that are no UTF-8 are written as they were.
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(secrets[secret].encode(errors="surrogateescape"))
        yield Mounts(root=root, files=files)


def remove_mounts() -> None:
    """Remove the files of all secrets that are mounted, for a process that ends at once."""
    for folder in tuple(_in_use):
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _folder() -> Iterator[Path]:
    """A private directory that is locked while the body runs."""
    import fcntl  # where there is none, tasksmithy can still be imported

    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        try:
            lock = os.open(folder, os.O_RDONLY)
        except FileNotFoundError:
            continue  # as below
        with suppress(OSError):  # a file system without locks
            fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.exists():
            break
        os.close(lock)  # another process took it for abandoned before it was locked
    _in_use.add(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)
        _in_use.discard(folder)
