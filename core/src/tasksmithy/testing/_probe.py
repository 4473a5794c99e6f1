"""What a fresh process is asked: `python -m tasksmithy.testing._probe REQUEST ANSWER`.

REQUEST is JSON, ANSWER the file that the answer is written to, as JSON.
"""

from __future__ import annotations

import datetime as dt
import importlib.util
import json
import os
import sys
import time
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from importlib.abc import Loader
    from importlib.machinery import ModuleSpec

Answer = dict[str, Any]


def load(request: dict[str, Any]) -> Answer:
    """Load a plugin, and tell what that imports."""
    import tasksmithy
    from tasksmithy.plugins._discovery import PluginRecord
    from tasksmithy.plugins._loading import load as load_plugin

    for name in tasksmithy.__all__:  # what any plugin may use is no part of what this one costs
        getattr(tasksmithy, name)
    before, started = set(sys.modules), time.process_time()
    load_plugin(PluginRecord(*request["record"]))
    return {
        "seconds": time.process_time() - started,
        "modules": sorted(sys.modules.keys() - before),
    }


def spec(request: dict[str, Any]) -> Answer:
    """Make the task of a conformance class and serialize it, on another day if that is asked."""
    sys.path[:] = request["path"]
    if request["days"]:
        _shift_clock(dt.timedelta(days=request["days"]))
    if request["foreign"]:
        _be_another_machine()
    read: set[str] = set()
    _watch_environment(request["package"], read.add)
    module = _imported(request["module"], request["file"])

    from tasksmithy.plugins._registry import Registry
    from tasksmithy.plugins._settings import Settings
    from tasksmithy.task._serialize import serialize

    subject: Any = module
    for name in request["class"].split("."):
        subject = getattr(subject, name)
    with Registry(settings=Settings()).entered():
        text = serialize(subject().make_task()).to_json()
    return {"spec": text, "read": sorted(read)}


def _imported(name: str, file: str) -> Any:
    """The module of the conformance class, under the name that it has where it is tested."""
    location = cast("ModuleSpec", importlib.util.spec_from_file_location(name, file))
    module = sys.modules[name] = importlib.util.module_from_spec(location)
    cast("Loader", location.loader).exec_module(module)
    return module


def _be_another_machine() -> None:
    """Have another name and more processors for whoever asks from now on."""
    import platform
    import socket

    name, system = "elsewhere.example", os.uname()
    socket.gethostname = socket.getfqdn = lambda *_: name
    platform.node = lambda: name
    os.uname = lambda: os.uname_result((system[0], name, *system[2:]))
    processors = 1 + (os.cpu_count() or 1)
    os.cpu_count = lambda: processors


def _shift_clock(by: dt.timedelta) -> None:
    """Make it another day for whoever asks the clock from now on."""
    now, now_ns = time.time, time.time_ns
    time.time = lambda: now() + by.total_seconds()
    time.time_ns = lambda: now_ns() + int(by.total_seconds() * 1e9)

    class AnyDate(type):
        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, date if cls is Date else datetime)

    class Date(date, metaclass=AnyDate):
        @classmethod
        def today(cls) -> Any:
            return date.today() + by

    class DateTime(datetime, metaclass=AnyDate):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> Any:
            return datetime.now(tz) + by

        @classmethod
        def today(cls) -> Any:
            return datetime.now() + by

        @classmethod
        def utcnow(cls) -> Any:
            return datetime.now(dt.UTC).replace(tzinfo=None) + by

    dt.date, dt.datetime = Date, DateTime  # type: ignore[misc]


def _watch_environment(package: str, note: Callable[[str], None]) -> None:
    """Note the names of the variables that the code of a package reads."""
    kind: Any = type(os.environ)
    read = kind.__getitem__

    def noted(self: Any, name: str) -> str:
        frame = sys._getframe(1)  # noqa: SLF001 - there is no other way to know who asks
        while frame is not None and frame.f_globals.get("__name__") in _ON_THE_WAY:
            frame = frame.f_back  # type: ignore[assignment]
        if frame is not None and frame.f_globals.get("__name__", "").split(".")[0] == package:
            note(name)
        return str(read(self, name))

    kind.__getitem__ = noted


_ON_THE_WAY = ("os", "collections.abc", "_collections_abc")


def main() -> None:
    """Answer a request."""
    request = json.loads(sys.argv[1])
    try:
        answer = {"load": load, "spec": spec}[request["question"]](request)
    except BaseException as error:  # noqa: BLE001 - a plugin may even call sys.exit()
        import traceback

        told = traceback.TracebackException.from_exception(error.__cause__ or error)
        told.stack = traceback.StackSummary.from_list(
            [frame for frame in told.stack if not frame.filename.startswith(("<frozen", __file__))]
        )
        answer = {"problem": f"{type(error).__name__}: {error}", "trace": "".join(told.format())}
    Path(sys.argv[2]).write_text(json.dumps(answer), encoding="utf-8")


if __name__ == "__main__":
    main()
