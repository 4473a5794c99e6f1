"""Streams of text, line by line, in bounded memory."""

from __future__ import annotations

import asyncio
import codecs
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TextIO

from tasksmithy import in_thread
from tasksmithy.extend import cut

_CHUNK = 65_536  # bytes; also the longest line that is handed on as one
_KEPT = 20  # lines
_LONGEST = 1_000  # characters of a kept line


Sink = Callable[[str], Awaitable[None]]
"""Takes whole lines of text, each with its line break."""


class LastLines(deque[str]):
    """The last lines of a text, without their line breaks, each cut to a bounded length."""

    def __init__(self) -> None:
        super().__init__(maxlen=_KEPT)

    def take(self, text: str) -> None:
        """Keep the last lines of some more text."""
        # Splitting from the end: of many lines only the last matter.
        for line in text.rstrip("\n").rsplit("\n", _KEPT)[-_KEPT:]:
            self.append(cut(line.rstrip("\r"), _LONGEST))


async def pump(stream: asyncio.StreamReader, tail: LastLines, sink: Sink | None) -> None:
    """Read a stream to its end and hand on whole lines as they come.

    A line that does not end is handed on in pieces. What is not UTF-8 is replaced.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    rest = ""
    while chunk := await stream.read(_CHUNK):
        text = rest + decoder.decode(chunk)
        whole, newline, rest = text.rpartition("\n")
        if not newline and len(rest) >= _CHUNK:
            whole, newline, rest = rest, "\n", ""
        if newline:
            await _hand_on(whole + newline, tail, sink)
    if rest := rest + decoder.decode(b"", final=True):
        await _hand_on(rest + "\n", tail, sink)


async def _hand_on(lines: str, tail: LastLines, sink: Sink | None) -> None:
    tail.take(lines)
    if sink is not None:
        await sink(lines)


def console(stream: TextIO, mask: Callable[[str], str] = str) -> Sink:
    """A sink that prints what `mask` leaves of it.

    It does so in a thread, for a terminal or a pipe may be slow to take it.
    """

    def write(lines: str) -> None:
        encoding = stream.encoding or "utf-8"
        stream.write(mask(lines).encode(encoding, "replace").decode(encoding))
        stream.flush()

    async def sink(lines: str) -> None:
        await in_thread(write, lines)

    return sink
