"""Values of every type come back from a bound parameter as they went in."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tasksmithy_sql import ParameterError
from tasksmithy_sql.binding import bound
from tasksmithy_sql.connection import Connection
from tasksmithy_sql.databases import connect
from tasksmithy_sql.kinds import kind_of
from tasksmithy_sql.outputs import delivery
from tasksmithy_sql.query import analysed
from tasksmithy_sql.url import DatabaseURL

HUGE = 2**127 - 1
UTC_HOURS = st.integers(-12, 14).map(lambda hours: dt.timezone(dt.timedelta(hours=hours)))
TEXT = st.text(
    st.one_of(
        st.sampled_from("'\"`\\%_;:$?{}()[]-/*\n\r\t "),
        st.characters(exclude_characters="\0", exclude_categories=["Cs"]),
    )
)


def decimals(digits: int, places: int) -> st.SearchStrategy[Decimal]:
    return st.builds(
        # Exact: arithmetic would round to the context's 28 digits.
        lambda number, scale: Decimal(f"{number}E-{scale}"),
        st.integers(-(10**digits) + 1, 10**digits - 1),
        st.integers(0, places),
    )


TYPES: dict[str, tuple[Any, st.SearchStrategy[Any]]] = {
    "str": (str, TEXT),
    "int": (int, st.integers(-(2**63), 2**63 - 1)),
    "big int": (int, st.integers(-HUGE - 1, HUGE)),
    "float": (float, st.floats(allow_nan=False)),
    "bool": (bool, st.booleans()),
    "bytes": (bytes, st.binary()),
    "decimal": (Decimal, decimals(38, 38)),
    "date": (dt.date, st.dates()),
    "time": (dt.time, st.times()),
    "datetime": (dt.datetime, st.datetimes()),
    "datetime with zone": (
        dt.datetime,
        st.datetimes(dt.datetime(2, 1, 1), dt.datetime(9998, 12, 31), timezones=UTC_HOURS),
    ),
    "timedelta": (dt.timedelta, st.timedeltas(dt.timedelta(-10000), dt.timedelta(10000))),
    "uuid": (UUID, st.uuids()),
    "str or None": (str | None, TEXT | st.none()),
    "int or None": (int | None, st.integers(-(2**63), 2**63 - 1) | st.none()),
}

SERVERS = {"postgresql": "server", "mariadb": "mariadb_server"}
"""The fixtures of the databases that are servers."""

TOGETHER = 25
"""Values in one statement: most of the time of a statement does not depend on how many it has."""

NOT_IN = {
    ("sqlite", "big int"),
    ("sqlite", "timedelta"),
    ("mariadb", "timedelta"),
    ("mariadb", "datetime with zone"),
}
"""What a database has no type for, or not for all values; it says so, see below."""

OUTSIDE: dict[str, Any] = {
    "big int": 2**63,
    "timedelta": dt.timedelta(100),
    "datetime with zone": dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
}


@pytest.fixture(params=["duckdb", "sqlite", "postgresql", "mariadb"], scope="module")
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def connection(kind: str, request: pytest.FixtureRequest) -> Any:
    url = f"{kind}://"
    if kind in SERVERS:
        url = request.getfixturevalue(SERVERS[kind]).url()
    connected = connect(DatabaseURL.of("database", url), None, transaction=True)
    yield connected
    connected.close()


def echo(connection: Connection, kind: str, declared: Any, count: int = 1) -> Callable[..., Any]:
    """What a task makes of `count` values: `select :v0 as v0, ...`, without the run around it."""
    names = [f"v{number}" for number in range(count)]
    dialect = {"postgresql": "postgres", "mariadb": "mysql"}.get(kind, kind)
    query = analysed(f"select {', '.join(f':{name} as {name}' for name in names)}", "", dialect)
    deliver = delivery(list[dict[str, declared]])  # type: ignore[valid-type]
    types, kinds = dict.fromkeys(names, declared), dict.fromkeys(names, kind_of("v", declared))

    def answer(*values: Any) -> list[Any]:
        inputs = dict(zip(names, values, strict=True))
        [row] = deliver(connection, bound(query, inputs, types, kinds, connection))
        return list(row.values())

    return answer


NARROWER = {
    ("sqlite", "decimal"): decimals(15, 15),
    ("mariadb", "float"): st.floats(allow_nan=False, allow_infinity=False).map(lambda x: x + 0.0),
}
"""What a database holds of a type: SQLite has floats for decimals, MariaDB no -0.0."""


def check(connection: Connection, kind: str, name: str, values: int) -> None:
    """Send that many values there and back, as many of them in one statement as `TOGETHER`."""
    declared, strategy = TYPES[name]
    strategy = NARROWER.get((kind, name), strategy)
    answer, came_back = echo(connection, kind, declared, TOGETHER), 0

    @settings(
        max_examples=values // TOGETHER,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(strategy, min_size=TOGETHER, max_size=TOGETHER))
    def come_back(given: list[Any]) -> None:
        nonlocal came_back
        back = answer(*given)
        assert back == given
        assert [type(value) for value in back] == [type(value) for value in given]
        if declared is float:
            assert [math.copysign(1, x) for x in back] == [math.copysign(1, x) for x in given]
        came_back += len(given)

    come_back()
    assert came_back >= values


@pytest.mark.parametrize("name", TYPES)
def test_values_come_back(connection, kind, name):
    if (kind, name) in NOT_IN:
        with pytest.raises(ParameterError):
            echo(connection, kind, TYPES[name][0])(OUTSIDE[name])
        return
    check(connection, kind, name, 100)


@pytest.mark.slow
@pytest.mark.parametrize("name", TYPES)
def test_ten_thousand_values_come_back(connection, kind, name):
    if (kind, name) in NOT_IN:
        return  # refused, as the everyday test says
    check(connection, kind, name, 10_000)


REFUSED = {
    "a NUL": (str, "a\0b", "without NUL"),
    "a lone surrogate": (str, "\ud800", "without lone surrogates"),
    "a time with a zone": (dt.time, dt.time(1, tzinfo=dt.UTC), "without a time zone"),
    "a moment before year 1": (
        dt.datetime,
        dt.datetime(1, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=5))),
        "1 to 9999",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_database_can_hold_is_refused(connection, kind, name):
    declared, value, said = REFUSED[name]
    with pytest.raises(ParameterError, match=f"parameter 'v0': expected .*{said}"):
        echo(connection, kind, declared)(value)


LIMITS = [
    ("duckdb", 2**127, "128 bits"),
    ("duckdb", -(2**127) - 1, "128 bits"),
    ("duckdb", Decimal("9" * 39), "38 digits"),
    ("duckdb", Decimal("1e-39"), "38 digits"),
    ("duckdb", Decimal("1e38"), "38 digits"),
    ("duckdb", Decimal("NaN"), "38 digits"),
    ("sqlite", 2**63, "64 bits"),
    ("sqlite", -(2**63) - 1, "64 bits"),
    ("sqlite", float("nan"), "NULL"),
    ("sqlite", Decimal("0.12345678901234567"), "a float of SQLite holds"),
    ("sqlite", Decimal("NaN"), "a float of SQLite holds"),
    ("mariadb", 10**65, "65 digits"),
    ("mariadb", Decimal("1e-39"), "38 after the point"),
    ("mariadb", float("nan"), "finite"),
    ("mariadb", dt.datetime(2026, 1, 1, tzinfo=dt.UTC), "without a time zone"),
    ("postgresql", Decimal("1e131072"), "131072 digits"),
]


@pytest.mark.parametrize(("of", "value", "said"), LIMITS)
def test_what_one_database_cannot_hold_is_refused_there(of, value, said, request):
    url = f"{of}://"
    if of in SERVERS:
        url = request.getfixturevalue(SERVERS[of]).url()
    connected = connect(DatabaseURL.of("database", url), None, transaction=True)
    with pytest.raises(ParameterError, match=said):
        echo(connected, of, type(value))(value)
    connected.close()


@pytest.mark.parametrize("value", [10**60, -(10**100), Decimal("1.50")])
def test_a_numeric_of_postgresql_has_any_number_of_digits(server, value):
    connected = connect(DatabaseURL.of("database", server.url()), None, transaction=True)
    [back] = echo(connected, "postgresql", type(value))(value)
    assert str(back) == str(value)
    connected.close()
