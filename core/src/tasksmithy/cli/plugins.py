"""`tasksmithy plugins list`: what is installed, and what is wrong with it."""

from __future__ import annotations

import argparse

_COLUMNS = ("KIND", "NAME", "DISTRIBUTION", "VERSION", "STATUS")


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command."""
    parser = commands.add_parser("plugins", help="see which plugins are installed")
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    listing = actions.add_parser(
        "list",
        help="list the installed plugins",
        description="List the installed plugins. Their metadata is read and none is imported, "
        "unless --load is given.",
    )
    listing.add_argument(
        "--load", action="store_true", help="load each plugin, to tell which ones are broken"
    )
    listing.add_argument("--json", action="store_true", help="print JSON instead of a table")
    listing.set_defaults(execute=execute)


def execute(args: argparse.Namespace) -> int:
    """Print the plugins to standard output."""
    from tasksmithy.cli.table import aligned
    from tasksmithy.registry import Registry
    from tasksmithy.spec import to_json

    plugins = Registry().plugins(load=args.load)
    if args.json:
        rows = [
            {**plugin.record._asdict(), "status": plugin.status, "detail": plugin.detail}
            for plugin in plugins
        ]
        print(to_json(rows))
        return 0
    if not plugins:
        print("no plugins are installed; pip install 'tasksmithy[function]' is a good first one")
        return 0
    table = [_COLUMNS] + [
        (p.record.kind, p.record.name, p.record.distribution, p.record.version, p.status)
        for p in plugins
    ]
    print(aligned(table))
    for plugin in plugins:
        if plugin.detail:
            print(f"\n{plugin.record.name}: {plugin.detail}")
    return 0
