"""`tasksmithy render FILE [TASK ...]`: print tasks as a cluster gets them."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from tasksmithy._texts import shorten
from tasksmithy.errors import TasksmithyError

if TYPE_CHECKING:
    from tasksmithy.plugins._registry import Registry
    from tasksmithy.task._spec import SerializationContext, TaskSpec

    Renderer = Callable[[TaskSpec, SerializationContext], bytes | str]


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
    parser.add_argument(
        "-o", dest="folder", metavar="DIR", help="write a file for each task, and index.json, here"
    )
    of = parser.add_argument_group("deployment")
    of.add_argument("--version", default="", help="its version; that of each task's code, if none")
    of.add_argument("--project", help="project that it goes to")
    of.add_argument("--domain", help="domain that it goes to")
    of.add_argument("--org", help="organisation that it goes to")
    of.add_argument(
        "--image",
        action="append",
        default=[],
        metavar="[NAME=]URI",
        help="what an image was built as, by its name; without one, the default image; repeatable",
    )
    of.add_argument("--root-dir", metavar="DIR", help="folder that module names are relative to")
    code = of.add_mutually_exclusive_group()
    code.add_argument("--tgz", metavar="URI", help="where the archive of the code is")
    code.add_argument("--pkl", metavar="URI", help="where the pickled task is")
    of.add_argument("--dest", metavar="DIR", help="where the archive is unpacked")
    of.add_argument("--code-version", metavar="VERSION", help="version of the archive or the task")
    parser.set_defaults(execute=execute)


def execute(args: argparse.Namespace) -> int:
    """Print the specs to standard output, or write them."""
    from tasksmithy.cli._answer import answer_alone

    with answer_alone() as answer:
        return _render(args, answer)


def _render(args: argparse.Namespace, answer: TextIO) -> int:
    from tasksmithy._registry_in_use import registry_in_use
    from tasksmithy.cli._source import load
    from tasksmithy.task._serialize import serialize
    from tasksmithy.task._source import find_task, tasks_in
    from tasksmithy.values._json import to_json

    sctx = _context(args)
    module = load(args.file)
    renderer = None if args.format == "json" else _renderer(registry_in_use.get(), args.format)
    chosen = [find_task(module, name) for name in args.tasks]
    if not chosen:
        chosen = [task for _, task in sorted(tasks_in(module).items())]
    specs = [serialize(task, sctx) for task in chosen]
    if args.folder is not None:
        _write(
            Path(args.folder), args.format, specs, [_one(renderer, each, sctx) for each in specs]
        )
    elif renderer is None:
        print(to_json([spec.to_dict() for spec in specs]), file=answer)
    else:
        answer.flush()
        for spec in specs:
            answer.buffer.write(_one(renderer, spec, sctx))
    return 0


def _context(args: argparse.Namespace) -> SerializationContext:
    """What the options say of the deployment."""
    from tasksmithy.task._spec import CodeBundle, SerializationContext

    images = dict(_image(each) for each in args.image)
    bundle = None
    if args.tgz or args.pkl:
        bundle = CodeBundle(
            tgz=args.tgz,
            pkl=args.pkl,
            destination=args.dest or ".",
            computed_version=args.code_version or "",
        )
    elif args.dest or args.code_version:
        raise TasksmithyError("--dest and --code-version are of a code bundle: give --tgz or --pkl")
    return SerializationContext(
        version=args.version,
        project=args.project,
        domain=args.domain,
        org=args.org,
        image_cache=images,
        code_bundle=bundle,
        root_dir=None if args.root_dir is None else Path(args.root_dir),
    )


def _image(option: str) -> tuple[str, str]:
    """The name of an image, and the URI that it was built as."""
    from tasksmithy.fields._image_reference import image_reference

    name, given, uri = option.rpartition("=")
    image_reference("--image", uri)
    return (name if given else "auto"), uri


def _one(renderer: Renderer | None, spec: TaskSpec, sctx: SerializationContext) -> bytes:
    """The bytes of one task.

    Raises:
        TasksmithyError: the renderer raised, or gave neither bytes nor text.
    """
    if renderer is None:
        return f"{spec.to_json()}\n".encode()
    try:
        rendered: object = renderer(spec, sctx)  # which is anybody's
    except TasksmithyError:
        raise
    except Exception as error:
        told = f"{type(error).__name__}: {error}"
        raise TasksmithyError(f"the renderer cannot render task {spec.name!r}: {told}") from error
    if not isinstance(rendered, (bytes, str)):
        what = f"{shorten(rendered)} of type {type(rendered).__name__}"
        raise TasksmithyError(
            f"the renderer gave {what} for task {spec.name!r}: it has to give bytes or str"
        )
    return rendered if isinstance(rendered, bytes) else rendered.encode()


def _write(folder: Path, form: str, specs: Sequence[TaskSpec], rendered: Sequence[bytes]) -> None:
    """Write a file for each task, and the index of them."""
    from urllib.parse import quote

    from tasksmithy.values._json import to_json

    index = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for spec, content in zip(specs, rendered, strict=True):
            # A name is any text, and may be that of a file elsewhere.
            name = f"{quote(spec.name, safe=' ')}.{form}"
            (folder / name).write_bytes(content)
            index.append({"name": spec.name, "version": spec.version, "file": name})
        (folder / "index.json").write_text(to_json(index) + "\n", encoding="utf-8")
    except OSError as error:
        raise TasksmithyError(f"{folder} cannot be written: {error.strerror or error}") from None


def _renderer(registry: Registry, name: str) -> Renderer:
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
    renderer: Renderer = registry.load(RENDERERS, name)
    return renderer
