"""What Ray's workers run: it goes to them by value, so that one without tasksmithy can say so.

It imports nothing of tasksmithy before it has looked whether that is there.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from importlib import metadata
from typing import Any

Letter = tuple[str, int, tuple[int, int, bytes]]
"""The box of the attempt that it is from or for, its number in that direction, and a frame."""

_known: set[tuple[str, str]] = set()


class Mailbox:
    """An actor: letters between a run and its attempts, which need not reach each other."""

    def __init__(self) -> None:
        self._boxes: dict[str, asyncio.Queue[list[Letter]]] = {}

    async def post(self, box: str, letters: list[Letter]) -> None:
        """Put letters into a box."""
        self._box(box).put_nowait(letters)

    async def take(self, box: str) -> list[Letter]:
        """All letters in a box, as soon as something was put there."""
        queue = self._box(box)
        letters = list(await queue.get())
        while not queue.empty():
            letters += queue.get_nowait()
        return letters

    async def close(self, box: str) -> None:
        """Forget a box."""
        self._boxes.pop(box, None)

    def _box(self, box: str) -> asyncio.Queue[list[Letter]]:
        return self._boxes.setdefault(box, asyncio.Queue())


def make(
    path: Sequence[str],
    needed: Sequence[tuple[str, str]],
    mailbox: str,
    box: str,
    shipment: tuple[str, bytes, bytes, bytes],
    has_secrets: bool,
) -> tuple[str, str, Any]:
    """A Ray task: make an attempt.

    Args:
        path: `sys.path` of the run, where that is on this machine.
        needed: distributions and their versions.
        mailbox: the name of the mailbox of the run.
        box: the box of the attempt.
        shipment: the attempt.
        has_secrets: whether the first letter in the box has its secrets.

    Returns:
        `"made"`, the node and the process, and what `worker.made` gives; or `"lacks"`, the node,
        and the distributions that are not there in the version needed.
    """
    import ray

    sys.path.extend(entry for entry in path if entry not in sys.path)
    context = ray.get_runtime_context()
    address = ray.util.get_node_ip_address()
    node = f"{address} ({context.get_node_id()[:8]})"
    place = f"node {node}, process {os.getpid()}"
    different = []
    for name, version in needed:
        if (name, version) not in _known:
            try:
                there = metadata.version(name)
            except metadata.PackageNotFoundError:
                there = None
            if there == version:
                _known.add((name, version))
            else:
                different.append((name, version, there))
    if different:
        return "lacks", node, different
    from tasksmithy_ray.worker import made

    return "made", place, made(mailbox, box, shipment, has_secrets, place)
