"""The program of a container, run for real: container args with their placeholders filled in."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tasksmithy import SerializationContext
from tasksmithy.task._source import find_task, load_file
from tasksmithy.task._spec import CodeBundle

SOURCE = '''
"""Tasks for a container."""
import asyncio
import os
import sys
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from tasksmithy import NonRecoverableError, TaskEnvironment, current

env = TaskEnvironment(name="boxed")


@dataclass
class Flight:
    carrier: str
    day: date


@env.task
def add(a: int, b: int = 1) -> int:
    return a + b


@env.task
async def main(n: int) -> list[int]:
    return list(await asyncio.gather(*(add.aio(i) for i in range(n))))


@env.task
def pair(flight: Flight) -> tuple[str, Flight]:
    assert isinstance(flight, Flight) and isinstance(flight.day, date)
    return flight.carrier, flight


@env.task
def nothing() -> None:
    Path("ran").touch()


@env.task
def talkative() -> None:
    return "done"


@env.task(retries=2, cache="auto", timeout=60)
def flaky() -> int:
    with Path("attempts").open("a") as attempts:
        print(current().attempt, os.getsid(0) == os.getpid(), file=attempts)
    if current().attempt < 3:
        raise ConnectionError("gone")
    return current().attempt


@env.task
async def calls_flaky() -> int:
    return await flaky.aio()


@env.task(secrets="token")
def secret() -> int:
    [value] = current().secrets.values()
    return len(value)


@env.task
def leaves() -> int:
    sys.exit(0)


@env.task
def failing() -> None:
    raise ZeroDivisionError("no flights")
'''


class Container:
    """A folder with the source file, in which container args are run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "boxed_tasks.py").write_text(SOURCE)
        self.module = load_file(folder / "boxed_tasks.py")

    def args(self, task: str, **context: Any) -> list[str]:
        sctx = SerializationContext(
            version="v1", interpreter_path=sys.executable, root_dir=self.folder, **context
        )
        args = find_task(self.module, task).container_args(sctx)
        placeholders = {
            "{{.input}}": str(self.folder / "inputs.json"),
            "{{.outputPrefix}}": str(self.folder / "some" / "outputs"),
        }
        return [placeholders.get(arg, arg) for arg in args]

    def run(
        self, args: list[str], inputs: object, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        text = inputs if isinstance(inputs, str) else json.dumps(inputs)
        (self.folder / "inputs.json").write_text(text)
        return subprocess.run(args, cwd=cwd or self.folder, capture_output=True, text=True)

    def outputs(self) -> Any:
        return json.loads((self.folder / "some" / "outputs" / "outputs.json").read_text())

    @property
    def has_outputs(self) -> bool:
        return (self.folder / "some").exists()


@pytest.fixture
def container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield Container(tmp_path)
    sys.modules.pop("boxed_tasks", None)


def fails(done: subprocess.CompletedProcess[str], problem: str) -> None:
    """One message on stderr, nothing else, exit code 2."""
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert problem in done.stderr
    assert (done.stdout, done.returncode) == ("", 2)


@pytest.mark.parametrize(
    ("task", "inputs", "outputs"),
    [
        ("add", {"a": 2, "b": 5}, {"o0": 7}),
        ("add", {"a": 2}, {"o0": 3}),
        ("main", {"n": 3}, {"o0": [1, 2, 3]}),
        (
            "pair",
            {"flight": {"carrier": "AA", "day": "2013-03-01"}},
            {"o0": "AA", "o1": {"carrier": "AA", "day": "2013-03-01"}},
        ),
        ("calls_flaky", {}, {"o0": 3}),
    ],
)
def test_inputs_from_a_file_become_outputs_in_a_file(
    container: Container, task: str, inputs: Any, outputs: Any
) -> None:
    done = container.run(container.args(task), inputs)
    assert done.returncode == 0, done.stderr
    assert container.outputs() == outputs


def test_a_container_makes_one_attempt_in_its_own_process_and_leaves_retries_to_the_platform(
    container: Container,
) -> None:
    for _ in range(2):
        done = container.run(container.args("flaky"), {})
        assert done.returncode == 1
        assert "ConnectionError: gone" in done.stderr
        assert not container.has_outputs
    assert (container.folder / "attempts").read_text() == "1 False\n" * 2


def test_a_container_has_the_secrets_of_the_task_from_its_environment(
    container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "open-sesame")
    done = container.run(container.args("secret"), {})
    assert done.returncode == 0, done.stderr
    assert container.outputs() == {"o0": 11}


def test_a_task_that_leaves_by_sys_exit_has_failed(container: Container) -> None:
    done = container.run(container.args("leaves"), {})
    assert done.returncode == 1
    assert "called sys.exit(0); a task raises or returns" in done.stderr


def test_a_task_without_outputs_leaves_an_empty_object(container: Container) -> None:
    done = container.run(container.args("nothing"), {})
    assert done.returncode == 0, done.stderr
    assert (container.folder / "ran").exists()
    assert container.outputs() == {}


def test_what_is_returned_and_not_declared_is_no_output(container: Container) -> None:
    done = container.run(container.args("talkative"), {})
    assert done.returncode == 0, done.stderr
    assert container.outputs() == {}


def test_a_code_bundle_is_unpacked_where_it_goes_to(container: Container, tmp_path: Path) -> None:
    elsewhere = tmp_path / "image"
    elsewhere.mkdir()
    with tarfile.open(tmp_path / "code.tgz", "w:gz") as archive:
        archive.add(tmp_path / "boxed_tasks.py", "boxed_tasks.py")
    bundle = CodeBundle(tgz=str(tmp_path / "code.tgz"), destination="app")
    done = container.run(container.args("add", code_bundle=bundle), {"a": 2}, cwd=elsewhere)
    assert done.returncode == 0, done.stderr
    assert (elsewhere / "app" / "boxed_tasks.py").read_text() == SOURCE
    assert container.outputs() == {"o0": 3}


def test_a_code_bundle_never_writes_outside_its_folder(
    container: Container, tmp_path: Path
) -> None:
    with tarfile.open(tmp_path / "code.tgz", "w:gz") as archive:
        archive.add(tmp_path / "boxed_tasks.py", "boxed_tasks.py")
        archive.add(tmp_path / "boxed_tasks.py", "../escaped.py")
    (tmp_path / "image").mkdir()
    bundle = CodeBundle(tgz=str(tmp_path / "code.tgz"), destination="app")
    args = container.args("add", code_bundle=bundle)
    fails(container.run(args, {"a": 2}, cwd=tmp_path / "image"), "code.tgz")
    assert not list(tmp_path.rglob("escaped.py"))


@pytest.mark.parametrize("content", [None, "no archive"])
def test_a_code_bundle_that_cannot_be_unpacked_is_one_message(
    container: Container, tmp_path: Path, content: str | None
) -> None:
    if content is not None:
        (tmp_path / "code.tgz").write_text(content)
    bundle = CodeBundle(tgz=str(tmp_path / "code.tgz"))
    done = container.run(container.args("add", code_bundle=bundle), {"a": 2})
    fails(done, "the source files cannot be unpacked from ")


@pytest.mark.parametrize(
    ("inputs", "problem"),
    [
        ({}, "task 'boxed.add': input 'a' is missing"),
        ({"a": 1, "bb": 2}, "there is no input 'bb'; did you mean 'b'?"),
        ({"a": "two"}, "input 'a' is int, and 'two' is not one"),
        ({"a": True}, "input 'a' is int, and True is not one"),
        ({"a": None}, "input 'a' is int, and None is not one"),
        ([1], "holds no JSON object"),
        ("{", "cannot be read"),
    ],
)
def test_inputs_that_do_not_fit_are_one_message(
    container: Container, inputs: Any, problem: str
) -> None:
    fails(container.run(container.args("add"), inputs), problem)
    assert not container.has_outputs


def test_a_missing_file_of_inputs_is_one_message(container: Container) -> None:
    args = [arg.replace("inputs.json", "nowhere.json") for arg in container.args("add")]
    fails(container.run(args, {}), "nowhere.json")


@pytest.mark.parametrize(
    ("was", "now", "problem"),
    [
        ("boxed.add", "boxed.ad", "did you mean"),
        ("boxed_tasks", "boxed_nothing", "boxed_nothing"),
    ],
)
def test_a_task_that_is_not_there_is_one_message(
    container: Container, was: str, now: str, problem: str
) -> None:
    args = [now if arg == was else arg for arg in container.args("add")]
    assert now in args
    fails(container.run(args, {"a": 1}), problem)


def test_a_module_that_does_not_import_is_one_message(container: Container) -> None:
    args = container.args("add")
    (container.folder / "boxed_tasks.py").write_text("import nowhere_to_be_found\n")
    fails(container.run(args, {"a": 1}), "nowhere_to_be_found")


def test_what_a_task_raises_is_its_own_error_with_its_traceback(container: Container) -> None:
    done = container.run(container.args("failing"), {})
    assert done.returncode == 1
    assert "ZeroDivisionError: no flights" in done.stderr
    assert "in failing" in done.stderr
    assert not container.has_outputs


def test_a_call_without_its_arguments_shows_the_usage(container: Container) -> None:
    done = container.run([*container.args("add")[:3]], {})
    assert done.returncode == 2
    assert "--inputs" in done.stderr
