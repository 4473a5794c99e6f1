"""Flyte's type of a value, from the structure of its Python type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from flyteidl2.core import types_pb2
from flyteidl2.core.types_pb2 import LiteralType

from tasksmithy_flyte.schemas import (
    dataclass_schema,
    json_schema,
    members_schema,
    record_schema,
)

Structure = Mapping[str, Any]

MSGPACK: Final = "msgpack"
PICKLE_TAG: Final = "FlytePickle"
JSON_TAG: Final = "tasksmithy"
"""The tag of a type that Flyte pickles, and that is its JSON form in MessagePack here."""

_SIMPLE: Final = {
    "none": types_pb2.NONE,
    "boolean": types_pb2.BOOLEAN,
    "integer": types_pb2.INTEGER,
    "float": types_pb2.FLOAT,
    "string": types_pb2.STRING,
    "datetime": types_pb2.DATETIME,
    "date": types_pb2.DATETIME,
    "duration": types_pb2.DURATION,
}

_RECORD_TAGS: Final = {
    "dataclass": "Object-Dataclass-Transformer",
    "model": "Pydantic Transformer",
    "typed_dict": "TypedDict",
    "named_tuple": "NamedTuple",
}

# By these names a variant of a union says which of Flyte's conversions it is for.
_TAGS: Final = {
    "none": "none",
    "boolean": "bool",
    "integer": "int",
    "float": "float",
    "string": "str",
    "datetime": "datetime",
    "date": "date",
    "duration": "timedelta",
    "enum": "DefaultEnumTransformer",
    "literal": "DefaultEnumTransformer",
    "list": "Typed List",
    "dict": "Typed Dict",
    "tuple": "Typed Tuple",
    "file": "File",
    "dir": "Dir",
    "union": "Typed Union",
}


def literal_type(structure: Structure) -> LiteralType:
    """The type that Flyte knows values of this structure by."""
    message = _MAKE.get(structure["kind"], _json_form)(structure)
    if constraints := structure.get("constraints"):
        message.metadata.update(
            {name: value for name, value in constraints.items() if name not in _STRUCTURAL}
        )
    return message


def variants(structure: Structure) -> list[LiteralType]:
    """The types of the members of a union, each with its tag."""
    return [_variant(member) for member in structure["members"]]


def is_map(structure: Structure) -> bool:
    """Whether a dictionary is a map of Flyte, which has text as keys."""
    return bool(structure["kind"] == "dict" and structure["key"]["kind"] == "string")


def enum_names(structure: Structure) -> list[str] | None:
    """The texts that Flyte writes for an enum or a Literal; None for what is no text there."""
    if structure["kind"] == "enum":
        return [member["name"] for member in structure["members"]]
    values = structure["values"]
    return list(values) if all(isinstance(value, str) for value in values) else None


def _simple(structure: Structure) -> LiteralType:
    return LiteralType(simple=_SIMPLE[structure["kind"]])


def _list(structure: Structure) -> LiteralType:
    return LiteralType(collection_type=literal_type(structure["item"]))


def _dict(structure: Structure) -> LiteralType:
    if is_map(structure):
        return LiteralType(map_value_type=literal_type(structure["value"]))
    return _msgpack()


def _choice(structure: Structure) -> LiteralType:
    names = enum_names(structure)
    if names is None:
        return _json_form(structure)
    return LiteralType(enum_type=types_pb2.EnumType(values=names))


def _record(structure: Structure) -> LiteralType:
    if structure["form"] == "dataclass":
        return _msgpack(dataclass_schema(structure), _RECORD_TAGS["dataclass"])
    return _msgpack(record_schema(structure), _RECORD_TAGS["model"])


def _tuple(structure: Structure) -> LiteralType:
    if "items" not in structure:
        return _json_form(structure)
    members = {f"item_{index}": each for index, each in enumerate(structure["items"])}
    return _msgpack(members_schema("TupleWrapper_tuple", members), _RECORD_TAGS["model"])


def _union(structure: Structure) -> LiteralType:
    return LiteralType(union_type=types_pb2.UnionType(variants=variants(structure)))


def _variant(structure: Structure) -> LiteralType:
    message = literal_type(structure)
    if structure["kind"] == "record":
        message.structure.tag = _RECORD_TAGS[structure["form"]]
    elif (tag := _TAGS.get(structure["kind"])) is not None:
        message.structure.tag = tag
    return message


def _file(_: Structure) -> LiteralType:
    return LiteralType(blob=types_pb2.BlobType(dimensionality=types_pb2.BlobType.SINGLE))


def _dir(_: Structure) -> LiteralType:
    return LiteralType(blob=types_pb2.BlobType(dimensionality=types_pb2.BlobType.MULTIPART))


def _frame(structure: Structure) -> LiteralType:
    frame = types_pb2.StructuredDatasetType(format=structure.get("format", ""))
    for column in structure.get("columns", ()):
        frame.columns.add(name=column["name"], literal_type=literal_type(column["type"]))
    if schema := structure.get("arrow_schema"):
        frame.external_schema_type = "arrow"
        frame.external_schema_bytes = schema.encode()
    tag = structure["class"].replace(":", ".")
    return LiteralType(structured_dataset_type=frame, structure=types_pb2.TypeStructure(tag=tag))


def _pickled(structure: Structure) -> LiteralType:
    """What Flyte pickles: its type is either a file, or the bytes themselves."""
    tagged = types_pb2.TypeStructure(tag=PICKLE_TAG)
    blob = types_pb2.BlobType(format="PythonPickle", dimensionality=types_pb2.BlobType.SINGLE)
    message = LiteralType(
        union_type=types_pb2.UnionType(
            variants=[
                LiteralType(blob=blob, structure=tagged),
                LiteralType(simple=types_pb2.BINARY, structure=tagged),
            ]
        )
    )
    message.metadata.update({"python_class_name": _python_name(structure)})
    return message


def _python_name(structure: Structure) -> str:
    if structure["kind"] == "any":
        return "typing.Any"
    if "class" in structure and "name" not in structure:
        return f"<class '{structure['class'].replace(':', '.')}'>"
    return str(structure["name"])


def _json_form(structure: Structure) -> LiteralType:
    return _msgpack(json_schema(structure), JSON_TAG)


def _msgpack(schema: Mapping[str, Any] | None = None, tag: str = "") -> LiteralType:
    message = LiteralType(simple=types_pb2.STRUCT)
    if schema is not None:
        message.metadata.update(schema)
    message.annotation.annotations.update({"cache-key-metadata": {"serialization-format": MSGPACK}})
    if tag:
        message.structure.tag = tag
    return message


_MAKE: Final[Mapping[str, Callable[[Structure], LiteralType]]] = {
    **dict.fromkeys(_SIMPLE, _simple),
    "list": _list,
    "dict": _dict,
    "enum": _choice,
    "literal": _choice,
    "record": _record,
    "tuple": _tuple,
    "union": _union,
    "file": _file,
    "dir": _dir,
    "frame": _frame,
    "any": _pickled,
    "pickled": _pickled,
}

# What a type says already; a constraint adds to it.
_STRUCTURAL: Final = frozenset(
    {
        *("type", "anyOf", "oneOf", "allOf", "$defs", "$ref", "items", "prefixItems"),
        *("properties", "additionalProperties", "required", "discriminator", "default"),
    }
)
