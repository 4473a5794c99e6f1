"""Parameters: found by a tokenizer, bound by the driver, checked at definition."""

from __future__ import annotations

from enum import Enum, IntEnum
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pytest

from tasksmithy import TaskDefinitionError, run
from tasksmithy.errors import InputError
from tasksmithy_sql import Identifier, ParameterError, RowCount, SQLTask
from tasksmithy_sql.query import analysed

STYLES = [":a", "$a", "%(a)s", "{{ .inputs.a }}", "{{.inputs.a}}"]


def names(text: str, dialect: str = "duckdb") -> list[str]:
    return [parameter.name for parameter in analysed(text, "", dialect).parameters]


def defined(query: Any, database: str = "duckdb://", **inputs: Any) -> SQLTask:
    return SQLTask(name="t", query=query, inputs=inputs, database=database)


@pytest.mark.parametrize("written", STYLES)
def test_every_way_to_write_a_parameter_binds_it(written, database, ask):
    assert ask(database, f"select {written} as x where {written} = 'it''s'", a="it's") == [
        {"x": "it's"}
    ]


@pytest.mark.parametrize(
    "text",
    [
        "select ':a'",
        "select 'it''s :a'",
        "select 1 -- :a",
        "select /* :a $a %(a)s {{ .inputs.a }} */ 1",
        'select 1 as ":a"',
        "select x::int",
        "select x :: int",
        "select l[lo:hi]",
        "select l[1:2]",
        "select l[lo :hi]".replace(" :", ":"),
        "select (f(x))[1]:b",
        "select {'a': b, 'c':d}",
        "select $$ :a $a $$",
        "select $tag$ :a $tag$",
        "select j->'$.a', j->>'$a'",
        "select 7 %(a)",
        "select f(a := 1)",
        "select E'\\' :a'",
        "select '{{ .inputs.a }}'",
    ],
)
@pytest.mark.parametrize("dialect", ["duckdb", "postgres"])
def test_what_is_no_parameter_is_left_alone(text, dialect):
    assert names(text, dialect) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("select :limit, $order, :select", ["limit", "order", "select"]),
        ("select x=:a,y>=:b", ["a", "b"]),
        ("select :a::int, cast(:b as int)", ["a", "b"]),
        ("select l[:a], l[1: :b]", ["a", "b"]),
        ("select {'k': :a}", ["a"]),
        ("select * from t where a between :a and :b limit :n offset :m", ["a", "b", "n", "m"]),
        ("select '😀', :a, 'ü', :b", ["a", "b"]),
        ("select -:a, (:b), not :c", ["a", "b", "c"]),
        ("select :größe", ["größe"]),
        ("select :a -- :b\n, :c /* :d */", ["a", "c"]),
        ("select * from :s.:t", ["s", "t"]),
        ("select 7 % :a", ["a"]),
        ("explain select :a -- :b", ["a"]),
        ("explain analyze\nselect ':b', :a", ["a"]),
        ("call f(:a, ':b')", ["a"]),
    ],
)
def test_a_parameter_is_found_where_an_operand_may_stand(text, found):
    assert names(text) == found


@pytest.mark.parametrize(
    ("dialect", "text", "found"),
    [
        ("sqlite", "select [a:b], :c, $d", ["c", "d"]),
        ("mysql", "select `a:b`, 'it\\'s :x', :c, @v", ["c"]),
        ("snowflake", "select v:field.sub, :c, $$ :x $$", ["c"]),
        ("bigquery", 'select r\'\\:a\', :c, """it\'s :x"""', ["c"]),
    ],
)
def test_each_dialect_has_its_own_quotes(dialect, text, found):
    assert names(text, dialect) == found


def test_the_text_reaches_the_driver_as_it_is_written(postgresql, ask):
    query = "select\n\t:a   AS\r\n  x  ,query from pg_stat_activity  where pid=pg_backend_pid()"
    [row] = ask(postgresql, query, a=1)
    assert row["query"].endswith(query.replace(":a", "$1"))


def test_a_parameter_may_stand_in_several_places(database, ask):
    assert ask(database, "select :a + :a + :b as x", int, a=1, b=2) == 4


@pytest.mark.parametrize(
    ("query", "inputs", "said"),
    [
        ("select\n  1,\n  :mnth", {"month": int}, r"line 3, column 3.*|.*did you mean 'month'"),
        ("select :a", {"a": int, "b": int}, "inputs='b' is not allowed"),
        ("select 1; select 2", {}, r"one statement, not several \(line 1, column 11\)"),
        ("select\n frm t wher", {}, r"line 2"),
        ("select 'open", {}, r"line 1, column 8"),
        ("select /* open", {}, r"line 1, column 8"),
        ("-- nothing", {}, "nothing but white space and comments"),
        (" ; -- nothing", {}, "nothing but white space and comments"),
        ("   ", {}, "a query: text, or the path"),
        (7, {}, "a query: text, or the path"),
        ("select ?", {}, r"parameters by name .* not \? \(line 1, column 8\)"),
        ("select $1", {}, r"not \$1"),
        ("select :1", {}, r"not :1"),
        ("select * from t where a = %s", {}, "not %s"),
        ("begin", {}, "the task is a transaction"),
        ("select :a", {"a": dict}, "types that a query can use"),
        ("select :a", {"a": pa.Table}, "a table by its name alone"),
        ("select 1", {"t": pa.Table}, "as the table t"),
        ("select 1 + :ids", {"ids": list[int]}, "a list alone after IN"),
        ("select 1 where 1 in (1, :ids)", {"ids": list[int]}, "a list alone after IN"),
        ("select 1 where 1 = any(:ids)", {"ids": list[int]}, "a list alone after IN"),
        ("select :a", "a", "a mapping of names to types"),
    ],
)
def test_a_wrong_query_is_an_error_at_definition(query, inputs, said):
    with pytest.raises(TaskDefinitionError, match=said):
        SQLTask(name="t", query=query, inputs=inputs)


@pytest.mark.parametrize("query", ["copy t to stdout", "copy t from stdin with (format csv)"])
def test_a_copy_from_or_to_the_client_is_refused(query):
    with pytest.raises(TaskDefinitionError, match="no COPY from or to the client"):
        defined(query, "postgresql://host/db")


@pytest.mark.parametrize("database", ["sqlite://", "postgresql://host/db"])
@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("select\n a b c from t", r"parses.*line 2"),
        ("selct 1", "line 1"),
        ("insert into t vlues (1)", "line 1"),
        ("select 1;\nselect 2", r"line 2, column 1"),
        (
            "create trigger x after insert on t begin select 1; select 2; end; select 3",
            r"one statement, not several \(line 1, column 67\)",
        ),
    ],
)
def test_other_databases_queries_are_parsed_at_definition_too(database, query, said):
    with pytest.raises(TaskDefinitionError, match=said):
        defined(query, database)


@pytest.mark.parametrize(
    ("database", "query"),
    [
        ("postgresql://h/d", "vacuum analyze t"),
        ("postgresql://h/d", "create index concurrently i on t (a)"),
        ("postgresql://h/d", "select data ? 'key' from t"),
        ("postgresql://h/d", "select data::jsonb ? 'key' from t"),
        ("postgresql://h/d", "select data::jsonb ?| array['key'] from t"),
        ("postgresql://h/d", "select data::jsonb ? :a from t"),
        ("postgresql://h/d", "select a[1:2], b #>> '{a,b}' from t"),
        (
            "postgresql://h/d",
            "create function f() returns int language sql begin atomic select 1; end",
        ),
        ("sqlite://", "create trigger x after insert on t begin select 1; select 2; end"),
        (
            "sqlite://",
            "create trigger x after insert on t begin select case when 1 then 2 end; select 3; end",
        ),
        ("mysql+pymysql://h/d", "create procedure p() begin if 1 then select 1; end if; end"),
        ("sqlite://", "select * from t where a match :a"),
        ("duckdb://", "from t select a: b"),
        ("duckdb://", "select 1;;"),
        ("duckdb://", "select [1, 2, 3][1::int:2]"),
        ("duckdb://", "select map{true:2}, map{null:2}, map {current_date:3}"),
        ("duckdb://", "select map{'101'::bit:1}, {'a':1}"),
        ("duckdb://", "select map{:a:2}"),
        ("duckdb://", "pivot t on a using sum(b)"),
    ],
)
def test_a_correct_statement_is_not_refused(database, query):
    task = defined(query, database, **({"a": str} if ":a" in query else {}))
    assert task.query == query


@pytest.mark.parametrize("database", ["duckdb://", "sqlite://", "postgresql://h/d"])
def test_a_query_may_be_nested_deeply(database):
    assert defined(f"select {'(' * 300}1{')' * 300}", database).parsed.parameters == ()


def test_a_query_that_is_nested_too_deeply_to_be_transpiled_is_an_error_at_definition():
    with pytest.raises(TaskDefinitionError, match=r"a dialect that can say the query: .*recursion"):
        SQLTask(name="t", query=f"select {'(' * 900}1{')' * 900}", dialect="snowflake")


@pytest.mark.parametrize("database", ["duckdb://", "sqlite://", "postgresql://h/d"])
def test_a_query_may_be_long(database):
    columns = ", ".join(f":a as c{number}" for number in range(2000))
    assert len(defined(f"select {columns}", database, a=int).parsed.parameters) == 2000


def test_a_query_may_be_a_file(tmp_path):
    file = tmp_path / "one.sql"
    file.write_text("select :a as x")
    for query in (file, str(file)):
        assert run(SQLTask(name="t", query=query, inputs={"a": int}, output=int), a=7) == 7


def test_an_error_in_a_file_names_it(tmp_path):
    file = tmp_path / "one.sql"
    file.write_text("select 1,\n  :b")
    with pytest.raises(TaskDefinitionError, match=r"one\.sql, line 2, column 3"):
        defined(file, a=int)


def test_a_missing_file_is_an_error_with_the_near_miss(tmp_path):
    (tmp_path / "flights.sql").write_text("select 1")
    with pytest.raises(TaskDefinitionError, match=r"No such file.*did you mean 'flights\.sql'"):
        defined(tmp_path / "flihgts.sql")


@pytest.mark.parametrize("written", ["in :ids", "in (:ids)", "in ( :ids )", "IN\n%(ids)s"])
def test_a_list_expands_after_in(database, written, ask):
    query = (
        f"select a from (select 1 as a union all select 2 union all select 3) t where a {written}"
    )
    task = SQLTask(
        name="t", query=query, inputs={"ids": list[int]}, output=list[dict], database=database
    )
    assert sorted(row["a"] for row in run(task, ids=[1, 3, 4])) == [1, 3]
    assert run(task, ids=[]) == []


@pytest.mark.parametrize("element", [int, str])
def test_nothing_is_in_an_empty_list_and_everything_is_not(database, element):
    value = "1" if element is int else "'x'"
    query = f"select count(*) from (select {value} as a) t where a not in :ids"
    task = SQLTask(
        name="t", query=query, inputs={"ids": list[element]}, output=int, database=database
    )
    assert run(task, ids=[]) == 1


def test_a_list_longer_than_the_database_s_limit_is_refused(database):
    task = SQLTask(
        name="t",
        query="select 1 where 1 in :ids",
        inputs={"ids": list[int]},
        output=list[dict],
        database=database,
    )
    with pytest.raises(ParameterError, match="'ids': the database allows"):
        run(task, ids=list(range(300_000)))


@pytest.mark.parametrize(
    "name", ["plain", 'with "quotes"', "with space", "select", "ü; drop table t"]
)
def test_an_identifier_is_quoted(database, name, ask, change):
    quoted = name.replace('"', '""')
    ask(database, f'create table "{quoted}" (a integer)', None)
    task = SQLTask(
        name="t",
        query="insert into :table values (1)",
        inputs={"table": Identifier},
        output=RowCount,
        database=database,
    )
    assert run(task, table=Identifier(name)) == 1


def test_a_plain_string_is_no_identifier():
    task = SQLTask(name="t", query="from :table", inputs={"table": Identifier})
    with pytest.raises(InputError, match="table"):
        run(task, table="flights")


@pytest.mark.parametrize("name", ["", "a\0b"])
def test_an_identifier_that_cannot_be_quoted_is_refused(name):
    task = SQLTask(name="t", query="from :table", inputs={"table": Identifier})
    with pytest.raises(ParameterError, match="'table'"):
        run(task, table=Identifier(name))


def test_an_input_of_another_type_says_what_was_expected_and_given(database, ask):
    task = SQLTask(name="t", query="select :a", inputs={"a": int}, database=database)
    with pytest.raises(InputError, match="'a' is int, and '3' of type str was given"):
        run(task, a="3")


def test_literal_and_optional_inputs_are_values(database):
    task = SQLTask(
        name="t",
        query="select :a as a, :b as b",
        inputs={"a": Literal["x", "y"], "b": int | None},
        output=list[dict],
        database=database,
    )
    assert run(task, a="x", b=None) == [{"a": "x", "b": None}]


class Carrier(str, Enum):  # noqa: UP042 - what str() makes of it is the point
    AMERICAN = "AA"


class Day(IntEnum):
    FRIDAY = 5


@pytest.mark.parametrize(
    ("given", "value"), [(Carrier.AMERICAN, "AA"), (Day.FRIDAY, 5), (RowCount(5), 5)]
)
def test_a_parameter_is_the_plain_value_of_an_enum_s_member_or_a_row_count(
    database, ask, given, value
):
    assert ask(database, "select :a as a", a=given) == [{"a": value}]


def test_a_file_input_may_be_a_path_or_a_table(tmp_path):
    file = tmp_path / "it's [1]*.csv"
    file.write_text("a,b\n1,x\n")
    for query in ("select * from read_csv(:f)", "select * from f"):
        if "read_csv" in query:
            (tmp_path / "plain.csv").write_text(file.read_text())
            given = tmp_path / "plain.csv"
        else:
            given = file
        task = SQLTask(name="t", query=query, inputs={"f": Path}, output=list[dict])
        assert run(task, f=given) == [{"a": 1, "b": "x"}]
