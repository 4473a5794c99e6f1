"""What Ray's workers run: it goes to them by value, so that one without tasksmithy can say so.

It imports nothing of tasksmithy before it has looked whether that is there.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from importlib import metadata
from typing import Any

Letter = tuple[str, str, tuple[int, int, bytes, tuple[Any, ...]] | None]
"""The box that it is for, the box of its sender, and a frame; None closes the box."""


class Mailbox:
    """An actor: letters between a run and its attempts, which need not reach each other.

    Ray may run calls that are open at once in any order, also those of one caller. So nothing that
    is said here depends on it: what has an order is in one post, or in posts one after the other.
    """

    def __init__(self) -> None:
        self._boxes: dict[str, asyncio.Queue[Letter | None]] = {}

    async def post(self, letters: list[Letter]) -> None:
        """Put letters into their boxes, or close these."""
        for letter in letters:
            if letter[2] is not None:
                self._box(letter[0]).put_nowait(letter)
            elif (closed := self._boxes.pop(letter[0], None)) is not None:
                closed.put_nowait(None)

    async def take(self, box: str) -> list[Letter]:
        """All letters in a box, as soon as there is one; none where its reader is woken."""
        queue = self._box(box)
        taken = [await queue.get()]
        while not queue.empty():
            taken.append(queue.get_nowait())
        return [letter for letter in taken if letter is not None]

    async def wake(self, box: str) -> None:
        """Have the reader of a box go on, whether its `take` is here already or has yet to come."""
        self._box(box).put_nowait(None)

    def _box(self, box: str) -> asyncio.Queue[Letter | None]:
        return self._boxes.setdefault(box, asyncio.Queue())


def maker(
    path: Sequence[str], needed: Sequence[tuple[str, str]], mailbox: str, surroundings: bytes
) -> Callable[..., tuple[str, str, Any]]:
    """A Ray task that makes attempts; what they have in common goes to a worker once.

    Args:
        path: `sys.path` of the run, where that is on this machine.
        needed: distributions and their versions.
        mailbox: the name of the mailbox of the run.
        surroundings: those of the shipments.
    """
    lacking: list[tuple[str, str, str | None]] = []
    node: list[str] = []

    def look_around() -> None:
        import ray

        address = ray.util.get_node_ip_address()
        node.append(f"{address} ({ray.get_runtime_context().get_node_id()[:8]})")
        sys.path.extend(entry for entry in path if entry not in sys.path)
        for name, version in needed:
            try:
                there = metadata.version(name)
            except metadata.PackageNotFoundError:
                there = None
            if there != version:
                lacking.append((name, version, there))

    def make(
        task: str, box: str, attempt: bytes, has_secrets: bool, *parts: Any
    ) -> tuple[str, str, Any]:
        """Make an attempt.

        Args:
            task: the name of its task.
            box: its box.
            attempt: the attempt, as in its shipment.
            has_secrets: whether the first letter in the box has its secrets.
            parts: the parts of the shipment.

        Returns:
            `"made"`, the place, and what `worker.made` gives; or `"lacks"`, the
            node, and the distributions that are not there in the version needed.
        """
        if not node:
            look_around()
        if lacking:
            return "lacks", node[0], lacking
        from tasksmithy_ray.worker import made

        place = f"node {node[0]}, process {os.getpid()}"
        told = made(mailbox, box, (task, surroundings, attempt, b"", parts), has_secrets, place)
        return "made", place, told

    return make
