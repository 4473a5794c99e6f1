"""{{ cookiecutter.__class }}TaskType: how tasks of type `{{ cookiecutter.task_type }}` behave."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from tasksmithy import Sql, TaskType, hookimpl, in_thread

from {{ cookiecutter.__module }}.task import {{ cookiecutter.__class }}Task

if TYPE_CHECKING:
    import duckdb

Rows = list[dict[str, Any]]


class {{ cookiecutter.__class }}TaskType(TaskType):
    """Task type `{{ cookiecutter.task_type }}`.

    Each method with `@hookimpl` answers a hook, and takes those of its arguments that it needs.
    """

    template = {{ cookiecutter.__class }}Task

    @hookimpl
    async def execute(self, task: {{ cookiecutter.__class }}Task, inputs: Mapping[str, Any]) -> Rows:
        """Ask the database: this is how the task runs on this machine."""
        import duckdb  # not before a query runs: to define a task or to list plugins is free of it

        connection = duckdb.connect(task.database)
        try:
            # It blocks, so it runs in a thread, and other tasks go on meanwhile.
            return await in_thread(_rows, connection, task.query, inputs)
        except asyncio.CancelledError:
            # Out of time, or Ctrl-C: nobody waits for the query any more.
            with suppress(duckdb.ConnectionException):  # where it has ended just now
                connection.interrupt()
            raise

    @hookimpl
    def sql(self, task: {{ cookiecutter.__class }}Task) -> Sql:
        """The query as an engine elsewhere gets it."""
        return Sql(task.query, dialect="duckdb")

    @hookimpl
    def custom_config(self, task: {{ cookiecutter.__class }}Task) -> dict[str, Any]:
        """What else a cluster needs to know of the task, as JSON values."""
        return {"database": task.database}


def _rows(connection: duckdb.DuckDBPyConnection, query: str, inputs: Mapping[str, Any]) -> Rows:
    with connection:
        answer = connection.execute(query, dict(inputs))
        columns = [column[0] for column in answer.description]
        return [dict(zip(columns, row, strict=True)) for row in answer.fetchall()]
