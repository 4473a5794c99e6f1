"""A query in the dialect of another engine, transpiled by sqlglot."""

from __future__ import annotations

import re

from tasksmithy.errors import FieldError
from tasksmithy.extend import near_misses
from tasksmithy_sql.binding import spliced
from tasksmithy_sql.query import Parameter, Query


def check(field: str, dialect: object) -> str:
    """The dialect, if sqlglot knows it.

    Raises:
        FieldError: it does not.
    """
    from sqlglot.dialects.dialect import Dialects

    known = sorted(known.value for known in Dialects if known.value)
    if not isinstance(dialect, str) or dialect not in known:
        close = near_misses(dialect, known) if isinstance(dialect, str) else ""
        raise FieldError(field, dialect, f"one of {', '.join(known)}{close}")
    return dialect


def transpiled(query: Query, dialect: str) -> str:
    """The query in another dialect, its parameters as they are written.

    Raises:
        FieldError: sqlglot cannot read it, or has no way to say it there.
    """
    from sqlglot import ErrorLevel, transpile
    from sqlglot.errors import SqlglotError

    written: list[str] = []

    def stand_in(parameter: Parameter) -> str:
        written.append(query.text[parameter.start : parameter.end])
        # A plain name is an operand, a table or a column in every dialect.
        name = f"tasksmithy_{len(written)}_"
        return name if parameter.in_parentheses or not parameter.after_in else f"({name})"

    source = spliced(query, stand_in).text
    try:
        [text] = transpile(
            source,
            read=query.dialect or None,
            write=dialect,
            pretty=True,
            unsupported_level=ErrorLevel.RAISE,
        )
    except (SqlglotError, ValueError, RecursionError) as error:
        told = str(error).partition("\n")[0]
        raise FieldError("dialect", dialect, f"a dialect that can say the query: {told}") from None
    return re.sub(r"\btasksmithy_(\d+)_\b", lambda found: written[int(found[1]) - 1], text)
