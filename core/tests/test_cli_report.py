"""`tasksmithy run` while it goes on, and `runs report`, as a person and as a machine use them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from core.tests.conftest import CommandLine, Done

PIPELINE = """
import asyncio
from tasksmithy import NonRecoverableError, Secret, TaskEnvironment, current, report

env = TaskEnvironment(name="demo")


@env.task(retries=2)
async def flaky(n: int) -> int:
    if current().attempt == 1:
        raise OSError("busy")
    current().logger.info("did %d", n)
    return n


@env.task
async def calm(n: int) -> int:
    return (await flaky(n)) + 1


@env.task(report=True)
async def reported() -> str:
    report.tab("Main").text("a tab")
    return "text"


@env.task
async def broken(secret: str = "") -> None:
    raise NonRecoverableError(f"the disk {secret} is\\non fire\\x1b[31m")


@env.task(secrets=[Secret("TOKEN")])
async def calls_broken() -> None:
    (value,) = current().secrets.values()
    await broken(value)


@env.task
async def calls_many_broken(n: int) -> int:
    done = await asyncio.gather(*[broken() for _ in range(n)], return_exceptions=True)
    return len(done)
"""


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    file = tmp_path / "pipeline.py"
    file.write_text(PIPELINE)
    return file


def events(done: Done) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.err.splitlines()]


# Lines


def test_a_run_tells_its_retries_and_ends_with_a_line_that_counts_its_tasks(
    tasksmithy: CommandLine,
    pipeline: Path,
) -> None:
    done = tasksmithy("run", pipeline, "calm", "--n", 1)
    assert done.out == "2\n"
    retry, summary = done.err.splitlines()
    assert retry == "WARNING tasksmithy.task.demo.flaky: attempt 1 of 3 failed: OSError: busy"
    assert summary.startswith("run r")
    assert ": 2 succeeded, 1 retry in " in summary


def test_a_failure_is_told_once_in_one_line_without_secrets_and_control_characters(
    tasksmithy: CommandLine,
    pipeline: Path,
) -> None:
    done = tasksmithy("run", pipeline, "calls_broken", TOKEN="hunter22")
    _, told, summary = done.err.splitlines()[:3]  # after the warning about async and secrets
    assert told == ("failed: demo.broken: NonRecoverableError: the disk *** is\\non fire\\x1b[31m")
    assert ": 2 failed in " in summary
    assert "hunter22" not in done.err


def test_of_a_long_error_no_part_of_a_secret_is_left(
    tasksmithy: CommandLine, pipeline: Path
) -> None:
    token = "".join(map(str, range(200)))
    done = tasksmithy("run", pipeline, "calls_broken", TOKEN=token)
    assert "failed: demo.broken: NonRecoverableError: the disk *** is" in done.err


def test_many_failures_are_no_flood(tasksmithy: CommandLine, pipeline: Path) -> None:
    done = tasksmithy("run", pipeline, "calls_many_broken", "--n", 500)
    lines = done.err.splitlines()
    assert len([line for line in lines if line.startswith("failed: ")]) == 10
    assert lines[10] == "more failures are counted and not told one by one"
    assert ": 1 succeeded, 500 failed in " in lines[11]


def test_a_run_with_a_report_says_how_to_see_it(tasksmithy: CommandLine, pipeline: Path) -> None:
    done = tasksmithy("run", pipeline, "reported")
    run_id = done.err.split()[1].rstrip(":")
    assert done.err.splitlines()[-1] == f"its report: tasksmithy runs report {run_id}"


def test_a_run_without_a_report_does_not(tasksmithy: CommandLine, pipeline: Path) -> None:
    assert "report" not in tasksmithy("run", pipeline, "flaky", "--n", 1).err


def test_quiet_tells_nothing(tasksmithy: CommandLine, pipeline: Path) -> None:
    done = tasksmithy("run", "--quiet", pipeline, "calm", "--n", 1)
    assert (done.out, done.err) == ("2\n", "")


def test_what_tasks_log_below_a_warning_is_not_told(
    tasksmithy: CommandLine, pipeline: Path
) -> None:
    assert "did 1" not in tasksmithy("run", pipeline, "flaky", "--n", 1).err


# For machines


def test_json_tells_every_event_in_a_line_and_the_result_as_json(
    tasksmithy: CommandLine, pipeline: Path
) -> None:
    done = tasksmithy("run", "--json", pipeline, "calm", "--n", 1)
    assert json.loads(done.out) == 2
    told = [(each["event"], each.get("task")) for each in events(done)]
    assert told == [
        ("run_started", "demo.calm"),
        ("execution_queued", "demo.calm"),
        ("execution_admitted", "demo.calm"),
        ("attempt_started", "demo.calm"),
        ("execution_queued", "demo.flaky"),
        ("execution_admitted", "demo.flaky"),
        ("attempt_started", "demo.flaky"),
        ("attempt_failed", "demo.flaky"),
        ("log", None),
        ("attempt_retried", "demo.flaky"),
        ("attempt_started", "demo.flaky"),
        ("execution_succeeded", "demo.flaky"),
        ("execution_succeeded", "demo.calm"),
        ("run_ended", None),
    ]


def test_events_of_one_execution_have_one_key(tasksmithy: CommandLine, pipeline: Path) -> None:
    keys = [each["key"] for each in events(tasksmithy("run", "--json", pipeline, "flaky", "--n", 1))
            if "key" in each]  # fmt: skip
    assert len(keys) == 7
    assert len(set(keys)) == 1


def test_json_counts_the_tasks_of_the_run(tasksmithy: CommandLine, pipeline: Path) -> None:
    *_, last = events(tasksmithy("run", "--json", pipeline, "calm", "--n", 1))
    assert (last["event"], last["succeeded"], last["retries"]) == ("run_ended", 2, 1)


def test_json_tells_failures_and_the_error_without_secrets(
    tasksmithy: CommandLine, pipeline: Path
) -> None:
    done = tasksmithy("run", "--json", pipeline, "calls_broken", TOKEN="hunter22")
    assert (done.code, done.out) == (1, "")
    told = events(done)
    assert [(e["task"], e["error_type"]) for e in told if e["event"] == "execution_failed"] == [
        ("demo.broken", "tasksmithy.errors.NonRecoverableError"),
        ("demo.calls_broken", "tasksmithy.errors.NonRecoverableError"),
    ]
    assert told[-1]["event"] == "error"
    assert told[-1]["type"] == "NonRecoverableError"
    assert "hunter22" not in done.err


def test_json_gives_text_as_a_json_string(tasksmithy: CommandLine, pipeline: Path) -> None:
    assert tasksmithy("run", "--json", pipeline, "reported").out == '"text"\n'


# The report


def test_report_writes_a_page_and_prints_where_it_is(
    tasksmithy: CommandLine, pipeline: Path
) -> None:
    tasksmithy("run", pipeline, "reported")
    done = tasksmithy("runs", "report", "r", "--output", "page.html")
    assert (done.code, done.out, done.err) == (0, "page.html\n", "")
    text = (pipeline.parent / "page.html").read_text()
    assert text.startswith("<!doctype html>")
    assert "a tab" in text


def test_without_a_name_the_page_is_named_after_the_run(
    tasksmithy: CommandLine, pipeline: Path
) -> None:
    run_id = tasksmithy("run", pipeline, "reported").err.split()[1].rstrip(":")
    done = tasksmithy("runs", "report", "r")
    assert done.out == f"{run_id}.html\n"
    assert (pipeline.parent / f"{run_id}.html").is_file()


def test_the_report_has_what_tasks_log_also_where_it_is_not_told(
    tasksmithy: CommandLine, pipeline: Path
) -> None:
    tasksmithy("run", pipeline, "flaky", "--n", 7)
    tasksmithy("runs", "report", "r", "--output", "page.html")
    assert "INFO did 7" in (pipeline.parent / "page.html").read_text()


def test_the_report_of_an_unknown_run_is_an_error_and_no_file(
    tasksmithy: CommandLine, pipeline: Path
) -> None:
    done = tasksmithy("runs", "report", "nope", "--output", "page.html")
    assert done.code == 2
    assert done.err.startswith("error: ")
    assert not (pipeline.parent / "page.html").exists()


PRINTS = """
import os
import subprocess
import sys

from tasksmithy import TaskEnvironment

env = TaskEnvironment(name="t")
print("the file", end="")


def told(n):
    print("a task", end="", flush=True)
    sys.stdout.write("no line end")
    os.write(1, b"past Python")
    subprocess.run(["echo", "-n", "a program"], check=True)
    return {"n": n}


@env.task
def plain(n: int) -> dict[str, int]:
    return told(n)


@env.task(timeout=60)
def timed(n: int) -> dict[str, int]:
    return told(n)
"""


@pytest.mark.parametrize("task", ["plain", "timed"])
@pytest.mark.parametrize(
    "words",
    [("--json", "f.py", "{}", "--n", "1"), ("f.py", "{}", "--n", "1", "--json", "--quiet")],
    ids=str,
)
def test_the_answer_in_json_has_standard_output_to_itself(
    tasksmithy: CommandLine, words: tuple[str, ...], task: str
) -> None:
    (tasksmithy.folder / "f.py").write_text(PRINTS)
    done = tasksmithy("run", *[word.format(task) for word in words])
    assert (done.code, done.out) == (0, '{"n": 1}\n')
    for printed in ("the file", "a task", "no line end", "past Python", "a program"):
        assert printed in done.err
