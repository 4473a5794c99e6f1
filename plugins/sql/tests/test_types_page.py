"""The page of the types of the databases is made of the table that the tests go through.

`python -m plugins.sql.tests.test_types_page` writes it.
"""

from __future__ import annotations

from pathlib import Path

from plugins.sql.tests.database_types import MATRIX

PAGE = Path(__file__).parents[3] / "docs" / "sql-types.md"


def page() -> str:
    """The page of the docs."""
    lines = ["# The types of the databases", "", *_INTRODUCTION.strip().splitlines()]
    for name, kinds in MATRIX.items():
        lines += ["", f"## {name}", "", "| type | in Arrow | refused |", "|---|---|---|"]
        for kind in kinds:
            if kind.arrow:
                said = kind.extra.get("page", f"`{kind.name}`")
                lines.append(f"| {said} | `{kind.arrow}` | {kind.limits} |")
        foreign = [f"`{kind.name}`" for kind in kinds if not kind.arrow]
        if foreign:
            lines += ["", f"Refused: {', '.join(foreign)}."]
    return "\n".join([*lines, "", *_NOTES.strip().splitlines()]) + "\n"


_INTRODUCTION = """
What a column of a SQL task's result is in Arrow. It does not depend on the values: one that the
type cannot hold is refused, with column and row. A type without an entry is refused: cast it to
text, or to a type that is here. In lists, arrays, structs, composites, maps and unions, at any
depth, a type is what it is alone. This page is made from the table that the tests go through, in
which each type in each container is compared with the database's own text.
"""

_NOTES = """
An array of PostgreSQL of several dimensions is refused, as Arrow has lists of lists alone. An array
of a domain over a number, and a domain over one in a composite, is refused too: the driver does not
say what it is of. Composites and arrays forget precision and scale of their numerics.

A column of a table of SQLite has the type that it is declared with. An expression has that of its
values: an integer beside a float is a float, if it is exactly one; text beside a number is refused.
"""


def test_the_page_of_the_docs_is_made_of_the_table():
    made_by = "python -m plugins.sql.tests.test_types_page"
    assert PAGE.read_text() == page(), f"{made_by} makes it"


if __name__ == "__main__":
    PAGE.write_text(page())
