"""Call checks: what is given to a task, and its result, against the types that it declares."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from typing import Any, Protocol

from tasksmithy._texts import shorten
from tasksmithy.errors import InputError, OutputError
from tasksmithy.task._interface import NativeInterface
from tasksmithy.values._annotations import type_name
from tasksmithy.values._type_check import Misfit, misfit


class Checked(Protocol):
    """What is known of the task that is checked."""

    @property
    def name(self) -> str: ...
    @property
    def interface(self) -> NativeInterface: ...
    @property
    def source_file(self) -> str | None: ...
    @property
    def source_line(self) -> int | None: ...


def check_inputs(task: Checked, inputs: Mapping[str, Any]) -> None:
    """Check that every input fits its declared type; the default of an input is always allowed.

    Raises:
        InputError: one does not; it names the input, the type and the value.
    """
    for name, value in inputs.items():
        kind, default = task.interface.inputs[name]
        if _is_simply(kind, value) or value is default:
            continue
        if (found := misfit(kind, value)) is not None:
            raise InputError(
                task.name,
                f"input {name!r} is {type_name(kind)}, and {shorten(value)} of type "
                f"{type_name(type(value))} was given{_detail(value, found)}",
            )


def check_result(task: Checked, result: Any) -> None:
    """Check that a result fits what the task declares; without outputs there is nothing to fit.

    Raises:
        OutputError: it does not; it names the output, the type and the value.
    """
    interface = task.interface
    count, named = len(interface.outputs), interface.result
    if named is not None and not isinstance(result, named):
        raise OutputError(
            task.name,
            f"it declares {named.__name__}({', '.join(interface.outputs)}), and the result was "
            f"{shorten(result)} of type {type_name(type(result))}; return a {named.__name__}",
        )
    if count > 1 and not (isinstance(result, tuple) and len(result) == count):
        raise OutputError(
            task.name,
            f"it declares {count} outputs ({', '.join(interface.outputs)}), and the result was "
            f"{shorten(result)}; return a tuple of {count}",
        )
    for name, value in interface.by_name(result).items():
        kind = interface.outputs[name]
        if _is_simply(kind, value):
            continue
        if (found := misfit(kind, value)) is not None:
            raise OutputError(
                task.name,
                f"{_declared(task, name, kind)} {shorten(value)} of type "
                f"{type_name(type(value))}{_detail(value, found)}",
            )


def _declared(task: Checked, name: str, kind: Any) -> str:
    """What a task says of an output, in the words of its source where it has some."""
    if task.source_file is None or len(task.interface.outputs) > 1:
        return f"output {name!r} is {type_name(kind)}, and the result was"
    place = f"{task.source_file}, line {task.source_line}"
    return f"it says -> {type_name(kind)} ({place}), and returned"


def _detail(value: object, found: Misfit) -> str:
    if isinstance(value, Coroutine):
        value.close()  # which nobody awaits: Python need not say so once more
        return "; write await before the call that gives it"
    return detail_of(found)


def _is_simply(kind: Any, value: Any) -> bool:
    """Whether a value fits by its class alone; a NamedTuple is looked into."""
    return kind is Any or (type(value) is kind and not isinstance(value, tuple))


def detail_of(found: Misfit) -> str:
    """What is known of a misfit, in brackets behind what was said of it."""
    return f" ({found})" if str(found) else ""
