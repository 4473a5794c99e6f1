"""What a plugin's configuration holds: the JSON Schema of a class, and its types in words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tasksmithy._texts import message
from tasksmithy.errors import PluginContractError


def config_schema(model: type[Any], who: str) -> dict[str, Any]:
    """The JSON Schema of a class of configurations.

    Args:
        model: a dataclass or a pydantic model.
        who: the plugin and its attribute, for messages: `task type 'sql' (...): config_model`.

    Raises:
        PluginContractError: the class has none.
    """
    from pydantic import TypeAdapter  # only for a plugin with a configuration

    try:
        return TypeAdapter(model).json_schema()
    except Exception as error:  # pydantic's own, or one that the class raises
        problem, *_ = (message(error) or type(error).__name__).splitlines()
        raise PluginContractError(
            f"{who}={model.__qualname__} has no JSON Schema ({problem}); give a dataclass or a "
            "pydantic model with fields that JSON can hold"
        ) from error


def json_type(schema: Mapping[str, Any]) -> str:
    """The type that a JSON Schema allows, in a few words."""
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "enum" in schema or "const" in schema:
        return " | ".join(map(json.dumps, schema.get("enum") or [schema["const"]]))
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " | ".join(map(json_type, schema[several]))
    kind = str(schema.get("type", "any"))
    if kind == "array" and "items" in schema:
        return f"array of {json_type(schema['items'])}"
    return f"{kind} ({schema['format']})" if "format" in schema else kind
