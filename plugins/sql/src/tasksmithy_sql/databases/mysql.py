"""MariaDB and MySQL, through SQLAlchemy and a driver for them."""

# ruff: noqa: ARG002, D102 - the methods are those of `Connection`, documented there

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from decimal import Decimal
from typing import Any
from uuid import UUID

import pyarrow as pa

from tasksmithy_sql.binding import Statement, misfit
from tasksmithy_sql.bulk import Write
from tasksmithy_sql.credentials import without
from tasksmithy_sql.databases.columns import Plan, foreign
from tasksmithy_sql.databases.sqlalchemy import OtherDatabase, written_kind
from tasksmithy_sql.databases.written import PYTHON, exact, finite
from tasksmithy_sql.errors import (
    CredentialsError,
    DatabaseUnreachableError,
    QueryError,
    SQLError,
    TransactionConflictError,
)
from tasksmithy_sql.url import DatabaseURL

_DIGITS = 65
"""MariaDB, "DECIMAL": the most digits."""

_LONGEST_TIME = dt.timedelta(hours=838, minutes=59, seconds=59)

# Numbers of errors (MariaDB, "Error Codes") that are no fault of the statement.
_LOST = frozenset({1053, 1077, 1079, 1080, 1152, 1158, 1159, 1160, 1161, 1927, 2006, 2013, 2055})
_CONFLICT = frozenset({1205, 1213, 1020})
_TRANSIENT = frozenset({3, 1021, 1040, 1041, 1114, 1203, 1226, 1317, 1969, 3024})
_REFUSED = frozenset({1044, 1045, 1049, 1130, 1698})

_UNSIGNED, _BINARY = 32, 63
"""The flag of a column whose numbers have no sign, and the character set of bytes."""

_SIGNED = {1: pa.int8(), 2: pa.int16(), 3: pa.int32(), 8: pa.int64(), 9: pa.int32(), 13: pa.int16()}
_WITHOUT_SIGN = {
    1: pa.uint8(),
    2: pa.uint16(),
    3: pa.uint32(),
    8: pa.uint64(),
    9: pa.uint32(),
    13: pa.uint16(),
}
_OTHERS = {
    4: pa.float32(),
    5: pa.float64(),
    6: pa.null(),
    7: pa.timestamp("us"),
    10: pa.date32(),
    11: pa.duration("us"),
    12: pa.timestamp("us"),
    14: pa.date32(),
    16: pa.binary(),
    245: pa.string(),
}
_TEXTS = frozenset({15, 247, 248, 249, 250, 251, 252, 253, 254})
_DECIMALS = frozenset({0, 246})


class MySQL(OtherDatabase):
    """A connection to MariaDB or MySQL."""

    def __init__(self, url: DatabaseURL, password: str | None, *, transaction: bool) -> None:
        super().__init__(url, password, transaction=transaction)
        with self.telling():
            number = self._connection.exec_driver_sql("select connection_id()").scalar()
            self._number = int(number)
            self._connection.rollback()

    def driver_value(self, name: str, value: Any, declared: Any) -> tuple[Any, str]:
        if isinstance(value, dt.datetime) and value.tzinfo is not None:
            # The driver would leave out the zone.
            raise misfit(name, "a datetime without a time zone, the database has none", value)
        if isinstance(value, float) and not math.isfinite(value):
            raise misfit(name, "a finite number", value)
        if isinstance(value, int | Decimal) and not isinstance(value, bool) and _is_wide(value):
            raise misfit(name, f"a number of at most {_DIGITS} digits, 38 after the point", value)
        if isinstance(value, dt.timedelta) and abs(value) > _LONGEST_TIME:
            raise misfit(name, "a timedelta of at most 838:59:59, as a TIME", value)
        # A driver's literals of times are text.
        casts = {dt.datetime: "datetime(6)", dt.date: "date", dt.timedelta: "time(6)"}
        cast = next((cast for kind, cast in casts.items() if isinstance(value, kind)), "")
        return str(value) if isinstance(value, UUID) else value, cast

    def marker(self, position: int, cast: str) -> str:
        plain = super().marker(position, "")
        return f"cast({plain} as {cast})" if cast else plain

    def types(self, cursor: Any, names: Sequence[str]) -> list[pa.DataType | None]:
        fields = getattr(getattr(cursor, "_result", None), "fields", None)
        if fields is None:  # another driver than PyMySQL
            return super().types(cursor, names)
        return [_type(name, field) for name, field in zip(names, fields, strict=True)]

    def exact(
        self, write: Write, rows: pa.RecordBatchReader
    ) -> AbstractContextManager[pa.RecordBatchReader]:
        return exact(rows, write, self._url.scheme, _written_kind, check=_written_check)

    def written(self, value: Any) -> Any:
        return str(value) if isinstance(value, UUID) else value

    def check_written(self, write: Write) -> None:
        # A server that is not strict cuts what does not fit, and warns.
        with self.telling():
            found = self._connection.exec_driver_sql("show warnings").fetchall()
        if found:
            raise QueryError(f"write into {write.target}: the database warns: {found[0][2]}")

    def as_text(self, name: str) -> str:
        return f"cast({self.quoted(name)} as char)"

    def cancel(self) -> None:
        with suppress(Exception), self._engine.connect() as other:  # the statement may have ended
            other.exec_driver_sql(f"kill query {self._number}")

    def told(self, error: Any, statement: Statement | None) -> SQLError:
        number = _number(error)
        if number is None:
            return super().told(error, statement)
        reason = f"{self._url}: {without(self._password, error.orig.args[-1])}"
        if number in _CONFLICT:
            return TransactionConflictError(f"{reason} (error {number})")
        if number in _LOST or error.connection_invalidated:
            return DatabaseUnreachableError(f"{reason}: the connection was lost (error {number})")
        if number in _TRANSIENT:
            return SQLError(f"{reason} (error {number})")
        where = parameters = ""
        if statement is not None:
            parameters = statement.parameters
            offset = _offset(statement.text, str(error.orig.args[-1]))
            where = f" ({statement.where(offset)})" if offset is not None else ""
        return QueryError(f"{reason} (error {number}){where}{parameters}")

    def _not_connected(self, error: Any, seconds: float) -> SQLError:
        if _number(error) in _REFUSED:
            return CredentialsError(f"{self._url}: {without(self._password, error.orig.args[-1])}")
        return super()._not_connected(error, seconds)


def _number(error: Any) -> int | None:
    """The number of an error of the server or the driver."""
    arguments: tuple[Any, ...] = getattr(getattr(error, "orig", None), "args", ())
    return arguments[0] if len(arguments) > 1 and isinstance(arguments[0], int) else None


def _is_wide(value: int | Decimal) -> bool:
    """Whether a number has more digits than the database's."""
    exact = Decimal(value)
    if not exact.is_finite():
        return True
    places = max(0, -int(exact.as_tuple().exponent))
    return places > 38 or max(exact.adjusted() + 1, 1) + places > _DIGITS


def _type(name: str, field: Any) -> pa.DataType:
    """The type that a column has by the server's description of it.

    Raises:
        ResultError: Arrow has none for it.
    """
    code, is_unsigned = field.type_code, bool(field.flags & _UNSIGNED)
    if code in _TEXTS:
        return pa.binary() if field.charsetnr == _BINARY else pa.string()
    if code in _DECIMALS:
        # The length is that of the text: with the point and the sign.
        digits = field.length - (field.scale > 0) - (not is_unsigned)
        digits = max(min(digits, _DIGITS), field.scale, 1)
        return (pa.decimal128 if digits <= 38 else pa.decimal256)(digits, field.scale)
    found = (_WITHOUT_SIGN if is_unsigned else _SIGNED).get(code, _OTHERS.get(code))
    if found is None:
        raise foreign(name, f"number {code} of the protocol")
    return found


def _offset(text: str, message: str) -> int | None:
    """The place that a message points at, as an offset in the statement."""
    found = re.search(r"near \'(.*)\' at line (\d+)", message, re.S)
    if found is None:
        return None
    lines = text.splitlines(keepends=True)
    begin = sum(map(len, lines[: int(found[2]) - 1]))
    place = text.find(found[1], begin) if found[1] else len(text.rstrip())
    return place if place >= 0 else begin


def _written_kind(kind: pa.DataType) -> pa.DataType | None:
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        return None  # the driver would leave out the zone
    return written_kind(kind)


def _written_check(kind: pa.DataType) -> Plan:
    if pa.types.is_floating(kind):
        return Plan(finite)
    return PYTHON if pa.types.is_temporal(kind) else Plan()
