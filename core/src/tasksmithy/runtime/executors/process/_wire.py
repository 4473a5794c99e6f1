"""The wire between a run and a worker: frames over a pair of sockets, the same both ways."""

from __future__ import annotations

import asyncio
import socket
import struct
from enum import IntEnum
from typing import Final, NamedTuple

GRACE: Final = 3.0
"""Seconds between SIGTERM and SIGKILL.

Enough to roll a transaction back and to remove files; a user who presses Ctrl-C still waits for it.
"""

_HEADER: Final = struct.Struct("!BQQ")


class Kind(IntEnum):
    """What a frame says."""

    SURROUNDINGS = 1
    """Run to worker, first: what the worker needs before it can read anything else."""

    ATTEMPT = 2
    """Run to worker, second: the attempt."""

    CALL = 3
    """Worker to run: run a child; the number names the call."""

    CANCEL = 4
    """Worker to run: nobody waits for the call of this number any more."""

    LOG = 5
    """Worker to run: a log record."""

    RESULT = 6
    """The result of the attempt (worker to run) or of the call of this number (run to worker)."""

    ERROR = 7
    """What the attempt or the call raised, in the place of a result."""

    REPORT = 8
    """Worker to run: HTML for a tab of the report."""


class Frame(NamedTuple):
    """One message.

    Attributes:
        kind: what it says.
        number: the call that it is about; 0 where it is about none.
        payload: what it carries, pickled.
    """

    kind: Kind
    number: int
    payload: bytes

    @property
    def header(self) -> bytes:
        """What goes before the payload on the wire."""
        return _HEADER.pack(self.kind, self.number, len(self.payload))


def write(writer: asyncio.StreamWriter, frame: Frame) -> None:
    """Send a frame from an event loop, which never waits for the other side here."""
    writer.write(frame.header)
    writer.write(frame.payload)


async def read(reader: asyncio.StreamReader) -> Frame | None:
    """The next frame in an event loop; None at the end, also in the middle of a frame."""
    try:
        kind, number, length = _HEADER.unpack(await reader.readexactly(_HEADER.size))
        return Frame(Kind(kind), number, await reader.readexactly(length))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


def send(sock: socket.socket, frame: Frame) -> None:
    """Send a frame from a thread, which waits until the other side has taken it in."""
    sock.sendall(frame.header)
    sock.sendall(frame.payload)


def receive(sock: socket.socket) -> Frame | None:
    """The next frame in a thread; None at the end, also in the middle of a frame."""
    header = _exactly(sock, _HEADER.size)
    if header is None:
        return None
    kind, number, length = _HEADER.unpack(header)
    payload = _exactly(sock, length)
    return None if payload is None else Frame(Kind(kind), number, bytes(payload))


def _exactly(sock: socket.socket, length: int) -> bytearray | None:
    content = bytearray(length)
    left = memoryview(content)
    while left:
        try:
            count = sock.recv_into(left)
        except ConnectionError:
            return None
        if not count:
            return None
        left = left[count:]
    return content
