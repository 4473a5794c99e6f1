"""What a run leaves behind: processes, threads, files, connections, a process that is another."""

from __future__ import annotations

import gc
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from tasksmithy.plugins._process_state import State, changes, state

_MARK = "TASKSMITHY_CONFORMANCE"
_PROCESSES = Path("/proc")
_RUN = (
    *("standard input", "standard output", "standard error", "the working directory", "the umask"),
    *("sys.path", "the recursion limit", "the handlers and levels of all logging", "the locale"),
    *("environment variables", "what is done at signals", "starts threads", "starts processes"),
    *("the filters of all warnings", "the time zone", "the timeout of all sockets"),
)
"""What is watched of the process; other code, such as ours, changes more of it for good."""

_PATIENCE = 5.0
"""Seconds in which what is on its way out may end."""


@contextmanager
def watched() -> Iterator[Callable[[], list[str]]]:
    """Watch what the body leaves behind; what it gives tells it, once all had time to end.

    Processes and open files are seen where there is a `/proc`, as on Linux. A process is known by
    an environment variable, also where it is nobody's child any more.
    """
    mark, usual = uuid4().hex, (os.environ.get("TMPDIR"), tempfile.tempdir)
    with tempfile.TemporaryDirectory() as folder:
        os.environ[_MARK] = mark
        os.environ["TMPDIR"] = tempfile.tempdir = folder
        before, open_before = shared(), _open_files()

        def left() -> list[str]:
            patience = time.monotonic() + _PATIENCE
            found = _left(mark, folder, before, open_before)
            while found and time.monotonic() < patience:
                time.sleep(0.05)
                found = _left(mark, folder, before, open_before)
            return found

        try:
            yield left
        finally:
            del os.environ[_MARK]
            tempfile.tempdir = usual[1]
            if usual[0] is None:
                del os.environ["TMPDIR"]
            else:
                os.environ["TMPDIR"] = usual[0]


def shared() -> State:
    """What the process shares among all code in it, now."""
    return state(_RUN)


def changed(before: State) -> list[str]:
    """In what the process is another one since."""
    return [f"it {each}" for each in changes(before, shared()) if each.startswith("changes")]


def _left(mark: str, folder: str, before: State, open_before: set[str]) -> list[str]:
    gc.collect()  # what nobody holds any more is not left
    marked = _processes(mark)
    return [
        *(f"the process {command}" for command in marked),
        *(f"the file {file}" for file in sorted(Path(folder).rglob("*"))),
        *(f"open: {file}" for file in sorted(_open_files() - open_before)),
        *(
            f"it {change}"
            for change in changes(before, shared())
            if not (marked and change.startswith("starts processes"))
        ),
    ]


def _processes(mark: str) -> list[str]:
    """The command lines of the processes with the mark."""
    found = []
    for process in _PROCESSES.glob("[0-9]*"):
        try:
            if mark.encode() in (process / "environ").read_bytes():
                words = (process / "cmdline").read_bytes().split(b"\0")
                found.append(
                    f"{process.name} ({b' '.join(words).decode(errors='replace').strip()})"
                )
        except OSError:  # another user's, or it has ended meanwhile
            continue
    return sorted(found)


def _open_files() -> set[str]:
    """What this process has open: files, sockets, pipes."""
    found = set()
    for descriptor in _PROCESSES.glob("self/fd/*"):
        try:
            found.add(f"{descriptor.name} ({descriptor.readlink()})")
        except OSError:  # the one that this listing has needed
            continue
    return found
