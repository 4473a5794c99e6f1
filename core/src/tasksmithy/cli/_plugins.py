"""`tasksmithy plugins list`, `show` and `docs`: what is installed, and how it is used."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tasksmithy.plugins._description import PluginDescription
    from tasksmithy.plugins._registry import Registry

_COLUMNS = ("KIND", "NAME", "DISTRIBUTION", "VERSION", "STATUS")
_WIDTH = 60  # of the last column of a table, in characters


def describe(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    actions = parser.add_subparsers(metavar="ACTION", required=True, prog=parser.prog)
    listing = actions.add_parser(
        "list",
        help="list the installed plugins",
        description="List the installed plugins. Their metadata is read and none is imported, "
        "unless --load is given; then the exit code is 1 where one is broken.",
    )
    listing.add_argument(
        "--load", action="store_true", help="load each plugin, to tell which ones are broken"
    )
    listing.add_argument("--json", action="store_true", help="print JSON instead of a table")
    listing.set_defaults(execute=execute)
    showing = actions.add_parser(
        "show",
        help="show one plugin: where it is from, its hooks, fields, configuration, an example",
        description="Show the plugins of a name: where they are from, the hooks that they "
        "implement, the fields and the configuration of their tasks, an example. They are loaded, "
        "and no others.",
    )
    showing.add_argument(
        "--json",
        action="store_true",
        help="print a JSON array of them, the configuration as JSON Schema",
    )
    showing.set_defaults(execute=show)
    documenting = actions.add_parser(
        "docs",
        help="write the documentation of one plugin",
        description="Write what `plugins show` shows to standard output, as Markdown.",
    )
    documenting.set_defaults(execute=docs)
    for action in (showing, documenting):
        action.add_argument("name", metavar="NAME", help="task type, or name of another plugin")


def execute(args: argparse.Namespace) -> int:
    """Print the plugins to standard output; the exit code is 1 where one is broken."""
    from tasksmithy._texts import printable
    from tasksmithy.cli._table import aligned
    from tasksmithy.plugins._registry import Registry
    from tasksmithy.values._json import to_json

    registry = Registry()
    plugins = registry.plugins(load=args.load)
    _warn_of_idle_names(registry)
    code = int(any(plugin.status == "broken" for plugin in plugins))
    if args.json:
        rows = [
            {**plugin.record._asdict(), "status": plugin.status, "detail": plugin.detail}
            for plugin in plugins
        ]
        print(to_json(rows))
        return code
    if not plugins:
        print("no plugins are installed; pip install 'tasksmithy[function]' is a good first one")
        return code
    table = [_COLUMNS] + [
        (p.record.kind, p.record.name, p.record.distribution, p.record.version, p.status)
        for p in plugins
    ]
    print(aligned(table))
    for plugin in plugins:
        if plugin.detail:
            print(printable(f"\n{plugin.record.name}: {plugin.detail}"))
    return code


def _warn_of_idle_names(registry: Registry) -> None:
    """Say which names in `TASKSMITHY_DISABLE_PLUGINS` switch nothing off."""
    import sys

    from tasksmithy._texts import near_misses
    from tasksmithy.plugins._settings import Settings

    known = {name for record in registry.records for name in (record.name, record.distribution)}
    for name in sorted(registry.settings.disabled - {"__all__"}):
        alone = Settings(disabled=frozenset({name}))
        if not any(alone.disables(each.name, each.distribution) for each in registry.records):
            print(
                f"warning: TASKSMITHY_DISABLE_PLUGINS has {name!r}, which is no installed plugin "
                f"or distribution{near_misses(name, known)}",
                file=sys.stderr,
            )


def show(args: argparse.Namespace) -> int:
    """Print all about the plugins of a name to standard output."""
    from tasksmithy._texts import printable
    from tasksmithy.plugins._description import describe
    from tasksmithy.plugins._registry import Registry
    from tasksmithy.values._json import to_json

    plugins = describe(Registry(), args.name)
    if args.json:
        print(to_json([plugin.to_dict() for plugin in plugins]))
    else:
        print(printable("\n\n\n".join(map(_as_text, plugins))))
    return 0


def docs(args: argparse.Namespace) -> int:
    """Print the documentation of the plugins of a name to standard output."""
    from tasksmithy._texts import printable
    from tasksmithy.errors import PluginLoadError
    from tasksmithy.plugins._description import describe
    from tasksmithy.plugins._registry import Registry
    from tasksmithy.plugins._selection import label

    plugins = describe(Registry(), args.name)
    for plugin in plugins:
        if not plugin.is_usable:
            raise PluginLoadError(
                f"{label(plugin.status.record)} cannot be documented, as it is "
                f"{plugin.status.status}: {plugin.status.detail}"
            )
    print(printable("\n\n".join(map(_as_markdown, plugins))))
    return 0


def _facts(plugin: PluginDescription) -> list[tuple[str, str]]:
    record = plugin.status.record
    facts = [
        ("kind", plugin.kind),
        ("distribution", f"{record.distribution} {record.version}"),
        ("entry point", f"{record.name} = {record.value}"),
        ("group", record.group),
    ]
    return facts + ([("template", plugin.template)] if plugin.template else [])


def _tables(plugin: PluginDescription) -> list[tuple[str, Sequence[Sequence[str]]]]:
    """The tables about a plugin, each with its title and a first row of column names."""
    columns = ("name", "type", "default", "what it is")
    tables: list[tuple[str, Sequence[Sequence[str]]]] = []
    for title, parameters in (("Fields", plugin.fields), ("Configuration", plugin.config)):
        if parameters:
            rows = [(p.name, p.type, p.default or "required", p.description) for p in parameters]
            tables.append((title, [columns, *rows]))
    if plugin.hooks:
        tables.append(("Hooks", [("hook", "what it does"), *plugin.hooks.items()]))
    return tables


def _as_text(plugin: PluginDescription) -> str:
    from tasksmithy.cli._table import aligned, wrapped

    status = plugin.status
    parts = [aligned([("name", status.record.name), *_facts(plugin), ("status", status.status)])]
    parts += [status.detail, plugin.text]
    for title, (columns, *rows) in _tables(plugin):
        upper = [column.upper() for column in columns]
        parts += [f"{title}:\n{aligned(wrapped([upper, *rows], _WIDTH))}"]
    if plugin.example:
        parts += [f"Example:\n{plugin.example}"]
    return "\n\n".join(filter(None, parts))


def _as_markdown(plugin: PluginDescription) -> str:
    parts = [f"# {plugin.kind.capitalize()} `{plugin.status.record.name}`", plugin.text]
    if plugin.example:
        parts += ["## Example", f"```python\n{plugin.example}\n```"]
    for title, (columns, *rows) in _tables(plugin):
        parts += [f"## {title}", _markdown_table([columns, *rows])]
    parts += ["## Where it is from", "\n".join(f"- {k}: `{v}`" for k, v in _facts(plugin)[1:])]
    return "\n\n".join(filter(None, parts))


def _markdown_table(table: Sequence[Sequence[str]]) -> str:
    head, *rows = table
    lines = [head, ["---"] * len(head), *([f"`{name}`", *cells] for name, *cells in rows)]
    escaped = ([cell.replace("|", r"\|") for cell in line] for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in escaped)
