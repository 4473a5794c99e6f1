"""The report of a run: one HTML file with its timeline, call tree, values, logs and errors.

The file needs no network and no other file. What comes from a run is data in it, as JSON that the
script of the page puts on display as text; the tabs of tasks, which are HTML, are shown in frames
of their own, without scripts.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import time
from collections import Counter
from importlib.resources import files
from typing import Any

from tasksmithy._texts import cut, shorten
from tasksmithy.errors import ValueEncodingError
from tasksmithy.runtime.report._own_code import machinery_folders, own_code
from tasksmithy.runtime.stores._records import RunDetails, RunRecord, TaskRecord
from tasksmithy.values._storage import Encoded, preview

MOST_SHOWN, LEAST_SHOWN = 2000, 200
"""Characters of inputs and of a result that a report shows: the fewer, the more tasks there are."""

_ALL_SHOWN = 8_000_000  # characters together, so that a page of thousands of tasks opens at once
_SCRIPTS = ("data.js", "summary.js", "timeline.js", "calls.js")
_LARGEST_READ = 1 << 20  # bytes; of a larger result only the size is shown


def page(details: RunDetails) -> str:
    """The report as the text of an HTML file.

    Args:
        details: the run and its executions.
    """
    run = details.run
    script = "\n".join(map(_part, _SCRIPTS))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    parts = {
        "title": _escaped(f"{run.task} · {run.id}"),
        "task": _escaped(run.task),
        "status": run.status,
        "facts": _facts(run, details.tasks),
        "policy": f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; "
        "img-src data:; media-src data:; font-src data:",
        "style": _part("page.css"),
        "script": script,
        "data": _json(_data(details)),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], _part("page.html"))


def shown(output: Encoded, limit: int = MOST_SHOWN) -> str:
    """A result as text of at most `limit` characters.

    No class is imported for it, and no pickle is loaded.
    """
    if len(output.data) <= _LARGEST_READ:
        try:
            value = preview(output)
            return cut(value, limit) if isinstance(value, str) else shorten(value, limit)
        except ValueEncodingError:
            pass  # another version of tasksmithy or Python wrote it
    return f"<{len(output.data):,} bytes of {output.format}>"


def _data(details: RunDetails) -> dict[str, Any]:
    """What the page shows; times are seconds since its `start`."""
    run, tasks = details
    start = min([run.started, *(task.queued for task in tasks)])
    places = {task.key: place for place, task in enumerate(tasks)}
    limit = min(MOST_SHOWN, max(LEAST_SHOWN, _ALL_SHOWN // (2 * len(tasks) or 1)))
    machinery = machinery_folders()
    shown_tasks = [_task(task, start, places, limit, machinery) for task in tasks]
    return {"start": start, "tasks": shown_tasks}


def _task(
    task: TaskRecord,
    start: float,
    places: dict[str, int],
    limit: int,
    machinery: tuple[str, ...],
) -> dict[str, Any]:
    def since(moment: float) -> float:
        return round(moment - start, 6)

    facts = {
        "task": task.task,
        "type": task.task_type,
        "group": task.group,
        "status": task.status,
        "parent": places.get(task.parent or "", -1),
        "queued": since(task.queued),
        "ended": since(task.ended),
        "attempts": [
            [each.number, since(each.started), since(each.ended), each.error, each.place]
            for each in task.attempts
        ],
        "inputs": cut(task.inputs, limit),
        "output": None if task.output is None else shown(task.output, limit),
        "error": task.error,
        "traceback": task.traceback and own_code(task.traceback, machinery),
        "tabs": task.report,
    }
    return {name: fact for name, fact in facts.items() if fact}  # 0 and "" are what is missing


def _facts(run: RunRecord, tasks: list[TaskRecord]) -> str:
    """The facts at the head of the page, as a list of terms."""
    ends = Counter(task.status for task in tasks)
    retries = sum(max(len(task.attempts) - 1, 0) for task in tasks)
    facts = {
        "Run": run.id,
        "Started": time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(run.started)),
        "Took": "" if run.seconds is None else f"{run.seconds:,.3f} s",
        "Tasks": f"{len(tasks):,}",
        **{status.capitalize(): f"{number:,}" for status, number in sorted(ends.items())},
        "Retries": f"{retries:,}" if retries else "",
        "Unrecorded": f"{run.unrecorded:,}" if run.unrecorded else "",
        "Inputs": run.inputs,
        "File": run.file or "",
        "tasksmithy": run.version,
    }
    return "".join(
        f"<div><dt>{name}</dt><dd>{_escaped(fact)}</dd></div>"
        for name, fact in facts.items()
        if fact
    )


def _json(data: object) -> str:
    # Nothing in a script element ends it or begins a comment without this character.
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")


def _escaped(text: str) -> str:
    # What is no Unicode, as a lone surrogate, cannot be in the file.
    return html.escape(text.encode(errors="backslashreplace").decode())


def _part(name: str) -> str:
    return (files("tasksmithy.runtime.report") / "page" / name).read_text(encoding="utf-8")
