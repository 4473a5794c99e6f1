"""What the executor `ray` costs beside bare Ray, in one run.

    python benchmarks/bench_ray.py [TASKS [GIGABYTES [PAIRS]]]

TASKS (2,000) attempts that return their input beside as many bare Ray tasks; 20 readers of an
Arrow table of GIGABYTES (1) beside the same with `ray.put`; and what a run adds to the start of
Ray. The two of a pair run in turn. Each line has the medians of PAIRS (3), of the seconds that
passed and of the CPU seconds of this process and those of Ray: on a machine that does something
else besides, only the latter count.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import ray

from tasksmithy import TaskEnvironment, with_runcontext
from tasksmithy.extend import descendants

READERS = 20

env = TaskEnvironment(name="bench")


@env.task
async def same(n: int) -> int:
    return n


@env.task
async def many(n: int) -> int:
    return sum(await asyncio.gather(*(same(i) for i in range(n))))


def bare(n: int) -> int:
    return n


bare_remote = ray.remote(bare)


def bare_many(n: int) -> int:
    return sum(ray.get([bare_remote.remote(i) for i in range(n)]))


def table(size: int) -> pa.Table:
    return pa.table({"n": np.arange(size // 8)})


@env.task
async def rows(of: pa.Table) -> int:
    return int(of.num_rows)


@env.task
async def read(size: int) -> int:
    made = table(size)
    return sum(await asyncio.gather(*(rows(made) for _ in range(READERS))))


def bare_rows(of: pa.Table) -> int:
    return int(of.num_rows)


bare_rows_remote = ray.remote(bare_rows)


def bare_read(size: int) -> int:
    made = ray.put(table(size))
    return sum(ray.get([bare_rows_remote.remote(made) for _ in range(READERS)]))


def cpu() -> dict[int, int]:
    """CPU ticks so far, of this process and of each below it."""
    ticks = {}
    for process in (os.getpid(), *descendants(os.getpid())):
        with suppress(OSError):  # it has ended meanwhile
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
            ticks[process] = int(fields[11]) + int(fields[12])
    return ticks


def measured(made: Callable[[], Any]) -> tuple[float, float]:
    begun, before = time.perf_counter(), cpu()
    made()
    passed, after = time.perf_counter() - begun, cpu()
    used = sum(ticks - before.get(process, 0) for process, ticks in after.items())
    return passed, used / os.sysconf("SC_CLK_TCK")


def compare(what: str, pairs: int, by_ray: Callable[[], Any], by_us: Callable[[], Any]) -> None:
    found = [(measured(by_ray), measured(by_us)) for _ in range(pairs)]
    for number, unit in enumerate(("s", "CPU s")):
        theirs, ours = (statistics.median(each[side][number] for each in found) for side in (0, 1))
        print(
            f"{what}: bare Ray {theirs:6.2f} {unit}, tasksmithy {ours:6.2f} {unit}: "
            f"{ours / theirs:.1f} times"
        )


def main(tasks: int = 2_000, gigabytes: float = 1, pairs: int = 3) -> None:
    size = int(gigabytes * 1e9)
    begun = time.perf_counter()
    ray.init(address="local", num_cpus=2, object_store_memory=80_000_000 + 3 * size,
             include_dashboard=False, log_to_driver=False, logging_level="ERROR",
             _node_ip_address="127.0.0.1")  # fmt: skip
    started = time.perf_counter()
    run = with_runcontext(executor="ray").run
    run(many, n=20)
    first = time.perf_counter()
    print(f"ray.init {started - begun:6.2f} s, a first run of 21 tasks {first - started:6.2f} s")
    bare_many(20)
    compare(f"{tasks:,} tasks", pairs, lambda: bare_many(tasks), lambda: run(many, n=tasks))
    readers = f"{READERS} readers of {gigabytes:g} GB"
    compare(readers, pairs, lambda: bare_read(size), lambda: run(read, size=size))
    ray.shutdown()


if __name__ == "__main__":
    numbers = [float(each) for each in sys.argv[1:]]
    main(*(int(each) if position != 1 else each for position, each in enumerate(numbers)))
