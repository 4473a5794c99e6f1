"""The command line: `tasksmithy run`, `runs`, `cache`, `render`, `plugins`, `executors`, ...

Each command is a module with `describe(parser)`, which adds its arguments, and what they make it
execute. A command is imported when it is asked for, and what it works with when it is executed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any, Final

from tasksmithy import __version__
from tasksmithy.cli._terminal import columns

__all__ = ["main"]

_COMMANDS: Final = {
    "run": "run a task on this machine and print its result",
    "runs": "see the runs that are recorded on this machine",
    "cache": "see or clear the cache of this machine",
    "render": "print tasks as a cluster gets them",
    "plugins": "see which plugins are installed, and how to use them",
    "executors": "see which executors are installed, their options and what they can",
    "new": "make the project of a new task type",
    "check": "check that the wheel of a task type keeps the contract",
}
"""Name to what it is for; each is a module here."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns:
        The exit code: 0; 1 where a task failed; 2 where what was asked cannot be done.
    """
    words = sys.argv[1:] if argv is None else argv
    args = _parser(words).parse_args(words)
    try:
        code: int = args.execute(args)
        with suppress(AttributeError, ValueError):  # it is closed, by a plugin or from the start
            sys.stdout.flush()
    except KeyboardInterrupt:
        return 130  # as a shell has it: 128 and the number of the signal
    except Exception as error:  # noqa: BLE001 - the last to see it: told to the person, not lost
        from tasksmithy.cli._failure import report
        from tasksmithy.errors import TasksmithyError

        if isinstance(error, BrokenPipeError):
            sys.stderr.close()  # whoever read the output has enough of it
            return 0
        for_machines = getattr(args, "for_machines", False)
        report(error, verbose=args.verbose, for_machines=for_machines)
        return 2 if isinstance(error, TasksmithyError) else 1
    return code


class _Formatter(argparse.HelpFormatter):
    """Help as wide as the terminal.

    argparse makes one for each argument, and has it import `shutil` where it is not given a width.
    """

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=columns() - 2)


class _Parser(argparse.ArgumentParser):
    """The parser of a command; each of them takes `--verbose`, so that it may come anywhere."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(formatter_class=_Formatter, **settings)
        # Without a default: a command that is not told does not take it back from the one above.
        self.add_argument(
            "--verbose",
            action="store_true",
            default=argparse.SUPPRESS,
            help="show tracebacks in full",
        )


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    parser = _Parser(
        prog="tasksmithy", description="Run tasks on this machine, and see what they are."
    )
    parser.add_argument("--version", action="version", version=f"tasksmithy {__version__}")
    parser.set_defaults(verbose=False)
    commands = parser.add_subparsers(metavar="COMMAND", required=True, prog=parser.prog)
    # No option before the command takes a value.
    asked_for = next((word for word in words if not word.startswith("-")), None)
    # Where a command comes first, no other can be meant, and none needs a parser.
    names = words[:1] if asked_for in _COMMANDS and words[0] == asked_for else _COMMANDS
    for name in names:
        command = commands.add_parser(name, help=_COMMANDS[name])
        if name == asked_for:
            import_module(f"tasksmithy.cli._{name}").describe(command)
    return parser
