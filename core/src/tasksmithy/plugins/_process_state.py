"""What a process shares among all code in it, and in what it differs after a plugin is loaded."""

from __future__ import annotations

import _thread
import gc
import locale
import logging
import os
import resource
import signal
import socket
import sys
import tempfile
import threading
import time
import types
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from decimal import getcontext
from pathlib import Path
from typing import Any, Final

from tasksmithy._texts import shorten
from tasksmithy.concurrency._process_tree import descendants

State = Mapping[str, Any]

_CODE: Final = (types.FunctionType, types.BuiltinFunctionType, type)


def state(watched: Collection[str] | None = None) -> State:
    """All that is watched, now; of these names alone, if they are given."""
    aspects = {**_VALUES, **_PARTS, **_OTHERS, **_ADDED}
    return {what: aspects[what]() for what in (aspects if watched is None else watched)}


def changes(before: State, after: State) -> list[str]:
    """What is different, as what the code in between does: `changes the umask`."""
    found = [f"changes {what}" for what in _VALUES if before.get(what) != after.get(what)]
    for what in (*_PARTS, *_OTHERS):
        was, now = before.get(what, {}), after.get(what, {})
        names = was | now if what in _PARTS else was
        if names := sorted(name for name in names if was.get(name) != now.get(name)):
            found.append(f"changes {what} ({shorten(', '.join(map(str, names)))})")
    for what in _ADDED:
        if new := [each for each in after.get(what, ()) if each not in before[what]]:
            told = shorten(", ".join(map(str, new)))
            found += [f"{what} ({told})"]
    return found


def _folder() -> str:
    try:
        return str(Path.cwd())
    except OSError:
        return ""


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _stream(number: int, name: str) -> Callable[[], Any]:
    """A standard stream: the object, whether it is open, and the file behind it."""

    def taken() -> Any:
        stream = getattr(sys, name, None)
        try:
            at = os.fstat(number)
            file: Any = (at.st_dev, at.st_ino)
        except OSError:
            file = None
        return id(stream), getattr(stream, "closed", True), file

    return taken


def _handlers() -> dict[str, Any]:
    """What is done at each signal."""
    found = {}
    for number in signal.valid_signals():
        with suppress(ValueError, OSError):
            found[signal.Signals(number).name] = signal.getsignal(number)
    return found


def _filters() -> list[str]:
    """The filters of warnings that are about everybody's."""
    return [
        f"{action} {category}"
        for action, message, category, module, _ in warnings.filters
        if message is None and module is None and "." not in str(category)
    ]


def _limits() -> dict[str, Any]:
    names = [name for name in dir(resource) if name.startswith("RLIMIT_")]
    return {name: resource.getrlimit(getattr(resource, name)) for name in names}


def _logging() -> Any:
    root = logging.getLogger()
    shared = (root.level, root.manager.disable, root.disabled, logging.raiseExceptions)
    return (*shared, [*map(id, root.handlers)], [*map(id, root.filters)])


def _policy() -> str:
    # Not by the function that gives it, which is deprecated from Python 3.14 on.
    events = sys.modules.get("asyncio.events")
    policy = type(getattr(events, "_event_loop_policy", None))
    return "" if policy.__module__.startswith(("builtins", "asyncio.")) else policy.__name__


def _start_method() -> Any:
    contexts = sys.modules.get("multiprocessing.context")
    default = getattr(contexts, "_default_context", None)
    return getattr(getattr(default, "_actual_context", None), "_name", None)


def _functions() -> dict[str, int]:
    """The functions and classes of Python's own modules and of tasksmithy."""
    watched = {*sys.stdlib_module_names, "tasksmithy"}
    found = {}
    for name, module in [*sys.modules.items()]:
        if name.partition(".")[0] not in watched or name == "__main__":
            continue
        for attribute, value in _attributes(module):
            found[f"{name}.{attribute}"] = id(value)
            if isinstance(value, type) and value.__module__ == name:
                for inner, method in _attributes(value):
                    found[f"{name}.{attribute}.{inner}"] = id(method)
    return found


def _attributes(owner: Any) -> Iterator[tuple[str, object]]:
    for name, value in [*vars(owner).items()]:
        # What is private is changed by the backports of Python's own: typing_extensions does.
        is_private = name.startswith("_") and not name.endswith("__")
        if isinstance(value, _CODE) and not is_private:
            yield name, value


def _modules() -> dict[str, int]:
    return {name: id(module) for name, module in sys.modules.items()}


def _open_files() -> Iterable[str]:
    """The files and connections that are open."""
    for descriptor in Path("/proc/self/fd").glob("*"):
        with suppress(OSError):
            file = str(descriptor.readlink())
            if file.startswith(("socket:", "pipe:")) or Path(file).is_file():
                yield file


def _threads() -> list[str]:
    """The names of threads; there is none for what `_thread` alone has started."""
    named = [each.name for each in threading.enumerate()]
    return named + [f"a thread of _thread, {n}" for n in range(_thread._count() - len(named) + 1)]  # noqa: SLF001 - there is no other way


def _commands() -> list[str]:
    found = []
    for process in descendants(os.getpid()):
        with suppress(OSError):
            words = Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").strip()
            if words:  # one that has ended, and that nobody has asked about yet, has none
                found.append(f"{process} {words.decode(errors='replace')}")
    return found


_VALUES: Final[Mapping[str, Callable[[], Any]]] = {
    "standard input": _stream(0, "stdin"),
    "standard output": _stream(1, "stdout"),
    "standard error": _stream(2, "stderr"),
    "the working directory": _folder,
    "the umask": _umask,
    "the mask of signals": lambda: signal.pthread_sigmask(signal.SIG_BLOCK, []),
    "the alarm clock of the process": lambda: signal.getitimer(signal.ITIMER_REAL)[0] > 0,
    "sys.path": lambda: [*sys.path],
    "sys.argv": lambda: [*sys.argv],
    "sys.executable": lambda: sys.executable,
    "sys.tracebacklimit": lambda: getattr(sys, "tracebacklimit", None),
    "sys.dont_write_bytecode": lambda: sys.dont_write_bytecode,
    "the recursion limit": sys.getrecursionlimit,
    "the switch interval of threads": sys.getswitchinterval,
    "the trace function": sys.gettrace,
    "the profile function": sys.getprofile,
    "the garbage collector": lambda: (gc.isenabled(), gc.get_threshold(), gc.get_debug()),
    "the handlers and levels of all logging": _logging,
    "the filters of all warnings": _filters,
    "the locale": lambda: locale.setlocale(locale.LC_ALL),
    "the time zone": lambda: time.tzname,
    "the timeout of all sockets": socket.getdefaulttimeout,
    "the folder of temporary files": tempfile.gettempdir,
    "the context of decimals": lambda: str(getcontext()),
    "the event loop policy": _policy,
    "the start method of multiprocessing": _start_method,
    "the session of the process": lambda: (os.getpgrp(), os.getsid(0)),
    "the priority of the process": lambda: os.getpriority(os.PRIO_PROCESS, 0),
}
"""What has one value."""

_PARTS: Final[Mapping[str, Callable[[], dict[str, Any]]]] = {
    "environment variables": lambda: dict(os.environ),
    "what is done at signals": _handlers,
    "limits of the process": _limits,
}
"""What has parts with names, also such as are new."""

_OTHERS: Final[Mapping[str, Callable[[], dict[str, Any]]]] = {
    "functions of others": _functions,
    "modules of others": _modules,
}
"""What has parts with names, and new ones are nobody's but the plugin's."""

_ADDED: Final[Mapping[str, Callable[[], Iterable[Any]]]] = {
    "starts threads": _threads,
    "starts processes": _commands,
    "keeps files or connections open": lambda: [*_open_files()],
    "leaves files": lambda: [*map(str, Path(tempfile.gettempdir()).rglob("*"))],
}
"""What is added to."""
