"""Checks of single fields, which value types, tasks and the templates of plugins share.

Each takes the name of the field and its value, gives the value back in its plain form, and raises
`FieldError` where the value is not allowed. A bool is never a number here: `retries=True` is a
mistake, not one retry.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from tasksmithy._texts import shorten
from tasksmithy.errors import FieldError

__all__ = [
    "Checkable",
    "Duration",
    "boolean",
    "checked",
    "env_vars",
    "finite",
    "instance",
    "integer",
    "matching",
    "moment",
    "named_values",
    "non_empty",
    "number",
    "one_of",
    "seconds",
    "string_mapping",
    "text",
    "widened",
]

Duration = int | float | timedelta
"""A time span: seconds, or a timedelta."""


class Checkable(Protocol):
    """A value type: building it never raises, `check()` raises for the first bad field."""

    def check(self) -> None:
        """Raise `FieldError` for the first field that is not allowed."""


T = TypeVar("T")
C = TypeVar("C", bound=Checkable)


def checked(field: str, value: C) -> C:
    """`value` after its own `check()`; an error names the inner field as `field.inner`."""
    try:
        value.check()
    except FieldError as error:
        raise error.within(field) from None
    return value


def widened(error: FieldError, alternative: str) -> FieldError:
    """The same error where something else, too, is allowed."""
    return FieldError(error.field, error.value, f"{error.allowed}, or {alternative}")


def instance(field: str, value: object, kind: type[T]) -> T:
    """`value` if it is a `kind`."""
    if not isinstance(value, kind):
        raise FieldError(field, value, f"a {kind.__name__}")
    return value


def boolean(field: str, value: object) -> bool:
    """`value` if it is True or False, nothing merely truthy."""
    if not isinstance(value, bool):
        raise FieldError(field, value, "True or False")
    return value


def integer(field: str, value: object, minimum: int) -> int:
    """`value` if it is an int (not a bool) and at least `minimum`."""
    if not isinstance(value, int) or isinstance(value, bool) or value < minimum:
        raise FieldError(field, value, f"an integer of at least {minimum}")
    return value


def number(field: str, value: object, minimum: float) -> float:
    """`value` as a float if it is a finite int or float (not a bool) and at least `minimum`."""
    plain = finite(value)
    if plain is None or plain < minimum:
        raise FieldError(field, value, f"a number of at least {minimum:g}")
    return plain


def seconds(field: str, value: object, minimum: float = 0) -> float:
    """A duration as float seconds: an int or float of seconds, or a timedelta; >= `minimum` s."""
    plain = value.total_seconds() if isinstance(value, timedelta) else finite(value)
    if plain is None or plain < minimum:
        raise FieldError(field, value, f"seconds or a timedelta, at least {minimum:g} seconds")
    return plain


def finite(value: object) -> float | None:
    """`value` as a float, or None if it is no finite int or float, or a bool."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        plain = float(value)
    except OverflowError:  # an int beyond what a float can hold
        return None
    return plain if math.isfinite(plain) else None


def moment(field: str, value: object) -> datetime:
    """`value` if it is a datetime that knows its time zone: a naive one names no moment."""
    if not isinstance(value, datetime) or value.utcoffset() is None:
        raise FieldError(field, value, "a datetime with a time zone (tzinfo)")
    return value


def text(field: str, value: object) -> str:
    """`value` if it is a str, also an empty one."""
    if not isinstance(value, str):
        raise FieldError(field, value, "a string")
    return value


def non_empty(field: str, value: object) -> str:
    """`value` if it is a str with something other than white space in it."""
    if not isinstance(value, str) or not value.strip():
        raise FieldError(field, value, "a string that is not empty")
    return value


def name_of_at_most(length: int, field: str, value: object) -> str:
    """`value` if it is a name that clusters take: not empty, printable, not too long."""
    name = non_empty(field, value)
    if not name.isprintable() or name != name.strip():
        raise FieldError(field, value, "printable characters, and none of space around them")
    if len(name) > length:
        raise FieldError(field, value, f"at most {length} characters, as clusters have it")
    return name


def matching(field: str, value: object, pattern: str, allowed: str) -> str:
    """`value` if it is a str that `pattern` matches as a whole; `allowed` ends the error."""
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        raise FieldError(field, value, allowed)
    return value


def one_of(field: str, value: object, allowed: Sequence[str]) -> str:
    """`value` if it is one of the strings in `allowed`; the error names them all."""
    if not isinstance(value, str) or value not in allowed:
        # And none as what may have been meant: "enable" is nearest to "disable".
        raise FieldError(field, value, f"one of {', '.join(map(repr, allowed))}")
    return value


def named_values(field: str, value: object) -> dict[str, object]:
    """A copy of `value` if it is a mapping with non-empty strings for keys."""
    if not isinstance(value, Mapping):
        raise FieldError(field, value, "a mapping with strings for keys")
    for key in value:
        if not isinstance(key, str) or not key:
            raise FieldError(field, value, f"non-empty strings for keys, not {shorten(key)}")
    return dict(value)


def string_mapping(field: str, value: object) -> dict[str, str]:
    """A copy of `value` if it is a mapping of non-empty strings to strings.

    The error for a bad entry names it: `labels['team']`.
    """
    return {
        key: text(f"{field}[{key!r}]", entry) for key, entry in named_values(field, value).items()
    }


def env_vars(field: str, value: object) -> dict[str, str]:
    """A copy of `value` if it can be an environment: string to string, as POSIX has it.

    POSIX (Base Definitions, 8.1): a name has no "=", and neither name nor value has a NUL.
    """
    mapping = string_mapping(field, value)
    for name, entry in mapping.items():
        if "=" in name or "\0" in name:
            raise FieldError(field, value, f'names without "=" and NUL, not {shorten(name)}')
        if "\0" in entry:
            raise FieldError(f"{field}[{name!r}]", entry, "a string without NUL")
    return mapping
