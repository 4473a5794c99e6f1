"""Task types of other plugins: queries, and functions with a configuration."""

from dataclasses import dataclass
from typing import Any

import tasksmithy as sdk
from tasksmithy import Sql
from tasksmithy.extend import AsyncFunctionTaskTemplate, TaskPluginRegistry


@dataclass
class Grid:
    workers: int
    queue: str = "default"


@dataclass(kw_only=True)
class GridTask(AsyncFunctionTaskTemplate):
    plugin_config: Grid
    task_type: str = "grid"
    task_type_version: int = 3

    def custom_config(self, sctx: Any) -> dict[str, Any]:
        return {"workers": self.plugin_config.workers, "spec": {"queue": self.plugin_config.queue}}

    def config(self, sctx: Any) -> dict[str, str]:
        return {"mode": "batch"}


@dataclass
class Query:
    statement: str
    dialect: str = "ansi"


@dataclass(kw_only=True)
class QueryTask(AsyncFunctionTaskTemplate):
    plugin_config: Query
    task_type: str = "query"

    def sql(self, sctx: Any) -> Sql:
        return Sql(self.plugin_config.statement, self.plugin_config.dialect)


TaskPluginRegistry.register(Grid, GridTask)
TaskPluginRegistry.register(Query, QueryTask)

grid_env = sdk.TaskEnvironment(
    name="grid", image="ghcr.io/acme/app:1.4", plugin_config=Grid(workers=4)
)
query_env = sdk.TaskEnvironment(
    name="query",
    image="ghcr.io/acme/app:1.4",
    plugin_config=Query("select * from flights where month = {{ .inputs.month }}"),
)
hive_env = sdk.TaskEnvironment(
    name="hive", image="ghcr.io/acme/app:1.4", plugin_config=Query("select 1", "hive")
)


@grid_env.task
async def on_grid(a: int) -> int:
    return a


@grid_env.task(retries=2, cache=sdk.Cache(behavior="override", version_override="1"))
async def on_grid_again(a: int, b: str = "b") -> int:
    return a


@grid_env.task(pod_template=sdk.PodTemplate(labels={"team": "data"}))
async def grid_in_pod() -> None: ...


@query_env.task
async def query(month: int) -> None: ...


@hive_env.task(retries=1)
async def hive() -> None: ...
