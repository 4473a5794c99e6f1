"""What tasks that wait for a job elsewhere cost: the CPU time of a process while nothing happens.

python benchmarks/bench_jobs.py

A thousand jobs go on and on, and are polled as often as a run does by itself, every 10 s. Beside
them are as many coroutines of bare asyncio that do the same.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from typing import Any

from tasksmithy import (
    JobStatus,
    NativeInterface,
    Registry,
    TaskEnvironment,
    TaskTemplate,
    TaskType,
    hookimpl,
    with_runcontext,
)

COUNT = 1_000
WAYS = ("asyncio.sleep", "jobs", "jobs, recorded")
SETTLED, MEASURED = 40.0, 60.0
"""Seconds until the jobs are polled every 10 s, and those that are measured."""

env = TaskEnvironment(name="bench")
task = TaskTemplate(
    name="job", task_type="endless", interface=NativeInterface.from_types({"n": int}, {})
)


class Endless(TaskType):
    task_type = "endless"

    @hookimpl
    async def submit(self, inputs: Any) -> Any:
        return inputs["n"]

    @hookimpl
    async def poll(self, handle: Any) -> JobStatus:
        return JobStatus(phase="running", message=str(handle))

    @hookimpl
    async def cancel(self) -> None: ...


async def polled(n: int) -> None:
    while True:
        await asyncio.sleep(10)
        JobStatus(phase="running", message=str(n))


async def measured(waiting: list[asyncio.Future[Any]]) -> float:
    """The share of a core that the process takes while they wait; then they are cancelled."""
    await asyncio.sleep(SETTLED)
    begin, cpu = time.perf_counter(), time.process_time()
    await asyncio.sleep(MEASURED)
    share = (time.process_time() - cpu) / (time.perf_counter() - begin)
    for each in waiting:
        each.cancel()
    await asyncio.wait(waiting)
    return share


@env.task
async def main() -> float:
    return await measured([asyncio.ensure_future(task(n=n)) for n in range(COUNT)])


async def bare() -> float:
    return await measured([asyncio.ensure_future(polled(n)) for n in range(COUNT)])


def measure(way: str) -> None:
    if way == "asyncio.sleep":
        print(asyncio.run(bare()))
        return
    with tempfile.TemporaryDirectory() as folder, Registry(task_types=[Endless]).entered():
        recorded = way == "jobs, recorded"
        print(with_runcontext(record=recorded, runs_dir=folder).run(main))


if __name__ == "__main__":
    if sys.argv[1:]:
        measure(sys.argv[1])
    else:
        print(f"Python {sys.version.split()[0]}, {COUNT:,} that wait")
        for way in WAYS:
            command = [sys.executable, __file__, way]
            output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            print(f"{way:<16}{float(output):>8.2%} of a core")
