"""What a task says about itself."""

from __future__ import annotations

from dataclasses import dataclass

from tasksmithy.checks import checked, text, widened
from tasksmithy.errors import FieldError


@dataclass(frozen=True, slots=True)
class Documentation:
    """A task's documentation.

    Attributes:
        description: the whole text.
    """

    description: str = ""

    @classmethod
    def of(cls, value: str | Documentation | None, field: str) -> Documentation | None:
        """Documentation from its shorthand, a text indented as a docstring may be; None is None.

        Raises:
            FieldError: for `field`, or `field.<inner>` where `value` is a Documentation.
        """
        if value is None:
            return None
        if isinstance(value, Documentation):
            return checked(field, value)
        import inspect

        try:
            return cls(inspect.cleandoc(text(field, value)))
        except FieldError as error:
            raise widened(error, "a Documentation or None") from None

    def check(self) -> None:
        """Raise `FieldError` for the first field that is not allowed."""
        text("description", self.description)

    @property
    def short_description(self) -> str:
        """The first paragraph of `description`, on one line."""
        lines: list[str] = []
        for line in self.description.strip().splitlines():
            if not line.strip():
                break
            lines.append(line.strip())
        return " ".join(lines)

    def to_dict(self) -> dict[str, object]:
        """The description, JSON-able."""
        return {"description": self.description} if self.description else {}
