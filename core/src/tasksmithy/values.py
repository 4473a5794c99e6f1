"""Values of tasks: inputs and results are checked, and text and JSON become values.

pydantic, which reads text and JSON, is imported only for what is more than a builtin scalar.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tasksmithy.errors import InputError, OutputError, shorten
from tasksmithy.fitting import Misfit, misfit
from tasksmithy.interface import NativeInterface, named_result, type_name

if TYPE_CHECKING:
    from pydantic import TypeAdapter

_SCALARS = (str, int, float, bool, bytes)
_NOT_FROM_JSON = "needs_python_object"  # pydantic's name for the problem
_TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class _UnreadableTypeError(ValueError):
    """A type that pydantic has no validator for."""


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


def from_text(task: str, name: str, kind: Any, text: str) -> Any:
    """The value that `text` stands for, as someone types it on a command line.

    Lists, mappings and models are given as JSON; dates, paths, enums and such as their usual text.

    Raises:
        InputError: the text does not stand for a value of the type.
    """
    try:
        if kind is str or kind is Any:
            return text
        if kind is bool:
            return _TRUTHS[text.lower()]
        if kind in (int, float):
            return kind(text)
        return _parsed(_adapter(kind), text)
    except (ValueError, KeyError) as error:
        detail = "" if kind in _SCALARS else _first_line(error)
        raise InputError(
            task, f"input {name!r} is {type_name(kind)}, and {shorten(text)} is not one{detail}"
        ) from None


def _parsed(adapter: TypeAdapter[Any], text: str) -> Any:
    """The value that text stands for, as JSON or as such."""
    try:
        return adapter.validate_json(text, strict=True)  # strict: in JSON, true is no number
    except ValueError as error:
        try:
            return adapter.validate_python(text)
        except ValueError:
            if _problems(error)[0]["type"] in ("json_invalid", _NOT_FROM_JSON):
                raise
            raise error from None  # as JSON it is read, and tells what is wrong inside


def _problems(error: Exception) -> list[Any]:
    """What pydantic says is wrong; nothing for an error that is not its own."""
    problems = getattr(error, "errors", None)
    return problems(include_url=False) if problems is not None else []


def _first_line(error: Exception) -> str:
    problems = _problems(error)
    if not problems:
        return f" ({error})"
    first = problems[0]
    if first["type"] == _NOT_FROM_JSON:
        return " (no text stands for one)"
    where = ".".join(str(part) for part in first["loc"])
    return f" ({where + ': ' if where else ''}{first['msg']})"


def _adapter(kind: Any) -> TypeAdapter[Any]:
    """pydantic's adapter of a type.

    Raises:
        _UnreadableTypeError: pydantic cannot handle the type.
    """
    try:
        hash(kind)
    except TypeError:  # Annotated with a list or the like
        return _new_adapter(kind)
    return _kept_adapter(kind)


def _new_adapter(kind: Any) -> TypeAdapter[Any]:
    # See the module's docstring.
    from pydantic import (
        ConfigDict,
        PydanticUndefinedAnnotation,
        PydanticUserError,
        TypeAdapter,
    )
    from pydantic_core import SchemaError

    adapter: TypeAdapter[Any]
    try:
        try:
            # NaN is no null.
            config = ConfigDict(arbitrary_types_allowed=True, ser_json_inf_nan="constants")
            adapter = TypeAdapter(kind, config=config)
        except PydanticUserError:  # a model brings a configuration of its own
            adapter = TypeAdapter(kind)
        adapter.rebuild()  # which does nothing, or names the annotation that is not known
    except (PydanticUserError, PydanticUndefinedAnnotation) as error:
        raise _UnreadableTypeError(error.message.partition("\n")[0]) from None
    except SchemaError:
        raise _UnreadableTypeError("whose values no text stands for") from None
    return adapter


_kept_adapter = functools.lru_cache(maxsize=1024)(_new_adapter)


def from_json(task: str, name: str, kind: Any, value: Any) -> Any:
    """The value of the input `name` that a JSON value stands for.

    Raises:
        InputError: it does not stand for a value of the type.
    """
    try:
        if type(value) is kind:
            return value
        # Strict: in JSON, true is no number and "5" neither.
        return _adapter(kind).validate_json(json.dumps(value), strict=True)
    except ValueError as error:
        raise InputError(
            task,
            f"input {name!r} is {type_name(kind)}, and {shorten(value)} is not one"
            f"{_first_line(error)}",
        ) from None


def to_jsonable(kind: Any, value: Any) -> Any:
    """A value of type `kind` as JSON values."""
    if type(value) in (str, int, float, bool, type(None)):
        return value
    return _adapter(kind).dump_python(value, mode="json")
