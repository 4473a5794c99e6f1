"""Five plugins written as plugins for Flyte 2.12.1 are: their imports alone are of tasksmithy.

The decorators, the constructors that assign, the task type in the class body or in the constructor,
the coroutines `pre` and `post` stand as authors write them for Flyte.
"""

# mypy: ignore-errors

import os
import re
import weakref
from dataclasses import dataclass, field
from typing import Any

from tasksmithy import NativeInterface, Resources, SerializationContext, current
from tasksmithy.extend import AsyncFunctionTaskTemplate, TaskPluginRegistry, TaskTemplate

# Functions beside a cluster: the configuration chooses the class


@dataclass
class WorkerGroup:
    """A group of workers."""

    number_of_workers: int | None = 1
    resources: Resources | None = None


@dataclass
class Dask:
    """The configuration of functions beside a Dask cluster."""

    scheduler: WorkerGroup = field(default_factory=WorkerGroup)
    workers: WorkerGroup = field(default_factory=WorkerGroup)


@dataclass(kw_only=True)
class DaskTask(AsyncFunctionTaskTemplate):
    """Adds to what `pre` of its base gives."""

    plugin_config: Dask
    task_type: str = "dask"
    debuggable: bool = True
    retries: int = 2
    tags: dict[str, str] = field(default_factory=lambda: {"team": "data"})

    async def pre(self, *args, **kwargs) -> dict[str, Any]:
        data = await super().pre(*args, **kwargs)
        return {**data, "scheduler": f"tcp://{self.plugin_config.workers.number_of_workers}"}

    def custom_config(self, sctx: SerializationContext) -> dict[str, Any]:
        workers = self.plugin_config.workers
        return {"workers": workers.number_of_workers, "tags": self.tags}


@dataclass
class Spark:
    """The configuration of functions with a Spark session."""

    spark_conf: dict[str, str] | None = None

    def __post_init__(self):
        if self.spark_conf is None:
            self.spark_conf = {}


STOPPED: list[str] = []


@dataclass(kw_only=True)
class PysparkFunctionTask(AsyncFunctionTaskTemplate):
    """Opens a session before the function and stops it after: `post` returns nothing."""

    plugin_config: Spark
    task_type: str = "spark"
    debuggable: bool = True

    def __post_init__(self):
        super().__post_init__()
        self._session_name = f"session {sorted(self.plugin_config.spark_conf)}"

    async def pre(self, *args, **kwargs) -> dict[str, Any]:
        await super().pre(*args, **kwargs)
        return {"spark_session": self._session_name}

    def custom_config(self, sctx: SerializationContext) -> dict[str, Any]:
        return {"sparkConf": self.plugin_config.spark_conf, "executorPath": sctx.interpreter_path}

    async def post(self, return_vals: Any) -> Any:
        STOPPED.append(current().data["spark_session"])


def register():
    """What such a module does when it is imported; here, where a test has its registry."""
    TaskPluginRegistry.register(Dask, DaskTask)
    TaskPluginRegistry.register(Spark, PysparkFunctionTask)


# Queries: no function, no image, and a constructor that assigns


@dataclass
class BigQueryConfig:
    """Where the queries go."""

    ProjectID: str
    Location: str | None = None


class BigQueryTask(TaskTemplate):
    """A query, whose interface, image and task type its constructor gives."""

    _TASK_TYPE = "bigquery_query_job_task"

    def __init__(
        self,
        name: str,
        query_template: str,
        plugin_config: BigQueryConfig,
        inputs: dict[str, type] | None = None,
        output_dataframe_type: type | None = None,
        google_application_credentials: str | None = None,
        **kwargs,
    ):
        outputs = None
        if output_dataframe_type is not None:
            outputs = {"results": output_dataframe_type}
        super().__init__(
            name=name,
            interface=NativeInterface(
                {k: (v, None) for k, v in inputs.items()} if inputs else {}, outputs or {}
            ),
            task_type=self._TASK_TYPE,
            image=None,
            **kwargs,
        )
        self.output_dataframe_type = output_dataframe_type
        self.plugin_config = plugin_config
        self.query_template = re.sub(r"\s+", " ", query_template).strip()
        self.google_application_credentials = google_application_credentials

    async def execute(self, *args, **kwargs) -> Any:
        return [(self.query_template, kwargs)]

    def custom_config(self, sctx: SerializationContext) -> dict[str, Any] | None:
        config = {"ProjectID": self.plugin_config.ProjectID, "Domain": sctx.domain}
        if self.google_application_credentials is not None:
            config["secrets"] = {"credentials": self.google_application_credentials}
        return config

    def sql(self, sctx: SerializationContext) -> str | None:
        return self.query_template


@dataclass
class SnowflakeConfig:
    """Where the queries go."""

    account: str
    connection_kwargs: dict[str, Any] | None = None


class Snowflake(TaskTemplate):
    """A query with class defaults, a private attribute and a `post` that only notes."""

    _TASK_TYPE = "snowflake"
    retries = 3
    interruptible = True

    def __init__(
        self,
        name: str,
        query_template: str,
        plugin_config: SnowflakeConfig,
        inputs: dict[str, type] | None = None,
        output_dataframe_type: type | None = None,
        secret_group: str | None = None,
        batch: bool = False,
        **kwargs,
    ):
        super().__init__(
            name=name,
            interface=NativeInterface(
                {k: (v, None) for k, v in inputs.items()} if inputs else {},
                {"results": output_dataframe_type} if output_dataframe_type else {},
            ),
            task_type=self._TASK_TYPE,
            image=None,
            **kwargs,
        )
        self._plugin_config = plugin_config
        self.query_template = query_template
        self.batch = batch
        self.secret_group = secret_group

    def _to_env_var(self, key: str) -> str:
        return f"{self.secret_group}_{key}".upper()

    async def execute(self, *args, **kwargs) -> Any:
        return [(self.query_template, kwargs)]

    async def post(self, return_vals: Any) -> Any:
        STOPPED.append(self.name)

    def custom_config(self, sctx: SerializationContext) -> dict[str, Any] | None:
        config = {"account": self._plugin_config.account}
        if self.batch:
            config["batch"] = True
        if self._plugin_config.connection_kwargs:
            config["connection_kwargs"] = self._plugin_config.connection_kwargs
        if self.secret_group:
            config["secrets"] = {"key": self._to_env_var("key")}
        return config

    def sql(self, sctx: SerializationContext) -> str | None:
        return self.query_template


# A notebook: a decorated class whose constructor assigns the fields that it declares


@dataclass(kw_only=True)
class NotebookTask(TaskTemplate):
    """A notebook, which is called without await."""

    notebook_path: str
    plugin_config: Any | None = None
    kernel_name: str | None = None
    log_output: bool = False
    engine_kwargs: dict[str, Any] = field(default_factory=dict)
    _resolved_notebook_path: str = field(init=False, repr=False, default="")

    def __init__(
        self,
        *,
        name: str,
        notebook_path: str,
        task_environment: Any | None = None,
        inputs: dict[str, Any] | None = None,
        outputs: dict[str, type] | None = None,
        kernel_name: str | None = None,
        log_output: bool = False,
        engine_kwargs: dict[str, Any] | None = None,
        **kwargs: Any,
    ):
        super().__init__(
            name=name,
            interface=NativeInterface.from_types(inputs or {}, outputs or {}),
            task_type="notebook",
            report=True,
            _call_as_synchronous=True,
            parent_env=weakref.ref(task_environment) if task_environment else None,
            parent_env_name=task_environment.name if task_environment else None,
            **kwargs,
        )
        self.notebook_path = notebook_path
        self.kernel_name = kernel_name
        self.log_output = log_output
        self.engine_kwargs = engine_kwargs or {}
        self._resolved_notebook_path = os.path.normpath(f"notebooks/{notebook_path}")

    async def execute(self, *args: Any, **kwargs: Any) -> Any:
        given = self.interface.convert_to_kwargs(*args, **kwargs)
        return f"{self._resolved_notebook_path} {given}"

    def container_args(self, sctx: SerializationContext) -> list[str]:
        return ["papermill", self._resolved_notebook_path, "--inputs", sctx.input_path]
