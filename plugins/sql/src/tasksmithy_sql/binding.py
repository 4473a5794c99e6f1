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
from tasksmithy_sql.kinds import Kind, element_type
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
    """

    text: str
    values: tuple[Any, ...]
    query: Query
    spans: tuple[tuple[int, int, int, int], ...]
    types: Mapping[str, str]

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
        return self.text[: len(self.text) - len(self.query.text) + self.query.end]

    def after(self, text: str) -> Statement:
        """The statement with a text before it."""
        length = len(text)
        moved = [(a + length, b + length, old_a, old_b) for a, b, old_a, old_b in self.spans]
        return replace(self, text=text + self.text, spans=((0, length, 0, 0), *moved))

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
    return Statement("".join([*pieces, code(query.text[end:])]), (), query, tuple(spans), {})


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
                "give a long list as a table instead, and join it"
            )
        held, cast = style.driver_value(name, checked(name, value), of)
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
    return Statement(text.text, tuple(values), query, text.spans, types)


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
