"""Workers that are not like the process of the run, on a real cluster of one node."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tasksmithy import TaskEnvironment, with_runcontext
from tasksmithy_ray import ClusterError, WorkerMismatchError

pytestmark = pytest.mark.slow

env = TaskEnvironment(name="w")


@env.task
def one() -> int:
    return 1


@pytest.fixture
def head(sessions: str) -> Iterator[Any]:
    """Starts a cluster of one node: `head()` gives its address."""
    from ray.cluster_utils import Cluster

    clusters = []

    def start() -> str:
        args = {
            "num_cpus": 2,
            "object_store_memory": 80_000_000,
            "include_dashboard": False,
            "temp_dir": sessions,
        }
        clusters.append(Cluster(initialize_head=True, head_node_args=args))
        return str(clusters[0].address)

    yield start
    for cluster in clusters:
        cluster.shutdown()


@pytest.fixture
def python(tmp_path: Path) -> Callable[..., str]:
    """Makes an environment that has all that this one has, but the distributions that are named.

    `python(name, ...)` gives its interpreter.
    """

    def make(*without: str) -> str:
        folder = tmp_path / "venv"
        made = [sys.executable, "-m", "venv", "--without-pip", folder]
        subprocess.run(made, check=True)
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        [site] = (folder / "lib" / version).glob("site-packages")
        here = Path(pytest.__file__).parents[1]
        left_out = tuple(name.replace("-", "_") for name in without)
        for entry in here.iterdir():
            if (
                not entry.name.removeprefix("_editable_impl_").startswith(left_out)
                and entry.name != "__pycache__"
            ):
                (site / entry.name).symlink_to(entry)
        return str(folder / "bin" / "python")

    return make


def run_on(address: str, **options: Any) -> int:
    given = {"address": address, **options}
    result: int = with_runcontext(executor="ray", executor_options=given).run(one)
    return result


def test_a_worker_without_tasksmithy_is_told_with_its_node_and_what_to_install(
    head: Callable[[], str], python: Callable[..., str]
) -> None:
    own = {"py_executable": python("tasksmithy")}
    with pytest.raises(WorkerMismatchError) as raised:
        run_on(head(), runtime_env=own)
    told = str(raised.value)
    assert told.startswith("task 'w.one' cannot run on the Ray node ")
    for name in ("tasksmithy", "tasksmithy-ray", "tasksmithy-function"):
        assert f"it lacks {name} (0.1.0 here)" in told
        assert f'"{name}==0.1.0"' in told


def test_a_worker_without_the_plugin_of_a_task_is_told(
    head: Callable[[], str], python: Callable[..., str]
) -> None:
    own = {"py_executable": python("tasksmithy-function")}
    with pytest.raises(WorkerMismatchError) as raised:
        run_on(head(), runtime_env=own)
    told = str(raised.value).partition(": ")[2]
    assert told.startswith("it lacks tasksmithy-function (0.1.0 here). Install there what the run")


def test_a_cluster_of_another_ray_is_told_with_both_versions(
    head: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import ray

    with monkeypatch.context() as patch:
        patch.setattr(ray, "__version__", "2.9.1")
        address = head()
    with pytest.raises(ClusterError) as raised:
        run_on(address)
    told = str(raised.value)
    assert told.startswith(f"the Ray cluster at {address} cannot be used: ")
    assert "2.9.1" in told
    assert f"This process has Ray {ray.__version__}" in told


@env.task
def waits_for(file: Path) -> None:
    while not file.exists():
        time.sleep(0.05)


def test_another_run_of_the_process_cannot_have_another_connection(tmp_path: Path) -> None:
    async def both() -> None:
        file = tmp_path / "go"
        small = {"num_cpus": 1, "object_store_memory": 80_000_000}
        first = with_runcontext(executor="ray", executor_options=small)
        running = asyncio.create_task(first.arun(waits_for, file=file))
        import ray

        while not ray.is_initialized():
            await asyncio.sleep(0.05)
            assert not running.done()
        second = with_runcontext(executor="ray", executor_options={**small, "num_cpus": 2})
        with pytest.raises(ClusterError, match="has a run on a Ray on this machine with other"):
            await second.arun(one)
        file.touch()
        await running

    asyncio.run(both())


# The code


PROGRAM = """
import os
import sys

import helper
import parts.part

from tasksmithy import TaskEnvironment

env = TaskEnvironment(name="p", env_vars={"OWN": "task"})

@env.task
def places() -> list[str]:
    return [os.getcwd(), helper.__file__, parts.part.__file__]

@env.task
def variables() -> list[str]:
    return [os.environ["OWN"], os.environ["ALL"]]
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A folder with a program, a module that it needs, and a package elsewhere."""
    folder = tmp_path / "program"
    folder.mkdir()
    (folder / "program.py").write_text(PROGRAM)
    (folder / "helper.py").touch()
    (tmp_path / "elsewhere" / "parts").mkdir(parents=True)
    (tmp_path / "elsewhere" / "parts" / "part.py").touch()
    (tmp_path / "elsewhere" / "parts" / "__init__.py").touch()
    return folder


def tasksmithy(folder: Path, address: str, task: str, **options: str) -> list[str]:
    """The lines that a run of a task of the program prints, by another process."""
    words = [sys.executable, "-m", "tasksmithy", "run", "--executor", "ray"]
    for name, value in {"address": address, **options}.items():
        words += ["--executor-option", f"{name}={value}"]
    done = subprocess.run(
        [*words, "--runs-dir", folder.parent / "runs", "program.py", task],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder.parent / "elsewhere")},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    printed: list[str] = json.loads(done.stdout)
    return printed


def test_the_program_and_its_modules_go_to_workers_that_do_not_see_its_folder(
    head: Callable[[], str], program: Path
) -> None:
    parts = program.parent / "elsewhere" / "parts"
    options = {"working_dir": ".", "py_modules": json.dumps([str(parts)])}
    places = tasksmithy(program, head(), "places", **options)
    assert len(places) == 3
    assert not [place for place in places if place.startswith(str(program.parent))]


def test_variables_of_the_runtime_env_and_of_the_task_are_in_the_environment(
    head: Callable[[], str], program: Path
) -> None:
    runtime_env = json.dumps({"env_vars": {"ALL": "run", "OWN": "run"}})
    parts = json.dumps([str(program.parent / "elsewhere" / "parts")])
    options = {"working_dir": ".", "py_modules": parts, "runtime_env": runtime_env}
    assert tasksmithy(program, head(), "variables", **options) == ["task", "run"]
