"""The content of MessagePack in a literal: records, and what else Flyte has no literal for.

A value is JSON where a `TaskSpec` has it. Inside of MessagePack, Flyte's own libraries write some
of it otherwise: enums of a model by name, durations of a dataclass in seconds, files as objects.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from tasksmithy.extend import from_json, to_jsonable

Structure = Mapping[str, Any]
Json = Any


def to_packed(structure: Structure, value: Json) -> Any:
    """What is packed for a JSON value of a structure."""
    names = _top_names(structure)
    if names is None:
        return walk(structure, value, _WRITE, by_name=True)
    parts = _top_parts(structure)
    return {
        name: walk(part, item, _WRITE, by_name=True)
        for name, part, item in zip(names, parts, value, strict=True)
    }


def in_dataclass(structure: Structure, value: Json) -> Any:
    """What is packed for a JSON value that a field of a dataclass has."""
    return walk(structure, value, _WRITE, by_name=False)


def from_packed(structure: Structure, packed: Any) -> Json:
    """The JSON value of what is packed."""
    names = _top_names(structure)
    if names is None or not isinstance(packed, Mapping):
        return walk(structure, packed, _READ, by_name=True)
    parts = _top_parts(structure)
    return [
        walk(part, packed[name], _READ, by_name=True)
        for name, part in zip(names, parts, strict=True)
    ]


def fits(structure: Structure, value: Any) -> bool:
    """Whether a value, in JSON or packed, has the form that values of a structure have."""
    kind = structure["kind"]
    if kind in ("any", "pickled", "reference"):
        return True
    if kind == "union":
        return any(fits(member, value) for member in structure["members"])
    if kind == "literal":
        return value in structure["values"]
    if kind == "enum":
        return any(value in (each["name"], each.get("value")) for each in structure["members"])
    if isinstance(value, bool):
        return bool(kind == "boolean")
    if kind == "record" and isinstance(value, dict):
        fields = structure.get("fields", ())
        required = {field["name"] for field in fields if field["required"]}
        return required <= value.keys() <= {field["name"] for field in fields}
    if kind == "list" and isinstance(value, list):
        return all(fits(structure["item"], item) for item in value)
    return isinstance(value, _CLASSES.get(kind, str))


_CLASSES: Final[Mapping[str, type | tuple[type, ...]]] = {
    "none": type(None),
    "boolean": bool,
    "integer": int,
    "float": (int, float),
    "duration": (str, int, float),
    "list": list,
    "set": list,
    "tuple": (list, dict),
    "dict": dict,
    "record": (dict, list),
    "bytes": (str, bytes),
    "file": (str, dict),
    "dir": (str, dict),
}


def _top_names(structure: Structure) -> list[str] | None:
    """The names of the members of a tuple, which is an object where it is a value of its own."""
    if structure["kind"] == "tuple" and "items" in structure:
        return [f"item_{index}" for index in range(len(structure["items"]))]
    if structure["kind"] == "record" and structure["form"] == "named_tuple":
        return [field["name"] for field in structure.get("fields", ())]
    return None


def _top_parts(structure: Structure) -> list[Structure]:
    if structure["kind"] == "tuple":
        return list(structure["items"])
    return [field["type"] for field in structure["fields"]]


Leaf = Callable[[Structure, Any, bool], Any]


def walk(structure: Structure, value: Any, leaves: Mapping[str, Leaf], *, by_name: bool) -> Any:
    """A value of a structure with each of its leaves changed as its kind is.

    Args:
        structure: the structure.
        value: the value, in JSON or packed.
        leaves: kind to what makes another value of one; the rest stays as it is.
        by_name: whether enums are written by name, as in a model.
    """
    kind = structure["kind"]
    if (leaf := leaves.get(kind)) is not None:
        return leaf(structure, value, by_name)
    if kind == "union":
        member = next((each for each in structure["members"] if fits(each, value)), None)
        return value if member is None else walk(member, value, leaves, by_name=by_name)
    if kind == "record":
        by_name = structure["form"] != "dataclass"
        fields = structure.get("fields", ())
        if isinstance(value, list):
            return [
                walk(field["type"], item, leaves, by_name=by_name)
                for field, item in zip(fields, value, strict=True)
            ]
        kinds = {field["name"]: field["type"] for field in fields}
        return {
            name: walk(kinds[name], item, leaves, by_name=by_name) if name in kinds else item
            for name, item in value.items()
        }
    if kind == "dict" and isinstance(value, dict):
        key: Leaf = leaves.get(f"key:{structure['key']['kind']}", _as_it_is)
        return {
            key(structure, name, by_name): walk(structure["value"], item, leaves, by_name=by_name)
            for name, item in value.items()
        }
    if isinstance(value, list) and "items" in structure:
        pairs = zip(structure["items"], value, strict=True)
        return [walk(part, item, leaves, by_name=by_name) for part, item in pairs]
    if isinstance(value, list) and "item" in structure:
        return [walk(structure["item"], item, leaves, by_name=by_name) for item in value]
    return value


def _as_it_is(_: Structure, value: Any, __: bool) -> Any:
    return value


def _enum_to_name(structure: Structure, value: Any, by_name: bool) -> Any:
    if not by_name:
        return value
    names = {each["name"] for each in structure["members"] if each.get("value") == value}
    return min(names, default=value)


def _enum_to_value(structure: Structure, value: Any, by_name: bool) -> Any:
    if not by_name:
        return value
    values = [each["value"] for each in structure["members"] if each["name"] == value]
    return values[0] if values else value


def _duration_to_seconds(_: Structure, value: Any, by_name: bool) -> Any:
    return value if by_name else from_json("", "", timedelta, value).total_seconds()


def _seconds_to_duration(_: Structure, value: Any, __: bool) -> Any:
    if isinstance(value, (int, float)):
        return to_jsonable(timedelta, timedelta(seconds=value))
    return value


def _moment_with_offset(_: Structure, value: Any, by_name: bool) -> Any:
    return value if by_name else datetime.fromisoformat(value).isoformat()


def _path_to_object(_: Structure, value: Any, __: bool) -> Any:
    return {"path": value}


def _object_to_path(_: Structure, value: Any, __: bool) -> Any:
    return value["path"] if isinstance(value, Mapping) else value


_WRITE: Final[Mapping[str, Leaf]] = {
    "enum": _enum_to_name,
    "duration": _duration_to_seconds,
    "datetime": _moment_with_offset,
    "file": _path_to_object,
    "dir": _path_to_object,
    "key:integer": lambda _, key, __: int(key),
}
_READ: Final[Mapping[str, Leaf]] = {
    "enum": _enum_to_value,
    "duration": _seconds_to_duration,
    "file": _object_to_path,
    "dir": _object_to_path,
    "key:integer": lambda _, key, __: str(key),
}
