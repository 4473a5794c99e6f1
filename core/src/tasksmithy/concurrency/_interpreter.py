"""The Python that a process of its own is started with."""

from __future__ import annotations

import sys


def interpreter() -> str:
    """The interpreter that runs this process, which can run another program.

    Raises:
        FileNotFoundError: there is none. In a frozen program `sys.executable` is the program, and
            would begin all over again.
    """
    if getattr(sys, "frozen", False):
        raise FileNotFoundError(
            f"a process of its own needs a Python interpreter, and {sys.executable!r} is a frozen "
            "program (sys.frozen) without one"
        )
    if not sys.executable:
        raise FileNotFoundError(
            "a process of its own needs a Python interpreter, and Python is embedded here and "
            "knows none: set sys.executable to one"
        )
    return sys.executable
