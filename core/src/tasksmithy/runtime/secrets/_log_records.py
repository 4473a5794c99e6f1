"""Log records: their texts, masked before a handler sees them."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

from tasksmithy.runtime.secrets._masking import Masker

# What no value can hide in, and what a formatter needs as it is.
_PLAIN: Final = (int, float, complex, type(None))

# Masked with the message; and the text of a traceback, which is made of the other.
_OF_THE_MESSAGE: Final = {"msg", "args", "exc_info"}


def mask_record(record: logging.LogRecord, masker: Masker) -> None:
    """Mask the message, arguments, traceback and extra fields of a record.

    What the record was made of is not touched: an exception, a mapping of the caller's.
    """
    _mask_message(record, masker)
    if record.exc_info and record.exc_info[0] is not None:
        text = record.exc_text or "".join(traceback.format_exception(*record.exc_info))
        shown = masker.mask(text)
        if shown is not text:
            # A formatter appends `exc_text` where there is no `exc_info`.
            record.exc_text = shown.rstrip("\n")
            record.exc_info = None
    fields = vars(record)
    others = {name: fields[name] for name in fields.keys() - _OF_THE_MESSAGE}
    texts = "\0".join(value for value in others.values() if isinstance(value, str))
    in_text = masker.mask(texts) is not texts  # all at once: mostly there is nothing
    for name, value in others.items():
        if in_text or not isinstance(value, str):
            fields[name] = _masked(value, masker)


def _mask_message(record: logging.LogRecord, masker: Masker) -> None:
    try:
        message = record.getMessage()
    except Exception:  # noqa: BLE001 - logging itself reports what does not fit the message
        record.msg, message = _masked(record.msg, masker), ""
    shown = masker.mask(message)
    if shown is not message:
        record.msg, record.args = shown, ()
    if isinstance(record.args, tuple):
        record.args = tuple(_masked(value, masker) for value in record.args)
    elif record.args:
        record.args = {name: _masked(value, masker) for name, value in record.args.items()}


def _masked(value: Any, masker: Masker) -> Any:
    """`value`, or its masked text where that holds a secret."""
    if isinstance(value, str):
        return masker.mask(value)
    if isinstance(value, _PLAIN):
        return value
    for text in _texts(value):
        shown = masker.mask(text)
        if shown is not text:
            return shown
    return value


def _texts(value: object) -> Iterator[str]:
    for convert in (str, repr):
        with suppress(Exception):  # what has no text shows nothing
            yield convert(value)
