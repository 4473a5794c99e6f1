"""An attempt in a process of its own: what it has, what it gives back, and how it ends."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from core.tests.conftest import CommandLine

from tasksmithy import (
    Attempt,
    HookError,
    NativeInterface,
    NonRecoverableError,
    NotShippableError,
    Registry,
    SerializationContext,
    TaskEnvironment,
    TaskExitError,
    TaskTemplate,
    TaskTimeoutError,
    WorkerDiedError,
    arun,
    current,
    group,
    hookimpl,
    run,
)
from tasksmithy.concurrency._process_tree import descendants
from tasksmithy.runtime._task_run import TaskRun
from tasksmithy.runtime.executors.process._executor import ProcessExecutor
from tasksmithy.task._source import load_file

env = TaskEnvironment(name="p")
own_process = env.clone_with("q", env_vars={"OWN": "yes"})


async def made(task: TaskTemplate[..., Any], /, **inputs: Any) -> Any:
    """The result of an attempt in a process, of which a run knows nothing but its children."""

    @env.task(max_inline_io_bytes=2**30)
    async def within_a_run() -> Any:
        context = replace(current(), run=None, task=task.name, attempt=3, env_vars={"OWN": "yes"})
        attempt = replace(Attempt.of(task, **inputs), context=context)
        host = cast("TaskRun", current().run)._host
        executor = ProcessExecutor()
        try:
            return await executor.perform(attempt, host)
        finally:
            await executor.close()

    return await arun(within_a_run)


def in_process(task: TaskTemplate[..., Any], /, **inputs: Any) -> Any:
    return asyncio.run(made(task, **inputs))


def members(process_group: int) -> list[int]:
    """The processes of a group that have not ended."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, _, in_group = (
                    entry.joinpath("stat").read_text().rpartition(")")[2].split()[:3]
                )
            except OSError:  # it has just ended
                continue
            if int(in_group) == process_group and state != "Z":
                found.append(int(entry.name))
    return found


def eventually(happened: Callable[[], object], *, within: float = 60) -> None:
    end = time.monotonic() + within
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


async def soon(happened: Callable[[], object]) -> None:
    await asyncio.to_thread(eventually, happened)


def number_in(file: Path) -> int:
    eventually(lambda: file.exists() and file.read_text().endswith("\n"))
    return int(file.read_text())


def say(file: Path, number: int) -> None:
    file.write_text(f"{number}\n")


def python(tmp_path: Path, code: str) -> Path:
    file = tmp_path / "program.py"
    file.write_text(textwrap.dedent(code))
    return file


def output_of(*command: str | Path, **options: Any) -> str:
    done = subprocess.run(
        [sys.executable, *map(str, command)], capture_output=True, text=True, **options
    )
    assert done.returncode == 0, done.stderr
    return str(done.stdout).strip()


@env.task
def double(n: int) -> int:
    return 2 * n


@env.task
async def slow(file: Path) -> None:
    try:
        say(file, os.getpid())
        await asyncio.Event().wait()
    finally:
        say(file, 0)


# The process, and what it has


@env.task
def ids() -> list[int]:
    return [os.getpid(), os.getpgid(0), os.getsid(0)]


def test_the_process_is_another_one_and_leads_a_session_and_a_group() -> None:
    pid, in_group, session = in_process(ids)
    assert pid == in_group == session != os.getpid()


@env.task
def change_environment() -> tuple[str, str]:
    os.environ["FROM_THE_WORKER"] = "yes"
    return os.environ["OWN"], os.environ["SHARED"]


def test_the_environment_is_that_of_the_run_and_the_task_s_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SHARED", "also")
    assert in_process(change_environment) == ("yes", "also")
    assert "OWN" not in os.environ
    assert "FROM_THE_WORKER" not in os.environ


@env.task
def place() -> tuple[list[str], str, list[str]]:
    return sys.path, str(Path.cwd()), sys.argv


def test_import_path_working_directory_and_arguments_are_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path / "modules"))
    assert in_process(place) == (sys.path, str(tmp_path), sys.argv)


@env.task
def told() -> tuple[str, str, int]:
    return current().run_id, current().task, current().attempt


def test_the_context_tells_run_task_and_attempt() -> None:
    run_id, task, attempt = in_process(told)
    assert run_id.startswith("r")
    assert (task, attempt) == ("p.told", 3)


class Prepared(TaskTemplate[..., Any], task_type="process-prepared"):
    def pre(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return {"from_pre": os.getpid()}

    async def execute(self, *args: Any, **kwargs: Any) -> Any:
        return [os.getpid(), current().data["from_pre"]]

    def post(self, return_vals: Any) -> Any:
        return [*return_vals, os.getpid()]


class Labelling:
    @hookimpl(wrapper=True)
    def config(self, task: Any) -> Any:
        return {**(yield), "label": task.name}


@env.task
def label() -> str:
    return label.config(SerializationContext())["label"]


def test_pre_execute_and_post_run_in_the_process_by_a_registry_that_is_made_in_code() -> None:
    task = Prepared(name="prepared", interface=NativeInterface())
    with Registry(task_types=[Prepared]).entered():
        pids = in_process(task)
    assert len(set(pids)) == 1
    assert pids[0] != os.getpid()


def test_a_policy_that_is_registered_in_code_is_asked_in_the_process() -> None:
    with Registry(policies={"labelling": Labelling()}).entered():
        assert run(label.override(env_vars={"OWN": "yes"})) == "p.label"


def test_a_closure_and_a_lambda_go_by_value() -> None:
    factor = 3

    @env.task
    def apply(function: Any) -> int:
        return factor * int(function(2))

    assert in_process(apply, function=lambda n: n + 5) == 21


SCRIPT = """
    import asyncio, os, sys
    from dataclasses import dataclass
    from tasksmithy import TaskEnvironment, run

    env = TaskEnvironment(name="s", env_vars={"OWN": "yes"})

    @dataclass
    class Point:
        x: int

    @env.task
    def moved(point: Point) -> Point:
        assert isinstance(point, Point)
        return Point(point.x + len(os.environ["OWN"]))

    @env.task
    def outer(point: Point) -> Point:
        return moved(point)
"""
GUARDED = """
    if __name__ == "__main__":
        result = run(outer, Point(1))
        print(isinstance(result, Point), result.x)
"""


def test_tasks_and_classes_of_the_main_script_are_found(tmp_path: Path) -> None:
    file = python(tmp_path, SCRIPT + GUARDED)
    assert output_of(file) == "True 4"


def test_tasks_and_classes_of_a_module_that_is_run_by_its_name_are_found(tmp_path: Path) -> None:
    package = tmp_path / "pack"
    package.mkdir()
    package.joinpath("words.py").write_text("YES = 'yes'\n")
    script = SCRIPT.replace('"yes"', "YES") + GUARDED
    package.joinpath("program.py").write_text("from .words import YES\n" + textwrap.dedent(script))
    assert output_of("-m", "pack.program", cwd=tmp_path) == "True 4"


def test_tasks_and_classes_that_are_typed_into_a_shell_go_by_value() -> None:
    assert output_of("-c", textwrap.dedent(SCRIPT + GUARDED)) == "True 4"


def test_a_script_that_starts_its_run_when_imported_is_told_what_to_write(tmp_path: Path) -> None:
    file = python(tmp_path, SCRIPT + "    run(outer, Point(1))\n")
    done = subprocess.run([sys.executable, file], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert 'put what the script does below `if __name__ == "__main__":`' in done.stderr


@pytest.mark.parametrize("name", ["process_tasks", "statistics"])
def test_tasks_of_a_loaded_file_are_found_also_where_its_name_is_taken(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    file = tmp_path / f"{name}.py"
    file.write_text(textwrap.dedent(SCRIPT))
    module = load_file(file)
    try:
        result = run(module.outer, module.Point(1))
    finally:
        del sys.modules[module.__name__]
    assert type(result) is module.Point
    assert result.x == 4


# What comes back


@env.task
def size(data: bytes) -> bytes:
    return data[::-1]


def test_an_input_and_a_result_of_50_mb_pass() -> None:
    data = b"ab" * 25_000_000
    assert in_process(size, data=data) == data[::-1]


class OddError(Exception):
    def __init__(self, *, code: int, reason: str) -> None:
        super().__init__(f"code {code}: {reason}")
        self.code = code


class OddOSError(OSError):
    def __init__(self, file: str) -> None:
        super().__init__(2, "not there", file)


class LockedError(Exception):
    def __init__(self) -> None:
        super().__init__("locked")
        self.lock = threading.Lock()


@env.task
def fail(how: str) -> None:
    if how == "odd":
        raise OddError(code=7, reason="odd")
    if how == "os":
        raise OddOSError("some-file")
    if how == "cause":
        raise HookError("execute", "t", "a plugin", "raised") from KeyError("the cause")
    if how == "group":
        raise ExceptionGroup("several", [OddError(code=1, reason="one"), ValueError("two")])
    if how == "locked":
        raise LockedError
    error = NonRecoverableError("noted")
    error.add_note("a note")
    raise error


def test_an_exception_with_an_unusual_constructor_keeps_type_text_and_attributes() -> None:
    with pytest.raises(OddError) as caught:
        in_process(fail, how="odd")
    assert str(caught.value) == "code 7: odd"
    assert caught.value.code == 7


def test_an_os_error_keeps_what_is_not_in_its_dict() -> None:
    with pytest.raises(OddOSError) as caught:
        in_process(fail, how="os")
    assert (caught.value.errno, caught.value.filename) == (2, "some-file")


def test_an_exception_keeps_its_notes() -> None:
    with pytest.raises(NonRecoverableError) as caught:
        in_process(fail, how="noted")
    assert caught.value.__notes__[0] == "a note"


def test_an_exception_keeps_its_cause_and_shows_the_traceback_of_the_worker_as_the_last() -> None:
    with pytest.raises(HookError) as caught:
        in_process(fail, how="cause")
    cause = caught.value.__cause__
    assert isinstance(cause, KeyError)
    assert "in fail" in str(cause.__cause__)
    assert 'raise HookError("execute"' in str(cause.__cause__)


def test_a_group_of_exceptions_keeps_the_types_within() -> None:
    with pytest.raises(ExceptionGroup) as caught:
        in_process(fail, how="group")
    assert [type(error) for error in caught.value.exceptions] == [OddError, ValueError]


def test_an_exception_that_does_not_pickle_is_told_by_type_message_and_traceback() -> None:
    with pytest.raises(NotShippableError, match=r"LockedError.*locked.*cannot pickle") as caught:
        in_process(fail, how="locked")
    assert "in fail" in str(caught.value.__cause__)


@env.task
def talk() -> None:
    sys.stdout.write("on stdout\n")
    sys.stderr.write("on stderr\n")


def test_stdout_and_stderr_are_those_of_the_run(capfd: pytest.CaptureFixture[str]) -> None:
    in_process(talk)
    assert capfd.readouterr() == ("on stdout\n", "on stderr\n")


@env.task
def log() -> None:
    try:
        raise ValueError("bad")
    except ValueError:
        current().logger.exception("failed with %s", threading.Lock)
    current().logger.debug("too low")


def test_log_records_of_the_task_are_handled_in_the_run(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "tasksmithy")
    in_process(log)
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("tasksmithy.task.p.log", "ERROR")
    assert record.getMessage() == f"failed with {threading.Lock}"
    assert "ValueError: bad" in caplog.text
    assert record.process != os.getpid()


def test_the_levels_of_loggers_hold_in_the_process(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "tasksmithy.task.p.log")
    in_process(log)
    assert caplog.messages[-1] == "too low"


# What cannot be shipped


@env.task
def anything(value: Any) -> Any:
    return value if value is None else threading.Lock()


def test_an_input_that_does_not_pickle_is_named() -> None:
    with pytest.raises(NotShippableError, match=r"task 'p.anything': input 'value'.*lock.*path"):
        in_process(anything, value=threading.Lock())


def test_a_task_that_does_not_pickle_is_told_so() -> None:
    lock = threading.Lock()

    @env.task
    def closes_over_a_lock() -> bool:
        return lock.locked()

    with pytest.raises(NotShippableError, match=r"closes_over_a_lock': the task cannot.*lock"):
        in_process(closes_over_a_lock)


def test_a_result_that_does_not_pickle_is_told_so() -> None:
    with pytest.raises(NotShippableError, match=r"task 'p.anything': its result cannot.*lock"):
        in_process(anything, value=1)


class Stubborn:
    def __reduce__(self) -> Any:
        return int, ("no number",)


def test_what_does_not_unpickle_in_the_process_is_told_so() -> None:
    with pytest.raises(NotShippableError, match="on arrival, ValueError"):
        in_process(anything, value=Stubborn())


@env.task
def call_with_a_lock() -> str:
    try:
        anything(threading.Lock())
    except NotShippableError as error:
        return error.what
    return ""


def test_a_call_of_a_child_that_does_not_pickle_is_an_error_in_the_caller() -> None:
    assert in_process(call_with_a_lock) == "the call, with its inputs,"


# Children


@env.task
def where() -> int:
    return os.getpid()


@env.task
async def awhere() -> int:
    return os.getpid()


@env.task
def call_in_three_ways() -> list[int]:
    return [where(), run(awhere), asyncio.run(arun(where)), os.getppid()]


def test_children_run_in_the_run_s_process_however_they_are_called() -> None:
    assert set(in_process(call_in_three_ways)) == {os.getpid()}


@env.task
async def gather() -> list[int]:
    return await asyncio.gather(*(double.aio(n) for n in range(20)))


def test_an_async_task_in_a_process_gathers_children() -> None:
    assert in_process(gather) == [2 * n for n in range(20)]


_together = threading.Barrier(4)


@env.task
def meet(n: int) -> int:
    _together.wait(timeout=60)  # only children that run at once all come to the barrier
    return n


@env.task
def call_from_threads() -> list[int]:
    from contextvars import copy_context

    with ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(copy_context().run, meet, n) for n in range(4)]
        return [call.result() for call in calls]


def test_children_that_are_called_from_several_threads_run_side_by_side() -> None:
    assert in_process(call_from_threads) == [0, 1, 2, 3]


@env.task
def catch() -> int:
    try:
        fail("odd")
    except OddError as error:
        return error.code
    return 0


def test_an_error_of_a_child_reaches_its_caller_as_its_own_type() -> None:
    assert in_process(catch) == 7


@env.task
async def my_group() -> str:
    return current().group


@env.task
def call_in_a_group() -> list[str]:
    with group("outer"), group("inner"):
        grouped = run(my_group)
    return [grouped, run(my_group)]


def test_a_group_that_is_opened_in_the_process_holds_its_children() -> None:
    assert in_process(call_in_a_group) == ["outer/inner", ""]


@own_process.task
def down(depth: int) -> list[int]:
    return [os.getpid(), *(down(depth - 1) if depth else [])]


def test_a_child_of_a_task_in_a_process_may_itself_need_one() -> None:
    assert len({os.getpid(), *run(down, 3)}) == 5


def test_eight_processes_run_at_once(tmp_path: Path) -> None:
    @own_process.task
    def wait_for_all(n: int) -> int:
        say(tmp_path / str(n), n)
        eventually(lambda: len(list(tmp_path.iterdir())) == 8)
        return n

    async def main() -> list[int]:
        return list(await asyncio.gather(*(made(wait_for_all, n=n) for n in range(8))))

    assert asyncio.run(main()) == list(range(8))


LIMITED = """
import resource
from tasksmithy import TaskEnvironment, run

env = TaskEnvironment(name="t")


@env.task(timeout=60)
def task() -> int:
    return 1


if __name__ == "__main__":
    limit = int(__import__("sys").argv[1])
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    try:
        run(task)
    except Exception as error:
        print(type(error).__name__, error)
"""


def test_a_machine_that_can_start_no_process_is_told_with_what_to_do(tmp_path: Path) -> None:
    (script := tmp_path / "limited.py").write_text(LIMITED)
    for limit in range(20, 6, -1):  # how many files are open before is the interpreter's affair
        ran = subprocess.run(
            [sys.executable, script, str(limit)], capture_output=True, text=True, check=False
        )
        if "WorkerStartError" in ran.stdout:
            assert "'t.task' needs a process of its own" in ran.stdout
            assert "Too many open files" in ran.stdout
            assert "max_concurrency" in ran.stdout
            return
    raise AssertionError(ran.stdout + ran.stderr)


# Ends


DEAF = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(1, flush=True)
time.sleep(900)
"""


@env.task
def grow_old(file: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", DEAF], stdout=subprocess.PIPE) as grandchild:
        assert grandchild.stdout is not None
        grandchild.stdout.readline()
        say(file, os.getpid())
        grandchild.wait()


async def cancelled_when(started: Callable[[], object], task: Any, /, **inputs: Any) -> None:
    performing = asyncio.create_task(made(task, **inputs))
    await soon(started)
    performing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await performing


def test_a_cancellation_ends_the_process_and_what_it_has_started(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    asyncio.run(cancelled_when(file.exists, grow_old, file=file))
    eventually(lambda: not members(number_in(file)))


def test_a_timeout_ends_the_process_and_what_it_has_started(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    for seconds in (1, 5, 30):  # a busy machine may not come so far in a second
        with pytest.raises(TaskTimeoutError):
            run(grow_old.override(timeout=seconds), file)
        if file.exists():
            break
    eventually(lambda: not members(number_in(file)))


def test_a_cancellation_ends_a_program_that_is_in_a_session_of_its_own(tmp_path: Path) -> None:
    @env.task
    def starts_a_session(file: Path) -> None:
        program = subprocess.Popen(["sleep", "600"], start_new_session=True)
        say(file, program.pid)
        program.wait()

    async def cancelled(file: Path) -> None:
        making = asyncio.create_task(made(starts_a_session, file=file))
        await soon(file.exists)
        making.cancel()
        with pytest.raises(asyncio.CancelledError):
            await making

    asyncio.run(cancelled(tmp_path / "program"))
    assert members(number_in(tmp_path / "program")) == []


DAEMON = """
import os, sys, time
if os.fork():
    os._exit(0)
os.setsid()
if os.fork():
    os._exit(0)
with open(sys.argv[1], "w") as file:
    file.write(f"{os.getpid()}\\n")
time.sleep(600)
"""


def test_a_timeout_ends_a_daemon_that_a_task_has_started(tmp_path: Path) -> None:
    @env.task
    def starts_a_daemon(file: Path) -> None:
        subprocess.run([sys.executable, "-c", DAEMON, str(file)], check=True)
        say(file.with_name("begun"), number_in(file))
        time.sleep(600)

    async def cancelled(file: Path) -> None:
        making = asyncio.create_task(made(starts_a_daemon, file=file))
        await soon(file.with_name("begun").exists)
        making.cancel()
        with pytest.raises(asyncio.CancelledError):
            await making

    asyncio.run(cancelled(tmp_path / "daemon"))
    daemon = Path(f"/proc/{number_in(tmp_path / 'daemon')}/cmdline")
    eventually(lambda: not daemon.exists() or not daemon.read_bytes(), within=2)  # or not reaped


def test_a_cancelled_async_task_in_a_process_tidies_up(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    asyncio.run(cancelled_when(file.exists, slow, file=file))
    assert number_in(file) == 0


def test_a_cancellation_ends_the_children_that_the_process_waits_for(tmp_path: Path) -> None:
    file = tmp_path / "pid"

    @env.task
    def parent() -> None:
        run(slow, file)

    asyncio.run(cancelled_when(file.exists, parent))
    assert number_in(file) == 0


def test_a_caller_that_waits_no_more_ends_its_child(tmp_path: Path) -> None:
    file = tmp_path / "pid"

    @env.task
    async def impatient() -> str:
        waiting = asyncio.create_task(slow.aio(file))
        await soon(file.exists)
        waiting.cancel()
        await soon(lambda: number_in(file) == 0)
        return "the child has ended"

    assert in_process(impatient) == "the child has ended"


@env.task
def leave_a_grandchild() -> int:
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(900)"])
    return os.getpid()


def test_what_a_finished_task_has_left_running_is_ended() -> None:
    pid = in_process(leave_a_grandchild)
    eventually(lambda: not members(pid))


@env.task
def fork_and_end() -> int | None:
    context = multiprocessing.get_context("fork")
    begun = context.Event()

    def sleep() -> None:
        begun.set()
        time.sleep(900)

    forked = context.Process(target=sleep)
    forked.start()
    begun.wait(60)
    forked.terminate()
    forked.join(60)
    return forked.exitcode


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_task_in_a_process_may_fork_and_end_what_it_has_forked() -> None:
    assert in_process(fork_and_end) == -signal.SIGTERM


@env.task
def end(how: str) -> None:
    if how == "os._exit":
        os._exit(3)
    if how == "sys.exit":
        sys.exit(4)
    os.kill(os.getpid(), getattr(signal, how))
    time.sleep(900)


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("os._exit", r"ended with exit code 3 .* os._exit"),
        ("SIGKILL", r"ended by SIGKILL .* memory"),
        ("SIGSEGV", r"ended by SIGSEGV .* crashed"),
        ("SIGTERM", r"ended by SIGTERM .* outside"),
    ],
)
def test_a_process_that_dies_is_an_error_that_says_how(how: str, told: str) -> None:
    with pytest.raises(WorkerDiedError, match=rf"task 'p.end': its process (was )?{told}"):
        in_process(end, how=how)


def test_sys_exit_in_a_process_is_the_same_error_as_elsewhere() -> None:
    with pytest.raises(TaskExitError, match=r"sys\.exit\(4\)"):
        run(end.override(env_vars={"OWN": "yes"}), how="sys.exit")


def test_a_worker_that_is_killed_while_it_waits_for_a_child_leaves_no_child(tmp_path: Path) -> None:
    file, child = tmp_path / "pid", tmp_path / "child"

    @env.task
    def parent() -> None:
        say(file, os.getpid())
        run(slow, child)

    async def main() -> None:
        performing = asyncio.create_task(made(parent))
        await soon(child.exists)
        os.kill(number_in(file), signal.SIGKILL)
        with pytest.raises(WorkerDiedError):
            await performing

    asyncio.run(main())
    assert number_in(child) == 0


def test_a_worker_that_is_killed_leaves_nothing_that_has_left_its_group(tmp_path: Path) -> None:
    file, apart = tmp_path / "pid", tmp_path / "apart"

    @env.task
    def parent() -> None:
        code = "import sys, subprocess; subprocess.Popen(sys.argv[1:], start_new_session=True)"
        daemon = "echo $$ > $0; trap '' TERM; while :; do sleep 0.1; done"
        subprocess.run(
            [sys.executable, "-c", code, "sh", "-c", daemon, str(apart)], start_new_session=True
        )
        number_in(apart)
        say(file, os.getpid())
        time.sleep(900)

    async def main() -> None:
        performing = asyncio.create_task(made(parent))
        await soon(file.exists)
        os.kill(number_in(file), signal.SIGKILL)
        with pytest.raises(WorkerDiedError):
            await performing

    asyncio.run(main())
    eventually(lambda: not members(number_in(apart)))


@pytest.mark.parametrize("body", ["time.sleep(900)", "while True: pass"])
def test_a_worker_ends_when_the_process_of_the_run_is_killed(body: str, tmp_path: Path) -> None:
    file = tmp_path / "pid"
    program = python(
        tmp_path,
        f"""
        import os, subprocess, sys, time
        from pathlib import Path
        from tasksmithy import TaskEnvironment, run

        env = TaskEnvironment(name="s", env_vars={{"OWN": "yes"}})

        @env.task
        def stay(file: Path) -> None:
            code = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(900)"
            subprocess.Popen([sys.executable, "-c", code])
            file.write_text(f"{{os.getpid()}}\\n")
            {body}

        if __name__ == "__main__":
            run(stay, Path(sys.argv[1]))
        """,
    )
    with subprocess.Popen([sys.executable, program, file]) as parent:
        worker = number_in(file)
        assert members(worker)
        parent.kill()
    eventually(lambda: not members(worker))


ENDLESS = """
import re, subprocess, sys
from pathlib import Path
from tasksmithy import TaskEnvironment, run

env = TaskEnvironment(name="s")

@env.task(timeout=300)
def stay(file: Path) -> None:
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); print(1); time.sleep(900)"
    apart = subprocess.Popen(
        [sys.executable, "-u", "-c", code], start_new_session=True, stdout=subprocess.PIPE
    )
    apart.stdout.readline()
    file.with_suffix(".apart").write_text(f"{apart.pid}\\n")
    file.write_text(f"{os.getpid()}\\n")
    BODY

if __name__ == "__main__":
    run(stay, Path(sys.argv[1]))
"""


@pytest.mark.parametrize("body", ["time.sleep(900)", 're.match(r"(a+)+$", "a" * 60 + "b")'])
def test_a_run_that_is_killed_leaves_no_worker_and_nothing_that_has_left_its_group(
    body: str, tmp_path: Path
) -> None:
    file = tmp_path / "pid"
    program = python(tmp_path, "import os, time\n" + ENDLESS.replace("BODY", body))
    with subprocess.Popen([sys.executable, program, file]) as parent:
        worker = number_in(file)
        apart = number_in(file.with_suffix(".apart"))
        assert members(worker)
        assert members(apart)
        parent.kill()
    eventually(lambda: not members(worker) and not members(apart))


def test_a_run_with_processes_leaves_none() -> None:
    before = descendants(os.getpid())
    assert run(double.override(timeout=60), n=1) == 2
    assert descendants(os.getpid()) == before


@contextmanager
def same_open_files() -> Iterator[None]:
    before = sorted(Path("/proc/self/fd").iterdir())
    yield
    assert sorted(Path("/proc/self/fd").iterdir()) == before


def test_nothing_stays_open_after_a_result_an_error_and_a_death() -> None:
    with same_open_files():
        in_process(double, n=1)
        with pytest.raises(OddError):
            in_process(fail, how="odd")
        with pytest.raises(WorkerDiedError):
            in_process(end, how="os._exit")
        with pytest.raises(NotShippableError):
            in_process(anything, value=threading.Lock())


def test_a_worker_reads_the_script_without_the_future_of_the_module_that_does_it(
    tmp_path: Path,
) -> None:
    script = """
        from tasksmithy import TaskEnvironment, run
        env = TaskEnvironment(name="e", env_vars={"A": "1"})
        class Point:
            x: int
        KIND = Point.__annotations__["x"]
        @env.task
        def parse(text: str) -> int:
            return KIND(text)
        if __name__ == "__main__":
            print(run(parse, text="3"))
    """
    assert output_of(python(tmp_path, script)) == "3"


@pytest.mark.parametrize("change", ["sys.frozen = True", "sys.executable = ''"])
def test_a_program_without_an_interpreter_starts_no_worker(tmp_path: Path, change: str) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        f"""
import sys
from tasksmithy import TaskEnvironment, run
from tasksmithy.errors import WorkerStartError
{change}
env = TaskEnvironment(name="e")

@env.task(timeout=20)
def g(x: int) -> int: return x + 1

if __name__ == "__main__":
    try: run(g, x=1)
    except WorkerStartError as error: print(error)
"""
    )
    done = subprocess.run(
        [sys.executable, program], capture_output=True, text=True, check=True, timeout=60
    )
    assert "a process of its own needs a Python interpreter" in done.stdout


# Names

NAMED_AS_ANOTHER = """
from tasksmithy import TaskEnvironment, current

env = TaskEnvironment(name="named")


@env.task(timeout=60)
def name() -> str:
    return current().task
"""


@pytest.mark.parametrize("name", ["types", "logging", "json", "socket"])
def test_files_may_be_named_as_a_module_that_the_worker_needs(
    tasksmithy: CommandLine, name: str
) -> None:
    flows = tasksmithy.folder / "flows"
    flows.mkdir()
    for file in (flows / f"{name}.py", flows / "flow.py"):
        file.write_text(NAMED_AS_ANOTHER)
        assert tasksmithy("run", "--quiet", file).printed() == "named.name\n"
