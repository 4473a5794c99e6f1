"""The interface of a task as JSON values, for a spec."""

from __future__ import annotations

from typing import Any

from tasksmithy.errors import TaskDefinitionError
from tasksmithy.task._interface import NO_DEFAULT, NativeInterface
from tasksmithy.values._stable_json import stable_json
from tasksmithy.values._structure import class_reference, structure


def interface_spec(task: str, interface: NativeInterface) -> dict[str, Any]:
    """The inputs and outputs of a task in their order, with their structures and defaults.

    Raises:
        TaskDefinitionError: JSON cannot hold a default.
    """
    inputs = []
    for name, (kind, default) in interface.inputs.items():
        described: dict[str, Any] = {
            "name": name,
            "type": structure(kind),
            "required": default is NO_DEFAULT,
        }
        if default is not NO_DEFAULT:
            try:
                described["default"] = stable_json(kind, default)
            except ValueError as error:
                allowed = f"a default that JSON can hold, for a cluster ({error})"
                field = f"interface.inputs.{name}"
                raise TaskDefinitionError(task, field, default, allowed) from None
        if name in interface.keyword_only:
            described["keyword_only"] = True
        inputs.append(described)
    outputs = [{"name": name, "type": structure(kind)} for name, kind in interface.outputs.items()]
    found: dict[str, Any] = {"inputs": inputs, "outputs": outputs}
    if interface.result is not None:
        found["result"] = class_reference(interface.result)
    return found
