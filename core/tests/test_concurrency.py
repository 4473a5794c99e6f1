"""How many tasks run at once, what bounds their time, how they are grouped and cancelled."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import tasksmithy
from tasksmithy import (
    Cache,
    InputError,
    NativeInterface,
    NotATaskError,
    Registry,
    Resources,
    Secret,
    SettingsError,
    TaskEnvironment,
    TaskExitError,
    TaskTemplate,
    TaskTimeoutError,
    TaskType,
    Timeout,
    current,
    group,
    hookimpl,
    run,
    with_runcontext,
)
from tasksmithy.concurrency import _threads as threads
from tasksmithy.concurrency._slots import Slots
from tasksmithy.runtime import _capacity as capacity

env = TaskEnvironment(name="t")


class Gauge:
    """How many are inside at once, and the most that ever were."""

    def __init__(self) -> None:
        self.now = self.most = 0
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self.now -= 1


@env.task
async def square(n: int) -> int:
    return n * n


@env.task
def sync_square(n: int) -> int:
    return n * n


# max_concurrency


def test_no_more_tasks_run_at_once_than_the_run_allows() -> None:
    gauge = Gauge()

    @env.task
    async def child() -> None:
        with gauge:
            await asyncio.sleep(0.001)

    @env.task
    async def parent() -> None:
        await asyncio.gather(*(child() for _ in range(20)))

    with_runcontext(max_concurrency=3).run(parent)
    assert gauge.most == 3


def test_sync_tasks_are_bounded_too() -> None:
    gauge = Gauge()

    @env.task
    def child() -> None:
        with gauge:
            time.sleep(0.005)

    @env.task
    async def parent() -> None:
        await asyncio.gather(*(child.aio() for _ in range(10)))

    with_runcontext(max_concurrency=2).run(parent)
    assert gauge.most == 2


def test_a_parent_that_waits_for_its_children_does_not_count() -> None:
    @env.task
    async def down(n: int) -> int:
        return 0 if n == 0 else 1 + await down(n - 1)

    assert with_runcontext(max_concurrency=1).run(down, n=20) == 20


def test_a_sync_parent_that_waits_for_its_children_does_not_count() -> None:
    @env.task
    def down(n: int) -> int:
        return 0 if n == 0 else 1 + down(n - 1)

    assert with_runcontext(max_concurrency=1).run(down, n=20) == 20


def test_the_place_of_a_failed_task_is_free_again() -> None:
    @env.task
    async def child(n: int) -> int:
        if n % 2:
            raise ValueError(n)
        return n

    @env.task
    async def parent() -> int:
        results = await asyncio.gather(*(child(n) for n in range(10)), return_exceptions=True)
        return sum(isinstance(result, int) for result in results)

    assert with_runcontext(max_concurrency=1).run(parent) == 5


def test_processes_are_bounded_and_one_that_waits_for_a_child_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capacity, "_processes", Slots(2))

    @env.task(timeout=60)
    def child(n: int) -> int:
        (tmp_path / f"{n}.running").touch()
        most = len(list(tmp_path.glob("*.running")))
        time.sleep(0.05)
        (tmp_path / f"{n}.running").unlink()
        return most

    @env.task(timeout=60)
    def parent(n: int) -> int:
        return child(n)

    @env.task
    async def root() -> int:
        return max(await asyncio.gather(*(parent.aio(n) for n in range(6))))

    assert run(root) <= 2


def test_resources_limit_what_runs_at_once_where_they_are_respected() -> None:
    gauge = Gauge()
    greedy = TaskEnvironment(name="greedy", resources=Resources(cpu=10_000))

    @greedy.task
    async def child() -> None:
        with gauge:
            await asyncio.sleep(0.001)

    @env.task
    async def parent() -> None:
        await asyncio.gather(*(child() for _ in range(5)))

    with_runcontext(respect_resources=True).run(parent)
    assert gauge.most == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"max_concurrency": 0}, "max_concurrency=0"),
        ({"max_concurency": 1}, "did you mean 'max_concurrency'"),
        ({"cache_dir": 5}, "cache_dir=5 is not allowed: give a pathlib.Path"),
        ({"runs_dir": b"x"}, "runs_dir=b'x' is not allowed"),
        ({"record": "yes"}, "record='yes' is not allowed: give True or False"),
        ({"respect_resources": 1}, "respect_resources=1 is not allowed"),
        ({"resume": True}, "resume=True is not allowed"),
    ],
)
def test_a_wrong_run_option_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        with_runcontext(**options)


def test_a_folder_may_be_given_as_text(tmp_path: Path) -> None:
    @env.task(cache=Cache(version_override="1"))
    async def kept() -> int:
        return 1

    with_runcontext(cache_dir=str(tmp_path / "cache")).run(kept)
    assert (tmp_path / "cache").is_dir()


# Many children


def test_ten_thousand_children_all_give_their_results() -> None:
    @env.task
    async def parent(n: int) -> int:
        return sum(await asyncio.gather(*(square(i) for i in range(n))))

    assert run(parent, n=10_000) == sum(i * i for i in range(10_000))


@pytest.mark.slow
def test_a_hundred_thousand_children_all_give_their_results() -> None:
    @env.task
    async def parent(n: int) -> int:
        return sum(await asyncio.gather(*(square(i) for i in range(n))))

    assert run(parent, n=100_000) == sum(i * i for i in range(100_000))


MAPPING = """
import resource, sys, tasksmithy
from tasksmithy import TaskEnvironment, with_runcontext

env = TaskEnvironment(name="t")


@env.task
async def square(n: int) -> int:
    return n * n


@env.task
async def parent(count: int) -> int:
    total = 0
    async for result in tasksmithy.map(square, range(count)):
        total += result
    return total


options = {"record": True, "runs_dir": sys.argv[2]} if sys.argv[2:] else {}
count = int(sys.argv[1])
assert with_runcontext(**options).run(parent, count) == sum(n * n for n in range(count))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
@pytest.mark.parametrize("recorded", [False, True])
def test_the_memory_of_a_mapped_run_does_not_grow_with_its_children(
    recorded: bool, tmp_path: Path
) -> None:
    def peak(count: int) -> int:
        folder = [str(tmp_path / str(count))] if recorded else []
        command = [sys.executable, "-c", MAPPING, str(count), *folder]
        return int(subprocess.run(command, check=True, capture_output=True).stdout)

    # A record holds a few bytes for each child, by which calls are told apart when it is resumed.
    assert peak(100_000) < peak(10_000) * 1.5


def test_a_thousand_sync_children_give_their_results() -> None:
    @env.task
    async def parent(n: int) -> int:
        return sum(await asyncio.gather(*(sync_square.aio(i) for i in range(n))))

    assert run(parent, n=1_000) == sum(i * i for i in range(1_000))


# map


def test_map_keeps_the_order_of_the_inputs() -> None:
    @env.task
    async def late(n: int) -> int:
        await asyncio.sleep(0.001 * (5 - n))
        return n

    @env.task
    async def parent() -> list[int]:
        return [n async for n in tasksmithy.map(late, range(5))]

    assert run(parent) == [0, 1, 2, 3, 4]


def test_map_in_a_sync_task_is_an_ordinary_iterator() -> None:
    @env.task
    def parent() -> list[int]:
        return list(tasksmithy.map(square, range(5)))

    assert run(parent) == [0, 1, 4, 9, 16]


def test_map_outside_a_run_calls_one_after_another() -> None:
    assert list(tasksmithy.map(sync_square, [1, 2])) == [1, 4]


def test_map_starts_no_more_calls_than_its_concurrency() -> None:
    gauge = Gauge()

    @env.task
    async def child(n: int) -> int:
        with gauge:
            await asyncio.sleep(0.001)
        return n

    @env.task
    async def parent() -> int:
        return len([n async for n in tasksmithy.map(child, range(20), concurrency=4)])

    assert run(parent) == 20
    assert gauge.most == 4


def test_map_takes_inputs_only_as_results_are_taken() -> None:
    taken: list[int] = []

    def inputs() -> Iterator[int]:
        for n in range(1000):
            taken.append(n)
            yield n

    @env.task
    async def parent() -> int:
        async for result in tasksmithy.map(square, inputs(), concurrency=3):
            return result
        return -1

    run(parent)
    assert len(taken) == 3


def test_map_goes_on_behind_a_slow_call() -> None:
    others_ended = asyncio.Event()
    ended = 0

    @env.task
    async def first_is_last(n: int) -> int:
        nonlocal ended
        if n == 0:
            await others_ended.wait()
            return n
        ended += 1
        if ended == 19:
            others_ended.set()
        return n

    @env.task
    async def parent() -> list[int]:
        return [n async for n in tasksmithy.map(first_is_last, range(20), concurrency=2)]

    assert run(parent) == list(range(20))


def test_map_is_not_ahead_of_whoever_takes_its_results() -> None:
    started: list[int] = []

    @env.task
    async def child(n: int) -> int:
        started.append(n)
        return n

    @env.task
    async def parent() -> None:
        async for n in tasksmithy.map(child, range(100), concurrency=3):
            await asyncio.sleep(0.001)  # time in which all that have started end
            assert len(started) <= n + 3

    run(parent)


@env.task
async def add(a: int, b: int) -> int:
    return a + b


def test_map_takes_several_inputs_side_by_side() -> None:
    @env.task
    async def parent() -> list[int]:
        return [n async for n in tasksmithy.map(add, [1, 2], [10, 20])]

    assert run(parent) == [11, 22]


@pytest.mark.parametrize(
    ("inputs", "which"),
    [(([1, 2], [10]), "iterable 2 of its inputs has 1"), (([], [1]), "iterable 1 of its inputs")],
)
def test_map_says_which_of_several_inputs_has_ended_early(inputs: Any, which: str) -> None:
    with pytest.raises(InputError, match=f"'t.add': map: {which}"):
        list(tasksmithy.map(add, *inputs))


def test_an_input_that_map_is_given_by_its_name_is_told_how_to_give_it() -> None:
    said = r"'t.add': map: 'b' is an input, .* as in add\(a, b=1\), and map that"
    with pytest.raises(InputError, match=said):
        tasksmithy.map(add, [1, 2], b=1)  # type: ignore[call-overload]


def test_a_misspelt_option_of_map_is_told_with_the_near_one() -> None:
    with pytest.raises(InputError, match=r"it takes no 'concurency'; did you mean 'concurrency'"):
        tasksmithy.map(add, [1], [2], concurency=3)  # type: ignore[call-overload]


def test_map_refuses_inputs_that_are_no_iterable() -> None:
    with pytest.raises(InputError, match=r"map: 5, given as inputs 2, is no iterable"):
        tasksmithy.map(add, [1], 5)  # type: ignore[arg-type]


def test_map_refuses_what_is_no_task() -> None:
    with pytest.raises(NotATaskError, match="<built-in function len> is no task"):
        tasksmithy.map(len, ["a"])  # type: ignore[arg-type]


def test_map_gives_its_results_once() -> None:
    results = tasksmithy.map(sync_square, [1, 2])
    assert list(results) == [1, 4]
    with pytest.raises(InputError, match="its results were taken already"):
        list(results)


@env.task
async def odd_fails(n: int) -> int:
    if n % 2:
        raise ValueError(n)
    return n


def test_map_raises_the_first_error() -> None:
    @env.task
    async def parent() -> list[int]:
        return [n async for n in tasksmithy.map(odd_fails, range(4))]

    with pytest.raises(ValueError, match="1"):
        run(parent)


def test_map_returns_errors_in_their_places_if_asked() -> None:
    @env.task
    async def parent() -> list[Any]:
        return [n async for n in tasksmithy.map(odd_fails, range(4), return_exceptions=True)]

    results = run(parent)
    assert results[0::2] == [0, 2]
    assert [type(error) for error in results[1::2]] == [ValueError, ValueError]


@pytest.mark.parametrize("concurrency", [0, -1, True, 1.5])
def test_map_refuses_a_concurrency_that_is_none(concurrency: Any) -> None:
    with pytest.raises(InputError, match=r"'t.square': map: concurrency="):
        tasksmithy.map(square, [1], concurrency=concurrency)


def test_map_puts_its_calls_into_a_group() -> None:
    @env.task
    async def where(n: int) -> str:
        return current().group

    @env.task
    async def parent() -> list[str]:
        return [name async for name in tasksmithy.map(where, [1], group_name="all")]

    assert run(parent) == ["all"]


# group


@env.task
async def my_group() -> str:
    return current().group


def test_children_called_in_a_group_know_it() -> None:
    @env.task
    async def parent() -> list[str]:
        with group("outer"):
            first = await my_group()
            with group("inner"):
                second = await my_group()
        return [first, second, await my_group()]

    assert run(parent) == ["outer", "outer/inner", ""]


def test_the_group_of_a_child_is_not_that_of_its_own_children() -> None:
    @env.task
    async def child() -> str:
        return await my_group()

    @env.task
    async def parent() -> str:
        with group("outer"):
            return await child()

    assert run(parent) == ""


# timeout


def test_an_async_task_is_ended_at_its_max_runtime() -> None:
    ended: list[str] = []

    @env.task(timeout=0.05)
    async def slow() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("finally")

    with pytest.raises(TaskTimeoutError) as raised:
        run(slow)
    assert str(raised.value) == "task 't.slow' was ended after 0.05 s: its max_runtime"
    assert ended == ["finally"]


def test_an_async_task_that_blocks_beyond_its_max_runtime_has_failed() -> None:
    @env.task(timeout=0.05)
    async def blocks() -> str:
        time.sleep(0.2)
        return "done anyway"

    with pytest.raises(TaskTimeoutError, match="max_runtime"):
        run(blocks)


def test_a_result_in_spite_of_the_timeout_counts_and_is_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    @env.task(timeout=0.05)
    async def swallows() -> str:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(20)
        return "swallowed"

    assert run(swallows) == "swallowed"
    assert "reached its max_runtime of 0.05 s and went on to a result" in caplog.text


def test_each_attempt_has_the_max_runtime_for_itself() -> None:
    @env.task(timeout=0.5, retries=1)
    async def slow_at_first() -> int:
        if current().attempt == 1:
            await asyncio.sleep(60)
        return current().attempt

    assert run(slow_at_first) == 2


def test_a_timeout_of_zero_is_none() -> None:
    @env.task(timeout=0)
    async def quick() -> str:
        await asyncio.sleep(0.01)
        return "done"

    assert run(quick) == "done"


def test_the_deadline_bounds_all_attempts_together() -> None:
    attempts: list[int] = []

    @env.task(timeout=Timeout(max_runtime=0.05, deadline=0.5), retries=100)
    async def slow() -> None:
        attempts.append(current().attempt)
        await asyncio.sleep(60)

    with pytest.raises(TaskTimeoutError, match="its deadline"):
        run(slow)
    assert 1 <= len(attempts) <= 10


def test_a_deadline_that_has_passed_ends_the_task_at_once() -> None:
    past = datetime.now(UTC) - timedelta(hours=1)

    @env.task(timeout=Timeout(deadline=past))
    async def late() -> None:
        await asyncio.sleep(60)

    with pytest.raises(TaskTimeoutError, match="its deadline"):
        run(late)


def test_the_deadline_bounds_what_is_looked_up_for_the_task_too() -> None:
    ended = threading.Event()

    class Slow(TaskType):
        task_type = "slow"

        @hookimpl
        def resolve_secret(self, secret: Secret) -> str:
            ended.wait(60)
            return "late"

        @hookimpl
        async def execute(self, task: object, inputs: object, ctx: object) -> None:
            raise AssertionError("the deadline has passed")

    class SlowTask(TaskTemplate[..., Any], task_type="slow"):
        pass

    task = SlowTask(
        name="s",
        interface=NativeInterface(),
        secrets="key",
        timeout=Timeout(deadline=timedelta(seconds=0.05)),
    )
    with Registry(task_types=[Slow()]).entered(), pytest.raises(TaskTimeoutError) as caught:
        run(task)
    ended.set()
    assert caught.value.limit == "deadline"


def test_a_parent_tries_again_when_its_child_has_reached_its_deadline() -> None:
    attempts = 0

    @env.task(timeout=Timeout(deadline=timedelta(seconds=0.01)))
    async def child() -> None:
        await asyncio.sleep(60)

    @env.task(retries=1)
    async def parent() -> str:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            await child()
        return "well"

    assert run(parent) == "well"


def test_a_task_waits_for_its_place_no_longer_than_its_max_queued_time() -> None:
    @env.task
    async def occupant() -> None:
        await asyncio.sleep(60)

    @env.task(timeout=Timeout(max_queued_time=0.05))
    async def impatient() -> None: ...

    @env.task
    async def parent() -> str:
        holding = asyncio.create_task(occupant())
        await asyncio.sleep(0.01)
        try:
            await impatient()
        except TaskTimeoutError as error:
            return error.limit
        finally:
            holding.cancel()
        return "ran"

    assert with_runcontext(max_concurrency=1).run(parent) == "max_queued_time"


def test_a_timeout_error_of_the_tasks_own_is_left_alone() -> None:
    @env.task(timeout=60)
    async def own() -> None:
        raise TimeoutError("the server took too long")

    with pytest.raises(TimeoutError, match="the server") as raised:
        run(own)
    assert not isinstance(raised.value, TaskTimeoutError)


# Ending


@pytest.mark.parametrize("is_async", [True, False])
def test_sys_exit_in_a_task_fails_the_task_and_not_the_process(is_async: bool) -> None:
    async def leaves() -> None:
        raise SystemExit(3)

    def sync_leaves() -> None:
        raise SystemExit(3)

    task = env.task(leaves) if is_async else env.task(sync_leaves)
    with pytest.raises(TaskExitError, match=r"called sys.exit\(3\)"):
        run(task)


def test_a_cancelled_parent_cancels_what_it_waits_for() -> None:
    seen: list[str] = []

    @env.task
    async def child() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            seen.append("child cancelled")
            raise

    @env.task(timeout=0.05)
    async def parent() -> None:
        await asyncio.gather(child(), child())

    with pytest.raises(TaskTimeoutError):
        run(parent)
    assert seen == ["child cancelled", "child cancelled"]


def test_cancelling_reaches_through_a_sync_task_that_waits_for_its_child() -> None:
    seen: list[str] = []

    @env.task
    async def child() -> None:
        started.set()
        try:
            await asyncio.sleep(60)
        finally:
            seen.append("child")

    @env.task
    def middle() -> None:
        try:
            run(child)
        finally:
            seen.append("middle")

    @env.task
    async def parent() -> None:
        waiting = asyncio.create_task(middle.aio())
        await started.wait()
        waiting.cancel()
        await asyncio.wait([waiting])

    started = asyncio.Event()
    run(parent)
    assert sorted(seen) == ["child", "middle"]


def test_a_failing_child_that_the_parent_lets_through_cancels_its_siblings() -> None:
    seen: list[str] = []

    @env.task
    async def child(n: int) -> None:
        if n == 0:
            raise ValueError("no")
        try:
            await asyncio.sleep(60)
        finally:
            seen.append("sibling ended")

    @env.task
    async def parent() -> None:
        await asyncio.gather(child(0), child(1))

    @env.task
    async def grandparent() -> list[str]:
        with pytest.raises(ValueError, match="no"):
            await parent()
        return list(seen)

    assert run(grandparent) == ["sibling ended"]


def test_a_child_that_nobody_waits_for_ends_with_its_parent() -> None:
    seen: list[str] = []
    pending: list[asyncio.Task[None]] = []

    @env.task
    async def child() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            seen.append("child ended")

    @env.task
    async def parent() -> None:
        pending.append(asyncio.create_task(child()))
        await asyncio.sleep(0.01)

    @env.task
    async def grandparent() -> list[str]:
        await parent()
        return list(seen)

    assert run(grandparent) == ["child ended"]


def test_no_child_can_be_started_after_its_parent_has_ended() -> None:
    late: list[asyncio.Task[int]] = []

    @env.task
    async def parent() -> None:
        async def later() -> int:
            await asyncio.sleep(0.01)
            return await square(2)

        late.append(asyncio.create_task(later()))

    @env.task
    async def grandparent() -> bool:
        await parent()
        await asyncio.wait(late)
        return late[0].cancelled()

    assert run(grandparent)


def test_what_is_registered_for_the_end_of_the_run_is_called_last_come_first() -> None:
    called: list[str] = []

    @env.task
    async def child() -> None:
        context = current()
        assert context.run is not None
        context.run.at_end(lambda: called.append("child"))

    @env.task
    async def parent() -> None:
        context = current()
        assert context.run is not None
        context.run.at_end(lambda: called.append("parent"))
        await child()
        called.append("body")
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        run(parent)
    assert called == ["body", "child", "parent"]


def breaks() -> None:
    raise OSError("cannot close")


@pytest.mark.parametrize("env_vars", [{}, {"A": "process"}], ids=["in the loop", "in a process"])
def test_what_fails_at_the_end_of_the_run_is_logged_and_keeps_nothing_from_its_end(
    env_vars: dict[str, str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    @env.task(env_vars=env_vars)
    def registers(file: Path) -> str:
        context = current()
        assert context.run is not None
        context.run.at_end(file.touch)
        context.run.at_end(breaks)
        return "done"

    assert run(registers, file=tmp_path / "called") == "done"
    assert (tmp_path / "called").exists()
    assert "cannot close" in caplog.text


def test_a_plugin_has_text_masked_by_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "open-sesame")

    @env.task(secrets=Secret("token"))
    async def told() -> str:
        context = current()
        assert context.run is not None
        return context.run.mask("the token is open-sesame")

    @env.task(secrets=Secret("token"))
    def told_by_a_process() -> str:
        context = current()
        assert context.run is not None
        return context.run.mask("the token is open-sesame")

    assert run(told) == run(told_by_a_process) == "the token is ***"


# Nobody waits for what cannot come


def test_a_parent_with_children_that_overlap_gets_its_place_back_when_all_have_ended() -> None:
    @env.task
    async def work(seconds: float) -> None:
        await asyncio.sleep(seconds)

    @env.task
    async def parent() -> str:
        async def later() -> None:
            # Begins while the parent waits for its place after the first child.
            await asyncio.sleep(0.02)
            await asyncio.gather(work(0.02), work(0.01))
            await work(0.01)

        await asyncio.gather(work(0.01), later(), work(0.03))
        return "done"

    @env.task
    async def root() -> list[str]:
        return await asyncio.gather(parent(), parent(), parent())

    runner = with_runcontext(max_concurrency=1)
    assert asyncio.run(asyncio.wait_for(runner.arun(root), timeout=60)) == ["done"] * 3


@env.task
def blocks(n: int) -> int:
    time.sleep(0.001)
    return n


def test_an_async_task_that_blocks_its_loop_does_not_wait_behind_those_it_blocks() -> None:
    @env.task
    async def parent(n: int) -> int:
        return blocks(n)

    @env.task
    async def root() -> int:
        threads = (blocks.aio(n) for n in range(200))
        return sum(await asyncio.gather(*threads, parent(1), parent(2)))

    for options in ({}, {"max_concurrency": 1}):
        assert with_runcontext(**options).run(root) == sum(range(200)) + 3


def test_an_async_task_that_blocks_its_loop_does_not_wait_for_a_lock_held_there(
    tmp_path: Path,
) -> None:
    @env.task(cache=Cache(serialize=True, version_override="1"))
    def kept(n: int) -> int:
        time.sleep(0.05)
        return n

    @env.task
    async def parent() -> int:
        return kept(1)

    @env.task
    async def root() -> list[int]:
        return await asyncio.gather(kept.aio(1), parent())

    assert with_runcontext(cache_dir=tmp_path).run(root) == [1, 1]


def test_a_thread_that_is_idle_holds_nothing_of_what_it_has_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(threads, "LONGEST_IDLE", 60)

    class Large:
        def size(self) -> int:
            return 1

    async def called() -> list[weakref.ref[Large]]:
        larges = [Large() for _ in range(3)]
        await asyncio.gather(*(threads.in_thread(large.size) for large in larges))
        return [weakref.ref(large) for large in larges]

    freed = asyncio.run(called())
    end = time.monotonic() + 20
    while any(large() is not None for large in freed):
        gc.collect()
        assert time.monotonic() < end


def test_threads_that_nobody_needs_any_more_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "LONGEST_IDLE", 0.05)

    @env.task
    def down(n: int) -> int:
        return 0 if n == 0 else 1 + down(n - 1)

    before = threading.active_count()
    assert run(down, n=30) == 30
    end = time.monotonic() + 30
    while threading.active_count() > before and time.monotonic() < end:
        time.sleep(0.02)
    assert threading.active_count() <= before
