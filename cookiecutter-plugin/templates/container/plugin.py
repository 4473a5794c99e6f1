"""{{ cookiecutter.__class }}TaskType: how tasks of type `{{ cookiecutter.task_type }}` behave."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tasksmithy import RunContext, hookimpl
from tasksmithy_container.plugin import ContainerTaskType

from {{ cookiecutter.__module }}.task import {{ cookiecutter.__class }}Task


class {{ cookiecutter.__class }}TaskType(ContainerTaskType):
    """Task type `{{ cookiecutter.task_type }}`.

    It runs as a container of type `raw-container` does, and has all hooks of that type. A method
    with `@hookimpl` adds a hook, or answers one in another way.
    """

    template = {{ cookiecutter.__class }}Task

    @hookimpl
    @asynccontextmanager
    async def around_execute(self, ctx: RunContext) -> AsyncIterator[None]:
        """Log how long the container took, however it ended."""
        begin = time.monotonic()
        try:
            yield
        finally:
            ctx.logger.info("the container took %.1f s", time.monotonic() - begin)
