"""Plugins in the shapes of five for Flyte 2: dask, spark, bigquery, snowflake, papermill.

Each is written as such a plugin is, with what the page about migrating says changed: the imports,
the class line, and the fields of a constructor, which are declared in the class body.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tasksmithy import (
    NativeInterface,
    Registry,
    Resources,
    RetryStrategy,
    SerializationContext,
    Settings,
    TaskEnvironment,
    current,
    run,
    serialize,
)
from tasksmithy.extend import AsyncFunctionTaskTemplate, TaskPluginRegistry, TaskTemplate

# Functions beside a cluster that the plugin starts


@dataclass
class Workers:
    """A group of workers."""

    count: int = 1
    resources: Resources | None = None


@dataclass
class Dask:
    """The configuration of functions beside a Dask cluster."""

    scheduler: Workers = field(default_factory=Workers)
    workers: Workers = field(default_factory=Workers)


class DaskTask(AsyncFunctionTaskTemplate, task_type="dask"):  # type: ignore[type-arg]
    """Gives what a job needs to know, and adds to what `pre` of its base gives."""

    plugin_config: Dask
    debuggable: bool = True
    retries = 2

    async def pre(self, *args, **kwargs):  # type: ignore[no-untyped-def]
        data = await super().pre(*args, **kwargs)
        return {**data, "scheduler": f"tcp://{self.plugin_config.workers.count}"}

    def custom_config(self, sctx: SerializationContext) -> dict[str, Any]:
        config = self.plugin_config
        return {"workers": config.workers.count, "scheduler": config.scheduler.count}


STOPPED: list[str] = []


@dataclass
class Spark:
    """The configuration of functions with a Spark session."""

    spark_conf: dict[str, str] | None = None

    def __post_init__(self) -> None:
        self.spark_conf = self.spark_conf or {}


class SparkTask(AsyncFunctionTaskTemplate, task_type="spark"):  # type: ignore[type-arg]
    """Opens a session before the function, and closes it after: `post` returns nothing."""

    plugin_config: Spark
    debuggable: bool = True

    async def pre(self, *args, **kwargs):  # type: ignore[no-untyped-def]
        await super().pre(*args, **kwargs)
        return {"spark_session": f"session {sorted(self.plugin_config.spark_conf or {})}"}

    async def post(self, return_vals: Any) -> Any:
        STOPPED.append(current().data["spark_session"])

    def custom_config(self, sctx: SerializationContext) -> dict[str, Any]:
        return {"sparkConf": self.plugin_config.spark_conf, "executorPath": sctx.interpreter_path}


# Tasks without a function, with constructors of their own


@dataclass
class Warehouse:
    """Where queries go."""

    account: str
    connection_kwargs: dict[str, Any] | None = None


class BigQueryTask(TaskTemplate, task_type="bigquery_query_job_task"):  # type: ignore[type-arg]
    """A query, whose interface its constructor makes."""

    plugin_config: Warehouse
    query_template: str
    retries = 3

    def __init__(
        self,
        name: str,
        query_template: str,
        plugin_config: Warehouse,
        inputs: dict[str, type] | None = None,
        output_type: type | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            name=name,
            interface=NativeInterface(
                {k: (v, None) for k, v in inputs.items()} if inputs else {},
                {"results": output_type} if output_type else {},
            ),
            image=None,
            **{
                "plugin_config": plugin_config,
                "query_template": " ".join(query_template.split()),
                **kwargs,
            },
        )

    def custom_config(self, sctx: SerializationContext) -> dict[str, Any]:
        return {"ProjectID": self.plugin_config.account, "Domain": sctx.domain}

    def sql(self, sctx: SerializationContext) -> str | None:
        return self.query_template

    async def execute(self, *args: Any, **kwargs: Any) -> Any:
        return [(self.query_template, kwargs)]


class SnowflakeTask(BigQueryTask, task_type="snowflake"):
    """Another query, with a switch and a secret, and a `post` that only notes."""

    batch: bool = False
    secret_group: str | None = None
    interruptible = True

    async def post(self, return_vals: Any) -> Any:
        STOPPED.append(self.name)

    def custom_config(self, sctx: SerializationContext) -> dict[str, Any]:
        config = {**super().custom_config(sctx), "batch": self.batch}
        return {**config, **(self.plugin_config.connection_kwargs or {})}


class NotebookTask(TaskTemplate, task_type="notebook"):  # type: ignore[type-arg]
    """A notebook: its inputs are pairs of type and default, and it is called without await."""

    notebook_path: str
    kernel_name: str | None = None
    log_output: bool = False
    report: bool = True

    def __init__(
        self,
        *,
        name: str,
        notebook_path: str,
        inputs: dict[str, Any],
        outputs: dict[str, type],
        **kwargs: Any,
    ) -> None:
        super().__init__(
            name=name,
            interface=NativeInterface.from_types(inputs, outputs),
            _call_as_synchronous=True,
            **{"notebook_path": notebook_path, **kwargs},
        )

    async def execute(self, *args: Any, **kwargs: Any) -> Any:
        given = self.interface.convert_to_kwargs(*args, **kwargs)
        return f"{self.notebook_path} {given}"

    def container_args(self, sctx: SerializationContext) -> list[str]:
        return ["papermill", self.notebook_path, "--inputs", sctx.input_path]


TEMPLATES = [BigQueryTask, SnowflakeTask, NotebookTask]
WAREHOUSE = Warehouse("acme", {"role": "reader"})


@pytest.fixture(autouse=True)
def _registered() -> Iterator[None]:
    STOPPED.clear()
    with Registry(settings=Settings(), task_types=TEMPLATES).entered():
        TaskPluginRegistry.register(Dask, DaskTask)
        TaskPluginRegistry.register(Spark, SparkTask)
        yield


def test_a_function_beside_a_cluster_has_what_pre_gives_and_its_class_declares() -> None:
    env = TaskEnvironment("dasks", plugin_config=Dask(workers=Workers(4)))

    @env.task
    async def where() -> str:
        return str(current().data["scheduler"])

    assert run(where) == "tcp://4"
    assert (type(where), where.task_type, where.debuggable) == (DaskTask, "dask", True)
    assert where.retries == RetryStrategy(2)
    assert serialize(where).custom_config == {"workers": 4, "scheduler": 1}


@pytest.mark.parametrize("result", [3, None, 0, ""])
def test_a_post_that_stops_a_session_leaves_the_result_of_the_function(result: Any) -> None:
    env = TaskEnvironment("sparks", plugin_config=Spark({"a": "1"}))

    @env.task
    async def maybe() -> Any:
        return result

    @env.task
    def sync() -> Any:
        return result

    assert (run(maybe), run(sync)) == (result, result)
    assert STOPPED == ["session ['a']"] * 2
    assert maybe.debuggable is True
    assert serialize(maybe).custom_config == {"sparkConf": {"a": "1"}, "executorPath": "python"}


def test_a_query_has_the_interface_and_the_image_that_its_constructor_says() -> None:
    task = BigQueryTask("q", "select\n  {{.inputs.n}}", WAREHOUSE, {"n": int}, list)
    assert run(task, n=3) == [("select {{.inputs.n}}", {"n": 3})]
    spec = serialize(task, SerializationContext(domain="dev"))
    assert (spec.image, spec.task_type) == (None, "bigquery_query_job_task")
    assert spec.sql is not None
    assert spec.sql.statement == "select {{.inputs.n}}"
    assert spec.custom_config == {"ProjectID": "acme", "Domain": "dev"}
    assert task.retries == RetryStrategy(3)


def test_a_query_that_builds_on_another_keeps_the_defaults_of_both() -> None:
    task = SnowflakeTask("s", "select 1", WAREHOUSE, output_type=list, batch=True)
    assert run(task) == [("select 1", {})]
    assert STOPPED == ["s"]
    assert (task.retries, task.interruptible) == (RetryStrategy(3), True)
    assert task.override(retries=0).interruptible is True
    assert serialize(task).custom_config == {
        "ProjectID": "acme",
        "Domain": None,
        "batch": True,
        "role": "reader",
    }


def test_a_notebook_is_called_without_await_and_keeps_its_defaults() -> None:
    task = NotebookTask(
        name="n",
        notebook_path="a.ipynb",
        inputs={"day": (int, 1), "month": int},
        outputs={"o0": str},
    )
    assert run(task, month=2) == "a.ipynb {'day': 1, 'month': 2}"
    assert task(month=2) == "a.ipynb {'day': 1, 'month': 2}"
    assert (task.report, task.log_output, task.kernel_name) == (True, False, None)
    assert serialize(task).container_args[:2] == ["papermill", "a.ipynb"]
