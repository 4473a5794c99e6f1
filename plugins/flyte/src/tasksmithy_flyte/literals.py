"""Flyte's literals, from JSON values of a structure and back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import msgpack
from flyteidl2.core import literals_pb2, types_pb2
from flyteidl2.core.literals_pb2 import Literal

from tasksmithy.extend import from_json, to_jsonable
from tasksmithy_flyte.errors import LiteralError
from tasksmithy_flyte.packed import fits, from_packed, to_packed
from tasksmithy_flyte.types import (
    MSGPACK,
    Structure,
    enum_names,
    is_map,
    literal_type,
    variants,
)

Json = Any


def literal(structure: Structure, value: Json) -> Literal:
    """The literal of a value in JSON.

    Raises:
        LiteralError: the value is none of that structure.
    """
    kind = structure["kind"]
    if kind == "none":
        return Literal(scalar=literals_pb2.Scalar(none_type=literals_pb2.Void()))
    if kind == "union":
        return _union(structure, value)
    if kind == "list":
        items = [literal(structure["item"], item) for item in value]
        return Literal(collection=literals_pb2.LiteralCollection(literals=items))
    if is_map(structure):
        items_by_name = {name: literal(structure["value"], item) for name, item in value.items()}
        return Literal(map=literals_pb2.LiteralMap(literals=items_by_name))
    if kind in ("file", "dir"):
        shape = literal_type(structure).blob
        blob = literals_pb2.Blob(uri=value, metadata=literals_pb2.BlobMetadata(type=shape))
        return Literal(scalar=literals_pb2.Scalar(blob=blob))
    if kind in ("enum", "literal") and enum_names(structure) is not None:
        return _primitive(string_value=_enum_name(structure, value))
    if (make := _PRIMITIVES.get(kind)) is not None:
        return _primitive(**make(value))
    packed = literals_pb2.Binary(value=msgpack.packb(to_packed(structure, value)), tag=MSGPACK)
    return Literal(scalar=literals_pb2.Scalar(binary=packed))


def json_value(structure: Structure, given: Literal) -> Json:
    """The value of a literal, in JSON.

    Raises:
        LiteralError: the literal is none of that structure.
    """
    kind, form = structure["kind"], given.WhichOneof("value")
    if kind == "union":
        return _from_union(structure, given)
    if form == "scalar" and given.scalar.WhichOneof("value") == "binary":
        return from_packed(structure, _unpacked(given.scalar.binary))
    if kind == "none":
        _expect(structure, given, "scalar", "none_type")
        return None
    if kind == "list":
        _expect(structure, given, "collection")
        return [json_value(structure["item"], item) for item in given.collection.literals]
    if is_map(structure):
        _expect(structure, given, "map")
        return {
            name: json_value(structure["value"], item) for name, item in given.map.literals.items()
        }
    if kind in ("file", "dir"):
        _expect(structure, given, "scalar", "blob")
        return given.scalar.blob.uri
    _expect(structure, given, "scalar", "primitive")
    return _from_primitive(structure, given.scalar.primitive)


def _primitive(**value: Any) -> Literal:
    return Literal(scalar=literals_pb2.Scalar(primitive=literals_pb2.Primitive(**value)))


def _moment(value: str) -> datetime:
    moment: datetime = from_json("", "", datetime, value)
    return moment if moment.tzinfo is None else moment.astimezone(UTC)


def _midnight(value: str) -> datetime:
    return datetime.combine(date.fromisoformat(value), time.min)


_PRIMITIVES: Mapping[str, Any] = {
    "boolean": lambda value: {"boolean": value},
    "integer": lambda value: {"integer": _integer(value)},
    "float": lambda value: {"float_value": float(value)},
    "string": lambda value: {"string_value": value},
    "datetime": lambda value: {"datetime": _moment(value)},
    "date": lambda value: {"datetime": _midnight(value)},
    "duration": lambda value: {"duration": from_json("", "", timedelta, value)},
}


def _integer(value: int) -> int:
    if not -(2**63) <= value < 2**63:
        raise LiteralError(f"{value} does not fit into the 64 bits of an integer of Flyte")
    return value


def _from_primitive(structure: Structure, primitive: literals_pb2.Primitive) -> Json:
    kind, form = structure["kind"], primitive.WhichOneof("value")
    if kind in ("enum", "literal"):
        return _enum_value(structure, primitive.string_value)
    # Where a console sends numbers as JSON has them.
    if kind == "float" and form == "integer":
        return float(primitive.integer)
    if kind == "integer" and form == "float_value" and primitive.float_value.is_integer():
        return int(primitive.float_value)
    expected = {
        "boolean": "boolean",
        "integer": "integer",
        "float": "float_value",
        "string": "string_value",
        "datetime": "datetime",
        "date": "datetime",
        "duration": "duration",
    }.get(kind)
    if expected != form:
        raise LiteralError(f"{kind} is wanted, and the literal has {form}")
    if kind == "datetime":
        return to_jsonable(datetime, primitive.datetime.ToDatetime(UTC))
    if kind == "date":
        return primitive.datetime.ToDatetime().date().isoformat()
    if kind == "duration":
        return to_jsonable(timedelta, primitive.duration.ToTimedelta())
    return getattr(primitive, form)


def _enum_name(structure: Structure, value: Json) -> str:
    if structure["kind"] == "literal":
        return str(value)
    for member in structure["members"]:
        if member.get("value", member["name"]) == value:
            return str(member["name"])
    raise LiteralError(f"{value!r} is none of {structure['class']}")


def _enum_value(structure: Structure, name: str) -> Json:
    if structure["kind"] == "literal":
        return name
    for member in structure["members"]:
        if member["name"] == name:
            return member.get("value", name)
    raise LiteralError(f"{name!r} is no name of {structure['class']}")


def _union(structure: Structure, value: Json) -> Literal:
    for member, variant in zip(structure["members"], variants(structure), strict=True):
        if not fits(member, value):
            continue
        try:
            made = literal(member, value)
        except (LiteralError, ValueError, TypeError, KeyError, AttributeError):
            continue
        union = literals_pb2.Union(value=made, type=variant)
        return Literal(scalar=literals_pb2.Scalar(union=union))
    raise LiteralError(f"{value!r} is of no member of the union")


def _from_union(structure: Structure, given: Literal) -> Json:
    if given.WhichOneof("value") == "scalar" and given.scalar.WhichOneof("value") == "union":
        union = given.scalar.union
        for member, variant in zip(structure["members"], variants(structure), strict=True):
            if variant.structure.tag == union.type.structure.tag and _same(variant, union.type):
                return json_value(member, union.value)
        raise LiteralError(f"the union has no member of the type {_said(union.type)}")
    for member in structure["members"]:  # some senders leave the union out
        try:
            return json_value(member, given)
        except LiteralError:
            continue
    raise LiteralError(f"a literal of the form {given.WhichOneof('value')} is of no member")


def _same(one: types_pb2.LiteralType, other: types_pb2.LiteralType) -> bool:
    """Whether two types are the same, whatever is annotated to them."""
    bare = []
    for each in (one, other):
        copy = types_pb2.LiteralType()
        copy.CopyFrom(each)
        for extra in ("annotation", "structure"):
            copy.ClearField(extra)
        bare.append(copy)
    return bool(bare[0] == bare[1])


def _expect(structure: Structure, given: Literal, form: str, scalar: str = "") -> None:
    found = given.WhichOneof("value")
    if found == "scalar":
        found = given.scalar.WhichOneof("value")
    if found != (scalar or form):
        raise LiteralError(f"{structure['kind']} is wanted, and the literal has {found}")


def _unpacked(packed: literals_pb2.Binary) -> Json:
    if packed.tag != MSGPACK:
        raise LiteralError(f"binary data of the form {packed.tag!r} is not read, only {MSGPACK!r}")
    try:
        return msgpack.unpackb(packed.value, strict_map_key=False)
    except (ValueError, msgpack.UnpackException) as error:
        raise LiteralError(f"the {MSGPACK} data cannot be read: {error}") from None


def _said(kind: types_pb2.LiteralType) -> str:
    return " ".join(str(kind).split()) or "none"
