"""The JSON form of any value; an error says which part of a value has none."""

from __future__ import annotations

import dataclasses
import enum
import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any

from tasksmithy._texts import shorten
from tasksmithy.values._annotations import type_name
from tasksmithy.values._reducers import holds_table


def json_form(value: Any, leaf: Callable[[Any], Any], where: str = "") -> Any:
    """A value as JSON values: records as objects, tables as rows, scalars of numpy as numbers.

    Args:
        value: any value.
        leaf: the JSON form of a part that is none of those; raises `ValueError` where it has none.
        where: where the value is in the whole of it.

    Raises:
        ValueError: a part has no JSON form, as NaN, or two keys would be the same.
    """
    if value is None or isinstance(value, (bool, str)):
        return value.value if isinstance(value, enum.Enum) else value
    if isinstance(value, enum.Enum):
        return json_form(value.value, leaf, where)
    if _is_of_numpy(value):
        return json_form(value.tolist(), leaf, where)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{where or 'it'} is {value!r}, and JSON has no such number")
        return float(value)
    if holds_table(type(value)):
        return json_form(_rows(value), leaf, where)
    if isinstance(value, Mapping):
        return _object(value, leaf, where)
    if dataclasses.is_dataclass(value) and not hasattr(value, "__get_pydantic_core_schema__"):
        fields = {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
        return {name: json_form(part, leaf, f"{where}.{name}") for name, part in fields.items()}
    if isinstance(value, (Sequence, Set)) and not isinstance(value, (bytes, bytearray, memoryview)):
        return [json_form(part, leaf, f"{where}[{index}]") for index, part in enumerate(value)]
    try:
        plain = leaf(value)
    except Exception as error:  # noqa: BLE001 - other people's classes say in code of theirs what they are
        raise ValueError(
            f"{where or 'it'} is {shorten(value)} of type {type_name(type(value))}, which has no "
            f"JSON form ({error})"
        ) from None
    # A model, for example, may hold what JSON has not.
    return plain if plain is value else json_form(plain, leaf, where)


def _object(mapping: Mapping[Any, Any], leaf: Callable[[Any], Any], where: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, item in mapping.items():
        name = json_form(key, leaf, f"{where}.keys()")
        if not isinstance(name, str):
            if isinstance(name, (list, dict)):
                raise ValueError(  # noqa: TRY004 - as for other values that have no JSON form
                    f"{where or 'it'} has the key {shorten(key)}, which is no string"
                )
            name = json.dumps(name)
        if name in found:
            raise ValueError(f"{where or 'it'} has two keys that are {name!r} in JSON")
        found[name] = json_form(item, leaf, f"{where}[{shorten(key, 40)}]")
    return found


def _rows(table: Any) -> list[dict[str, Any]]:
    import pyarrow as pa  # what holds tables has brought it

    rows: list[dict[str, Any]] = pa.table(table).to_pylist()
    return rows


def _is_of_numpy(value: Any) -> bool:
    numpy = sys.modules.get("numpy")  # who has such values has imported it
    return numpy is not None and isinstance(value, (numpy.generic, numpy.ndarray))
