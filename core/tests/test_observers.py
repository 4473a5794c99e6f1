"""Observers: told in a thread of their own, so that none delays or fails a run."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from tasksmithy import (
    Event,
    ExecutionQueued,
    Observer,
    PluginContractError,
    PluginLoadError,
    PluginRecord,
    Registry,
    RunEnded,
    RunStarted,
    Settings,
    SettingsError,
    TaskEnvironment,
    map,
    with_runcontext,
)
from tasksmithy.plugins._discovery import OBSERVERS, discover
from tasksmithy.runtime import _observer_thread

env = TaskEnvironment(name="t")


@env.task
async def leaf(n: int) -> int:
    return n


@env.task
async def many(number: int) -> int:
    return len([n async for n in map(leaf, range(number))])


class Told(Observer):
    """Remembers what it is told, and in which threads."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.threads: set[threading.Thread] = set()

    def observe(self, event: Event) -> None:
        self.events.append(event)
        self.threads.add(threading.current_thread())


class Failing(Told):
    """Fails at everything."""

    def observe(self, event: Event) -> None:
        super().observe(event)
        raise KeyError(type(event).__name__)


class Exiting(Told):
    """Tries to end the program."""

    def observe(self, event: Event) -> None:
        super().observe(event)
        sys.exit(3)


class Stuck(Told):
    """Goes on when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = threading.Event()

    def observe(self, event: Event) -> None:
        self.go_on.wait(60)
        super().observe(event)


@pytest.fixture
def stuck() -> Iterator[Stuck]:
    observer = Stuck()
    yield observer
    observer.go_on.set()


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


# Who is told


def test_all_observers_are_told_everything() -> None:
    first, second = Told(), Told()
    with_runcontext(observers=[first, second]).run(leaf, 1)
    assert first.events == second.events
    assert isinstance(first.events[-1], RunEnded)


def test_one_thread_tells_an_observer_of_a_run_and_it_is_not_the_thread_of_the_run() -> None:
    told = Told()
    with_runcontext(observers=[told]).run(many, 10)
    assert len(told.threads) == 1
    assert threading.main_thread() not in told.threads


def test_no_thread_of_an_observer_outlives_the_run() -> None:
    told = Told()
    with_runcontext(observers=[told]).run(leaf, 1)
    [thread] = told.threads
    thread.join(10)
    assert not thread.is_alive()


def test_a_class_is_made_anew_for_each_run() -> None:
    made: list[Told] = []

    class Made(Told):
        def __init__(self) -> None:
            super().__init__()
            made.append(self)

    runner = with_runcontext(observers=[Made])
    runner.run(leaf, 1)
    runner.run(leaf, 2)
    assert [len([e for e in each.events if isinstance(e, RunStarted)]) for each in made] == [1, 1]


def test_an_object_is_told_of_every_run() -> None:
    told = Told()
    runner = with_runcontext(observers=[told])
    runner.run(leaf, 1)
    runner.run(leaf, 2)
    assert len({each.run_id for each in told.events}) == 2


def test_an_observer_that_ignores_everything_is_one() -> None:
    assert with_runcontext(observers=[Observer()]).run(leaf, 1) == 1


# Slow and failing ones


@pytest.mark.parametrize("kind", [Failing, Exiting])
def test_an_observer_that_fails_is_named_once_and_is_told_the_rest(
    kind: type[Told], caplog: pytest.LogCaptureFixture
) -> None:
    failing, other = kind(), Told()
    assert with_runcontext(observers=[failing, other]).run(many, 5) == 5
    assert failing.events == other.events
    [warning] = warnings(caplog)
    assert warning.startswith(
        f"observer {kind.__name__} (given by {__name__}) failed at RunStarted"
    )
    assert "test_observers.py, line" in warning


def test_an_observer_that_cannot_follow_loses_events_but_not_the_end_and_this_is_said(
    stuck: Stuck, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_observer_thread, "MOST_WAITING", 20)

    @env.task(short_name="frees_the_observer_at_its_end")
    async def frees() -> None:
        await many(100)
        stuck.go_on.set()

    with_runcontext(observers=[stuck]).run(frees)
    assert isinstance(stuck.events[0], RunStarted)
    assert isinstance(stuck.events[-1], RunEnded)
    lost = 2 + 4 * 102 - len(stuck.events)
    assert lost > 300
    first, last = warnings(caplog)
    assert first.startswith(f"observer Stuck (given by {__name__}) cannot follow: 20 events wait")
    assert last == f"observer Stuck (given by {__name__}) was not told {lost} events"


def test_a_run_waits_at_its_end_for_a_slow_observer() -> None:
    class Slow(Told):
        def observe(self, event: Event) -> None:
            threading.Event().wait(0.05)
            super().observe(event)

    slow = Slow()
    with_runcontext(observers=[slow]).run(leaf, 1)
    assert isinstance(slow.events[-1], RunEnded)


def test_a_run_waits_no_longer_than_its_bound_and_says_so(
    stuck: Stuck, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_observer_thread, "LONGEST_WAIT", 0.1)
    assert with_runcontext(observers=[stuck]).run(leaf, 1) == 1
    [warning] = warnings(caplog)
    assert warning.startswith(f"observer Stuck (given by {__name__}) is not done")


def test_the_event_loop_turns_while_a_run_waits_for_its_observers(
    stuck: Stuck, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> int:
        running = asyncio.create_task(with_runcontext(observers=[stuck]).arun(leaf, 1))
        # The run is over when all that is left of it waits for the observer, which is set free
        # from this loop.
        asyncio.get_running_loop().call_later(0.2, stuck.go_on.set)
        return await running

    assert asyncio.run(main()) == 1
    assert isinstance(stuck.events[-1], RunEnded)


def test_a_failed_run_raises_its_own_error_whatever_its_observers_do(
    caplog: pytest.LogCaptureFixture,
) -> None:
    @env.task
    async def broken() -> None:
        raise OSError("own")

    with pytest.raises(OSError, match="own"):
        with_runcontext(observers=[Failing()]).run(broken)
    assert len(warnings(caplog)) == 1


# What is none


class Async(Observer):
    async def observe(self, event: Event) -> None:  # type: ignore[override]
        raise AssertionError


class Unmade(Observer):
    def __init__(self) -> None:
        raise OSError("no network")


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (print, "is <built-in function print>; give a subclass of tasksmithy.Observer"),
        (Async(), "observe() is async and would never be awaited"),
        (Unmade, "OSError('no network'); it is made without arguments"),
    ],
)
def test_what_cannot_observe_is_refused_before_anything_runs(given: Any, problem: str) -> None:
    with pytest.raises(PluginContractError) as caught:
        with_runcontext(observers=[given]).run(leaf, 1)
    assert problem in str(caught.value)


def test_observers_are_a_list() -> None:
    with pytest.raises(SettingsError, match="run option observers"):
        with_runcontext(observers=Told())


# Installed ones


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Registry]]:
    """A registry in which an observer `demo` of the module `demo_observer` is installed."""
    monkeypatch.syspath_prepend(tmp_path)

    def registry(source: str, **settings: Any) -> Registry:
        (tmp_path / "demo_observer.py").write_text(dedent(source))
        record = PluginRecord(OBSERVERS, "demo", "demo_observer:Demo", "acme-demo", "1.2")
        return Registry([*discover(), record], settings=Settings(**settings))

    yield registry
    sys.modules.pop("demo_observer", None)


DEMO = """
from tasksmithy import Observer

told = []

class Demo(Observer):
    def observe(self, event):
        told.append(event)
"""


def test_an_installed_observer_is_told_where_a_setting_enables_it(
    installed: Callable[..., Registry],
) -> None:
    with installed(DEMO, observers=["demo"]).entered():
        with_runcontext().run(leaf, 1)
    told = sys.modules["demo_observer"].told
    assert any(isinstance(event, ExecutionQueued) for event in told)


def test_an_installed_observer_is_not_even_imported_where_no_setting_enables_it(
    installed: Callable[..., Registry],
) -> None:
    with installed(DEMO).entered():
        with_runcontext().run(leaf, 1)
    assert "demo_observer" not in sys.modules


def test_one_that_fails_is_named_with_its_distribution_and_version(
    installed: Callable[..., Registry], caplog: pytest.LogCaptureFixture
) -> None:
    with installed(DEMO.replace("told.append", "fail"), observers=["demo"]).entered():
        with_runcontext().run(leaf, 1)
    [warning] = warnings(caplog)
    assert warning.startswith("observer 'demo' (acme-demo 1.2) failed at RunStarted: NameError(")


def test_an_enabled_one_that_cannot_be_loaded_is_an_error_before_anything_runs(
    installed: Callable[..., Registry],
) -> None:
    with (
        installed("import nowhere_to_be_found", observers=["demo"]).entered(),
        pytest.raises(PluginLoadError, match=r"observer 'demo' \(acme-demo 1.2\) cannot be loaded"),
    ):
        with_runcontext().run(leaf, 1)


def test_an_enabled_one_that_is_not_installed_is_an_error_before_anything_runs() -> None:
    with (
        Registry(settings=Settings(observers=["nobody"])).entered(),
        pytest.raises(PluginLoadError, match=r"no installed plugin provides 'nobody'"),
    ):
        with_runcontext().run(leaf, 1)


def test_a_listing_tells_whether_an_observer_is_enabled(
    installed: Callable[..., Registry],
) -> None:
    statuses = [
        installed(DEMO, observers=names).plugins("demo")[0].status for names in ([], ["demo"])
    ]
    assert statuses == ["not enabled", "installed"]


def test_a_listing_that_loads_tells_one_that_is_no_observer(
    installed: Callable[..., Registry],
) -> None:
    [demo] = installed("Demo = 1", observers=["demo"]).plugins("demo", load=True)
    assert demo.status == "broken"
    assert "observer 'demo' (acme-demo 1.2) is 1" in demo.detail


def test_a_run_that_is_not_observed_imports_nothing_of_it() -> None:
    program = """
import sys, tasksmithy
env = tasksmithy.TaskEnvironment(name="t")
@env.task
def leaf(n: int) -> int: return n
tasksmithy.run(leaf, 1)
print([name for name in sys.modules if "_event" in name and "tasksmithy" in name])
"""
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert done.stdout == "[]\n"
