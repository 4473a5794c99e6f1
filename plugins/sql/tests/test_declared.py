"""A parameter is bound as the type that its input is declared with; none changes the session."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tasksmithy import run
from tasksmithy.errors import InputError
from tasksmithy_sql import (
    ParameterError,
    QueryError,
    ResultError,
    RowCount,
    SQLTask,
    SQLWrite,
)


@pytest.fixture(params=["duckdb", "sqlite", "postgresql", "mariadb"])
def any_database(request, tmp_path):
    if request.param in ("postgresql", "mariadb"):
        return request.getfixturevalue(request.param)
    return f"{request.param}:///{tmp_path}/test.db"


def asked(database: str, query: str, declared: Any, output: Any, **inputs: Any) -> Any:
    kinds = dict.fromkeys(inputs, declared)
    task = SQLTask(name="t", query=query, inputs=kinds, output=output, database=database)
    return run(task, **inputs)


@pytest.mark.parametrize("declared", [float, float | None])
def test_an_int_for_a_declared_float_is_a_float(any_database, declared):
    assert (
        asked(any_database, "select :part / :whole as v", declared, float, part=1, whole=4) == 0.25
    )
    assert asked(any_database, "select 7 / :x as v", declared, float, x=2) == 3.5
    in_list = "select count(*) as n from (select 0.5 as a) t where a * 2 in :xs"
    assert asked(any_database, in_list, list[float], int, xs=[1]) == 1


def test_an_int_that_no_float_is_exactly_is_refused(any_database):
    for value in (2**53 + 1, 10**400):
        with pytest.raises(ParameterError, match="a float, which holds integers"):
            asked(any_database, "select :x as v", float, float, x=value)


def test_a_bool_is_one_where_it_is_declared(any_database):
    with pytest.raises(InputError):
        asked(any_database, "select :x as v", int, int, x=True)
    assert asked(any_database, "select :x as v", bool | int, bool, x=True) is True


def test_a_datetime_is_no_date(any_database):
    with pytest.raises(ParameterError, match="a date, a datetime has a time too"):
        asked(any_database, "select :x as v", dt.date, dt.date, x=dt.datetime(2026, 1, 1))


def test_nat_is_null_where_none_may_be_given(any_database):
    query = "select count(*) as n from (select 1 as a) t where :x is null"
    if any_database.startswith("postgresql"):
        query = query.replace(":x", ":x::timestamp")
    assert asked(any_database, query, dt.datetime | None, int, x=pd.NaT) == 1
    with pytest.raises(ParameterError, match="has no None"):
        asked(any_database, query, dt.datetime, int, x=pd.NaT)


SCALARS = {
    "int64": (np.int64(5), 5),
    "uint64": (np.uint64(2**63 - 1), 2**63 - 1),
    "float32": (np.float32(0.5), 0.5),
    "float64": (np.float64(0.1), 0.1),
    "bool": (np.bool_(True), True),
    "str": (np.str_("x"), "x"),
    "datetime64": (
        np.datetime64("2026-01-01T00:00:00.000001"),
        dt.datetime(2026, 1, 1, 0, 0, 0, 1),
    ),
    "date": (np.datetime64("2026-01-01", "D"), dt.datetime(2026, 1, 1)),
    "Timestamp": (pd.Timestamp("2026-01-01T00:00:00.000001"), dt.datetime(2026, 1, 1, 0, 0, 0, 1)),
    "NaT": (np.datetime64("NaT", "us"), None),
    "NA": (pd.NA, None),
}


@pytest.mark.parametrize("name", SCALARS)
def test_scalars_of_numpy_and_pandas_are_what_they_mean(any_database, name):
    given, meant = SCALARS[name]
    output = type(meant) if meant is not None else int | None
    assert asked(any_database, "select :x as v", Any, output, x=given) == meant


@pytest.mark.parametrize(
    "value",
    [
        pd.Timestamp("2026-01-01T00:00:00.000000001"),
        np.datetime64("2026-01-01T00:00:00.000000001"),
        np.timedelta64(1001, "ns"),
        np.complex64(1),
    ],
)
def test_a_scalar_that_no_parameter_can_hold_is_refused(any_database, value):
    with pytest.raises(ParameterError, match="'x': expected"):
        asked(any_database, "select :x as v", Any, Any if False else str, x=value)


AWARE = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
OF_POSTGRESQL = [AWARE, AWARE.replace(tzinfo=None), Decimal("1.5"), UUID(int=7), dt.timedelta(1)]


@pytest.mark.parametrize("value", OF_POSTGRESQL)
def test_no_parameter_ends_the_transaction(postgresql, ask, value):
    ask(postgresql, "create table t (v text, n int)", None)
    insert = "insert into t values (:x::text, 1), (:x::text, 2) returning n"
    with pytest.raises(ResultError, match="2 rows"):
        ask(postgresql, insert, int, x=value)
    assert ask(postgresql, "select count(*) from t", int) == 0


@pytest.mark.parametrize("value", OF_POSTGRESQL)
@pytest.mark.parametrize("output", [list[dict], pa.RecordBatchReader])
def test_no_parameter_changes_the_session(postgresql, ask, value, output):
    url = f"{postgresql}%20-c%20timezone%3DEurope/Helsinki"
    query = "select current_setting('timezone') as zone where :x is not null"
    found = ask(url, query, output, x=value)
    rows = found if isinstance(found, list) else found.read_all().to_pylist()
    assert rows == [{"zone": "Europe/Helsinki"}]


def test_a_moment_as_a_parameter_means_the_same_in_any_zone_and_style(postgresql, ask):
    url = f"{postgresql}%20-c%20timezone%3DEurope/Helsinki%20-c%20datestyle%3DSQL,DMY"
    assert ask(url, "select :x as v", dt.datetime, x=AWARE) == AWARE
    assert ask(url, "select :x::date::text as v", str, x=AWARE) == "01/01/2000"


def test_a_decimal_of_sqlite_compares_as_a_number(ask):
    having = "with t(a) as (values (10.0), (20.0)) select sum(a) as v from t having sum(a) > :m"
    assert ask("sqlite://", having, float, m=Decimal("5")) == 30.0
    assert ask("sqlite://", "select 5 > :m as v", bool, m=Decimal("1"))
    assert asked("sqlite://", "select 10 in :m as v", list[Decimal], bool, m=[Decimal("10")])
    assert ask("sqlite://", "select max(0, :m) as v", int, m=Decimal("-3")) == 0
    with pytest.raises(ParameterError, match="a float of SQLite holds; give text"):
        ask("sqlite://", "select :m as v", m=Decimal("0.12345678901234567"))


MADE = UUID("12345678-1234-5678-1234-567812345678")


def puts(database: str, kind: str, ask: Any) -> list[Callable[[], Any]]:
    """The ways to put a UUID into a column of a type, by a parameter and from a table."""
    ask(database, f"create or replace table t (u {kind})", None)
    write = SQLWrite(name="w", table="t", inputs={"r": pa.Table}, database=database)
    rows = pa.table({"u": pa.array([MADE.bytes], pa.uuid())})
    insert = "insert into t values (:u)"
    return [
        lambda: asked(database, insert, UUID, RowCount, u=MADE),
        lambda: run(write, r=rows),
    ]


@pytest.mark.parametrize("kind", ["uuid", "char(36)", "text", "varbinary(36)"])
def test_a_uuid_is_exact_in_a_column_of_mariadb_that_holds_it(mariadb, ask, kind):
    for put in puts(mariadb, kind, ask):
        assert put() == 1
    assert ask(mariadb, "select count(*) as n from t where u = :u", int, u=MADE) == 2
    assert ask(mariadb, "select distinct u from t", UUID) == MADE


@pytest.mark.parametrize("kind", ["binary(16)", "varchar(20)", "int"])
def test_a_uuid_is_refused_by_a_column_of_mariadb_that_does_not_hold_it(mariadb, ask, kind):
    for put in puts(mariadb, kind, ask):
        with pytest.raises(QueryError, match="column 'u'"):
            put()
    assert ask(mariadb, "select u from t") == []


def test_bytes_of_mariadb_are_a_uuid_only_where_they_are_its_text_or_its_sixteen_bytes(
    mariadb, ask
):
    assert ask(mariadb, f"select x'{MADE.hex}' as u", UUID) == MADE
    with pytest.raises(ResultError, match="column 'u'"):
        ask(mariadb, f"select x'{MADE.hex}00' as u", UUID)
