"""From a query and its inputs to a statement and the values that the driver binds.

A value never becomes part of the text. The one thing that does is an `Identifier`, quoted.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any
from uuid import UUID

from tasksmithy.extend import shorten
from tasksmithy_sql.errors import ParameterError
from tasksmithy_sql.kinds import SCALARS, Kind, element_type, scalar_types
from tasksmithy_sql.query import Parameter, Query


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement as a driver gets it.

    Attributes:
        text: the text, with the driver's placeholders.
        values: the values of the placeholders, in their order.
        query: the query that it was made of.
        spans: (start, end, start in the query, end in the query) of each replacement.
        types: the parameters and the types of their values, for messages.
        end: where the text ends; comments and semicolons may follow.
    """

    text: str
    values: tuple[Any, ...]
    query: Query
    spans: tuple[tuple[int, int, int, int], ...]
    types: Mapping[str, str]
    end: int

    def origin(self, offset: int) -> int:
        """The offset in the query that an offset in the statement's text comes from."""
        shift = 0
        for start, end, old_start, old_end in self.spans:
            if offset < start:
                break
            if offset < end:
                return old_start
            shift = old_end - end
        return offset + shift

    def where(self, offset: int) -> str:
        """The place in the query that an offset in the statement's text comes from."""
        return self.query.where(self.origin(offset))

    @property
    def bare(self) -> str:
        """The text without the comments and semicolons at its end."""
        return self.text[: self.end]

    def within(self, before: str, after: str = "") -> Statement:
        """The statement with a text before it, and one after it."""
        length, text = len(before), before + (self.bare + after if after else self.text)
        moved = [(a + length, b + length, old_a, old_b) for a, b, old_a, old_b in self.spans]
        spans = ((0, length, 0, 0), *moved)
        end = len(text) if after else self.end + length
        return replace(self, text=text, spans=spans, end=end)

    @property
    def parameters(self) -> str:
        """The parameters and their types, as the end of a message; empty where there are none."""
        given = ", ".join(f"{name}: {kind}" for name, kind in self.types.items())
        return f"; parameters: {given}" if given else ""


class Style:
    """How a driver writes and takes parameters; most do it as it is here.

    Attributes:
        limit: the most parameters in one statement.
        repeats: whether a placeholder may stand in several places.
    """

    limit: int
    repeats: bool = True

    def code(self, text: str) -> str:
        """Text between placeholders as the driver reads it."""
        return text

    def marker(self, position: int, cast: str) -> str:
        """The placeholder of the value at `position`, from 1, cast to a type of the database."""
        return f"cast(${position} as {cast})" if cast else f"${position}"

    def driver_value(self, name: str, value: Any, declared: Any) -> tuple[Any, str]:  # noqa: ARG002
        """The value as the driver takes it, and the type that its placeholder is cast to, or ""."""
        return value, ""

    def nothing(self, element: Any) -> str:  # noqa: ARG002
        """A query without rows for `IN`, of elements of the type."""
        return "select null where 1 = 0"

    def quoted(self, name: str) -> str:
        """An identifier in quotes."""
        return double_quoted(name)


def spliced(
    query: Query,
    replacement: Callable[[Parameter], str],
    code: Callable[[str], str] = str,
) -> Statement:
    """The query's text with each parameter replaced, and all else as it is, or as `code` has it."""
    pieces: list[str] = []
    spans: list[tuple[int, int, int, int]] = []
    end = length = 0
    for parameter in query.parameters:
        between = code(query.text[end : parameter.start])
        inserted = replacement(parameter)
        pieces += between, inserted
        start = length + len(between)
        length, end = start + len(inserted), parameter.end
        spans.append((start, length, parameter.start, parameter.end))
    text = "".join([*pieces, code(query.text[end:])])
    bare = len(text) - len(code(query.text[query.end :]))
    return Statement(text, (), query, tuple(spans), {}, bare)


def bound(
    query: Query,
    inputs: Mapping[str, Any],
    declared: Mapping[str, Any],
    kinds: Mapping[str, Kind],
    style: Style,
) -> Statement:
    """The statement of a query with the values of its inputs.

    Raises:
        ParameterError: a value is none that the database's parameters can hold.
    """
    values: list[Any] = []
    markers: dict[str, list[str]] = {}

    def add(name: str, value: Any, of: Any) -> str:
        if len(values) == style.limit:
            raise ParameterError(
                f"parameter {name!r}: the database allows {style.limit} parameters in a statement; "
                "write a long list into a table, and join that"
            )
        held, cast = style.driver_value(name, as_declared(name, value, of), of)
        values.append(held)
        return style.marker(len(values), cast)

    def marked(name: str) -> list[str]:
        if name not in markers or not style.repeats:
            kind, value, of = kinds[name], inputs[name], declared[name]
            if kind is Kind.LIST:
                if not isinstance(value, list | tuple | set | frozenset):
                    raise misfit(name, "a list of values", value)
                element = element_type(of)
                markers[name] = [add(name, item, element) for item in value]
            else:
                plain = os.fspath(value) if kind is Kind.FILE else value
                markers[name] = [add(name, plain, of)]
        return markers[name]

    def replacement(parameter: Parameter) -> str:
        name = parameter.name
        kind = kinds[name]
        if kind is Kind.NAME:
            return style.quoted(named(name, inputs[name]))
        if kind is not Kind.LIST:
            return marked(name)[0]
        items = ", ".join(marked(name)) or style.nothing(element_type(declared[name]))
        return items if parameter.in_parentheses else f"({items})"

    text = spliced(query, replacement, style.code)
    names = dict.fromkeys(parameter.name for parameter in query.parameters)
    types = {name: type(inputs[name]).__name__ for name in names}
    return replace(text, values=tuple(values), types=types)


def misfit(name: str, expected: str, value: object) -> ParameterError:
    """The error that the input `name` is not what a parameter can hold."""
    return ParameterError(
        f"parameter {name!r}: expected {expected}, got {shorten(value)} of type "
        f"{type(value).__name__}"
    )


def named(name: str, value: object) -> str:
    """The value of an identifier: a str that a database can quote."""
    if not isinstance(value, str) or not value or "\0" in value:
        raise misfit(name, "the name of a table or column, not empty and without NUL", value)
    return checked(name, str(value))  # type: ignore[no-any-return]


def as_declared(name: str, value: Any, declared: Any) -> Any:
    """A value as its declared type has it: an int that is given for a float is a float.

    Raises:
        ParameterError: that type cannot hold it exactly, or as `checked`.
    """
    plain = checked(name, plain_scalar(name, value))
    classes = {base_of(kind) for kind in scalar_types(declared) or ()}
    own = base_of(type(plain))
    if not classes or own in classes:
        return plain
    if own is type(None):
        raise misfit(name, "a value, its type has no None", value)
    if own is bool and int in classes:
        return int(plain)
    if own in (bool, int) and float in classes:
        try:
            if float(plain) == plain:
                return float(plain)
        except OverflowError:
            pass
        raise misfit(name, "a float, which holds integers exactly up to 2**53", value)
    if own is dt.datetime and dt.date in classes:
        raise misfit(name, "a date, a datetime has a time too", value)
    return plain


def base_of(kind: type) -> type:
    """The one of the types that parameters have which a class is of: int for an IntEnum."""
    return next((base for base in SCALARS if issubclass(kind, base)), kind)


def plain_scalar(name: str, value: Any) -> Any:
    """A scalar of numpy or pandas as Python's own; NaT and NA are None.

    Raises:
        ParameterError: it has nanoseconds.
    """
    if type(value).__module__.partition(".")[0] not in ("numpy", "pandas"):
        return value
    if type(value).__name__ in ("NaTType", "NAType"):
        return None
    allowed = "whole microseconds, which is what parameters have"
    for of_pandas in ("to_pydatetime", "to_pytimedelta"):
        if hasattr(value, of_pandas):
            if value.value % 1000 and value.unit == "ns":
                raise misfit(name, allowed, value)
            return getattr(value.as_unit("us"), of_pandas)()
    if value.dtype.kind not in "mM":
        return value.item()
    rounded = value.astype(f"{value.dtype.kind}8[us]")  # the item of nanoseconds would be an int
    plain = rounded.item()
    if plain is not None and rounded != value:
        raise misfit(name, allowed, value)
    return plain


def checked(name: str, value: Any) -> Any:
    """A value that every database's parameters can hold, of a class that every driver knows.

    Raises:
        ParameterError: text has a NUL or a lone surrogate, a time has a time zone, a moment in UTC
            is beyond the years 1 to 9999, or the type is none that a parameter can hold.
    """
    if value is None or isinstance(value, bool | Decimal | UUID):
        return value
    for plain in (int, float):
        if isinstance(value, plain):  # also as a RowCount, a member of an IntEnum, or such
            return plain(value)
    if isinstance(value, str):
        if "\0" in value:
            raise misfit(name, "text without NUL, which no database's text can hold", value)
        try:
            value.encode()
        except UnicodeEncodeError:
            raise misfit(name, "text that is Unicode, without lone surrogates", value) from None
        return str.__str__(value)  # str() of an Enum's member would be the member's name
    if isinstance(value, dt.datetime) and value.tzinfo is not None:
        try:
            value.astimezone(dt.UTC)
        except OverflowError:
            raise misfit(name, "a moment that is in the years 1 to 9999 in UTC", value) from None
        return value
    if isinstance(value, dt.time) and value.tzinfo is not None:
        raise misfit(name, "a time without a time zone; give a datetime", value)
    if isinstance(value, dt.date | dt.time | dt.timedelta):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    raise misfit(name, "a value that a parameter can hold", value)


def double_quoted(name: str) -> str:
    """An identifier as standard SQL quotes it."""
    return '"' + name.replace('"', '""') + '"'
