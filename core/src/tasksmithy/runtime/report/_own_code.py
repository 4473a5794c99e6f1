"""A traceback as the person who wrote the tasks wants it: with their own code."""

from __future__ import annotations

import re
import sys
from importlib.util import find_spec

from tasksmithy._registry_in_use import registry_in_use
from tasksmithy.plugins._discovery import discover

_HEADER = "Traceback (most recent call last):"
_FRAME = re.compile(r'([ |]*)File "(.+)", line ')


def own_code(told: str, machinery: tuple[str, ...] | None = None) -> str:
    """A printed traceback without the frames that are not of the person's own code.

    It is done to the text: that of another process, which an error may hold, is one, too.

    Args:
        told: the traceback.
        machinery: where that other code lies, for many of them; see `machinery_folders`.
    """
    machinery = machinery_folders() if machinery is None else machinery
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


def machinery_folders() -> tuple[str, ...]:
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
