"""Recorded runs, and going on with them: what has a result is not run again."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest

from tasksmithy import (
    Cache,
    File,
    NativeInterface,
    Registry,
    TaskEnvironment,
    TaskTemplate,
    TaskType,
    hookimpl,
    with_runcontext,
)
from tasksmithy.errors import ResumeError, UnknownRunError
from tasksmithy.runtime.stores._run_store import RunStore

env = TaskEnvironment(name="t")


def only_run(folder: Path) -> Any:
    store = RunStore(folder)
    [run] = store.runs()
    details = store.show(run.id)
    store.close()
    return details


@env.task
async def square(n: int) -> int:
    return n * n


@env.task
async def sum_of_squares(n: int) -> int:
    return sum(await asyncio.gather(*(square(i) for i in range(n))))


def test_a_run_is_not_recorded_unless_it_is_asked_for(tmp_path: Path) -> None:
    with_runcontext(runs_dir=tmp_path).run(square, n=2)
    assert list(tmp_path.iterdir()) == []


def test_a_recorded_run_has_a_record_of_each_execution(tmp_path: Path) -> None:
    with_runcontext(runs_dir=tmp_path, record=True).run(sum_of_squares, n=2)
    run, tasks = only_run(tmp_path)
    assert (run.task, run.status) == ("t.sum_of_squares", "succeeded")
    assert sorted((task.task, task.inputs) for task in tasks) == [
        ("t.square", "n=0"),
        ("t.square", "n=1"),
        ("t.sum_of_squares", "n=2"),
    ]
    [root] = [task for task in tasks if task.parent is None]
    assert {task.parent for task in tasks} == {None, root.key}


def test_a_record_tells_the_attempts_and_their_errors(tmp_path: Path) -> None:
    @env.task(retries=1)
    async def broken() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        with_runcontext(runs_dir=tmp_path, record=True).run(broken)
    run, [task] = only_run(tmp_path)
    assert (run.status, task.status) == ("failed", "failed")
    assert [(each.number, each.error) for each in task.attempts] == [
        (1, "ValueError: no"),
        (2, "ValueError: no"),
    ]


class Pipeline:
    """What the tasks below do: they count their calls, and the last one fails until it is mended.

    Attributes:
        calls: what the tasks were called with.
        is_mended: whether all of them succeed.
    """

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.is_mended = False


# What a module or a closure holds would be part of the identity of the tasks.
now: ContextVar[Pipeline] = ContextVar("pipeline")


@pytest.fixture(autouse=True)
def pipeline() -> Iterator[Pipeline]:
    token = now.set(made := Pipeline())
    yield made
    now.reset(token)


@env.task
async def step(n: int) -> int:
    now.get().calls.append(n)
    return n * 10


@env.task
def sync_step(n: int) -> int:
    now.get().calls.append(f"sync {n}")
    return n


@env.task
async def append(to: File, text: str) -> None:
    now.get().calls.append(text)
    with to.open("ab") as file:
        file.write(text.encode())


@env.task
async def write(to: File) -> str:
    await append(to, "a")
    await append(to, "b")
    if not now.get().is_mended:
        raise RuntimeError("not mended")
    return to.read_text()


def test_a_run_goes_on_with_a_file_that_it_has_written(tmp_path: Path) -> None:
    runs, out = tmp_path / "runs", File(tmp_path / "out.txt")
    with pytest.raises(RuntimeError, match="not mended"):
        with_runcontext(runs_dir=runs, record=True).run(write, to=out)
    now.get().is_mended = True
    run_id = only_run(runs).run.id
    assert with_runcontext(runs_dir=runs, resume=run_id).run(write, to=out) == "ab"
    assert now.get().calls == ["a", "b"]


@env.task
async def main(note: str = "") -> int:
    parts = await asyncio.gather(step(1), step(2), step(1))
    last = sync_step(3)
    if not now.get().is_mended:
        raise RuntimeError("not yet")
    return sum(parts) + last


def failed_run(folder: Path) -> str:
    with pytest.raises(RuntimeError, match="not yet"):
        with_runcontext(runs_dir=folder, record=True).run(main)
    now.get().is_mended = True
    run_id: str = only_run(folder).run.id
    return run_id


def test_a_resumed_run_does_not_run_a_finished_task_again(tmp_path: Path) -> None:
    run_id = failed_run(tmp_path)
    before = list(now.get().calls)
    assert with_runcontext(runs_dir=tmp_path, resume=run_id).run(main) == 43
    assert now.get().calls == before


def test_a_resumed_run_keeps_its_id_and_its_record(tmp_path: Path) -> None:
    run_id = failed_run(tmp_path)
    with_runcontext(runs_dir=tmp_path, resume=run_id).run(main)
    run, tasks = only_run(tmp_path)
    assert (run.id, run.status) == (run_id, "succeeded")
    assert sorted(task.status for task in tasks) == ["resumed"] * 4 + ["succeeded"]


def test_a_resumed_run_keeps_when_and_how_long_its_finished_tasks_ran(tmp_path: Path) -> None:
    run_id = failed_run(tmp_path)
    before = {task.key: task for task in only_run(tmp_path).tasks}
    with_runcontext(runs_dir=tmp_path, resume=run_id).run(main)
    after = [task for task in only_run(tmp_path).tasks if task.status == "resumed"]
    assert after == [before[task.key]._replace(status="resumed") for task in after]


def test_the_time_before_a_run_was_resumed_is_none_of_its_time(tmp_path: Path) -> None:
    run_id = failed_run(tmp_path)
    first = only_run(tmp_path).run
    time.sleep(1)
    with_runcontext(runs_dir=tmp_path, resume=run_id).run(main)
    run = only_run(tmp_path).run
    assert run.started == first.started
    assert run.paused > 1
    assert run.seconds == pytest.approx(run.ended - run.started - run.paused)
    [root] = [task for task in only_run(tmp_path).tasks if task.parent is None]
    assert root.seconds is not None
    assert root.ended - root.started > 1 > root.seconds


def test_a_resumed_run_keeps_the_attempts_that_failed_before(tmp_path: Path) -> None:
    run_id = failed_run(tmp_path)
    now.get().is_mended = False
    with pytest.raises(RuntimeError, match="not yet"):
        with_runcontext(runs_dir=tmp_path, resume=run_id).run(main)
    now.get().is_mended = True
    with_runcontext(runs_dir=tmp_path, resume=run_id).run(main)
    [root] = [task for task in only_run(tmp_path).tasks if task.parent is None]
    failure = "RuntimeError: not yet"
    assert [each.error for each in root.attempts] == [failure, failure, None]
    assert (root.status, root.error) == ("succeeded", None)
    assert "raise RuntimeError" in str(root.traceback)


def test_a_failed_task_runs_again_in_a_resumed_run(tmp_path: Path) -> None:
    run_id = failed_run(tmp_path)
    now.get().is_mended = False
    with pytest.raises(RuntimeError, match="not yet"):
        with_runcontext(runs_dir=tmp_path, resume=run_id).run(main)


def test_a_finished_run_gives_its_result_again(tmp_path: Path) -> None:
    with_runcontext(runs_dir=tmp_path, record=True).run(sum_of_squares, n=3)
    run_id = only_run(tmp_path).run.id
    assert with_runcontext(runs_dir=tmp_path, resume=run_id).run(sum_of_squares, n=3) == 5


def test_a_run_is_not_resumed_with_other_inputs(tmp_path: Path) -> None:
    run_id = failed_run(tmp_path)
    before = list(now.get().calls)
    with pytest.raises(ResumeError) as refused:
        with_runcontext(runs_dir=tmp_path, resume=run_id).run(main, note="other")
    assert str(refused.value) == (
        f"run {run_id} cannot be resumed: it began with another value of 'note'; start a new run "
        f"for these inputs (`tasksmithy runs show {run_id}` tells what it began with)"
    )
    assert now.get().calls == before
    assert only_run(tmp_path).run.status == "failed"


def test_an_input_by_default_is_the_same_as_one_given_when_a_run_is_resumed(tmp_path: Path) -> None:
    run_id = failed_run(tmp_path)
    assert with_runcontext(runs_dir=tmp_path, resume=run_id).run(main, note="") == 43


def test_a_task_that_declares_its_version_is_kept_whatever_its_code(tmp_path: Path) -> None:
    calls: list[int] = []  # part of the code, as it is in the closure

    @env.task(cache=Cache("disable", version_override="1"))
    async def counted() -> int:
        calls.append(1)
        return len(calls)

    with_runcontext(runs_dir=tmp_path, record=True).run(counted)
    run_id = only_run(tmp_path).run.id
    assert with_runcontext(runs_dir=tmp_path, resume=run_id).run(counted) == 1


def test_a_task_type_that_cannot_tell_its_version_is_recorded_and_kept(tmp_path: Path) -> None:
    calls: list[int] = []

    class Unversioned(TaskType):
        task_type = "unversioned"

        @hookimpl
        def cache_version(self) -> str:
            raise RuntimeError("no idea")

        @hookimpl
        async def execute(self) -> None:
            calls.append(1)

    task: TaskTemplate[..., Any] = TaskTemplate(
        name="u", task_type="unversioned", interface=NativeInterface()
    )
    with Registry([], task_types=[Unversioned]).entered():
        with_runcontext(runs_dir=tmp_path, record=True).run(task)
        with_runcontext(runs_dir=tmp_path, resume=only_run(tmp_path).run.id).run(task)
    assert calls == [1]


def test_a_retried_attempt_makes_its_calls_anew(tmp_path: Path) -> None:
    calls: list[int] = []

    @env.task
    async def step(n: int) -> int:
        calls.append(n)
        return n

    @env.task(retries=1)
    async def main() -> int:
        result = await step(1)
        if len(calls) == 1:
            raise ValueError("once more")
        return result

    assert with_runcontext(runs_dir=tmp_path, record=True).run(main) == 1
    assert calls == [1, 1]


def test_a_run_that_is_not_there_cannot_be_resumed(tmp_path: Path) -> None:
    with pytest.raises(UnknownRunError, match="r123"):
        with_runcontext(runs_dir=tmp_path, resume="r123").run(square, n=2)


def test_a_run_of_another_task_cannot_be_resumed(tmp_path: Path) -> None:
    with_runcontext(runs_dir=tmp_path, record=True).run(square, n=2)
    run_id = only_run(tmp_path).run.id
    with pytest.raises(ResumeError, match=r"is one of task 't\.square'"):
        with_runcontext(runs_dir=tmp_path, resume=run_id).run(sum_of_squares, n=2)


def test_a_cached_result_is_recorded_as_that(tmp_path: Path) -> None:
    @env.task(cache="auto")
    async def kept() -> int:
        return 1

    for _ in range(2):
        with_runcontext(runs_dir=tmp_path, cache_dir=tmp_path, record=True).run(kept)
    store = RunStore(tmp_path)
    assert [store.show(run.id).tasks[0].status for run in store.runs()] == ["cached", "succeeded"]
    store.close()


PIPELINE = """
import asyncio
from pathlib import Path
from tasksmithy import TaskEnvironment

env = TaskEnvironment(name="p")
here = Path(__file__).parent


@env.task
async def step(n: int) -> int:
    with (here / "calls").open("a") as file:
        file.write(f"{n} ")
    return n


@env.task
async def main(n: int, note: str = "") -> int:
    total = sum(await asyncio.gather(*(step(i) for i in range(n))))
    if not (here / "mended").exists():
        raise RuntimeError("not yet")
    return total
"""


def tasksmithy(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tasksmithy", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=os.environ | {"XDG_STATE_HOME": str(folder)},
    )


def test_the_command_line_records_and_resumes_with_the_inputs_of_the_record(tmp_path: Path) -> None:
    file = tmp_path / "now.get().py"
    file.write_text(PIPELINE)
    failed = tasksmithy(tmp_path, "run", str(file), "main", "--n", "4", "--note", "two words")
    assert failed.returncode == 1
    [run] = json.loads(tasksmithy(tmp_path, "runs", "list", "--json").stdout)
    assert (run["status"], run["inputs"]) == ("failed", "--n 4 --note 'two words'")
    (tmp_path / "mended").touch()
    resumed = tasksmithy(tmp_path, "run", "--resume", run["id"][:6])
    assert (resumed.stdout, resumed.returncode) == ("6\n", 0), resumed.stderr
    assert sorted((tmp_path / "calls").read_text().split()) == ["0", "1", "2", "3"]


@pytest.fixture
def failed(tmp_path: Path) -> str:
    """The id of a run of the command line that failed at its end, and would not fail again."""
    file = tmp_path / "now.get().py"
    file.write_text(PIPELINE)
    tasksmithy(tmp_path, "run", str(file), "main", "--n", "2")
    (tmp_path / "mended").touch()
    [run] = json.loads(tasksmithy(tmp_path, "runs", "list", "--json").stdout)
    run_id: str = run["id"]
    return run_id


def test_a_resumed_run_tells_how_many_results_it_has(failed: str, tmp_path: Path) -> None:
    resumed = tasksmithy(tmp_path, "run", "--resume", failed)
    assert resumed.stderr.startswith(f"run {failed} goes on: 2 results are kept\n")


def test_a_resumed_run_tells_how_many_results_it_lacks(failed: str, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "tasksmithy" / "runs-1.db")) as connection:
        connection.execute("UPDATE task SET format = NULL WHERE inputs = 'n=0'")
        connection.commit()
    resumed = tasksmithy(tmp_path, "run", "--resume", failed)
    assert resumed.stderr.startswith(
        f"run {failed} goes on: 1 result is kept, 1 could not be kept and will be made again\n"
    )
    assert resumed.stdout == "1\n"


def test_machines_are_told_of_both(failed: str, tmp_path: Path) -> None:
    resumed = tasksmithy(tmp_path, "run", "--json", "--resume", failed)
    first = json.loads(resumed.stderr.splitlines()[0])
    assert (first["event"], first["run_id"]) == ("run_started", failed)
    assert (first["kept"], first["lost"]) == (2, 0)


def test_a_finished_task_whose_code_has_changed_runs_again_with_one_line_that_says_so(
    failed: str, tmp_path: Path
) -> None:
    edited = PIPELINE.replace("return n\n", "return n + 10\n")
    (tmp_path / "now.get().py").write_text(edited)
    resumed = tasksmithy(tmp_path, "run", "--resume", failed)
    assert (resumed.stdout, resumed.returncode) == ("21\n", 0), resumed.stderr
    assert resumed.stderr.count(f"'p.step' has changed since it ran in run {failed}") == 1
    assert sorted((tmp_path / "calls").read_text().split()) == ["0", "0", "1", "1"]


def test_an_edit_of_a_task_that_has_not_finished_leaves_the_finished_ones_alone(
    failed: str, tmp_path: Path
) -> None:
    edited = PIPELINE.replace("return total\n", "return total + 10\n")
    (tmp_path / "now.get().py").write_text(edited)
    resumed = tasksmithy(tmp_path, "run", "--resume", failed)
    assert (resumed.stdout, resumed.returncode) == ("11\n", 0), resumed.stderr
    assert "has changed" not in resumed.stderr
    assert sorted((tmp_path / "calls").read_text().split()) == ["0", "1"]


def test_the_command_line_refuses_to_resume_what_is_not_there(tmp_path: Path) -> None:
    result = tasksmithy(tmp_path, "run", "--resume", "r9")
    assert result.returncode == 2
    assert result.stderr.startswith("error: ")


def test_the_command_line_refuses_a_file_beside_resume(tmp_path: Path) -> None:
    result = tasksmithy(tmp_path, "run", "--resume", "r9", "file.py")
    assert result.returncode == 2
    assert "--resume has the file and the inputs from the record" in result.stderr


class Connection:
    """A value without an identity."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lock = threading.Lock()


def test_calls_with_an_input_that_has_no_identity_run_again(tmp_path: Path) -> None:
    log = tmp_path / "log"  # a list would be part of the version of who closes over it
    log.touch()

    @env.task
    async def fetch(of: Connection) -> str:
        log.write_text(log.read_text() + f"{of.name} ")
        return f"rows of {of.name}"

    @env.task
    async def main() -> dict[str, str]:
        is_first = not log.read_text()
        names = ["sales", "hr"] if is_first else ["hr", "sales"]
        rows = {name: await fetch(Connection(name)) for name in names}
        if is_first:
            raise RuntimeError("not yet")
        return rows

    runs = tmp_path / "runs"
    with pytest.raises(RuntimeError, match="not yet"):
        with_runcontext(runs_dir=runs, record=True).run(main)
    resumed = with_runcontext(runs_dir=runs, resume=only_run(runs).run.id)
    assert resumed.run(main) == {"hr": "rows of hr", "sales": "rows of sales"}
    assert log.read_text() == "sales hr hr sales "
