"""The base of every error, and the one that a field raises."""

from __future__ import annotations

from tasksmithy._texts import shorten


class TasksmithyError(Exception):
    """Base of every error that tasksmithy raises."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if cls.__module__.startswith("tasksmithy.errors."):
            cls.__module__ = "tasksmithy.errors"  # the public one, as a traceback shows it

    def __reduce__(self) -> tuple[object, ...]:
        # By default pickle calls the class with `args`, which holds only for some constructors.
        return _restored, (type(self), self.args, self.__dict__)


def _restored(
    cls: type[TasksmithyError], args: tuple[object, ...], state: dict[str, object]
) -> TasksmithyError:
    error = cls.__new__(cls)
    error.args = args
    error.__dict__.update(state)
    return error


class FieldError(TasksmithyError, ValueError):
    """A value that a field does not allow, as the value type itself sees it.

    The task or environment that carries the value turns it into a `TaskDefinitionError`,
    which can name the task.

    Attributes:
        field: name of the field, with dots inside a nested value (`"backoff.base"`).
        value: what was given.
        allowed: what is allowed, as the end of the sentence "... is not allowed: give ...".
    """

    def __init__(self, field: str, value: object, allowed: str) -> None:
        super().__init__(field, value, allowed)
        self.field = field
        self.value = value
        self.allowed = allowed

    def __str__(self) -> str:
        return f"{self.field}={shorten(self.value)} is not allowed: give {self.allowed}"

    def within(self, outer: str) -> FieldError:
        """The same error as seen from the value that holds this one in its field `outer`."""
        return FieldError(f"{outer}.{self.field}", self.value, self.allowed)
