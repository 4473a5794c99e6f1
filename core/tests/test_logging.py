"""The program's own logging: a run, its processes and its command line leave it as it is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from core.tests.conftest import CommandLine

CONFIGURES = """
import logging

logging.basicConfig(level=logging.INFO)
own = logging.FileHandler("app.log")
own.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s"))
{place}
"""

TASKS = """
import logging

from tasksmithy import TaskEnvironment

log = logging.getLogger("app.tasks")
env = TaskEnvironment(name="t")


def told(n):
    log.debug("debug %d", n)
    log.info("info %d", n)
    log.warning("warning %d", n)
    return n


@env.task
def plain(n: int) -> int:
    return told(n)


@env.task(timeout=60)
def timed(n: int) -> int:
    return told(n)


@env.task(timeout=60)
def adds_a_handler(n: int) -> int:
    log.addHandler(logging.FileHandler("own.log"))
    return told(n)
"""

ON_THE_ROOT = "logging.getLogger().addHandler(own)"
ON_A_LOGGER = """
app = logging.getLogger("app")
app.addHandler(own)
app.propagate = False
app.setLevel(logging.DEBUG)
"""
BY_FORCE = "logging.basicConfig(handlers=[own], level=logging.INFO, force=True)"

PROGRAM = """
import tasks
from tasksmithy import run

if __name__ == "__main__":
    {configures}
    print(run(getattr(tasks, {task!r}), n=1))
"""

RETRIES = """
from tasksmithy import TaskEnvironment, current, with_runcontext

env = TaskEnvironment(name="t")


@env.task(retries=1)
def busy() -> int:
    if current().attempt == 1:
        raise OSError("busy")
    return current().attempt


with_runcontext().run(busy)
print(with_runcontext(record=True, runs_dir="runs").run(busy))
"""

BOTH = ["INFO app.tasks info 1", "WARNING app.tasks warning 1"]


def logged(folder: Path) -> list[str]:
    lines = (folder / "app.log").read_text().splitlines()
    return [line for line in lines if " app.tasks " in line]


@pytest.fixture(params=["plain", "timed"])
def task(request: pytest.FixtureRequest) -> str:
    """A task in this process, or one in a process of its own."""
    return str(request.param)


@pytest.mark.parametrize(
    "options",
    [
        ("f.py", "{}", "--n", "1"),
        ("--max-concurrency", "4", "f.py", "{}", "--n", "1"),
        ("f.py", "{}", "--n", "1", "--max-concurrency", "4"),
        ("--quiet", "f.py", "{}", "--n", "1"),
        ("f.py", "{}", "--n", "1", "--json"),
    ],
    ids=str,
)
def test_options_of_the_command_line_change_nothing_of_the_files_logging(
    tasksmithy: CommandLine, task: str, options: tuple[str, ...]
) -> None:
    configures = CONFIGURES.format(place=ON_THE_ROOT)
    (tasksmithy.folder / "f.py").write_text(configures + TASKS)
    assert tasksmithy("run", *[word.format(task) for word in options]).code == 0
    assert logged(tasksmithy.folder) == BOTH


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        (ON_THE_ROOT, BOTH),
        (ON_A_LOGGER, ["DEBUG app.tasks debug 1", *BOTH]),
        (BY_FORCE, BOTH),
    ],
    ids=["root", "logger", "force"],
)
def test_each_record_is_in_the_files_log_once(
    tasksmithy: CommandLine, task: str, place: str, expected: list[str]
) -> None:
    (tasksmithy.folder / "f.py").write_text(CONFIGURES.format(place=place) + TASKS)
    assert tasksmithy("run", "f.py", task, "--n", 1).code == 0
    assert logged(tasksmithy.folder) == expected


def test_a_program_that_configures_logging_has_the_records_of_processes(
    tmp_path: Path, task: str
) -> None:
    (tmp_path / "tasks.py").write_text(TASKS)
    configures = "import logging; logging.basicConfig(level=logging.INFO, filename='app.log', "
    configures += "format='%(levelname)s %(name)s %(message)s')"
    (tmp_path / "program.py").write_text(PROGRAM.format(configures=configures, task=task))
    command = [sys.executable, "program.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("1\n", "")
    assert logged(tmp_path) == BOTH


def test_a_handler_that_a_task_adds_in_its_process_is_its_own(tasksmithy: CommandLine) -> None:
    (tasksmithy.folder / "f.py").write_text(CONFIGURES.format(place=ON_THE_ROOT) + TASKS)
    assert tasksmithy("run", "f.py", "adds_a_handler", "--n", 1).code == 0
    assert (tasksmithy.folder / "own.log").read_text().splitlines() == ["info 1", "warning 1"]
    assert logged(tasksmithy.folder) == BOTH


def test_where_nothing_is_configured_warnings_are_on_standard_error(
    tasksmithy: CommandLine, task: str
) -> None:
    (tasksmithy.folder / "f.py").write_text(TASKS)
    told = tasksmithy("run", "f.py", task, "--n", 1).err.splitlines()
    assert told[0] == "WARNING app.tasks: warning 1"
    assert "info 1" not in "".join(told)


def test_for_machines_they_are_json(tasksmithy: CommandLine, task: str) -> None:
    (tasksmithy.folder / "f.py").write_text(TASKS)
    done = tasksmithy("run", "--json", "f.py", task, "--n", 1)
    told = [json.loads(line) for line in done.err.splitlines()]
    messages = [each["message"] for each in told if each["event"] == "log"]
    assert messages == ["warning 1"]


def test_a_recorded_run_tells_the_warnings_of_its_tasks_where_nothing_is_configured(
    tmp_path: Path,
) -> None:
    (tmp_path / "program.py").write_text(RETRIES)
    command = [sys.executable, "program.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.stdout == "2\n"
    assert done.stderr == "attempt 1 of 2 failed: OSError: busy\n" * 2
