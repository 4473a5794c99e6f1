"""`tasksmithy cache info` and `cache clear`: what the cache of this machine holds."""

from __future__ import annotations

import argparse
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
        description="Drop the results that the cache holds, all or those of one task.",
    )
    clear.add_argument("--task", metavar="NAME", help="drop the results of this task only")
    clear.set_defaults(execute=drop)
    for action in (info, clear):
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
        print(to_json({"path": str(info.path), **info.total._asdict(), "tasks": tasks}))
        return 0
    print(f"{info.path}: {_entries(info.total.entries)}, {size(info.total.bytes)}")
    if info.tasks:
        rows = [(task, str(used.entries), size(used.bytes)) for task, used in info.tasks.items()]
        print("\n" + aligned([("TASK", "ENTRIES", "SIZE"), *rows]))
    return 0


def drop(args: argparse.Namespace) -> int:
    """Clear the cache; print how much was dropped to standard output."""
    from tasksmithy._texts import near_misses

    with closing(_store(args.cache_dir)) as store:
        dropped = store.clear(args.task)
        known = store.info().tasks if args.task is not None and not dropped else ()
    print(f"dropped {_entries(dropped)}")
    if near := near_misses(args.task or "", known):
        print(f"there are none of task {args.task!r}{near}")
    return 0


def _store(directory: Path | None) -> CacheStore:
    from tasksmithy.runtime.stores._cache_store import CacheStore, default_cache_directory

    return CacheStore(directory or default_cache_directory())


def _entries(number: int) -> str:
    return "1 entry" if number == 1 else f"{number} entries"
