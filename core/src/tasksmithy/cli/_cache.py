"""`tasksmithy cache info`, `clear` and `explain`: what is kept, and whether a call finds it."""

from __future__ import annotations

import argparse
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from tasksmithy.cli import _age

if TYPE_CHECKING:
    from tasksmithy.runtime._explanation import Explanation
    from tasksmithy.runtime.stores._cache_store import CacheStore


def describe(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    actions = parser.add_subparsers(metavar="ACTION", required=True, prog=parser.prog)
    info = actions.add_parser(
        "info",
        help="show how much the cache holds",
        description="Show where the cache is, and how much it holds of each task.",
    )
    info.add_argument("--json", action="store_true", help="print JSON instead of a table")
    info.set_defaults(execute=show)
    clear = actions.add_parser(
        "clear",
        help="drop what the cache holds",
        description="Drop the results that the cache holds: all, or those of one task or age.",
    )
    clear.add_argument("--task", metavar="NAME", help="drop the results of this task only")
    clear.add_argument(
        "--older-than",
        type=_age.seconds,
        metavar="AGE",
        help=f"drop only those that were made so long ago: {_age.SPELLING}",
    )
    clear.set_defaults(execute=drop)
    explain = actions.add_parser(
        "explain",
        usage="tasksmithy cache explain [options] FILE TASK [--input value ...]",
        help="say why a call has its result from the cache, or not",
        description="Say whether a call of a task has its result from the cache, and why: all that "
        "decides it, and what of that differs from the newest result that is kept of the task. "
        "Nothing is run, but the file is imported.",
    )
    explain.add_argument("--json", action="store_true", help="print JSON instead of text")
    explain.add_argument(
        "--inputs-file", metavar="FILE", help="a file of inputs, .json, .toml or .yaml"
    )
    explain.add_argument("file", metavar="FILE", help="Python file that defines the task")
    explain.add_argument("task", metavar="TASK", help="its name, or its function's")
    explain.add_argument(
        "inputs", nargs=argparse.REMAINDER, help="the task's inputs, as --name value"
    )
    explain.set_defaults(execute=tell)
    for action in (info, clear, explain):
        action.add_argument(
            "--cache-dir", type=Path, help="folder of the cache; the user's, if not given"
        )


def show(args: argparse.Namespace) -> int:
    """Print what the cache holds to standard output."""
    from tasksmithy.cli._table import aligned, size
    from tasksmithy.values._json import to_json

    with closing(_store(args.cache_dir)) as store:
        info = store.info()
    if args.json:
        tasks = {task: usage._asdict() for task, usage in info.tasks.items()}
        sizes = {"file_bytes": info.file_bytes, **info.total._asdict()}
        print(to_json({"path": str(info.path), **sizes, "tasks": tasks}))
        return 0
    held = f"{_entries(info.total.entries)}, {size(info.total.bytes)} of values"
    print(f"{info.path}: {held}; the file has {size(info.file_bytes)}")
    if info.tasks:
        rows = [(task, str(used.entries), size(used.bytes)) for task, used in info.tasks.items()]
        print("\n" + aligned([("TASK", "ENTRIES", "SIZE"), *rows]))
    return 0


def drop(args: argparse.Namespace) -> int:
    """Clear the cache; print how much was dropped to standard output."""
    from tasksmithy._texts import near_misses

    made_before = None if args.older_than is None else time.time() - args.older_than
    with closing(_store(args.cache_dir)) as store:
        dropped = store.clear(args.task, made_before=made_before)
        known = store.info().tasks if args.task is not None and not dropped else ()
    print(f"dropped {_entries(dropped)}")
    if args.task not in known and (near := near_misses(args.task or "", known)):
        print(f"there are none of task {args.task!r}{near}")
    return 0


def tell(args: argparse.Namespace) -> int:
    """Print why a call hits or misses to standard output."""
    from tasksmithy._texts import printable
    from tasksmithy.cli import _inputs
    from tasksmithy.cli._answer import answer_alone
    from tasksmithy.cli._source import load
    from tasksmithy.runtime._explanation import explained
    from tasksmithy.task._call_checks import check_inputs
    from tasksmithy.task._source import find_task
    from tasksmithy.values._json import to_json

    with answer_alone() as answer:
        task = find_task(load(args.file), args.task)
        given = _inputs.given(task, args.inputs, args.inputs_file)
        inputs = task.interface.bind(task.name, (), given)
        check_inputs(task, inputs)
        with closing(_store(args.cache_dir)) as store:
            found = explained(task, inputs, store)
        if args.json:
            parts = [part._asdict() for part in found.parts]
            print(to_json({**found._asdict(), "parts": parts}), file=answer)
        else:
            print(printable(_as_text(found)), file=answer)
    return 0


def _as_text(found: Explanation) -> str:
    from tasksmithy.cli._table import aligned, moment

    kept = "" if found.kept is None else f" (kept {moment(found.kept)})"
    text = [f"{found.task}: {found.outcome}: {found.reason}{kept}"]
    if found.parts:
        text.append(
            aligned([("STATUS", "PART"), *((each.status, each.name) for each in found.parts)])
        )
    if found.doubts:
        text.append("\n".join(f"in doubt: {doubt}" for doubt in found.doubts))
    return "\n\n".join(text)


def _store(directory: Path | None) -> CacheStore:
    from tasksmithy.runtime.stores._cache_store import CacheStore, default_cache_directory

    return CacheStore(directory or default_cache_directory())


def _entries(number: int) -> str:
    return "1 entry" if number == 1 else f"{number} entries"
