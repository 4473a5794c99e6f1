"""Rows that a Python driver gives, as Arrow: a column has the type that its values have."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import repeat
from typing import Any

import pyarrow as pa

from tasksmithy.extend import shorten
from tasksmithy_sql.errors import ResultError

_STEP = 1024
"""Rows that are fetched and converted at once: few enough to stay in the processor's cache."""

_STEPS = 64
"""Steps in a batch of a stream."""

_TEXTS = {pa.string(), pa.binary()}
_UNFIT = (pa.ArrowException, OverflowError)


class Rows:
    """The rows of one statement, to be read once.

    Args:
        names: the columns.
        fetch: gives the next rows, at most as many as it is asked for; none at the end.
        kinds: the types that the columns are known to have; None for one that its values tell.
        as_text: how a column is cast to text, for messages.
    """

    def __init__(
        self,
        names: Sequence[str],
        fetch: Callable[[int], Sequence[Sequence[Any]]],
        kinds: Sequence[pa.DataType | None] = (),
        as_text: Callable[[str], str] = 'cast("{}" as text)'.format,
    ) -> None:
        self._names = names
        self._fetch = fetch
        self._kinds = kinds or [None] * len(names)
        self._as_text = as_text
        self._count = 0

    def table(self) -> pa.Table:
        """All rows; a column has the narrowest type that holds all its values.

        Raises:
            ResultError: there is none; it names column and row.
        """
        return self._read(repeat(None), self._columns(self._kinds))

    def batches(self) -> pa.RecordBatchReader:
        """All rows, read as they are asked for.

        The first batch says the types of all; a column that is NULL throughout it is text.

        Raises:
            ResultError: as `table`, and while the reader is read where a later batch does not fit.
        """
        first = self._read(repeat(None, _STEPS), self._columns(self._kinds))
        schema = first.schema
        if len(first) == _STEPS * _STEP:  # or there is nothing after it
            known = [pa.string() if pa.types.is_null(kind) else kind for kind in schema.types]
            schema = pa.schema(list(zip(self._names, known, strict=True)))

        def each() -> Iterator[pa.RecordBatch]:
            table = first.cast(schema)
            while table.num_rows:
                yield from table.combine_chunks().to_batches()
                table = self._read(repeat(None, _STEPS), self._columns(schema.types))

        return pa.RecordBatchReader.from_batches(schema, each())

    def _columns(self, kinds: Sequence[pa.DataType | None]) -> list[_Column]:
        return [
            _Column(name, kind, told=known is not None, advice=self._as_text(name))
            for name, kind, known in zip(self._names, kinds, self._kinds, strict=True)
        ]

    def _read(self, steps: Iterable[None], columns: Sequence[_Column]) -> pa.Table:
        """As many steps of rows, or as there are."""
        for _ in steps:
            rows = self._fetch(_STEP) if columns else ()
            if not rows:
                break
            for column, values in zip(columns, zip(*rows, strict=True), strict=True):
                column.add(values, self._count)
            self._count += len(rows)
        return pa.Table.from_arrays([column.array() for column in columns], names=self._names)


class _Column:
    """A column that grows. Its type is given, or widened to what its values need.

    Args:
        name: its name.
        given: its type, if it is known.
        told: whether the database told the type, and not the values of other rows.
        advice: how it is cast to text.
    """

    def __init__(self, name: str, given: pa.DataType | None, *, told: bool, advice: str) -> None:
        self._name = name
        self._told = told
        self._advice = advice
        self._given = given
        self._type = given or pa.null()
        self._chunks: list[pa.Array] = []

    def array(self) -> pa.ChunkedArray:
        return pa.chunked_array(self._chunks, self._type)

    def add(self, values: Sequence[Any], before: int) -> None:
        """Add the values of the rows that come after `before` others.

        Raises:
            ResultError: one has another type than those before it.
        """
        try:
            self._take(values)
        except _UNFIT:
            self._take_each(values, before)

    def _take_each(self, values: Sequence[Any], before: int) -> None:
        """Add values one by one, to find the one that does not fit."""
        for row, value in enumerate(values, before + 1):
            try:
                self._take([value])
            except _UNFIT:
                raise ResultError(
                    f"column {self._name!r}, row {row}: {shorten(value)} of type "
                    f"{type(value).__name__}, in a column of {self._type}; an Arrow column has one "
                    f"type: write {self._advice} or such"
                ) from None

    def _take(self, values: Sequence[Any]) -> None:
        if self._told:
            self._chunks.append(pa.array(values, self._type))
            return
        if {str, bytes} <= set(map(type, values)):
            raise pa.ArrowTypeError("text and bytes")
        taken = pa.array(values)
        wanted = _common(self._type, taken.type)
        if wanted != self._type:
            if self._given is not None:
                raise pa.ArrowTypeError(f"{taken.type} in a column of {self._type}")
            self._chunks = [chunk.cast(wanted) for chunk in self._chunks]
            self._type = wanted
        self._chunks.append(taken.cast(wanted))


def _common(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    """The narrowest type that holds the values of both.

    Raises:
        pa.ArrowTypeError: there is none.
    """
    if one == other:
        return one
    if {one, other} == _TEXTS:
        raise pa.ArrowTypeError("text and bytes")
    if pa.types.is_timestamp(one) and pa.types.is_timestamp(other) and one.tz and other.tz:
        return one  # a moment is the same in every zone
    schemas = [pa.schema([("", kind)]) for kind in (one, other)]
    return pa.unify_schemas(schemas, promote_options="permissive").types[0]
