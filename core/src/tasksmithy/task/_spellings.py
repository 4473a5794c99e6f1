"""The first public spellings of fields, which are accepted with a DeprecationWarning."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping, Set
from dataclasses import MISSING
from typing import Any, Final

from tasksmithy.errors import DefinitionError

FIRST_SPELLINGS: Final = {
    "friendly_name": "short_name",
    "interruptable": "interruptible",
    "env": "env_vars",
}
"""The first public spellings of fields, and the field that each has become."""


def respell(cls: type[Any]) -> None:
    """Let a class declare fields by their first spellings, each with a DeprecationWarning."""
    annotations = inspect.get_annotations(cls)
    for first, current in FIRST_SPELLINGS.items():
        value = cls.__dict__.get(first, MISSING)
        is_declared = value is not MISSING or first in annotations
        if current not in cls.field_names or not is_declared or hasattr(value, "__get__"):
            continue
        if current in cls.__dict__ or current in annotations:
            raise TypeError(f"{cls.__name__} declares {first!r} and {current!r}, one field")
        warn_of_spelling(first, current, stacklevel=4)
        if first in annotations:
            cls.__annotations__[current] = cls.__annotations__.pop(first)
        if value is not MISSING:
            delattr(cls, first)
            setattr(cls, current, value)


def current_spellings(
    error: type[DefinitionError],
    owner: str,
    given: Mapping[str, Any],
    accepted: Set[str],
    *,
    stacklevel: int,
) -> dict[str, Any]:
    """`given` with the first public spellings replaced, each with a DeprecationWarning.

    Args:
        error: what to raise.
        owner: name of the task or environment, for the error.
        given: the fields as they are given.
        accepted: the names of the fields that there are; one of these is no other's spelling.
        stacklevel: how far above this function the code is that is to be warned.

    Raises:
        DefinitionError: a field is given in both spellings.
    """
    renamed = {}
    for name, value in given.items():
        current = FIRST_SPELLINGS.get(name, name)
        if current != name and name not in accepted and current in accepted:
            if current in given:
                raise error(owner, name, value, f"{current!r} alone: it is the same field")
            warn_of_spelling(name, current, stacklevel=stacklevel)
            name = current
        renamed[name] = value
    return renamed


def warn_of_spelling(first: str, current: str, *, stacklevel: int) -> None:
    """Warn that `first` is the first spelling of the field `current`."""
    problem = f"{first!r} is the first spelling of {current!r}: write {current!r}"
    warnings.warn(problem, DeprecationWarning, stacklevel=stacklevel + 1)
