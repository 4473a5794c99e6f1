"""{{ cookiecutter.__class }}TaskType: how tasks of type `{{ cookiecutter.task_type }}` behave."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tasksmithy import RunContext, TaskType, hookimpl

from {{ cookiecutter.__module }}.config import {{ cookiecutter.__class }}Config
from {{ cookiecutter.__module }}.task import {{ cookiecutter.__class }}Task


class {{ cookiecutter.__class }}TaskType(TaskType):
    """Task type `{{ cookiecutter.task_type }}`.

    Its template builds on that of type `python`, whose hooks answer what this class does not: the
    function runs as any other does. A method with `@hookimpl` adds a hook, or answers one anew.
    """

    template = {{ cookiecutter.__class }}Task
    # The class of the `plugin_config` that makes a function a task of this type.
    config_model = {{ cookiecutter.__class }}Config

    @hookimpl
    @asynccontextmanager
    async def around_execute(self, ctx: RunContext) -> AsyncIterator[None]:
        """End the pool with the attempt: it succeeds, fails, is cancelled or out of time."""
        try:
            yield
        finally:
            ctx.data["pool"].shutdown(wait=False, cancel_futures=True)

    @hookimpl
    def custom_config(self, task: {{ cookiecutter.__class }}Task[..., Any]) -> dict[str, Any]:
        """What a cluster needs to know of the task, as JSON values."""
        return task.plugin_config.model_dump(mode="json")
