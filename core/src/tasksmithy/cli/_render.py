"""`tasksmithy render FILE [TASK ...]`: print tasks as a cluster gets them."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from tasksmithy.plugins._registry import Registry
    from tasksmithy.task._spec import SerializationContext, TaskSpec


def describe(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    parser.description = (
        "Print the specs of a file's tasks: a JSON array of all, or what an installed renderer "
        "makes of each."
    )
    parser.add_argument("file", help="Python file that defines the tasks")
    parser.add_argument("tasks", nargs="*", metavar="TASK", help="which tasks; all, if not given")
    parser.add_argument(
        "--format", default="json", help="json, or the name of an installed renderer"
    )
    parser.add_argument("--deployment-version", default="", help="version of the deployment")
    parser.add_argument("--project", help="project that the deployment goes to")
    parser.add_argument("--domain", help="domain that the deployment goes to")
    parser.set_defaults(execute=execute)


def execute(args: argparse.Namespace) -> int:
    """Print the specs to standard output."""
    from tasksmithy.cli._answer import answer_alone

    with answer_alone() as answer:
        return _render(args, answer)


def _render(args: argparse.Namespace, answer: TextIO) -> int:
    from tasksmithy._registry_in_use import registry_in_use
    from tasksmithy.cli._source import load
    from tasksmithy.task._serialize import SerializationContext, serialize
    from tasksmithy.task._source import find_task, tasks_in
    from tasksmithy.values._json import to_json

    module = load(args.file)
    renderer = None if args.format == "json" else _renderer(registry_in_use.get(), args.format)
    chosen = [find_task(module, name) for name in args.tasks]
    if not chosen:
        chosen = [task for _, task in sorted(tasks_in(module).items())]
    sctx = SerializationContext(
        version=args.deployment_version, project=args.project, domain=args.domain
    )
    specs = [serialize(task, sctx) for task in chosen]
    if renderer is None:
        print(to_json([spec.to_dict() for spec in specs]), file=answer)
        return 0
    for spec in specs:
        rendered = renderer(spec, sctx)
        answer.flush()
        answer.buffer.write(rendered if isinstance(rendered, bytes) else rendered.encode())
    return 0


def _renderer(
    registry: Registry, name: str
) -> Callable[[TaskSpec, SerializationContext], bytes | str]:
    """An installed renderer.

    Raises:
        PluginError: there is none of that name, or it cannot be used.
    """
    from tasksmithy._texts import near_misses
    from tasksmithy.errors import PluginLoadError
    from tasksmithy.plugins._discovery import RENDERERS

    if not any(each.record.group == RENDERERS for each in registry.plugins(name)):
        known = ["json", *registry.names(RENDERERS)]
        raise PluginLoadError(
            f"there is no format {name!r}{near_misses(name, known)} "
            f"(installed formats: {', '.join(known)})"
        )
    renderer: Callable[[TaskSpec, SerializationContext], bytes | str] = registry.load(
        RENDERERS, name
    )
    return renderer
