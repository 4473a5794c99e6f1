"""`tasksmithy run FILE [TASK] [--input value ...]`: run a task and print its result."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from tasksmithy.cli._signals import Stop
    from tasksmithy.runtime._run import Runner
    from tasksmithy.runtime.report._progress import Progress

_EXIT_CODES = (
    "Exit codes: 0, there is a result; 1, a task failed; 2, what was asked cannot be done; 130, "
    "143 and 129, the run was stopped by Ctrl-C, SIGTERM or SIGHUP. The first Ctrl-C cancels the "
    "run, and its tasks tidy up; a second one ends it at once."
)

_RESUME_STANDS_ALONE = "--resume has the file and the inputs from the record; leave them out"


def describe(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    parser.usage = (
        "tasksmithy run [options] FILE [TASK] [--input value ...]\n"
        "       tasksmithy run [options] --resume ID"
    )
    parser.description = (
        "Run a task of a Python file on this machine and print its result: text as it is, anything "
        "else as JSON where it can be. --help after the file lists its tasks, and after the task "
        "it shows what that takes."
    )
    parser.epilog = _EXIT_CODES
    _add_options(parser)
    parser.add_argument("file", nargs="?", help="Python file that defines the task")
    parser.add_argument(
        "task", nargs="?", help="its name, or its function's; may be left out where there is one"
    )
    parser.add_argument(
        "inputs", nargs=argparse.REMAINDER, help="the task's inputs, as --name value"
    )
    parser.set_defaults(execute=execute)


def _add_options(parser: argparse.ArgumentParser) -> None:
    """The options of a run; also where they come after the file."""
    parser.add_argument(
        "--resume",
        metavar="ID",
        help="go on with a recorded run: what has a result there is not run again",
    )
    parser.add_argument(
        "--inputs-file",
        metavar="FILE",
        help="a file of inputs, .json, .toml or .yaml; - is JSON on standard input. An input that "
        "is given by --name goes before it",
    )
    parser.add_argument(
        "--executor",
        metavar="NAME",
        help="who makes the attempts, an installed executor; this machine by default",
    )
    parser.add_argument(
        "--executor-option",
        dest="executor_options",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an option of the executor; may be given for each of them, and goes before the "
        "settings",
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


def execute(args: argparse.Namespace) -> int:
    """Run the task; print its result to standard output."""
    from tasksmithy.cli._answer import answer_alone, answer_kept
    from tasksmithy.cli._signals import Stop

    stop = Stop(partial(_tell_stopping, args))
    is_alone = args.for_machines or "--json" in args.inputs
    try:
        with answer_alone() if is_alone else answer_kept() as answer:
            return _execute(args, stop, answer)
    except KeyboardInterrupt:
        return stop.exit_code


def _execute(args: argparse.Namespace, stop: Stop, answer: TextIO) -> int:
    import asyncio

    from tasksmithy._texts import printable
    from tasksmithy.cli import _inputs as inputs
    from tasksmithy.cli._source import load
    from tasksmithy.errors import SourceError, TaskCancelledError
    from tasksmithy.task._source import find_task, only_task

    _log(args)
    if args.resume is not None:
        _recall(args)
    elif args.file is None:
        raise SourceError("say which file to run, or which run to --resume")
    module = load(args.file)
    if args.task is None and "--help" in args.inputs:
        print(printable(inputs.overview(args.file, module)), file=answer)
        return 0
    task = only_task(module) if args.task is None else find_task(module, args.task)
    if "--help" in args.inputs:
        print(printable(inputs.usage(args.file, task)), file=answer)
        return 0
    args.inputs, others = inputs.split(task, args.inputs)
    if others:
        _take_options(args, others)
    given = inputs.given(task, args.inputs, args.inputs_file)
    if args.resume is None:  # what has used a file that is gone has its result
        inputs.refuse_missing(task, given)
    progress = _progress(quiet=args.quiet, as_json=args.for_machines)
    try:
        result = stop.run(_runner(args, progress).arun(task, **given))
    except asyncio.CancelledError:
        _tell_resume(args, progress.run_id)
        error = TaskCancelledError(task.name)
        _tell_failure(args, error)
        return 1
    except Exception as error:
        if not progress.has_begun:
            raise  # what was asked cannot be done
        _tell_resume(args, progress.run_id)
        _tell_failure(args, error)
        return 1
    except BaseException:
        _tell_resume(args, progress.run_id)
        raise
    _print_result(answer, _as_json(task.name, result) if args.for_machines else _as_text(result))
    return 0


def _take_options(args: argparse.Namespace, words: Sequence[str]) -> None:
    """Heed options of the run that come after its file; what is none is left as an input."""
    from tasksmithy.errors import SourceError

    parser = argparse.ArgumentParser(prog="tasksmithy run", add_help=False, allow_abbrev=False)
    _add_options(parser)
    resume = args.resume
    parser.add_argument("--verbose", action="store_true")
    _, unknown = parser.parse_known_args(words, args)
    args.inputs += unknown
    if args.resume != resume:
        raise SourceError(_RESUME_STANDS_ALONE)
    _log(args)


def _log(args: argparse.Namespace) -> None:
    """Have warnings on standard error, a line each, where the program says nothing else of them.

    That is where `logging` prints them by itself. Handlers and levels are the program's.
    """
    import logging

    from tasksmithy.runtime.report._progress import say, say_json

    class ToStderr(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            try:
                text = self.format(record)
            except Exception:  # noqa: BLE001 - as every handler: logging breaks no task
                self.handleError(record)
                return
            if args.for_machines:
                say_json("log", level=record.levelname, logger=record.name, message=text)
            else:
                say(f"{record.levelname} {record.name}: {text}")

    logging.lastResort = ToStderr(logging.ERROR if args.quiet else logging.WARNING)
    # The report of a run has more of what its tasks log.
    logging.getLogger("tasksmithy.task").setLevel(logging.INFO)


def _progress(*, quiet: bool, as_json: bool) -> Progress:
    """What shows how the run goes."""
    import os

    from tasksmithy.runtime.report._progress import JsonLines, Lines, Progress

    if quiet:
        return Progress()
    if as_json:
        return JsonLines()
    is_terminal = sys.stderr is not None and sys.stderr.isatty()
    if is_terminal and os.environ.get("TERM", "dumb") != "dumb":
        from tasksmithy.runtime.report._live import Live

        return Live()
    return Lines()


def _recall(args: argparse.Namespace) -> None:
    """Take file, task and inputs from the record of the run that is gone on with."""
    from tasksmithy.errors import SourceError
    from tasksmithy.runtime.stores._run_store import RunStore, default_runs_directory

    if args.file is not None or args.inputs_file is not None:
        raise SourceError(_RESUME_STANDS_ALONE)
    with closing(RunStore(args.runs_dir or default_runs_directory())) as store:
        run = store.find(args.resume)
    if run.file is None:
        raise SourceError(
            f"run {run.id} was started by a program and not from a file; resume it there: "
            f"with_runcontext(resume={run.id!r}).run(...)"
        )
    args.file, args.task, args.inputs = run.file, run.task, shlex.split(run.inputs)


def _runner(args: argparse.Namespace, progress: Progress) -> Runner:
    from tasksmithy.cli._inputs_file import STANDARD_INPUT
    from tasksmithy.runtime._run import with_runcontext

    inputs = args.inputs
    if (file := args.inputs_file) is not None:  # which a resumed run reads again
        place = file if file == STANDARD_INPUT else str(Path(file).resolve())
        inputs = [*inputs, "--inputs-file", place]
    return with_runcontext(
        executor=args.executor,
        executor_options=_executor_options(args.executor_options),
        max_concurrency=args.max_concurrency,
        respect_resources=args.respect_resources,
        cache_dir=args.cache_dir,
        runs_dir=args.runs_dir,
        record=True,
        resume=args.resume,
        file=str(Path(args.file).resolve()),
        inputs=shlex.join(inputs),
        progress=progress,
    )


def _executor_options(words: Sequence[str]) -> dict[str, str]:
    """The options of the executor from words such as `workers=4`."""
    from tasksmithy._texts import shorten
    from tasksmithy.errors import SettingsError

    options: dict[str, str] = {}
    for word in words:
        name, sign, value = word.partition("=")
        if not name or not sign:
            raise SettingsError(
                f"--executor-option {shorten(word)} is not allowed: give NAME=VALUE, such as "
                "--executor-option workers=4"
            )
        if name in options:
            raise SettingsError(f"--executor-option {name} is given twice; give it once")
        options[name] = value
    return options


def _tell_failure(args: argparse.Namespace, error: Exception) -> None:
    """Say why there is no result."""
    from tasksmithy.cli._failure import report

    report(error, verbose=args.verbose, for_machines=args.for_machines)


def _tell_stopping(args: argparse.Namespace) -> None:
    """Say that the run is being cancelled, which may take a while."""
    from tasksmithy.runtime.report._progress import say, say_json

    if args.for_machines:
        say_json("stopping")
    elif not args.quiet:
        say("stopping: what runs is cancelled and tidies up; Ctrl-C again ends it at once")


def _tell_resume(args: argparse.Namespace, run_id: str) -> None:
    """Say how to go on with a run that has no result, if it is recorded."""
    from tasksmithy.runtime.report._progress import say

    if run_id and not args.quiet and not args.for_machines:
        folder = ["--runs-dir", str(args.runs_dir)] if args.runs_dir else []
        say("go on with: " + shlex.join(["tasksmithy", "run", *folder, "--resume", run_id]))


def _print_result(answer: TextIO, text: str) -> None:
    """Print the result of a run, after what its tasks have printed."""
    with suppress(AttributeError, ValueError):  # they have closed their standard output
        sys.stdout.flush()
    try:
        print(text, file=answer)
    except UnicodeEncodeError:  # as standard error has what its encoding lacks
        encoding = answer.encoding
        print(text.encode(encoding, "backslashreplace").decode(encoding), file=answer)


def _as_text(result: object) -> str:
    """The result as its text, or, where it holds others or is a number, as JSON."""
    from tasksmithy.values._json import to_json

    try:
        plain = _plain(result)
    except ValueError:
        return str(result)
    return str(result) if isinstance(plain, str) else to_json(plain)


def _as_json(task: str, result: object) -> str:
    """The result as JSON in one line.

    Raises:
        OutputError: it has no JSON form.
    """
    import json

    from tasksmithy.errors import OutputError

    try:
        return json.dumps(_plain(result))
    except ValueError as error:
        raise OutputError(
            task, f"it has succeeded, and its result has no JSON form: {error}; run without --json"
        ) from None


def _plain(result: object) -> object:
    """The result as JSON values. Raises `ValueError` where it has no such form."""
    from tasksmithy.values._json import not_json

    if not_json(result) is None:
        return result
    from tasksmithy.values._conversion import (
        to_jsonable,  # brings pydantic, for models, dates and such
    )

    return to_jsonable(Any, result)
