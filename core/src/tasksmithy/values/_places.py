"""Where in a value an object is, as code has it: `['rows'][3].lock`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tasksmithy._texts import shorten
from tasksmithy.values._reducers import reducer_of

_PLAIN = frozenset({type(None), bool, int, float, complex, str, bytes})


def place_of(target: object, value: object) -> str:
    """Where in a value an object is; empty for the value itself, and where it is not found."""
    return next((place for place, part in parts_of(value) if part is target), "")


def parts_of(value: object) -> Iterator[tuple[str, Any]]:
    """A value and all that is in it, each with its place, which is empty for the value itself."""
    pending: list[tuple[str, Any]] = [("", value)]
    seen: dict[int, Any] = {}
    while pending:
        place, part = pending.pop()
        if id(part) not in seen:
            yield place, part
            if type(part) in _PLAIN:  # and without the imports of all others
                continue
            seen[id(part)] = part
            pending += [(place + step, item) for step, item in _inside(part)]


def _inside(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for index, key in enumerate(value):
            yield f".keys()[{index}]", key
        for key, item in value.items():
            yield f"[{shorten(key, 40)}]", item
    elif type(value) in (list, tuple):
        for index, item in enumerate(value):
            yield f"[{index}]", item
    elif isinstance(value, (set, frozenset)):
        for item in value:
            yield "", item
    elif not isinstance(value, type) and (reducer := reducer_of(type(value))) is not None:
        parts = reducer.reduce(value) or ()
        yield from zip(reducer.names or [""] * len(parts), parts, strict=False)
