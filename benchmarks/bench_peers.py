"""What a pipeline on one machine costs, beside the same pipeline in its peers.

A task calls another one N times, side by side. Each peer runs it in its own way, with what it has
as defaults, in a process of its own: Flyte 2 in its local mode; Luigi, whose tasks are known before
they run, with its local scheduler; and bare coroutines. None has a server, none writes a record.

python benchmarks/bench_peers.py
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROCESSES = 9
RUNS = 5
CHILDREN = 1_000

PROGRAMS = {
    "asyncio, bare": """
import asyncio

async def greet(number):
    return f"hello {number}"

async def main(n):
    return await asyncio.gather(*(greet(number) for number in range(n)))

def run(n):
    return asyncio.run(main(n))
""",
    "tasksmithy": """
import asyncio
import tasksmithy

env = tasksmithy.TaskEnvironment(name="hello")

@env.task
async def greet(number: int) -> str:
    return f"hello {number}"

@env.task
async def main(n: int) -> list[str]:
    return await asyncio.gather(*(greet(number) for number in range(n)))

def run(n):
    return tasksmithy.run(main, n=n)
""",
    "Flyte 2": """
import asyncio
import flyte

env = flyte.TaskEnvironment(name="hello")
flyte.init()

@env.task
async def greet(number: int) -> str:
    return f"hello {number}"

@env.task
async def main(n: int) -> list[str]:
    return await asyncio.gather(*(greet(number) for number in range(n)))

def run(n):
    return flyte.with_runcontext(mode="local").run(main, n=n).outputs()[0]
""",
    "Luigi": """
import luigi

class Greet(luigi.Task):
    number = luigi.IntParameter()
    result = None

    def run(self):
        self.result = f"hello {self.number}"

    def complete(self):
        return self.result is not None

class Main(luigi.Task):
    n = luigi.IntParameter()
    # Luigi keeps its tasks by their parameters: another run needs others.
    start = luigi.IntParameter()
    result = None

    def requires(self):
        return [Greet(self.start + number) for number in range(self.n)]

    def run(self):
        self.result = [greet.result for greet in self.requires()]

    def complete(self):
        return self.result is not None

starts = iter(range(0, 10**9, 10**6))

def run(n):
    main = Main(n, next(starts))
    assert luigi.build([main], local_scheduler=True, log_level="ERROR")
    return main.result
""",
}
MEASURE = f"""
import statistics, sys, time

def seconds():
    begin = time.perf_counter()
    assert len(run({CHILDREN})) == {CHILDREN}
    return time.perf_counter() - begin

if sys.argv[1:] == ["children"]:
    seconds()
    print(statistics.median(seconds() for _ in range({RUNS})))
else:
    assert len(run(3)) == 3
"""


def timed(command: list[str]) -> float:
    begin = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - begin


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        files = {}
        for name, program in PROGRAMS.items():
            files[name] = Path(folder, f"pipeline{len(files)}.py")
            files[name].write_text(program + MEASURE)
        processes: dict[str, list[float]] = {name: [] for name in PROGRAMS}
        for _ in range(PROCESSES):
            for name, file in files.items():
                processes[name].append(timed([sys.executable, str(file)]))
        print(f"{'':16}{'3 children, the whole process':>32}{'a child of ' + str(CHILDREN):>24}")
        for name, file in files.items():
            command = [sys.executable, str(file), "children"]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            child = float(done.stdout) / CHILDREN * 1e6
            whole = statistics.median(processes[name]) * 1e3
            print(f"{name:16}{whole:>29.0f} ms{child:>21.1f} us")


if __name__ == "__main__":
    main()
