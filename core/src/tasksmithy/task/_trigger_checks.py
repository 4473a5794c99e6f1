"""Trigger checks: what the runs that triggers start are given, against the inputs of the task."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from tasksmithy._texts import near_misses
from tasksmithy.errors import FieldError
from tasksmithy.fields._trigger import Trigger, TriggerTime
from tasksmithy.task._call_checks import detail_of
from tasksmithy.task._interface import NativeInterface
from tasksmithy.values._annotations import type_name
from tasksmithy.values._json import not_json
from tasksmithy.values._type_check import misfit


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
            what = ", and TriggerTime is a datetime" if at_a_time else detail_of(found)
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
