"""Inputs and outputs of a task, as Python's values and as Flyte's literals."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import msgpack
from flyteidl2.core import literals_pb2
from flyteidl2.task import common_pb2

from tasksmithy import TaskSpec, TaskTemplate
from tasksmithy.errors import InputError, OutputError
from tasksmithy.extend import from_json, to_jsonable
from tasksmithy_flyte.errors import LiteralError
from tasksmithy_flyte.literals import json_value, literal
from tasksmithy_flyte.packed import walk
from tasksmithy_flyte.storage import upload
from tasksmithy_flyte.triggers import KICKOFF_INPUT
from tasksmithy_flyte.types import MSGPACK, Structure

Task = TaskTemplate[..., Any]


def inputs_of(
    task: Task, spec: TaskSpec, message: common_pb2.Inputs, started: datetime | None = None
) -> dict[str, Any]:
    """The inputs of a message by name.

    Args:
        task: the task.
        spec: its spec.
        message: the inputs as Flyte hands them out.
        started: the moment of the run, which is the input that a trigger names for it.

    Raises:
        InputError: an input does not fit.
    """
    kinds = {name: kind for name, (kind, _) in task.interface.inputs.items()}
    structures = {each["name"]: each["type"] for each in spec.interface["inputs"]}
    found = {}
    for each in message.literals:
        if each.name not in kinds:
            raise InputError(task.name, f"there is no input {each.name!r}")
        try:
            found[each.name] = _value(
                task.name, each.name, kinds[each.name], structures[each.name], each.value
            )
        except LiteralError as error:
            raise InputError(task.name, f"input {each.name!r}: {error}") from None
    kickoff = next((pair.value for pair in message.context if pair.key == KICKOFF_INPUT), None)
    if kickoff in kinds and kickoff not in found and started is not None:
        found[kickoff] = started
    return found


def outputs_of(task: Task, spec: TaskSpec, result: Any, raw_data: str) -> common_pb2.Outputs:
    """The message of what a task returned.

    Args:
        task: the task.
        spec: its spec.
        result: what it returned.
        raw_data: the prefix under which files and folders are left.

    Raises:
        OutputError: an output has no literal.
    """
    structures = {each["name"]: each["type"] for each in spec.interface["outputs"]}
    outputs = common_pb2.Outputs()
    for name, value in task.interface.by_name(result).items():
        try:
            made = _literal(structures[name], task.interface.outputs[name], value, raw_data)
        except (LiteralError, ValueError) as error:
            raise OutputError(task.name, f"output {name!r}: {error}") from None
        outputs.literals.add(name=name, value=made)
    return outputs


def _value(task: str, name: str, kind: Any, structure: Structure, given: Any) -> Any:
    _refuse_frames(structure)
    if structure["kind"] == "bytes" and given.scalar.HasField("binary"):
        return msgpack.unpackb(given.scalar.binary.value)
    return from_json(task, name, kind, json_value(structure, given))


def _literal(structure: Structure, kind: Any, value: Any, raw_data: str) -> literals_pb2.Literal:
    _refuse_frames(structure)
    if structure["kind"] == "bytes":
        packed = literals_pb2.Binary(value=msgpack.packb(value), tag=MSGPACK)
        return literals_pb2.Literal(scalar=literals_pb2.Scalar(binary=packed))
    return literal(structure, _uploaded(structure, to_jsonable(kind, value), raw_data))


def _uploaded(structure: Structure, value: Any, raw_data: str) -> Any:
    """A JSON value whose files and folders are where the cluster finds them."""

    def place(_: Structure, path: str, __: bool) -> str:
        return path if "://" in path else upload(Path(path), raw_data)

    return walk(structure, value, {"file": place, "dir": place}, by_name=False)


def _refuse_frames(structure: Mapping[str, Any]) -> None:
    if structure["kind"] == "frame":
        raise LiteralError(
            f"the worker reads and writes no {structure['class'].replace(':', '.')}; "
            "hand it over as a File"
        )
