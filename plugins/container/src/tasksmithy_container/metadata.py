"""The file of all inputs, in the format that the task chooses."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tasksmithy import Dir, File, MetadataFormat
from tasksmithy.errors import InputError, MissingDependencyError

if TYPE_CHECKING:
    from flyteidl2.core.literals_pb2 import Literal

# What YAML does not allow as it is in a text, and JSON does.
_NOT_IN_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


class Entry(NamedTuple):
    """An input.

    Attributes:
        name: its name.
        value: its value.
        plain: the JSON value that stands for it.
    """

    name: str
    value: Any
    plain: Any


def write_metadata(task: str, kind: MetadataFormat, entries: Sequence[Entry], folder: Path) -> None:
    """Write `inputs.json`, `inputs.yaml` or `inputs.pb` (a Flyte `LiteralMap`) into a folder.

    Raises:
        InputError: the format cannot hold a value.
        MissingDependencyError: PROTO, without the package that has Flyte's messages.
    """
    if kind == "JSON":
        everything = {entry.name: entry.plain for entry in entries}
        text = json.dumps(everything, indent=2, ensure_ascii=False)
        (folder / "inputs.json").write_bytes(f"{text}\n".encode())
    elif kind == "YAML":
        (folder / "inputs.yaml").write_bytes(_yaml(entries).encode())
    else:
        (folder / "inputs.pb").write_bytes(_literal_map(task, entries))


def _yaml(entries: Sequence[Entry]) -> str:
    # A value in JSON is one in YAML, but for the characters that YAML wants escaped.
    lines = (f"{entry.name}: {json.dumps(entry.plain, ensure_ascii=False)}\n" for entry in entries)
    text = "".join(lines) or "{}\n"
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
            literals[entry.name] = _literal(entry.value, entry.plain)
        except ValueError as error:
            problem = f"input {entry.name!r} cannot be written as a Flyte literal: {error}"
            raise InputError(task, problem) from None
    data: bytes = LiteralMap(literals=literals).SerializeToString(deterministic=True)
    return data


def _literal(value: Any, plain: Any) -> Literal:
    """A value as Flyte writes it; what it has no type for is a structure of JSON values."""
    from flyteidl2.core import literals_pb2 as flyte
    from flyteidl2.core.types_pb2 import BlobType
    from google.protobuf.duration_pb2 import Duration
    from google.protobuf.struct_pb2 import Struct
    from google.protobuf.timestamp_pb2 import Timestamp

    def primitive(**fields: Any) -> Literal:
        return flyte.Literal(scalar=flyte.Scalar(primitive=flyte.Primitive(**fields)))

    if isinstance(value, File | Dir):
        shape = BlobType.MULTIPART if isinstance(value, Dir) else BlobType.SINGLE
        metadata = flyte.BlobMetadata(type=BlobType(dimensionality=shape))
        return flyte.Literal(scalar=flyte.Scalar(blob=flyte.Blob(metadata=metadata, uri=plain)))
    if isinstance(value, datetime):
        moment = Timestamp()
        moment.FromDatetime(value.astimezone(UTC))
        return primitive(datetime=moment)
    if isinstance(value, timedelta):
        span = Duration()
        span.FromTimedelta(value)
        return primitive(duration=span)
    if plain is None:
        return flyte.Literal(scalar=flyte.Scalar(none_type=flyte.Void()))
    if isinstance(plain, bool):
        return primitive(boolean=plain)
    if isinstance(plain, int):
        return primitive(integer=plain)
    if isinstance(plain, float):
        return primitive(float_value=plain)
    if isinstance(plain, str):
        return primitive(string_value=plain)
    if isinstance(plain, list):
        members = value if isinstance(value, list | tuple) else plain
        each = [_literal(*pair) for pair in zip(members, plain, strict=True)]
        return flyte.Literal(collection=flyte.LiteralCollection(literals=each))
    structure = Struct()
    structure.update(plain)
    return flyte.Literal(scalar=flyte.Scalar(generic=structure))
