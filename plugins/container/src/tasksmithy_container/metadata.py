"""The file of all inputs, in the format that the task chooses."""

from __future__ import annotations

import base64
import json
import math
import re
import typing
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tasksmithy import Dir, File, MetadataFormat
from tasksmithy.errors import InputError, MissingDependencyError
from tasksmithy_container.types import required

if TYPE_CHECKING:
    from flyteidl2.core.literals_pb2 import Literal
    from google.protobuf.struct_pb2 import Struct

# What YAML does not allow as it is in a text, and JSON does.
_NOT_IN_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")

_LARGEST_EXACT = 2**53  # of the integers that a float holds without a gap


class Entry(NamedTuple):
    """An input.

    Attributes:
        name: its name.
        kind: its declared type.
        value: its value.
        plain: the JSON value that stands for it; bytes, NaN and infinities are themselves.
    """

    name: str
    kind: Any
    value: Any
    plain: Any


def write_metadata(task: str, kind: MetadataFormat, entries: Sequence[Entry], folder: Path) -> None:
    """Write `inputs.json`, `inputs.yaml` or `inputs.pb` (a Flyte `LiteralMap`) into a folder.

    Raises:
        InputError: the format cannot hold a value.
        MissingDependencyError: PROTO, without the package that has Flyte's messages.
    """
    if kind == "JSON":
        everything = {entry.name: _json(entry.plain) for entry in entries}
        text = json.dumps(everything, indent=2, ensure_ascii=False)
        (folder / "inputs.json").write_bytes(f"{text}\n".encode())
    elif kind == "YAML":
        # The names in quotation marks, for YAML has words of its own, such as `on` and `no`.
        lines = (f"{_yaml(entry.name)}: {_yaml(entry.plain)}\n" for entry in entries)
        (folder / "inputs.yaml").write_bytes(("".join(lines) or "{}\n").encode())
    else:
        (folder / "inputs.pb").write_bytes(_literal_map(task, entries))


def _json(value: Any) -> Any:
    """A value that JSON has none for as a string, as in the JSON form of protobuf."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def _yaml(value: Any) -> str:
    """A value in the flow style of YAML 1.1, as one line."""
    if isinstance(value, bytes):
        return f'!!binary "{base64.b64encode(value).decode()}"'
    if isinstance(value, float):
        if not math.isfinite(value):
            return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
        digits, mark, exponent = repr(value).partition("e")
        # Without a point, it would be read as a string.
        return f"{digits}{'' if '.' in digits else '.0'}{mark}{exponent}"
    if isinstance(value, list):
        return f"[{', '.join(map(_yaml, value))}]"
    if isinstance(value, dict):
        # Marked as keys, for a longer one would not be seen as one otherwise.
        pairs = (f"? {_yaml(key)} : {_yaml(item)}" for key, item in value.items())
        return f"{{{', '.join(pairs)}}}"
    # A string in JSON is one in YAML, but for the characters that YAML wants escaped.
    text = json.dumps(value, ensure_ascii=False)
    return _NOT_IN_YAML.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _literal_map(task: str, entries: Sequence[Entry]) -> bytes:
    try:
        from flyteidl2.core.literals_pb2 import LiteralMap
    except ImportError as error:
        raise MissingDependencyError(
            "metadata_format='PROTO'", "flyteidl2", "pip install 'tasksmithy-container[proto]'"
        ) from error
    literals = {}
    for entry in entries:
        try:
            literals[entry.name] = _literal(entry.kind, entry.value, entry.plain)
        except ValueError as error:
            problem = f"input {entry.name!r} cannot be written as a Flyte literal: {error}"
            raise InputError(task, problem) from None
    data: bytes = LiteralMap(literals=literals).SerializeToString(deterministic=True)
    return data


def _literal(kind: Any, value: Any, plain: Any) -> Literal:
    """A value as Flyte writes one of its declared type; a record is a structure of JSON values.

    Raises:
        ValueError: Flyte has no such value.
    """
    from flyteidl2.core import literals_pb2 as flyte
    from flyteidl2.core.types_pb2 import BlobType
    from google.protobuf.duration_pb2 import Duration
    from google.protobuf.timestamp_pb2 import Timestamp

    def primitive(**fields: Any) -> Literal:
        return flyte.Literal(scalar=flyte.Scalar(primitive=flyte.Primitive(**fields)))

    kind = required(kind)
    if isinstance(value, File | Dir):
        shape = BlobType.MULTIPART if isinstance(value, Dir) else BlobType.SINGLE
        metadata = flyte.BlobMetadata(type=BlobType(dimensionality=shape))
        return flyte.Literal(scalar=flyte.Scalar(blob=flyte.Blob(metadata=metadata, uri=plain)))
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            raise ValueError("it has no time zone, so it is no moment")
        moment = Timestamp()
        moment.FromDatetime(value.astimezone(UTC))
        return primitive(datetime=moment)
    if isinstance(value, timedelta):
        span = Duration()
        span.FromTimedelta(value)
        return primitive(duration=span)
    if isinstance(plain, bytes):
        return flyte.Literal(scalar=flyte.Scalar(binary=flyte.Binary(value=plain)))
    if plain is None:
        return flyte.Literal(scalar=flyte.Scalar(none_type=flyte.Void()))
    if isinstance(plain, bool):
        return primitive(boolean=plain)
    if isinstance(plain, float) or (kind is float and isinstance(plain, int)):
        return primitive(float_value=plain)
    if isinstance(plain, int):
        return primitive(integer=plain)
    if isinstance(plain, str):
        return primitive(string_value=plain)
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if isinstance(plain, list):
        members = value if isinstance(value, list | tuple) else plain
        kinds = [parts[0] if parts else Any] * len(plain)
        if origin is tuple and Ellipsis not in parts:
            kinds = list(parts)
        each = [_literal(*triple) for triple in zip(kinds, members, plain, strict=True)]
        return flyte.Literal(collection=flyte.LiteralCollection(literals=each))
    if isinstance(origin, type) and issubclass(origin, Mapping) and parts[1] is not Any:
        items = value.values() if isinstance(value, Mapping) else plain.values()
        pairs = zip(plain.items(), items, strict=True)
        inner = {key: _literal(parts[1], item, text) for (key, text), item in pairs}
        return flyte.Literal(map=flyte.LiteralMap(literals=inner))
    return flyte.Literal(scalar=flyte.Scalar(generic=_structure(plain)))


def _structure(plain: Mapping[str, Any]) -> Struct:
    """A structure of JSON values, whose numbers are all 64-bit floats."""
    from google.protobuf.struct_pb2 import Struct

    waiting: list[Any] = [plain]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict | list):
            waiting.extend(part.values() if isinstance(part, dict) else part)
        elif isinstance(part, int) and abs(part) > _LARGEST_EXACT:
            raise ValueError(f"{part} inside of it would lose digits")
    structure = Struct()
    structure.update(plain)
    return structure
