"""Plain text tables."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from tasksmithy._texts import cut, in_one_line
from tasksmithy.cli._terminal import columns


def aligned(table: Sequence[Sequence[str]]) -> str:
    """The rows, one a line, with their columns below each other; a terminal obeys nothing in it."""
    table = [[in_one_line(cell) for cell in row] for row in table]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    )


def fitted(text: str) -> str:
    """The text with its lines cut where a terminal ends; a file or a pipe gets all of them."""
    if not sys.stdout.isatty():
        return text
    return "\n".join(cut(line, columns()) for line in text.split("\n"))


def moment(seconds: float | None) -> str:
    """Seconds since the epoch as the local date and time; "-" where there are none."""
    return "-" if seconds is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def size(number: int) -> str:
    """A number of bytes, as a person reads it."""
    amount = float(number)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:.1f} {unit}".replace(".0 ", " ")
        amount /= 1024
    return f"{amount:.1f} TiB"


def wrapped(table: Sequence[Sequence[str]], width: int) -> list[Sequence[str]]:
    """The rows with the last column broken into lines of at most `width` characters."""
    import textwrap

    lines: list[Sequence[str]] = []
    for *cells, last in table:
        first, *rest = textwrap.wrap(last, width) or [""]
        lines.append([*cells, first])
        lines += [[""] * len(cells) + [line] for line in rest]
    return lines
