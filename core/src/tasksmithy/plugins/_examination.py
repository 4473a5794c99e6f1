"""Plugins are loaded and looked at where they can do no harm: each in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from tasksmithy._texts import shorten
from tasksmithy.concurrency._interpreter import interpreter
from tasksmithy.concurrency._process_tree import descendants
from tasksmithy.errors import PluginLoadError
from tasksmithy.plugins._discovery import PluginRecord
from tasksmithy.plugins._listing import PluginStatus
from tasksmithy.plugins._requirement import unmet
from tasksmithy.plugins._selection import label, switching_off

PATIENCE: Final = 20.0
"""Seconds that a plugin has to load in, and to end."""

_LOOK: Final = 0.01
"""How often it is looked whether one has ended, seconds."""

# The path comes first: tasksmithy itself may be importable only by what this process has put there.
_PROGRAM: Final = (
    "import sys; sys.path[:] = sys.argv[4:]; from tasksmithy.plugins._examined import main; "
    "main(*sys.argv[1:4])"
)


def examined(records: Sequence[PluginRecord]) -> list[PluginStatus]:
    """Load each plugin in a process of its own, some at once.

    Returns:
        In the order of the records, the status of each: `"ok"`, `"broken"` (it cannot be used) or
        `"misbehaves"` (it can, and does something to the process that it is loaded in), with what
        to know and do.

    Raises:
        PluginLoadError: no process can be started.
    """
    found: dict[PluginRecord, PluginStatus] = {}
    waiting, running = deque(dict.fromkeys(records)), list[_Examination]()
    try:
        while waiting or running:
            while waiting and len(running) < (os.cpu_count() or 1):
                running.append(_Examination(waiting.popleft()))
            for each in [each for each in running if each.is_over]:
                running.remove(each)
                found[each.record] = each.status()
            time.sleep(_LOOK)
    finally:
        for each in running:
            each.end()
    return [found[record] for record in records]


class _Examination:
    """A process in which a plugin is loaded."""

    def __init__(self, record: PluginRecord) -> None:
        self.record = record
        self._folder = tempfile.TemporaryDirectory(prefix="tasksmithy-plugin-")
        self._own = Path(self._folder.name)
        place = self._own / "place"
        place.mkdir()
        words = [json.dumps(record), str(self._own / "answer"), str(place)]
        path = [os.path.abspath(entry) for entry in _path()]  # noqa: PTH100 - of text
        try:
            # Files: a pipe would be open for as long as what the plugin has started.
            with self._file("out").open("wb") as out, self._file("err").open("wb") as err:
                self._process = subprocess.Popen(  # noqa: S603 - this Python
                    [interpreter(), "-c", _PROGRAM, *words, *path],
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    env={**os.environ, "TMPDIR": str(place)},
                    start_new_session=True,
                )
        except OSError as error:
            self._folder.cleanup()
            raise PluginLoadError(f"{label(record)} cannot be looked at: {error}") from error
        self._until = time.monotonic() + PATIENCE

    def _file(self, name: str) -> Path:
        return self._own / name

    @property
    def is_over(self) -> bool:
        """Whether the process has ended, or has had its time."""
        return self._process.poll() is not None or time.monotonic() > self._until

    def status(self) -> PluginStatus:
        """What was found, once it is over."""
        code = self._process.poll()
        self.end()
        try:
            answer = json.loads(self._file("answer").read_bytes())
        except (OSError, ValueError):
            answer = None
        said = {name: self._file(name).read_text(errors="replace").strip() for name in _STREAMS}
        self._folder.cleanup()
        who, broken = label(self.record), ""
        if answer is None:
            ending = said["err"].splitlines()[-1:]
            broken = f"{who} {_ended(code)} while it is loaded{f': {ending[0]}' if ending else ''}"
        elif answer["problem"]:
            problem = answer["problem"]
            broken = problem if who in problem else f"{who}: {problem}"
        elif code != 0:
            broken = f"{who} {_ended(code)} when the process that has loaded it is to end"
        if broken or answer is None:
            return PluginStatus(self.record, "broken", self._advised(broken, "repair it"))
        effects = [
            f"prints to {_STREAMS[name]} ({shorten(text)})" for name, text in said.items() if text
        ]
        effects += answer["effects"]
        if wanted := unmet(self.record.distribution):
            effects.append(f"is made for {wanted}, which is not this tasksmithy")
        if not effects:
            return PluginStatus(self.record, "ok", "")
        told = f"{who}, when it is loaded, {'; '.join(effects)}"
        advice = "have its author do that where a task runs, and not at import"
        return PluginStatus(self.record, "misbehaves", self._advised(told, advice))

    def _advised(self, told: str, first: str) -> str:
        """With what to do, where that is not said already."""
        instead = switching_off(self.record)
        if instead in told:
            return told
        one = f"{self.record.distribution!r}"
        return (
            f"{told.rstrip('.')}. To do: {first}, uninstall {one}, or switch it off with {instead}"
        )

    def end(self) -> None:
        """End the process with all that it has started."""
        for each in descendants(self._process.pid):
            with suppress(OSError):
                os.kill(each, signal.SIGKILL)
        with suppress(OSError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


_STREAMS: Final = {"out": "standard output", "err": "standard error"}


def _path() -> list[str]:
    import sys

    return [entry for entry in sys.path if isinstance(entry, str)]


def _ended(code: int | None) -> str:
    """How a process has ended, in words."""
    if code is None:
        return f"does not come to an end ({PATIENCE:g} s)"
    if code < 0:
        with suppress(ValueError):
            return f"ends the process by {signal.Signals(-code).name}"
    return f"ends the process with exit code {code}"
