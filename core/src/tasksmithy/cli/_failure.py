"""How a failure is shown: a message, or the traceback of the user's own code."""

from __future__ import annotations

import sys
import traceback
from importlib.machinery import PathFinder

from tasksmithy.errors import TasksmithyError

_NOTES_TOLD = 10


def report(error: Exception, *, verbose: bool, for_machines: bool) -> None:
    """Print `error` to standard error, for machines as one line of JSON."""
    from tasksmithy.runtime.report._progress import say, say_json

    ours = isinstance(error, TasksmithyError)
    trace = "".join(traceback.format_exception(error))
    if for_machines:
        say_json("error", type=type(error).__name__, message=str(error), traceback=trace)
    elif verbose:
        say(trace.rstrip("\n"))
    elif ours:
        say("\n".join([f"error: {error}", *_first_notes(error)]))
    else:
        from tasksmithy.runtime.report._own_code import own_code

        say(own_code(trace))
    if not for_machines and (hint := _of_another_file(error)):
        say(hint)


def _of_another_file(error: BaseException) -> str:
    """Which file has been imported in place of a module of its name; empty where none has.

    What a library or a plugin imports is looked for beside the file of the tasks first.
    """
    found: dict[str, None] = {}
    if isinstance(error, ImportError):
        name = (error.name or "").partition(".")[0]
        for entry in sys.path if name else ():
            spec = PathFinder.find_spec(name, [entry])
            if spec is not None and spec.origin is not None:
                found[spec.origin] = None
    if len(found) < 2:
        return _of_another_file(error.__cause__) if error.__cause__ is not None else ""
    taken, meant, *_ = found
    return f"{taken} takes the place of {meant}: give it another name"


def _first_notes(error: Exception) -> list[str]:
    """The notes of an error, of which each of the tasks that it went through has added one."""
    notes: list[str] = list(getattr(error, "__notes__", ()))
    left = len(notes) - _NOTES_TOLD
    return notes if left <= 1 else [*notes[:_NOTES_TOLD], f"and through {left:,} more tasks"]
