"""`tasksmithy new [NAME]`: the project of a new task type, made from the template."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tasksmithy.errors import MissingDependencyError, TasksmithyError

_TEMPLATE = Path(__file__).parents[1] / "template"

# What the template asks, and the option that answers it.
_OPTIONS = {
    "kind": "kind",
    "task_type": "name",
    "project_slug": "distribution",
    "author": "author",
    "license": "license",
    "ci": "ci",
}


class NewProjectError(TasksmithyError):
    """A project that cannot be made as it is asked for."""


def describe(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    parser.description = (
        "Make the project of a new task type: a package with its code, its tests and what else it "
        "takes to publish it. What is not given is asked for."
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="the task type, such as hello")
    parser.add_argument(
        "--kind",
        choices=("function", "container", "sql", "bare"),
        help="what a task of the type is: a Python function with a configuration, a container, a "
        "SQL query, or anything else",
    )
    parser.add_argument(
        "--distribution", metavar="NAME", help="the name that pip installs: tasksmithy-NAME"
    )
    parser.add_argument("--author", help="the author, for the metadata and the licence")
    parser.add_argument("--license", choices=("Apache-2.0", "MIT", "BSD-3-Clause"))
    parser.add_argument("--ci", choices=("github", "none"), help="with a workflow, or without")
    parser.add_argument(
        "--directory", default=".", help="folder that the project's folder is made in (here)"
    )
    parser.add_argument(
        "--no-input", action="store_true", help="ask nothing: what is not given has its default"
    )
    parser.set_defaults(execute=execute)


def execute(args: argparse.Namespace) -> int:
    """Make the project; the template's hooks print what comes next."""
    import logging

    try:
        from cookiecutter.exceptions import CookiecutterException, OutputDirExistsException
        from cookiecutter.generate import generate_files
    except ImportError:
        install = "pip install 'tasksmithy[new]'"
        raise MissingDependencyError("tasksmithy new", "cookiecutter", install) from None

    given = {key: getattr(args, option) for key, option in _OPTIONS.items()}
    given = {key: value for key, value in given.items() if value is not None}
    context = {**_answers(given, ask=not args.no_input), "_output_dir": args.directory}
    logging.getLogger("cookiecutter").setLevel(logging.CRITICAL)  # it would log tracebacks
    try:
        # Not `cookiecutter.main`, which writes what was answered into the user's home.
        generate_files(_TEMPLATE, {"cookiecutter": context}, args.directory)
    except OutputDirExistsException:
        project = Path(args.directory, context["project_slug"])
        advice = "remove it, or choose another --distribution or --directory"
        raise NewProjectError(f"{project} is there already: {advice}") from None
    except (CookiecutterException, OSError) as error:
        raise NewProjectError(f"the project cannot be made: {error}") from error
    return 0


def _answers(given: Mapping[str, str], *, ask: bool) -> dict[str, Any]:
    """What the template is to know, in its order: as given, else as answered, else by default."""
    import json
    import runpy

    from cookiecutter.prompt import render_variable
    from cookiecutter.utils import create_env_with_context

    variables = json.loads((_TEMPLATE / "cookiecutter.json").read_text(encoding="utf-8"))
    prompts = variables.pop("__prompts__")
    hook = runpy.run_path(str(_TEMPLATE / "hooks" / "pre_gen_project.py"))
    problem_with: Callable[[str, str], str | None] = hook["problem_with"]
    for key, value in given.items():
        if (problem := problem_with(key, value)) is not None:
            raise NewProjectError(problem)
    environment = create_env_with_context({})
    answers: dict[str, Any] = {}
    for key, default in variables.items():
        default = render_variable(environment, default, answers)
        if key in given:
            answers[key] = given[key]
        elif ask and key in prompts:
            answers[key] = _asked(key, default, prompts, problem_with)
        else:
            answers[key] = default[0] if isinstance(default, list) else default
    return answers


def _asked(
    key: str,
    default: str | list[str],
    prompts: Mapping[str, Any],
    problem_with: Callable[[str, str], str | None],
) -> str:
    """The person's answer, asked for until it is allowed."""
    from cookiecutter.prompt import read_user_choice, read_user_variable

    read: Callable[..., str] = read_user_choice if isinstance(default, list) else read_user_variable
    while True:
        try:
            answer = read(key, default, prompts)
        except EOFError:
            raise NewProjectError(
                f"nobody is there to answer {key!r}: give what is needed, with --no-input"
            ) from None
        if (problem := problem_with(key, answer)) is None:
            return answer
        print(problem)
