"""Masker: `***` in a text in the place of each value that it knows.

A value is found as it is, and as logs and errors tend to hold it: as `repr`, `ascii`, JSON, HTML
and a shell escape it, quoted for a URL, in hexadecimal, inside base64, line by line, broken over
lines, and cut off by an ellipsis.
"""

from __future__ import annotations

import re
import threading
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Any, Final

from tasksmithy._texts import cut, shorten

MASK: Final = "***"

# Shorter values are in every text: to mask "1" or "dev" would destroy the logs and tell the value
# by what is missing. What is masked is longer than the mask, so masking shrinks a text and ends.
SHORTEST: Final = len(MASK) + 1

_MOST_READ: Final = 100_000  # characters of a value that is shortened

# As `tasksmithy._texts.cut`, reprlib, pydantic and textwrap say that they have left something out.
_ELLIPSIS: Final = re.compile(r" ?\[(?:…|\.\.\.)\] ?|…|\.\.\.")

# A line end, with the margin that a wrapped text or a traceback of a group has. It begins where the
# white space does: to try each place in a long stretch of it would take quadratic time.
_BREAK: Final = re.compile(r"(?<![ \t])[ \t]*\r?\n[ \t|>]*")


class Masker:
    """Replaces the values it was given, in text. Threads may share it.

    A value of fewer than four characters, not counting white space around it, is left alone.
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, ...]] = {}  # the forms of each value; none of a short one
        self._forms: tuple[str, ...] = ()
        self._broken: tuple[str, ...] = ()
        self._lock = threading.Lock()

    def add(self, values: Iterable[str]) -> set[str]:
        """Mask these values, too, from now on.

        Returns:
            Those that were not known before.
        """
        with self._lock:
            new = set(values) - self._known.keys()
            if new:
                from tasksmithy.runtime.secrets._forms import (  # most runs have no secret
                    SHORTEST_LINE,
                    forms_of,
                )

                forms = {
                    value: () if self.is_short(value) else tuple(set(forms_of(value)))
                    for value in new
                }
                self._known = {**self._known, **forms}
                self._forms = tuple({form for forms in self._known.values() for form in forms})
                self._broken = tuple(form for form in self._forms if len(form) >= SHORTEST_LINE)
        return new

    def forget_threads(self) -> None:
        """In a forked child: nobody gives back what another thread held."""
        self._lock = threading.Lock()

    @staticmethod
    def is_short(value: str) -> bool:
        """Whether a value is too short to be masked."""
        return len(value.strip()) < SHORTEST

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to mask."""
        return not self._forms

    def shorten(self, value: object, limit: int) -> str:
        """`repr(value)` in at most `limit` characters, masked before it is cut."""
        if not self._forms:
            return shorten(value, limit)
        return cut(self.mask(shorten(value, _MOST_READ)), limit)

    def mask(self, text: str) -> str:
        """`text` with `***` for every value; the same object where there is none in it.

        What is left of a value beside an ellipsis, where a text was shortened, is masked, too.
        """
        if not self._forms:
            return text
        # A search for each form is six times as fast as one regular expression of 40 forms in a
        # text of 1 MB, and no slower in a line of 80 characters.
        while found := [form for form in self._forms if form in text]:
            text = _replaced(text, [span for form in found for span in _occurrences(form, text)])
        if "\n" in text and (spans := list(self._over_lines(text))):
            text = _replaced(text, spans)
        if ("…" in text or "..." in text) and (spans := list(self._cut_off(text))):
            text = _replaced(text, spans)
        return text

    def known_in(self, data: bytes) -> set[str]:
        """The values that are in the bytes of a text or an encoded value."""
        if not self._forms:
            return set()
        text = data.decode("utf-8", "surrogateescape")
        return {
            value
            for value, forms in self._known.items()
            if forms and (any(form in text for form in forms) or _is_encoded_in(value, data))
        }

    def is_in(self, data: bytes) -> bool:
        """Whether any value is in the bytes of a text or an encoded value."""
        if not self._forms:
            return False
        text = data.decode("utf-8", "surrogateescape")
        return self.mask(text) is not text or bool(self.known_in(data))

    def _cut_off(self, text: str) -> Iterator[tuple[int, int]]:
        """Where the beginning of a value stands before an ellipsis, or its end behind one."""
        for ellipsis in _ELLIPSIS.finditer(text):
            start, end = ellipsis.span()
            for form in self._forms:
                if length := _overlap(text[max(start - len(form), 0) : start], form):
                    yield start - length, start
                if length := _overlap(text[end : end + len(form)][::-1], form[::-1]):
                    yield end, end + length

    def _over_lines(self, text: str) -> Iterator[tuple[int, int]]:
        """Where a value is broken over lines, inside of a word or in the place of a space."""
        breaks = [found.span() for found in _BREAK.finditer(text)]
        for joint in ("", " "):
            joined = _BREAK.sub(joint, text)
            # How many characters the text has lost before each break, and after the last one.
            lost = [0, *accumulate(stop - start - len(joint) for start, stop in breaks)]
            places = [start - lost[number] for number, (start, _) in enumerate(breaks)]
            for form in (form for form in self._broken if joint in form):
                for start, stop in _occurrences(form, joined):
                    last = stop - 1
                    yield (
                        start + lost[bisect_right(places, start)],
                        last + lost[bisect_right(places, last)] + 1,
                    )


def masked_json(value: Any, masker: Masker) -> Any:
    """A value of JSON with its texts masked; numbers are none."""
    if masker.is_empty:
        return value
    if isinstance(value, str):
        return masker.mask(value)
    if isinstance(value, list | tuple):
        return [masked_json(each, masker) for each in value]
    if isinstance(value, dict):
        return {masker.mask(name): masked_json(each, masker) for name, each in value.items()}
    return value


def _is_encoded_in(value: str, data: bytes) -> bool:
    from tasksmithy.runtime.secrets._forms import encodings_of

    return any(encoded in data for encoded in encodings_of(value))


def _overlap(text: str, form: str) -> int:
    """How many characters at the end of `text` are the beginning of `form`; 0 for a few."""
    end = text[-SHORTEST:]
    start = form.rfind(end) if len(end) == SHORTEST else -1
    while start >= 0:
        length = start + SHORTEST
        if text.endswith(form[:length]):
            return length
        start = form.rfind(end, 0, length - 1)
    return 0


def _occurrences(form: str, text: str) -> Iterator[tuple[int, int]]:
    """Where `form` is in `text`, also overlapping itself."""
    start = text.find(form)
    while start >= 0:
        yield start, start + len(form)
        start = text.find(form, start + 1)


def _replaced(text: str, spans: list[tuple[int, int]]) -> str:
    """`text` with one mask for each stretch that is covered by spans."""
    # Overlapping occurrences are one stretch: to replace only the first would leave the rest of
    # the second readable.
    pieces: list[str] = []
    end = 0
    for start, stop in sorted(spans):
        if start > end or not pieces:
            pieces += (text[end:start], MASK)
        end = max(end, stop)
    return "".join(pieces) + text[end:]
