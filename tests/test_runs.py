"""What a run does, whoever makes its attempts: this machine, a process for each, a Ray."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.executors import EXECUTORS
from tests.processes import is_alive, until

from tasksmithy import (
    Backoff,
    InputError,
    NonRecoverableError,
    NotShippableError,
    OutputError,
    RetryStrategy,
    Secret,
    TaskEnvironment,
    TaskTimeoutError,
    current,
    group,
    map,
    report,
    run,
    with_runcontext,
)
from tasksmithy.cli import main
from tasksmithy.errors import TaskExitError

EXAMPLES = Path(__file__).parents[1] / "examples"

pytestmark = pytest.mark.parametrize(
    "executor",
    ["here", *(pytest.param(name, marks=pytest.mark.slow) for name in ("process", "ray"))],
)

On = Callable[..., Any]

env = TaskEnvironment(name="t")


def noted(file: Path, word: object = "x") -> int:
    """Add a line to a file; how many it has then."""
    with file.open("a", encoding="utf-8") as lines:
        lines.write(f"{word}\n")
    return len(file.read_text(encoding="utf-8").splitlines())


def record(folder: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The only run that is recorded in a folder, as `runs show --json` tells it."""
    capsys.readouterr()
    words = ["--json", "--runs-dir", str(folder)]
    assert main(["runs", "list", *words]) == 0
    [run] = json.loads(capsys.readouterr().out)
    assert main(["runs", "show", run["id"], *words]) == 0
    shown: dict[str, Any] = json.loads(capsys.readouterr().out)
    return shown


# Children


@env.task
async def double(n: int) -> int:
    return 2 * n


@env.task
def square(n: int) -> int:
    return n * n


@env.task
async def sum_of_squares(n: int) -> int:
    return sum(await asyncio.gather(*(square.aio(i) for i in range(n))))


def test_a_parent_has_the_results_of_the_children_that_it_gathers(on: On) -> None:
    assert on().run(sum_of_squares, n=4) == 14


@env.task
def square_of_square(n: int) -> int:
    return square(square(n))


def test_a_sync_task_calls_a_sync_one(on: On) -> None:
    assert on().run(square_of_square, n=3) == 81


@env.task
async def square_without_await(n: int) -> int:
    return square(n)


def test_an_async_task_calls_a_sync_one_without_await(on: On) -> None:
    assert on().run(square_without_await, n=3) == 9


@env.task
def waits_for_async(n: int) -> int:
    return run(double, n=n)


def test_a_sync_task_runs_an_async_one_and_waits_for_it(on: On) -> None:
    assert on().run(waits_for_async, n=3) == 6


@env.task
async def mapped(n: int) -> list[Any]:
    return [result async for result in map(square, range(n))]


def test_a_task_maps_another_over_inputs_and_has_the_results_in_order(on: On) -> None:
    assert on().run(mapped, n=4) == [0, 1, 4, 9]


@env.task
def meets(mine: Path, other: Path) -> bool:
    mine.touch()
    until(other.exists)
    return True


@env.task
async def meeting(folder: Path) -> list[bool]:
    a, b = folder / "a", folder / "b"
    return await asyncio.gather(meets.aio(a, b), meets.aio(b, a))


def test_children_that_a_parent_gathers_run_side_by_side(on: On, tmp_path: Path) -> None:
    assert on().run(meeting, folder=tmp_path) == [True, True]


@env.task
def depth(n: int) -> int:
    return 0 if n == 0 else 1 + depth(n - 1)


def test_tasks_that_wait_for_each_other_do_not_wait_for_a_place(on: On) -> None:
    assert on(max_concurrency=1).run(depth, n=4) == 4


@env.task
def whose() -> tuple[str, str, int, str]:
    context = current()
    return context.run_id, context.task, context.attempt, context.group


@env.task
async def theirs() -> list[tuple[str, str, int, str]]:
    mine = await whose.aio()
    with group("loading"):
        return [(current().run_id, current().task, 1, ""), mine, await whose.aio()]


def test_a_child_knows_its_run_its_task_and_the_group_that_it_is_called_in(on: On) -> None:
    parent, child, grouped = on().run(theirs)
    assert parent[1:] == ("t.theirs", 1, "")
    assert child == (parent[0], "t.whose", 1, "")
    assert grouped == (parent[0], "t.whose", 1, "loading")


# Retries


class FlakyError(Exception):
    """Raised by the tasks of these tests."""


@env.task(retries=RetryStrategy(count=2, backoff=Backoff(base=0.01)))
def flaky(file: Path, failures: int) -> int:
    if noted(file, current().attempt) <= failures:
        raise FlakyError(f"attempt {current().attempt}")
    return current().attempt


def test_a_failed_attempt_is_followed_by_as_many_retries_as_declared(
    on: On, tmp_path: Path
) -> None:
    assert on().run(flaky, file=tmp_path / "noted", failures=2) == 3
    assert (tmp_path / "noted").read_text() == "1\n2\n3\n"


def test_the_last_error_is_raised_with_the_task_and_the_attempt(on: On, tmp_path: Path) -> None:
    with pytest.raises(FlakyError, match="attempt 3") as raised:
        on().run(flaky, file=tmp_path / "noted", failures=3)
    assert any("in task 't.flaky', attempt 3 of 3, run " in note for note in raised.value.__notes__)


@env.task(retries=5)
def hopeless(file: Path) -> None:
    noted(file)
    raise NonRecoverableError("hopeless")


def test_an_error_that_is_not_recoverable_ends_the_retries(on: On, tmp_path: Path) -> None:
    with pytest.raises(NonRecoverableError, match="hopeless"):
        on().run(hopeless, file=tmp_path / "noted")
    assert (tmp_path / "noted").read_text() == "x\n"


# Cache


@env.task(cache="auto")
def drawn(n: int, folder: Path) -> int:
    noted(folder / f"drawn-{n}")
    if n < 0:
        raise FlakyError("negative")
    return n


def test_a_cached_result_is_not_made_again(on: On, tmp_path: Path) -> None:
    runner = on(cache_dir=tmp_path / "cache")
    assert [runner.run(drawn, n=n, folder=tmp_path) for n in (1, 2, 1)] == [1, 2, 1]
    assert (tmp_path / "drawn-1").read_text() == "x\n"
    assert (tmp_path / "drawn-2").read_text() == "x\n"


def test_a_result_that_was_cached_here_is_not_made_again_elsewhere(on: On, tmp_path: Path) -> None:
    cache = {"cache_dir": tmp_path / "cache"}
    assert with_runcontext(**cache).run(drawn, n=3, folder=tmp_path) == 3
    assert on(**cache).run(drawn, n=3, folder=tmp_path) == 3
    assert (tmp_path / "drawn-3").read_text() == "x\n"


def test_a_failure_is_not_cached(on: On, tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(FlakyError):
            on(cache_dir=tmp_path / "cache").run(drawn, n=-1, folder=tmp_path)
    assert (tmp_path / "drawn--1").read_text() == "x\nx\n"


# Time and cancellation


@env.task
def does_not_return(file: Path) -> None:
    file.write_text(str(os.getpid()))
    while True:
        time.sleep(0.05)


def test_a_timeout_ends_a_sync_function_that_does_not_return(on: On, tmp_path: Path) -> None:
    file = tmp_path / "pid"
    for seconds in (3, 10, 60):  # a busy machine may not come so far in three
        with pytest.raises(TaskTimeoutError, match=f"was ended after {seconds} s"):
            on().run(does_not_return.override(timeout=seconds), file=file)
        if file.exists() and file.read_text():
            break
    until(lambda: not is_alive(int(file.read_text())))


@env.task
async def tidies_up(file: Path) -> None:
    file.with_name("begun").touch()
    try:
        await asyncio.Event().wait()
    finally:
        file.touch()


@env.task
async def waits_for_it(file: Path) -> None:
    await tidies_up(file)


@pytest.mark.parametrize("task", [tidies_up, waits_for_it], ids=["task", "child"])
def test_a_run_that_is_cancelled_has_its_tasks_tidy_up(on: On, tmp_path: Path, task: Any) -> None:
    async def cancelled() -> None:
        running = asyncio.create_task(on().arun(task, file=tmp_path / "tidied"))
        while not (tmp_path / "begun").exists():
            assert not running.done()
            await asyncio.sleep(0.02)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(cancelled())
    assert (tmp_path / "tidied").exists()


@env.task
async def gives_up(file: Path) -> str:
    child = asyncio.create_task(tidies_up(file))
    while not file.with_name("begun").exists():
        await asyncio.sleep(0.02)
    child.cancel()
    await asyncio.wait([child])
    return "cancelled" if child.cancelled() else "not cancelled"


def test_a_parent_cancels_a_child(on: On, tmp_path: Path) -> None:
    assert on().run(gives_up, file=tmp_path / "tidied") == "cancelled"
    until((tmp_path / "tidied").exists)


# Secrets


@env.task(secrets=Secret("token", as_env_var="TOKEN"), report=True)
def told(fails: bool = False) -> str:
    current().logger.warning("the token is %s", os.environ["TOKEN"])
    report.tab("told").text(os.environ["TOKEN"])
    if fails:
        raise FlakyError(f"not {os.environ['TOKEN']}")
    return os.environ["TOKEN"]


@pytest.fixture
def token(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("TOKEN", "open-sesame")
    return "open-sesame"


def test_a_secret_is_there_for_its_task(on: On, token: str) -> None:
    assert on().run(told) == token


def test_a_secret_is_masked_in_logs_errors_reports_and_records(
    on: On, token: str, tmp_path: Path, capsys: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(FlakyError):
        on(record=True, runs_dir=tmp_path).run(told, fails=True)
    assert "the token is ***" in caplog.messages
    shown = record(tmp_path, capsys)
    [task] = shown["tasks"]
    assert task["error"] == "FlakyError: not ***"
    assert "***" in task["report"]["told"]
    assert token not in json.dumps(shown)
    assert not [file for file in tmp_path.rglob("*")
                if file.is_file() and token.encode() in file.read_bytes()]  # fmt: skip


# Errors


class RefusedError(Exception):
    def __init__(self, code: int, *, why: str) -> None:
        super().__init__(code)
        self.why = why


@env.task
def refuses() -> None:
    error = RefusedError(7, why="closed")
    error.add_note("try the window")
    raise error from KeyError("door")


@env.task
def asks() -> str:
    try:
        refuses()
    except RefusedError as error:
        return f"{error.args} {error.why}"
    return ""


def test_an_error_keeps_its_type_its_attributes_its_notes_and_its_cause(on: On) -> None:
    with pytest.raises(RefusedError) as raised:
        on().run(refuses)
    error = raised.value
    assert (error.args, error.why) == ((7,), "closed")
    assert "try the window" in error.__notes__
    assert isinstance(error.__cause__, KeyError)


def test_a_parent_catches_the_error_of_its_child_as_its_type(on: On) -> None:
    assert on().run(asks) == "(7,) closed"


@env.task
async def fails_or_waits(n: int) -> int:
    if n == 1:
        raise FlakyError("one")
    await asyncio.sleep(0.1)
    return n


@env.task
async def gathers() -> list[str]:
    ended = await asyncio.gather(*(fails_or_waits(n) for n in range(3)), return_exceptions=True)
    return [repr(each) for each in ended]


def test_a_child_that_fails_leaves_its_siblings_alone(on: On) -> None:
    assert on().run(gathers) == ["0", "FlakyError('one')", "2"]


@env.task
def exits() -> None:
    sys.exit(3)


def test_sys_exit_in_a_task_does_not_end_the_run(on: On) -> None:
    with pytest.raises(TaskExitError, match=r"task 't\.exits' called sys\.exit\(3\)"):
        on().run(exits)


@env.task
def wrong() -> int:
    return "text"  # type: ignore[return-value]


def test_a_result_of_another_type_than_declared_is_an_error(on: On) -> None:
    with pytest.raises(OutputError, match=r"t\.wrong"):
        on().run(wrong)


@env.task
def calls_wrongly() -> str:
    try:
        square(n="text")  # type: ignore[arg-type]
    except InputError as error:
        return str(error)
    return ""


def test_inputs_of_a_child_are_checked(on: On) -> None:
    assert "t.square" in on().run(calls_wrongly)


# Records and going on


@env.task
def needs(file: Path) -> int:
    if not file.exists():
        raise FileNotFoundError(file)
    return 1


@env.task
def first_and_then(folder: Path) -> int:
    return plain(folder) + needs(folder / "needed")


@env.task
def plain(folder: Path) -> int:
    return noted(folder / "plain")


def test_a_run_has_a_record_of_each_execution(on: On, tmp_path: Path, capsys: Any) -> None:
    on(record=True, runs_dir=tmp_path).run(sum_of_squares, n=3)
    tasks = record(tmp_path, capsys)["tasks"]
    root, *children = tasks
    assert [task["task"] for task in tasks] == ["t.sum_of_squares", *["t.square"] * 3]
    assert {task["parent"] for task in children} == {root["key"]}
    assert {task["status"] for task in tasks} == {"succeeded"}
    assert {task["inputs"] for task in children} == {"n=0", "n=1", "n=2"}
    assert {len(task["attempts"]) for task in tasks} == {1}


@pytest.mark.parametrize("elsewhere", [False, True], ids=["there", "here"])
def test_a_run_that_failed_goes_on_from_its_finished_tasks(
    on: On, tmp_path: Path, capsys: Any, elsewhere: bool
) -> None:
    dirs = {"runs_dir": tmp_path / "runs", "cache_dir": tmp_path / "cache"}
    with pytest.raises(FileNotFoundError):
        on(record=True, **dirs).run(first_and_then, folder=tmp_path)
    (tmp_path / "needed").touch()
    failed = record(dirs["runs_dir"], capsys)["id"]
    go_on = with_runcontext if elsewhere else on
    assert go_on(resume=failed, **dirs).run(first_and_then, folder=tmp_path) == 2
    assert (tmp_path / "plain").read_text() == "x\n"
    statuses = {task["task"]: task["status"] for task in record(dirs["runs_dir"], capsys)["tasks"]}
    assert statuses == {
        "t.first_and_then": "succeeded", "t.plain": "resumed", "t.needs": "succeeded",
    }  # fmt: skip


# Logs and reports


@env.task
def talks() -> None:
    current().logger.warning("hello %s", {"to": "you"})
    logging.getLogger("acme").error("of a library")
    logging.getLogger("acme.quiet").debug("nobody wants to know")


def test_what_a_task_logs_is_handled_in_the_process_of_the_run(
    on: On, caplog: pytest.LogCaptureFixture
) -> None:
    on().run(talks)
    assert [(each.name, each.levelname, each.getMessage()) for each in caplog.records] == [
        ("tasksmithy.task.t.talks", "WARNING", "hello {'to': 'you'}"),
        ("acme", "ERROR", "of a library"),
    ]


@env.task(report=True)
async def reports(fails: bool) -> None:
    await double(1)
    report.tab("Chart").html("<b>bold</b>")
    current().logger.warning("logged")
    if fails:
        raise FlakyError("after all")


@pytest.mark.parametrize("fails", [False, True], ids=["succeeds", "fails"])
def test_what_a_task_adds_to_its_report_is_in_the_record(
    on: On, tmp_path: Path, capsys: Any, fails: bool
) -> None:
    try:
        on(record=True, runs_dir=tmp_path).run(reports, fails=fails)
    except FlakyError:
        assert fails
    task = record(tmp_path, capsys)["tasks"][0]
    assert task["report"]["Chart"].strip() == "<b>bold</b>"
    assert "WARNING logged" in task["report"]["Log"]


# A process, an environment


@env.task(env_vars={"COLOUR": "green"})
def colour() -> str | None:
    return os.environ.get("COLOUR")


@env.task(timeout=600)  # so that here it has a process of its own, too
def no_colour() -> str | None:
    return os.environ.get("COLOUR")


def test_the_environment_of_a_task_is_its_own(on: On) -> None:
    assert on().run(colour) == "green"
    assert on().run(no_colour) is None
    assert "COLOUR" not in os.environ


@env.task(timeout=600)
def dies_once(file: Path) -> int:
    if noted(file) == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return 5


def test_an_attempt_whose_process_is_killed_is_made_again(on: On, tmp_path: Path) -> None:
    assert on().run(dies_once, file=tmp_path / "died") == 5


@env.task(timeout=600, max_inline_io_bytes=100_000_000)
def takes(value: Any) -> int:
    return len(value)


def test_a_value_of_50_mb_passes(on: On) -> None:
    assert on().run(takes, value=bytes(50_000_000)) == 50_000_000


def test_a_closure_goes_along_by_value(on: On) -> None:
    factor = 3

    @env.task(timeout=600)
    def times(n: int) -> int:
        return factor * n

    assert on().run(times, n=2) == 6


@dataclass
class Holder:
    value: Any

    def __reduce__(self) -> Any:
        raise TypeError("not this one")


def test_an_input_that_cannot_be_shipped_is_told_with_task_parameter_and_type(on: On) -> None:
    with pytest.raises(NotShippableError, match=r"task 't\.takes': input 'value' \(a Holder\)"):
        on().run(takes, value=Holder(1))


# Whole programs


PROGRAM = """
import asyncio
from dataclasses import dataclass
from tasksmithy import TaskEnvironment

env = TaskEnvironment(name="p")

@dataclass
class Point:
    x: int

@env.task
def moved(point: Point) -> Point:
    assert type(point) is Point
    return Point(point.x + 1)

@env.task
async def main(n: int) -> int:
    points = await asyncio.gather(*(moved.aio(Point(i)) for i in range(n)))
    assert all(type(point) is Point for point in points)
    return sum(point.x for point in points)
"""


@pytest.fixture
def words(executor: str) -> list[str]:
    """Options of the command line for the executor."""
    if executor == "here":
        return []
    if not isinstance(EXECUTORS[executor]["executor"], str):
        pytest.skip("it has no name, which the command line needs")
    return ["--executor", executor]


def test_classes_of_a_program_are_the_same_on_both_sides(
    on: On, words: list[str], tmp_path: Path, capsys: Any
) -> None:
    file = tmp_path / "points.py"
    file.write_text(PROGRAM)
    assert main(["run", *words, "--runs-dir", str(tmp_path), str(file), "main", "--n", "3"]) == 0
    assert capsys.readouterr().out == "6\n"


def test_the_example_pipeline_runs(on: On, words: list[str], tmp_path: Path, capsys: Any) -> None:
    words = ["run", *words, "--runs-dir", str(tmp_path)]
    assert main([*words, str(EXAMPLES / "flights.py"), "main", "--month", "3"]) == 0
    assert capsys.readouterr().out.endswith("latest: HEL to AMS, 49 minutes\n")
