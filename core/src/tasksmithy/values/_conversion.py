"""Values of tasks: inputs and results are checked, and text and JSON become values.

pydantic, which reads text and JSON, is imported only for what is more than a builtin scalar.
"""

from __future__ import annotations

import functools
import json
import sys
import typing
from typing import TYPE_CHECKING, Any

from tasksmithy._texts import shorten
from tasksmithy.errors import InputError
from tasksmithy.values._annotations import alternatives, importable_module, type_name
from tasksmithy.values._exact_json import exact, json_of
from tasksmithy.values._json import not_json
from tasksmithy.values._json_form import json_form
from tasksmithy.values._text_forms import (
    has_decimal,
    is_number,
    is_time,
    members_for_text,
    plain_type,
    text_reader,
)
from tasksmithy.values._type_check import is_typed_dict, required_keys

if TYPE_CHECKING:
    from pydantic import TypeAdapter

_BUILTIN = (bool, int, float)
_GENERIC: tuple[Any, ...] = (list, dict, tuple, set, frozenset)
_SCALARS = (str, int, float, bool, bytes)
_NOT_FROM_JSON = "needs_python_object"  # pydantic's name for the problem
_TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class _UnreadableTypeError(ValueError):
    """A type that pydantic has no validator for."""


def from_text(task: str, name: str, kind: Any, text: str) -> Any:
    """The value that `text` stands for, as someone types it on a command line.

    Text, bytes, decimals, dates and times, UUIDs and paths are given as their usual text, times as
    ISO 8601; lists, mappings and models as JSON; enums and such as either.

    Args:
        task: name of the task, for the error.
        name: name of the input.
        kind: its declared type.
        text: what was given.

    Raises:
        InputError: the text does not stand for a value of the type.
    """
    try:
        if kind is str or kind is Any:
            return text
        if kind in _BUILTIN:
            return _builtin(kind, text)
        return _read(kind, text)
    except (ValueError, KeyError) as error:
        detail = "" if kind in _SCALARS else _first_line(error)
        raise InputError(
            task, f"input {name!r} is {type_name(kind)}, and {shorten(text)} is not one{detail}"
        ) from None


def has_text(kind: Any) -> bool:
    """Whether text, on a command line, stands for any value of a type: not so for most classes."""
    if kind in (*_SCALARS, Any) or any(text_reader(each) for each in alternatives(kind)):
        return True
    from pydantic import PydanticUserError  # see the module's docstring

    try:
        _adapter(kind).json_schema()
    except (PydanticUserError, ValueError):
        return False
    return True


def _builtin(kind: Any, text: str) -> Any:
    try:
        return _TRUTHS[text.lower()] if kind is bool else kind(text)
    except (ValueError, KeyError):
        raise ValueError from None  # the type says it


def _read(kind: Any, text: str) -> Any:
    """The value that text stands for: of a union, of its member that is found first."""
    members = [each for each in alternatives(kind) if each is not type(None)]
    if len(members) == 1 and members[0] in _BUILTIN and text != "null":  # as without the None
        return _builtin(members[0], text)
    if (reader := text_reader(kind)) is not None:
        return reader(text)
    as_json, as_text = members_for_text(plain_type(kind))
    if not as_text:
        return _parsed(kind, text)
    problem: Exception | None = None
    if as_json:
        try:
            found = _parsed(typing.Union[tuple(as_json)], text)  # noqa: UP007 - made at run time
            if not (isinstance(found, float) and has_decimal(as_text)):
                return found
        except ValueError as error:
            problem = error
    for member in as_text:
        try:
            return _read(member, text)
        except ValueError as error:
            problem = error
    raise problem or ValueError()


def _parsed(kind: Any, text: str) -> Any:
    """The value that text stands for, as JSON or as such."""
    adapter = _adapter(kind)
    try:
        try:
            content = json.dumps(exact(kind, json_of(text)))
        except json.JSONDecodeError:
            content = text  # which pydantic words
        found = adapter.validate_json(content, strict=True)  # strict: in JSON, true is no number
    except ValueError as error:
        problems = _problems(error)
        if not problems:  # a number where it would not be exact
            raise
        try:
            found = adapter.validate_python(text)
        except ValueError:
            if problems[0]["type"] in ("json_invalid", _NOT_FROM_JSON):
                raise
            raise error from None  # as JSON it is read, and tells what is wrong inside
    if is_number(text) and is_time(type(found)):
        raise ValueError("a number is no time: give ISO 8601")
    return found


def _problems(error: Exception) -> list[Any]:
    """What pydantic says is wrong; nothing for an error that is not its own."""
    problems = getattr(error, "errors", None)
    return problems(include_url=False) if problems is not None else []


def _first_line(error: Exception) -> str:
    problems = _problems(error)
    if not problems:
        return f" ({error})" if str(error) else ""
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
    kind = _with_known_typed_dicts(kind)
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


def _with_known_typed_dicts(kind: Any, around: tuple[Any, ...] = ()) -> Any:
    """A type with classes of `typing_extensions` for those of `typing.TypedDict`.

    Below Python 3.12 pydantic knows no others.
    """
    if sys.version_info >= (3, 12) or kind in around:
        return kind
    if isinstance(kind, type) and type(kind).__module__ == "typing" and is_typed_dict(kind):
        from typing import NotRequired

        from typing_extensions import TypedDict

        hints = {
            name: _with_known_typed_dicts(hint, (*around, kind))
            for name, hint in typing.get_type_hints(kind).items()
        }
        fields = {
            name: hint if name in required_keys(kind) else NotRequired[hint]
            for name, hint in hints.items()
        }
        return TypedDict(kind.__name__, fields)  # type: ignore[operator]
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        return typing.Annotated[(_with_known_typed_dicts(parts[0], around), *parts[1:])]
    if len(alternatives(kind)) > 1:
        known = tuple(_with_known_typed_dicts(part, around) for part in parts)
        return typing.Union[known]  # noqa: UP007 - made at run time
    if origin is not None and origin in _GENERIC:
        return origin[tuple(_with_known_typed_dicts(part, around) for part in parts)]
    return kind


_kept_adapter = functools.lru_cache(maxsize=1024)(_new_adapter)


def json_schema(kind: Any) -> dict[str, Any] | None:
    """The JSON schema of a type, the same in every process; None where pydantic has none."""
    from pydantic import PydanticUserError  # see the module's docstring

    try:
        schema = _adapter(kind).json_schema()
    except (PydanticUserError, ValueError):
        return None
    found: dict[str, Any] = _in_order(_importable(schema))
    return found


def _importable(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema whose definitions are called as in another process, also those of the main module.

    pydantic puts the module before the names of those that would have the same name.
    """
    text = json.dumps(schema)
    for name in schema.get("$defs", ()):
        module, _, rest = name.partition("____")
        new = importable_module(name)
        if rest:
            new = f"{importable_module(f'{module}__').replace('.', '__')}__{rest}"
        text = text.replace(f'"{name}"', f'"{new}"').replace(f'/{name}"', f'/{new}"')
    renamed: dict[str, Any] = json.loads(text)
    return renamed


def _in_order(schema: Any) -> Any:
    """A schema in which a default that is a set is sorted."""
    if isinstance(schema, list):
        return [_in_order(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: _in_order(each) for name, each in schema.items()}
    of_a_set = any(each.get("uniqueItems") for each in (schema, *schema.get("anyOf", ())))
    if of_a_set and isinstance(found.get("default"), list):
        found["default"] = sorted(found["default"], key=json.dumps)
    return found


def from_json(task: str, name: str, kind: Any, value: Any) -> Any:
    """The value of the input `name` that a JSON value stands for.

    Decimals are strings or whole numbers, as the digits of another number may be lost already;
    times are strings, as ISO 8601 has them.

    Args:
        task: name of the task, for the error.
        name: name of the input.
        kind: its declared type.
        value: a JSON value.

    Raises:
        InputError: it does not stand for a value of the type.
    """
    try:
        if type(value) is kind:
            return value
        # Strict: in JSON, true is no number and "5" neither.
        return _adapter(kind).validate_json(json.dumps(exact(kind, value)), strict=True)
    except ValueError as error:
        raise InputError(
            task,
            f"input {name!r} is {type_name(kind)}, and {shorten(value)} is not one"
            f"{_first_line(error)}",
        ) from None


def to_jsonable(kind: Any, value: Any) -> Any:
    """A value of type `kind` as JSON values: records as objects, tables as lists of rows.

    Args:
        kind: the declared type; `Any` where the value alone says what it is.
        value: the value.

    Raises:
        ValueError: a part has no JSON form, as NaN, or two keys would be the same; it says where.
    """
    if type(value) in (str, int, bool, type(None)):
        return value
    if kind is not Any:
        try:
            plain = _adapter(kind).dump_python(value, mode="json")
        except ValueError:
            plain = value
        if plain is not value and not_json(plain) is None:
            return plain
    return json_form(value, lambda part: _adapter(type(part)).dump_python(part, mode="json"))
