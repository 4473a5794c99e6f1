"""`tasksmithy runs list`, `show`, `report` and `clear`: the runs recorded on this machine."""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from tasksmithy.cli import _age

if TYPE_CHECKING:
    from tasksmithy.runtime.stores._records import RunDetails, TaskRecord
    from tasksmithy.runtime.stores._run_store import RunStore


def describe(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    actions = parser.add_subparsers(metavar="ACTION", required=True, prog=parser.prog)
    listing = actions.add_parser(
        "list",
        help="list the runs, the latest first",
        description="List the runs, the latest first. A dead one can be resumed, as can one that "
        "failed: tasksmithy run --resume ID.",
    )
    listing.add_argument(
        "--status",
        action="append",
        choices=("running", "succeeded", "failed", "cancelled", "dead"),
        default=[],
        dest="statuses",
        help="list only those that have it; may be given more than once",
    )
    listing.add_argument("--task", metavar="NAME", help="list only the runs of this task")
    listing.add_argument(
        "--since",
        type=_age.seconds,
        metavar="AGE",
        help=f"list only those that began no longer ago: {_age.SPELLING}",
    )
    listing.add_argument(
        "--limit", type=_number, metavar="N", help="list no more than N, the latest"
    )
    listing.set_defaults(execute=list_runs)
    showing = actions.add_parser(
        "show",
        help="show one run and its tasks",
        description="Show one run and the tasks in it that have ended, each below the one that "
        "called it.",
    )
    showing.add_argument("run", metavar="ID", help="id of the run, or its beginning; or last")
    showing.set_defaults(execute=show)
    reporting = actions.add_parser(
        "report",
        help="write the report of a run",
        description="Write the report of a run, one HTML file that needs no network: timeline, "
        "calls, values, logs, errors, and what the tasks have added. Print where it is.",
    )
    reporting.add_argument("run", metavar="ID", help="id of the run, or its beginning; or last")
    reporting.add_argument(
        "--output", type=Path, metavar="FILE", help="where to write it; ID.html, if not given"
    )
    reporting.set_defaults(execute=report)
    clearing = actions.add_parser(
        "clear",
        help="drop the records of runs",
        description="Drop the records of runs that are over, with the results that they have kept. "
        "They can no longer be shown, reported or resumed. A run under way is left alone.",
    )
    clearing.add_argument(
        "--older-than",
        type=_age.seconds,
        default=0,
        metavar="AGE",
        help=f"drop only those that ended so long ago: {_age.SPELLING}",
    )
    clearing.set_defaults(execute=clear)
    for action in (listing, showing):
        action.add_argument("--json", action="store_true", help="print JSON instead of text")
    for action in (listing, showing, reporting, clearing):
        action.add_argument(
            "--runs-dir", type=Path, help="folder of the records; the user's, if not given"
        )


def list_runs(args: argparse.Namespace) -> int:
    """Print the runs to standard output."""
    from tasksmithy.cli._table import aligned, moment
    from tasksmithy.values._json import to_json

    since = None if args.since is None else time.time() - args.since
    with closing(_store(args.runs_dir)) as store:
        runs = store.runs(statuses=args.statuses, task=args.task, since=since, limit=args.limit)
    if args.json:
        print(to_json([run._asdict() for run in runs]))
        return 0
    if not runs:
        is_chosen = args.statuses or args.task is not None or since is not None
        print(f"no runs {'like that ' if is_chosen else ''}are recorded")
        return 0
    rows = [
        (run.id, run.status, run.task, moment(run.started), _shown(run.seconds)) for run in runs
    ]
    print(aligned([("RUN", "STATUS", "TASK", "STARTED", "SECONDS"), *rows]))
    return 0


def show(args: argparse.Namespace) -> int:
    """Print a run and its tasks to standard output."""
    from tasksmithy.values._json import to_json

    with closing(_store(args.runs_dir)) as store:
        details = store.show(args.run)
    if args.json:
        tasks = [_plain(task) for task in details.tasks]
        print(to_json({**details.run._asdict(), "tasks": tasks}))
        return 0
    print(_as_text(details))
    return 0


def report(args: argparse.Namespace) -> int:
    """Write the report of a run; print the file's name to standard output."""
    from tasksmithy.runtime.report._html import page

    with closing(_store(args.runs_dir)) as store:
        details = store.show(args.run)
    file = args.output or Path(f"{details.run.id}.html")
    file.write_text(page(details), encoding="utf-8")
    print(file)
    return 0


def clear(args: argparse.Namespace) -> int:
    """Drop runs; print how many were dropped to standard output."""
    latest = time.time() - args.older_than
    with closing(_store(args.runs_dir)) as store:
        # One that has died has no end; its start is all that is known.
        old = [run.id for run in store.runs() if (run.ended or run.started) <= latest]
        dropped = store.remove(old)
    print(f"dropped {'1 run' if len(dropped) == 1 else f'{len(dropped)} runs'}")
    return 0


def _number(text: str) -> int:
    if text.isdecimal() and int(text):
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no number of runs: give 1 or more")


def _store(directory: Path | None) -> RunStore:
    from tasksmithy.runtime.stores._run_store import RunStore, default_runs_directory

    return RunStore(directory or default_runs_directory())


def _plain(task: TaskRecord) -> dict[str, object]:
    """A task as JSON has it: of its output, which is for programs, the format and size."""
    output = task.output and {"format": task.output.format, "bytes": len(task.output.data)}
    attempts = [attempt._asdict() for attempt in task.attempts]
    return {**task._asdict(), "attempts": attempts, "output": output}


def _as_text(details: RunDetails) -> str:
    from tasksmithy._texts import printable
    from tasksmithy.cli._table import aligned, fitted, moment
    from tasksmithy.runtime.report._own_code import own_code

    run = details.run
    facts = [
        ("run", run.id),
        ("task", f"{run.task} of {run.file}" if run.file else run.task),
        ("inputs", run.inputs),
        ("status", run.status),
        ("process", str(run.pid)),
        ("started", moment(run.started)),
        ("ended", moment(run.ended)),
        ("tasksmithy", run.version),
    ]
    if run.unrecorded:
        facts.append(("unrecorded", f"{run.unrecorded} tasks, which run again on --resume"))
    if run.status in ("running", "dead"):
        # A record of what begins would cost each task more than all the rest of it.
        facts.append(("under way", "not known: a task is recorded when it has ended"))
    parts = [aligned(facts)]
    if details.tasks:
        parts.append(fitted(aligned(_table(details.tasks))))
    for task in details.tasks:
        trace = f"\n{own_code(task.traceback)}" if task.traceback else ""
        if task.error:
            parts.append(printable(f"{task.task}: {task.error}{trace}"))
        elif trace:
            parts.append(printable(f"{task.task}, before the run was resumed:{trace}"))
    return "\n\n".join(parts)


def _table(tasks: Sequence[TaskRecord]) -> list[tuple[str, ...]]:
    """The tasks below their callers; where they were made, if that was told of any."""
    places = [_place(task) for _, task in _tree(tasks)]
    rows: list[tuple[str, ...]] = [
        ("TASK", "STATUS", "ATTEMPTS", "SECONDS", "PLACE", "INPUTS"),
    ]
    rows += [
        (
            "  " * depth + task.task,
            task.status,
            str(len(task.attempts)),
            _shown(task.seconds),
            place or "-",
            task.inputs,
        )
        for (depth, task), place in zip(_tree(tasks), places, strict=True)
    ]
    return rows if any(places) else [row[:4] + row[5:] for row in rows]


def _place(task: TaskRecord) -> str | None:
    """Where the last attempt of a task was made."""
    return task.attempts[-1].place if task.attempts else None


def _tree(tasks: Sequence[TaskRecord]) -> Iterator[tuple[int, TaskRecord]]:
    """Each task after the one that called it, with its depth.

    In a run that is not over, the callers of those that have ended may have no record.
    """
    known = {task.key for task in tasks}
    called = defaultdict(list)
    for task in tasks:
        called[task.parent if task.parent in known else None].append(task)
    waiting = [(0, task) for task in reversed(called[None])]
    while waiting:
        depth, task = waiting.pop()
        yield depth, task
        waiting += [(depth + 1, child) for child in reversed(called[task.key])]


def _shown(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.3f}"
