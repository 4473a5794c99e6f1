"""{{ cookiecutter.__class }}TaskType: how tasks of type `{{ cookiecutter.task_type }}` behave."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from asyncio.subprocess import PIPE
from collections.abc import Mapping
from typing import Any

from tasksmithy import TaskType, hookimpl

from {{ cookiecutter.__module }}.task import {{ cookiecutter.__class }}Task


class {{ cookiecutter.__class }}TaskType(TaskType):
    """Task type `{{ cookiecutter.task_type }}`.

    Each method with `@hookimpl` answers a hook, and takes those of its arguments that it needs.
    """

    template = {{ cookiecutter.__class }}Task

    @hookimpl
    async def execute(self, task: {{ cookiecutter.__class }}Task, inputs: Mapping[str, Any]) -> Any:
        """Run the program: this is how the task runs on this machine."""
        process = await asyncio.create_subprocess_exec(
            *task.command, stdin=PIPE, stdout=PIPE, start_new_session=True
        )
        try:
            output, _ = await process.communicate(json.dumps(inputs).encode())
        finally:
            if process.returncode is None:  # cancelled, or out of time
                os.killpg(process.pid, signal.SIGKILL)  # with all that it has started
                await process.wait()
        if process.returncode:
            raise RuntimeError(f"{task.command[0]} ended with exit code {process.returncode}")
        return json.loads(output)

    @hookimpl
    def container_args(self, task: {{ cookiecutter.__class }}Task) -> list[str]:
        """The same program, where a cluster runs it in a container."""
        return list(task.command)
