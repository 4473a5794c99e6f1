"""Types whose usual form is text, and how it is read: exactly, and times as ISO 8601."""

from __future__ import annotations

import functools
import re
import typing
from collections.abc import Callable, Collection, Mapping
from typing import Any

from tasksmithy.values._annotations import alternatives
from tasksmithy.values._files import Dir, File

_NUMBER = re.compile(r"\s*[+-]?[\d._]+([eE][+-]?\d+)?\s*")


def plain_type(kind: Any) -> Any:
    """A type without what is annotated to it, and without a name of its own."""
    while True:
        if typing.get_origin(kind) is typing.Annotated:
            kind = kind.__origin__
        elif not isinstance(kind, type) and hasattr(kind, "__supertype__"):
            kind = kind.__supertype__
        else:
            return kind


def text_reader(kind: Any) -> Callable[[str], Any] | None:
    """What reads the text of a type whose usual form is text; None for all other types.

    The reader raises `ValueError` where the text stands for no value.
    """
    kind = plain_type(kind)
    if kind is str:
        return str
    if kind in (bool, int, float):  # as `str`, without the imports of all others
        return None
    try:
        return _readers().get(kind)
    except TypeError:  # it cannot be hashed
        return None


def takes_any_text(kind: Any) -> bool:
    """Whether all text stands for a value of the type."""
    from pathlib import PurePath  # as below

    kind = plain_type(kind)
    return isinstance(kind, type) and issubclass(kind, (str, bytes, PurePath, File, Dir))


def is_time(kind: Any) -> bool:
    """Whether a type is one of `datetime`'s, whose values are no numbers."""
    import datetime as dt

    kind = plain_type(kind)
    return isinstance(kind, type) and issubclass(kind, (dt.date, dt.time, dt.timedelta))


def has_decimal(kinds: Collection[Any]) -> bool:
    """Whether one of the types is Decimal."""
    from decimal import Decimal

    return any(kind is Decimal for kind in kinds)


def is_number(text: str) -> bool:
    """Whether text stands for a number, which is no time: nobody says since when it counts."""
    return _NUMBER.fullmatch(text) is not None


def members_for_text(kind: Any) -> tuple[list[Any], list[Any]]:
    """The members of a union that are read from JSON, and those from text, in the order to try."""
    members = alternatives(kind)
    as_text = [member for member in members if text_reader(member) is not None]
    as_json = [member for member in members if member not in as_text]
    return as_json, sorted(as_text, key=takes_any_text)


@functools.cache
def _readers() -> Mapping[Any, Callable[[str], Any]]:
    import datetime as dt
    import decimal
    import pathlib
    import uuid

    def date(text: str) -> dt.date:
        try:
            return dt.date.fromisoformat(text)
        except ValueError:
            moment = dt.datetime.fromisoformat(text)
            if moment.time() != dt.time():
                raise
            return moment.date()

    def duration(text: str) -> dt.timedelta:
        from pydantic import TypeAdapter  # the standard library reads none

        if is_number(text):
            raise ValueError("a number has no unit: give it as PT90S, P1D or 1:30:00")
        return TypeAdapter(dt.timedelta).validate_python(text)

    def number(text: str) -> decimal.Decimal:
        try:
            return decimal.Decimal(text)
        except decimal.InvalidOperation:
            raise ValueError("no decimal number") from None

    def place(cls: Any) -> Callable[[str], Any]:
        def read(text: str) -> Any:
            if not text:
                raise ValueError("no path is empty")
            return cls(text)

        return read

    paths = (
        *(pathlib.Path, pathlib.PurePath, pathlib.PurePosixPath, pathlib.PureWindowsPath),
        *(pathlib.PosixPath, pathlib.WindowsPath),
    )
    return {
        # What is no UTF-8 on a command line is in the text as Python has it there.
        bytes: lambda text: text.encode("utf-8", "surrogateescape"),
        decimal.Decimal: number,
        dt.datetime: dt.datetime.fromisoformat,
        dt.date: date,
        dt.time: dt.time.fromisoformat,
        dt.timedelta: duration,
        uuid.UUID: uuid.UUID,
        **{cls: cls for cls in paths},
        File: place(File),
        Dir: place(Dir),
    }
