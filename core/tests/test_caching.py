"""The cache of a run: what hits it, what misses it, what never gets into it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pydantic_core import core_schema

from tasksmithy import (
    Cache,
    Dir,
    File,
    NativeInterface,
    Registry,
    Secret,
    TaskEnvironment,
    TaskTemplate,
    TaskType,
    current,
    hookimpl,
    with_runcontext,
)
from tasksmithy.errors import ValueEncodingError
from tasksmithy.runtime._run import Runner

env = TaskEnvironment(name="t")


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    return with_runcontext(cache_dir=tmp_path)


class Counted:
    """Makes tasks of one name and source that count their calls."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    def task(self, cache: Any, **fields: Any) -> TaskTemplate[..., Any]:
        calls = self.calls

        async def square(n: int, note: str = "") -> int:
            # Through a module, as what a function closes over is part of its version.
            sys.modules[__name__].__dict__["_count"](n)
            return n * n

        globals()["_count"] = calls.append
        return env.task(cache=cache, **fields)(square)


@pytest.fixture
def counted() -> Counted:
    return Counted()


def test_other_tasks_have_their_turn_while_a_file_is_read_for_the_key(
    runner: Runner, tmp_path: Path
) -> None:
    large = tmp_path / "large"
    large.touch()
    os.truncate(large, 200_000_000)  # of which no block is on the disk
    turns = 0

    @env.task(cache="auto")
    async def size(of: File) -> str:
        return of.path

    @env.task
    async def main() -> None:
        nonlocal turns
        sizing = asyncio.create_task(size.aio(File(large)))
        while not sizing.done():
            turns += 1
            await asyncio.sleep(0.001)
        await sizing

    runner.run(main)
    assert turns > 5  # read by the loop itself, it would be one


def test_a_second_call_with_the_same_inputs_does_not_run(runner: Runner, counted: Counted) -> None:
    task = counted.task("auto")
    assert [runner.run(task, n=3), runner.run(task, n=3)] == [9, 9]
    assert counted.calls == [3]


def test_other_inputs_run(runner: Runner, counted: Counted) -> None:
    task = counted.task("auto")
    assert [runner.run(task, n=3), runner.run(task, n=4)] == [9, 16]
    assert counted.calls == [3, 4]


def test_an_input_by_default_is_the_same_as_one_given(runner: Runner, counted: Counted) -> None:
    task = counted.task("auto")
    runner.run(task, n=3)
    runner.run(task, n=3, note="")
    assert counted.calls == [3]


def test_without_a_cache_policy_every_call_runs(runner: Runner, counted: Counted) -> None:
    task = counted.task("disable")
    runner.run(task, n=3)
    runner.run(task, n=3)
    assert counted.calls == [3, 3]


def test_override_runs_and_is_hit_afterwards_by_auto(runner: Runner, counted: Counted) -> None:
    runner.run(counted.task("auto"), n=3)
    runner.run(counted.task("override"), n=3)
    assert counted.calls == [3, 3]
    runner.run(counted.task("auto"), n=3)
    assert counted.calls == [3, 3]


def test_another_salt_misses(runner: Runner, counted: Counted) -> None:
    runner.run(counted.task(Cache(salt="a")), n=3)
    runner.run(counted.task(Cache(salt="b")), n=3)
    assert counted.calls == [3, 3]


def test_another_version_misses_and_the_same_hits(runner: Runner, counted: Counted) -> None:
    for version in ("1", "2", "1"):
        runner.run(counted.task(Cache(version_override=version)), n=3)
    assert counted.calls == [3, 3]


def test_an_ignored_input_is_no_part_of_the_key(runner: Runner, counted: Counted) -> None:
    task = counted.task(Cache(ignored_inputs="note"))
    runner.run(task, n=3, note="a")
    runner.run(task, n=3, note="b")
    assert counted.calls == [3]


def test_a_result_older_than_max_age_is_made_anew(runner: Runner, counted: Counted) -> None:
    runner.run(counted.task("auto"), n=3)
    time.sleep(0.05)
    runner.run(counted.task(Cache(max_age=3600)), n=3)
    assert counted.calls == [3]
    runner.run(counted.task(Cache(max_age=0.01)), n=3)
    assert counted.calls == [3, 3]


def test_another_task_with_the_same_code_misses(runner: Runner, counted: Counted) -> None:
    runner.run(counted.task("auto"), n=3)
    other = TaskEnvironment(name="other").task(cache="auto")(counted.task("auto").func)  # type: ignore[attr-defined]
    runner.run(other, n=3)
    assert counted.calls == [3, 3]


def test_what_a_function_closes_over_is_part_of_the_key(runner: Runner) -> None:
    def adding(amount: int) -> TaskTemplate[..., Any]:
        async def add(n: int) -> int:
            return n + amount

        return env.task(cache="auto")(add)

    assert [runner.run(adding(1), n=1), runner.run(adding(2), n=1)] == [2, 3]


def test_a_failure_is_not_kept(runner: Runner) -> None:
    calls: list[int] = []

    @env.task(cache=Cache(version_override="1"))
    async def flaky() -> int:
        calls.append(1)
        if len(calls) == 1:
            raise ValueError("no")
        return len(calls)

    with pytest.raises(ValueError, match="no"):
        runner.run(flaky)
    assert runner.run(flaky) == 2


def test_one_of_many_equal_calls_runs_where_the_cache_serializes_them(runner: Runner) -> None:
    calls: list[int] = []

    @env.task(cache=Cache(serialize=True, version_override="1"))
    async def slow(n: int) -> int:
        calls.append(n)
        await asyncio.sleep(0.02)
        return n

    @env.task
    async def parent() -> list[int]:
        return await asyncio.gather(*(slow(7) for _ in range(20)))

    assert runner.run(parent) == [7] * 20
    assert calls == [7]


SERIALIZED = """
import asyncio, sys, time
from pathlib import Path
from tasksmithy import Cache, TaskEnvironment, with_runcontext

env = TaskEnvironment(name="s")

@env.task(cache=Cache(serialize=True))
async def slow(n: int) -> int:
    with open(sys.argv[1] + "/calls", "a") as file:
        file.write("x")
    await asyncio.sleep(0.5)
    return n

print(with_runcontext(cache_dir=Path(sys.argv[1])).run(slow, n=5))
"""


def test_the_same_call_from_two_processes_runs_once_where_it_is_serialized(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SERIALIZED)
    processes = [
        subprocess.Popen([sys.executable, script, tmp_path], stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    assert [process.communicate(timeout=60)[0] for process in processes] == [b"5\n", b"5\n"]
    assert (tmp_path / "calls").read_text() == "x"


BLOCKING = """
import sys, time
from pathlib import Path
from tasksmithy import Cache, TaskEnvironment, with_runcontext

env = TaskEnvironment(name="s")

@env.task(cache=Cache(serialize=True))
def slow(n: int) -> int:
    with open(sys.argv[1] + "/calls", "a") as file:
        file.write(f"{n} ")
    time.sleep(0.2)
    return n

@env.task
async def main() -> int:
    return sum(slow(n) for n in range(4))

print(with_runcontext(cache_dir=Path(sys.argv[1])).run(main))
"""


def test_calls_that_block_the_loop_of_their_caller_wait_for_other_processes(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(BLOCKING)
    command = [sys.executable, script, tmp_path]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(4)]
    assert [process.communicate(timeout=60)[0] for process in processes] == [b"6\n"] * 4
    assert (tmp_path / "calls").read_text() == "0 1 2 3 "


def test_a_call_that_blocks_the_loop_of_a_holder_waits_for_no_lock(runner: Runner) -> None:
    begun = asyncio.Event()
    serialized = Cache(serialize=True, version_override="1")

    @env.task(cache=serialized)
    def equal(n: int) -> int:
        return n

    @env.task(cache=serialized)
    async def holder(n: int) -> int:
        begun.set()
        await asyncio.sleep(0.05)
        return equal(n)

    @env.task
    async def blocks() -> int:
        await begun.wait()
        return equal(1)

    @env.task
    async def parent() -> list[int]:
        return await asyncio.gather(holder(1), blocks())

    assert runner.run(parent) == [1, 1]


def test_another_process_hits_what_this_kind_of_run_has_kept(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SERIALIZED)
    for _ in range(2):
        subprocess.run([sys.executable, script, tmp_path], check=True, capture_output=True)
    assert (tmp_path / "calls").read_text() == "x"


def test_a_task_type_says_by_its_cache_version_what_misses(runner: Runner) -> None:
    versions = iter(["1", "1", "2"])
    calls: list[int] = []

    class Versioned(TaskType):
        task_type = "versioned"

        @hookimpl
        def cache_version(self) -> str:
            return next(versions)

        @hookimpl
        async def execute(self) -> None:
            calls.append(1)

    task: TaskTemplate[..., Any] = TaskTemplate(
        name="v", task_type="versioned", interface=NativeInterface(), cache="auto"
    )
    with Registry([], task_types=[Versioned]).entered():
        for _ in range(3):
            runner.run(task)
    assert len(calls) == 2


def test_a_result_that_holds_a_secret_is_not_kept(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "open-sesame")
    calls: list[int] = []

    @env.task(cache=Cache(version_override="1"), secrets=Secret("token"))
    async def leaky() -> list[str]:
        calls.append(1)
        return list(current().secrets.values())

    assert [runner.run(leaky), runner.run(leaky)] == [["open-sesame"], ["open-sesame"]]
    assert len(calls) == 2


def test_an_input_that_cannot_be_a_key_is_told_with_what_to_do(runner: Runner) -> None:
    @env.task(cache="auto")
    async def call(func: Callable[[], int], n: int) -> int:
        return func()

    with pytest.raises(ValueEncodingError) as raised:
        runner.run(call, func=(n for n in [1]).__next__, n=1)
    message = str(raised.value)
    assert message.startswith("input 'func' of task 't.call' is <method-wrapper")
    assert message.endswith("or leave it out of the cache key, by Cache(ignored_inputs='func')")


def test_a_file_of_the_inputs_that_is_missing_is_told_and_no_way_round_it(
    runner: Runner, tmp_path: Path
) -> None:
    @env.task(cache="auto")
    async def read(files: list[File]) -> str:
        return files[0].read_text()

    missing = str(tmp_path / "missing.csv")
    with pytest.raises(ValueEncodingError) as raised:
        runner.run(read, files=[File(missing)])
    assert str(raised.value) == (
        f"input 'files' of task 't.read', at [0], is {File(missing)!r}, whose content cannot be "
        f"read ([Errno 2] No such file or directory: {missing!r})"
    )


def test_a_result_that_cannot_be_kept_is_told_with_its_task_and_what_to_do(runner: Runner) -> None:
    @env.task(cache="auto")
    def lock() -> dict[str, Any]:
        return {"lock": threading.Lock()}

    with pytest.raises(ValueEncodingError) as raised:
        runner.run(lock)
    message = str(raised.value)
    assert message.startswith("the result of task 't.lock', at ['lock'], is <unlocked _thread.lock")
    assert message.endswith('or do without a cache for this task: cache="disable"')


# What a function can see of its inputs


def shown(runner: Runner, task: TaskTemplate[..., Any], *inputs: Any) -> list[Any]:
    return [runner.run(task, of=each) for each in inputs]


def test_the_order_of_a_dict_is_part_of_the_key(runner: Runner) -> None:
    @env.task(cache="auto")
    def order(of: dict[str, int]) -> list[str]:
        return list(of)

    assert shown(runner, order, {"a": 1, "b": 2}, {"b": 2, "a": 1}) == [["a", "b"], ["b", "a"]]


def test_the_name_of_a_file_is_part_of_the_key(runner: Runner, tmp_path: Path) -> None:
    @env.task(cache="auto")
    def name(of: File) -> str:
        return Path(of.path).name

    for each in ("x", "y"):
        (tmp_path / each).write_text("same")
    assert shown(runner, name, File(tmp_path / "x"), File(tmp_path / "y")) == ["x", "y"]


@dataclass
class Reading:
    value: int
    source: str = field(default="", compare=False)


def test_a_field_that_does_not_compare_is_part_of_the_key(runner: Runner) -> None:
    @env.task(cache="auto")
    def source(of: Reading) -> str:
        return of.source

    assert shown(runner, source, Reading(1, "a"), Reading(1, "b")) == ["a", "b"]


# Results that are references


@pytest.mark.parametrize("kind", [File, Dir])
def test_a_kept_file_that_another_call_has_overwritten_is_made_anew(
    runner: Runner, tmp_path: Path, kind: Any
) -> None:
    out = tmp_path / "out"
    out.mkdir()

    def write(n: int) -> Any:
        (out / "out.csv").write_text(f"value {n}")  # always of the same size
        return kind(out / "out.csv" if kind is File else out)

    write.__annotations__["return"] = kind
    task = env.task(cache="auto")(write)
    found = [runner.run(task, n=n) and (out / "out.csv").read_text() for n in (1, 2, 1, 1)]
    assert found == ["value 1", "value 2", "value 1", "value 1"]


def test_a_kept_result_that_its_type_does_not_allow_any_more_is_made_anew(
    runner: Runner, caplog: pytest.LogCaptureFixture
) -> None:
    limit = 10

    class Small:
        @classmethod
        def __get_pydantic_core_schema__(cls, *_: Any) -> Any:
            return core_schema.int_schema(le=limit)

    results = iter([9, 1])

    def small() -> Any:
        return next(results)

    small.__annotations__["return"] = Small
    runner.run(env.task(cache=Cache(version_override="1"))(small))
    limit = 5

    class Small:  # type: ignore[no-redef]
        @classmethod
        def __get_pydantic_core_schema__(cls, *_: Any) -> Any:
            return core_schema.int_schema(le=limit)

    small.__annotations__["return"] = Small
    assert runner.run(env.task(cache=Cache(version_override="1"))(small)) == 1
    assert "the kept result of task 't.small' is made anew" in caplog.text


@pytest.mark.parametrize("remove", [True, False])
def test_a_kept_file_that_is_gone_is_made_anew(
    runner: Runner, tmp_path: Path, caplog: pytest.LogCaptureFixture, remove: bool
) -> None:
    written: list[Path] = []

    @env.task(cache=Cache(behavior="auto", version_override="1"))
    async def report() -> dict[str, list[File]]:
        written.append(tmp_path / "report.txt")
        written[-1].write_text("report")
        return {"parts": [File(written[-1])]}

    runner.run(report)
    if remove:
        written[0].unlink()
    assert runner.run(report)["parts"][0].read_bytes() == b"report"
    assert len(written) == (2 if remove else 1)
    assert ("report.txt') is not there any more" in caplog.text) == remove
