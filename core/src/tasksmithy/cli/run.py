"""`tasksmithy run FILE [TASK] [--input value ...]`: run a task and print its result."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import ModuleType

    from tasksmithy.runtime.observer import Observer
    from tasksmithy.runtime.run import Runner
    from tasksmithy.task import TaskTemplate


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "run",
        help="run a task on this machine and print its result",
        usage="tasksmithy run [options] FILE [TASK] [--input value ...]\n"
        "       tasksmithy run [options] --resume ID",
        description="Run a task of a Python file on this machine and print its result: text as it "
        "is, anything else as JSON where it can be. --help after the task shows what it takes.",
    )
    parser.add_argument("file", nargs="?", help="Python file that defines the task")
    parser.add_argument(
        "task", nargs="?", help="its name, or its function's; may be left out where there is one"
    )
    parser.add_argument(
        "inputs", nargs=argparse.REMAINDER, help="the task's inputs, as --name value"
    )
    parser.add_argument(
        "--resume",
        metavar="ID",
        help="go on with a recorded run: what has a result there is not run again",
    )
    parser.add_argument(
        "--max-concurrency", type=int, metavar="N", help="run no more than N tasks at once"
    )
    parser.add_argument(
        "--respect-resources",
        action="store_true",
        help="run no more at once than this machine has the declared cpu and memory for",
    )
    parser.add_argument(
        "--cache-dir", type=Path, metavar="DIR", help="folder of the cache; the user's by default"
    )
    parser.add_argument(
        "--runs-dir", type=Path, metavar="DIR", help="folder of the records; the user's by default"
    )
    parser.add_argument(
        "--quiet",
        action="store_true",
        help="print the result alone, and errors, no warnings and no progress",
    )
    parser.add_argument(
        "--json",
        dest="for_machines",
        action="store_true",
        help="for machines: the result as JSON in a line, the last of standard output, and on "
        "standard error a JSON object a line for whatever happens",
    )
    parser.set_defaults(execute=execute)


def execute(args: argparse.Namespace) -> int:
    """Run the task; print its result to standard output."""
    from tasksmithy.runtime.run import init
    from tasksmithy.source import load_file

    _log(quiet=args.quiet, as_json=args.for_machines)
    init()
    if args.resume is not None:
        _recall(args)
    elif args.file is None:
        from tasksmithy.errors import SourceError

        raise SourceError("say which file to run, or which run to --resume")
    module = load_file(args.file)
    task = _task(module, args.task)
    if "--help" in args.inputs:
        print(_usage(args.file, task))
        return 0
    inputs = _inputs(task, args.inputs)
    with closing(_observer(quiet=args.quiet, as_json=args.for_machines)) as observer:
        result = _runner(args, observer).run(task, **inputs)
    print(_as_json(result) if args.for_machines else _as_text(result))
    return 0


def _log(*, quiet: bool, as_json: bool) -> None:
    """Warnings of a run go to standard error, a line each."""
    import logging

    from tasksmithy.runtime.report.progress import say, say_json

    class ToStderr(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            try:
                text = self.format(record)
            except Exception:  # noqa: BLE001 - as every handler: logging breaks no task
                self.handleError(record)
                return
            if as_json:
                say_json("log", level=record.levelname, logger=record.name, message=text)
            else:
                say(f"{record.levelname} {record.name}: {text}")

    handler = ToStderr(logging.ERROR if quiet else logging.WARNING)
    logging.basicConfig(handlers=[handler], format="%(message)s", level=handler.level)
    # The report of a run has more of what its tasks log.
    logging.getLogger("tasksmithy.task").setLevel(logging.INFO)


def _observer(*, quiet: bool, as_json: bool) -> Observer:
    """Who tells how the run goes."""
    import os
    import sys
    from importlib.util import find_spec

    from tasksmithy.runtime.observer import NOBODY
    from tasksmithy.runtime.report.progress import JsonLines, Lines

    if quiet:
        return NOBODY
    if as_json:
        return JsonLines()
    is_terminal = sys.stderr is not None and sys.stderr.isatty()
    if is_terminal and os.environ.get("TERM") != "dumb" and find_spec("rich"):
        from tasksmithy.runtime.report.live import Live

        return Live()
    return Lines()


def _recall(args: argparse.Namespace) -> None:
    """Take file, task and inputs from the record of the run that is gone on with."""
    from tasksmithy.errors import SourceError
    from tasksmithy.runtime.stores.records import RunStore, default_runs_directory

    if args.file is not None:
        raise SourceError("--resume has the file and the inputs from the record; leave them out")
    with closing(RunStore(args.runs_dir or default_runs_directory())) as store:
        run = store.find(args.resume)
    if run.file is None:
        raise SourceError(
            f"run {run.id} was started by a program and not from a file; resume it there: "
            f"with_runcontext(resume={run.id!r}).run(...)"
        )
    args.file, args.task, args.inputs = run.file, run.task, shlex.split(run.inputs)


def _runner(args: argparse.Namespace, observer: Observer) -> Runner:
    from tasksmithy.runtime.run import with_runcontext

    return with_runcontext(
        max_concurrency=args.max_concurrency,
        respect_resources=args.respect_resources,
        cache_dir=args.cache_dir,
        runs_dir=args.runs_dir,
        record=True,
        resume=args.resume,
        file=str(Path(args.file).resolve()),
        inputs=shlex.join(args.inputs),
        observer=observer,
    )


def _task(module: ModuleType, name: str | None) -> TaskTemplate[..., Any]:
    from tasksmithy.errors import SourceError
    from tasksmithy.source import find_task, tasks_in

    if name is not None:
        return find_task(module, name)
    tasks = tasks_in(module)
    chosen = [task for task in tasks.values() if task.entrypoint] or list(tasks.values())
    if len(chosen) != 1:
        known = ", ".join(sorted(tasks)) or "none"
        raise SourceError(f"{module.__file__}: say which task to run (tasks: {known})")
    return chosen[0]


def _inputs(task: TaskTemplate[..., Any], words: Sequence[str]) -> dict[str, Any]:
    """The inputs that words as `--month 3`, `--month=3` and `--dry-run` stand for."""
    from tasksmithy.errors import InputError
    from tasksmithy.values import from_text

    inputs: dict[str, Any] = {}
    for name, text in _pairs(task, words):
        if name in inputs:
            raise InputError(task.name, f"input {name!r} is given twice")
        kind, _ = task.interface.inputs.get(name, (str, None))
        if text is None and kind is not bool:
            raise InputError(task.name, f"input {name!r} is given without a value")
        inputs[name] = from_text(task.name, name, kind, "true" if text is None else text)
    # What is missing or unknown is told now, not by a run that has begun.
    return task.interface.bind(task.name, (), inputs)


def _pairs(task: TaskTemplate[..., Any], words: Sequence[str]) -> Iterator[tuple[str, str | None]]:
    from tasksmithy.errors import InputError

    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("--") or word == "--":
            described = task.interface.describe()
            raise InputError(task.name, f"{word!r} is no input; give --name value ({described})")
        name, equals, text = word[2:].partition("=")
        if equals:
            yield name.replace("-", "_"), text
        elif rest and not rest[0].startswith("--"):
            yield name.replace("-", "_"), rest.pop(0)
        else:
            yield name.replace("-", "_"), None


def _usage(file: str, task: TaskTemplate[..., Any]) -> str:
    lines = [f"usage: tasksmithy run {file} {task.name} [--input value ...]"]
    if task.docs is not None and task.docs.description:
        lines += ["", task.docs.description]
    return "\n".join([*lines, "", task.interface.describe()])


def _as_text(result: object) -> str:
    from tasksmithy.spec import not_json, to_json

    if isinstance(result, str):
        return result
    return to_json(result) if not_json(result) is None else str(result)


def _as_json(result: object) -> str:
    """The result as JSON in one line; its text, as a JSON string, where it has no JSON form."""
    import json

    from tasksmithy.spec import not_json

    return json.dumps(result if not_json(result) is None else str(result))
