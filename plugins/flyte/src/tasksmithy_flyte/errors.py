"""What a task says and Flyte's messages cannot."""

from __future__ import annotations

from tasksmithy.errors import TasksmithyError


class RenderError(TasksmithyError):
    """A task cannot be said in Flyte's messages.

    Attributes:
        task: name of the task.
        field: the field whose value has no place in the message.
    """

    def __init__(self, task: str, field: str, problem: str) -> None:
        super().__init__(f"task {task!r}, {field}: {problem}")
        self.task = task
        self.field = field


class LiteralError(TasksmithyError):
    """A value and Flyte's literal of it do not fit."""
