"""Observers of a run: what they are told, and what the lines and the display make of it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tasksmithy import NonRecoverableError, TaskEnvironment, group, map, with_runcontext
from tasksmithy.runtime._observer import Observer
from tasksmithy.runtime.report._live import Live
from tasksmithy.runtime.report._progress import JsonLines, Lines, printable
from tasksmithy.task._context import RunContext, current

env = TaskEnvironment(name="t")


class Told(Observer):
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []
        self.contexts: list[RunContext] = []

    def begin(self, run_id: str) -> None:
        self.events.append(("begin", run_id))

    def started(self, task: Any, context: RunContext) -> None:
        self.events.append(("started", task.name))
        self.contexts.append(context)

    def retried(self, context: RunContext, attempt: int, error: Exception) -> None:
        self.events.append(("retried", context.task, attempt, str(error)))

    def succeeded(self, context: RunContext, status: str) -> None:
        self.events.append(("succeeded", context.task, status))

    def failed(self, context: RunContext, error: BaseException) -> None:
        self.events.append(("failed", context.task, type(error)))


@env.task
async def leaf(n: int) -> int:
    return n


@env.task
async def root() -> int:
    with group("inner"):
        return await leaf(3)


@env.task(retries=2)
async def flaky() -> None:
    if current().attempt < 3:
        raise OSError(f"busy {current().attempt}")


@env.task
async def broken() -> None:
    raise NonRecoverableError("no")


@env.task
async def calls_broken() -> None:
    await broken()


@env.task(cache="auto")
async def kept() -> int:
    return 1


@env.task
async def waits() -> None:
    await asyncio.sleep(60)


@env.task
async def cancels_a_child() -> None:
    child = asyncio.ensure_future(waits())
    await asyncio.sleep(0.05)
    child.cancel()
    await asyncio.wait([child])


@env.task
async def many(number: int) -> None:
    async for _ in map(leaf, range(number)):
        pass


def observed(folder: Path, task: Any, observer: Observer, **options: Any) -> None:
    with_runcontext(
        record=True, runs_dir=folder, cache_dir=folder, observer=observer, **options
    ).run(task)


def events(folder: Path, task: Any, **options: Any) -> list[tuple[Any, ...]]:
    told = Told()
    observed(folder, task, told, **options)
    return told.events[1:]


def test_an_observer_is_told_the_run_first(tmp_path: Path) -> None:
    told = Told()
    observed(tmp_path, root, told)
    assert told.events[0] == ("begin", told.contexts[0].run_id)


def test_an_observer_is_told_beginnings_and_ends(tmp_path: Path) -> None:
    assert events(tmp_path, root) == [
        ("started", "t.root"),
        ("started", "t.leaf"),
        ("succeeded", "t.leaf", "succeeded"),
        ("succeeded", "t.root", "succeeded"),
    ]


def test_executions_are_told_apart_by_their_keys(tmp_path: Path) -> None:
    told = Told()
    observed(tmp_path, root, told)
    assert len({context.key for context in told.contexts}) == 2


def test_an_observer_is_told_the_group(tmp_path: Path) -> None:
    told = Told()
    observed(tmp_path, root, told)
    assert [context.group for context in told.contexts] == ["", "inner"]


def test_an_observer_is_told_each_failed_attempt_that_another_one_follows(tmp_path: Path) -> None:
    assert events(tmp_path, flaky) == [
        ("started", "t.flaky"),
        ("retried", "t.flaky", 1, "busy 1"),
        ("retried", "t.flaky", 2, "busy 2"),
        ("succeeded", "t.flaky", "succeeded"),
    ]


def test_an_observer_is_told_failures(tmp_path: Path) -> None:
    told = Told()
    with pytest.raises(NonRecoverableError):
        observed(tmp_path, calls_broken, told)
    assert told.events[3:] == [
        ("failed", "t.broken", NonRecoverableError),
        ("failed", "t.calls_broken", NonRecoverableError),
    ]


def test_an_observer_is_told_what_was_in_the_cache(tmp_path: Path) -> None:
    events(tmp_path, kept)
    assert events(tmp_path, kept)[-1] == ("succeeded", "t.kept", "cached")


def test_an_observer_is_told_what_was_there_from_the_run_that_is_gone_on_with(
    tmp_path: Path,
) -> None:
    told = Told()
    observed(tmp_path, root, told)
    again = events(tmp_path, root, resume=told.contexts[0].run_id)
    assert again == [("started", "t.root"), ("succeeded", "t.root", "resumed")]


# Lines


def counted(folder: Path, task: Any) -> Lines:
    lines = Lines()
    observed(folder, task, lines)
    return lines


def test_lines_count_retries(tmp_path: Path) -> None:
    assert counted(tmp_path, flaky).summary() == "1 succeeded, 2 retries"


def test_lines_count_what_was_cancelled_and_tell_no_failure_of_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert counted(tmp_path, cancels_a_child).summary() == "1 succeeded, 1 cancelled"
    assert capsys.readouterr().err == ""


def test_nothing_runs_when_the_run_is_over(tmp_path: Path) -> None:
    assert counted(tmp_path, root).running == {}


def test_a_run_that_never_began_has_no_summary(capsys: pytest.CaptureFixture[str]) -> None:
    for observer in (Lines(), JsonLines(), Live()):
        observer.close()
    assert capsys.readouterr().err == ""


def test_a_closed_standard_error_fails_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "closed").open("w") as closed:
        pass
    monkeypatch.setattr("sys.stderr", closed)
    counted(tmp_path, root).close()


def test_no_standard_error_fails_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", None)
    counted(tmp_path, root).close()


@pytest.mark.parametrize(
    ("text", "line"),
    [("plain ü", "plain ü"), ("a\nb\tc", "a\\nb\\tc"), ("\x1b[31m\x07", "\\x1b[31m\\x07")],
)  # fmt: skip
def test_what_is_printed_is_one_line_that_no_terminal_obeys(text: str, line: str) -> None:
    assert printable(text) == line


# The display


def drawn(live: Live) -> str:
    from rich.console import Console

    console = Console(width=80, color_system=None)
    with console.capture() as captured:
        console.print(live.view())
    return captured.get()


def test_the_display_puts_the_executions_of_a_task_in_one_row() -> None:
    live = Live()
    for key in "abc":
        live.started(leaf, RunContext(task="t.leaf", key=key))
    live.started(root, RunContext(task="t.root", key="d"))
    live.succeeded(RunContext(task="t.leaf", key="a"), "succeeded")
    head, *rows = drawn(live).splitlines()
    assert head.startswith("0:00  3 running, 1 succeeded")
    assert [row.split()[:2] for row in rows] == [["2", "t.leaf"], ["1", "t.root"]]


def test_the_display_of_many_tasks_stays_small() -> None:
    live = Live()
    for number in range(100):
        task = leaf.override(short_name=f"n{number}")
        object.__setattr__(task, "name", f"t.n{number}")
        live.started(task, RunContext(key=str(number)))
    rows = drawn(live).splitlines()
    assert len(rows) == 10
    assert "and 92 other tasks" in rows[-1]


def test_markup_in_the_name_of_a_task_is_text() -> None:
    live = Live()
    task = TaskEnvironment(name="[red]x[/]").task(root.func)  # type: ignore[attr-defined]
    live.started(task, RunContext(key="a"))
    assert "[red]x[/].root" in drawn(live)
