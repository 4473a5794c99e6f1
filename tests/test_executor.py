"""A stranger's executor: the whole of the examples by it, in this process and from a wheel."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import House, Wheels

from tasksmithy import (
    NotExecutableError,
    PluginContractError,
    PluginLoadError,
    PluginRecord,
    Registry,
    Secret,
    SettingsError,
    TaskEnvironment,
    TaskTimeoutError,
    current,
    group,
    with_runcontext,
)
from tasksmithy.cli import main

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
PACKAGE = Path(__file__).with_name("executor")

env = TaskEnvironment(name="e")


def record(name: str, value: str) -> PluginRecord:
    return PluginRecord("tasksmithy.executors.v1", name, value, "acme-threads", "2.4")


@pytest.fixture
def acme(monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """What is installed, and the executor `threads` beside it."""
    monkeypatch.syspath_prepend(PACKAGE / "src")
    installed = Registry().records
    broken = [
        record("none", "acme_threads:Nothing"),
        record("number", "acme_threads:MOST"),
        record("dict", "builtins:dict"),
    ]
    ours = record("threads", "acme_threads:Threads")
    with Registry([*installed, ours, *broken]).entered() as registry:
        yield registry
    sys.modules.pop("acme_threads", None)


@env.task
async def where() -> str:
    return threading.current_thread().name


@env.task
def square(n: int) -> int:
    return n * n


@env.task
async def sum_of_squares(n: int) -> int:
    return sum(await asyncio.gather(*(square.aio(i) for i in range(n))))


# The examples


def test_hello_runs_by_the_executor_that_the_command_line_names(
    acme: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setenv("ACME_THREADS_LOG", str(tmp_path / "log"))
    words = ["run", "--executor", "threads", "--runs-dir", str(tmp_path / "runs")]
    assert main([*words, str(EXAMPLES / "hello.py"), "main", "--n", "2"]) == 0
    assert capsys.readouterr().out == "hello 1\nhello 2\n"
    assert sorted((tmp_path / "log").read_text().split()) == ["hello.greet"] * 2 + ["hello.main"]


def test_flights_runs_by_it_with_queries_and_functions(
    acme: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setenv("ACME_THREADS_LOG", str(tmp_path / "log"))
    words = ["run", "--executor", "threads", "--runs-dir", str(tmp_path / "runs")]
    assert main([*words, str(EXAMPLES / "flights.py"), "main", "--month", "3"]) == 0
    assert capsys.readouterr().out.endswith("latest: HEL to AMS, 49 minutes\n")
    assert set((tmp_path / "log").read_text().split()) == {
        "flights.main",
        "flights.as_lines",
        "flights.delays_by_carrier",
        "flights.latest_flight",
    }


@pytest.mark.slow
def test_both_examples_run_by_it_from_a_wheel(house: House, build: Wheels) -> None:
    with house.having(*build(PACKAGE)):
        hello = house.venv.tasksmithy(
            "run", "--executor", "threads", EXAMPLES / "hello.py", "main", "--n", "2"
        )
        assert (hello.out, hello.code) == ("hello 1\nhello 2\n", 0), hello.err
        flights = house.venv.tasksmithy(
            "run", "--executor", "threads", EXAMPLES / "flights.py", "main", "--month", "3"
        )
        assert flights.code == 0, flights.err
        assert flights.out.endswith("latest: HEL to AMS, 49 minutes\n")
        shown = house.venv.tasksmithy("executors", "show", "threads")
        assert "acme-threads 2.4" in shown.out
        option = house.venv.tasksmithy(
            "run",
            "--executor",
            "threads",
            "--executor-option",
            "n=1",
            EXAMPLES / "hello.py",
            "main",
        )
        assert option.code == 2
        assert "executor 'threads' (acme-threads 2.4) takes no options" in option.err
        unknown = house.venv.tasksmithy("run", "--executor", "thread", EXAMPLES / "hello.py")
        assert unknown.code == 2
        assert "did you mean 'threads'?" in unknown.err
        listed = house.venv.tasksmithy("plugins", "list")
        assert "threads" in listed.out


# What a run does by it


def test_every_attempt_is_made_where_the_executor_makes_it(acme: Registry) -> None:
    assert with_runcontext(executor="threads").run(where).startswith("acme")


def test_a_class_of_executors_will_do_for_its_name(acme: Registry) -> None:
    from acme_threads import Threads

    assert with_runcontext(executor=Threads).run(where).startswith("acme")


def test_children_of_sync_and_async_tasks_are_run_by_the_run(acme: Registry) -> None:
    @env.task
    def calls(n: int) -> int:
        return square(n) + sum_of_squares.forward(0) if n == 0 else square(n)

    assert with_runcontext(executor="threads").run(sum_of_squares, n=20) == 2470
    assert with_runcontext(executor="threads").run(calls, n=3) == 9


def test_a_sync_task_that_an_async_one_calls_without_await_is_run(acme: Registry) -> None:
    @env.task
    async def blocks() -> int:
        return square(7)

    assert with_runcontext(executor="threads").run(blocks) == 49


def test_retries_are_the_run_s(acme: Registry) -> None:
    @env.task(retries=2)
    async def flaky() -> int:
        if current().attempt < 3:
            raise ConnectionError("gone")
        return current().attempt

    assert with_runcontext(executor="threads").run(flaky) == 3


def test_a_timeout_ends_the_attempt_and_its_children(acme: Registry, tmp_path: Path) -> None:
    @env.task
    async def tidies(file: Path) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            file.touch()

    @env.task(timeout=0.5)
    async def waits(file: Path) -> None:
        await tidies(file)

    with pytest.raises(TaskTimeoutError):
        with_runcontext(executor="threads").run(waits, file=tmp_path / "tidied")
    assert (tmp_path / "tidied").exists()


def test_secrets_go_with_the_attempt(acme: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "open-sesame")

    @env.task(secrets=Secret("token"))
    async def told() -> str:
        run = current().run
        assert run is not None
        [value] = current().secrets.values()
        return run.mask(f"the token is {value}")

    assert with_runcontext(executor="threads").run(told) == "the token is ***"


def test_max_concurrency_bounds_what_it_makes_at_once(acme: Registry) -> None:
    lock, now, most = threading.Lock(), 0, 0

    @env.task
    def counts(n: int) -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        threading.Event().wait(0.01)
        with lock:
            now -= 1

    @env.task
    async def many() -> None:
        await asyncio.gather(*(counts.aio(n) for n in range(12)))

    with_runcontext(executor="threads", max_concurrency=3).run(many)
    assert most <= 3


def test_a_child_knows_the_group_that_it_was_called_in(acme: Registry) -> None:
    @env.task
    async def child() -> str:
        return current().group

    @env.task
    async def parent() -> str:
        with group("loading"):
            return await child()

    assert with_runcontext(executor="threads").run(parent) == "loading"


# Refusing, heeding


def test_a_task_that_the_executor_refuses_is_told_before_an_attempt(acme: Registry) -> None:
    ran = []

    @env.task(env_vars={"A": "b"}, retries=3)
    async def child() -> None:
        ran.append(1)

    with pytest.raises(NotExecutableError) as raised:
        with_runcontext(executor="threads").run(child)
    assert str(raised.value) == (
        "executor 'threads' (acme-threads 2.4) refuses task 'e.child': its env_vars need a process"
    )
    assert ran == []


def test_a_field_that_the_executor_heeds_is_not_warned_of(
    acme: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    @env.task(queue="fast", interruptible=True)
    async def queued() -> None: ...

    with_runcontext(executor="threads").run(queued)
    [record] = caplog.records
    assert "declares interruptible, which" in record.getMessage()


# Executors that cannot be used


def test_an_executor_that_is_not_installed_is_told_with_those_that_are(
    acme: Registry, capsys: Any
) -> None:
    assert main(["run", "--executor", "thread", str(EXAMPLES / "hello.py"), "main"]) == 2
    told = capsys.readouterr().err
    assert "no installed plugin provides an executor 'thread'; did you mean 'threads'?" in told
    assert "installed: dict, none, number, " in told
    assert "Install the package that provides it" in told
    assert "Traceback" not in told


@pytest.mark.parametrize(
    ("name", "error", "problem"),
    [
        ("none", PluginLoadError, "has no attribute 'Nothing'"),
        ("number", PluginContractError, "is 1000; give a class of executors"),
        (
            "dict",
            PluginContractError,
            "makes {}, which lacks heeds, refuses, slots, perform",
        ),
    ],
)
def test_a_broken_executor_is_told_with_its_distribution_and_version(
    acme: Registry, name: str, error: type[Exception], problem: str
) -> None:
    with pytest.raises(error) as raised:
        with_runcontext(executor=name).run(where)
    assert f"executor {name!r} (acme-threads 2.4)" in str(raised.value)
    assert problem in str(raised.value)


class Careless:
    heeds: frozenset[str] = frozenset()

    def refuses(self, task: object) -> None: ...

    def slots(self, task: object) -> dict[str, int]:
        return {"gpus": 1}

    async def perform(self, attempt: object, host: object) -> None: ...

    async def close(self) -> None:
        raise OSError("cannot close")


class Tame(Careless):
    def slots(self, task: object) -> dict[str, int]:
        return {"cpu": 500}


class Eager(Careless):
    def perform(self, attempt: object, host: object) -> None:  # type: ignore[override]
        ...


class Listing(Careless):
    heeds = ["queue"]  # type: ignore[assignment]  # noqa: RUF012


class Demanding(Careless):
    def __init__(self, address: str) -> None: ...


@pytest.mark.parametrize(
    ("executor", "problem"),
    [
        (Careless, "takes slots of 'gpus'; this machine has cpu, memory, processes"),
        (Eager, "executor Eager .*: perform is not async; write `async def perform`"),
        (Listing, "heeds is .*; give a frozenset of names of fields"),
        (Demanding, "executor Demanding .* raised .* when it was made"),
    ],
)
def test_an_executor_that_breaks_the_protocol_is_told_so(executor: Any, problem: str) -> None:
    with pytest.raises(PluginContractError, match=problem):
        with_runcontext(executor=executor).run(where)


def test_an_executor_that_fails_to_close_changes_no_result(
    caplog: pytest.LogCaptureFixture,
) -> None:
    @env.task
    async def nothing() -> None: ...

    with_runcontext(executor=Tame).run(nothing)
    assert f"executor Tame (of {__name__}) failed to close" in caplog.text


def test_an_option_that_names_no_executor_is_refused() -> None:
    with pytest.raises(SettingsError, match="executor"):
        with_runcontext(executor=3)
