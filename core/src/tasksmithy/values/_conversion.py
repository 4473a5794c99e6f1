"""Values of tasks: inputs and results are checked, and text and JSON become values.

pydantic, which reads text and JSON, is imported only for what is more than a builtin scalar.
"""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any

from tasksmithy._texts import shorten
from tasksmithy.errors import InputError
from tasksmithy.values._annotations import type_name

if TYPE_CHECKING:
    from pydantic import TypeAdapter

_SCALARS = (str, int, float, bool, bytes)
_NOT_FROM_JSON = "needs_python_object"  # pydantic's name for the problem
_TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class _UnreadableTypeError(ValueError):
    """A type that pydantic has no validator for."""


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
