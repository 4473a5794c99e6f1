"""The terminal that a command prints to."""

from __future__ import annotations

import os
import sys


def columns() -> int:
    """How wide it is: `COLUMNS`, or what the terminal says; 80 where there is none.

    This is `shutil.get_terminal_size`, whose module brings compression and more.
    """
    text = os.environ.get("COLUMNS", "")
    if text.isdecimal() and int(text) > 0:
        return int(text)
    try:
        return os.get_terminal_size(sys.__stdout__.fileno()).columns or 80  # type: ignore[union-attr]
    except (AttributeError, ValueError, OSError):  # None, closed, or no terminal
        return 80
