"""Frames between a run and the side that makes an attempt, and the channels that carry them.

A conversation is the same on every channel: the run sends an attempt, the far side calls children,
logs and reports, and ends with a result or an error. `_conversation` has the run's part of it,
`_far_host` the other.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from enum import IntEnum
from typing import Any, Final, NamedTuple, Protocol

_HEADER: Final = struct.Struct("!BQQ")


class Message(IntEnum):
    """What a frame says."""

    SURROUNDINGS = 1
    """Run to far side, first: what a process needs before it can read anything else."""

    ATTEMPT = 2
    """Run to far side: the attempt."""

    CALL = 3
    """Far side to run: run a child; the number names the call."""

    CANCEL = 4
    """Far side to run: nobody waits for the call of this number any more."""

    LOG = 5
    """Far side to run: a log record."""

    RESULT = 6
    """The result of the attempt (far side to run) or of the call of this number (run to it)."""

    ERROR = 7
    """What the attempt or the call raised, in the place of a result."""

    REPORT = 8
    """Far side to run: HTML for a tab of the report."""

    SECRETS = 9
    """Run to far side: what is to be masked there, as the next frame holds it."""

    PLACE = 10
    """Far side to run: where the attempt is made, as UTF-8."""


class Frame(NamedTuple):
    """A message with what it carries.

    Attributes:
        message: what it says.
        number: the call that it is about; 0 where it is about none.
        payload: what it carries, pickled.
        parts: what is beside the payload, on a channel that carries large values in its own way.
    """

    message: Message
    number: int
    payload: bytes
    parts: tuple[Any, ...] = ()

    @property
    def header(self) -> bytes:
        """What goes before the payload in a stream of bytes."""
        return _HEADER.pack(self.message, self.number, len(self.payload))


class RunChannel(Protocol):
    """A channel as the run has it, in an event loop."""

    def send(self, frame: Frame) -> None:
        """Send a frame, without waiting for the far side."""
        ...

    async def receive(self) -> Frame | None:
        """The next frame; None at the end, also in the middle of a frame."""
        ...


class FarChannel(Protocol):
    """A channel as the far side has it, in threads; one at a time sends, one receives."""

    def send(self, frame: Frame) -> None:
        """Send a frame, waiting until the channel has taken it in.

        Raises:
            OSError: the channel has ended.
        """
        ...

    def receive(self) -> Frame | None:
        """The next frame; None at the end, also in the middle of a frame."""
        ...


class StreamChannel:
    """The run's end of a pair of sockets.

    Args:
        reader, writer: the streams of the socket.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def send(self, frame: Frame) -> None:
        """Send a frame, without waiting for the far side."""
        self._writer.write(frame.header)
        self._writer.write(frame.payload)

    async def receive(self) -> Frame | None:
        """The next frame; None at the end, also in the middle of a frame."""
        try:
            header = await self._reader.readexactly(_HEADER.size)
            message, number, length = _HEADER.unpack(header)
            return Frame(Message(message), number, await self._reader.readexactly(length))
        except (asyncio.IncompleteReadError, ConnectionError):
            return None

    def close(self) -> None:
        """End the channel."""
        self._writer.close()


class SocketChannel:
    """The far end of a pair of sockets.

    Args:
        sock: the socket, which blocks.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def send(self, frame: Frame) -> None:
        """Send a frame, waiting until the channel has taken it in.

        Raises:
            OSError: the channel has ended.
        """
        self._sock.sendall(frame.header)
        self._sock.sendall(frame.payload)

    def receive(self) -> Frame | None:
        """The next frame; None at the end, also in the middle of a frame."""
        header = self._exactly(_HEADER.size)
        if header is None:
            return None
        message, number, length = _HEADER.unpack(header)
        payload = self._exactly(length)
        return None if payload is None else Frame(Message(message), number, bytes(payload))

    def close(self) -> None:
        """End the channel, for this process."""
        self._sock.close()

    def _exactly(self, length: int) -> bytearray | None:
        content = bytearray(length)
        left = memoryview(content)
        while left:
            try:
                count = self._sock.recv_into(left)
            except ConnectionError:
                return None
            if not count:
                return None
            left = left[count:]
        return content
