"""{{ cookiecutter.__class }}Task: what a task of type `{{ cookiecutter.task_type }}` is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tasksmithy import Converted, FieldError, TaskTemplate, task_field


def _program(name: str, value: object) -> tuple[str, ...]:
    # Called when the task is defined; the error then names the task and the field.
    if not isinstance(value, list | tuple) or not value:
        raise FieldError(name, value, "a program and its arguments, as a list")
    return tuple(value)


class {{ cookiecutter.__class }}Task(TaskTemplate[..., Any], task_type="{{ cookiecutter.task_type }}"):
    """A task that is a program: it reads its inputs as JSON, and writes its result as JSON.

    Raises:
        TaskDefinitionError: a field's value is not allowed.
    """

    # A task is data: a frozen dataclass, without the decorator. Here are the fields that it has
    # beside those of every task (name, interface, retries, timeout, cache, ...).
    command: Converted[Sequence[str], tuple[str, ...]] = task_field(
        check=_program, doc="the program and its arguments."
    )
