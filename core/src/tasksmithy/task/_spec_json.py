"""A spec from the JSON text of one."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

from tasksmithy._texts import near_misses, shorten
from tasksmithy.errors import InputError, SpecError
from tasksmithy.task._spec import FORM, TaskSpec
from tasksmithy.values._conversion import from_json


def spec_from_json(text: str | bytes) -> TaskSpec:
    """The spec that a text holds.

    Raises:
        SpecError: it is no JSON, another version of the form, or not what a spec has.
    """
    try:
        value: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SpecError(None, f"it is no JSON: {error}") from None
    if not isinstance(value, dict):
        raise SpecError(None, f"it is {shorten(value)}, and no JSON object")
    name = value.get("name") if isinstance(value.get("name"), str) else None
    if (form := value.get("form")) != FORM:
        problem = f"its form is {form!r}, and this tasksmithy reads {FORM}"
        raise SpecError(name, f"{problem}: use the tasksmithy that wrote it, or write it anew")
    known = {field.name for field in fields(TaskSpec)}
    for key in value:
        if key not in known:
            raise SpecError(name, f"there is no {key!r}{near_misses(key, known)}")
    try:
        return _read(value)
    except InputError as error:
        raise SpecError(name, str(error)) from None


def _read(value: dict[str, Any]) -> TaskSpec:
    spec: TaskSpec = from_json("", "spec", TaskSpec, value)
    return spec
