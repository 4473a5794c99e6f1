"""Plugins in the shapes of five for Flyte 2: dask, spark, bigquery, snowflake, papermill.

They are written for Flyte, and nothing but their imports is changed. Beside them stands what an
entry point says: the name of the task type.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from core.tests.flyte_style_plugins import (
    STOPPED,
    BigQueryConfig,
    BigQueryTask,
    Dask,
    DaskTask,
    NotebookTask,
    Snowflake,
    SnowflakeConfig,
    Spark,
    WorkerGroup,
    register,
)

from tasksmithy import (
    Registry,
    RetryStrategy,
    SerializationContext,
    Settings,
    TaskDefinitionError,
    TaskEnvironment,
    TaskType,
    current,
    run,
    serialize,
    with_runcontext,
)


class BigQuery(TaskType):
    """What the entry point `bigquery_query_job_task` names."""

    task_type = "bigquery_query_job_task"
    template = BigQueryTask


class Snow(TaskType):
    """What the entry point `snowflake` names."""

    task_type = "snowflake"
    template = Snowflake


class Notebook(TaskType):
    """What the entry point `notebook` names."""

    task_type = "notebook"
    template = NotebookTask


WAREHOUSE = SnowflakeConfig("acme", {"role": "reader"})


def query(name: str = "q", text: str = "select\n  {{.inputs.n}}", **given: Any) -> Any:
    return BigQueryTask(name, text, BigQueryConfig("acme"), {"n": int}, list, **given)


@pytest.fixture(autouse=True)
def _registered() -> Iterator[None]:
    STOPPED.clear()
    with Registry(settings=Settings(), task_types=[BigQuery, Snow, Notebook]).entered():
        register()
        yield


def test_a_function_beside_a_cluster_has_what_pre_gives_and_its_class_declares() -> None:
    env = TaskEnvironment("dasks", plugin_config=Dask(workers=WorkerGroup(4)))

    @env.task
    async def where() -> str:
        return str(current().data["scheduler"])

    assert run(where) == "tcp://4"
    assert (type(where), where.task_type, where.debuggable) == (DaskTask, "dask", True)
    assert where.retries == RetryStrategy(2)
    assert serialize(where).custom_config == {"workers": 4, "tags": {"team": "data"}}


def test_a_decorator_of_a_template_leaves_the_class_as_its_body_says() -> None:
    class Larger(DaskTask, task_type="larger-dask"):
        """Builds on a decorated class."""

        retries = 5

    def work() -> None: ...

    given = {"func": work, "interface": query().interface, "plugin_config": Dask()}
    task: Any = Larger(name="w", **given)
    assert (task.retries, task.tags) == (RetryStrategy(5), {"team": "data"})
    with pytest.raises(TaskDefinitionError, match="retries=-1"):
        Larger(name="w", retries=-1, **given)
    assert repr(DaskTask(name="d", **given)) == "DaskTask(name='d', task_type='dask')"


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
    task = query()
    assert run(task, n=3) == [("select {{.inputs.n}}", {"n": 3})]
    spec = serialize(task, SerializationContext(domain="dev"))
    assert (spec.image, spec.task_type) == (None, "bigquery_query_job_task")
    assert spec.sql is not None
    assert spec.sql.statement == "select {{.inputs.n}}"
    assert spec.custom_config == {"ProjectID": "acme", "Domain": "dev"}


def test_a_query_keeps_the_defaults_of_its_class_and_what_its_constructor_assigned() -> None:
    task: Any = Snowflake("s", "select 1", WAREHOUSE, secret_group="snow", batch=True)
    assert run(task) == [("select 1", {})]
    assert STOPPED == ["s"]
    assert (task.retries, task.interruptible) == (RetryStrategy(3), True)
    for same in (task.override(retries=0), pickle.loads(pickle.dumps(task))):
        assert same.interruptible is True
        assert run(same) == [("select 1", {})]
        assert serialize(same).custom_config == {
            "account": "acme",
            "batch": True,
            "connection_kwargs": {"role": "reader"},
            "secrets": {"key": "SNOW_KEY"},
        }


def test_a_query_that_differs_in_what_its_constructor_assigned_is_another_task(
    tmp_path: Path,
) -> None:
    first, second = (query(text=f"select {n}", cache="auto") for n in (1, 2))
    assert first == query(text="select 1", cache="auto")
    assert first != second
    kept = with_runcontext(cache_dir=tmp_path)
    assert [kept.run(task, n=1)[0][0] for task in (first, second, first)] == [
        "select 1",
        "select 2",
        "select 1",
    ]


def test_a_notebook_is_called_without_await_and_keeps_its_defaults() -> None:
    env = TaskEnvironment("notebooks")
    task: Any = NotebookTask(
        name="n",
        notebook_path="a.ipynb",
        task_environment=env,
        inputs={"day": (int, 1), "month": int},
        outputs={"o0": str},
    )
    assert run(task, month=2) == "notebooks/a.ipynb {'day': 1, 'month': 2}"
    assert task(month=2) == "notebooks/a.ipynb {'day': 1, 'month': 2}"
    assert (task.report, task.log_output, task.kernel_name) == (True, False, None)
    assert (task.engine_kwargs, task.parent_env_name) == ({}, "notebooks")
    assert serialize(task).container_args[:2] == ["papermill", "notebooks/a.ipynb"]
    assert task.override(kernel_name="julia").kernel_name == "julia"
