"""How a failure is told: a message, or the traceback of the person's own code."""

from __future__ import annotations

import re
import sys
import traceback

from tasksmithy._registry_in_use import registry_in_use
from tasksmithy.errors import TasksmithyError

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
        say("\n".join([f"error: {error}", *getattr(error, "__notes__", ())]))
    else:
        say(_own_code(trace))


def _own_code(told: str) -> str:
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
    """Where code lies that runs tasks: ours, of the plugins that are loaded, and asyncio's."""
    modules = {"tasksmithy", "asyncio", "concurrent"}
    if registry_in_use.is_set:
        for record in registry_in_use.get().records:
            module, *_ = record.value.partition(":")
            modules.add(module.strip().rpartition(".")[0] or module.strip())
    places = []
    for module in modules & sys.modules.keys():
        loaded = sys.modules[module]
        places += [f"{folder}/" for folder in getattr(loaded, "__path__", ())] or [
            getattr(loaded, "__file__", None) or module
        ]
    return tuple(places)
