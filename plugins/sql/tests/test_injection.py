"""Classic injection strings change nothing: as values they are values, as names they are names."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from tasksmithy import TaskEnvironment, run
from tasksmithy_sql import Identifier, QueryError, RowCount, SQLTask

QUOTES = [
    "'",
    '"',
    "`",
    "''",
    "\\'",
    "\u2019",
    "\u02bc",
    "%27",
    "$$",
    "$x$",
    "]",
    "')",
    "'))",
    '")',
]
TAILS = [
    " OR '1'='1",
    " OR 1=1 --",
    " OR 1=1 #",
    " OR 1=1/*",
    "; DROP TABLE victim; --",
    "; DELETE FROM victim --",
    "; UPDATE victim SET secret = 'pwned' --",
    "; INSERT INTO victim VALUES (99, 'pwned') --",
    " UNION SELECT 1, secret FROM victim --",
    " UNION ALL SELECT null, null --",
    "; ATTACH 'pwned.db' AS pwned; --",
    "; COPY victim TO '/tmp/pwned'; --",
    "; COPY victim FROM PROGRAM 'id'; --",
    " || (SELECT secret FROM victim LIMIT 1) || ",
    " AND (SELECT pg_sleep(5)) IS NULL --",
]
BARE = [
    "1 OR 1=1",
    "1; DROP TABLE victim",
    "admin'--",
    "admin' #",
    "admin'/*",
    "' or ''='",
    "x' AND email IS NULL; --",
    ":x",
    "$x",
    "$1",
    "?1",
    "?",
    "%(x)s",
    "%s",
    "{{ .inputs.x }}",
    "{x}",
    "{0}",
    "{{7*7}}",
    "${jndi:ldap://h}",
    "@@version",
    "0x27204f5220313d31",
    "CHAR(39)",
    "\uff07 OR 1=1 --",
    "\\",
    "\\\\'; DROP TABLE victim; --",
    "\r\n; DROP TABLE victim",
    "/*! DROP TABLE victim */",
    "--",
    "E'\\x27'",
    "null",
    "NULL",
    "default",
    "true",
    "1e309",
    "-1",
    "*",
    "%",
    "_",
    "\t",
    " ",
    "",
]
CORPUS = [quote + tail for quote, tail in itertools.product(QUOTES, TAILS)] + BARE
SAMPLE = CORPUS[::8]


def test_the_corpus_has_at_least_200_strings():
    assert len(set(CORPUS)) == len(CORPUS) >= 200


@pytest.mark.parametrize("part", [*QUOTES, *TAILS])
def test_the_sample_has_every_quote_and_every_tail(part):
    assert [text for text in SAMPLE if part in text]


@pytest.fixture(params=["sample", pytest.param("all", marks=pytest.mark.slow)])
def corpus(request: pytest.FixtureRequest) -> list[str]:
    """The strings: a sample of them each time, all of them with the slow tests."""
    return SAMPLE if request.param == "sample" else CORPUS


@pytest.fixture
def victim(database: str, ask: Any) -> str:
    """A database with a table of secrets, and an empty one that is written to."""
    ask(database, "create table victim (id integer, secret text)", None)
    ask(database, "insert into victim values (1, 'safe')", None)
    ask(database, "create table log (x text, y text)", None)
    return database


def unchanged(database: str, ask: Any) -> bool:
    return bool(ask(database, "select id, secret from victim") == [{"id": 1, "secret": "safe"}])


def in_one_run(call: Any) -> Any:
    """What an async function gives inside a run, so that its tasks share connections."""
    env = TaskEnvironment(name="corpus")

    async def calls() -> Any:
        return await call()

    return run(env.task(calls))


@pytest.mark.parametrize("written", [":x", "$x", "%(x)s", "{{ .inputs.x }}"])
def test_as_a_value_each_comes_back_as_it_is(victim, ask, corpus, written):
    echo = SQLTask(
        name="echo", query=f"select {written}", inputs={"x": str}, output=str, database=victim
    )
    find = SQLTask(
        name="find",
        query=f"select id from victim where secret = {written}",
        inputs={"x": str},
        output=list[dict],
        database=victim,
    )

    async def all_of_them() -> list[Any]:
        return [(await echo(x=text), await find(x=text)) for text in corpus]

    assert in_one_run(all_of_them) == [(text, []) for text in corpus]
    assert unchanged(victim, ask)


def test_as_elements_of_a_list_all_come_back(victim, ask, corpus):
    task = SQLTask(
        name="t",
        query="select count(*) from victim where secret in :xs",
        inputs={"xs": list[str]},
        output=int,
        database=victim,
    )
    assert run(task, xs=corpus) == 0
    assert run(task, xs=[*corpus, "safe"]) == 1
    assert unchanged(victim, ask)


def test_written_each_is_read_as_it_is(victim, ask, corpus):
    task = SQLTask(
        name="t",
        query="insert into log values (:x, :x)",
        inputs={"x": str},
        output=RowCount,
        database=victim,
    )

    async def all_of_them() -> list[int]:
        return [await task(x=text) for text in corpus]

    assert in_one_run(all_of_them) == [1] * len(corpus)
    rows = ask(victim, "select x, y from log")
    assert sorted(row["x"] for row in rows) == sorted(corpus)
    assert all(row["x"] == row["y"] for row in rows)
    assert unchanged(victim, ask)


def test_as_an_identifier_each_is_a_table_that_is_not_there(victim, ask, corpus):
    task = SQLTask(
        name="t",
        query="select * from :table",
        inputs={"table": Identifier},
        output=list[dict],
        database=victim,
    )

    async def all_of_them() -> list[type[Exception]]:
        raised = []
        for text in corpus:
            try:
                await task(table=Identifier(text))
            except Exception as error:
                raised.append(type(error))
        return raised

    kinds = in_one_run(all_of_them)
    assert len(kinds) == len(corpus)
    assert all(issubclass(kind, (QueryError, ValueError)) for kind in kinds)
    assert unchanged(victim, ask)


def test_as_the_name_of_a_column_each_is_only_a_name(victim, ask, corpus):
    task = SQLTask(
        name="t",
        query="select id as :column from victim",
        inputs={"column": Identifier},
        output=list[dict],
        database=victim,
    )
    # PostgreSQL cuts names at 63 bytes.
    short = [text for text in corpus if text and len(text.encode()) < 63]

    async def all_of_them() -> list[Any]:
        return [await task(column=Identifier(text)) for text in short]

    assert in_one_run(all_of_them) == [[{text: 1}] for text in short]
    assert unchanged(victim, ask)
