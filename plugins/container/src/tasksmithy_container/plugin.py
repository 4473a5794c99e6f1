"""ContainerTaskType: what the core asks of tasks that are containers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, ClassVar

from tasksmithy import Cache, DataLoadingConfig, RunContext, TaskType, hookimpl
from tasksmithy_container.images import note_image, noted_image
from tasksmithy_container.run import run_container
from tasksmithy_container.task import ContainerTask


class ContainerTaskType(TaskType):
    """Task type `raw-container`."""

    # A type that builds on this one has a template of its own.
    template: ClassVar[type[ContainerTask]] = ContainerTask
    heeds = frozenset({"image", "resources", "env_vars", "secrets"})

    @hookimpl
    async def execute(self, task: ContainerTask, inputs: Mapping[str, Any], ctx: RunContext) -> Any:
        """Run the container."""
        return await run_container(task, inputs, ctx)

    @hookimpl
    def container_args(self, task: ContainerTask) -> list[str]:
        """The command and its arguments, with their templates, which the cluster fills in."""
        return list(task.words)

    @hookimpl
    def data_loading_config(self, task: ContainerTask) -> DataLoadingConfig:
        """Where inputs and outputs are, and the format of the file of all inputs."""
        return DataLoadingConfig(
            input_path=str(task.input_data_dir),
            output_path=str(task.output_data_dir),
            format=task.metadata_format,
            file_input_layout=task.file_input_layout,
        )

    @hookimpl
    async def admit(self, task: ContainerTask, ctx: RunContext) -> None:
        """Find out which image the reference means now, before the cache is asked for a result."""
        if isinstance(task.cache, Cache) and task.cache.enabled:
            await note_image(task, ctx)

    @hookimpl
    def cache_version(self, task: ContainerTask) -> str:
        """A digest of all that decides what the container is; in a run, also of its image."""
        identity = [
            *(task.image_uri, noted_image(task)),
            *(list(task.command), list(task.arguments or ()), task.image_entrypoint),
            *(task.user, task.workdir, sorted((task.env_vars or {}).items())),
            *(task.input_data_dir, task.output_data_dir),
            *(task.metadata_format, task.file_input_layout),
        ]
        return hashlib.sha256(json.dumps(identity).encode()).hexdigest()
