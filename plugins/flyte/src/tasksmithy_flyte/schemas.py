"""JSON schemas of records, as Flyte's types carry them."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any, Final

from tasksmithy_flyte.packed import in_dataclass

Structure = Mapping[str, Any]

_SCALARS: Final[Mapping[str, Mapping[str, Any]]] = {
    "any": {},
    "boolean": {"type": "boolean"},
    "bytes": {"type": "string", "format": "base64"},
    "complex": {"type": "string", "format": "complex"},
    "date": {"type": "string", "format": "date"},
    "datetime": {"type": "string", "format": "date-time"},
    "decimal": {"type": "string", "format": "decimal"},
    "duration": {"type": "number", "format": "time-delta"},
    "float": {"type": "number"},
    "integer": {"type": "integer"},
    "none": {"type": "null"},
    "path": {"type": "string", "format": "path"},
    "pickled": {},
    "reference": {},
    "string": {"type": "string"},
    "time": {"type": "string", "format": "time"},
    "uuid": {"type": "string", "format": "uuid"},
}


def dataclass_schema(structure: Structure) -> dict[str, Any]:
    """The schema of a dataclass, with those of its fields inside."""
    schema: dict[str, Any] = {
        "title": _short_name(structure["class"]),
        "type": "object",
        "properties": {},
        "additionalProperties": False,
    }
    fields = structure.get("fields", ())
    for field in fields:
        described = json_schema(field["type"])
        if "default" in field:
            described["default"] = in_dataclass(field["type"], field["default"])
        schema["properties"][field["name"]] = described
    if required := [field["name"] for field in fields if field["required"]]:
        schema["required"] = required
    return schema


def record_schema(structure: Structure) -> dict[str, Any]:
    """The schema of a pydantic model, a TypedDict or a NamedTuple; enums by name, as in Flyte."""
    if structure["form"] == "named_tuple":
        members = {field["name"]: field["type"] for field in structure.get("fields", ())}
        return members_schema(f"NamedTupleWrapper_{_short_name(structure['class'])}", members)
    schema: dict[str, Any] = copy.deepcopy(structure.get("schema") or {"type": "object"})
    enums = {
        _short_name(each["class"]): [member["name"] for member in each["members"]]
        for each in _parts(structure)
        if each["kind"] == "enum"
    }
    for name, definition in schema.get("$defs", {}).items():
        if "enum" in definition and name in enums:
            definition["enum"] = enums[name]
    if structure["form"] == "typed_dict":
        schema["title"] = f"TypedDictWrapper_{_short_name(structure['class'])}"
    return schema


def members_schema(title: str, members: Mapping[str, Structure]) -> dict[str, Any]:
    """The schema of a tuple, whose members have names."""
    return {
        "title": title,
        "type": "object",
        "properties": {
            name: {"title": name.replace("_", " ").title(), **json_schema(member)}
            for name, member in members.items()
        },
        "required": list(members),
    }


def json_schema(structure: Structure) -> dict[str, Any]:
    """The schema of a field of a dataclass."""
    kind = structure["kind"]
    if kind in _SCALARS:
        return dict(_SCALARS[kind])
    if kind == "record":
        return dataclass_schema(structure)
    if kind == "union":
        return {"anyOf": [json_schema(member) for member in structure["members"]]}
    if kind == "literal":
        return {"enum": list(structure["values"])}
    if kind == "enum":
        return {"enum": [member.get("value", member["name"]) for member in structure["members"]]}
    if kind == "dict":
        return {
            "type": "object",
            "additionalProperties": json_schema(structure["value"]),
            "propertyNames": json_schema(structure["key"]),
        }
    if kind in ("file", "dir"):
        return _place(kind)
    return _array(structure)


def _array(structure: Structure) -> dict[str, Any]:
    if "items" in structure:
        items = [json_schema(each) for each in structure["items"]]
        size = len(items)
        return {"type": "array", "prefixItems": items, "minItems": size, "maxItems": size}
    schema: dict[str, Any] = {"type": "array"}
    if "item" in structure:
        schema["items"] = json_schema(structure["item"])
    if structure["kind"] == "set":
        schema["uniqueItems"] = True
    return schema


def _place(kind: str) -> dict[str, Any]:
    text, optional = {"type": "string"}, {"anyOf": [{"type": "string"}, {"type": "null"}]}
    return {
        "title": "File" if kind == "file" else "Dir",
        "type": "object",
        "properties": {
            "path": {"title": "Path", **text},
            "name": {"title": "Name", **optional, "default": None},
            "format": {"title": "Format", **text, "default": ""},
            "hash": {"title": "Hash", **optional, "default": None},
        },
        "required": ["path"],
    }


def _short_name(reference: str) -> str:
    return reference.rpartition(":")[2].rpartition(".")[2]


def _parts(structure: Structure) -> Iterator[Structure]:
    """A structure and all inside of it."""
    yield structure
    inside = [structure[name] for name in ("item", "key", "value") if name in structure]
    inside += [*structure.get("items", ()), *structure.get("members", ())]
    inside += [field["type"] for field in structure.get("fields", ())]
    for part in inside:
        if "kind" in part:  # the members of an enum are none
            yield from _parts(part)
