"""{{ cookiecutter.__class }}Task: what a task of type `{{ cookiecutter.task_type }}` is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from tasksmithy import FieldError, NativeInterface, TaskTemplate


class {{ cookiecutter.__class }}Task(TaskTemplate[..., Any], task_type="{{ cookiecutter.task_type }}"):
    """A task that is a query; its result is the rows, as dictionaries.

    Args:
        query: the query. `$name` in it stands for the input `name`.
        inputs: name to type of the inputs.
        database: file of the database; by default one in memory, which lives as long as the query.

    Raises:
        TaskDefinitionError: a field's value is not allowed.
    """

    # A task is data: a frozen dataclass, without the decorator. Here are the fields that it has
    # beside those of every task (name, retries, timeout, cache, ...).
    query: str
    inputs: Mapping[str, type] = field(default_factory=dict)
    database: str = ":memory:"
    interface: NativeInterface = field(default_factory=NativeInterface)

    def __post_init__(self) -> None:
        outputs = {"o0": list[dict[str, Any]]}
        self._settle(interface=NativeInterface.from_types(self.inputs, outputs))
        super().__post_init__()
        # Checked when the task is defined; the error then names the task and the field.
        if not self.query.strip():
            raise FieldError("query", self.query, "a SQL query")
