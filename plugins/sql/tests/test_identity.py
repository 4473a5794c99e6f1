"""Which database a URL means: no secret is in one, and no cache takes one for another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tasksmithy import TaskDefinitionError, run, serialize
from tasksmithy_sql import QueryError, SQLConfig, SQLTask
from tasksmithy_sql.url import masked


@pytest.mark.parametrize(
    "url",
    [
        "mssql+pyodbc:///?odbc_connect=DRIVER%3DODBC%3BSERVER%3Dh%3BUID%3Dsa%3BPWD%3Dhunter2",
        "mssql+pyodbc:///?odbc_connect=DRIVER%253DODBC%253BPwd%253Dhunter2",
        "mssql+pyodbc:///?odbc_connect=DRIVER%3DODBC%3BPassword+%3D+hunter2",
        "snowflake://h/d?private_key=hunter2",
        "snowflake://h/d?privateKey=hunter2",
        "snowflake://h/d?token=hunter2",
        "trino://h/d?access_key=hunter2",
        "trino://h/d?accessKeyId=hunter2",
        "clickhouse://h/d?api_key=hunter2",
        "clickhouse://h/d?jwt=hunter2",
        "clickhouse://h/d?key=hunter2",
        "clickhouse://h/d?pass%77ord=hunter2",
        "trino://h/d?http_headers=%7B%22Authorization%22%3A%22hunter2%22%7D",
        "postgresql://h/d?sslpassword=hunter2",
        "postgresql://h/?dbname=host%3Dh%20password%3Dhunter2",
        "postgresql+psycopg://h/?dsn=postgresql%3A%2F%2Fu%3Ahunter2%40h",
        "postgresql://u%3Ahunter2@h/d",
        "mysql+pymysql://h/d;password=hunter2",
    ],
)
def test_a_secret_in_a_url_is_refused_in_every_spelling_and_not_shown(url):
    with pytest.raises(TaskDefinitionError, match="a URL without a password") as raised:
        SQLTask(name="t", query="select 1", database=url)
    assert "hunter2" not in str(raised.value) + repr(raised.value) + repr(raised.value.value)
    with pytest.raises(ValueError, match="url") as by_config:
        SQLConfig(url=url)
    assert "hunter2" not in str(by_config.value) + repr(by_config.value)
    assert "hunter2" not in masked(url)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u@h/d?passfile=/p&sslkey=/k&keepalives=1&keepalives_idle=5",
        "postgresql://h/d?options=-c%20search_path%3Da",
        "snowflake://u@h/d?authenticator=externalbrowser&private_key_file=/k",
        "mysql+pymysql://u@h/d?ssl_key=/k&charset=utf8mb4",
        "mssql+pyodbc://u@h/d?driver=ODBC+Driver+18+for+SQL+Server&TrustServerCertificate=yes",
        "bigquery://project/dataset",
    ],
)
def test_what_is_no_secret_is_allowed(url):
    assert SQLTask(name="t", query="select 1", database=url).url.text == url


def test_an_argument_that_the_driver_does_not_know_is_told(ask):
    with pytest.raises(QueryError, match="unexpected keyword argument"):
        ask("mysql+pymysql://h/d?nonesuch=1", "select 1")


def version(url: str) -> str | None:
    task = SQLTask(name="t", query="select 1", database=url, cache="auto")
    return serialize(task).cache_version


FILES = [
    "duckdb:///x.db",
    "sqlite:///x.db",
    "sqlite+pysqlite:///x.db",
    "sqlite+pysqlite:///file:x.db?uri=true",
]


@pytest.mark.parametrize("url", FILES)
def test_a_file_of_another_folder_is_another_database(url, tmp_path, monkeypatch):
    found = set()
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        found.add(version(url))
    assert len(found) == 2


def test_the_cache_answers_for_the_file_that_it_asked(tmp_path, monkeypatch, ask):
    task = SQLTask(
        name="t",
        query="select a from t",
        output=int,
        database="sqlite+pysqlite:///x.db",
        cache="auto",
    )
    for value, name in ((1, "one"), (2, "other")):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        ask("sqlite:///x.db", f"create table t as select {value} as a", None)
        assert run(task) == value


@pytest.mark.parametrize("url", ["postgresql://h/d", "postgresql+psycopg://h/d"])
@pytest.mark.parametrize(
    "name",
    [
        "PGOPTIONS",
        "PGSERVICE",
        "PGHOSTADDR",
        "PGSERVICEFILE",
        "PGSYSCONFDIR",
        "PGTZ",
        "PGUSER",
        "PGPORT",
    ],
)
def test_the_environment_of_libpq_is_part_of_the_identity(url, name, monkeypatch):
    monkeypatch.delenv(name, raising=False)
    without = version(url)
    monkeypatch.setenv(name, "x")
    assert version(url) != without


def test_a_password_in_the_environment_is_not(monkeypatch):
    monkeypatch.setenv("PGPASSWORD", "one")
    one = version("postgresql://h/d")
    monkeypatch.setenv("PGPASSWORD", "other")
    assert version("postgresql://h/d") == one


def test_a_service_file_is_part_of_the_identity_without_its_password(tmp_path, monkeypatch):
    file: Path = tmp_path / "services"
    monkeypatch.setenv("PGSERVICEFILE", str(file))
    monkeypatch.setenv("PGSERVICE", "s")

    def written(text: str) -> Any:
        file.write_text(text)
        return version("postgresql://")

    one = written("[s]\nhost=one\npassword=a\n")
    assert one == written("[s]\nhost=one\npassword=b\n")
    assert one != written("[s]\nhost=other\npassword=a\n")


def test_no_cache_where_the_driver_decides_which_database_a_url_means():
    with pytest.raises(TaskDefinitionError, match=r"cache=.*names no host"):
        version("mssql+pyodbc:///?odbc_connect=DSN%3Dmine")


def test_no_cache_of_a_stream():
    with pytest.raises(TaskDefinitionError, match=r"cache=.*read once"):
        SQLTask(name="t", query="select 1", output=pa.RecordBatchReader, cache="auto")
