"""The type that a structure is of: builtin types, and classes that are imported by their names."""

from __future__ import annotations

import functools
import importlib
import operator
import typing
from collections.abc import Mapping
from typing import Any, Final

from tasksmithy.values._files import Dir, File
from tasksmithy.values._structure import SCALARS, Structure

_SCALARS: Final[Mapping[str, str]] = {kind: name for name, kind in SCALARS.items()}
_PLAIN: Final[Mapping[str, Any]] = {"list": list, "set": set, "dict": dict}

_ARGUMENTS: Final[Mapping[str, str]] = {
    "exclusiveMinimum": "gt",
    "minimum": "ge",
    "exclusiveMaximum": "lt",
    "maximum": "le",
    "multipleOf": "multiple_of",
    "minLength": "min_length",
    "minItems": "min_length",
    "minProperties": "min_length",
    "maxLength": "max_length",
    "maxItems": "max_length",
    "maxProperties": "max_length",
    "pattern": "pattern",
    "title": "title",
    "description": "description",
    "examples": "examples",
}
"""The words of JSON Schema that pydantic's `Field` has, as its arguments."""


def type_of(structure: Structure) -> Any:
    """The type of a structure.

    Raises:
        LookupError: there is no such type here, or none can be made; it says why.
    """
    try:
        if "alias" in structure:
            return found(structure["alias"])
        kind = _type(structure["kind"], structure)
        if constraints := structure.get("constraints"):
            return _constrained(kind, constraints)
    except (KeyError, TypeError, AttributeError) as error:
        raise LookupError(f"{structure!r} is the structure of no type ({error!r})") from None
    return kind


def found(reference: str) -> Any:
    """What a reference, `module:name`, leads to; its module is imported.

    Raises:
        LookupError: it leads nowhere; it says why.
    """
    module, _, name = reference.partition(":")
    if "<" in name:
        raise LookupError(
            f"{reference} is inside a function, or has no name, and is not found again"
        )
    try:
        return operator.attrgetter(name)(importlib.import_module(module))
    except (ImportError, AttributeError, ValueError) as error:
        raise LookupError(f"{reference} is not here: {error}") from None
    except Exception as error:  # whatever the module raises
        problem = f"{reference} is not here: {module} does not import ({error!r})"
        raise LookupError(problem) from error


def _type(kind: str, structure: Structure) -> Any:
    if kind == "any":
        return Any
    if kind == "none":
        return type(None)
    if kind in ("file", "dir"):
        return File if kind == "file" else Dir
    if kind in _SCALARS:
        return found(structure.get("class", _SCALARS[kind]))
    if kind in _PLAIN:
        return _container(kind, structure)
    if kind == "tuple":
        if "items" in structure:
            items = tuple(map(type_of, structure["items"]))
            return tuple[items]  # type: ignore[valid-type]
        return tuple[type_of(structure["item"]), ...]  # type: ignore[misc]
    if kind == "union":
        return _union([type_of(member) for member in structure["members"]])
    if kind == "literal":
        return typing.Literal[tuple(map(_literal, structure["values"]))]
    if kind == "frame":
        return _frame(structure)
    if kind == "pickled" and "name" in structure:
        raise LookupError(
            f"{structure['name']} is told by its name alone, and cannot be made again"
        )
    cls = found(structure["class"])
    arguments = [type_of(each) for each in structure.get("arguments", ())]
    return cls[tuple(arguments) if len(arguments) > 1 else arguments[0]] if arguments else cls


def _container(kind: str, structure: Structure) -> Any:
    cls = found(structure["class"]) if "class" in structure else _PLAIN[kind]
    if kind != "dict":
        return cls[type_of(structure["item"])]
    key = type_of(structure["key"])
    return cls[key] if cls.__name__ == "Counter" else cls[key, type_of(structure["value"])]


def _union(members: list[Any]) -> Any:
    try:
        # `typing` takes unions in another order for one that it has made already.
        return functools.reduce(operator.or_, members)
    except TypeError:
        return typing.Union[tuple(members)]  # noqa: UP007 - made at run time


def _literal(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return (
        bytes.fromhex(value["bytes"]) if "bytes" in value else found(value["enum"])[value["name"]]
    )


def _frame(structure: Structure) -> Any:
    if "arrow_schema" in structure:
        raise LookupError("an Arrow schema is told as text alone, and cannot be made again")
    extras: list[Any] = []
    if "columns" in structure:
        extras.append({each["name"]: type_of(each["type"]) for each in structure["columns"]})
    if "format" in structure:
        extras.append(structure["format"])
    cls = found(structure["class"])
    return typing.Annotated[(cls, *extras)] if extras else cls


def _constrained(kind: Any, constraints: Mapping[str, Any]) -> Any:
    if unknown := sorted(constraints.keys() - _ARGUMENTS.keys()):
        raise LookupError(f"the constraint {unknown[0]!r} cannot be made again")
    from pydantic import Field

    arguments = {_ARGUMENTS[word]: value for word, value in constraints.items()}
    return typing.Annotated[kind, Field(**arguments)]
