"""Tasks whose work is a job elsewhere: what is asked of its backend, and what is kept of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests import job_service
from tests.job_service import Remote, RemoteTask

from tasksmithy import (
    JobStatus,
    NativeInterface,
    Registry,
    TaskEnvironment,
    TaskTemplate,
    TaskType,
    Timeout,
    arun,
    hookimpl,
    run,
    with_runcontext,
)
from tasksmithy.errors import (
    FieldError,
    HookResultError,
    JobFailedError,
    OutputError,
    PluginContractError,
    TaskTimeoutError,
)
from tasksmithy.runtime.stores._run_store import RunStore

INTERFACE = NativeInterface.from_types({"n": int}, {"o0": str})


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    with (
        job_service.running(tmp_path / "log") as port,
        Registry(task_types=[Remote, Quick]).entered(),
    ):
        yield port


def remote(port: int, name: str = "far", **fields: Any) -> Any:
    return RemoteTask(name=name, interface=INTERFACE, port=port, **fields)


def jobs(port: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = asyncio.run(job_service.ask(port, "all"))
    return found


class QuickTask(TaskTemplate, task_type="quick"):
    """A task of a backend in this process, which does what the test says."""

    backend: Any = None


class Quick(TaskType):
    template = QuickTask

    @hookimpl
    async def submit(self, task: QuickTask, idempotency_key: str) -> Any:
        return task.backend.submit(idempotency_key)

    @hookimpl
    async def poll(self, task: QuickTask, handle: Any) -> Any:
        return task.backend.poll(handle)

    @hookimpl
    async def cancel(self, task: QuickTask, handle: Any) -> None:
        task.backend.cancel(handle)


class Backend:
    """Notes what is asked of it; `polls` are what it answers one after the other, the last on."""

    def __init__(self, *polls: Any) -> None:
        self.polls = list(polls)
        self.keys: list[str] = []
        self.polled: list[Any] = []
        self.cancelled: list[Any] = []

    def submit(self, key: str) -> Any:
        self.keys.append(key)
        return f"j{len(self.keys)}"

    def poll(self, handle: Any) -> Any:
        self.polled.append(handle)
        answer = self.polls.pop(0) if len(self.polls) > 1 else self.polls[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def cancel(self, handle: Any) -> None:
        self.cancelled.append(handle)


RUNNING = JobStatus(phase="running", poll_after=0)
DONE = JobStatus(phase="succeeded", result="r")


def quick(backend: Backend, **fields: Any) -> Any:
    return QuickTask(name="quick", interface=INTERFACE, backend=backend, **fields)


# A job and its result


def test_the_result_of_a_job_is_that_of_the_task(port: int) -> None:
    assert run(remote(port, seconds=0.1), n=7) == "7 of j0"
    assert [(job["phase"], job["asked"]) for job in jobs(port)] == [("succeeded", 1)]


def test_a_job_is_polled_until_it_has_ended(port: int) -> None:
    backend = Backend(JobStatus(phase="queued", poll_after=0), RUNNING, RUNNING, DONE)
    assert run(quick(backend), n=1) == "r"
    assert backend.polled == ["j1"] * 4
    assert backend.cancelled == []


def test_a_job_that_fails_fails_the_task_with_what_it_says(port: int) -> None:
    with pytest.raises(JobFailedError) as caught:
        run(remote(port, fails=True), n=1)
    assert str(caught.value) == "task 'far': its job {'id': 'j0'} has failed: j0 broke down"
    assert caught.value.handle == {"id": "j0"}


def test_another_attempt_has_another_job(port: int) -> None:
    backend = Backend(JobStatus(phase="failed", message="no"), DONE)
    assert run(quick(backend, retries=1), n=1) == "r"
    assert backend.polled == ["j1", "j2"]
    assert len(set(backend.keys)) == 2


def test_an_attempt_whose_submission_failed_is_made_again_with_the_same_key(port: int) -> None:
    class Refuses(Backend):
        def submit(self, key: str) -> Any:
            handle = super().submit(key)
            if len(self.keys) == 1:
                raise ConnectionResetError
            return handle

    backend = Refuses(DONE)
    assert run(quick(backend, retries=1), n=1) == "r"
    assert backend.keys[0] == backend.keys[1]


def test_polls_that_raise_are_made_again(port: int) -> None:
    backend = Backend(*[ConnectionResetError()] * 3, DONE)
    assert run(quick(backend), n=1) == "r"


def test_a_job_that_can_be_polled_no_more_is_cancelled(port: int) -> None:
    backend = Backend(ConnectionResetError("gone"))
    with pytest.raises(ConnectionResetError, match="gone"):
        run(quick(backend), n=1)
    assert (len(backend.polled), backend.cancelled) == (5, ["j1"])


def test_a_result_of_another_type_is_refused_and_another_attempt_has_another_job(
    port: int,
) -> None:
    backend = Backend(JobStatus(phase="succeeded", result=1))
    with pytest.raises(OutputError):
        run(quick(backend), n=1)
    assert backend.cancelled == []


@pytest.mark.parametrize("handle", [None, {1, 2}, float("nan")])
def test_a_handle_is_json(port: int, handle: Any) -> None:
    backend = Backend(DONE)
    backend.submit = lambda key: handle  # type: ignore[method-assign]
    with pytest.raises(HookResultError, match="a handle is JSON, and not None") as caught:
        run(quick(backend), n=1)
    assert caught.value.hook == "submit"


def test_what_is_polled_is_a_job_status(port: int) -> None:
    backend = Backend("done")
    with pytest.raises(HookResultError, match="'done'; give a tasksmithy"):
        run(quick(backend), n=1)
    assert backend.cancelled == ["j1"]


@pytest.mark.parametrize(
    "wrong", [{"phase": "done"}, {"phase": "running", "poll_after": -1}, {"phase": None}]
)
def test_a_job_status_that_is_not_allowed_says_what_is(wrong: Any) -> None:
    with pytest.raises(FieldError, match=r"'queued' or 'running' or|seconds, from 0 on"):
        JobStatus(**wrong)


def test_outside_of_a_run_a_task_is_a_job_too(port: int) -> None:
    assert asyncio.run(remote(port)(n=3)) == "3 of j0"


def test_a_task_type_with_a_part_of_the_hooks_is_refused() -> None:
    class Half(TaskType):
        task_type = "half"

        @hookimpl
        async def submit(self) -> str:
            return "j"

    with pytest.raises(PluginContractError) as caught:
        Registry(task_types=[Half]).hooks("half")
    assert "implements submit without poll, cancel; a job needs submit, poll, cancel" in str(
        caught.value
    )


def test_a_task_type_that_executes_and_submits_is_refused() -> None:
    class Both(Quick):
        template = None  # type: ignore[assignment]
        task_type = "both"

        @hookimpl
        async def execute(self) -> str:
            return "r"

    with pytest.raises(PluginContractError, match="implements execute and submit"):
        Registry(task_types=[Both]).hooks("both")


# What nobody wants is cancelled


def test_a_job_that_is_out_of_time_is_cancelled(port: int) -> None:
    with pytest.raises(TaskTimeoutError):
        run(remote(port, seconds=1000, timeout=Timeout(max_runtime=0.5)), n=1)
    assert [job["cancelled"] for job in jobs(port)] == [True]


async def cancel_once_the_job_is_there(port: int) -> None:
    call = asyncio.ensure_future(arun(remote(port, seconds=1000), n=1))
    while not await job_service.ask(port, "all"):
        await asyncio.sleep(0.01)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call


def test_a_cancelled_call_cancels_its_job(port: int) -> None:
    asyncio.run(cancel_once_the_job_is_there(port))
    assert [job["cancelled"] for job in jobs(port)] == [True]


def test_a_call_that_is_cancelled_while_it_submits_cancels_the_job_by_the_handle(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(job_service.DELAYS, "0 0.5")

    # The job is there, and the answer under way.
    asyncio.run(cancel_once_the_job_is_there(port))
    assert [job["cancelled"] for job in jobs(port)] == [True]


def test_what_another_task_has_failed_for_is_cancelled_with_the_run(port: int) -> None:
    env = TaskEnvironment(name="e")
    far, broken = remote(port, seconds=1000), remote(port, "broken", seconds=0.3, fails=True)

    @env.task
    async def main() -> None:
        await asyncio.gather(far(n=1), broken(n=2))

    with pytest.raises(JobFailedError):
        run(main)
    assert {job["value"]: job["cancelled"] for job in jobs(port)} == {1: True, 2: False}


def test_a_cancel_that_raises_is_made_again(port: int) -> None:
    class Slow(Backend):
        def cancel(self, handle: Any) -> None:
            super().cancel(handle)
            if len(self.cancelled) < 3:
                raise ConnectionResetError

    backend = Slow(RUNNING)
    with pytest.raises(TaskTimeoutError):
        run(quick(backend, timeout=Timeout(max_runtime=0.2)), n=1)
    assert backend.cancelled == ["j1"] * 3


def test_a_job_that_cannot_be_cancelled_is_named(
    port: int, caplog: pytest.LogCaptureFixture
) -> None:
    class Deaf(Backend):
        def cancel(self, handle: Any) -> None:
            raise ConnectionResetError("deaf")

    with pytest.raises(TaskTimeoutError), caplog.at_level(logging.WARNING):
        run(quick(Deaf(RUNNING), timeout=Timeout(max_runtime=0.2)), n=1)
    assert "may still run ('j1'): ConnectionResetError('deaf')" in caplog.text


# A waiting job takes no place


def test_jobs_that_wait_take_no_place(port: int) -> None:
    env = TaskEnvironment(name="e")
    far = [remote(port, f"far{n}", seconds=0.5) for n in range(20)]

    @env.task
    async def other() -> None: ...

    @env.task
    async def main() -> list[str]:
        calls = [asyncio.ensure_future(task(n=n)) for n, task in enumerate(far)]
        while len(await job_service.ask(port, "all")) < len(far):  # all of them at once
            await asyncio.sleep(0.01)
        await other()
        return await asyncio.gather(*calls)

    results = with_runcontext(max_concurrency=1).run(main)
    assert len(results) == 20


def test_a_run_on_another_executor_polls_its_jobs_itself(port: int) -> None:
    class Never:
        heeds: frozenset[str] = frozenset()

        def refuses(self, task: Any) -> str:
            return "never"

        def slots(self, task: Any) -> dict[str, int]:
            return {}

        async def perform(self, attempt: Any, host: Any) -> Any: ...

        async def close(self) -> None: ...

    assert with_runcontext(executor=Never).run(remote(port), n=2) == "2 of j0"


# What is kept of a job


def resumed(runs: Path) -> Any:
    store = RunStore(runs)
    run_id = store.runs()[0].id
    store.close()
    return with_runcontext(runs_dir=runs, resume=run_id)


def handles(runs: Path) -> list[tuple[Any, bool]]:
    store = RunStore(runs)
    try:
        return [(job.handle, job.has_ended) for job in store.jobs(store.runs()[0].id).values()]
    finally:
        store.close()


def test_the_handle_is_kept_before_the_first_poll(port: int, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    found: list[Any] = []

    class Looks(Backend):
        def poll(self, handle: Any) -> Any:
            found.extend(handles(runs))
            return super().poll(handle)

    with_runcontext(record=True, runs_dir=runs).run(quick(Looks(DONE)), n=1)
    assert found == [("j1", False)]


def test_a_job_that_has_failed_is_another_one_when_the_run_is_resumed(
    port: int, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    task = remote(port, fails=True)
    with pytest.raises(JobFailedError):
        with_runcontext(record=True, runs_dir=runs).run(task, n=1)
    with pytest.raises(JobFailedError):
        resumed(runs).run(task, n=1)
    first, second = jobs(port)
    assert first["key"] != second["key"]


def test_a_job_that_was_cancelled_is_another_one_when_the_run_is_resumed(
    port: int, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    task = remote(port, seconds=0.4)
    limited = task.override(timeout=Timeout(max_runtime=0.2))
    with pytest.raises(TaskTimeoutError):
        with_runcontext(record=True, runs_dir=runs).run(limited, n=1)
    assert resumed(runs).run(task, n=1) == "1 of j1"


def test_a_handle_with_a_secret_is_not_kept(
    port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "s3cr3t-handle")
    backend = Backend(DONE)
    backend.submit = lambda key: {"token": "s3cr3t-handle"}  # type: ignore[method-assign]
    task = quick(backend, secrets="token")
    assert with_runcontext(record=True, runs_dir=tmp_path / "runs").run(task, n=1) == "r"
    assert handles(tmp_path / "runs") == [(None, False)]
