"""How a failure is shown: a message, or the traceback of the user's own code."""

from __future__ import annotations

import re
import sys
import traceback
from importlib.machinery import PathFinder
from importlib.util import find_spec

from tasksmithy._registry_in_use import registry_in_use
from tasksmithy.errors import TasksmithyError
from tasksmithy.plugins._discovery import discover

_NOTES_TOLD = 10
_HEADER = "Traceback (most recent call last):"
_FRAME = re.compile(r'([ |]*)File "(.+)", line ')


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


def own_code(told: str) -> str:
    """A printed traceback without the frames that are not of the person's own code.

    It is done to the text: that of another process, which an error may hold, is one, too.
    """
    machinery = _machinery()
    kept: list[str] = []
    dropped: str | None = None
    for line in told.splitlines():
        if dropped is not None and line.startswith(f"{dropped}  "):
            continue  # the source of a frame that is left out
        frame = _FRAME.match(line)
        dropped = frame[1] if frame is not None and frame[2].startswith(machinery) else None
        if dropped is None:
            if frame is None and kept and kept[-1] == _HEADER:
                kept.pop()  # with nothing left below it
            kept.append(line)
    return "\n".join(kept)


def _machinery() -> tuple[str, ...]:
    """Where code lies that runs tasks: ours, of the installed plugins, and asyncio's."""
    modules = {"tasksmithy", "asyncio", "concurrent"}
    for record in registry_in_use.get().records if registry_in_use.is_set else discover():
        module, *_ = record.value.partition(":")
        modules.add(module.strip().rpartition(".")[0] or module.strip())
    places = []
    for module in modules - {""}:  # as of an entry point that is damaged
        if module in sys.modules:
            spec = getattr(sys.modules[module], "__spec__", None)
        else:  # to find what is inside of a package would import that
            spec = None if "." in module else find_spec(module)
        if spec is not None:
            folders = spec.submodule_search_locations or ()
            places += [f"{folder}/" for folder in folders] or [spec.origin or module]
    return tuple(places)
