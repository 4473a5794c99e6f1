"""Ages on the command line, such as 30d."""

from __future__ import annotations

import argparse

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}

SPELLING = "a number with s, m, h, d or w, such as 30d"


def seconds(age: str) -> float:
    """The seconds of an age; for `type=` of an option.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    number, unit = age[:-1], age[-1:]
    if unit in _UNITS and number.isdecimal():
        return float(number) * _UNITS[unit]
    raise argparse.ArgumentTypeError(f"{age!r} is no age: give {SPELLING}")
