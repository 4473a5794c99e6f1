"""JSON read exactly, by the declared type: all digits of a Decimal, times only as text."""

from __future__ import annotations

import dataclasses
import json
import typing
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from typing import Any

from tasksmithy._texts import shorten
from tasksmithy.values._annotations import alternatives
from tasksmithy.values._text_forms import (
    has_decimal,
    is_number,
    is_time,
    plain_type,
    text_reader,
)


class _Digits(float):
    """A number of JSON with its digits."""

    text: str


def json_of(text: str) -> Any:
    """The JSON value of a text; its numbers keep their digits for `exact`.

    Raises:
        ValueError: it is no JSON, or an object has a key twice.
    """
    return json.loads(text, parse_float=with_digits, object_pairs_hook=without_twins)


def with_digits(text: str) -> float:
    """The float that a text stands for, which keeps the text for `exact`."""
    value = _Digits(text)
    value.text = text
    return value


def without_twins(pairs: Iterable[tuple[Any, Any]]) -> dict[Any, Any]:
    """The dict of pairs.

    Raises:
        ValueError: a key is there twice.
    """
    found: dict[Any, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {shorten(key)} is there twice")
        found[key] = value
    return found


def exact(kind: Any, value: Any, where: str = "") -> Any:
    """A JSON value in which text stands for whatever would not survive as a number.

    Raises:
        ValueError: a number stands where the type has a time, or has lost the digits of a decimal;
            it says where.
    """
    members = [plain_type(member) for member in alternatives(plain_type(kind))]
    if isinstance(value, str) or (isinstance(value, (int, float)) and not isinstance(value, bool)):
        return _exact_leaf(members, value, where)
    for member in members:
        if (inside := _inside(member, value)) is not None:
            return inside(value, where)
    return value


def _exact_leaf(members: list[Any], value: Any, where: str) -> Any:
    if isinstance(value, float) and float not in members and has_decimal(members):
        if not isinstance(value, _Digits):
            raise ValueError(f"{where or 'it'} has the digits of a float: give them as a string")
        return value.text
    times = [member for member in members if is_time(member)]
    if not times or len(times) < len([member for member in members if member is not type(None)]):
        return value
    if isinstance(value, str):
        for reader in filter(None, map(text_reader, times)):
            with suppress(ValueError, AttributeError):  # a duration has its own text
                return reader(value).isoformat()
    if is_number(str(value)):
        raise ValueError(f"{where or 'it'} is {value!r}, and a number is no time: give ISO 8601")
    return value


def _inside(kind: Any, value: Any) -> Callable[[Any, str], Any] | None:
    """What makes a value of a type exact that holds others; None where it holds none that fit."""
    origin, parts = typing.get_origin(kind) or kind, typing.get_args(kind)
    if not isinstance(origin, type):
        return None
    if isinstance(value, dict):
        if (hints := _hints(origin)) is not None:
            return lambda value, where: {
                name: exact(hints[name], item, f"{where}.{name}") if name in hints else item
                for name, item in value.items()
            }
        if issubclass(origin, Mapping) and len(parts) == 2:
            return lambda value, where: {
                exact(parts[0], key, f"{where}[{shorten(key, 40)}], as a key,"): exact(
                    parts[1], item, f"{where}[{shorten(key, 40)}]"
                )
                for key, item in value.items()
            }
    elif isinstance(value, list) and issubclass(origin, Collection) and parts:
        kinds = parts if origin is tuple and parts[-1] is not Ellipsis else [parts[0]] * len(value)
        if len(kinds) == len(value):
            return lambda value, where: [
                exact(each, item, f"{where}[{index}]")
                for index, (each, item) in enumerate(zip(kinds, value, strict=True))
            ]
    return None


def _hints(cls: Any) -> Mapping[str, Any] | None:
    """The types of the fields of a record; None where it is none, or they cannot be resolved."""
    is_record = dataclasses.is_dataclass(cls) or hasattr(cls, "model_fields")
    if not (is_record or hasattr(cls, "__required_keys__") or hasattr(cls, "_fields")):
        return None
    try:
        return typing.get_type_hints(cls)
    except Exception:  # noqa: BLE001 - an annotation may be any code
        return None
