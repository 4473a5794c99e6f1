"""What cannot be defined as it is written, and calls that do not fit an interface."""

from __future__ import annotations

from collections.abc import Coroutine

from tasksmithy._texts import shorten
from tasksmithy.errors._base import TasksmithyError


class NotGiven:
    """Stands, as a class, for the value of a field that must be given and was not."""


class DefinitionError(TasksmithyError, ValueError):
    """A task or an environment that cannot be defined as written.

    Attributes:
        owner: name of the task or environment.
        field: the field at fault, with dots inside a nested value (`"resources.memory"`).
        value: what was given; the class `NotGiven` where it is missing.
        allowed: what is allowed there.
    """

    kind = "definition"

    def __init__(self, owner: str, field: str, value: object, allowed: str) -> None:
        super().__init__(owner, field, value, allowed)
        self.owner = owner
        self.field = field
        self.value = value
        self.allowed = allowed

    def __str__(self) -> str:
        if self.value is NotGiven:
            problem = f"{self.field} is missing"
        else:
            problem = f"{self.field}={shorten(self.value)} is not allowed"
        return f"{self.kind} {self.owner!r}: {problem}: give {self.allowed}"


class TaskDefinitionError(DefinitionError):
    """A task whose field has a value that is not allowed, or an unknown or missing field."""

    kind = "task"


class EnvironmentDefinitionError(DefinitionError):
    """A task environment whose field has a value that is not allowed."""

    kind = "environment"


class InterfaceError(TasksmithyError, TypeError):
    """Values that do not fit a task's interface.

    Attributes:
        task: name of the task.
        problem: what does not fit, and what would.
    """

    def __init__(self, task: str, problem: str) -> None:
        super().__init__(task, problem)
        self.task = task
        self.problem = problem

    def __str__(self) -> str:
        return f"task {self.task!r}: {self.problem}"


class InputError(InterfaceError):
    """Inputs that do not fit a task's interface: missing, unknown or of the wrong type."""


class OutputError(InterfaceError):
    """A result that does not fit the outputs that a task declares."""


class NotATaskError(TasksmithyError, TypeError):
    """Something that is no task, where one is needed."""

    def __init__(self, given: object) -> None:
        if callable(given):
            hint = "a function becomes one by @env.task"
        else:
            hint = "write run(task, n=1), not run(task(n=1))"
        if isinstance(given, Coroutine):
            given.close()  # which nobody awaits: Python need not say so once more
        super().__init__(shorten(given), hint)

    def __str__(self) -> str:
        return f"{self.args[0]} is no task; {self.args[1]}"


class SpecError(TasksmithyError, ValueError):
    """A spec that cannot be read, or from which no task can be made.

    Attributes:
        task: name of the task; None where the spec does not say it.
        problem: what is wrong.
    """

    def __init__(self, task: str | None, problem: str) -> None:
        super().__init__(task, problem)
        self.task = task
        self.problem = problem

    def __str__(self) -> str:
        return f"spec{f' of task {self.task!r}' if self.task else ''}: {self.problem}"


class SourceError(TasksmithyError):
    """A file of tasks that cannot be read or imported, or lacks the task asked for."""
