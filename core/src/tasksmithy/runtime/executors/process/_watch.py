"""The watch over the processes of a run: a small process that ends them where the run is killed.

A worker ends itself when its run is dead, by a thread, which needs the interpreter's lock. A task
may hold that for ever, as a regular expression does; then the watch ends it. `_watching` is the
program in it.
"""

from __future__ import annotations

import os
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final
from weakref import WeakSet

from tasksmithy.concurrency._interpreter import interpreter

_ROOT: Final = str(Path(__file__).parents[4])  # the folder that tasksmithy is imported from

_PROGRAM: Final = str(Path(__file__).with_name("_watching.py"))


class Watch:
    """The watch of one run, which begins with its first worker.

    Args:
        grace: seconds that what is left has to end by itself.
    """

    def __init__(self, grace: float) -> None:
        self._grace = grace
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        _watches.add(self)

    def begin(self, leader: int, mark: str) -> None:
        """Watch over a process, which leads a group and was started with a mark."""
        with self._lock:
            if self._process is None:
                # None of its streams is the run's, whose reader waits until all of them are closed.
                with suppress(OSError):  # the machine has no process left
                    self._process = subprocess.Popen(  # noqa: S603 - our own
                        [interpreter(), "-I", "-S", _PROGRAM, _ROOT, str(self._grace)],
                        stdin=subprocess.PIPE,
                        stdout=subprocess.DEVNULL,
                        stderr=subprocess.DEVNULL,
                        cwd="/",
                        start_new_session=True,
                    )
        self._say(f"{leader} {mark}")

    def end(self, leader: int) -> None:
        """The process has ended, with all that it has started."""
        self._say(f"{leader}")

    def close(self) -> None:
        """The run has ended."""
        if self._process is not None:
            self._process.kill()
            self.leave()
            self._process.wait()
            self._process = None

    def leave(self) -> None:
        """Close the pipe, whose end means that the run is dead."""
        process = self._process
        if process is not None and process.stdin is not None:
            with suppress(OSError):
                process.stdin.close()

    def _say(self, line: str) -> None:
        process = self._process
        if process is not None and process.stdin is not None:
            with suppress(OSError):  # somebody has ended it
                os.write(process.stdin.fileno(), f"{line}\n".encode())


_watches: WeakSet[Watch] = WeakSet()


def _after_fork() -> None:
    for watch in _watches:
        watch.leave()


os.register_at_fork(after_in_child=_after_fork)
