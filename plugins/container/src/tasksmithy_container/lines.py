"""Streams of text, line by line, in bounded memory."""

from __future__ import annotations

import asyncio
import codecs
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import TextIO

from tasksmithy import in_thread
from tasksmithy.extend import cut

_CHUNK = 65_536  # bytes; also how much of a line stays for the next piece: longer than any secret
_KEPT = 20  # lines
_LONGEST = 1_000  # characters of a kept line


Sink = Callable[[str], Awaitable[None]]
"""Takes whole lines of text, each with its line break."""

Mask = Callable[[str], str]
"""Gives a text without its secrets."""


class LastLines(deque[str]):
    """The last lines of a text, without their line breaks, each cut to a bounded length."""

    def __init__(self, count: int = _KEPT) -> None:
        super().__init__(maxlen=count)
        self._count = count

    def take(self, text: str) -> None:
        """Keep the last lines of some more text."""
        # Splitting from the end: of many lines only the last matter.
        for line in text.rstrip("\n").rsplit("\n", self._count)[-self._count :]:
            self.append(cut(line.rstrip("\r"), _LONGEST))


async def pump(
    stream: asyncio.StreamReader, tails: Sequence[LastLines], sink: Sink | None, mask: Mask = str
) -> None:
    """Read a stream to its end and hand on whole lines as they come, masked.

    A line that does not end is handed on in pieces, and what may be the beginning of a secret stays
    for the next one. What is not UTF-8 is replaced.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    rest = ""
    while chunk := await stream.read(_CHUNK):
        text = rest + decoder.decode(chunk)
        whole, newline, rest = text.rpartition("\n")
        if newline:
            await _hand_on(await _masked(whole, mask), tails, sink)
        elif len(rest) >= 2 * _CHUNK:
            masked = await _masked(rest, mask)
            whole, rest = masked[:-_CHUNK], masked[-_CHUNK:]
            await _hand_on(whole, tails, sink)
    if rest := rest + decoder.decode(b"", final=True):
        await _hand_on(await _masked(rest, mask), tails, sink)


async def _masked(text: str, mask: Mask) -> str:
    # In a thread, for there may be much to look for.
    return text if mask is str else await in_thread(mask, text)


async def _hand_on(text: str, tails: Sequence[LastLines], sink: Sink | None) -> None:
    for tail in tails:
        tail.take(text)
    if sink is not None:
        await sink(f"{text}\n")


def console(stream: TextIO | None, prefix: Callable[[], str] = str) -> Sink | None:
    """A sink that prints, where there is something to print to, each line behind a prefix.

    It does so in a thread, for a terminal or a pipe may be slow to take it. A stream that fails, as
    one that nobody reads any more, is told nothing more; the container goes on.
    """
    if stream is None:  # as in a daemon
        return None
    is_gone = False

    def write(lines: str) -> None:
        encoding = getattr(stream, "encoding", None) or "utf-8"
        if before := prefix():
            lines = "".join(f"{before}{line}\n" for line in lines[:-1].split("\n"))
        stream.write(lines.encode(encoding, "replace").decode(encoding))
        stream.flush()

    async def sink(lines: str) -> None:
        nonlocal is_gone
        if not is_gone:
            try:
                await in_thread(write, lines)
            except Exception:  # noqa: BLE001 - a program may have put anything there
                is_gone = True

    return sink
