"""Answers hooks by the methods that the class of a task overrides, as Flyte's plugins do."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Mapping
from typing import Any

from tasksmithy.plugins._hookspecs import hookimpl
from tasksmithy.task._hooks import answering
from tasksmithy.task._spec import DataLoadingConfig, SerializationContext, Sql
from tasksmithy.task._template import TaskTemplate

Task = TaskTemplate[..., Any]


class ClassOverrides:
    """Stands in every plugin manager above the task type and beneath the policies."""

    @hookimpl
    def config(self, task: Task, sctx: SerializationContext) -> dict[str, str] | None:
        """By `task.config`, where its class overrides it."""
        if "config" not in task.overridden_hooks:
            return None
        with answering(task, "config"):
            return task.config(sctx)

    @hookimpl
    def custom_config(self, task: Task, sctx: SerializationContext) -> dict[str, Any] | None:
        """By `task.custom_config`, where its class overrides it."""
        if "custom_config" not in task.overridden_hooks:
            return None
        with answering(task, "custom_config"):
            return task.custom_config(sctx)

    @hookimpl
    def container_args(self, task: Task, sctx: SerializationContext) -> list[str] | None:
        """By `task.container_args`, where its class overrides it."""
        if "container_args" not in task.overridden_hooks:
            return None
        with answering(task, "container_args"):
            return task.container_args(sctx)

    @hookimpl
    def sql(self, task: Task, sctx: SerializationContext) -> Sql | str | None:
        """By `task.sql`, where its class overrides it."""
        if "sql" not in task.overridden_hooks:
            return None
        with answering(task, "sql"):
            return task.sql(sctx)

    @hookimpl
    def data_loading_config(
        self, task: Task, sctx: SerializationContext
    ) -> DataLoadingConfig | None:
        """By `task.data_loading_config`, where its class overrides it."""
        if "data_loading_config" not in task.overridden_hooks:
            return None
        with answering(task, "data_loading_config"):
            return task.data_loading_config(sctx)

    @hookimpl
    def execute(self, task: Task, inputs: Mapping[str, Any]) -> Awaitable[Any] | None:
        """By `task.execute`, where its class overrides it; in a thread, unless it is async."""
        return _executed(task, inputs) if "execute" in task.overridden_hooks else None


async def _executed(task: Task, inputs: Mapping[str, Any]) -> Any:
    with answering(task, "execute"):
        if inspect.iscoroutinefunction(inspect.unwrap(type(task).execute)):
            return await task.execute(**inputs)
        from tasksmithy.concurrency._threads import (
            in_thread,  # with asyncio, which listing plugins needs not
        )

        result = await in_thread(task.execute, **inputs)
        return await result if inspect.isawaitable(result) else result
