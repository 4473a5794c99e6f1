"""What a task that fails shows: the code of its author, and nothing of what runs it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from core.tests.conftest import CommandLine

PIPELINE = """
import asyncio
import json

from tasksmithy import TaskEnvironment

env = TaskEnvironment(name="demo")


@env.task
async def broken() -> None:
    raise RuntimeError("the disk is on fire")


@env.task
async def awaits() -> None:
    await broken()


@env.task
def sync_broken() -> None:
    raise RuntimeError("the disk is on fire")


@env.task
def sync_calls() -> None:
    sync_broken()


@env.task(timeout=60)
def in_process() -> None:
    raise RuntimeError("the disk is on fire")


@env.task
async def group() -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(awaits())
        tasks.create_task(sync_calls.aio())


@env.task
async def uses_a_library() -> None:
    json.loads("{")
"""


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    folder = tmp_path / "tasksmithy_mine" / "asyncio"  # a person's own folders, whatever their name
    folder.mkdir(parents=True)
    file = folder / "pipeline.py"
    file.write_text(PIPELINE)
    return file


def frames(told: str) -> list[tuple[str, str]]:
    """The file and the function of every frame in a printed traceback."""
    return re.findall(r'File "(.+)", line \d+, in (\w+)', told)


@pytest.mark.parametrize(
    ("task", "functions"),
    [
        ("awaits", ["awaits", "broken"]),
        ("sync_calls", ["sync_calls", "sync_broken"]),
        ("in_process", ["in_process"]),
    ],
)
def test_a_traceback_has_the_frames_of_the_persons_own_code(
    task: str, functions: list[str], tasksmithy: CommandLine, pipeline: Path
) -> None:
    done = tasksmithy("run", pipeline, task)
    assert done.code == 1
    assert frames(done.err) == [(str(pipeline), function) for function in functions]
    assert done.err.count('raise RuntimeError("the disk is on fire")') == 1
    assert "\nRuntimeError: the disk is on fire\n" in done.err


def test_the_parts_of_a_group_of_errors_are_shown(tasksmithy: CommandLine, pipeline: Path) -> None:
    done = tasksmithy("run", pipeline, "group")
    shown = frames(done.err)
    assert {file for file, _ in shown} == {str(pipeline)}
    assert {function for _, function in shown} >= {"group", "broken"}
    assert "ExceptionGroup: unhandled errors in a TaskGroup" in done.err


def test_the_frames_of_other_libraries_are_shown(tasksmithy: CommandLine, pipeline: Path) -> None:
    (first, *_), *others = frames(tasksmithy("run", pipeline, "uses_a_library").err)
    assert first == str(pipeline)
    assert any(file.endswith("json/decoder.py") for file, _ in others)


def test_an_error_with_no_frame_of_the_persons_own_has_no_empty_traceback(
    tasksmithy: CommandLine, tmp_path: Path
) -> None:
    file = tmp_path / "query.py"
    file.write_text(
        "from tasksmithy_sql import SQLTask\n"
        "task = SQLTask(name='t', query='SELECT * FROM nothing')\n"
    )
    done = tasksmithy("run", file)
    assert done.code == 1
    assert frames(done.err) == []
    assert "Traceback" not in done.err
    assert "nothing" in done.err


def test_verbose_shows_all_frames(tasksmithy: CommandLine, pipeline: Path) -> None:
    done = tasksmithy("--verbose", "run", pipeline, "awaits")
    assert "_local_run.py" in [Path(file).name for file, _ in frames(done.err)]


# Exit codes


FAILING = """
import asyncio
import threading
from datetime import timedelta

from tasksmithy import Secret, TaskEnvironment, Timeout

env = TaskEnvironment(name="demo")


@env.task
async def wrong_type() -> int:
    return "text"


@env.task(max_inline_io_bytes=1000)
async def too_large() -> bytes:
    return bytes(2000)


@env.task(timeout=Timeout(deadline=timedelta(seconds=0.2)))
async def too_late() -> None:
    await asyncio.sleep(60)


@env.task(cache="auto")
def not_kept() -> object:
    return threading.Lock()


@env.task(secrets=[Secret("TOKEN_THAT_IS_NOWHERE")])
def without_its_secret() -> None: ...


@env.task
async def cancels_itself() -> None:
    raise asyncio.CancelledError


@env.task
async def has_an_input(n: int) -> None: ...
"""


@pytest.fixture
def failing(tmp_path: Path) -> Path:
    file = tmp_path / "failing.py"
    file.write_text(FAILING)
    return file


@pytest.mark.parametrize(
    "task",
    [
        "wrong_type",
        "too_large",
        "too_late",
        "not_kept",
        "without_its_secret",
        "cancels_itself",
    ],
)
def test_a_task_that_was_begun_and_failed_exits_with_1_and_says_how_to_go_on(
    task: str, tasksmithy: CommandLine, failing: Path
) -> None:
    done = tasksmithy("run", failing, task)
    assert (done.code, done.out) == (1, "")
    assert "go on with: tasksmithy run --resume r" in done.err


@pytest.mark.parametrize("option", ["--quiet", "--json"])
def test_the_exit_code_is_the_same_whatever_is_shown(
    option: str, tasksmithy: CommandLine, failing: Path
) -> None:
    assert tasksmithy("run", option, failing, "wrong_type").code == 1


@pytest.mark.parametrize(
    "words", [["has_an_input"], ["has_an_input", "--n", "text"], ["nowhere"]], ids=" ".join
)
def test_what_cannot_be_done_exits_with_2_and_says_nothing_of_going_on(
    words: list[str], tasksmithy: CommandLine, failing: Path
) -> None:
    done = tasksmithy("run", failing, *words)
    assert "go on with" not in done.refusal()


ENDLESS = """
from tasksmithy import TaskEnvironment

env = TaskEnvironment(name="t")


@env.task
async def main(n: int = 0) -> int:
    return await main(n + 1)
"""


def test_a_task_that_calls_itself_without_end_is_told_in_few_lines(
    tasksmithy: CommandLine,
) -> None:
    (tasksmithy.folder / "f.py").write_text(ENDLESS)
    done = tasksmithy("run", "f.py")
    assert done.code == 1
    assert "error: task 't.main' was called with 2,000 tasks" in done.err
    assert done.err.splitlines()[-1] == "and through 1,991 more tasks"
