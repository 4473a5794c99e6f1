"""Values of this machine as a container reads them: as JSON values, and as text or bytes."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from tasksmithy.errors import InputError
from tasksmithy.extend import shorten, to_jsonable
from tasksmithy_container.types import places_in


def jsonable(task: str, name: str, kind: Any, value: Any) -> Any:
    """The JSON value that stands for the input `name`; bytes, NaN and infinities are themselves.

    Raises:
        InputError: JSON cannot hold it, or UTF-8 cannot, or it holds a path of this machine.
    """
    for place in places_in(value):
        problem = (
            f"{place}, which would be no more than the text of a path of this machine: make the "
            "File or Dir an input of its own"
        )
        raise InputError(task, f"input {name!r} is {shorten(value)}, and {problem}")
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return iso_duration(value)
    if isinstance(value, (bytes, float)):
        return value
    try:
        plain = to_jsonable(kind, value)
        text = json.dumps(plain, ensure_ascii=False).encode().decode()
        if "\ufffd" in text:  # also what a key has become that UTF-8 cannot hold
            json.dumps(to_jsonable(Any, value), ensure_ascii=False).encode()
    except (TypeError, ValueError) as error:
        problem = f"input {name!r} is {shorten(value)}, which cannot be written as text: {error}"
        raise InputError(task, problem) from None
    return plain


def content_of(plain: Any) -> bytes:
    """What a container reads in the file of an input: text and bytes as they are, else JSON."""
    if isinstance(plain, bytes):
        return plain
    if isinstance(plain, str):
        return plain.encode()
    return b"" if plain is None else json.dumps(plain, ensure_ascii=False).encode()


def iso_duration(span: timedelta) -> str:
    """A duration in ISO 8601, in days and less: how long a year is, is a calendar's to say."""
    sign, span = ("-", -span) if span < timedelta() else ("", span)
    minutes, seconds = divmod(span.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    fraction = f".{span.microseconds:06}".rstrip("0") if span.microseconds else ""
    of_day = f"{hours}H" * bool(hours) + f"{minutes}M" * bool(minutes)
    if seconds or fraction:
        of_day += f"{seconds}{fraction}S"
    days = f"{span.days}D" * bool(span.days)
    return f"{sign}P{days}{of_day and f'T{of_day}'}" if days or of_day else "PT0S"
