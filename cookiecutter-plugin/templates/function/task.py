"""{{ cookiecutter.__class }}Task: the task that a function becomes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from tasksmithy_function import AsyncFunctionTaskTemplate

from {{ cookiecutter.__module }}.config import {{ cookiecutter.__class }}Config

P = ParamSpec("P")
R = TypeVar("R")


class {{ cookiecutter.__class }}Task(
    AsyncFunctionTaskTemplate[P, R],
    task_type="{{ cookiecutter.task_type }}",
):
    """A task that is a Python function, with a pool of threads beside it.

    `@env.task` makes one of each function in an environment whose `plugin_config` is a
    configuration of this type.

    Args:
        plugin_config: the configuration.
    """

    # A task is data: a frozen dataclass, without the decorator. Here are its fields.
    plugin_config: {{ cookiecutter.__class }}Config = {{ cookiecutter.__class }}Config()

    def pre(self, /, *_: Any, **__: Any) -> dict[str, Any]:
        """What the function finds in `tasksmithy.current().data`."""
        config = self.plugin_config
        return {"config": config, "pool": ThreadPoolExecutor(config.workers)}
