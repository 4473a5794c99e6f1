"""The progress of a run: what its lines and the display on a terminal make of its events."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from tasksmithy import (
    Event,
    Execution,
    ExecutionQueued,
    ExecutionSucceeded,
    TaskEnvironment,
    current,
    with_runcontext,
)
from tasksmithy._texts import in_one_line, printable
from tasksmithy.runtime.report._live import Live
from tasksmithy.runtime.report._progress import Lines

env = TaskEnvironment(name="t")


@env.task
async def leaf(n: int) -> int:
    return n


@env.task
async def root() -> int:
    return await leaf(3)


@env.task(retries=2)
async def flaky() -> None:
    if current().attempt < 3:
        raise OSError(f"busy {current().attempt}")


@env.task
async def waits() -> None:
    await asyncio.sleep(60)


@env.task
async def cancels_a_child() -> None:
    child = asyncio.ensure_future(waits())
    await asyncio.sleep(0.05)
    child.cancel()
    await asyncio.wait([child])


# Lines


def counted(folder: Path, task: Any) -> Lines:
    lines = Lines()
    with_runcontext(cache_dir=folder, progress=lines).run(task)
    return lines


def test_lines_count_retries(tmp_path: Path) -> None:
    assert counted(tmp_path, flaky).summary() == "1 succeeded, 2 retries"


def test_lines_count_what_was_cancelled_and_tell_no_failure_of_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert counted(tmp_path, cancels_a_child).summary() == "1 succeeded, 1 cancelled"
    assert "failed" not in capsys.readouterr().err


def test_nothing_runs_when_the_run_is_over(tmp_path: Path) -> None:
    assert counted(tmp_path, root).running == {}


def test_a_closed_standard_error_fails_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "closed").open("w") as closed:
        pass
    monkeypatch.setattr("sys.stderr", closed)
    assert counted(tmp_path, root).summary() == "2 succeeded"


def test_no_standard_error_fails_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", None)
    assert counted(tmp_path, root).summary() == "2 succeeded"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("plain ü\u3000\xa0", "plain ü\u3000\xa0"),
        ("a\nb\tc\r", "a\\nb\\tc\\r"),
        ("\x1b[31m\x07\x9b", "\\x1b[31m\\x07\\x9b"),
        ("a\u202eb\u2066", "a\\u202eb\\u2066"),
    ],
)
def test_what_is_printed_is_one_line_that_no_terminal_obeys(text: str, line: str) -> None:
    assert in_one_line(text) == line


def test_what_is_printed_in_lines_stays_so() -> None:
    assert printable("a\n\tb\x1b]0;x\x07") == "a\n\tb\\x1b]0;x\\x07"


# The display


def drawn(live: Live) -> list[str]:
    return [re.sub(r"\x1b\[\d*m", "", line) for line in live.view()]


def queued(task: str, key: str) -> Event:
    return ExecutionQueued(run_id="r", time=0, execution=execution(task, key), input_digests={})


def succeeded(task: str, key: str) -> Event:
    return ExecutionSucceeded(run_id="r", time=0, execution=execution(task, key))


def execution(task: str, key: str) -> Execution:
    return Execution(key=key, parent=None, task=task, task_type="python", group="")


def test_the_display_puts_the_executions_of_a_task_in_one_row() -> None:
    live = Live()
    for key in "abc":
        live.observe(queued("t.leaf", key))
    live.observe(queued("t.root", "d"))
    live.observe(succeeded("t.leaf", "a"))
    head, *rows = drawn(live)
    assert head.startswith("0:00  3 running, 1 succeeded")
    assert [row.split() for row in rows] == [["2", "0", "s", "t.leaf"], ["1", "0", "s", "t.root"]]


def test_the_display_of_many_tasks_stays_small() -> None:
    live = Live()
    for number in range(100):
        live.observe(queued(f"t.n{number}", str(number)))
    rows = drawn(live)
    assert len(rows) == 10
    assert "and 92 other tasks" in rows[-1]


def test_the_name_of_a_task_steers_no_terminal() -> None:
    live = Live()
    live.observe(queued("\x1b[2J.root", "a"))
    assert drawn(live)[1].endswith("\\x1b[2J.root")
