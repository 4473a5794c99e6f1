"""Values as the text that a container reads, and the text that a container wrote as values."""

from __future__ import annotations

import json
import typing
from datetime import datetime
from typing import Any

from tasksmithy import Dir, File
from tasksmithy.errors import FieldError, InputError
from tasksmithy.extend import alternatives, shorten, to_jsonable


def required(kind: Any) -> Any:
    """The type itself where `kind` is Optional, otherwise `kind`."""
    members = [member for member in alternatives(kind) if member is not type(None)]
    return members[0] if len(members) == 1 else kind


def is_optional(kind: Any) -> bool:
    """Whether None is a value of the type."""
    return kind is Any or kind is None or type(None) in typing.get_args(kind)


def check_type(field: str, kind: Any) -> None:
    """Check that values of the type can be handed over.

    Raises:
        FieldError: a `File` or `Dir` is inside another type: it would have no place of its own.
    """
    kind = required(kind)
    if kind in (File, Dir):
        return
    waiting = [kind]
    while waiting:
        part = waiting.pop()
        if part in (File, Dir):
            allowed = f"{part.__name__} by itself or Optional, as an input or output of its own"
            raise FieldError(field, kind, allowed)
        waiting.extend(typing.get_args(part))


def jsonable(task: str, name: str, kind: Any, value: Any) -> Any:
    """The JSON value that stands for the input `name`: times are in ISO 8601.

    Raises:
        InputError: JSON cannot hold it, or UTF-8 cannot.
    """
    if isinstance(value, datetime):
        return value.isoformat()
    try:
        plain = to_jsonable(kind, value)
        json.dumps(plain, ensure_ascii=False).encode()
    except (TypeError, ValueError) as error:
        problem = f"input {name!r} is {shorten(value)}, which cannot be written as text: {error}"
        raise InputError(task, problem) from None
    return plain


def text_of(plain: Any) -> str:
    """A JSON value as a container reads it: a string as it is, None as nothing, else JSON."""
    if isinstance(plain, str):
        return plain
    return "" if plain is None else json.dumps(plain, ensure_ascii=False)
