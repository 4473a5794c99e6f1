"""Every task type on every executor: neither knows the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.containers import image_name
from tests.executors import EXECUTORS

from tasksmithy import (
    NativeInterface,
    NonRecoverableError,
    TaskEnvironment,
    TaskTemplate,
    in_thread,
    run,
)
from tasksmithy_container import ContainerTask
from tasksmithy_sql import SQLTask

Task = TaskTemplate[..., Any]

env = TaskEnvironment(name="m")


@env.task
def double(n: int) -> int:
    return refused(n) or 2 * n


@env.task
async def double_async(n: int) -> int:
    return refused(n) or 2 * n


@env.task
async def double_in_thread(n: int) -> int:
    return refused(n) or await in_thread(lambda: 2 * n)


def refused(n: int) -> int:
    if n < 0:
        raise NonRecoverableError(f"{n} is refused")
    return 0


def statement(url: str) -> Task:
    parameter = "$n" if url.startswith("duckdb") else ":n"
    query = f"select 2 * {parameter} as m where {parameter} >= 0"
    return SQLTask(name="query", query=query, database=url, inputs={"n": int}, output=int)


def container() -> Task:
    script = "test {{.inputs.n}} -ge 0 && echo -n $(({{.inputs.n}} * 2)) > /var/outputs/m"
    return ContainerTask(
        name="container",
        image=image_name(),
        image_pull_policy="Never",
        command=["sh", "-c", script],
        inputs={"n": int},
        outputs={"m": int},
    )


STRANGER = """
    from tasksmithy.extend import TaskTemplate


    class JobTask(TaskTemplate, task_type="matrix-job"):
        factor: int = 2

        async def execute(self, **inputs):
            if inputs["n"] < 0:
                raise ValueError("refused")
            return self.factor * inputs["n"]
"""


def job() -> Task:
    from matrix_job import JobTask

    interface = NativeInterface.from_types({"n": int}, {"o0": int})
    made: Task = JobTask(name="job", interface=interface)
    return made


TASKS: Mapping[str, Callable[[], Task]] = {
    "sync function": lambda: double,
    "async function": lambda: double_async,
    "function with a thread": lambda: double_in_thread,
    "function with a process": lambda: double.override(timeout=100),
    "DuckDB": lambda: statement("duckdb://"),
    "SQLite": lambda: statement("sqlite://"),
    "container": container,
    "a stranger's type": job,
}
"""Each doubles `n`, and fails where it is negative."""


@env.task
async def twice(name: str) -> list[int]:
    """What two tasks of a type return that a function calls at once."""
    task = TASKS[name]()
    return await asyncio.gather(task.aio(n=1), task.aio(n=2))


@pytest.fixture(autouse=True)
def installed(fake_distribution: Callable[..., Path]) -> None:
    fake_distribution(
        "matrix-job",
        {"matrix_job.py": STRANGER},
        {"tasksmithy.task_types.v1": {"matrix-job": "matrix_job:JobTask"}},
    )


@pytest.fixture(scope="module", autouse=True)
def podman() -> Iterator[None]:
    # Before a Ray is there, whose workers have the environment that it was started in.
    image_name()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TASKSMITHY_CONTAINER_ENGINE", "podman")
        yield


@pytest.fixture
def needs(request: pytest.FixtureRequest, kind: str) -> None:
    if kind == "container":
        request.getfixturevalue("image")
        request.getfixturevalue("beside_others")


KINDS = [
    pytest.param(kind, marks=pytest.mark.slow if kind == "container" else ()) for kind in TASKS
]
every_kind = pytest.mark.parametrize("kind", KINDS)


def every_executor(*slow: str) -> pytest.MarkDecorator:
    executors = [
        pytest.param(each, marks=pytest.mark.slow if each in slow else ()) for each in EXECUTORS
    ]
    return pytest.mark.parametrize("executor", executors)


@every_kind
@every_executor("ray")
def test_a_task_of_every_type_has_its_result_on_every_executor(
    kind: str, needs: None, on: Callable[..., Any]
) -> None:
    assert on().run(TASKS[kind](), n=21) == 42


@every_kind
@every_executor("ray", "process")  # a second or two for each attempt
def test_its_error_is_of_the_type_that_it_has_here(
    kind: str, needs: None, on: Callable[..., Any]
) -> None:
    with pytest.raises(Exception) as here:
        run(TASKS[kind](), n=-1)
    with pytest.raises(type(here.value)) as there:
        on().run(TASKS[kind](), n=-1)
    assert type(there.value) is type(here.value)


@every_kind
@every_executor("ray", "process")  # a second or two for each attempt
def test_a_function_on_the_executor_calls_it(
    kind: str, needs: None, on: Callable[..., Any]
) -> None:
    assert on().run(twice, name=kind) == [2, 4]
