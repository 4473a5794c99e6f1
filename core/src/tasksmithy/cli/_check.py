"""`tasksmithy check [PATH]`: does the wheel of a task type, by itself, keep the contract?"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tasksmithy.errors import MissingDependencyError, TasksmithyError

if TYPE_CHECKING:
    from subprocess import CompletedProcess

    from packaging.requirements import Requirement

_TESTS = "tests/test_conformance.py"
_OF_FILES = "the wheel has the files of the package"
_NEW = "tasksmithy.testing._outcome.ConformanceWarning: "  # how a report shows the warning
_WIDTH = 70  # of what to do, in characters
_EXAMPLE = """\
from tasksmithy.testing import TaskTypeConformance

from {package} import ...


class Test{name}(TaskTypeConformance):
    task_type = "{task_type}"
    inputs = {{...}}  # with these the task runs

    def make_task(self):
        return ...  # a task of type {task_type}
"""


class CheckError(TasksmithyError):
    """A project that cannot be checked: it has no wheel, or no conformance tests."""


class Outcome(NamedTuple):
    """How one check ended.

    Attributes:
        conformance: the class of the conformance tests.
        check: the check, as a sentence.
        result: `"passed"`, `"failed"`, `"skipped"`, or `"warning"`: it will fail from the next
            minor release of tasksmithy on.
        found: what was found, where it failed.
        advice: what to do, or why it was skipped.
    """

    conformance: str
    check: str
    result: str
    found: str = ""
    advice: str = ""


def describe(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    parser.description = (
        "Build the wheel of a project, install it into a clean environment with what its tests "
        f"need (the dependency group `test`), and run its {_TESTS} there."
    )
    parser.add_argument(
        "path", nargs="?", type=Path, default=Path(), help="folder of the project (here)"
    )
    parser.set_defaults(execute=execute)


def execute(args: argparse.Namespace) -> int:
    """Print the table of the checks; 1 where one has failed."""
    import tempfile

    project: Path = args.path.resolve()
    with tempfile.TemporaryDirectory(prefix="tasksmithy-check-") as folder:
        outcomes = _checked(project, Path(folder))
    _print(outcomes)
    return int(any(outcome.result == "failed" for outcome in outcomes))


def _checked(project: Path, folder: Path) -> list[Outcome]:
    from tasksmithy.testing._installation import BuildError, build_wheel

    settings = _settings(project)
    _say(f"building the wheel of {project}")
    try:
        wheel = build_wheel(project, folder / "wheel")
    except BuildError as error:
        raise CheckError(f"no wheel can be built from {project}:\n{error}") from None
    contents = _unpacked(wheel, folder / "unpacked")
    if not (project / _TESTS).is_file():
        raise CheckError(_without_tests(project, contents))
    _say("installing it into a clean environment")
    python = _environment(folder / "environment")
    _install(python, wheel, _needs(contents, settings), folder)
    _say(f"running {_TESTS}")
    found = _run(python, _copied(project, contents, folder / "project"), folder / "report.xml")
    return [_beside_source(outcome, project, contents) for outcome in found]


def _settings(project: Path) -> Mapping[str, Any]:
    """The project's pyproject.toml."""
    import tomllib

    file = project / "pyproject.toml"
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        problem = f"{file} cannot be read: {error.strerror}"
        raise CheckError(f"{problem}; give the folder of a project") from None
    except ValueError as error:
        raise CheckError(f"{file} is not valid TOML: {error}") from None


def _unpacked(wheel: Path, folder: Path) -> Path:
    import zipfile

    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def _without_tests(project: Path, contents: Path) -> str:
    """What to write where a project has no conformance tests."""
    from tasksmithy.plugins._discovery import TASK_TYPES, discover

    points = [point for point in discover([str(contents)]) if point.group == TASK_TYPES]
    if not points:
        return (
            f"{project} has no {_TESTS}, and its wheel no task type: there is no entry point in "
            f"the group {TASK_TYPES!r}"
        )
    example = _EXAMPLE.format(
        package=points[0].value.partition(":")[0].partition(".")[0],
        name="".join(part.title() for part in points[0].name.replace("_", "-").split("-")),
        task_type=points[0].name,
    )
    return f"{project} has no {_TESTS}; write it:\n\n{example}"


def _needs(contents: Path, settings: Mapping[str, Any]) -> list[str]:
    """What the wheel and the tests of its project require."""
    from importlib.metadata import Distribution

    from tasksmithy import __version__

    [info] = contents.glob("*.dist-info")
    groups = settings.get("dependency-groups", {})
    return [
        f"tasksmithy[testing]=={__version__}",
        *(Distribution.at(info).requires or ()),
        *_group("test", groups),
    ]


def _group(name: str, groups: Mapping[str, Any]) -> Iterator[str]:
    """The requirements of a dependency group, with those of the groups that it includes."""
    for entry in groups.get(name, ()):
        if isinstance(entry, str):
            yield entry
        else:
            yield from _group(entry["include-group"], groups)


def _environment(folder: Path) -> Path:
    """A clean environment, by its Python."""
    _done([sys.executable, "-m", "venv", folder], "a clean environment cannot be made")
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _install(python: Path, wheel: Path, needs: Sequence[str], folder: Path) -> None:
    """Install a wheel with what it needs; what is installed here from its source, from there."""
    try:
        from packaging.requirements import Requirement
    except ImportError:
        install = "pip install 'tasksmithy[testing]'"
        raise MissingDependencyError("tasksmithy check", "packaging", install) from None

    own = [wheel, *_local_wheels(map(Requirement, needs), folder / "wheels")]
    _done(
        [python, "-m", "pip", "install", "--quiet", *own, *needs],
        "the wheel cannot be installed into a clean environment",
    )


def _local_wheels(needs: Iterable[Requirement], folder: Path) -> Iterator[Path]:
    """The wheels of what is needed and is installed here from this machine, as before a release."""
    from importlib.metadata import PackageNotFoundError, distribution

    from packaging.requirements import Requirement

    from tasksmithy.testing._installation import BuildError, build_wheel, origin_of

    pending, seen = list(needs), set()
    while pending:
        need = pending.pop()
        try:
            found = distribution(need.name)
        except PackageNotFoundError:
            continue
        for extra in ("", *need.extras):
            if (need.name, extra) in seen:
                continue
            seen.add((need.name, extra))
            for text in found.requires or ():
                inner = Requirement(text)
                if inner.marker is None or inner.marker.evaluate({"extra": extra}):
                    pending.append(inner)
            origin = origin_of(found)
            if extra or origin is None or not origin.exists():
                continue
            try:
                yield origin if origin.is_file() else build_wheel(origin, folder / need.name)
            except BuildError as error:
                raise CheckError(f"no wheel can be built from {origin}:\n{error}") from None


def _copied(project: Path, contents: Path, copy: Path) -> Path:
    """The project without the code that its wheel has, so that the tests import the wheel's."""
    import shutil

    from tasksmithy.testing._installation import BY_MISTAKE

    # What is in the wheel by mistake is the project's own, and its tests may need it.
    code = {"src", *({file.name for file in contents.iterdir()} - BY_MISTAKE)}

    def ignored(folder: str, names: list[str]) -> set[str]:
        inside = Path(folder)
        return {
            name
            for name in names
            if (inside == project and name in code)
            or name in ("__pycache__", "build", "dist", "node_modules")
            or (inside / name / "pyvenv.cfg").exists()
            or (name.startswith(".") and (inside / name).is_dir())
        }

    shutil.copytree(project, copy, symlinks=True, ignore=ignored)
    return copy


def _run(python: Path, project: Path, report: Path) -> list[Outcome]:
    command: list[str | Path] = [python, "-m", "pytest", _TESTS, "-m", "", "--quiet"]
    # A report has errors and no warnings.
    command += ["-W", "error::tasksmithy.testing.ConformanceWarning", f"--junitxml={report}"]
    done = _ran(command, cwd=project)
    outcomes = list(_outcomes(report)) if report.is_file() else []
    if not outcomes:
        raise CheckError(f"{_TESTS} cannot be run:\n{done.stdout}{done.stderr}".rstrip())
    return outcomes


def _beside_source(outcome: Outcome, project: Path, contents: Path) -> Outcome:
    """How a check ended: the one of the wheel's files here, where the source is at hand."""
    from tasksmithy.plugins._discovery import discover
    from tasksmithy.testing._installation import missing_from, package_of, what_a_wheel_has

    if (outcome.check, outcome.result) != (_OF_FILES, "passed"):
        return outcome
    files = {file.relative_to(contents).as_posix() for file in contents.rglob("*")}
    for package in sorted(set(map(package_of, discover([str(contents)])))):
        for home in (project / "src" / package, project / package):
            if missing := missing_from(files, home, package):
                found = f"the wheel lacks {', '.join(missing)}, which {home} has"
                return outcome._replace(
                    result="failed", found=found, advice=what_a_wheel_has(package)
                )
    return outcome


def _outcomes(report: Path) -> Iterator[Outcome]:
    """How the checks ended, by the report of pytest."""
    from xml.etree import ElementTree as ET

    for case in ET.parse(report).iter("testcase"):  # noqa: S314 - pytest has just written it
        conformance = case.attrib["classname"].rpartition(".")[2]
        check = case.attrib["name"].removeprefix("test_").replace("_", " ")
        problem = next((part for part in case if part.tag in ("failure", "error")), None)
        skipped = case.find("skipped")
        if problem is not None:
            message = problem.attrib["message"]
            is_new = message.startswith(_NEW)
            told = message.removeprefix(_NEW) if is_new else problem.text or ""
            found, _, advice = told.partition("\n\nTo do: ")
            result = "warning" if is_new else "failed"
            yield Outcome(conformance, check, result, found.strip(), advice.strip())
        elif skipped is not None:
            yield Outcome(conformance, check, "skipped", advice=skipped.attrib["message"])
        else:
            yield Outcome(conformance, check, "passed")


def _print(outcomes: Sequence[Outcome]) -> None:
    from collections import Counter

    from tasksmithy.cli._table import aligned, wrapped

    for conformance in dict.fromkeys(outcome.conformance for outcome in outcomes):
        rows = [
            (outcome.check, outcome.result, " ".join(outcome.advice.split()))
            for outcome in outcomes
            if outcome.conformance == conformance
        ]
        print(f"{conformance}\n")
        print(aligned([("CHECK", "RESULT", "WHAT TO DO"), *wrapped(rows, _WIDTH)]), end="\n\n")
    for outcome in outcomes:
        if outcome.result in ("failed", "warning"):
            advice = f"\n\nTo do: {outcome.advice}" if outcome.advice else ""
            print(f"{outcome.conformance}: {outcome.check}\n\n{outcome.found}{advice}\n")
    counts = Counter(outcome.result for outcome in outcomes)
    print(", ".join(f"{counts[result]} {result}" for result in sorted(counts)))


def _done(command: Sequence[str | Path], problem: str) -> None:
    """Do what a command says.

    Raises:
        CheckError: it fails.
    """
    done = _ran(command)
    if done.returncode:
        raise CheckError(f"{problem}:\n{done.stderr.strip() or done.stdout.strip()}")


def _ran(command: Sequence[str | Path], cwd: Path | None = None) -> CompletedProcess[str]:
    import subprocess

    # Without what decides here what is imported.
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "PYTEST_"))}
    return subprocess.run(  # noqa: S603 - a Python, with words that are written here
        command, cwd=cwd, env=environ, capture_output=True, text=True, check=False
    )


def _say(text: str) -> None:
    print(text, file=sys.stderr)
