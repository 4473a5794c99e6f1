"""The command line: `tasksmithy run`, `runs`, `cache`, `render`, `plugins`, `new`, `check`.

Each command is a module with `add(commands)`, which describes it, and `execute(args)`, which does
it. What a command works with is imported when it is executed, so that `--help` costs nothing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from tasksmithy import __version__
from tasksmithy.cli import cache, check, new, plugins, render, run, runs
from tasksmithy.cli.failure import is_of_a_task, report

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns:
        The exit code: 0; 1 where a task failed; 2 where what was asked cannot be done.
    """
    args = _parser().parse_args(argv)
    try:
        code: int = args.execute(args)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 130  # as a shell has it: 128 and the number of the signal
    except Exception as error:  # noqa: BLE001 - the last to see it: told to the person, not lost
        if isinstance(error, BrokenPipeError) and not is_of_a_task(error):
            sys.stderr.close()  # whoever read the output has enough of it
            return 0
        for_machines = getattr(args, "for_machines", False)
        return report(error, verbose=args.verbose, for_machines=for_machines)
    return code


class _Parser(argparse.ArgumentParser):
    """The parser of a command; each of them takes `--verbose`, so that it may come anywhere."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        # Without a default: a command that is not told does not take it back from the one above.
        self.add_argument(
            "--verbose",
            action="store_true",
            default=argparse.SUPPRESS,
            help="show tracebacks in full",
        )


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="tasksmithy", description="Run tasks on this machine, and see what they are."
    )
    parser.add_argument("--version", action="version", version=f"tasksmithy {__version__}")
    parser.set_defaults(verbose=False)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in (run, runs, cache, render, plugins, new, check):
        command.add(commands)
    return parser
