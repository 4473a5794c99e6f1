"""Every type of the four databases, alone and in each container, against the database's own text.

A value is exact in Arrow, or the result is refused.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from plugins.sql.tests.database_types import CELLS, IDS, Kind

from tasksmithy import run
from tasksmithy_sql import QueryError, ResultError, RowCount, SQLTask, SQLWrite

ROWS = 10_000
"""Values that are generated for a type and a direction."""

# Each with what leads from its array to that of the value.
Path_ = tuple[str, ...]
CONTAINERS: dict[str, dict[str, tuple[str, Path_]]] = {
    "DuckDB": {
        "alone": ("{v}", ()),
        "list": ("[{v}, null]", ("values",)),
        "array": ("array_value({v})", ("values",)),
        "struct": ("{{'f': {v}}}", ("f",)),
        "row": ("row({v})", ("f",)),
        "map value": ("map {{1: {v}}}", ("items",)),
        "map key": ("map {{{v}: 1}}", ("keys",)),
        "union": ("union_value(f := {v})", ("f",)),
        "nested": ("[{{'f': [map {{1: {v}}}]}}]", ("values", "f", "values", "items")),
    },
    "PostgreSQL": {
        "alone": ("{v}", ()),
        "array": ("array[{v}, null]", ("values",)),
        "composite": ("row({v})::in_composite", ("f",)),
        "array of composite": ("array[row({v})::in_composite]", ("values", "f")),
        "array in composite": ("row(array[{v}])::of_array", ("f", "values")),
        "domain": ("{v}::as_domain", ()),
        "array of domain": ("array[{v}::as_domain]", ("values",)),
        "domain in composite": ("row({v}::as_domain)::of_domain", ("f",)),
    },
    "MariaDB": {"alone": ("{v}", ())},
    "SQLite": {"alone": ("{v}", ())},
}
MAY_BE_REFUSED = frozenset({"array of domain", "domain in composite"})
"""Where PostgreSQL's driver does not say what the domain is of."""


def leaf(array: pa.Array, path: Path_) -> pa.Array:
    for step in path:
        if step == "f":
            array = array.field(0)
        elif step == "values":
            array = array.flatten() if not pa.types.is_map(array.type) else array
        else:
            array = getattr(array, step)
    return array


# What the database's text means.

_DATE = r"(?P<y>\d+)-(?P<m>\d\d)-(?P<d>\d\d)"
_TIME = r"(?P<h>\d+):(?P<min>\d\d):(?P<s>\d\d)(?:\.(?P<f>\d+))?"


def _days(year: int, month: int, day: int) -> int:
    """Days since 1970 in the proleptic Gregorian calendar."""
    year -= month <= 2
    era, month = year // 400, (month + 9) % 12
    of_era = year - era * 400
    of_year = (153 * month + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


def _date(text: str) -> int:
    found = re.match(_DATE, text)
    assert found, text
    year = int(found["y"])
    return _days(1 - year if "BC" in text else year, int(found["m"]), int(found["d"]))


_DIGITS = {"s": 0, "ms": 3, "us": 6, "ns": 9}


def _clock(text: str, unit: str) -> int:
    found = re.search(_TIME, text)
    if found is None:
        return 0
    seconds = int(found["h"]) * 3600 + int(found["min"]) * 60 + int(found["s"])
    fraction = (found["f"] or "").ljust(9, "0")
    digits = _DIGITS[unit]
    assert not fraction[digits:].strip("0")
    return seconds * 10**digits + int(fraction[:digits] or 0)


def _interval(text: str) -> tuple[int, int, int]:
    def part(word: str) -> int:
        found = re.search(rf"(-?\d+) {word}", text)
        return int(found[1]) if found else 0

    sign = -1 if re.search(r"-\d+:\d\d:", text) else 1
    return part("year") * 12 + part("mon"), part("day"), sign * _clock(text, "us") * 1000


def meant(text: str | None, kind: pa.DataType) -> Any:
    types = pa.types
    if text is None:
        return None
    if types.is_boolean(kind):
        return text in ("true", "t", "1")
    if types.is_integer(kind):
        return int(text)
    if types.is_decimal(kind):
        return Decimal(text)
    if types.is_floating(kind):
        value = float(text)
        return repr(float(np.float32(value)) if types.is_float32(kind) else value)
    if types.is_binary(kind):
        return bytes.fromhex(text)
    if types.is_date(kind):
        return _date(text)
    if types.is_time(kind):
        return _clock(text, kind.unit)
    if types.is_timestamp(kind):
        return _date(text) * 86_400 * 10 ** _DIGITS[kind.unit] + _clock(text, kind.unit)
    if types.is_duration(kind):
        return _clock(text, kind.unit) * (-1 if text.startswith("-") else 1)
    if types.is_interval(kind):
        return _interval(text)
    return text


def given(array: pa.Array, digits: int) -> list[Any]:
    types, kind = pa.types, array.type
    if types.is_date(kind):
        return list(array.cast(pa.int32()).to_pylist())
    if types.is_time(kind) or types.is_timestamp(kind) or types.is_duration(kind):
        return list(array.cast(pa.int64()).to_pylist())
    values = array.to_pylist()
    if types.is_floating(kind):
        form = f".{digits}g" if digits else ""
        return [None if value is None else meant(format(value, form), kind) for value in values]
    if types.is_interval(kind):
        return [None if v is None else (v.months, v.days, v.nanoseconds) for v in values]
    if getattr(kind, "extension_name", "") == "arrow.uuid":
        return [None if value is None else str(value) for value in values]
    return list(values)


def flat(array: pa.ChunkedArray) -> pa.Array:
    return pa.concat_arrays(array.chunks) if array.num_chunks != 1 else array.chunk(0)


def literal(name: str, text: str) -> str:
    quoted = text.replace("'", "''")
    if name == "MariaDB":
        quoted = quoted.replace("\\", "\\\\")
    return f"'{quoted}'"


class Database:
    """A database of the matrix."""

    def __init__(self, name: str, url: str) -> None:
        self.name = name
        self.url = url

    def ask(self, query: str, output: Any = pa.Table, **inputs: Any) -> Any:
        kinds = {name: type(value) for name, value in inputs.items()}
        task = SQLTask(name="t", query=query, inputs=kinds, output=output, database=self.url)
        return run(task, **inputs)

    def value(self, kind: Kind, text: str) -> str:
        return f"cast({literal(self.name, text)} as {kind.name})"

    def text(self, kind: Kind, column: str) -> str:
        to = {"MariaDB": "char"}.get(self.name, "varchar" if self.name == "DuckDB" else "text")
        return kind.text.format(column) if kind.text else f"cast({column} as {to})"

    def source(self, kind: Kind, text: str) -> str:
        """A table of one row, whose column `v` has the value in the type."""
        if self.name in ("DuckDB", "PostgreSQL"):
            return f"(select {self.value(kind, text)} as v) t"
        self.ask("drop table if exists t", None)
        self.ask(f"create table t (v {kind.name})", None)
        said = literal(self.name, text)
        is_bytes = kind.name == "blob" and self.name == "SQLite"
        self.ask(f"insert into t values ({f'cast({said} as blob)' if is_bytes else said})", None)
        return "t"


@pytest.fixture(scope="module")
def databases(request: pytest.FixtureRequest, tmp_path_factory: Any) -> Callable[[str], Database]:
    made: dict[str, Database] = {}

    def database(name: str) -> Database:
        if name not in made:
            folder = tmp_path_factory.mktemp("matrix")
            if name == "PostgreSQL":
                url = request.getfixturevalue("server").schema() + "%20-c%20timezone%3DUTC"
            elif name == "MariaDB":
                server = request.getfixturevalue("mariadb_server")
                server.execute("set global sql_mode = ''")  # or it takes no date of zeros
                url = server.database()
            else:
                url = f"{name.lower()}:///{folder}/a.db"
            made[name] = Database(name, url)
            if name == "PostgreSQL":
                made[name].ask("create type mood as enum ('happy')", None)
        return made[name]

    yield database
    if "MariaDB" in made:
        request.getfixturevalue("mariadb_server").execute("set global sql_mode = default")


@pytest.fixture(autouse=True)
def _in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")


def wrapped(database: Database, kind: Kind) -> None:
    """Make the types of PostgreSQL that have a name."""
    for statement in (
        "drop type if exists of_domain",
        "drop domain if exists as_domain",
        "drop type if exists of_array",
        "drop type if exists in_composite",
        f"create type in_composite as (f {kind.name})",
        f"create type of_array as (f {kind.name}[])",
        f"create domain as_domain as {kind.name}",
        "create type of_domain as (f as_domain)",
    ):
        database.ask(statement, None)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "kind"), CELLS, ids=IDS)
def test_each_type_in_each_container_is_exact_or_refused(databases, name, kind):
    database = databases(name)
    if name == "PostgreSQL":
        wrapped(database, kind)
    for text in [*kind.exact, *kind.refused]:
        is_refused = not kind.arrow or text in kind.refused
        source = database.source(kind, text)
        for container, (template, path) in CONTAINERS[name].items():
            value, text_of = template.format(v="v"), database.text(kind, "v")
            query = f"select {value} as v, {text_of} as t from {source}"
            try:
                table = database.ask(query)
            except ResultError as error:
                told = str(error)
                assert "column 'v'" in told
                assert is_refused or container in MAY_BE_REFUSED, (container, text, told)
                continue
            except QueryError:  # no such container of the type, as an array of a pseudo-type
                assert container != "alone", text
                continue
            assert not is_refused, (container, text, table)
            array = leaf(flat(table["v"]), path)
            if container == "alone":
                assert str(array.type).replace("Etc/UTC", "UTC") == kind.arrow
            [said] = table["t"].to_pylist()
            assert given(array, kind.digits)[0] == meant(said, array.type), (container, text)


GENERATED = [(name, kind) for name, kind in CELLS if kind.made is not None]
GENERATED_IDS = [f"{name}-{kind.name}" for name, kind in GENERATED]


def typed(database: Database, kind: Kind, texts: Sequence[str]) -> str:
    """A table whose column `v` has the values in the type."""
    database.ask("drop table if exists t", None)
    database.ask(f"create table t (n integer, v {kind.name})", None)
    insert = {
        "DuckDB": f"insert into t select n, cast(v as {kind.name}) from texts",
        "PostgreSQL": f"insert into t select n, cast(v as {kind.name}) from texts",
    }.get(database.name, "insert into t select n, v from texts")
    database.ask("drop table if exists texts", None)
    database.ask("create table texts (n integer, v text)", None)
    rows = pa.table({"n": pa.array(range(len(texts)), pa.int32()), "v": texts})
    write = SQLWrite(name="w", table="texts", inputs={"rows": pa.Table}, database=database.url)
    assert run(write, rows=rows) == len(texts)
    assert database.ask(insert, RowCount) == len(texts)
    assert database.ask("select count(v) as n from t", int) == len(texts)  # each has the type
    return "t"


@pytest.mark.slow
@pytest.mark.parametrize(("name", "kind"), GENERATED, ids=GENERATED_IDS)
def test_ten_thousand_results_are_the_database_s_own_text(databases, name, kind):
    database, any_ = databases(name), random.Random(kind.name)
    texts = [kind.made(any_) for _ in range(ROWS)]
    typed(database, kind, texts)
    found = database.ask(f"select v, {database.text(kind, 'v')} as t from t order by n")
    array, said = flat(found["v"]), found["t"].to_pylist()
    wrong = [
        (value, text)
        for value, text in zip(given(array, kind.digits), said, strict=True)
        if value != meant(text, array.type)
    ]
    assert len(said) == ROWS
    assert wrong == []


@pytest.mark.slow
@pytest.mark.parametrize(("name", "kind"), GENERATED, ids=GENERATED_IDS)
def test_ten_thousand_values_are_written_as_the_database_says_them(databases, name, kind):
    database, any_ = databases(name), random.Random(kind.name)
    texts = [kind.made(any_) for _ in range(ROWS)]
    typed(database, kind, texts)
    column = flat(database.ask("select v from t order by n")["v"])
    assert column.null_count == 0
    database.ask("drop table if exists u", None)
    database.ask(f"create table u (n integer, v {kind.name})", None)
    rows = pa.table({"n": pa.array(range(ROWS), pa.int32()), "v": column})
    write = SQLWrite(name="w", table="u", inputs={"rows": pa.Table}, database=database.url)
    assert run(write, rows=rows) == ROWS
    is_number = kind.name.startswith("numeric")  # 1.50 is 1.5
    said = [f"{t}.v" if is_number else database.text(kind, f"{t}.v") for t in ("t", "u")]
    query = f"select count(*) as n from t join u on t.n = u.n where {said[0]} <> {said[1]}"
    assert database.ask(query, int) == 0
    assert database.ask("select count(v) as n from u", int) == ROWS
