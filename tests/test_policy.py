"""An organisation's policy, installed as a wheel, on task types that it has never heard of."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.conftest import Done, House, Wheels

pytestmark = pytest.mark.slow

SHELL = """
from tasksmithy import TaskTemplate, TaskType, hookimpl

class ShellTask(TaskTemplate, task_type="shell"):
    script: str

class Shell(TaskType):
    template = ShellTask

    @hookimpl
    def custom_config(self, task):
        return {"script": task.script, "labels": {"kind": "shell"}}
"""
TASKS = """
from shell_plugin import ShellTask
from tasksmithy import NativeInterface, TaskEnvironment
from tasksmithy_sql import SQLTask

env = TaskEnvironment(name="demo")

@env.task
async def function(n: int) -> int:
    return n

query = SQLTask(name="demo.query", query="select 1")
shell = ShellTask(name="demo.shell", interface=NativeInterface(), script="date")
"""
IMAGES = """
from tasksmithy import NativeInterface
from tasksmithy_sql import SQLTask
from shell_plugin import ShellTask

ours = ShellTask(name="ours", interface=NativeInterface(), script="date",
                 image="registry.acme.example/tools:1")
theirs = ShellTask(name="theirs", interface=NativeInterface(), script="date",
                   image="docker.io/library/busybox:1")
query = SQLTask(name="query", query="select 1", image="docker.io/library/busybox:1")
"""


@pytest.fixture(scope="module")
def acme(house: House, build: Wheels, project: Callable[..., Path]) -> Iterator[House]:
    """The house with the policy and a third task type."""
    wheels = build(
        Path(__file__).with_name("policy"),
        project("shell-plugin", SHELL, entry_point='shell = "shell_plugin:Shell"'),
    )
    with house.having(*wheels):
        yield house


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of tasks for which the policy is enabled."""
    (tmp_path / "pyproject.toml").write_text('[tool.tasksmithy]\npolicies = ["acme"]\n')
    (tmp_path / "tasks.py").write_text(TASKS)
    (tmp_path / "images.py").write_text(IMAGES)
    return tmp_path


def rendered(house: House, folder: Path) -> dict[str, object]:
    """Name to `custom_config` of the tasks in `tasks.py`."""
    done = house.venv.tasksmithy("render", "tasks.py", cwd=folder)
    assert done.code == 0, done.err
    return {spec["name"]: spec["custom_config"] for spec in json.loads(done.out)}


def render(house: House, folder: Path, task: str) -> Done:
    return house.venv.tasksmithy("render", "images.py", task, cwd=folder)


def test_the_policy_labels_the_tasks_of_every_type(acme: House, folder: Path) -> None:
    assert rendered(acme, folder) == {
        "demo.function": {"labels": {"company": "acme"}},
        "demo.query": {"database": "duckdb://", "labels": {"company": "acme"}},
        "demo.shell": {"script": "date", "labels": {"kind": "shell", "company": "acme"}},
    }


@pytest.mark.parametrize("task", ["theirs", "query"])
def test_the_policy_vetoes_an_image_of_another_registry(
    acme: House, folder: Path, task: str
) -> None:
    done = render(acme, folder, task)
    assert (done.code, done.out) == (2, "")
    assert f"task {task!r} has the image 'docker.io/library/busybox:1', and only images" in done.err
    assert "Traceback" not in done.err


def test_the_policy_lets_an_image_of_its_registry_pass(acme: House, folder: Path) -> None:
    done = render(acme, folder, "ours")
    assert done.code == 0
    assert json.loads(done.out)[0]["image"] == "registry.acme.example/tools:1"


def test_the_policy_does_nothing_when_it_is_not_enabled(acme: House, folder: Path) -> None:
    (folder / "pyproject.toml").write_text("[tool.tasksmithy]\n")
    assert rendered(acme, folder) == {
        "demo.function": {},
        "demo.query": {"database": "duckdb://"},
        "demo.shell": {"script": "date", "labels": {"kind": "shell"}},
    }
    assert render(acme, folder, "theirs").code == 0


def test_the_listing_says_whether_the_policy_is_enabled(acme: House, folder: Path) -> None:
    def status() -> dict[str, str]:
        done = acme.venv.tasksmithy("plugins", "list", "--load", "--json", cwd=folder)
        return {row["name"]: row["status"] for row in json.loads(done.out)}

    assert status() == {"acme": "ok", "python": "ok", "shell": "ok", "sql": "ok"}
    (folder / "pyproject.toml").unlink()
    assert status() == {"acme": "not enabled", "python": "ok", "shell": "ok", "sql": "ok"}


def test_an_enabled_policy_that_is_not_installed_is_never_passed_over(
    acme: House, folder: Path
) -> None:
    (folder / "pyproject.toml").write_text('[tool.tasksmithy]\npolicies = ["acne"]\n')
    done = acme.venv.tasksmithy("render", "tasks.py", cwd=folder)
    assert (done.code, done.out) == (2, "")
    assert "no installed plugin provides 'acne' in 'tasksmithy.policies.v1'" in done.err
    assert "did you mean 'acme'?" in done.err
