"""Files of lines `NAME=value`, as `.env` files are written.

    # a comment
    API_KEY=s3cr3t          # white space ends a value before a comment
    export TOKEN='kept as it is, also $HOME and \\n'
    PEM="several lines, or \\n for a line end; also \\r \\t \\" \\$ and \\\\"

Nothing is expanded: a `$` in a password is a `$`.
"""

from __future__ import annotations

import re

from tasksmithy.errors import SettingsError

# python-dotenv would be a dependency of the core for these lines, and it passes over what it
# cannot read: a typing error would be a secret that is missing, or one from another place.
_LINE = re.compile(
    r"""
    [ \t]*
    (?: (?:export[ \t]+)? (?P<name>[\w.-]+)
        (?: [ \t]*=
            (?: [ \t]*'(?P<literal>[^']*)'
              | [ \t]*"(?P<escaped>(?:[^"\\]|\\.)*)"
              | (?P<plain>(?![ \t]*['"])(?:(?![ \t]\#)[^\n])*)
            )
        )?
    )?
    [ \t]*(?:\#[^\n]*)?(?:\n|\Z)
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"""\\([nrt"$\\])""")
_MEANING = {"n": "\n", "r": "\r", "t": "\t"}


def parse(text: str, file: str) -> dict[str, str]:
    """The values by name; of two with one name the last. A name without `=` has none.

    Args:
        text: what the file holds.
        file: what messages call it.

    Raises:
        SettingsError: a line that is none of these, by its number; what it says is not told.
    """
    text = text.replace("\r\n", "\n")
    values: dict[str, str] = {}
    position = 0
    while position < len(text):
        line = _LINE.match(text, position)
        if line is None:
            number = text.count("\n", 0, position) + 1
            raise SettingsError(
                f"{file}, line {number}: this is not NAME=value; give a name of letters, digits, "
                "'_', '.' and '-', and close a quote that is opened, with nothing after it but a "
                "comment"
            )
        if (value := _value(line)) is not None:
            values[line["name"]] = value
        position = line.end()
    return values


def _value(line: re.Match[str]) -> str | None:
    if line["escaped"] is not None:
        return _ESCAPE.sub(lambda found: _MEANING.get(found[1], found[1]), line["escaped"])
    if line["plain"] is not None:
        return line["plain"].strip()
    return line["literal"]
