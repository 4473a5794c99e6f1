"""Texts of messages: shortened values, and the names that are close to a wrong one."""

from __future__ import annotations

from collections.abc import Iterable


def shorten(value: object, limit: int = 80) -> str:
    """`repr(value)` in at most `limit` characters, for use in a message; never raises."""
    try:
        text = repr(value)
    except Exception as error:  # noqa: BLE001 - a broken __repr__ must not hide the message it is part of
        text = f"<{type(value).__name__}: its repr raised {type(error).__name__}>"
    return cut(text, limit)


def cut(text: str, limit: int) -> str:
    """`text` in at most `limit` characters; an ellipsis stands for the rest."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def printable(text: str) -> str:
    """`text` with nothing in it that a terminal would obey, but line ends and tabs."""
    return text.translate(_OBEYED)


def in_one_line(text: str) -> str:
    """`text` in one line, with nothing in it that a terminal would obey."""
    return printable(text).replace("\n", "\\n").replace("\t", "\\t")


# Control characters, and what has the text around it read from the right or in another line.
_OBEYED = {
    code: ascii(chr(code))[1:-1]
    for start, end in ((0, 32), (127, 160), (0x200E, 0x2010), (0x2028, 0x202F), (0x2066, 0x206A))
    for code in range(start, end)
    if chr(code) not in "\n\t"
}


def near_misses(name: str, known: Iterable[str]) -> str:
    """`"; did you mean 'x'?"` where something in `known` is close to `name`, otherwise `""`."""
    import difflib  # only on the way to an error

    close = difflib.get_close_matches(name, sorted(known), n=3)
    return f"; did you mean {' or '.join(map(repr, close))}?" if close else ""


def type_and_message(error: BaseException) -> str:
    """`OSError: busy`, as Python ends a traceback; never raises."""
    name, text = type(error).__qualname__, message(error)
    return f"{name}: {text}" if text else name


def message(error: BaseException) -> str:
    """`str(error)`, for use in another message; never raises."""
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - as in `shorten`
        return shorten(error)
