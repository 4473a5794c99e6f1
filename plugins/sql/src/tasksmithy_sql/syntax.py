"""Whether a query parses, at definition: one statement, and where it is wrong.

DuckDB's own parser reads what is for DuckDB. For other databases sqlglot reads queries and changes
of rows; where it cannot, a real parser close to the dialect has the last word, so that a correct
statement which sqlglot does not know is not refused. Other statements the database itself checks.
"""

from __future__ import annotations

import re

from tasksmithy.extend import near_misses
from tasksmithy_sql.binding import Statement, double_quoted, spliced
from tasksmithy_sql.query import Parameter, Query

_PARSED = frozenset({"SELECT", "WITH", "INSERT", "UPDATE", "DELETE", "MERGE", "VALUES", "FROM"})
_STATEMENTS = {
    "postgres": frozenset(  # PostgreSQL, "SQL Commands"
        [
            "ABORT",
            "ALTER",
            "ANALYSE",
            "ANALYZE",
            "BEGIN",
            "CALL",
            "CHECKPOINT",
            "CLOSE",
            "CLUSTER",
            "COMMENT",
            "COMMIT",
            "COPY",
            "CREATE",
            "DEALLOCATE",
            "DECLARE",
            "DELETE",
            "DISCARD",
            "DO",
            "DROP",
            "END",
            "EXECUTE",
            "EXPLAIN",
            "FETCH",
            "GRANT",
            "IMPORT",
            "INSERT",
            "LISTEN",
            "LOAD",
            "LOCK",
            "MERGE",
            "MOVE",
            "NOTIFY",
            "PREPARE",
            "REASSIGN",
            "REFRESH",
            "REINDEX",
            "RELEASE",
            "RESET",
            "REVOKE",
            "ROLLBACK",
            "SAVEPOINT",
            "SECURITY",
            "SELECT",
            "SET",
            "SHOW",
            "START",
            "TABLE",
            "TRUNCATE",
            "UNLISTEN",
            "UPDATE",
            "VACUUM",
            "VALUES",
            "WITH",
            "(",
        ]
    ),
    "sqlite": frozenset(  # SQLite, "SQL As Understood By SQLite"
        [
            "ALTER",
            "ANALYZE",
            "ATTACH",
            "BEGIN",
            "COMMIT",
            "CREATE",
            "DELETE",
            "DETACH",
            "DROP",
            "END",
            "EXPLAIN",
            "INSERT",
            "PRAGMA",
            "REINDEX",
            "RELEASE",
            "REPLACE",
            "ROLLBACK",
            "SAVEPOINT",
            "SELECT",
            "UPDATE",
            "VACUUM",
            "VALUES",
            "WITH",
        ]
    ),
}
_TRANSACTIONS = frozenset({"BEGIN", "START", "COMMIT", "ROLLBACK", "END", "ABORT", "SAVEPOINT"})


def check(query: Query, names: frozenset[str], lists: frozenset[str], *, transaction: bool) -> None:
    """Check that a query is one statement that parses.

    Args:
        query: the query.
        names: the parameters that are identifiers.
        lists: the parameters that are lists.
        transaction: whether the task is a transaction by itself.

    Raises:
        FieldError: it is not; with line and column.
    """
    if query.second is not None:
        raise query.error(query.second, "one statement, not several")
    if transaction and query.keywords[0] in _TRANSACTIONS:
        allowed = f"no {query.keywords[0]}: the task is a transaction, unless transaction=False"
        raise query.error(0, allowed)

    first, words = query.keywords[0], _STATEMENTS.get(query.dialect)
    if first == "COPY" and query.dialect == "postgres" and {"stdin", "stdout"} & query.words:
        raise query.error(0, "no COPY from or to the client: a query gives rows, SQLWrite copies")
    if words is not None and first not in words:
        allowed = f"a query that parses: {first} begins no statement{near_misses(first, words)}"
        raise query.error(0, allowed)

    def stand_in(parameter: Parameter) -> str:
        if parameter.name in names:
            return double_quoted(parameter.name)
        is_bare_list = parameter.name in lists and not parameter.in_parentheses
        return "($1)" if is_bare_list else "$1"

    statement = spliced(query, stand_in)
    if query.dialect == "duckdb":
        problem = _duckdb(statement)
    elif first in _PARSED:
        problem = _sqlglot(statement)
        if problem is not None and not _refused_by_another(statement):
            problem = None
    else:
        problem = None
    if problem is not None:
        offset, reason = problem
        raise query.error(statement.origin(offset), f"a query that parses: {reason}")


def _duckdb(statement: Statement) -> tuple[int, str] | None:
    import duckdb

    try:
        duckdb.extract_statements(statement.text)
    except duckdb.Error as error:
        message = str(error)
        return offset_of(statement.text, message) or 0, reason_of(message)
    return None


def reason_of(message: str) -> str:
    """What a message of DuckDB says, without its kind and its excerpt of the statement."""
    first = message.partition("\nLINE ")[0].strip()
    return re.sub(r"^[\w ]+ Error: ", "", first).replace("\n", " ")


def offset_of(text: str, message: str) -> int | None:
    """The place that a message of DuckDB points at, as an offset in the statement."""
    matched = re.search(r"^LINE (\d+): (.*)\n( *)\^", message, re.M)
    if matched is None:
        return None
    lines = text.splitlines(keepends=True)
    number, excerpt = int(matched[1]) - 1, matched[2]
    caret = len(matched[3]) - len(f"LINE {matched[1]}: ")
    if number >= len(lines):
        return len(text)
    column = caret
    if excerpt.startswith("..."):  # a long line is cut at both ends
        column = lines[number].find(excerpt.strip(".")) + caret - 3
    return sum(map(len, lines[:number])) + max(column, 0)


def _sqlglot(statement: Statement) -> tuple[int, str] | None:
    from sqlglot import ErrorLevel, parse
    from sqlglot.errors import ParseError, TokenError

    try:
        parse(statement.text, dialect=statement.query.dialect, error_level=ErrorLevel.IMMEDIATE)
    except ParseError as error:
        first = error.errors[0]
        lines = statement.text.splitlines(keepends=True)
        line, column = first.get("line") or 1, first.get("col") or 1
        highlight = first.get("highlight") or ""
        offset = sum(map(len, lines[: line - 1])) + column - len(highlight)
        return max(offset, 0), f"there is an error at or near {highlight!r}"
    except TokenError:
        return 0, "its quotes are not closed"
    except RecursionError:  # nested too deeply for sqlglot: the database itself checks it
        return None
    return None


def _refused_by_another(statement: Statement) -> bool:
    """Whether a real parser, too, refuses what sqlglot refuses."""
    if statement.query.dialect == "sqlite":
        import sqlite3
        from contextlib import closing

        with closing(sqlite3.connect(":memory:")) as connection:
            try:
                connection.execute(f"explain {statement.text}", {"1": None})
            except sqlite3.Error as error:
                told = str(error)
                return any(word in told for word in ("syntax error", "incomplete", "unrecognized"))
        return False
    # DuckDB's parser descends from that of PostgreSQL; of other dialects it knows no more.
    return statement.query.dialect != "postgres" or _duckdb(statement) is not None
