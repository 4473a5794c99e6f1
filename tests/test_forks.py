"""A process that is forked at any moment of a run: nothing hangs, nothing is said or kept twice."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from tasksmithy.runtime.stores._run_store import RunStore

FORKS = int(os.environ.get("TASKSMITHY_TEST_FORKS", "200"))
SEED = int(os.environ.get("TASKSMITHY_TEST_SEED", "11"))

PROGRAM = """
import asyncio
import logging
import multiprocessing
import os
import random
import signal
import sys
import time
import warnings

from tasksmithy import Secret, TaskEnvironment, current, with_runcontext

warnings.simplefilter("ignore", DeprecationWarning)  # what Python says of a fork beside threads
forking = multiprocessing.get_context("fork")
env = TaskEnvironment(name="forks", cache="auto")
uncached = TaskEnvironment(name="uncached")
FORKS, SEED = map(int, sys.argv[1:])
chance = random.Random(SEED)


def say(line):
    print(f"{line}\\n", end="", flush=True)  # in one piece


def forked():
    \"\"\"Fork a process that does nothing; it has a minute to end.\"\"\"
    child = os.fork()
    if child == 0:
        os._exit(0)
    end = time.monotonic() + 60
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
            raise RuntimeError("a forked process hangs")
        time.sleep(0.002)


def forked_by_a_library():
    child = forking.Process(target=int)  # it ends as programs do
    child.start()
    child.join(60)
    if child.exitcode is None:
        child.kill()
        raise RuntimeError("a forked process hangs")


@uncached.task
def in_a_thread(n: int, pause: float) -> int:
    time.sleep(pause)
    forked() if n % 2 else forked_by_a_library()
    say(f"thread {n}")
    return n


@uncached.task
async def in_the_loop(n: int, pause: float) -> int:
    await asyncio.sleep(pause)
    child = os.fork()
    if child == 0:
        os._exit(0)
    await asyncio.to_thread(os.waitpid, child, 0)
    say(f"loop {n}")
    return n


@env.task
async def busy(n: int) -> int:
    current().logger.warning("busy %d", n)
    say(f"busy {n}")
    await asyncio.sleep(0.001)
    return quick(n) if n % 3 == 0 else await quick.aio(n)


@env.task
def quick(n: int) -> int:
    say(f"quick {n}")
    return n


@uncached.task(timeout=100)
def of_a_process(n: int) -> int:
    forked()
    say(f"process {n}")
    return quick(1_000_000 + n)


@uncached.task(secrets=Secret("token", group="forks", mount="/run/secrets"))
async def main() -> int:
    each = FORKS // 2
    calls = [in_a_thread.aio(n, chance.uniform(0, 3)) for n in range(each)]
    calls += [in_the_loop(n, chance.uniform(0, 3)) for n in range(each)]
    calls += [of_a_process.aio(n) for n in range(2)]

    async def work():
        for first in range(0, 300, 10):
            await asyncio.gather(*(busy(n) for n in range(first, first + 10)))

    return len(await asyncio.gather(work(), *calls))


if __name__ == "__main__":
    print("result", with_runcontext(record=True, cache_dir="cache", runs_dir="runs").run(main))
"""


@pytest.mark.slow
def test_forks_at_random_moments_of_a_run_hang_nothing_and_lose_and_repeat_nothing(
    tmp_path: Path,
) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "tmp").mkdir()
    done = subprocess.run(
        [sys.executable, "program.py", str(FORKS), str(SEED)],
        cwd=tmp_path,
        env=os.environ | {"FORKS_TOKEN": "a secret", "TMPDIR": str(tmp_path / "tmp")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    each = FORKS // 2
    assert done.returncode == 0, done.stderr
    expected = {
        *(f"thread {n}" for n in range(each)),
        *(f"loop {n}" for n in range(each)),
        *(f"process {n}" for n in range(2)),
        *(f"busy {n}" for n in range(300)),
        *(f"quick {n}" for n in (*range(300), 1_000_000, 1_000_001)),
        f"result {2 * each + 3}",
    }
    assert Counter(done.stdout.splitlines()) == Counter(expected)
    logged = [line for line in done.stderr.splitlines() if "busy" in line]
    assert sorted(logged) == sorted(f"busy {n}" for n in range(300))
    with closing(RunStore(tmp_path / "runs")) as store:
        [run] = store.runs()
        tasks = Counter((task.task, task.status) for task in store.show(run.id).tasks)
    assert tasks == {
        ("uncached.in_a_thread", "succeeded"): each,
        ("uncached.in_the_loop", "succeeded"): each,
        ("uncached.of_a_process", "succeeded"): 2,
        ("forks.busy", "succeeded"): 300,
        ("forks.quick", "succeeded"): 302,
        ("uncached.main", "succeeded"): 1,
    }
    assert list((tmp_path / "tmp").iterdir()) == []
