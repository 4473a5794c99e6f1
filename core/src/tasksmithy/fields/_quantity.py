"""Amounts as Kubernetes writes them: "500m" cores, "2Gi" bytes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Self

NANOS = 10**9  # nanos in one unit
LARGEST = 2**63 - 1

# resource.Quantity: a signed decimal number, then a binary suffix, a decimal suffix or an exponent.
# An exponent of three digits is out of range whatever the number is.
_GRAMMAR = (
    r"(?P<sign>[+-]?)(?=\.?[0-9])(?P<whole>[0-9]*)(?:\.(?P<part>[0-9]*))?"
    r"(?:(?P<binary>[KMGTPE]i)|(?P<decimal>[numkMGTPE])|[eE](?P<exponent>[+-]?[0-9]{1,2}))?"
)
_LONGEST = 64  # characters; also bounds the arithmetic on a text from outside
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}  # powers of 1024
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}


@dataclass(frozen=True, slots=True, order=True)
class Quantity:
    """An exact amount, ordered and equal by its size: 1Gi == 1024Mi > 1G.

    The grammar, the canonical text and the limits (nanos, 2**63-1) are those of Kubernetes'
    `resource.Quantity`; an amount beyond the largest is refused here, where Kubernetes caps it.

    Attributes:
        nanos: the amount in units of 10**-9.
        binary: whether it was written with a binary suffix, and is shown with one.
    """

    nanos: int
    binary: bool = field(default=False, compare=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """The amount that `text` says; what is finer than a nano is rounded up (away from 0).

        Raises:
            ValueError: `text` is not a Kubernetes quantity, or is beyond the largest one.
        """
        match = re.fullmatch(_GRAMMAR, text) if len(text) <= _LONGEST else None
        if match is None:
            raise ValueError(f"{text[:_LONGEST]!r} is not a Kubernetes quantity")
        part = match["part"] or ""
        size = int(match["whole"] + part) * 1024 ** _BINARY.get(match["binary"], 0)
        power = _DECIMAL[match["decimal"] or ""] + int(match["exponent"] or 0) - len(part) + 9
        nanos = size * 10**power if power >= 0 else _divided_up(size, 10**-power)
        if nanos > LARGEST * NANOS:
            raise ValueError(f"{text!r} is beyond 2**63-1, the largest Kubernetes quantity")
        return cls(-nanos if match["sign"] == "-" else nanos, match["binary"] is not None)

    def __float__(self) -> float:
        return self.nanos / NANOS

    def rounded_up(self, step: int) -> Quantity:
        """The smallest multiple of `step` nanos that is not smaller than this one."""
        return Quantity(_divided_up(self.nanos, step) * step, self.binary)

    def __str__(self) -> str:
        """The canonical text: no fraction, the largest suffix that keeps it exact.

        A binary one below 1Ki, or with a fraction, is shown in decimal, as Kubernetes does.
        """
        if self.binary and self.nanos % (NANOS * 1024) == 0:
            return _shortest(self.nanos // NANOS, 1024, ["", *_BINARY])
        return _shortest(self.nanos, 1000, list(_DECIMAL))


def _divided_up(dividend: int, divisor: int) -> int:
    return -(-dividend // divisor)


def _shortest(amount: int, base: int, suffixes: list[str]) -> str:
    if amount == 0:
        return "0"
    step = 0
    while amount % base == 0:  # ends at the last suffix: 1000E and 1024Ei are beyond the largest
        amount //= base
        step += 1
    return f"{amount}{suffixes[step]}"
