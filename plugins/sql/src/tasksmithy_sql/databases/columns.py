"""The walk over a column of a result: each value, at any depth, is exact in Arrow or refused.

What a database gives as Arrow is right for most of its types. For each of the others, and for each
whose range is wider than Arrow's, a `Plan` says at the leaf where it stands how it is converted or
checked; columns without such a leaf are not touched.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tasksmithy.extend import shorten
from tasksmithy_sql.errors import ResultError, SQLError

Convert = Callable[[pa.Array], pa.Array]
"""Converts or checks the values of a leaf; raises `Unfit` where Arrow cannot hold one."""


class Unfit(Exception):  # noqa: N818 - it is no error of its own, `converted` makes one of it
    """A value that Arrow cannot hold; the message says why."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What happens to the values of one type; nothing, where there is neither of the two.

    Attributes:
        convert: what converts or checks them, for a leaf.
        children: the plans of what they consist of: the element of a list, the fields of a struct
            or union, the entries of a map as one struct.
    """

    convert: Convert | None = None
    children: tuple[Plan, ...] = ()

    @classmethod
    def of(cls, *children: Plan) -> Plan:
        """The plan of a type that consists of others."""
        return cls(children=children) if any(child != cls() for child in children) else cls()

    def __call__(self, array: pa.Array) -> pa.Array:
        """The values as Arrow holds them.

        Raises:
            Unfit: it cannot hold one.
        """
        if self.convert is not None:
            return self.convert(array)
        return _rebuilt(array, self.children) if self.children else array


def _rebuilt(array: pa.Array, plans: Sequence[Plan]) -> pa.Array:
    """An array of a nested type whose children have been converted."""
    kind = array.type
    fields = [kind.field(number) for number in range(kind.num_fields)]
    if pa.types.is_union(kind):
        parts = [plan(array.field(number)) for number, plan in enumerate(plans)]
        names, codes = [field.name for field in fields], kind.type_codes
        if kind.mode == "sparse":
            return pa.UnionArray.from_sparse(array.type_codes, parts, names, codes)
        return pa.UnionArray.from_dense(array.type_codes, array.offsets, parts, names, codes)
    if pa.types.is_struct(kind):
        parts = [plan(part) for plan, part in zip(plans, array.flatten(), strict=True)]
        fields = [field.with_type(part.type) for field, part in zip(fields, parts, strict=True)]
        return pa.StructArray.from_arrays(parts, fields=fields, mask=array.is_null())
    element = plans[0](array.values)
    if pa.types.is_map(kind):
        key, item = element.type.field(0), element.type.field(1)
        rebuilt: pa.DataType = pa.map_(key.type, item.type)
    elif pa.types.is_fixed_size_list(kind):
        rebuilt = pa.list_(fields[0].with_type(element.type), kind.list_size)
    elif pa.types.is_large_list(kind):
        rebuilt = pa.large_list(fields[0].with_type(element.type))
    else:
        rebuilt = pa.list_(fields[0].with_type(element.type))
    own = 1 if pa.types.is_fixed_size_list(kind) else 2  # the validity, and the offsets
    return pa.Array.from_buffers(
        rebuilt, len(array), array.buffers()[:own], offset=array.offset, children=[element]
    )


def table(given: pa.Table, plans: Sequence[Plan], width: int | None = None) -> pa.Table:
    """A table, each of its columns by its plan; the first `width` of them, the others are checked.

    Raises:
        ResultError: Arrow cannot hold a value; it names column and row.
    """
    if not any(plan != Plan() for plan in plans):
        return given
    columns = []
    for name, column, plan in zip(given.column_names, given.columns, plans, strict=True):
        if plan == Plan():
            columns.append(column)
            continue
        chunks, row = [], 0
        for chunk in column.chunks or [pa.nulls(0, column.type)]:
            chunks.append(_converted(name, chunk, plan, row, refused))
            row += len(chunk)
        columns.append(pa.chunked_array(chunks))
    return pa.table(columns[:width], names=given.column_names[:width])


def reader(
    schema: pa.Schema,
    batches: Iterable[pa.RecordBatch],
    plans: Sequence[Plan],
    width: int | None = None,
    *,
    refuse: Callable[..., SQLError] | None = None,
) -> pa.RecordBatchReader:
    """A stream, each of its columns by its plan; the first `width` of them, as in `table`.

    Raises:
        ResultError: as `table`, while the stream is read; or what `refuse` makes of column, reason
            and row.
    """
    nothing = [pa.nulls(0, kind) for kind in schema.types]
    known = [plan(array).type for plan, array in zip(plans, nothing, strict=True)]
    wanted = pa.schema(list(zip(schema.names, known, strict=True))[:width])

    def each() -> Iterator[pa.RecordBatch]:
        row = 0
        for batch in batches:
            arrays = [
                _converted(name, array, plan, row, refuse or refused)
                for name, array, plan in zip(schema.names, batch.columns, plans, strict=True)
            ]
            row += batch.num_rows
            yield pa.RecordBatch.from_arrays(arrays[:width], schema=wanted)

    return pa.RecordBatchReader.from_batches(wanted, each())


def _converted(
    name: str, array: pa.Array, plan: Plan, before: int, refuse: Callable[..., SQLError]
) -> pa.Array:
    """The array by its plan; `before` is how many rows there were before it."""
    try:
        return plan(array)
    except Unfit:
        first, last = 0, len(array) - 1
    while first < last:  # the first row up to which it fails
        middle = (first + last) // 2
        try:
            plan(array.take(pa.array(range(first, middle + 1), pa.int64())))
        except Unfit:
            last = middle
        else:
            first = middle + 1
    try:
        plan(array.take(pa.array([first], pa.int64())))
    except Unfit as unfit:
        reason = str(unfit)
    raise refuse(name, reason, row=before + first + 1)


def refused(column: str, reason: str, *, row: int | None = None) -> ResultError:
    """The error that Arrow cannot hold a column or a value; it says what to cast it to."""
    where = f"column {column!r}" if row is None else f"column {column!r}, row {row}"
    quoted = '"' + column.replace('"', '""') + '"'
    return ResultError(f"{where}: {reason}; write cast({quoted} as text), or another type")


def foreign(column: str, kind: str) -> ResultError:
    """The error that a column has a type of the database that Arrow has not."""
    return ResultError(
        f"column {column!r} is of a type that Arrow has not ({kind}): write cast(... as text)"
    )


def within(lowest: int, highest: int, what: str) -> Plan:
    """The plan of dates, times or moments whose numbers are in a range."""

    def check(array: pa.Array) -> pa.Array:
        numbers = array.view(pa.int32() if pa.types.is_date32(array.type) else pa.int64())
        found = pc.min_max(numbers)
        least, most = found["min"].as_py(), found["max"].as_py()
        if least is not None and (least < lowest or most > highest):
            raise Unfit(f"{what}, which Arrow's {array.type} cannot hold")
        return array

    return Plan(check)


_DAY = {"us": 86_400 * 10**6, "ns": 86_400 * 10**9}
TIME = {
    unit: within(0, day - 1, "24:00, the end of a day or beyond it") for unit, day in _DAY.items()
}
"""The plan of a time of the day, by its unit."""


class Numeric(pa.ExtensionType):  # type: ignore[misc]
    """Decimals that are exact as Python's, whatever their number of digits.

    Args:
        storage: text, or decimals that may have more digits than their type.
        arrow: the type that Arrow gets, where each of them is exact in it.
        described: what they are in the database, for messages.
    """

    def __init__(self, storage: pa.DataType, arrow: pa.DataType, described: str) -> None:
        self.arrow = arrow
        self.described = described
        super().__init__(storage, "tasksmithy.numeric")

    def __arrow_ext_serialize__(self) -> bytes:
        return b""

    @classmethod
    def __arrow_ext_deserialize__(cls, storage: pa.DataType, serialized: bytes) -> Numeric:
        raise NotImplementedError("it leaves no process")

    def __arrow_ext_scalar_class__(self) -> type:
        return _NumericScalar


class _NumericScalar(pa.ExtensionScalar):  # type: ignore[misc]
    def as_py(self, **_: Any) -> Decimal | None:
        return None if self.value is None else Decimal(self.value.as_py())


def numeric(storage: pa.DataType, arrow: pa.DataType, described: str) -> Plan:
    """The plan of decimals of any number of digits."""
    kind = Numeric(storage, arrow, described)

    def wrap(array: pa.Array) -> pa.Array:
        held = array.storage if isinstance(array.type, pa.BaseExtensionType) else array
        return pa.ExtensionArray.from_storage(kind, held)

    return Plan(wrap)


def decimals(kind: pa.DataType, described: str) -> Plan:
    """The plan that makes decimals of their text, where each of them is exact in the type."""

    # Arrow's own cast lets numbers of more digits wrap around.
    exact = rf"^-?\d{{1,{kind.precision - kind.scale}}}(?:\.\d{{0,{kind.scale}}}0*)?$"
    if kind.precision == kind.scale:
        exact = rf"^-?0(?:\.\d{{0,{kind.scale}}}0*)?$"

    def convert(array: pa.Array) -> pa.Array:
        texts = array.storage if isinstance(array.type, pa.BaseExtensionType) else array
        if pc.all(pc.match_substring_regex(texts, exact)).as_py() is False:
            value = texts[0].as_py() if len(texts) == 1 else ""
            raise Unfit(f"{shorten(value)} is not exact in {kind}, which Arrow gets of {described}")
        # A zero that is no digit of the type's is one too many for Arrow.
        cut = pc.replace_substring_regex(texts, rf"(\.\d{{0,{kind.scale}}})0*$", r"\1")
        return pc.cast(pc.utf8_rtrim(cut, "."), kind)

    return Plan(convert)


def _fitting(array: pa.Array) -> pa.Array:
    """Decimals that have no more digits than their type."""
    found, limit = pc.min_max(array), 10**array.type.precision
    for value in (found["min"].as_py(), found["max"].as_py()):
        if value is not None and not -limit < value < limit:
            raise Unfit(f"{value} has more digits than Arrow's {array.type}")
    return array


def _to_arrow(kind: pa.DataType) -> Plan:
    if not isinstance(kind, Numeric):
        return Plan()
    if pa.types.is_string(kind.storage_type):
        return decimals(kind.arrow, kind.described)
    return Plan(lambda array: _fitting(array.storage))


def public(given: pa.Schema) -> list[Plan]:
    """The plans by which a result leaves for Arrow, whose readers know no `Numeric`."""
    return [by_leaf(kind, _to_arrow) for kind in given.types]


def python(given: pa.Schema) -> list[Plan]:
    """The plans by which a result becomes Python's values: whole microseconds, and timedeltas."""
    return [by_leaf(kind, _to_python) for kind in given.types]


def by_leaf(kind: pa.DataType, leaf: Callable[[pa.DataType], Plan]) -> Plan:
    """The plan of a type, by the plans of what it consists of at any depth."""
    if not kind.num_fields:
        return leaf(kind)
    return Plan.of(*(by_leaf(kind.field(n).type, leaf) for n in range(kind.num_fields)))


def _to_python(kind: pa.DataType) -> Plan:
    if pa.types.is_interval(kind):
        return Plan(_durations)
    if getattr(kind, "unit", "") != "ns":
        return Plan()
    if pa.types.is_timestamp(kind):
        return Plan(_in_microseconds(pa.timestamp("us", kind.tz)))
    return Plan(_in_microseconds(pa.time64("us") if pa.types.is_time(kind) else pa.duration("us")))


def _in_microseconds(kind: pa.DataType) -> Convert:
    def convert(array: pa.Array) -> pa.Array:
        try:
            return array.cast(kind)
        except pa.ArrowInvalid:
            raise Unfit("nanoseconds, which Python's types have not") from None

    return convert


def _durations(array: pa.Array) -> pa.Array:
    found: list[dt.timedelta | None] = []
    for value in array.to_pylist():
        if value is not None and value.months:
            raise Unfit(f"{value.months} months are no timedelta, as months differ")
        found.append(
            None
            if value is None
            else dt.timedelta(value.days, microseconds=value.nanoseconds // 1000)
        )
    return pa.array(found, pa.duration("us"))
