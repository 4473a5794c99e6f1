"""Declared types: which of them can cross the border, and which are a text, a file or bytes."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

from tasksmithy import Dir, File
from tasksmithy.errors import FieldError
from tasksmithy.extend import alternatives

_TABLES = frozenset({"pandas", "polars", "pyarrow"})


def plain(kind: Any) -> Any:
    """A type without what is annotated to it, and without a name of its own."""
    while True:
        if typing.get_origin(kind) is typing.Annotated:
            kind = kind.__origin__
        elif not isinstance(kind, type) and hasattr(kind, "__supertype__"):
            kind = kind.__supertype__  # of a NewType
        elif not isinstance(kind, type) and hasattr(kind, "__value__"):
            kind = kind.__value__  # of an alias
        else:
            return kind


def required(kind: Any) -> Any:
    """The type itself where `kind` is Optional, otherwise `kind`; without annotations and names."""
    members = [member for member in _members(kind) if member is not type(None)]
    return plain(members[0]) if len(members) == 1 else plain(kind)


def is_optional(kind: Any) -> bool:
    """Whether None is a value of the type."""
    return plain(kind) is Any or bool({None, type(None)} & {*_members(kind)})


def is_place(kind: Any) -> bool:
    """Whether values are files or directories, which are mounted and moved."""
    return isinstance(kind, type) and issubclass(kind, (File, Dir))


def is_raw(kind: Any) -> bool:
    """Whether the text, or the bytes, of a file are the value, white space and all."""
    members = map(plain, _members(kind))
    return any(
        isinstance(each, type) and issubclass(each, (str, bytes)) and not issubclass(each, Enum)
        for each in members
    )


def check_type(field: str, kind: Any) -> None:
    """Check that values of the type can cross the border.

    Raises:
        FieldError: a file or directory is inside another type, where it has no place of its own; a
            path means this machine, and is another one in the container; or a table.
    """
    if is_place(required(kind)):
        return
    seen: list[Any] = []
    waiting = [kind]
    while waiting:
        part = plain(waiting.pop())
        if any(part is each for each in seen):  # a record may hold its own type
            continue
        seen.append(part)
        if is_place(part):
            allowed = f"{part.__name__} by itself or Optional, as an input or output of its own"
            raise FieldError(field, kind, allowed)
        if isinstance(part, type) and issubclass(part, Path):
            allowed = "File or Dir for what is on this machine, PurePosixPath or str for a name"
            raise FieldError(field, kind, allowed)
        if isinstance(part, type) and part.__module__.partition(".")[0] in _TABLES:
            allowed = "File: a container reads and writes tables as files"
            raise FieldError(field, kind, allowed)
        waiting.extend(typing.get_args(part))
        try:
            waiting.extend(_fields(typing.get_origin(part) or part))
        except Exception as error:  # noqa: BLE001 - an annotation may be any code
            allowed = f"a type whose fields are known where the task is defined ({error})"
            raise FieldError(field, kind, allowed) from None


def places_in(value: Any, where: str = "") -> Iterator[str]:
    """Where in a value is a file, a directory or a path of this machine."""
    if isinstance(value, (File, Dir, Path)):
        yield f"{where or 'it'} is a {type(value).__name__}"
    elif isinstance(value, (str, bytes, int, float, type(None))):
        return
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from places_in(key, f"{where}.keys()")
            yield from places_in(item, f"{where}[{key!r}]")
    elif isinstance(value, (list, tuple, set, frozenset)):
        for index, item in enumerate(value):
            yield from places_in(item, f"{where}[{index}]")
    elif dataclasses.is_dataclass(value) or hasattr(type(value), "model_fields"):
        for name, item in vars(value).items() if hasattr(value, "__dict__") else ():
            yield from places_in(item, f"{where}.{name}")


def _members(kind: Any) -> tuple[Any, ...]:
    return alternatives(plain(kind))


def _fields(cls: Any) -> list[Any]:
    """The types of the fields of a record: a dataclass, a model, a TypedDict, a NamedTuple."""
    if not isinstance(cls, type):
        return []
    if hasattr(cls, "model_fields"):
        return [field.annotation for field in cls.model_fields.values()]
    is_record = dataclasses.is_dataclass(cls) or hasattr(cls, "__required_keys__")
    if not is_record and not hasattr(cls, "_fields"):
        return []
    return list(typing.get_type_hints(cls, include_extras=True).values())
