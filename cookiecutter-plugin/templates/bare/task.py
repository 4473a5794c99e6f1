"""{{ cookiecutter.__class }}Task: what a task of type `{{ cookiecutter.task_type }}` is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tasksmithy import FieldError, TaskTemplate


class {{ cookiecutter.__class }}Task(TaskTemplate[..., Any], task_type="{{ cookiecutter.task_type }}"):
    """A task that is a program: it reads its inputs as JSON, and writes its result as JSON.

    Args:
        command: the program and its arguments.

    Raises:
        TaskDefinitionError: a field's value is not allowed.
    """

    # A task is data: a frozen dataclass, without the decorator. Here are the fields that it has
    # beside those of every task (name, interface, retries, timeout, cache, ...).
    command: Sequence[str]

    def __post_init__(self) -> None:
        super().__post_init__()
        # Checked when the task is defined; the error then names the task and the field.
        if isinstance(self.command, str) or not self.command:
            raise FieldError("command", self.command, "a program and its arguments, as a list")
        self._settle(command=tuple(self.command))
