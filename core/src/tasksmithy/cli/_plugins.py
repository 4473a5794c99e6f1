"""`tasksmithy plugins list`, `doctor`, `show` and `docs`: what is installed, and how it is used."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tasksmithy.plugins._description import PluginDescription
    from tasksmithy.plugins._discovery import PluginRecord
    from tasksmithy.plugins._listing import PluginStatus
    from tasksmithy.plugins._registry import Registry
    from tasksmithy.plugins._settings import Settings

_COLUMNS = ("KIND", "NAME", "DISTRIBUTION", "VERSION", "STATUS")
_ILL = ("broken", "misbehaves", "conflict", "other API")
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
        "--load",
        action="store_true",
        help="load each plugin in a process of its own, to tell which ones are broken",
    )
    listing.add_argument("--json", action="store_true", help="print JSON instead of a table")
    listing.set_defaults(execute=execute)
    examining = actions.add_parser(
        "doctor",
        help="tell which plugins are broken or misbehave, and what to do",
        description="Load each installed plugin in a process of its own, also those that are not "
        "enabled, and tell those that cannot be used and those that do something to the process "
        "that loads them: print, change its directory, start threads, ... The exit code is 1 where "
        "there are any.",
    )
    examining.add_argument("--json", action="store_true", help="print JSON instead of a table")
    examining.set_defaults(execute=doctor)
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
    from tasksmithy.plugins._settings import Settings

    settings = Settings.load()
    plugins = _listed(settings)
    if args.load:
        plugins = _examined(plugins, {"installed"})
    _warn_of_idle_names(settings, [plugin.record for plugin in plugins])
    if not plugins and not args.json:
        print("no plugins are installed; pip install 'tasksmithy[function]' is a good first one")
    else:
        _print(plugins, as_json=args.json)
    return int(any(plugin.status == "broken" for plugin in plugins))


def doctor(args: argparse.Namespace) -> int:
    """Print the plugins that are not well; the exit code is 1 where there are any."""
    from tasksmithy.plugins._settings import Settings

    plugins = _examined(_listed(Settings.load()), {"installed", "not enabled"})
    ill = [plugin for plugin in plugins if plugin.status in _ILL]
    if ill or args.json:
        _print(ill, as_json=args.json)
    else:
        print(f"all is well with the plugins that are installed ({len(plugins)})")
    return int(bool(ill))


def _examined(plugins: Sequence[PluginStatus], status: Collection[str]) -> list[PluginStatus]:
    """The plugins, those of a status with what loading them shows."""
    from tasksmithy.plugins._examination import examined

    found = examined([plugin.record for plugin in plugins if plugin.status in status])
    of = {plugin.record: plugin for plugin in found}
    return [of.get(plugin.record, plugin) for plugin in plugins]


def _print(plugins: Sequence[PluginStatus], *, as_json: bool) -> None:
    from tasksmithy._texts import printable
    from tasksmithy.cli._table import aligned

    if as_json:
        from tasksmithy.values._json import to_json

        rows = [
            {**plugin.record._asdict(), "status": plugin.status, "detail": plugin.detail}
            for plugin in plugins
        ]
        print(to_json(rows))
        return
    table = [_COLUMNS] + [
        (p.record.kind, p.record.name, p.record.distribution, p.record.version, p.status)
        for p in plugins
    ]
    print(aligned(table))
    for plugin in plugins:
        if plugin.detail:
            print(printable(f"\n{plugin.record.name}: {plugin.detail}"))


def _listed(settings: Settings) -> Sequence[PluginStatus]:
    if settings.strict:
        from tasksmithy.plugins._registry import Registry

        return Registry(settings=settings).plugins()
    # What is installed can be told without the registry, which imports what tasks are made of.
    from tasksmithy.plugins._discovery import discover
    from tasksmithy.plugins._listing import statuses
    from tasksmithy.plugins._selection import Installed

    return statuses(Installed(discover(), settings), settings)


def _warn_of_idle_names(settings: Settings, records: Sequence[PluginRecord]) -> None:
    """Say which names in `TASKSMITHY_DISABLE_PLUGINS` switch nothing off."""
    import sys

    from tasksmithy._texts import near_misses
    from tasksmithy.plugins._settings import Settings

    known = {name for record in records for name in (record.name, record.distribution)}
    for name in sorted(settings.disabled - {"__all__"}):
        alone = Settings(disabled=frozenset({name}))
        if not any(alone.disables(each.name, each.distribution) for each in records):
            print(
                f"warning: TASKSMITHY_DISABLE_PLUGINS has {name!r}, which is no installed plugin "
                f"or distribution{near_misses(name, known)}",
                file=sys.stderr,
            )


def show(args: argparse.Namespace) -> int:
    """Print all about the plugins of a name to standard output."""
    from tasksmithy.plugins._registry import Registry

    registry = Registry()
    return show_all(registry, _called(registry, args.name), as_json=args.json)


def show_all(registry: Registry, found: Sequence[PluginStatus], *, as_json: bool) -> int:
    """Print all about some plugins to standard output."""
    from tasksmithy._texts import printable
    from tasksmithy.cli._answer import answer_alone
    from tasksmithy.values._json import to_json

    with answer_alone() as answer:
        plugins = in_full(registry, found)
        if as_json:
            print(to_json([plugin.to_dict() for plugin in plugins]), file=answer)
        else:
            print(printable("\n\n\n".join(map(_as_text, plugins))), file=answer)
    return 0


def docs(args: argparse.Namespace) -> int:
    """Print the documentation of the plugins of a name to standard output."""
    from tasksmithy._texts import printable
    from tasksmithy.cli._answer import answer_alone
    from tasksmithy.errors import PluginLoadError
    from tasksmithy.plugins._registry import Registry
    from tasksmithy.plugins._selection import label

    registry = Registry()
    with answer_alone() as answer:
        plugins = in_full(registry, _called(registry, args.name))
        for plugin in plugins:
            if not plugin.is_usable:
                raise PluginLoadError(
                    f"{label(plugin.status.record)} cannot be documented, as it is "
                    f"{plugin.status.status}: {plugin.status.detail}"
                )
        print(printable("\n\n".join(map(_as_markdown, plugins))), file=answer)
    return 0


def in_full(registry: Registry, found: Sequence[PluginStatus]) -> list[PluginDescription]:
    """Some plugins in full.

    Each is loaded in a process of its own first: only what can be loaded is loaded here.
    """
    from tasksmithy.plugins._description import described

    return [described(registry, plugin) for plugin in _examined(found, {"installed"})]


def _called(registry: Registry, name: str) -> list[PluginStatus]:
    """The installed plugins of a name, of every kind.

    Raises:
        PluginLoadError: no plugin has the name.
    """
    from tasksmithy._texts import near_misses
    from tasksmithy.errors import PluginLoadError

    found = registry.plugins(name)
    if not found:
        known = {record.name for record in registry.records}
        raise PluginLoadError(
            f"no installed plugin is called {name!r}{near_misses(name, known)} "
            f"(installed: {', '.join(sorted(known)) or 'none'})"
        )
    return found


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
    configuration = "Options" if plugin.kind == "executor" else "Configuration"
    for title, parameters in (("Fields", plugin.fields), (configuration, plugin.config)):
        if parameters:
            rows = [(p.name, p.type, p.default or "required", p.description) for p in parameters]
            tables.append((title, [columns, *rows]))
    if plugin.capabilities:
        from tasksmithy.plugins._contract import CAPABILITIES

        can = [(name, CAPABILITIES[name]) for name in plugin.capabilities]
        tables.append(("Capabilities", [("capability", "what the executor does"), *can]))
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
