"""How a value looks in logs and errors: as escapes, in a URL, inside base64, line by line."""

from __future__ import annotations

import base64
import html
import json
import shlex
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

# A line of a longer value is no secret by itself where it is a brace or a word.
SHORTEST_LINE = 8


def forms_of(value: str) -> Iterator[str]:
    """What is to be looked for, so that `value` is found."""
    core = value.strip()
    for whole in (value, core):
        yield from _escaped_twice(whole)
        data = whole.encode(errors="surrogatepass")
        for quoted in (quote(data), quote(data, safe=""), quote_plus(data)):
            yield from (quoted, _lower_escapes(quoted))
        yield from (data.hex(), data.hex().upper())
        yield from _base64(data)
    for line in core.splitlines():
        if len(line.strip()) >= SHORTEST_LINE:
            yield from _escaped(line.strip())


def encodings_of(value: str) -> Iterator[bytes]:
    """What is to be looked for in bytes that are no UTF-8: text as arrays and databases hold it."""
    for encoding in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"):
        yield value.strip().encode(encoding, errors="surrogatepass")


def _escaped_twice(text: str) -> Iterator[str]:
    """Also as in the `repr` of a message that has the `repr` of a value, or in JSON in JSON."""
    for once in set(_escaped(text)):
        yield from _escaped(once)


def _escaped(text: str) -> Iterator[str]:
    yield text
    data = text.encode(errors="surrogatepass")
    # The text around it decides whether repr escapes a single quote; with a double quote in it,
    # it does.
    yield from (repr(text)[1:-1], repr('"' + text)[2:-1])
    yield from (ascii(text)[1:-1], ascii('"' + text)[2:-1])
    yield from (repr(data)[2:-1], repr(b'"' + data)[3:-1])
    yield from (json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1])
    in_html = html.escape(text, quote=False)
    yield from (in_html, html.escape(text))
    yield in_html.replace("'", "&#39;").replace('"', "&#34;")
    yield shlex.quote(f"{text} ")[1:-2]


def _lower_escapes(quoted: str) -> str:
    """`%2F` as `%2f`, which means the same."""
    first, *others = quoted.split("%")
    return "%".join([first, *(other[:2].lower() + other[2:] for other in others)])


def _base64(data: bytes) -> Iterator[str]:
    """The characters that `data` alone decides, wherever it begins in what is encoded.

    Three bytes are four characters, so there are three ways to begin.
    """
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(data).decode()
        for before in range(3):
            text = encode(bytes(before) + data).decode()
            first, last = -(-before * 8 // 6), (before + len(data)) * 8 // 6
            yield text[first:last]
