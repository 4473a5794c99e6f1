"""A pipeline that is killed at any moment goes on where it was."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from tasksmithy.runtime.stores._run_store import RunStore

STEPS = 40

PIPELINE = f"""
import asyncio
import time
from pathlib import Path

from tasksmithy import TaskEnvironment

env = TaskEnvironment(name="p")
calls = Path(__file__).with_name("calls")


@env.task
async def step(n: int) -> int:
    await asyncio.sleep(0.005)
    with calls.open("a") as file:
        file.write(f"{{n}}\\n")
    return n


@env.task
def sync_step(n: int) -> int:
    time.sleep(0.005)
    with calls.open("a") as file:
        file.write(f"{{n}}\\n")
    return n


@env.task
async def main() -> int:
    total = 0
    for first in range(0, {STEPS}, 4):
        pair = (step(first), step(first + 1), sync_step.aio(first + 2), sync_step.aio(first + 3))
        total += sum(await asyncio.gather(*pair))
    return total
"""


class Killed:
    """A pipeline in a folder, that is run from the command line and killed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "pipeline.py"
        self.file.write_text(PIPELINE)
        self.run_id: str | None = None

    def start(self) -> subprocess.Popen[str]:
        """Start the run, or go on with it if it has been recorded."""
        words = ["--resume", self.run_id] if self.run_id else [str(self.file), "main"]
        return subprocess.Popen(
            [sys.executable, "-m", "tasksmithy", "run", "--runs-dir", str(self.folder), *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def finished(self) -> set[str]:
        """The steps that the record says are finished."""
        with closing(RunStore(self.folder)) as store:
            runs = store.runs()
            if not runs:
                return set()
            self.run_id = runs[0].id
            tasks = store.show(self.run_id).tasks
        return {task.inputs for task in tasks if task.task != "p.main"}

    def called(self) -> list[str]:
        """The steps that have been called, as often as they were."""
        calls = self.folder / "calls"
        return [f"n={n}" for n in calls.read_text().split()] if calls.exists() else []

    def is_whole(self) -> bool:
        """Whether SQLite finds its file whole."""
        with closing(sqlite3.connect(self.folder / "runs-1.db")) as connection:
            return connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def kill(process: subprocess.Popen[str], pipeline: Killed, calls: int, later: float) -> bool:
    """Kill a run once so many steps were called, and a moment later; whether it was still there."""
    while process.poll() is None and len(pipeline.called()) < calls:
        time.sleep(0.001)
    time.sleep(later)
    if process.poll() is not None:
        return False
    os.killpg(process.pid, signal.SIGKILL)
    return True


def check(folder: Path, kills: int, seed: int) -> None:
    pipeline, chance = Killed(folder), random.Random(seed)
    finished: set[str] = set()
    killed = partial = 0
    while killed < kills:
        called = len(pipeline.called())
        process = pipeline.start()
        # Steps are counted, so that a kill finds a part of them finished on a slow machine, too;
        # without any, it comes at some moment of the start.
        more = chance.randint(0, 12)
        later = chance.uniform(0, 0.01 if more else 0.4)
        was_killed = kill(process, pipeline, called + more, later)
        output, errors = process.communicate(timeout=60)
        again = finished.intersection(pipeline.called()[called:])
        assert not again, f"finished before the kill, and called after it: {again}"
        if was_killed:
            killed += 1
            if (folder / "runs-1.db").exists():
                assert pipeline.is_whole()
            finished = pipeline.finished()
            partial += 0 < len(finished) < STEPS
        else:
            # It came to its end before it was to be killed: the result is right, and a new run
            # takes its place.
            assert process.returncode == 0, errors
            assert int(output) == sum(range(STEPS))
            folder.joinpath("runs-1.db").replace(folder / f"done-{time.time_ns()}.db")
            for left in folder.glob("runs-1.db-*"):
                left.unlink()
            pipeline.run_id, finished = None, set()
    assert partial >= kills / 2, f"{partial} of {kills} kills found a part of the steps finished"
    process = pipeline.start()
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert int(output) == sum(range(STEPS))


def test_a_killed_run_goes_on_without_running_what_was_finished(tmp_path: Path) -> None:
    check(tmp_path, kills=4, seed=1)


@pytest.mark.slow
def test_a_run_that_is_killed_a_hundred_times_goes_on_every_time(tmp_path: Path) -> None:
    check(tmp_path, kills=100, seed=2)
