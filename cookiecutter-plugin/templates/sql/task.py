"""{{ cookiecutter.__class }}Task: what a task of type `{{ cookiecutter.task_type }}` is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tasksmithy import NativeInterface, TaskTemplate, checks, task_field


class {{ cookiecutter.__class }}Task(TaskTemplate[..., Any], task_type="{{ cookiecutter.task_type }}"):
    """A task that is a query; its result is the rows, as dictionaries.

    Raises:
        TaskDefinitionError: a field's value is not allowed.
    """

    # A task is data: a frozen dataclass, without the decorator. Here are the fields that it has
    # beside those of every task (name, retries, timeout, cache, ...).
    query: str = task_field(
        check=checks.non_empty,  # called when the task is defined; the error names task and field
        doc="the query. `$name` in it stands for the input `name`.",
    )
    inputs: Mapping[str, type] = task_field(default_factory=dict, doc="name to type of the inputs.")
    database: str = task_field(
        default=":memory:",
        doc="file of the database; by default one in memory, which lives as long as the query.",
    )
    interface: NativeInterface = task_field(
        default_factory=NativeInterface,
        derived=lambda task: NativeInterface.from_types(task.inputs, {"o0": list[dict[str, Any]]}),
    )
