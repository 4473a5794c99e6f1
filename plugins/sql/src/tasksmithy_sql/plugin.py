"""SQLTaskType: what the core asks of tasks that a database performs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from tasksmithy import RunContext, Sql, TaskType, hookimpl
from tasksmithy.extend import type_name
from tasksmithy_sql.attempt import attempted
from tasksmithy_sql.binding import bound
from tasksmithy_sql.bulk import check_columns
from tasksmithy_sql.connection import Connection
from tasksmithy_sql.credentials import password_of
from tasksmithy_sql.database import DatabaseTask
from tasksmithy_sql.kinds import Kind
from tasksmithy_sql.outputs import delivery
from tasksmithy_sql.task import SQLTask
from tasksmithy_sql.values import RowCount
from tasksmithy_sql.write import SQLWrite, rows_of


class SQLTaskType(TaskType):
    """Task type `sql`."""

    template = SQLTask
    heeds = frozenset({"secrets", "env_vars"})  # the one secret it takes comes with the context

    @hookimpl
    async def execute(self, task: DatabaseTask, inputs: Mapping[str, Any], ctx: RunContext) -> Any:
        """Ask the database, in a thread, as one transaction."""
        password = password_of(task.password, ctx)
        work = _writing(task, inputs) if isinstance(task, SQLWrite) else _asking(task, inputs)
        return await attempted(ctx, task.url, password, work, transaction=task.transaction)

    @hookimpl
    def sql(self, task: DatabaseTask) -> Sql | None:
        """The query, in the dialect that the task names or as written; none for a bulk write."""
        if not isinstance(task, SQLTask):
            return None
        statement, dialect = task.rendered()
        return Sql(statement, dialect=dialect)

    @hookimpl
    def custom_config(self, task: DatabaseTask) -> dict[str, Any]:
        """The database without its secret, and what differs from the usual."""
        config: dict[str, Any] = {"database": task.url.text}
        if not task.transaction:
            config["transaction"] = False
        if isinstance(task, SQLWrite):
            config |= {"table": task.table, "mode": task.mode, "key": list(task.key)}
        return config

    @hookimpl
    def cache_version(self, task: DatabaseTask) -> str:
        """A digest of the database and the query's tokens, or of the table that is written."""
        parts = [task.url.location or task.url.text]
        if isinstance(task, SQLTask):
            types = [f"{name} {type_name(kind)}" for name, kind in task.inputs.items()]
            parts += ["query", task.parsed.normal, *types, type_name(task.output)]
        elif isinstance(task, SQLWrite):
            parts += ["write", task.mode, task.table, *task.key]
        framed = "".join(f"{len(part)}:{part}" for part in parts)
        return hashlib.sha256(framed.encode()).hexdigest()


def _asking(task: Any, inputs: Mapping[str, Any]) -> Callable[[Connection], Any]:
    """The work of a query: bind, ask, and make the result of it."""
    query, kinds, deliver = task.parsed, task.kinds, delivery(task.output)
    used = {parameter.name for parameter in query.parameters}
    tables = {
        name: value
        for name, value in inputs.items()
        if kinds[name] in (Kind.TABLE, Kind.FILE) and name not in used
    }

    def work(connection: Connection) -> Any:
        statement = bound(query, inputs, task.inputs, kinds, connection)
        if tables:
            connection.show(tables)
        return deliver(connection, statement)

    return work


def _writing(task: SQLWrite, inputs: Mapping[str, Any]) -> Callable[[Connection], RowCount]:
    """The work of a bulk write."""
    [given] = inputs.values()

    def work(connection: Connection) -> RowCount:
        rows = rows_of(given)
        check_columns(task.destination, rows.schema.names)
        return RowCount(connection.write(task.destination, rows))

    return work
