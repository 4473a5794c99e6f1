"""What an input may be for a query, by its declared type: a value, a list, a table, a file, a name.

Types are told apart without importing the package that they come from.
"""

from __future__ import annotations

import datetime as dt
import types
import typing
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from tasksmithy.errors import FieldError
from tasksmithy.extend import alternatives, type_name
from tasksmithy_sql.values import Identifier

SCALARS = (
    bool,
    int,
    float,
    str,
    bytes,
    Decimal,
    dt.datetime,
    dt.date,
    dt.time,
    dt.timedelta,
    UUID,
    types.NoneType,
)
"""The types whose values a parameter can hold."""

ALLOWED = (
    "types that a query can use: bool, int, float, str, bytes, Decimal, UUID, date, datetime, "
    "time, timedelta, each also `| None` or in a list, Identifier, a table (Arrow, pandas, "
    "polars), or a File"
)


class Kind(Enum):
    """What an input is for a query."""

    VALUE = "a value, bound as a parameter"
    LIST = "a list of values"
    NAME = "a name that is quoted"
    TABLE = "a table"
    FILE = "a file: its path as a parameter, its rows as a table"


def kind_of(field: str, declared: Any) -> Kind:
    """What an input of the type `declared` is.

    Raises:
        FieldError: a query can do nothing with it.
    """
    members = scalar_types(declared)
    if members is not None:
        return Kind.VALUE
    if element_type(declared) is not None:
        return Kind.LIST
    if isinstance(declared, type):
        if issubclass(declared, Identifier):
            return Kind.NAME
        if is_table(declared):
            return Kind.TABLE
        if hasattr(declared, "__fspath__"):  # what makes it an os.PathLike
            return Kind.FILE
    raise FieldError(field, type_name(declared), ALLOWED)


def is_table(declared: object) -> bool:
    """Whether it is a class of tables: one that gives itself as an Arrow stream."""
    return isinstance(declared, type) and hasattr(declared, "__arrow_c_stream__")


def scalar_types(declared: Any) -> tuple[type, ...] | None:
    """The classes of a scalar type, `int | None` as both; None where it is no scalar type."""
    if declared is Any or declared is None:
        return SCALARS if declared is Any else (types.NoneType,)
    origin = typing.get_origin(declared)
    if origin is typing.Annotated:
        return scalar_types(typing.get_args(declared)[0])
    if origin is typing.Literal:
        return tuple({type(value) for value in typing.get_args(declared)})
    if len(options := alternatives(declared)) > 1:
        members = [scalar_types(option) for option in options]
        if any(member is None for member in members):
            return None
        return tuple(kind for member in members for kind in member or ())
    if isinstance(declared, typing.NewType):
        return scalar_types(declared.__supertype__)
    if isinstance(declared, type) and issubclass(declared, SCALARS):
        return None if issubclass(declared, Identifier) else (declared,)
    return None


def element_type(declared: Any) -> Any:
    """The type of a list's elements; None where it is no type of lists of values."""
    origin = typing.get_origin(declared) or declared
    if not isinstance(origin, type) or issubclass(origin, str | bytes | Mapping):
        return None
    if not issubclass(origin, Sequence | set | frozenset) and origin not in (Sequence, Collection):
        return None
    arguments = [kind for kind in typing.get_args(declared) if kind is not Ellipsis]
    element = arguments[0] if arguments else Any
    return element if len(arguments) < 2 and scalar_types(element) is not None else None
