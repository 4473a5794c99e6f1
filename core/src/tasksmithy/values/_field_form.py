"""The values of the fields that a task type adds, as JSON values from which they are made again.

JSON's own values stand for themselves. What JSON has not is an object with one key that begins with
a dollar: `$type`, `$function`, `$tuple`, `$set`, `$frozenset`, `$object`; `$mapping` is a mapping
whose keys could be taken for these. `$opaque` names the class of a value that cannot be made again.
"""

from __future__ import annotations

import json
import math
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tasksmithy.values._annotations import module_of
from tasksmithy.values._stable_json import stable_json
from tasksmithy.values._structure import class_reference, structure

_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType)
_SETS: Mapping[type, str] = {set: "$set", frozenset: "$frozenset"}


def field_form(value: Any, root: Path | None = None) -> Any:
    """A value of a field as JSON values.

    Args:
        value: the value.
        root: the folder that the modules of functions are relative to.
    """
    kind = type(value)
    if value is None or kind in (str, int, bool) or (kind is float and math.isfinite(value)):
        return value
    if isinstance(value, type) or typing.get_origin(value) is not None or value is Any:
        return {"$type": structure(value)}
    if kind in _FUNCTIONS:
        return {"$function": f"{module_of(value, root)}:{value.__qualname__}"}
    if kind is list:
        return [field_form(each, root) for each in value]
    if kind is tuple:
        return {"$tuple": [field_form(each, root) for each in value]}
    if kind in _SETS:
        items = [field_form(each, root) for each in value]
        return {_SETS[kind]: sorted(items, key=lambda item: json.dumps(item, sort_keys=True))}
    if kind in (dict, types.MappingProxyType) and all(isinstance(key, str) for key in value):
        return _mapping(value, root)
    return _object(value)


def _mapping(mapping: Mapping[str, Any], root: Path | None) -> dict[str, Any]:
    found = {key: field_form(each, root) for key, each in mapping.items()}
    return {"$mapping": found} if any(key.startswith("$") for key in found) else found


def _object(value: Any) -> dict[str, Any]:
    """A value of any other class: by its JSON form, where that is read back as an equal value."""
    cls = type(value)
    name = class_reference(cls)
    from tasksmithy.errors import InputError
    from tasksmithy.values._conversion import from_json  # brings pydantic

    try:
        plain = stable_json(cls, value)
        if bool(from_json("", "", cls, plain) == value):
            return {"$object": {"class": name, "value": plain}}
    except (ValueError, InputError, TypeError):
        pass
    return {"$opaque": name}
