"""Ctrl-C and its kin: what they do to `tasksmithy run`, and what is left afterwards."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from core.tests.conftest import CommandLine
from tests.processes import is_alive

PIPELINE = """
import asyncio
import multiprocessing
import subprocess
import time
from pathlib import Path

from tasksmithy import Secret, TaskEnvironment

env = TaskEnvironment(name="p")
here = Path(__file__).parent


@env.task
async def sleeps() -> None:
    try:
        (here / "begun-sleeps").touch()
        await asyncio.sleep(600)
    finally:
        (here / "tidied").touch()


@env.task
async def holds_on() -> None:
    while True:
        try:
            (here / "begun-holds_on").touch()
            await asyncio.sleep(600)
        except asyncio.CancelledError:
            (here / "cancelled").touch()


@env.task
def blocks() -> None:
    (here / "begun-blocks").touch()
    while True:
        time.sleep(1)


def forever() -> None:
    time.sleep(600)


@env.task
def forks() -> None:
    process = multiprocessing.get_context("fork").Process(target=forever)
    process.start()
    time.sleep(0.3)
    process.terminate()
    process.join(20)
    process.kill()
    assert process.exitcode == -15, process.exitcode


@env.task
def runs_a_program() -> None:
    program = subprocess.Popen(["sleep", "600"])
    (here / "begun-runs_a_program").write_text(str(program.pid))
    program.wait()


@env.task(timeout=600)
def has_a_process() -> None:
    program = subprocess.Popen(["sleep", "600"])
    (here / "begun-has_a_process").write_text(str(program.pid))
    program.wait()


@env.task
async def calls_without_await() -> None:
    blocks()


@env.task
async def fails_beside_a_program() -> None:
    async def fail() -> None:
        while not (here / "begun-runs_a_program").exists():
            await asyncio.sleep(0.01)
        raise RuntimeError("no")

    await asyncio.gather(runs_a_program.aio(), fail())


@env.task(secrets=Secret("TOKEN", mount="/run/token"))
async def has_a_secret() -> None:
    await holds_on()


@env.task
async def cancels_itself() -> None:
    raise asyncio.CancelledError


@env.task
async def interrupts_itself() -> None:
    raise KeyboardInterrupt


@env.task
async def everything() -> None:
    await asyncio.gather(holds_on(), blocks.aio(), runs_a_program.aio(), has_a_process.aio())
"""

EVERYTHING = ["holds_on", "blocks", "runs_a_program", "has_a_process"]


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    file = tmp_path / "pipeline.py"
    file.write_text(PIPELINE)
    return file


def eventually(condition: Callable[[], bool]) -> bool:
    patience = time.monotonic() + 30
    while not condition():
        if time.monotonic() > patience:
            return False
        time.sleep(0.02)
    return True


class Started:
    """A run that is under way."""

    def __init__(self, folder: Path, process: subprocess.Popen[str]) -> None:
        self.folder = folder
        self.process = process

    def begun(self, *tasks: str) -> list[int]:
        """Wait until the tasks have begun; the programs that they have started."""
        files = [self.folder / f"begun-{task}" for task in tasks]
        assert eventually(lambda: all(file.exists() for file in files)), self.process.poll()
        for file in files:
            if file.name in ("begun-runs_a_program", "begun-has_a_process"):
                assert eventually(lambda file=file: file.read_text() != "")  # type: ignore[misc]
        return [int(text) for file in files if (text := file.read_text())]

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def end(self) -> tuple[int, str]:
        """Its exit code and what it said, once it has ended."""
        _, errors = self.process.communicate(timeout=30)
        return self.process.returncode, errors


Start = Callable[..., Started]


@pytest.fixture
def start(tasksmithy: CommandLine, pipeline: Path) -> Iterator[Start]:
    """Starts a run of a task of the pipeline."""
    runs = []

    def started(task: str, file: Path = pipeline, **environ: str) -> Started:
        runs.append(Started(file.parent, tasksmithy.start("run", file, task, **environ)))
        return runs[-1]

    yield started
    for run in runs:
        with run.process, suppress(ProcessLookupError):
            os.killpg(run.process.pid, signal.SIGKILL)


def group_is_empty(leader: int) -> bool:
    """Whether no process is left in the group that a command has led."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, group, *_ = stat.read_text().rpartition(") ")[2].split()
        except OSError:  # it has ended meanwhile
            continue
        if int(group) == leader and state != "Z":
            return False
    return True


# The first one


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)],
)
def test_a_signal_cancels_the_run_and_its_tasks_tidy_up(
    number: int, code: int, start: Start, tasksmithy: CommandLine, pipeline: Path
) -> None:
    run = start("sleeps")
    run.begun("sleeps")
    run.send(number)
    ended, errors = run.end()
    assert ended == code
    assert (pipeline.parent / "tidied").exists()
    assert "Traceback" not in errors
    assert errors.startswith("stopping: ")
    [recorded] = json.loads(tasksmithy("runs", "list", "--json").out)
    assert recorded["status"] == "cancelled"


def test_a_process_that_a_task_forks_ends_by_the_signal_that_it_is_sent(start: Start) -> None:
    code, errors = start("forks").end()
    assert code == 0, errors
    assert "stopping" not in errors


def test_a_stopped_run_says_how_to_go_on_with_it(start: Start, tasksmithy: CommandLine) -> None:
    run = start("sleeps")
    run.begun("sleeps")
    run.send(signal.SIGINT)
    last = run.end()[1].splitlines()[-1]
    [recorded] = json.loads(tasksmithy("runs", "list", "--json").out)
    assert last == f"go on with: tasksmithy run --resume {recorded['id']}"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_a_function_in_a_thread_has_started_ends_with_the_run(
    number: int, start: Start
) -> None:
    run = start("runs_a_program")
    [program] = run.begun("runs_a_program")
    run.send(number)
    run.end()
    assert eventually(lambda: not is_alive(program))


def test_what_a_function_in_a_thread_has_started_ends_with_a_run_that_fails(start: Start) -> None:
    run = start("fails_beside_a_program")
    [program] = run.begun("runs_a_program")
    assert run.end()[0] == 1
    assert eventually(lambda: not is_alive(program))


def test_a_task_that_is_called_without_await_is_cancelled_too(start: Start) -> None:
    run = start("calls_without_await")
    run.begun("blocks")
    run.send(signal.SIGINT)
    assert run.end()[0] == 130


def test_a_signal_while_the_file_is_imported_ends_the_command(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "slow.py"
    file.write_text(
        "import time\nfrom pathlib import Path\n"
        "Path(__file__).with_name('begun-import').touch()\ntime.sleep(600)\n"
    )
    run = start(file=file, task="main")
    run.begun("import")
    run.send(signal.SIGTERM)
    assert run.end() == (143, "")


def test_a_signal_that_is_ignored_when_the_command_starts_stays_so(start: Start) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup has it
    try:
        run = start("sleeps")
    finally:
        signal.signal(signal.SIGHUP, before)
    run.begun("sleeps")
    run.send(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        run.process.wait(0.5)
    run.send(signal.SIGINT)
    assert run.end()[0] == 130


# The second one


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_second_signal_ends_the_run_whatever_its_tasks_do(
    number: int, code: int, start: Start, pipeline: Path
) -> None:
    run = start("everything")
    programs = run.begun(*EVERYTHING)
    run.send(number)
    assert eventually((pipeline.parent / "cancelled").exists)
    run.send(number)
    assert run.end()[0] == code
    assert eventually(lambda: group_is_empty(run.process.pid))
    assert eventually(lambda: not any(map(is_alive, programs)))


def test_a_run_that_was_ended_at_once_is_dead_and_can_be_resumed(
    start: Start, tasksmithy: CommandLine, pipeline: Path
) -> None:
    run = start("holds_on")
    run.begun("holds_on")
    run.send(signal.SIGINT)
    assert eventually((pipeline.parent / "cancelled").exists)
    run.send(signal.SIGINT)
    run.end()
    [recorded] = json.loads(tasksmithy("runs", "list", "--json").out)
    assert recorded["status"] == "dead"


def test_the_files_of_secrets_are_gone_also_when_a_run_is_ended_at_once(
    start: Start, tmp_path: Path
) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    environ = {"TOKEN": "open sesame", "TMPDIR": str(folder)}
    run = start("has_a_secret", **environ)
    run.begun("holds_on")
    assert [file.name for file in folder.rglob("*") if file.is_file()] == ["TOKEN"]
    run.send(signal.SIGINT)
    assert eventually((tmp_path / "cancelled").exists)
    run.send(signal.SIGINT)
    run.end()
    assert list(folder.iterdir()) == []


def test_a_second_sighup_leaves_the_run_its_time(start: Start, pipeline: Path) -> None:
    run = start("holds_on")
    run.begun("holds_on")
    run.send(signal.SIGHUP)
    assert eventually((pipeline.parent / "cancelled").exists)
    run.send(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        run.process.wait(0.5)
    run.send(signal.SIGTERM)
    assert run.end()[0] == 143


# Tasks that do it themselves


def test_a_task_that_raises_cancelled_error_is_one_message(
    tasksmithy: CommandLine, pipeline: Path
) -> None:
    done = tasksmithy("run", pipeline, "cancels_itself")
    assert done.code == 1
    assert "error: task 'p.cancels_itself' was cancelled from within" in done.err
    assert "Traceback" not in done.err


def test_a_task_that_is_interrupted_is_recorded_as_cancelled(
    tasksmithy: CommandLine, pipeline: Path
) -> None:
    done = tasksmithy("run", pipeline, "interrupts_itself")
    assert done.code == 130
    run = json.loads(tasksmithy("runs", "show", "r", "--json").out)
    assert (run["status"], [task["status"] for task in run["tasks"]]) == (
        "cancelled",
        ["cancelled"],
    )
