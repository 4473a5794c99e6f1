"""Call checks: what is given to a task, and its result, against the types that it declares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tasksmithy._texts import shorten
from tasksmithy.errors import InputError, OutputError
from tasksmithy.task._interface import NativeInterface
from tasksmithy.values._annotations import type_name
from tasksmithy.values._type_check import Misfit, misfit


def check_inputs(task: str, interface: NativeInterface, inputs: Mapping[str, Any]) -> None:
    """Check that every input fits its declared type; the default of an input is always allowed.

    Raises:
        InputError: one does not; it names the input, the type and the value.
    """
    for name, value in inputs.items():
        kind, default = interface.inputs[name]
        if _is_simply(kind, value) or value is default:
            continue
        if (found := misfit(kind, value)) is not None:
            raise InputError(
                task,
                f"input {name!r} is {type_name(kind)}, and {shorten(value)} of type "
                f"{type_name(type(value))} was given{detail_of(found)}",
            )


def check_result(task: str, interface: NativeInterface, result: Any) -> None:
    """Check that a result fits what the task declares; without outputs there is nothing to fit.

    Raises:
        OutputError: it does not; it names the output, the type and the value.
    """
    count, named = len(interface.outputs), interface.result
    if named is not None and not isinstance(result, named):
        raise OutputError(
            task,
            f"it declares {named.__name__}({', '.join(interface.outputs)}), and the result was "
            f"{shorten(result)} of type {type_name(type(result))}; return a {named.__name__}",
        )
    if count > 1 and not (isinstance(result, tuple) and len(result) == count):
        raise OutputError(
            task,
            f"it declares {count} outputs ({', '.join(interface.outputs)}), and the result was "
            f"{shorten(result)}; return a tuple of {count}",
        )
    for name, value in interface.by_name(result).items():
        kind = interface.outputs[name]
        if _is_simply(kind, value):
            continue
        if (found := misfit(kind, value)) is not None:
            raise OutputError(
                task,
                f"output {name!r} is {type_name(kind)}, and the result was {shorten(value)} of "
                f"type {type_name(type(value))}{detail_of(found)}",
            )


def _is_simply(kind: Any, value: Any) -> bool:
    """Whether a value fits by its class alone; a NamedTuple is looked into."""
    return kind is Any or (type(value) is kind and not isinstance(value, tuple))


def detail_of(found: Misfit) -> str:
    """What is known of a misfit, in brackets behind what was said of it."""
    return f" ({found})" if str(found) else ""
