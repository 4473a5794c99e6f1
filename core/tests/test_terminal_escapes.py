"""Names and errors cannot steer the terminal of whoever looks at them."""

from __future__ import annotations

from pathlib import Path

import pytest
from core.tests.conftest import CommandLine

EVIL = "\x1b]0;owned\x07\x1b[31m\x9b\r\u202e"

PIPELINE = f"""
import logging

from tasksmithy import TaskEnvironment, group

env = TaskEnvironment(name="t")
EVIL = {EVIL!r}


class Evil(Exception):
    def __repr__(self):
        return EVIL

    def __str__(self):
        return f"first {{EVIL}}\\nsecond"


@env.task
async def inner(text: str) -> int:
    raise Evil


@env.task
async def main() -> int:
    '''Says {EVIL}.'''
    logging.getLogger("library").warning("a library logs %s", EVIL)
    with group(EVIL):
        return await inner(EVIL)
"""


def obeyed(text: str) -> list[str]:
    return [char for char in text if char in "\x1b\x07\x9b\r\u202e"]


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    file = tmp_path / "pipeline.py"
    file.write_text(PIPELINE, newline="")
    return file


@pytest.mark.parametrize("options", [[], ["--json"], ["--verbose"]])
def test_a_run_tells_nothing_that_a_terminal_obeys(
    tasksmithy: CommandLine, pipeline: Path, options: list[str]
) -> None:
    done = tasksmithy("run", *options, pipeline, "main")
    assert done.code == 1
    assert "owned" in done.err
    assert obeyed(done.out + done.err) == []


def test_records_and_reports_hold_nothing_that_a_terminal_obeys(
    tasksmithy: CommandLine, pipeline: Path
) -> None:
    tasksmithy("run", pipeline, "main")
    shown = tasksmithy("runs", "list").printed()
    run_id = next(word for word in shown.split() if word.startswith("r") and len(word) == 17)
    shown += tasksmithy("runs", "show", run_id).printed()
    assert "owned" in shown
    assert obeyed(shown) == []


def test_the_help_of_a_file_holds_nothing_that_a_terminal_obeys(
    tasksmithy: CommandLine, pipeline: Path
) -> None:
    for words in (["--help"], ["main", "--help"]):
        shown = tasksmithy("run", pipeline, *words).printed()
        assert "main" in shown
        assert obeyed(shown) == []


def test_the_list_of_plugins_holds_nothing_that_a_terminal_obeys(
    tasksmithy: CommandLine, tmp_path: Path
) -> None:
    folder = tmp_path / "site" / "evil-1.0.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n")
    name = EVIL.replace("\r", "")
    (folder / "entry_points.txt").write_text(
        f"[tasksmithy.task_types.v1]\nans{name} = evil:Plugin\n"
    )
    done = tasksmithy("plugins", "list", PYTHONPATH=str(tmp_path / "site"))
    assert "ans" in done.out
    assert obeyed(done.out + done.err) == []
