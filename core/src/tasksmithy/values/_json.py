"""JSON text that is the same everywhere, and what in a value JSON cannot hold."""

from __future__ import annotations

import json
import math

from tasksmithy._texts import shorten

_SCALARS = frozenset({str, int, bool, type(None)})


def to_json(value: object) -> str:
    """`value` as indented JSON text with sorted keys; NaN and infinity are refused."""
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)


def not_json(value: object, path: str = "") -> str | None:
    """Where in `value` is something that JSON cannot hold, and what; None where all is well."""
    kind = type(value)
    if kind in _SCALARS:
        return None
    if isinstance(value, float):
        return None if math.isfinite(value) else f"{path or 'it'} is {value!r}"
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                return f"{path or 'it'} has the key {shorten(key)}, which is no string"
            if type(item) in _SCALARS:  # most are, and their path is never shown
                continue
            if (problem := not_json(item, f"{path}.{key}" if path else key)) is not None:
                return problem
        return None
    if isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            if (problem := not_json(item, f"{path}[{index}]")) is not None:
                return problem
        return None
    if isinstance(value, (str, int)):
        return None
    return f"{path or 'it'} is of type {kind.__name__}"
