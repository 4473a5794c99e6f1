"""SIGINT in a program that calls `run`: one ends what blocks, wherever it does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

TASKS = """
import asyncio
import signal
import subprocess
import threading
import time
from pathlib import Path

from tasksmithy import TaskEnvironment, run

env = TaskEnvironment(name="t")


def begun(name, text=""):
    Path(f"begun-{name}.new").write_text(text)
    Path(f"begun-{name}.new").rename(f"begun-{name}")


@env.task
def step() -> None:
    begun("step")
    time.sleep(600)


@env.task(timeout=600)
def program() -> None:
    started = subprocess.Popen(["sleep", "600"])
    begun("program", str(started.pid))
    started.wait()


@env.task
async def calls_step() -> None:
    step()


@env.task
async def calls_program() -> None:
    program()


@env.task
async def deep() -> None:
    run(calls_step)


@env.task
async def tidies_up() -> None:
    try:
        calls_step_blocking()
    finally:
        print("tidied", flush=True)


def calls_step_blocking():
    step()


async def beside(task):
    return run(task)


async def as_a_notebook(task):
    # Its loop turns, and what interrupts a cell raises KeyboardInterrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        run(task)
    except KeyboardInterrupt:
        print("interrupted", flush=True)


@env.task
async def another() -> str:
    await asyncio.sleep(1.5)
    return "the other goes on"


async def not_the_others():
    async def calls_another():
        print(run(another), flush=True)

    other = threading.Thread(target=lambda: asyncio.run(calls_another()))
    other.start()
    await as_a_notebook(calls_step)
    other.join()
"""


def interrupted(folder: Path, statement: str, begins: str) -> tuple[str, str]:
    """The output of a program that is interrupted once when that task has begun."""
    (folder / "program.py").write_text(f"{TASKS}\n\nif __name__ == '__main__':\n    {statement}\n")
    process = subprocess.Popen(
        [sys.executable, "program.py"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        while not (folder / f"begun-{begins}").exists():
            assert process.poll() is None, process.communicate()
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        return process.communicate(timeout=60)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.parametrize("task", ["step", "calls_step", "deep"])
@pytest.mark.parametrize("call", ["run({})", "asyncio.run(beside({}))"], ids=["run", "a loop"])
def test_one_interrupt_of_a_program_ends_what_blocks(tmp_path: Path, call: str, task: str) -> None:
    _, err = interrupted(tmp_path, call.format(task), "step")
    assert err.splitlines()[-1].startswith("KeyboardInterrupt")


@pytest.mark.parametrize("task", ["step", "calls_step", "deep"])
def test_one_interrupt_of_a_cell_ends_what_blocks(tmp_path: Path, task: str) -> None:
    out, _ = interrupted(tmp_path, f"asyncio.run(as_a_notebook({task}))", "step")
    assert out == "interrupted\n"


@pytest.mark.parametrize("task", ["program", "calls_program"])
def test_one_interrupt_ends_processes_and_what_they_have_started(tmp_path: Path, task: str) -> None:
    interrupted(tmp_path, f"run({task})", "program")
    started = int((tmp_path / "begun-program").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(started, 0)


def test_a_task_that_is_interrupted_tidies_up(tmp_path: Path) -> None:
    out, _ = interrupted(tmp_path, "run(tidies_up)", "step")
    assert out == "tidied\n"


def test_an_interrupt_ends_the_run_that_it_interrupts_alone(tmp_path: Path) -> None:
    out, _ = interrupted(tmp_path, "asyncio.run(not_the_others())", "step")
    assert out == "interrupted\nthe other goes on\n"
