"""The values of the fields that a task type adds, as JSON values from which they are made again.

JSON's own values stand for themselves. What JSON has not is an object with one key that begins with
a dollar: `$type`, `$function`, `$tuple`, `$set`, `$frozenset`, `$mapping` (pairs, in their order),
`$object`; `$opaque` names the class of a value that cannot be made again.
"""

from __future__ import annotations

import json
import math
import types
import typing
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from tasksmithy._texts import shorten
from tasksmithy.errors import TasksmithyError
from tasksmithy.values._annotations import module_of
from tasksmithy.values._stable_json import stable_json
from tasksmithy.values._structure import class_reference, structure

_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType)
_COLLECTIONS: Mapping[str, Any] = {"$tuple": tuple, "$set": set, "$frozenset": frozenset}
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
    if kind in (dict, types.MappingProxyType):
        pairs = value.items()  # whose order JSON would not keep
        return {"$mapping": [[field_form(each, root) for each in pair] for pair in pairs]}
    return _object(value)


def field_value(form: Any) -> Any:
    """The value that a form was made of.

    Raises:
        LookupError: a class or a function is not here, or the value cannot be made again.
        InputError: what the form has is no value of its class.
    """
    if isinstance(form, list):
        return [field_value(each) for each in form]
    if not isinstance(form, dict):
        return form
    if len(form) != 1:
        raise LookupError(f"{shorten(form)} is no value: it has to have one key")
    [(tag, content)] = form.items()
    return _tagged(tag, content)


def _tagged(tag: str, form: Any) -> Any:
    from tasksmithy.values._structure_type import found, type_of  # which only a reader needs

    if tag in _COLLECTIONS:
        return _COLLECTIONS[tag](map(field_value, form))
    if tag == "$mapping":
        return {field_value(key): field_value(each) for key, each in form}
    if tag == "$type":
        return type_of(form)
    if tag == "$function":
        function = found(form)
        # The name of a decorated function is its task's.
        return function if isinstance(function, _FUNCTIONS) else getattr(function, "func", function)
    if tag == "$object":
        from tasksmithy.values._conversion import from_json

        return from_json("", form["class"], found(form["class"]), form["value"])
    if tag == "$opaque":
        raise LookupError(
            f"a value of class {form}, of which a spec has no more, cannot be made again"
        )
    raise LookupError(f"there is no {tag!r}")


def _object(value: Any) -> dict[str, Any]:
    """A value of any other class: by its JSON form, where that is read back as the same value."""
    cls = type(value)
    name = class_reference(cls)
    from tasksmithy.values._conversion import from_json  # brings pydantic
    from tasksmithy.values._identity import digest

    with suppress(ValueError, TypeError, TasksmithyError):
        plain = stable_json(cls, value, given=True)
        again = from_json("", "", cls, plain)
        # What is equal may differ in what was given and what is a default.
        identities = {digest(each, reads_files=False) for each in (again, value)}
        if bool(again == value) and len(identities) == 1:
            return {"$object": {"class": name, "value": plain}}
    return {"$opaque": name}
