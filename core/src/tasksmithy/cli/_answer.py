"""Standard output belongs to the answer of a command, whatever the code of others does to it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout, suppress
from typing import Any, TextIO


@contextmanager
def answer_alone() -> Iterator[TextIO]:
    """Standard output for the answer; what else is written to it goes to standard error.

    Also what is written by the number of the file, as native libraries do.
    """
    own = _is_own(sys.stdout)
    with ExitStack() as stack:
        answer = stack.enter_context(answer_kept())
        if own and sys.stderr is not None:
            os.dup2(2, 1)
            stack.callback(os.dup2, answer.fileno(), 1)
            others = os.fdopen(os.dup(2), "w", buffering=1, errors="backslashreplace")
            stack.callback(_close, others)
            stack.enter_context(redirect_stdout(others))
        else:
            stack.enter_context(redirect_stdout(sys.stderr))
        yield answer


@contextmanager
def answer_kept() -> Iterator[TextIO]:
    """Standard output for the answer, also where others have closed or replaced theirs."""
    usual = sys.stdout
    if usual is None:  # closed by who has started this
        with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: PTH123 - it is no path
            yield nowhere
        return
    if not _is_own(usual):
        yield usual
        return
    usual.flush()
    answer = os.fdopen(os.dup(1), "w", encoding=usual.encoding, errors=usual.errors)
    try:
        yield answer
        answer.flush()
    finally:
        _close(answer)


def _is_own(stream: Any) -> bool:
    """Whether a stream is the standard output of the process, and none that a program has set."""
    try:
        return bool(stream.fileno() == 1)
    except (AttributeError, OSError, ValueError):
        return False


def _close(stream: TextIO) -> None:
    with suppress(OSError, ValueError):
        stream.close()
