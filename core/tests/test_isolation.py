"""What a task gets for itself: a process, an environment, secrets; and what it does not get."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.processes import is_alive

from tasksmithy import (
    Registry,
    Resources,
    Secret,
    TaskEnvironment,
    TaskTimeoutError,
    current,
    run,
    with_runcontext,
)
from tasksmithy.errors import InlineSizeError, NotShippableError, SecretNotFoundError
from tasksmithy.extend import AsyncFunctionTaskTemplate, TaskPluginRegistry

env = TaskEnvironment(name="t")


def eventually(condition: Callable[[], bool], seconds: float = 20) -> bool:
    """Whether the condition comes true before a busy machine would be excused."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


# Processes


def test_a_sync_task_with_a_timeout_runs_in_a_process_of_its_own() -> None:
    @env.task(timeout=60)
    def where() -> int:
        return os.getpid()

    assert run(where) != os.getpid()


def test_a_sync_task_without_a_timeout_runs_in_this_process() -> None:
    @env.task
    def where() -> int:
        return os.getpid()

    assert run(where) == os.getpid()


def test_the_timeout_of_a_sync_task_ends_its_process_and_what_that_has_started(
    tmp_path: Path,
) -> None:
    @env.task
    def stuck(file: Path) -> None:
        child = subprocess.Popen(["sleep", "600"])
        file.write_text(f"{os.getpid()} {child.pid}")
        while True:
            time.sleep(1)

    file = tmp_path / "pids"
    for seconds in (1, 5, 30):  # a busy machine may not come so far in a second
        with pytest.raises(TaskTimeoutError, match="its max_runtime"):
            run(stuck.override(timeout=seconds), file)
        if file.exists():
            break
    pids = [int(pid) for pid in file.read_text().split()]
    assert len(pids) == 2
    assert eventually(lambda: not any(map(is_alive, pids)))


def test_a_task_in_a_process_calls_children_that_belong_to_the_run() -> None:
    @env.task
    async def child(n: int) -> tuple[int, str, int]:
        return n * 2, current().run_id, os.getpid()

    @env.task(timeout=60)
    def parent() -> tuple[int, bool, int]:
        result, run_id, pid = run(child, 4)
        return result, run_id == current().run_id, pid

    assert run(parent) == (8, True, os.getpid())


def test_an_error_comes_out_of_a_process_as_the_type_it_was_raised_as() -> None:
    @env.task(timeout=60)
    def broken() -> None:
        raise KeyError("there")

    with pytest.raises(KeyError, match="there"):
        run(broken)


def test_what_cannot_be_shipped_to_a_process_is_told() -> None:
    @env.task(timeout=60)
    def take(values: Any) -> None: ...

    with pytest.raises(NotShippableError, match=r"'t\.take'.*'values'"):
        run(take, values=(n for n in range(3)))


# Environment


def test_the_env_vars_of_a_sync_task_are_in_its_own_environment() -> None:
    @env.task(env_vars={"FLAVOUR": "mint"})
    def flavour() -> str:
        return os.environ["FLAVOUR"]

    assert run(flavour) == "mint"
    assert "FLAVOUR" not in os.environ


def test_the_env_vars_of_an_async_task_are_in_the_context() -> None:
    @env.task(env_vars={"FLAVOUR": "mint"})
    async def flavour() -> str:
        return current().env_vars["FLAVOUR"]

    assert run(flavour) == "mint"


def test_an_async_task_with_env_vars_is_told_once_where_they_are(
    caplog: pytest.LogCaptureFixture,
) -> None:
    @env.task(env_vars={"FLAVOUR": "mint"})
    async def flavour() -> None: ...

    @env.task
    async def parent() -> None:
        await flavour()
        await flavour()

    run(parent)
    [record] = caplog.records
    assert "'t.flavour' is async and shares this process's environment" in record.getMessage()


# Secrets


@pytest.fixture
def token(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("TEAM_TOKEN", "open-sesame")
    return "open-sesame"


def test_a_secret_is_in_the_environment_of_a_sync_task(token: str) -> None:
    @env.task(secrets=Secret("token", group="team", as_env_var="MY_TOKEN"))
    def mine() -> str:
        return os.environ["MY_TOKEN"]

    assert run(mine) == token
    assert "MY_TOKEN" not in os.environ


def test_a_secret_is_in_the_context_of_an_async_task(token: str) -> None:
    secret = Secret("token", group="team")

    @env.task(secrets=secret)
    async def mine() -> str:
        return current().secrets[secret]

    assert run(mine) == token


def test_a_mounted_secret_is_a_file_while_the_task_runs(token: str) -> None:
    @env.task(secrets=Secret("token", group="team", mount="/etc/app/token.txt"))
    async def mine() -> tuple[str, str]:
        file = Path(current().env_vars["TASKSMITHY_SECRETS_ROOT"]) / "etc/app/token.txt"
        return file.read_text(), str(file)

    text, file = run(mine)
    assert text == token
    assert not Path(file).exists()


def test_a_secret_that_nothing_knows_is_told_with_where_it_was_looked_for() -> None:
    @env.task(secrets=Secret("nowhere"))
    async def mine() -> None: ...

    with pytest.raises(SecretNotFoundError, match="NOWHERE"):
        run(mine)


def test_a_secret_is_masked_in_what_is_logged(token: str, caplog: pytest.LogCaptureFixture) -> None:
    @env.task(secrets=Secret("token", group="team"))
    async def mine() -> None:
        [value] = current().secrets.values()
        current().logger.error("the token is %s", value)

    run(mine)
    assert caplog.messages[-1] == "the token is ***"


def test_a_secret_is_masked_where_the_error_of_the_run_is_printed(
    token: str, capsys: pytest.CaptureFixture[str]
) -> None:
    @env.task(secrets=Secret("token", group="team"))
    async def mine() -> None:
        [value] = current().secrets.values()
        raise ValueError(f"no entry for {value}")

    with pytest.raises(ValueError, match=f"no entry for {token}") as caught:
        run(mine)
    sys.excepthook(caught.type, caught.value, caught.tb)
    printed = capsys.readouterr().err
    assert "ValueError: no entry for ***" in printed
    assert token not in printed


def test_a_secret_is_masked_in_the_record_of_the_run(token: str, tmp_path: Path) -> None:
    @env.task(secrets=Secret("token", group="team"), retries=1)
    async def mine(n: int) -> str:
        [value] = current().secrets.values()
        if current().attempt == 1:
            raise ValueError(value)
        return value

    assert with_runcontext(runs_dir=tmp_path, record=True).run(mine, n=1) == token
    files = list(tmp_path.glob("runs-1.db*"))
    assert files
    for file in files:
        assert token.encode() not in file.read_bytes()


# Bounds


def test_an_input_larger_than_may_be_passed_inline_is_refused() -> None:
    @env.task(max_inline_io_bytes=100)
    async def read(text: str) -> int:
        return len(text)

    assert run(read, text="x" * 50) == 50
    with pytest.raises(InlineSizeError, match=r"'t\.read'.*'text'"):
        run(read, text="x" * 101)


def test_an_output_larger_than_may_be_passed_inline_is_refused() -> None:
    @env.task(max_inline_io_bytes=100)
    async def write(n: int) -> str:
        return "x" * n

    with pytest.raises(InlineSizeError, match=r"'t\.write'"):
        run(write, n=101)


# What is not heeded


def test_what_a_local_run_does_not_heed_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    far = TaskEnvironment(name="far", resources=Resources(cpu=1), queue="gpu", image="busybox:1")

    @far.task
    async def step(n: int) -> int:
        return n

    @env.task
    async def parent() -> int:
        return await step(1) + await step(2)

    run(parent)
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage() == (
        "task 'far.step' declares image, queue, resources (honoured with --respect-resources), "
        "which a local run ignores"
    )


class Debuggable(AsyncFunctionTaskTemplate[..., Any], task_type="debuggable"):
    debuggable: bool = True
    resources: Resources | None = Resources(cpu=1)
    image: Any = "spark:3"
    reusable: Any = None


@dataclass
class Settings:
    pass


def test_what_a_class_declares_for_all_of_its_tasks_is_not_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with Registry().entered():
        TaskPluginRegistry.register(Settings, Debuggable)

        @TaskEnvironment(name="t", plugin_config=Settings()).task
        async def quiet() -> None: ...

        run(quiet)
        assert caplog.records == []
        run(quiet.override(queue="gpu"))
    assert [each.getMessage() for each in caplog.records] == [
        "task 't.quiet' declares queue, which a local run ignores"
    ]


def test_respected_resources_are_not_said_to_be_in_vain(caplog: pytest.LogCaptureFixture) -> None:
    @TaskEnvironment(name="far", resources=Resources(cpu=1)).task
    async def step() -> None: ...

    with_runcontext(respect_resources=True).run(step)
    assert caplog.records == []


# Ctrl-C

INTERRUPTED = """
import asyncio, os, signal, subprocess, sys, time
from pathlib import Path
from tasksmithy import TaskEnvironment

env = TaskEnvironment(name="i")
here = Path(__file__).parent

@env.task
async def asynchronous() -> None:
    try:
        (here / "async").touch()
        await asyncio.sleep(600)
    except asyncio.CancelledError:
        (here / "async-cancelled").touch()
        raise

@env.task(timeout=600)
def in_process() -> None:
    child = subprocess.Popen(["sleep", "600"])
    (here / "pids").write_text(f"{os.getpid()} {child.pid}")
    while True:
        time.sleep(1)

@env.task
def stuck() -> None:
    (here / "stuck").touch()
    while True:
        time.sleep(1)

@env.task
async def main(with_stuck: bool = False) -> None:
    tasks = [asynchronous(), in_process.aio()]
    if with_stuck:
        tasks.append(stuck.aio())
    await asyncio.gather(*tasks)
"""


@pytest.mark.parametrize("with_stuck", [False, True])
def test_ctrl_c_ends_a_run_cleanly(tmp_path: Path, with_stuck: bool) -> None:
    file = tmp_path / "pipeline.py"
    file.write_text(INTERRUPTED)
    words = ["run", str(file), "main", *(["--with-stuck"] if with_stuck else [])]
    process = subprocess.Popen(
        [sys.executable, "-m", "tasksmithy", *words], stderr=subprocess.PIPE, text=True
    )
    pids = tmp_path / "pids"
    begun = [tmp_path / "async", pids, *([tmp_path / "stuck"] if with_stuck else [])]
    assert eventually(lambda: all(each.exists() for each in begun) and pids.read_text() != "")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert (tmp_path / "async-cancelled").exists()
    started = [int(pid) for pid in pids.read_text().split()]
    assert eventually(lambda: not any(map(is_alive, started)))


# Processes that a task, or a program, forks


def forked(call: Callable[..., Any], *args: Any) -> Any:
    """What `call` returns in a process that is forked here."""
    with multiprocessing.get_context("fork").Pool(1) as pool:
        return pool.apply_async(call, args).get(timeout=20)


@env.task
def following(n: int) -> int:
    return n + 1


def run_following(n: int) -> int:
    return run(following, n=n)


def call_following(n: int) -> tuple[int, bool]:
    return following(n), bool(current())


def test_a_forked_process_runs_sync_tasks_after_its_parent_has() -> None:
    assert run(following, n=0) == 1
    time.sleep(0.2)  # until the thread of the task is idle
    assert forked(run_following, 1) == 2


def test_in_a_process_that_a_task_forks_a_task_is_a_function_and_a_run_is_one_of_its_own() -> None:
    @env.task
    def forks() -> list[Any]:
        return [forked(call_following, 1), forked(run_following, 2)]

    @env.task
    async def forks_in_the_loop() -> list[Any]:
        return [forked(call_following, 1), forked(run_following, 2)]

    assert run(forks) == run(forks_in_the_loop) == [(2, False), 3]
