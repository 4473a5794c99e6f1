"""`tasksmithy executors list` and `show`: where attempts can be made, and with which options."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tasksmithy.plugins._description import PluginDescription
    from tasksmithy.plugins._listing import PluginStatus
    from tasksmithy.plugins._registry import Registry

_COLUMNS = ("NAME", "DISTRIBUTION", "VERSION", "STATUS", "CAPABILITIES", "OPTIONS")


def describe(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    actions = parser.add_subparsers(metavar="ACTION", required=True, prog=parser.prog)
    listing = actions.add_parser(
        "list",
        help="list the installed executors",
        description="List the installed executors, with what they say that they can and the names "
        "of their options. Each is loaded, in a process of its own first; the exit code is 1 where "
        "one is broken.",
    )
    listing.add_argument("--json", action="store_true", help="print JSON instead of a table")
    listing.set_defaults(execute=execute)
    showing = actions.add_parser(
        "show",
        help="show one executor: where it is from, what it can, its options",
        description="Show an executor: where it is from, what it says that it can, its options "
        "with their types and defaults. It is loaded, and no other plugin.",
    )
    showing.add_argument("name", metavar="NAME", help="name of the executor")
    showing.add_argument(
        "--json",
        action="store_true",
        help="print a JSON array of those of the name, the options as JSON Schema",
    )
    showing.set_defaults(execute=show)


def execute(args: argparse.Namespace) -> int:
    """Print the executors to standard output; the exit code is 1 where one is broken."""
    from tasksmithy.cli._answer import answer_alone
    from tasksmithy.cli._plugins import in_full
    from tasksmithy.plugins._registry import Registry
    from tasksmithy.values._json import to_json

    with answer_alone() as answer:
        registry = Registry()
        _warn_of_idle_tables(registry)
        executors = in_full(registry, _installed(registry))
        told = to_json([each.to_dict() for each in executors]) if args.json else _table(executors)
        print(told, file=answer)
    return int(any(each.status.status == "broken" for each in executors))


def show(args: argparse.Namespace) -> int:
    """Print all about the executors of a name to standard output."""
    from tasksmithy._texts import near_misses
    from tasksmithy.cli._plugins import show_all
    from tasksmithy.errors import PluginLoadError
    from tasksmithy.plugins._registry import Registry

    registry = Registry()
    found = _installed(registry, args.name)
    if not found:
        known = {plugin.record.name for plugin in _installed(registry)}
        raise PluginLoadError(
            f"no installed executor is called {args.name!r}{near_misses(args.name, known)} "
            f"(installed: {', '.join(sorted(known)) or 'none'})"
        )
    return show_all(registry, found, as_json=args.json)


def _installed(registry: Registry, name: str | None = None) -> list[PluginStatus]:
    return [plugin for plugin in registry.plugins(name) if plugin.record.kind == "executors"]


def _table(executors: Sequence[PluginDescription]) -> str:
    from tasksmithy._texts import printable
    from tasksmithy.cli._table import aligned

    if not executors:
        return "no executors are installed; attempts are made on this machine"
    table: list[tuple[str, ...]] = [_COLUMNS]
    details = []
    for executor in executors:
        record, status, detail = executor.status
        can = ", ".join(executor.capabilities) or "-"
        options = ", ".join(option.name for option in executor.config) or "-"
        table.append((record.name, record.distribution, record.version, status, can, options))
        details += [f"{record.name}: {detail}"] if detail else []
    return "\n\n".join([aligned(table), *map(printable, details)])


def _warn_of_idle_tables(registry: Registry) -> None:
    """Say which tables of options are for no installed executor."""
    import sys

    from tasksmithy._texts import near_misses

    known = {plugin.record.name for plugin in _installed(registry)}
    for name in registry.settings.executors.keys() - known:
        print(
            f"warning: {registry.settings.file}: [tool.tasksmithy.executors.{name}] is for no "
            f"installed executor{near_misses(name, known)}",
            file=sys.stderr,
        )
