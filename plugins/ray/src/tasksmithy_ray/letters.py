"""Letters of the mailbox: frames as it can read them, where tasksmithy may not be installed."""

from __future__ import annotations

from typing import Any

from tasksmithy.extend import Frame, Message

RUN = "run"
"""The box of the run."""

Plain = tuple[int, int, bytes, tuple[Any, ...]]
"""A frame in a letter."""


def plain(frame: Frame) -> Plain:
    """A frame as it goes into a letter."""
    return int(frame.message), frame.number, frame.payload, frame.parts


def frame_of(told: Plain) -> Frame:
    """The frame of a letter."""
    message, number, payload, parts = told
    return Frame(Message(message), number, payload, parts)
