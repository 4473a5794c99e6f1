"""What it costs to store a value, to read it again, and to identify it, beside pickle.

python benchmarks/bench_values.py

Storage and pickle take turns; the table has the median of each. The digest has no peer here: it is
what a cache key takes for each input.
"""

from __future__ import annotations

import datetime as dt
import pickle
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tasksmithy.values._identity import digest
from tasksmithy.values._storage import decode, encode

ROUNDS = 9
COUNT = 20_000


@dataclass
class Sale:
    """A record, as tasks pass them."""

    id: int
    name: str
    price: float
    day: dt.date


DICTS = [{"id": n, "name": "x", "price": 1.5, "ok": True} for n in range(COUNT)]
SALES = [Sale(n, "x", 1.5, dt.date(2024, 1, 1)) for n in range(COUNT)]


def main() -> None:
    """Print the table."""
    print(f"{'milliseconds':<34}{'storage':>10}{'pickle':>10}{'ratio':>8}")
    row(f"encode {COUNT:,} small dicts in a list", stored(DICTS), pickled(DICTS))
    row("decode them", read(DICTS), unpickled(DICTS))
    row(f"encode {COUNT:,} small dicts singly", each(stored, DICTS), each(pickled, DICTS))
    row("decode them", each(read, DICTS), each(unpickled, DICTS))
    row(f"encode {COUNT:,} dataclasses", stored(SALES, list[Sale]), pickled(SALES))
    row("decode them", read(SALES, list[Sale]), unpickled(SALES))
    row("digest of the list of dicts", lambda: digest(DICTS))
    row("digests of single dicts", lambda: [digest(value) for value in DICTS])
    row("digest of the dataclasses", lambda: digest(SALES))


def row(what: str, work: Callable[[], Any], peer: Callable[[], Any] | None = None) -> None:
    """A line of the table: medians of some work and of its peer, which take turns."""
    works = [work] if peer is None else [work, peer]
    seconds: list[list[float]] = [[] for _ in works]
    for _ in range(ROUNDS):
        for each_work, times in zip(works, seconds, strict=True):
            begin = time.perf_counter()
            each_work()
            times.append(time.perf_counter() - begin)
    ours, *beside = [statistics.median(times) * 1e3 for times in seconds]
    ratio = f"{beside[0]:>10.1f}{ours / beside[0]:>8.1f}" if beside else ""
    print(f"{what:<34}{ours:>10.1f}{ratio}")


def stored(value: object, kind: Any = Any) -> Callable[[], Any]:
    """Encode a value."""
    return lambda: encode(value, kind)


def read(value: object, kind: Any = Any) -> Callable[[], Any]:
    """Decode a value."""
    encoded = encode(value, kind)
    return lambda: decode(encoded, kind)


def pickled(value: object) -> Callable[[], Any]:
    """Pickle a value."""
    return lambda: pickle.dumps(value, protocol=5)


def unpickled(value: object) -> Callable[[], Any]:
    """Read the pickle of a value."""
    content = pickle.dumps(value, protocol=5)
    return lambda: pickle.loads(content)


def each(
    work: Callable[[object], Callable[[], Any]], values: Sequence[object]
) -> Callable[[], Any]:
    """The work of every value."""
    works = [work(value) for value in values]
    return lambda: [each_work() for each_work in works]


if __name__ == "__main__":
    main()
