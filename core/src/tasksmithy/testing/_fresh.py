"""Fresh processes: what importing a plugin costs there, and the spec that it gives there."""

from __future__ import annotations

import functools
import inspect
import json
import os
import site
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from tasksmithy.concurrency._interpreter import interpreter
from tasksmithy.plugins._discovery import PluginRecord


class ProbeError(Exception):
    """What went wrong in a fresh process.

    Attributes:
        problem: the exception, as text.
        trace: its traceback; empty where the process died without one.
    """

    def __init__(self, problem: str, trace: str) -> None:
        super().__init__(problem, trace)
        self.problem = problem
        self.trace = trace

    def __str__(self) -> str:
        return f"{self.problem}\n\n{self.trace}".rstrip()


class Loading(NamedTuple):
    """What importing a plugin costs, beside what the core has imported already.

    Attributes:
        modules: the modules that it imports.
        seconds: of the processor's time.
    """

    modules: list[str]
    seconds: float


class Given(NamedTuple):
    """A spec that a fresh process gives.

    Attributes:
        spec: its JSON.
        read: the environment variables that the code of the plugin has read on the way.
    """

    spec: str
    read: list[str]


class Change(NamedTuple):
    """In what a process differs from another one.

    Attributes:
        hash_seed: its `PYTHONHASHSEED`, which decides the order of sets.
        days: by how many its clock is ahead.
        elsewhere: whether it works in another directory.
        variables: environment variables that are changed.
        foreign: whether machine, user, home and time zone are others.
        before: a folder that stands before all others on its `sys.path`, or empty.
    """

    hash_seed: int = 1
    days: int = 0
    elsewhere: bool = False
    variables: tuple[str, ...] = ()
    foreign: bool = False
    before: str = ""


def loading(record: PluginRecord) -> Loading:
    """Load a plugin in a fresh process, as it is installed.

    Raises:
        ProbeError: it cannot be loaded.
    """
    answer = _asked({"question": "load", "record": record}, Change(elsewhere=True))
    return Loading(answer["modules"], answer["seconds"])


first_loading = functools.lru_cache(maxsize=256)(loading)
"""`loading`, which is done once for each plugin."""


def given(conformance: type[Any], package: str, change: Change) -> Given:
    """The spec that a conformance class's task has in a fresh process, which is asked once.

    Args:
        conformance: the class, at the top of a module.
        package: the plugin's, whose reading of environment variables is watched.
        change: what is unusual about the process.

    Raises:
        ProbeError: it has none there.
    """
    module, file = conformance.__module__, inspect.getfile(conformance)
    return _given(module, file, conformance.__qualname__, package, change)


@functools.lru_cache(maxsize=256)
def _given(module: str, file: str, name: str, package: str, change: Change) -> Given:
    path = [os.path.abspath(entry) for entry in sys.path]  # noqa: PTH100 - of text
    request = {
        "question": "spec",
        "path": [change.before, *path] if change.before else path,
        "module": module,
        "file": file,
        "class": name,
        "package": package,
        "days": change.days,
        "foreign": change.foreign,
    }
    answer = _asked(request, change)
    return Given(answer["spec"], answer["read"])


_FOREIGN: Final = {"TZ": "XYZ-14", "USER": "elsewhere", "LOGNAME": "elsewhere"}


def _asked(request: Mapping[str, Any], change: Change) -> dict[str, Any]:
    environ = {**os.environ, "PYTHONHASHSEED": str(change.hash_seed)}
    environ |= {name: f"{environ.get(name, '')}elsewhere" for name in change.variables}
    with tempfile.TemporaryDirectory() as folder:
        if change.foreign:
            environ |= {"PYTHONUSERBASE": site.getuserbase(), "HOME": folder, **_FOREIGN}
        answer = Path(folder, "answer.json")
        done = subprocess.run(  # noqa: S603 - this Python
            [interpreter(), "-m", "tasksmithy.testing._probe", json.dumps(request), answer],
            cwd=folder if change.elsewhere else None,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        if not answer.is_file():
            raise ProbeError(f"the process ended with exit code {done.returncode}", done.stderr)
        content: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
    if "problem" in content:
        raise ProbeError(content["problem"], content["trace"])
    return content
