"""A secret that a run has handed out is in nothing that the run tells or leaves behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SECRET = "hunter22/and some more"

PIPELINE = """
import logging
import threading

from tasksmithy import Secret, TaskEnvironment, current, report

env = TaskEnvironment(name="demo")
secret = Secret("TOKEN")


@env.task(secrets=secret)
async def login() -> None:
    pass


@env.task
async def early(token: str) -> str:
    return token


@env.task(report=True)
async def main(token: str) -> int:
    # The run hands out the secret after these are recorded, or have begun.
    report.log(f"with {token}")
    await early(token)
    await early("." * 190 + token)
    await login()
    return 1


@env.task(secrets=secret)
async def several() -> None:
    (value,) = current().secrets.values()
    raise ExceptionGroup(f"no entry for {value}", [ValueError("one")]) from KeyError(value)


@env.task(secrets=secret)
def in_a_process() -> None:
    (value,) = current().secrets.values()
    logging.getLogger("library").warning("a library logs %s", value)
    current().logger.warning("the task logs %s", value)
    logging.getLogger("tasksmithy.own").error("with a traceback", exc_info=ValueError(value))


class Unshippable(Exception):
    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.lock = threading.Lock()


@env.task(secrets=secret)
def unshippable() -> None:
    (value,) = current().secrets.values()
    raise Unshippable("." * (2000 - len("Unshippable('")) + value)


@env.task(secrets=[secret, Secret("PIN")])
async def prints() -> None:
    print("prints", *current().secrets.values())
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pipeline.py").write_text(PIPELINE)
    return tmp_path


def tasksmithy(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tasksmithy", *words],
        capture_output=True,
        text=True,
        cwd=folder,
        env=os.environ | {"XDG_STATE_HOME": str(folder), "TOKEN": SECRET, "PIN": "123"},
        check=False,
        timeout=120,
    )


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return tasksmithy(folder, "run", "pipeline.py", *words)


def records(folder: Path) -> bytes:
    """All that is recorded, as it is on the disk."""
    files = list((folder / "tasksmithy").glob("runs-*"))
    return b"".join(file.read_bytes() for file in files if file.is_file())


@pytest.fixture
def recorded(folder: Path) -> str:
    """The id of a run of `main`."""
    done = run(folder, "main", "--token", SECRET)
    assert (done.stdout, done.returncode) == ("1\n", 0), done.stderr
    [told] = json.loads(tasksmithy(folder, "runs", "list", "--json").stdout)
    run_id: str = told["id"]
    return run_id


def test_what_was_recorded_before_the_secret_was_known_is_masked(
    folder: Path, recorded: str
) -> None:
    shown = json.loads(tasksmithy(folder, "runs", "show", recorded, "--json").stdout)
    assert shown["inputs"] == "--token '***'"
    assert [(task["task"], task["inputs"]) for task in shown["tasks"]] == [
        ("demo.main", "token='***'"),
        ("demo.early", "token='***'"),
        ("demo.early", f"token='{'.' * 190}***…"),
        ("demo.login", ""),
    ]
    assert b"hunter" not in records(folder)


def test_a_result_that_was_recorded_before_the_secret_was_known_is_dropped(
    folder: Path, recorded: str
) -> None:
    shown = json.loads(tasksmithy(folder, "runs", "show", recorded, "--json").stdout)
    kept = {task["inputs"]: task["output"] is not None for task in shown["tasks"]}
    assert kept == {"token='***'": False, f"token='{'.' * 190}***…": False, "": True}


def test_the_report_is_masked(folder: Path, recorded: str) -> None:
    tasksmithy(folder, "runs", "report", recorded, "--output", "report.html")
    page = (folder / "report.html").read_text()
    assert "with ***" in page
    assert "hunter" not in page


def test_a_run_whose_typed_inputs_are_masked_says_why_it_cannot_be_resumed_by_them(
    folder: Path, recorded: str
) -> None:
    done = tasksmithy(folder, "run", "--resume", recorded)
    assert done.returncode == 2
    assert done.stderr == (
        f"error: run {recorded} cannot be resumed: it began with another value of 'token'; start "
        "a new run for these inputs (its record has no secrets: give them by "
        "with_runcontext(resume=...))\n"
    )


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_the_message_of_an_exception_group_is_masked(folder: Path, options: list[str]) -> None:
    done = tasksmithy(folder, "run", *options, "pipeline.py", "several")
    assert done.returncode == 1
    assert "ExceptionGroup: no entry for ***" in done.stderr
    assert "hunter" not in done.stderr + done.stdout


def test_what_a_process_of_its_own_logs_is_masked_whoever_logs_it(folder: Path) -> None:
    done = run(folder, "in_a_process")
    assert "a library logs ***" in done.stderr
    assert "the task logs ***" in done.stderr
    assert "ValueError: ***" in done.stderr
    assert "hunter" not in done.stderr + done.stdout


def test_the_text_of_an_error_that_no_process_can_hand_on_is_masked(folder: Path) -> None:
    done = run(folder, "unshippable")
    assert ".***')" in done.stderr
    assert "hunter" not in done.stderr + done.stdout
    assert b"hunter" not in records(folder)


def test_a_secret_too_short_to_mask_is_told_by_its_name(folder: Path) -> None:
    done = run(folder, "prints")
    assert "WARNING tasksmithy.run: the secret 'PIN' of task 'demo.prints' has fewer" in done.stderr


def test_what_a_task_prints_is_its_own(folder: Path) -> None:
    assert run(folder, "prints").stdout.splitlines()[0] == f"prints {SECRET} 123"
