"""Every task type of this repository keeps the contract, and so does a plugin as Flyte has them."""
# ruff: noqa: RUF012 - `inputs` is declared as a class attribute where it comes from

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.containers import image_name

from tasksmithy import NativeInterface, TaskEnvironment, TaskTemplate
from tasksmithy.testing import TaskTypeConformance
from tasksmithy_container import ContainerTask
from tasksmithy_sql import SQLTask

Task = TaskTemplate[..., Any]

env = TaskEnvironment(name="conformance")


@env.task
async def double(n: int) -> int:
    return 2 * n


@env.task
async def rest(n: int) -> int:
    await asyncio.sleep(60)
    return n


@env.task
async def refuse(n: int) -> int:
    raise ValueError(f"{n} is refused")


class TestAsyncFunction(TaskTypeConformance):
    task_type = "python"
    inputs = {"n": 21}
    capabilities = frozenset({"function", "cancellable"})

    def make_task(self) -> Task:
        return double

    def make_slow_task(self) -> Task:
        return rest

    def make_failing_task(self) -> Task:
        return refuse


@env.task(secrets="token")
def double_with_a_secret(n: int) -> int:
    return 2 * n if os.environ["TOKEN"] else 0


@env.task
def sleep(n: int) -> int:
    time.sleep(60)
    return n


@env.task
def divide(n: int) -> float:
    return n / 0


class TestPlainFunction(TaskTypeConformance):
    """With a secret or a timeout it runs in a process of its own."""

    task_type = "python"
    inputs = {"n": 21}
    capabilities = frozenset({"function", "cancellable", "secrets"})

    def make_task(self) -> Task:
        return double_with_a_secret

    def make_slow_task(self) -> Task:
        return sleep.override(timeout=100)

    def make_failing_task(self) -> Task:
        return divide


class TestSQL(TaskTypeConformance):
    task_type = "sql"
    inputs = {"n": 21}
    capabilities = frozenset({"sql", "cancellable"})

    def make_task(self) -> Task:
        return self.query("select 2 * $n")

    def make_slow_task(self) -> Task:
        return self.query("select count(*) from range(100_000_000_000) where hash(range) = $n")

    def make_failing_task(self) -> Task:
        return self.query("select * from nowhere where n = $n")

    def query(self, text: str) -> Task:
        return SQLTask(name="query", query=text, inputs={"n": int}, output=int)


@pytest.mark.slow
class TestContainer(TaskTypeConformance):
    task_type = "raw-container"
    inputs = {"n": 21}
    capabilities = frozenset({"container", "cancellable", "secrets"})

    @pytest.fixture(autouse=True)
    def _engine(self, image: str, beside_others: None, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TASKSMITHY_CONTAINER_ENGINE", "podman")

    def make_task(self) -> Task:
        return self.script("echo -n $(({{.inputs.n}} * 2)) > /var/outputs/m").override(
            secrets="token"
        )

    def make_slow_task(self) -> Task:
        return self.script("sleep 60")

    def make_failing_task(self) -> Task:
        return self.script("exit 3")

    def script(self, text: str) -> Task:
        return ContainerTask(
            name="container",
            image=image_name(),
            image_pull_policy="Never",
            command=["sh", "-c", text],
            inputs={"n": int},
            outputs={"m": int},
        )


FLYTE_STYLE = """
    from dataclasses import field

    from tasksmithy.extend import TaskTemplate


    class JobTask(TaskTemplate, task_type="flyte-style-job"):
        cluster: dict = field(default_factory=dict)

        def custom_config(self, sctx):
            return {"cluster": dict(self.cluster), "version": sctx.version}

        def container_args(self, sctx):
            return ["job", "--inputs", sctx.input_path]

        async def execute(self, **inputs):
            return 2 * inputs["n"]
"""


class TestFlyteStyle(TaskTypeConformance):
    """A class of tasks that overrides methods, which its entry point names, and no hook."""

    task_type = "flyte-style-job"
    inputs = {"n": 21}
    capabilities = frozenset({"container"})

    @pytest.fixture(autouse=True)
    def _installed(self, fake_distribution: Callable[..., Path]) -> None:
        fake_distribution(
            "flyte-style-job",
            {"flyte_style_job/__init__.py": FLYTE_STYLE, "flyte_style_job/py.typed": ""},
            {"tasksmithy.task_types.v1": {"flyte-style-job": "flyte_style_job:JobTask"}},
        )

    def make_task(self) -> Task:
        from flyte_style_job import JobTask

        interface = NativeInterface.from_types({"n": int}, {"o0": int})
        return JobTask(name="job", interface=interface, cluster={"workers": 2})
