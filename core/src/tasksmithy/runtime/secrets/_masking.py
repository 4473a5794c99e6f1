"""Masking: a secret that was handed out is `***` in whatever a run says of itself.

A value is found as it is, and as logs and errors tend to hold it: as `repr`, `ascii`, JSON and HTML
escape it, quoted for a URL, inside base64, line by line, and cut off by an ellipsis.

What a task prints or returns is its own affair, and is not masked.
"""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import GetSetDescriptorType, MemberDescriptorType
from typing import TYPE_CHECKING, Any

from tasksmithy._texts import cut, shorten

if TYPE_CHECKING:
    from tasksmithy.fields._secret import Secret

MASK = "***"

# Shorter values are in every text: to mask "1" or "dev" would destroy the logs and tell the value
# by what is missing. What is masked is longer than the mask, so masking shrinks a text and ends.
_SHORTEST = len(MASK) + 1

_CUT = "…"  # as `tasksmithy.errors.cut` ends a text
_MOST_READ = 100_000  # characters of a value that is shortened

# Not among them: the fields that a program adds, and those two that hold text from elsewhere.
_OF_EVERY_RECORD = vars(logging.makeLogRecord({})).keys() - {"exc_text", "stack_info"}

# What no value can hide in, and what a formatter needs as it is.
_PLAIN = (int, float, complex, type(None))


class Masker:
    """Replaces the values it was given, in text and in exceptions. Threads may share it.

    A value of fewer than four characters, not counting white space around it, is left alone.
    """

    def __init__(self) -> None:
        self._values: set[str] = set()
        self._forms: tuple[str, ...] = ()
        self._lock = threading.Lock()

    def add(self, values: Iterable[str]) -> None:
        """Mask these values, too, from now on."""
        with self._lock:
            new = set(values) - self._values
            if new:
                self._values |= new
                from tasksmithy.runtime.secrets._forms import forms_of  # most runs have no secret

                masked = [value for value in new if len(value.strip()) >= _SHORTEST]
                forms = {form for value in masked for form in forms_of(value)}
                self._forms = tuple(forms.union(self._forms))

    def hand_out(self, task: str, secrets: Mapping[Secret, str]) -> None:
        """`add` for the secrets of a task, with a warning for each that is too short to mask."""
        short = [
            secret.key
            for secret, value in secrets.items()
            if value not in self._values and 0 < len(value.strip()) < _SHORTEST
        ]
        self.add(secrets.values())
        for key in short:
            logging.getLogger("tasksmithy.run").warning(
                "the secret %r of task %r has fewer than %d characters: logs, errors and records "
                "show it, as so short a text is in everything",
                key,
                task,
                _SHORTEST,
            )

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

        The beginning of a value before an ellipsis, where a text was shortened, is masked, too.
        """
        # A search for each form is six times as fast as one regular expression of 40 forms in a
        # text of 1 MB, and no slower in a line of 80 characters.
        while found := [form for form in self._forms if form in text]:
            text = _replaced(text, [span for form in found for span in _occurrences(form, text)])
        if _CUT in text and (spans := list(self._cut_off(text))):
            text = _replaced(text, spans)
        return text

    def _cut_off(self, text: str) -> Iterator[tuple[int, int]]:
        """Where the beginning of a value stands before an ellipsis."""
        for end, _ in _occurrences(_CUT, text):
            for form in self._forms:
                length = _overlap(text[max(end - len(form), 0) : end], form)
                if length:
                    yield end - length, end

    def is_in(self, data: bytes) -> bool:
        """Whether any value is in the bytes of a text or an encoded value."""
        if not self._forms:
            return False
        text = data.decode("utf-8", "surrogateescape")
        return self.mask(text) is not text

    def mask_exception(self, error: BaseException) -> BaseException:
        """Mask the arguments, attributes and notes of an exception, its causes and its parts.

        The exceptions stay the objects that they are, but for a group: its message is immutable,
        so another one takes the place of a group whose message holds a value. What else is
        immutable, as in errors of extension modules, keeps its text.

        Returns:
            The exception to show, or to raise, instead of `error`; mostly that itself.
        """
        if not self._forms:
            return error
        related = [*_related(error)][::-1]  # the parts before the wholes
        replaced = self._regrouped(related)
        for each in (*related, *replaced.values()):
            each.args = tuple(map(self._masked, each.args))
            for name, value in list(vars(each).items()):
                if name == "__notes__":
                    each.__notes__ = [self._masked(note) for note in value]
                else:
                    vars(each)[name] = self._masked(value)
            for name in _slots(type(each)):
                self._mask_slot(each, name)
        return replaced.get(id(error), error)

    def _regrouped(self, related: Iterable[BaseException]) -> Mapping[int, BaseException]:
        """By `id`: a new group for each whose message, or that of a part, holds a value."""
        replaced: dict[int, BaseException] = {}
        for each in related:
            if id(each.__cause__) in replaced:
                each.__cause__ = replaced[id(each.__cause__)]
            if id(each.__context__) in replaced:
                each.__context__ = replaced[id(each.__context__)]
            if not isinstance(each, BaseExceptionGroup):
                continue
            message = self.mask(each.message)
            if message is not each.message or not replaced.keys().isdisjoint(
                map(id, each.exceptions)
            ):
                parts = [replaced.get(id(part), part) for part in each.exceptions]
                replaced[id(each)] = _group_like(each, message, parts)
        return replaced

    def mask_record(self, record: logging.LogRecord) -> None:
        """Mask the message, arguments, traceback and extra fields of a log record."""
        if not self._forms:
            return
        self._mask_message(record)
        if record.exc_info and record.exc_info[0] is not None:
            text = record.exc_text or "".join(traceback.format_exception(*record.exc_info))
            masked = self.mask(text)
            if masked is not text:
                # The exception belongs to the code that logs it, so it is its text that is masked:
                # a formatter appends `exc_text` where there is no `exc_info`.
                record.exc_text = masked.rstrip("\n")
                record.exc_info = None
        fields = vars(record)
        for name in fields.keys() - _OF_EVERY_RECORD:
            fields[name] = self._masked(fields[name])

    def _mask_message(self, record: logging.LogRecord) -> None:
        try:
            message = record.getMessage()
        except Exception:  # noqa: BLE001 - logging itself reports what does not fit the message
            record.msg, message = self._masked(record.msg), ""
        masked = self.mask(message)
        if masked is not message:
            record.msg, record.args = masked, ()
        if isinstance(record.args, tuple):
            record.args = tuple(map(self._masked, record.args))
        elif record.args:
            record.args = {name: self._masked(value) for name, value in record.args.items()}

    def _masked(self, value: Any) -> Any:
        """`value`, or its masked text where that holds a secret."""
        if isinstance(value, str):
            return self.mask(value)
        if isinstance(value, _PLAIN):
            return value
        for text in _texts(value):
            masked = self.mask(text)
            if masked is not text:
                return masked
        return value

    def _mask_slot(self, error: BaseException, name: str) -> None:
        value = getattr(error, name, None)
        masked = self.mask(value) if isinstance(value, str) else value
        if masked is not value:
            with suppress(AttributeError, TypeError):  # it may be read-only
                setattr(error, name, masked)


class _Logging:
    """The maskers of the runs that are active, applied to every record of every logger.

    A filter sees the records of its own logger or handler, and a record factory no extra fields;
    every record, also one that comes from another process, passes `Logger.handle`.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._maskers: tuple[Masker, ...] = ()
        self._original = logging.Logger.handle
        self._is_in_place = False

        def handle(logger: logging.Logger, record: logging.LogRecord) -> None:
            for masker in self._maskers:
                masker.mask_record(record)
            self._original(logger, record)

        self._handle = handle

    def add(self, masker: Masker) -> None:
        with self._lock:
            self._maskers += (masker,)
            if not self._is_in_place:
                self._original = logging.Logger.handle
                self._set(self._handle)
                self._is_in_place = True

    def remove(self, masker: Masker) -> None:
        with self._lock:
            self._maskers = tuple(each for each in self._maskers if each is not masker)
            # Where somebody has wrapped it meanwhile, it stays below and lets records through.
            if not self._maskers and logging.Logger.handle is self._handle:
                self._set(self._original)
                self._is_in_place = False

    @staticmethod
    def _set(handle: Any) -> None:
        logging.Logger.handle = handle  # type: ignore[method-assign]


_logging = _Logging()


@contextmanager
def masking() -> Iterator[Masker]:
    """A masker that also masks all that is logged in this process while the body runs.

    Several may be active at once, as several runs may: each record is masked by all of them.
    """
    masker = Masker()
    _logging.add(masker)
    try:
        yield masker
    finally:
        _logging.remove(masker)


def _texts(value: object) -> Iterator[str]:
    for convert in (str, repr):
        with suppress(Exception):  # what has no text shows nothing
            yield convert(value)


def _group_like(
    group: BaseExceptionGroup[Any], message: str, parts: Sequence[BaseException]
) -> BaseExceptionGroup[Any]:
    """A group as `group` in everything but its message and parts."""
    made = BaseExceptionGroup.__new__(type(group), message, parts)
    vars(made).update(vars(group))
    made.__cause__, made.__context__ = group.__cause__, group.__context__
    made.__suppress_context__ = group.__suppress_context__
    return made.with_traceback(group.__traceback__)


def _overlap(text: str, form: str) -> int:
    """How many characters at the end of `text` are the beginning of `form`; 0 for a few."""
    end = text[-_SHORTEST:]
    start = form.rfind(end) if len(end) == _SHORTEST else -1
    while start >= 0:
        length = start + _SHORTEST
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


def _related(error: BaseException) -> Iterator[BaseException]:
    """The exception, and those that it comes from or consists of."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        waiting += (each.__cause__, each.__context__)
        if isinstance(each, BaseExceptionGroup):
            waiting += each.exceptions


def _slots(kind: type[BaseException]) -> Iterator[str]:
    """The attributes outside of `__dict__`, such as the file name of an `OSError`."""
    for base in kind.__mro__:
        for name, attribute in vars(base).items():
            if isinstance(attribute, GetSetDescriptorType | MemberDescriptorType):
                yield name
