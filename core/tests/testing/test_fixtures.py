"""The fixtures that pytest has where tasksmithy is installed."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasksmithy import Registry, TaskTemplate, TaskType, hookimpl
from tasksmithy._registry_in_use import registry_in_use
from tasksmithy.task._interface import NativeInterface

GROUP = "tasksmithy.task_types.v1"
HELLO = """
    from tasksmithy import TaskType, hookimpl

    class Hello(TaskType):
        @hookimpl
        def config(self):
            return {"hello": "world"}
"""


class Answer(TaskType):
    task_type = "answer"

    @hookimpl
    async def execute(self, inputs: dict[str, int]) -> int:
        runs.append(inputs)
        return 2 * inputs["n"]


runs: list[dict[str, int]] = []


def test_the_registry_is_in_use_and_may_be_added_to(registry: Registry) -> None:
    assert registry_in_use.get() is registry
    registry.register(Answer)
    assert "answer" in registry.names(GROUP)


def test_the_registry_heeds_no_settings(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setenv("TASKSMITHY_DISABLE_PLUGINS", "1")
    registry: Registry = request.getfixturevalue("registry")
    assert registry.settings.disabled == frozenset()


def test_a_task_runs_with_a_cache_of_the_test_s_own(
    registry: Registry, run_task: Callable[..., Any], tmp_path: Path
) -> None:
    registry.register(Answer)
    interface = NativeInterface.from_types({"n": int}, {"o0": int})
    task = TaskTemplate(name="t", task_type="answer", interface=interface, cache="auto")
    runs.clear()
    assert [run_task(task, n=21), run_task(task, n=21)] == [42, 42]
    assert runs == [{"n": 21}]
    assert (tmp_path / "cache").is_dir()


def test_a_fake_distribution_is_found_here_and_in_processes_that_the_test_starts(
    fake_distribution: Callable[..., Path], request: pytest.FixtureRequest
) -> None:
    points = {GROUP: {"fake-hello": "fake_hello:Hello"}}
    fake_distribution("fake-hello", {"fake_hello.py": HELLO}, points, version="2.1")
    registry: Registry = request.getfixturevalue("registry")
    assert str(registry.hooks("fake-hello").provenance) == "fake-hello 2.1"
    listed = subprocess.run(
        [sys.executable, "-m", "tasksmithy", "plugins", "list"], capture_output=True, text=True
    )
    assert "fake-hello" in listed.stdout


def test_what_a_test_installs_is_not_there_for_the_next(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").touch()
    (tmp_path / "test_two.py").write_text(
        "import importlib, os, pytest, sys\n"
        "def test_one(fake_distribution):\n"
        "    fake_distribution('fake', {'fake_one.py': 'n = 1'}, {})\n"
        "    assert importlib.import_module('fake_one').n == 1\n"
        "def test_two(registry):\n"
        "    assert 'fake_one' not in sys.modules\n"
        "    assert 'PYTHONPATH' not in os.environ\n"
        "    with pytest.raises(ImportError): importlib.import_module('fake_one')\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", tmp_path],
        env={"PATH": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout


def test_pytest_starts_without_the_registry_and_without_the_checks() -> None:
    code = "import sys, tasksmithy.testing._fixtures; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    own = {name for name in done.stdout.split() if name.startswith("tasksmithy")}
    assert own == {
        "tasksmithy",
        "tasksmithy._lazy_names",
        "tasksmithy._registry_in_use",
        "tasksmithy.testing",
        "tasksmithy.testing._fixtures",
    }
