"""Exits: the values that runs of this process have handed out, and where their text leaves it.

`handed_out` knows every secret that a run of this process has handed out, until the process ends.
What writes text for people or to disk asks it at the moment of writing: `say`, the stores, the
command line's errors. What Python writes by itself passes through here, once there is a secret:

- records of `logging`, before a handler sees them;
- warnings, as text;
- errors that nobody has handled, as `sys`, `threading` and the interpreter print them.

The objects of exceptions stay as they are: text is masked, and only where it leaves. What a task or
a program prints, and what it returns, is its own, and is not masked.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Protocol
from weakref import WeakSet

from tasksmithy.runtime.secrets._masking import SHORTEST, Masker

if TYPE_CHECKING:
    import logging

    from tasksmithy.fields._secret import Secret

handed_out: Final = Masker()
"""Knows what runs of this process have handed out."""

os.register_at_fork(after_in_child=handed_out.forget_threads)


class Written(Protocol):
    """What writes text to disk, masked when it is written."""

    def mask_written(self) -> None:
        """Mask what was written before its secrets were known; from any thread."""
        ...


stores: Final[WeakSet[Written]] = WeakSet()
"""What is to be masked again when there is another value."""


def hand_out(task: str, secrets: Mapping[Secret, str]) -> None:
    """Mask the secrets of a task from now on, also in what has been written before.

    It may take a while, as what has been written is read again. A secret that is too short to mask
    is a warning.

    Args:
        task: name of the task.
        secrets: the values.
    """
    new = learn(secrets.values())
    for secret, value in secrets.items():
        if value in new and value and handed_out.is_short(value):
            import logging

            logging.getLogger("tasksmithy.run").warning(
                "the secret %r of task %r has fewer than %d characters: logs, errors and records "
                "show it, as so short a text is in everything",
                secret.key,
                task,
                SHORTEST,
            )


def masked(text: str) -> str:
    """Text as it may leave this process: without the secrets that runs of it have handed out."""
    return handed_out.mask(text)


def learn(values: Iterable[str]) -> set[str]:
    """Mask these values from now on, also in what has been written before.

    Returns:
        Those that were not known before.
    """
    new = handed_out.add(values)
    if new and not handed_out.is_empty:
        _guard()
        for store in tuple(stores):
            store.mask_written()
    return new


@cache  # once in a process; another thread that comes in between masks twice, which is no harm
def _guard() -> None:
    """Have all that Python writes by itself pass through here, until the process ends."""
    _guard_logging()
    _guard_warnings()
    _guard_errors()


def _guard_logging() -> None:
    # A filter sees the records of its own logger or handler, and a record factory no extra fields.
    # Every record that a handler gets, also one from another process, passes `callHandlers`.
    import logging

    from tasksmithy.runtime.secrets._log_records import mask_record

    original = logging.Logger.callHandlers

    def call_handlers(logger: logging.Logger, record: logging.LogRecord) -> None:
        mask_record(record, handed_out)
        original(logger, record)

    logging.Logger.callHandlers = call_handlers  # type: ignore[assignment,method-assign]


def _guard_warnings() -> None:
    import warnings

    original = warnings.formatwarning

    def format_warning(*args: Any, **named: Any) -> str:
        return handed_out.mask(original(*args, **named))

    warnings.formatwarning = format_warning


def _guard_errors() -> None:
    """Print an error that holds a value as masked text; any other as before."""
    in_main, in_thread, ignored = sys.excepthook, threading.excepthook, sys.unraisablehook

    def in_main_masked(kind: Any, error: Any, trace: Any) -> None:
        if not _printed("", kind, error, trace):
            in_main(kind, error, trace)

    def in_thread_masked(args: Any) -> None:
        name = args.thread.name if args.thread is not None else threading.get_ident()
        if not _printed(f"Exception in thread {name}:\n", *args[:3]):
            in_thread(args)

    def ignored_masked(args: Any) -> None:
        message = args.err_msg or "Exception ignored in"
        with suppress(Exception):  # what has no text shows nothing
            message = f"{message}: {args.object!r}\n"
        if not _printed(message, args.exc_type, args.exc_value, args.exc_traceback):
            ignored(args)

    sys.excepthook, threading.excepthook = in_main_masked, in_thread_masked
    sys.unraisablehook = ignored_masked


def _printed(head: str, kind: Any, error: Any, trace: Any) -> bool:
    """Print an error to standard error if masking changes its text; whether it does."""
    import traceback

    text = head + "".join(traceback.format_exception(kind, error, trace))
    masked = handed_out.mask(text)
    if masked is text:
        return False
    with suppress(OSError, ValueError, AttributeError):  # it is closed, or there is none
        sys.stderr.write(masked)
    return True
