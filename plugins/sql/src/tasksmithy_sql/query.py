"""A query as written: its text, and the parameters that a SQL tokenizer finds in it.

The text is never reflowed. What is no parameter is left alone: a string, a comment, a cast
`::int`, a slice `[lo:hi]`, a path into JSON.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasksmithy.errors import FieldError
from tasksmithy.extend import near_misses

if TYPE_CHECKING:
    from sqlglot.dialects.dialect import Dialect
    from sqlglot.tokenizer_core import Token

_NAME = r"([^\W\d]\w*)"
_PARAMETER = re.compile(
    rf":{_NAME}|\${_NAME}(?![\w$])|%\({_NAME}\)s|\{{\{{\s*\.inputs\.{_NAME}\s*\}}\}}"
)
_NUMBERED = re.compile(r"[:$]\d+|\?|%s")
# Operators of JSON in PostgreSQL: `?|`, `?&`, and `?` before an operand.
_QUESTION = re.compile(rf"\?\s*(?:[|&](?![|&])|'|{_PARAMETER.pattern})")

# What ends an operand: a colon after one of these is a slice, a path or a key, not a parameter.
_OPERANDS = frozenset({"IDENTIFIER", "STRING", "NUMBER", "R_BRACKET"})
# Where a routine's or a trigger's body is BEGIN, statements, END, and only CASE has another END.
_BODIES_OF_STATEMENTS = frozenset({"duckdb", "postgres", "sqlite"})
_OPENING = frozenset({"L_PAREN", "L_BRACKET", "L_BRACE"})
_CLOSING = frozenset({"R_PAREN", "R_BRACKET", "R_BRACE"})
_WRITTEN = ":name, $name, %(name)s or {{ .inputs.name }}"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter where it stands in the text.

    Attributes:
        name: the input that it stands for.
        start, end: its place in the text, as a slice.
        after_in: whether it stands alone after `IN`, where a list may stand.
        in_parentheses: whether it is in parentheses there.
    """

    name: str
    start: int
    end: int
    after_in: bool = False
    in_parentheses: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """A query and what its tokens say.

    Attributes:
        text: the query as written.
        file: the file that it was read from, or "".
        dialect: the dialect it is written in, in sqlglot's name.
        parameters: the parameters in their order in the text.
        words: the names that the text uses, in lower case; for tables that are inputs.
        keywords: the first two words, in upper case.
        second: where a second statement begins, or None.
        end: where the statement ends; a semicolon, comments and white space may follow.
        normal: the tokens, one after the other: the same for texts that differ only in white space
            and comments.
    """

    text: str
    file: str
    dialect: str
    parameters: tuple[Parameter, ...]
    words: frozenset[str]
    keywords: tuple[str, ...]
    second: int | None
    end: int
    normal: str

    def where(self, offset: int) -> str:
        """A place in the text: `line 2, column 5`, with the file where there is one."""
        before = self.text[:offset]
        line, column = before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1
        return f"{f'{self.file}, ' if self.file else ''}line {line}, column {column}"

    def error(self, offset: int, allowed: str) -> FieldError:
        """The error that something at `offset` is not allowed."""
        return FieldError("query", self.text.strip(), f"{allowed} ({self.where(offset)})")


def read(query: object) -> tuple[str, str]:
    """The text of a query, and the file that it is in: a Path, or a str that ends in `.sql`.

    Raises:
        FieldError: it is neither text nor a file that can be read.
    """
    if isinstance(query, str) and not re.fullmatch(r"\S+\.sql", query):
        if not query.strip():
            raise FieldError("query", query, "a query: text, or the path of a .sql file")
        return query, ""
    if not isinstance(query, str | Path):
        raise FieldError("query", query, "a query: text, or the path of a .sql file")
    path = Path(query)
    try:
        return path.read_text(encoding="utf-8"), str(path)
    except (OSError, UnicodeDecodeError) as error:
        close = ""
        if path.parent.is_dir():
            close = near_misses(path.name, [file.name for file in path.parent.glob("*.sql")])
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        allowed = f"a .sql file that can be read ({reason}){close}"
        raise FieldError("query", str(path), allowed) from None


@lru_cache(maxsize=256)
def analysed(text: str, file: str, dialect: str) -> Query:
    """What a query's tokens say.

    Raises:
        FieldError: it has no token, a quote that is not closed, or parameters without a name.
    """
    from sqlglot.dialects.dialect import Dialect
    from sqlglot.errors import TokenError

    try:
        tokens = _tokens(Dialect.get_or_raise(dialect), text)
    except TokenError:
        bare = Query(text, file, dialect, (), frozenset(), (), None, len(text), text)
        raise bare.error(_unclosed(text), "a query whose quotes and comments are closed") from None
    found: list[Parameter] = []
    code: list[Token] = []
    normal: list[str] = []
    end = 0
    for token in tokens:
        if token.start < end:  # inside a parameter
            continue
        matched = _PARAMETER.match(text, token.start)
        if matched is None or not _may_begin(token, code, text):
            code.append(token)
            normal.append(f"{token.token_type.name} {token.text}")
            continue
        name, end = matched[matched.lastindex or 0], matched.end()
        found.append(_in_context(Parameter(name, token.start, end), code, tokens))
        normal.append(f"parameter {name}")
    ends = [token.end + 1 for token in tokens if token.token_type.name != "SEMICOLON"]
    if not ends:
        raise FieldError("query", text, "a query: there is nothing but white space and comments")
    words = [token.text for token in code if token.token_type.name not in ("STRING", "NUMBER")]
    second = _second(code, dialect)
    query = Query(
        text,
        file,
        dialect,
        tuple(found),
        frozenset(word.lower() for word in words),
        tuple(word.upper() for word in words[:2]),
        second,
        ends[-1],
        # Comments that a database executes are none.
        text if "/*!" in text or "/*+" in text else "\0".join(normal),
    )
    _refuse_numbered(query, code)
    return query


def _tokens(dialect: Dialect, text: str, begin: int = 0) -> list[Token]:
    """The tokens from `begin` on; sqlglot takes what follows CALL, EXPLAIN and others for one."""
    tokens = dialect.tokenize(" " * begin + text[begin:])
    if len(tokens) > 1:
        command, rest = tokens[:2]
        is_bare = text[command.end + 1 : rest.end + 1].strip() == rest.text
        if rest.token_type.name == "STRING" and is_bare:  # a string has quotes
            return [command, *_tokens(dialect, text, command.end + 1)]
    return tokens


def _may_begin(token: Token, before: list[Token], text: str) -> bool:
    """Whether a parameter may begin here, or the colon belongs to what stands before it."""
    if text[token.start] != ":" or not before:
        return True
    adjacent = token.start > 0 and (
        text[token.start - 1].isalnum() or text[token.start - 1] in "_)"
    )
    return not adjacent and before[-1].token_type.name not in _OPERANDS


def _in_context(parameter: Parameter, before: list[Token], tokens: list[Token]) -> Parameter:
    """The parameter with what it needs to know of `IN`."""
    kinds = [token.token_type.name for token in before[-2:]]
    if kinds[-1:] == ["IN"]:
        return Parameter(parameter.name, parameter.start, parameter.end, after_in=True)
    if kinds == ["IN", "L_PAREN"]:
        after = next((token for token in tokens if token.start >= parameter.end), None)
        alone = after is not None and after.token_type.name == "R_PAREN"
        return Parameter(parameter.name, parameter.start, parameter.end, alone, alone)
    return parameter


def _second(code: list[Token], dialect: str) -> int | None:
    """Where a second statement begins; what is in the body of a trigger or a routine is none."""
    first = [token.text.upper() for token in code[:6]]
    has_body = first[:1] == ["CREATE"] and {"TRIGGER", "FUNCTION", "PROCEDURE"} & set(first)
    if has_body and dialect not in _BODIES_OF_STATEMENTS:
        return None
    ended, depth = False, 0
    for token in code:
        if has_body and token.token_type.name != "IDENTIFIER":
            word = token.text.upper()
            depth += (word in ("BEGIN", "CASE")) - (word == "END")
        if token.token_type.name == "SEMICOLON":
            ended = ended or not depth
        elif ended:
            return token.start
    return None


def _refuse_numbered(query: Query, code: list[Token]) -> None:
    ends = {parameter.end for parameter in query.parameters}
    brackets: list[str] = []
    for before, token in zip([None, *code], code, strict=False):
        kind = token.token_type.name
        if kind in _OPENING:
            brackets.append(kind)
        elif kind in _CLOSING and brackets:
            brackets.pop()
        matched = _NUMBERED.match(query.text, token.start)
        if matched is None or token.token_type.name in ("STRING", "IDENTIFIER"):
            continue
        previous = before.token_type.name if before is not None else ""
        operand = previous in _OPERANDS or previous in ("VAR", "R_PAREN", "L_BRACKET")
        # In a slice or a map, an operand may end with a word: 1::int, true. Or with a parameter.
        is_word = before is not None and before.text.isidentifier()
        operand |= bool(brackets) and brackets[-1] != "L_PAREN" and is_word
        operand |= token.start in ends
        if (operand and matched[0][0] in ":%?") or _QUESTION.match(query.text, token.start):
            continue  # a slice, a modulo, an operator of JSON
        allowed = f"parameters by name ({_WRITTEN}), not {matched[0]}"
        raise query.error(token.start, allowed)


def _unclosed(text: str) -> int:
    """Where the quote or comment begins that is not closed."""
    opened = re.compile(
        r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/|(?P<open>['\"]|/\*)", re.S
    )
    return next((m.start() for m in opened.finditer(text) if m["open"]), 0)


def check_names(query: Query, inputs: Mapping[str, Any], tables: frozenset[str]) -> None:
    """Check that the parameters are inputs, and that every input is used.

    Args:
        query: the query.
        inputs: the inputs by name.
        tables: those of them that may be used as tables, by their name in the text.

    Raises:
        FieldError: one is not.
    """
    for parameter in query.parameters:
        if parameter.name not in inputs:
            written = query.text[parameter.start : parameter.end]
            close = near_misses(parameter.name, inputs)
            raise query.error(
                parameter.start, f"parameters that are inputs; {written} is none{close}"
            )
    used = {parameter.name for parameter in query.parameters}
    for name in inputs:
        if name in used or (name in tables and name.lower() in query.words):
            continue
        how = f"as the table {name}" if name in tables else f"as :{name}"
        raise FieldError("inputs", name, f"inputs that the query uses, {how}")
