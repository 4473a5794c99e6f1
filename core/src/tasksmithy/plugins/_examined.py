"""The program in a process of its own in which one plugin is loaded and looked at.

`_examination` starts it, and reads the answer from a file: whatever else the process has, the
plugin may close, replace or write to.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path

import tasksmithy
from tasksmithy._texts import message
from tasksmithy.errors import PluginError
from tasksmithy.plugins import _process_state as process
from tasksmithy.plugins._description import described
from tasksmithy.plugins._discovery import PluginRecord
from tasksmithy.plugins._listing import PluginStatus
from tasksmithy.plugins._loading import load
from tasksmithy.plugins._registry import Registry


def main(request: str, answer: str, folder: str) -> None:
    """Write what is wrong with a plugin: the `problem`, or else its `effects` on the process.

    Args:
        request: its record, as JSON.
        answer: the file to write.
        folder: an empty folder to work in.
    """
    record = PluginRecord(*json.loads(request))
    for name in tasksmithy.__all__:  # what the core does is not the plugin's doing
        getattr(tasksmithy, name)
    registry = Registry()
    os.chdir(folder)
    _be_usual()
    exit_code = os._exit
    before = process.state()
    found: dict[str, object] = {"problem": "", "effects": []}
    try:
        registry.check(record)
        found["effects"] = [*process.changes(before, process.state()), *_unreadable(record)]
        seen = described(registry, PluginStatus(record, "ok", "")).status
        found["problem"] = "" if seen.status == "ok" else seen.detail
    except PluginError as error:
        found["problem"] = str(error)
    except BaseException as error:  # noqa: BLE001 - here it is the plugin's, also a Ctrl-C
        found["problem"] = f"it raised {type(error).__name__}: {message(error)}"
    Path(answer).write_text(json.dumps(found), encoding="utf-8")
    if threading.active_count() > 1:  # told already; it is not waited for
        exit_code(0)


def _be_usual() -> None:
    """Undo what a process hands on to those that it starts: it may have loaded the plugin, too."""
    os.umask(0o022)
    for number in signal.valid_signals() - {signal.SIGPIPE, signal.SIGXFSZ}:
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


def _unreadable(record: PluginRecord) -> list[str]:
    """How a plugin's object fails where it is shown."""
    found = load(record)
    try:
        repr(found)
    except Exception as error:  # noqa: BLE001 - of any kind
        return [f"raises {type(error).__name__} in its repr"]
    return []


if __name__ == "__main__":
    main(*sys.argv[1:])
