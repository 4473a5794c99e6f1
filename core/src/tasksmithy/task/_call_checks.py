"""Call checks: the inputs of a call, and its result, against the types that a task declares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tasksmithy._texts import shorten
from tasksmithy.errors import InputError, OutputError
from tasksmithy.task._interface import NativeInterface, named_result
from tasksmithy.values._annotations import type_name
from tasksmithy.values._type_check import Misfit, misfit


def check_inputs(task: str, interface: NativeInterface, inputs: Mapping[str, Any]) -> None:
    """Check that every input fits its declared type; the default of an input is always allowed.

    Raises:
        InputError: one does not; it names the input, the type and the value.
    """
    for name, value in inputs.items():
        kind, default = interface.inputs[name]
        if type(value) is kind or kind is Any or value is default:
            continue
        if (found := misfit(kind, value)) is not None:
            raise InputError(
                task,
                f"input {name!r} is {type_name(kind)}, and {shorten(value)} of type "
                f"{type_name(type(value))} was given{_detail(found)}",
            )


def check_result(task: str, interface: NativeInterface, result: Any) -> None:
    """Check that a result fits what the task declares; without outputs there is nothing to fit.

    Raises:
        OutputError: it does not; it names the output, the type and the value.
    """
    count = len(interface.outputs)
    if count > 1 and not (isinstance(result, tuple) and len(result) == count):
        raise OutputError(
            task,
            f"it declares {count} outputs ({', '.join(interface.outputs)}), and the result was "
            f"{shorten(result)}; return a tuple of {count}",
        )
    for name, value in named_result(interface, result).items():
        kind = interface.outputs[name]
        if type(value) is kind or kind is Any:
            continue
        if (found := misfit(kind, value)) is not None:
            raise OutputError(
                task,
                f"output {name!r} is {type_name(kind)}, and the result was {shorten(value)} of "
                f"type {type_name(type(value))}{_detail(found)}",
            )


def _detail(found: Misfit) -> str:
    return f" ({found})" if str(found) else ""
