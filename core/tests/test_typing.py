"""Type checkers see the signatures of tasks and the fields of their classes: mypy and pyright."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from mypy import api

EXAMPLES = Path(__file__).parent / "typing" / "examples.py"
PLUGIN = Path(__file__).parent / "typing" / "plugin.py"
WORKSPACE = Path(__file__).parents[2]
PYRIGHT = WORKSPACE / ".venv" / "node_modules" / ".bin" / "pyright"

REPORT = re.compile(
    r"^.*?examples\.py:(\d+): (?:note: Revealed type is (.*)|error: .*\[([\w-]+)\])$"
)
EXPECTATION = re.compile(r"  # ([RE]): (\S.*)$")


@pytest.fixture(scope="module")
def reports(request: pytest.FixtureRequest, tmp_path_factory: Any) -> dict[int, set[str]]:
    """What `mypy --strict` says: line number to revealed types and codes of errors."""
    cache = getattr(request.config, "cache", None)  # pytest's own may be switched off
    folder = cache.mkdir("mypy") if cache else tmp_path_factory.mktemp("mypy")
    output, problems, _ = api.run(
        [
            "--strict",
            "--config-file",
            str(WORKSPACE / "pyproject.toml"),
            "--cache-dir",
            str(folder),
            "--no-error-summary",
            "--hide-error-context",
            str(EXAMPLES),
            str(PLUGIN),
        ]
    )
    assert problems == ""
    found = defaultdict(set)
    for line in output.splitlines():
        report = REPORT.match(line)
        if report is None:
            assert ": note: " in line, line  # of another file, or of another form
            continue
        number, revealed, code = report.groups()
        found[int(number)].add(_plain(revealed) if revealed else code)
    return dict(found)


def _plain(revealed: str) -> str:
    """A type by the names of its classes, without their modules."""
    return re.sub(r"\w+\.(?=\w)", "", revealed.strip('"'))


@pytest.fixture(scope="module")
def pyright_reports(tmp_path_factory: Any) -> dict[int, list[tuple[str, str]]]:
    """What `pyright` says in strict mode: line number to severity and text."""
    if not PYRIGHT.exists():
        how = pytest.fail if os.environ.get("CI") else pytest.skip
        how("pyright is not there: `make lint` installs it")
    project = tmp_path_factory.mktemp("pyright") / "pyrightconfig.json"
    included = os.path.relpath(EXAMPLES, project.parent)
    project.write_text(json.dumps({"include": [included], "typeCheckingMode": "strict"}))
    done = subprocess.run(
        [PYRIGHT, "--project", project, "--pythonpath", sys.executable, "--outputjson"],
        capture_output=True,
        text=True,
        check=False,
    )
    found = defaultdict(list)
    for each in json.loads(done.stdout)["generalDiagnostics"]:
        found[each["range"]["start"]["line"] + 1].append((each["severity"], each["message"]))
    return dict(found)


LINES = EXAMPLES.read_text(encoding="utf-8").splitlines()
EXPECTED = {
    number: match.group(2)
    for number, line in enumerate(LINES, 1)
    if (match := EXPECTATION.search(line)) is not None
}


@pytest.mark.parametrize(
    "number", EXPECTED, ids=lambda number: LINES[number - 1].partition("  #")[0].strip()
)
def test_the_type_checker_says_what_is_expected(number: int, reports: dict[int, set[str]]) -> None:
    assert _plain(EXPECTED[number]) in reports.get(number, set())


def test_the_type_checker_says_nothing_else(reports: dict[int, set[str]]) -> None:
    assert {number: said for number, said in reports.items() if number not in EXPECTED} == {}


@pytest.mark.slow
def test_pyright_reveals_the_types_that_mypy_does(pyright_reports: Any) -> None:
    expected = {number: EXPECTED[number] for number in EXPECTED if "  # R: " in LINES[number - 1]}
    found = {
        number: _plain(message.partition('" is ')[2])
        for number, said in pyright_reports.items()
        for severity, message in said
        if severity == "information"
    }
    assert found == {number: _plain(kind) for number, kind in expected.items()}


@pytest.mark.slow
def test_pyright_finds_the_errors_that_mypy_does(pyright_reports: Any) -> None:
    expected = {number for number in EXPECTED if "  # E: " in LINES[number - 1]}
    found = {
        number
        for number, said in pyright_reports.items()
        if any(severity == "error" for severity, _ in said)
    }
    assert found == expected


PACKAGES = ["tasksmithy", "tasksmithy_function", "tasksmithy_container", "tasksmithy_sql"]
UNTYPED = {"tasksmithy_sql.databases.columns.Numeric"}  # its base is pyarrow's, which has no types


@pytest.mark.slow
@pytest.mark.parametrize("package", PACKAGES)
def test_all_type_checkers_see_the_same_type_of_each_name(package: str) -> None:
    if not PYRIGHT.exists():
        how = pytest.fail if os.environ.get("CI") else pytest.skip
        how("pyright is not there: `make lint` installs it")
    done = subprocess.run(
        [PYRIGHT, "--outputjson", "--ignoreexternal", "--verifytypes", package],
        env={
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    symbols = json.loads(done.stdout)["typeCompleteness"]["symbols"]
    public = [
        each
        for each in symbols
        # What `tasksmithy new` copies is not imported, and the language knows the other two.
        if not each["name"].startswith("tasksmithy.template.")
        and not each["name"].endswith((".__getattr__", ".__dir__"))
        and each["name"] not in UNTYPED
    ]
    assert len(public) > 20
    unclear = {
        each["name"]: [
            said["message"]
            for said in each["diagnostics"]
            # `template = QueryTask` in a task type: the base says the type. And a class with such
            # an attribute is partially unknown wherever it is met.
            if not re.match(
                "Ambiguous base class override|.* is partially unknown", said["message"]
            )
        ]
        for each in public
        if not each["isTypeKnown"] or each["isTypeAmbiguous"]
    }
    assert {name: said for name, said in unclear.items() if said} == {}


def test_the_examples_expect_both_types_and_errors() -> None:
    kinds = [EXPECTATION.search(line) for line in LINES]
    assert {match.group(1) for match in kinds if match} == {"R", "E"}
