"""The example runs, on DuckDB."""

from pathlib import Path

import pytest
from tasksmithy import TaskDefinitionError, run, serialize

import example
from {{ cookiecutter.__module }} import {{ cookiecutter.__class }}Task as Task


def test_the_example_counts_words() -> None:
    assert run(example.count_words, text="to be or not to be")[:2] == [
        {"word": "be", "times": 2},
        {"word": "to", "times": 2},
    ]


def test_a_database_in_a_file_stays(tmp_path: Path) -> None:
    database = str(tmp_path / "words.duckdb")
    run(Task(name="create", query="create table t as select 1 as n", database=database))
    assert run(Task(name="read", query="from t", database=database)) == [{"n": 1}]


def test_an_engine_elsewhere_gets_the_query_as_it_is_written() -> None:
    spec = serialize(Task(name="one", query="select 1"))
    assert spec.sql is not None
    assert (spec.sql.statement, spec.sql.dialect) == ("select 1", "duckdb")


def test_a_task_without_a_query_is_refused() -> None:
    with pytest.raises(TaskDefinitionError, match="query"):
        Task(name="empty", query=" ")
