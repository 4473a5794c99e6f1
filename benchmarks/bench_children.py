"""What many children of one task cost: time for each, and the most memory that the process had.

python benchmarks/bench_children.py

Each line is a process of its own. `map` takes its inputs as it goes; `gather` begins all children
at once, as a bare asyncio does beside it. A recorded run writes each child down, in SQLite, so that
it can be resumed.
"""

from __future__ import annotations

import asyncio
import resource
import subprocess
import sys
import tempfile
import time

import tasksmithy
from tasksmithy import TaskEnvironment, run, with_runcontext

COUNTS = (10_000, 100_000)
WAYS = ("asyncio.gather", "gather", "map", "map, recorded")

env = TaskEnvironment(name="bench")


async def plain(n: int) -> int:
    return n * n


@env.task
async def square(n: int) -> int:
    return n * n


@env.task
async def gathered(count: int) -> int:
    return sum(await asyncio.gather(*(square(n) for n in range(count))))


@env.task
async def mapped(count: int) -> int:
    total = 0
    async for result in tasksmithy.map(square, range(count)):
        total += result
    return total


async def bare(count: int) -> int:
    return sum(await asyncio.gather(*(plain(n) for n in range(count))))


def measure(way: str, count: int) -> None:
    """Run one way in this process and print its seconds and its peak in MiB."""
    begin = time.perf_counter()
    if way == "asyncio.gather":
        total = asyncio.run(bare(count))
    elif way == "gather":
        total = run(gathered, count=count)
    elif way == "map":
        total = run(mapped, count=count)
    else:
        with tempfile.TemporaryDirectory() as folder:
            total = with_runcontext(record=True, runs_dir=folder).run(mapped, count=count)
    seconds = time.perf_counter() - begin
    assert total == sum(n * n for n in range(count))
    print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def main() -> None:
    if sys.argv[1:]:
        measure(sys.argv[1], int(sys.argv[2]))
        return
    print(f"Python {sys.version.split()[0]}")
    print(f"{'way':<16}{'children':>10}{'us each':>10}{'peak MiB':>10}")
    for way in WAYS:
        for count in COUNTS:
            command = [sys.executable, __file__, way, str(count)]
            output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            seconds, peak = map(float, output.split())
            print(f"{way:<16}{count:>10}{seconds / count * 1e6:>10.1f}{peak:>10.0f}")


if __name__ == "__main__":
    main()
