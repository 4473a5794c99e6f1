"""What the executor `ray` costs beside bare Ray, in one run.

    python benchmarks/bench_ray.py [TASKS]

TASKS (2,000) attempts that return their input beside as many bare Ray tasks, and what a run adds to
the start of Ray.
"""

from __future__ import annotations

import asyncio
import sys
import time

import ray

from tasksmithy import TaskEnvironment, with_runcontext

env = TaskEnvironment(name="bench")


@env.task
async def same(n: int) -> int:
    return n


@env.task
async def many(n: int) -> int:
    return sum(await asyncio.gather(*(same(i) for i in range(n))))


def bare(n: int) -> int:
    return n


def main(tasks: int) -> None:
    begun = time.perf_counter()
    ray.init(num_cpus=2, include_dashboard=False, object_store_memory=80_000_000,
             log_to_driver=False, logging_level="ERROR")  # fmt: skip
    started = time.perf_counter()
    run = with_runcontext(executor="ray").run
    run(many, n=20)
    first = time.perf_counter()
    print(f"ray.init {started - begun:6.2f} s, a first run of 21 tasks {first - started:6.2f} s")
    remote = ray.remote(bare)
    ray.get([remote.remote(n) for n in range(20)])
    for _ in range(2):
        begun = time.perf_counter()
        assert sum(ray.get([remote.remote(n) for n in range(tasks)])) == tasks * (tasks - 1) // 2
        by_ray = time.perf_counter() - begun
        begun = time.perf_counter()
        assert run(many, n=tasks) == tasks * (tasks - 1) // 2
        by_us = time.perf_counter() - begun
        print(
            f"{tasks:,} tasks: bare Ray {by_ray:6.2f} s, tasksmithy {by_us:6.2f} s: "
            f"{by_us / by_ray:.1f} times"
        )
    ray.shutdown()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000)
