"""How values of database types are made, as text, and the extremes that databases share."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np


def integers(low: int, high: int) -> dict[str, Any]:
    def made(any_: random.Random) -> str:
        return str(
            any_.choice([any_.randint(low, high), any_.randint(max(low, -99), min(high, 99))])
        )

    return {"exact": [str(low), str(high), "0"], "made": made}


def decimal_made(digits: int, scale: int) -> Callable[[random.Random], str]:
    def made(any_: random.Random) -> str:
        number = any_.randint(-(10**digits) + 1, 10**digits - 1) // 10 ** any_.randint(
            0, digits - 1
        )
        return f"{Decimal(number).scaleb(-scale):f}" if digits < 28 else _scaled(number, scale)

    return made


def _scaled(number: int, scale: int) -> str:
    text = str(abs(number)).rjust(scale + 1, "0")
    whole = f"{text[:-scale]}.{text[-scale:]}" if scale else text
    return f"{'-' if number < 0 else ''}{whole}"


def float_made(any_: random.Random) -> str:
    while True:
        bits = any_.getrandbits(64).to_bytes(8, "little")
        value = float(np.frombuffer(bits)[0])
        if math.isfinite(value):
            return repr(any_.choice([value, round(any_.uniform(-1e6, 1e6), 3)]))


def single_made(any_: random.Random) -> str:
    while True:
        value = np.frombuffer(any_.getrandbits(32).to_bytes(4, "little"), np.float32)[0]
        if np.isfinite(value):
            return str(value)


LETTERS = "aZ09 '\"\\`%_;:$?{}()[]-/*\n\t€ü😀漢"


def text_made(any_: random.Random) -> str:
    return "".join(any_.choices(LETTERS, k=any_.randint(0, 12)))


def date_made(first: int, last: int) -> Callable[[random.Random], str]:
    def made(any_: random.Random) -> str:
        return (
            f"{any_.randint(first, last):04d}-{any_.randint(1, 12):02d}-{any_.randint(1, 28):02d}"
        )

    return made


def time_made(digits: int) -> Callable[[random.Random], str]:
    def made(any_: random.Random) -> str:
        clock = f"{any_.randrange(24):02d}:{any_.randrange(60):02d}:{any_.randrange(60):02d}"
        return f"{clock}.{any_.randrange(10**digits):0{digits}d}" if digits else clock

    return made


def moment_made(first: int, last: int, digits: int) -> Callable[[random.Random], str]:
    date, clock = date_made(first, last), time_made(digits)
    return lambda any_: f"{date(any_)} {clock(any_)}"


def interval_made(any_: random.Random) -> str:
    clock = f"{any_.randrange(1000)}:{any_.randrange(60):02d}:{any_.randrange(60):02d}"
    return (
        f"{any_.randint(-999, 999)} months {any_.randint(-999, 999)} days "
        f"{any_.choice(['', '-'])}{clock}.{any_.randrange(10**6):06d}"
    )


def uuid_made(any_: random.Random) -> str:
    return str(UUID(int=any_.getrandbits(128), version=4))  # MariaDB takes no others


UUIDS: dict[str, Any] = {
    "exact": ["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"],
    "made": uuid_made,
}
TEXTS: dict[str, Any] = {"exact": ["", "ü😀'\"\\", "a" * 300], "made": text_made}
FLOATS: dict[str, Any] = {
    "exact": ["nan", "infinity", "-infinity", "-0.0", "5e-324", "1.7976931348623157e308", "0.1"],
    "made": float_made,
}
SINGLES: dict[str, Any] = {
    "exact": ["nan", "infinity", "-infinity", "1e-45", "3.4028235e38", "0.1"],
    "made": single_made,
}
HUGE = 10**38 - 1
