"""Descendants: the processes that a process has started, those that they have started, and so on.

They are found in `/proc`, also where they lead groups and sessions of their own; where there is no
`/proc`, none is found.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def descendants(ancestor: int) -> list[int]:
    """The ids of the processes below a process."""
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
