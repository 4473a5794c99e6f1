"""Letters of the mailbox: frames as it can read them, and in the order in which they were sent."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

from tasksmithy.extend import Frame, Message

T = TypeVar("T")

Plain = tuple[int, int, bytes]
"""A frame as what the mailbox can read, which may be where tasksmithy is not installed."""


def plain(frame: Frame) -> Plain:
    """A frame as it goes into a letter."""
    return int(frame.message), frame.number, frame.payload


def frame_of(told: Plain) -> Frame:
    """The frame of a letter."""
    message, number, payload = told
    return Frame(Message(message), number, payload)


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
