"""Call checks: what is given to a task, and its result, against the types that it declares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from tasksmithy._texts import near_misses, shorten
from tasksmithy.errors import FieldError, InputError, OutputError
from tasksmithy.fields._trigger import Trigger, TriggerTime
from tasksmithy.task._interface import NativeInterface
from tasksmithy.values._annotations import type_name
from tasksmithy.values._json import not_json
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
                f"{type_name(type(value))} was given{_detail(found)}",
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
                f"type {type_name(type(value))}{_detail(found)}",
            )


def check_triggers(interface: NativeInterface, triggers: Sequence[Trigger]) -> None:
    """Check that the runs that triggers start have the inputs that a task declares.

    Raises:
        FieldError: an input is missing, unknown or of another type, or cannot be in a spec.
    """
    for index, trigger in enumerate(triggers):
        try:
            _check_trigger(interface, trigger)
        except FieldError as error:
            raise error.within(f"triggers[{index}]") from None


def _check_trigger(interface: NativeInterface, trigger: Trigger) -> None:
    given = trigger.inputs or {}
    for name, value in given.items():
        if name not in interface.inputs:
            known = interface.inputs
            allowed = f"names of its inputs ({', '.join(known) or 'it has none'})"
            raise FieldError("inputs", name, f"{allowed}{near_misses(name, known)}")
        kind, _ = interface.inputs[name]
        at_a_time = value is TriggerTime
        found = misfit(kind, datetime.now(UTC) if at_a_time else value)
        if found is not None:
            what = ", and TriggerTime is a datetime" if at_a_time else _detail(found)
            raise FieldError(f"inputs.{name}", value, f"a value of type {type_name(kind)}{what}")
        if not at_a_time and not_json(value) is not None:
            from tasksmithy.values._conversion import to_jsonable  # brings pydantic

            try:
                to_jsonable(kind, value)
            except ValueError as error:
                allowed = f"a value that JSON can hold ({error})"
                raise FieldError(f"inputs.{name}", value, allowed) from None
    if missing := [name for name in interface.required_inputs() if name not in given]:
        allowed = f"a value for {', '.join(missing)}, which has no default"
        raise FieldError("inputs", trigger.inputs, allowed)


def _is_simply(kind: Any, value: Any) -> bool:
    """Whether a value fits by its class alone; a NamedTuple is looked into."""
    return kind is Any or (type(value) is kind and not isinstance(value, tuple))


def _detail(found: Misfit) -> str:
    return f" ({found})" if str(found) else ""
