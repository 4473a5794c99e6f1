"""InOrder: letters that overtake each other on the way, in the order in which they were sent."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class InOrder(Generic[T]):
    """Puts what is numbered from 0 in order.

    Attributes:
        count: how many have come for which no earlier one is missing.
    """

    def __init__(self) -> None:
        self.count = 0
        self._early: dict[int, T] = {}
        self._ready: deque[T] = deque()

    def add(self, number: int, letter: T) -> None:
        """A letter has come."""
        self._early[number] = letter
        while self.count in self._early:
            self._ready.append(self._early.pop(self.count))
            self.count += 1

    def ready(self) -> deque[T]:
        """The letters for which no earlier one is missing: the reader takes them from the left."""
        return self._ready
