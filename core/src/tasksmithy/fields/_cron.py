"""Checks a cron expression field by field, by crontab(5)."""

from __future__ import annotations

from dataclasses import dataclass

from tasksmithy._texts import near_misses
from tasksmithy.checks import non_empty
from tasksmithy.errors import FieldError

MACROS = ("@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually")

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()  # the first one stands for `low`

    @property
    def allowed(self) -> str:
        names = f" or {self.names[0].upper()}-{self.names[-1].upper()}" if self.names else ""
        return (
            f"{self.name} as *, {self.low}-{self.high}{names}, ranges a-b with a <= b, "
            "steps */n or a-b/n, and lists of these with commas"
        )


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of week", 0, 7, _DAYS),  # Sunday is both 0 and 7
)


def check_cron(field: str, value: object) -> None:
    """Raise `FieldError` if `value` is no cron expression: five fields, or a macro.

    The error says which of the five is wrong and what is allowed in it.
    """
    expression = non_empty(field, value)
    if expression.startswith("@"):
        if expression not in MACROS:
            allowed = f"one of {', '.join(MACROS)}, or five fields{near_misses(expression, MACROS)}"
            raise FieldError(field, value, allowed)
        return
    texts = expression.split()
    if len(texts) != len(_FIELDS):
        names = ", ".join(each.name for each in _FIELDS)
        allowed = f"five fields ({names}), not {len(texts)}, or a macro such as @daily"
        raise FieldError(field, value, allowed)
    for each, text in zip(_FIELDS, texts, strict=True):
        for item in text.split(","):
            if not _is_item(each, item):
                raise FieldError(field, value, f"{each.allowed}; {item!r} is none of these")


def _is_item(field: _Field, item: str) -> bool:
    span, slash, step = item.partition("/")
    if slash and not (_is_number(step) and 1 <= int(step) <= field.high):
        return False
    if span == "*":
        return True
    first, dash, last = span.partition("-")
    start = _number(field, first)
    if not dash:  # crontab(5) has no step after a single value
        return start is not None and not slash
    end = _number(field, last)
    if end == 0 and last.casefold() == "sun":  # a week may end on Sunday: FRI-SUN
        end = 7
    return start is not None and end is not None and start <= end


def _number(field: _Field, text: str) -> int | None:
    if text.casefold() in field.names:
        return field.low + field.names.index(text.casefold())
    if not _is_number(text):
        return None
    return int(text) if field.low <= int(text) <= field.high else None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 2
