"""How a failure is told: a message, or the traceback of the person's own code."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path

from tasksmithy.errors import TasksmithyError

_OWN = str(Path(__file__).parents[1])


def report(error: Exception, *, verbose: bool, for_machines: bool) -> int:
    """Print `error` to standard error, for machines as one line of JSON.

    Returns:
        The exit code: 1 where a task failed, 2 where what was asked cannot be done.
    """
    ours = isinstance(error, TasksmithyError)
    if for_machines:
        from tasksmithy.runtime.report.progress import say_json

        trace = "".join(traceback.format_exception(error))
        say_json("error", type=type(error).__name__, message=str(error), traceback=trace)
    elif verbose:
        traceback.print_exception(error)
    elif ours:
        print(f"error: {error}", file=sys.stderr)
        for note in getattr(error, "__notes__", ()):
            print(note, file=sys.stderr)
    else:
        told = traceback.TracebackException.from_exception(error)
        _shorten(told)
        print("".join(told.format()).rstrip(), file=sys.stderr)
    return 2 if ours and not is_of_a_task(error) else 1


def is_of_a_task(error: BaseException) -> bool:
    """Whether an attempt of a task ended with the error, as the run notes on it."""
    return any(note.startswith("in task ") for note in getattr(error, "__notes__", ()))


def _shorten(told: traceback.TracebackException | None) -> None:
    """Leave out the frames that are not of the person's own code."""
    while told is not None:
        told.stack = traceback.StackSummary.from_list(
            [frame for frame in told.stack if not _is_machinery(frame.filename)]
        )
        told = told.__cause__ or told.__context__


def _is_machinery(filename: str) -> bool:
    return filename.startswith(_OWN) or "tasksmithy_" in filename or "/asyncio/" in filename
