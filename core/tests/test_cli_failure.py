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
