"""ProcessTree: a process with all that it has started, to be ended together.

What has left its group is found in `/proc`; where there is no `/proc`, the group alone is ended.
"""

from __future__ import annotations

import os
import select
import signal
from contextlib import suppress
from pathlib import Path
from typing import Final

MARK: Final = "TASKSMITHY_ATTEMPT"
"""The variable by which a process is known whose ancestors have ended."""


class ProcessTree:
    """A process that leads a group, the group, and what it has started outside of that.

    The latter is known of a process that is still there, and of one that was started with a mark;
    it is held by handles (Linux), as a number may soon be that of another process.

    Args:
        leader: the id of the process.
        is_there: whether it has not ended.
        mark: what it has in the variable `MARK` of its environment.
    """

    def __init__(self, leader: int, *, is_there: bool = True, mark: str = "") -> None:
        self._group = leader
        self._handles: list[int] = []
        self._ended = select.poll()
        found = descendants(leader) if is_there else []
        if mark:
            found += [each for each in marked(mark) if each not in found]
        for each in found:
            with suppress(OSError):  # it has ended, or the machine has no handles left
                self._handles.append(os.pidfd_open(each))
                self._ended.register(self._handles[-1], select.POLLIN)

    def send(self, number: int) -> None:
        """Send a signal to all of it; to the group last, which this process may be in."""
        for handle in self._handles:
            with suppress(OSError):  # it has ended
                signal.pidfd_send_signal(handle, number)
        self._send_to_group(number)

    @property
    def is_alive(self) -> bool:
        """Whether any of it has not ended."""
        return self._send_to_group(0) or len(self._ended.poll(0)) < len(self._handles)

    def close(self) -> None:
        """Let go of the handles."""
        for handle in self._handles:
            os.close(handle)

    def _send_to_group(self, number: int) -> bool:
        """Send a signal to the group; whether there is anything left in it."""
        try:
            os.killpg(self._group, number)
        except (ProcessLookupError, PermissionError):  # the latter where there are only zombies
            return False
        return True


def marked(mark: str) -> list[int]:
    """The ids of the processes that were started with a mark in their environment."""
    variable = b"\0%s=%s\0" % (MARK.encode(), mark.encode())
    found = []
    for file in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):  # it has ended meanwhile, or is another user's
            if variable in b"\0" + file.read_bytes():
                found.append(int(file.parent.name))
    return found


def descendants(ancestor: int) -> list[int]:
    """The ids of the processes that a process has started, of those that they have started, ..."""
    children: dict[int, list[int]] = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended meanwhile
            # The name in parentheses may hold whatever a program has put there.
            stat = file.read_bytes().rpartition(b") ")[2].split()
            process, parent, session = int(file.parent.name), int(stat[1]), int(stat[3])
            for above in {parent, session} - {process}:
                children.setdefault(above, []).append(process)
    found: dict[int, None] = {}
    pending = [ancestor]
    while pending:
        new = [child for child in children.get(pending.pop(), ()) if child not in found]
        found.update(dict.fromkeys(new))
        pending += new
    return list(found)
