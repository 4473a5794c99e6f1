"""The events of a run: which there are, in which order, and what each tells."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import closing, suppress
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest

from tasksmithy import (
    AttemptFailed,
    AttemptPlaced,
    AttemptRetried,
    AttemptStarted,
    Backoff,
    Event,
    Execution,
    ExecutionCancelled,
    ExecutionEvent,
    ExecutionFailed,
    ExecutionQueued,
    ExecutionSucceeded,
    NonRecoverableError,
    Observer,
    OutputError,
    RetryStrategy,
    RunEnded,
    RunStarted,
    Secret,
    TaskEnvironment,
    current,
    group,
    run,
    with_runcontext,
)
from tasksmithy.runtime.stores._run_store import RunStore

env = TaskEnvironment(name="t")


class Told(Observer):
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def observe(self, event: Event) -> None:
        self.events.append(event)


class Digesting(Told):
    wants_output_digests = True


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


@env.task(retries=RetryStrategy(1, backoff=Backoff(base=0.01)))
async def slow_to_retry() -> None:
    if current().attempt < 2:
        raise OSError("busy")


@env.task
async def broken() -> None:
    raise NonRecoverableError("no")


@env.task
async def calls_broken() -> None:
    await broken()


@env.task
async def wraps_broken() -> None:
    try:
        await broken()
    except NonRecoverableError as error:
        raise ValueError("more") from error


@env.task
async def calls_many_broken() -> None:
    calls = [broken() for _ in range(3)]
    errors = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(errors[1], NonRecoverableError)
    raise errors[1]


@env.task
async def gives_wrong() -> int:
    return "text"  # type: ignore[return-value]


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


@env.task(secrets=[Secret("TOKEN")], retries=1)
async def tells_its_secret(told: str = "") -> None:
    (value,) = current().secrets.values()
    with group(f"with {value}"):
        await leaf(1)
    raise OSError(f"refused {value}")


@env.task(env_vars={"A": "1"})
def in_a_process(n: int) -> int:
    return n


def events_of(task: Any, *args: Any, **options: Any) -> list[Event]:
    told = Told()
    with suppress(NonRecoverableError, OSError, ValueError, OutputError):
        with_runcontext(observers=[told], **options).run(task, *args)
    return told.events


def names(events: list[Event]) -> list[tuple[str, str]]:
    """Each event by its class and task."""
    return [
        (type(each).__name__, each.execution.task)
        for each in events
        if isinstance(each, ExecutionEvent)
    ]


def only(kind: type[Any], events: list[Event]) -> Any:
    [event] = [each for each in events if isinstance(each, kind)]
    return event


# The order


def test_a_run_begins_with_its_start_and_ends_with_its_end() -> None:
    first, *_, last = events_of(root)
    assert isinstance(first, RunStarted)
    assert isinstance(last, RunEnded)
    assert (first.task, first.task_type, first.is_recorded) == ("t.root", "python", False)
    assert (last.status, last.error, last.error_type) == ("succeeded", None, None)


def test_an_execution_is_queued_admitted_attempted_and_ended() -> None:
    assert names(events_of(root)) == [
        ("ExecutionQueued", "t.root"),
        ("ExecutionAdmitted", "t.root"),
        ("AttemptStarted", "t.root"),
        ("ExecutionQueued", "t.leaf"),
        ("ExecutionAdmitted", "t.leaf"),
        ("AttemptStarted", "t.leaf"),
        ("ExecutionSucceeded", "t.leaf"),
        ("ExecutionSucceeded", "t.root"),
    ]


def test_a_recorded_run_has_the_same_events(tmp_path: Path) -> None:
    recorded = events_of(root, record=True, runs_dir=tmp_path)
    assert names(recorded) == names(events_of(root))
    assert only(RunStarted, recorded).is_recorded


def test_an_attempt_in_a_process_tells_which(tmp_path: Path) -> None:
    events = events_of(in_a_process, os.getpid(), record=True, runs_dir=tmp_path)
    placed = only(AttemptPlaced, events)
    assert (placed.execution.task, placed.attempt) == ("t.in_a_process", 1)
    assert placed.place.startswith("process ")
    with closing(RunStore(tmp_path)) as store:
        [task] = store.show(placed.run_id).tasks
    assert [attempt.place for attempt in task.attempts] == [placed.place]


def test_a_failed_attempt_is_told_and_then_that_another_one_follows() -> None:
    events = events_of(flaky)
    assert [name for name, _ in names(events)[2:]] == [
        "AttemptStarted",
        "AttemptFailed",
        "AttemptRetried",
        "AttemptStarted",
        "AttemptFailed",
        "AttemptRetried",
        "AttemptStarted",
        "ExecutionSucceeded",
    ]
    failed = [each for each in events if isinstance(each, AttemptFailed)]
    assert [(each.attempt, each.error, each.error_type) for each in failed] == [
        (1, "OSError: busy 1", "OSError"),
        (2, "OSError: busy 2", "OSError"),
    ]


def test_a_retry_tells_its_delay() -> None:
    retried = only(AttemptRetried, events_of(slow_to_retry))
    assert (retried.attempt, retried.delay) == (1, 0.01)


def test_a_failed_execution_has_a_failed_attempt_and_the_error() -> None:
    events = events_of(broken)
    assert names(events)[3:] == [("AttemptFailed", "t.broken"), ("ExecutionFailed", "t.broken")]
    failed, ended = only(ExecutionFailed, events), only(RunEnded, events)
    assert (failed.error, failed.error_type) == (
        "NonRecoverableError: no",
        "tasksmithy.errors.NonRecoverableError",
    )
    assert (ended.status, ended.error, ended.error_type) == (
        "failed",
        failed.error,
        failed.error_type,
    )


def test_a_result_that_does_not_fit_fails_the_execution_and_no_attempt() -> None:
    assert [name for name, _ in names(events_of(gives_wrong))[2:]] == [
        "AttemptStarted",
        "ExecutionFailed",
    ]


def test_a_cancelled_execution_is_no_failed_one() -> None:
    events = events_of(cancels_a_child)
    assert only(ExecutionCancelled, events).execution.task == "t.waits"
    assert only(RunEnded, events).status == "succeeded"


def test_a_result_from_the_cache_has_no_attempt(tmp_path: Path) -> None:
    events_of(kept, cache_dir=tmp_path)
    assert [name for name, _ in names(events_of(kept, cache_dir=tmp_path))] == [
        "ExecutionQueued",
        "ExecutionAdmitted",
        "ExecutionCached",
    ]


def test_a_resumed_run_tells_what_it_has_and_gives_the_same_calls_the_same_keys(
    tmp_path: Path,
) -> None:
    first = events_of(root, record=True, runs_dir=tmp_path)
    again = events_of(root, resume=first[0].run_id, runs_dir=tmp_path)
    started = only(RunStarted, again)
    assert (started.run_id, started.kept, started.lost) == (first[0].run_id, 2, 0)
    assert [name for name, _ in names(again)] == [
        "ExecutionQueued",
        "ExecutionAdmitted",
        "ExecutionResumed",
    ]
    assert again[1].execution == first[1].execution  # type: ignore[attr-defined]


def test_a_new_run_has_no_results_yet() -> None:
    assert only(RunStarted, events_of(root)).kept is None


# What they tell


def test_executions_know_who_called_them_and_in_which_group() -> None:
    queued = [each.execution for each in events_of(root) if isinstance(each, ExecutionQueued)]
    above, below = queued
    assert above == Execution(
        key=above.key, parent=None, task="t.root", task_type="python", group=""
    )
    assert below == Execution(
        key=below.key, parent=above.key, task="t.leaf", task_type="python", group="inner"
    )
    assert above.key != below.key


def test_all_events_of_a_run_have_its_id_and_times_in_order() -> None:
    before = time.time()
    events = events_of(flaky)
    times = [each.time for each in events]
    assert {each.run_id for each in events} == {events[0].run_id}
    assert times == sorted(times)
    assert before <= times[0] <= times[-1] <= time.time()


def test_an_event_cannot_be_changed() -> None:
    event = only(RunEnded, events_of(root))
    with pytest.raises(FrozenInstanceError):
        event.status = "failed"


@pytest.mark.parametrize(("task", "executor"), [(leaf, "loop"), (in_a_process, "process")])
def test_an_attempt_tells_what_makes_it(task: Any, executor: str) -> None:
    started = only(AttemptStarted, events_of(task, 1))
    assert (started.attempt, started.executor) == (1, executor)


@pytest.mark.parametrize("task", [calls_broken, calls_many_broken])
def test_an_error_that_a_caller_lets_through_has_its_origin_below(task: Any) -> None:
    events = events_of(task)
    keys = [e.execution.key for e in events if isinstance(e, ExecutionFailed)]
    *_, ended = [e for e in events if isinstance(e, ExecutionFailed)]
    assert ended.origin in keys[:-1]
    assert ended.execution.key == keys[-1]


def test_the_traceback_of_an_error_is_told_where_it_was_raised_first() -> None:
    first, second = [e for e in events_of(calls_broken) if isinstance(e, ExecutionFailed)]
    assert first.traceback is not None
    assert ", in broken\n" in first.traceback
    assert second.traceback is None


def test_an_error_that_a_caller_makes_of_another_is_its_own() -> None:
    *_, ended = [e for e in events_of(wraps_broken) if isinstance(e, ExecutionFailed)]
    assert ended.origin == ended.execution.key


def test_inputs_are_told_by_what_identifies_them() -> None:
    digests = [only(ExecutionQueued, events_of(leaf, n)).input_digests for n in (1, 1, 2)]
    assert digests[0] == digests[1] != digests[2]
    assert list(digests[0]) == ["n"]


def test_outputs_are_identified_where_an_observer_wants_it() -> None:
    told, other = Digesting(), Told()
    with_runcontext(observers=[told, other]).run(leaf, 1)
    [ended] = [each for each in told.events if isinstance(each, ExecutionSucceeded)]
    [queued] = [each for each in told.events if isinstance(each, ExecutionQueued)]
    assert ended.output_digests is not None
    assert list(ended.output_digests.values()) == list(queued.input_digests.values())


def test_outputs_are_not_identified_where_nobody_wants_it() -> None:
    assert only(ExecutionSucceeded, events_of(leaf, 1)).output_digests is None


def test_no_event_shows_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "hunter22")
    events = events_of(tells_its_secret)
    assert only(RunEnded, events).error == "OSError: refused ***"
    assert "with ***" in [
        each.execution.group for each in events if isinstance(each, ExecutionQueued)
    ]
    assert "hunter22" not in repr(events)


def test_a_run_that_nobody_is_told_of_has_no_keys() -> None:
    assert run(_key_of) == ""


@env.task
async def _key_of() -> str:
    return current().key
