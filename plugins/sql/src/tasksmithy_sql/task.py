"""SQLTask: a query, its parameters, the database that answers it and what its result becomes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tasksmithy import Converted, NativeInterface, task_field
from tasksmithy.errors import FieldError
from tasksmithy.extend import UNSET
from tasksmithy_sql import dialects, syntax
from tasksmithy_sql.database import DatabaseTask
from tasksmithy_sql.kinds import Kind, kind_of
from tasksmithy_sql.outputs import delivery, is_stream
from tasksmithy_sql.query import Query, analysed, check_names, read
from tasksmithy_sql.values import RowCount

_NO_CHANGE = frozenset({"SELECT", "FROM", "VALUES", "TABLE", "SHOW", "DESCRIBE"})


def _types(name: str, value: object) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise FieldError(name, value, "a mapping of names to types")
    return dict(value)


def _output(_: str, value: object) -> object:
    if value is not UNSET:
        return value
    import pyarrow as pa  # not before a task is defined

    return pa.Table


class SQLTask(DatabaseTask, task_type="sql"):
    """A task that is a SQL query.

    >>> from tasksmithy import run
    >>> from tasksmithy_sql import SQLTask
    >>> squares = SQLTask(
    ...     name="squares",
    ...     query="select n, n * n as square from range(:stop) t(n)",
    ...     inputs={"stop": int},
    ... )
    >>> run(squares, stop=2).to_pylist()
    [{'n': 0, 'square': 0}, {'n': 1, 'square': 1}]

    Inputs are bound as parameters of the database: `:name`, `$name`, `%(name)s` or
    `{{ .inputs.name }}` in the text, as a SQL tokenizer finds them. They are never made part of the
    text, so no value can change what the query does. A list stands after `IN`; an `Identifier` is
    a quoted name. In DuckDB, an input that is a table (Arrow, pandas, polars) or a `File` (CSV,
    Parquet, JSON) is a table under its name.

    Raises:
        TaskDefinitionError: the query does not parse or is not one statement, its parameters are
            not the inputs, or another field's value is not allowed.
    """

    # Before `query`, which reads the file and becomes its text.
    query_file: str = task_field(
        default="",
        repr=False,
        derived=lambda task: read(task.query)[1] or task.query_file,
        doc="the file that a query given as text was read from, for messages.",
    )
    query: Converted[str | Path, str] = task_field(
        derived=lambda task: read(task.query)[0],
        doc="the text, one statement; or the path of a `.sql` file.",
    )
    inputs: Mapping[str, Any] = task_field(
        default_factory=dict,
        check=_types,
        doc="name to type of the inputs; the query uses each.",
    )
    output: Any = task_field(
        default=UNSET,
        check=_output,
        doc="what the result becomes: `pyarrow.Table` (where it is not given), "
        "`pyarrow.RecordBatchReader`, `pandas.DataFrame`, `polars.DataFrame`, `list[dict]`, a "
        "list of a dataclass or of a pydantic model, `File` for Parquet, a scalar type for one "
        "value, `RowCount` for the number of rows changed, or None.",
    )
    dialect: str | None = task_field(
        default=None,
        doc="the SQL dialect that the statement is rendered in for a remote engine; that of the "
        "database, if not given.",
    )
    interface: NativeInterface = task_field(
        default_factory=NativeInterface,
        derived=lambda task: NativeInterface.from_types(
            task.inputs, {} if task.output is None else {"o0": task.output}
        ),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        delivery(self.output)
        self._check(self.parsed)

    @property
    def parsed(self) -> Query:
        """The query and what its tokens say."""
        return analysed(self.query, self.query_file, self.url.dialect)

    @property
    def kinds(self) -> Mapping[str, Kind]:
        """What each input is for the query."""
        return {name: kind_of(f"inputs.{name}", declared) for name, declared in self.inputs.items()}

    def rendered(self) -> tuple[str, str]:
        """The statement for a remote engine and its dialect."""
        own = self.url.dialect or "ansi"
        if self.dialect is None or self.dialect == own:
            return self.query, own
        return dialects.transpiled(self.parsed, self.dialect), self.dialect

    def _check(self, query: Query) -> None:
        kinds = self.kinds
        tables = frozenset(name for name, kind in kinds.items() if kind in (Kind.TABLE, Kind.FILE))
        used = {parameter.name for parameter in query.parameters}
        if self.url.kind != "duckdb" and (unread := sorted(tables - used)):
            allowed = "tables as inputs of DuckDB alone; SQLWrite writes one into another database"
            raise FieldError("inputs", unread[0], allowed)
        check_names(query, self.inputs, tables)
        for parameter in query.parameters:
            kind = kinds[parameter.name]
            if kind is Kind.TABLE:
                allowed = f"a table by its name alone, {parameter.name}"
                raise query.error(parameter.start, allowed)
            if kind is Kind.LIST and not parameter.after_in:
                raise query.error(parameter.start, "a list alone after IN: in :name, in (:name)")
        syntax.check(
            query,
            frozenset(name for name, kind in kinds.items() if kind is Kind.NAME),
            frozenset(name for name, kind in kinds.items() if kind is Kind.LIST),
            transaction=self.transaction,
        )
        if self.is_cached and is_stream(self.output):
            raise FieldError("cache", self.cache, "no cache of a stream, it is read once")
        if self.output is RowCount and query.keywords[0] in _NO_CHANGE:
            allowed = f"another type: {query.keywords[0]} changes no rows"
            raise FieldError("output", "RowCount", allowed)
        if self.dialect is not None:
            dialects.check("dialect", self.dialect)
            self.rendered()
