"""The JSON form of a value that is the same in every process: what has no order is sorted."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence, Set
from typing import Any

_SCALARS = frozenset({str, int, bool, type(None)})


def stable_json(kind: Any, value: Any, *, given: bool = False) -> Any:
    """A value of a type as JSON values, as `to_jsonable`, with sets sorted.

    Args:
        kind: the declared type.
        value: the value.
        given: of a pydantic model, only what was given to it, and no defaults.

    Raises:
        ValueError: a part has no JSON form; it says where.
    """
    if type(value) in _SCALARS:
        return value
    from tasksmithy.values._conversion import to_jsonable  # brings pydantic

    if given and hasattr(value, "model_fields_set"):
        plain = value.model_dump(mode="json", exclude_unset=True)
    else:
        plain = to_jsonable(kind, value)
    return _sorted(value, plain) if isinstance(plain, (list, dict)) else plain


def _sorted(value: Any, plain: Any) -> Any:
    """`plain`, which is the JSON form of `value`, with what were sets in a fixed order."""
    if isinstance(plain, list):
        if not isinstance(value, (Sequence, Set)) or len(value) != len(plain):
            return plain
        items = [_sorted(part, each) for part, each in zip(value, plain, strict=True)]
        return sorted(items, key=json.dumps) if isinstance(value, Set) else items
    if isinstance(plain, dict):
        if not isinstance(value, Mapping):
            return {name: _sorted(getattr(value, name, None), each) for name, each in plain.items()}
        if len(value) == len(plain):
            pairs = zip(value.values(), plain.items(), strict=True)
            return {name: _sorted(part, each) for part, (name, each) in pairs}
    return plain
