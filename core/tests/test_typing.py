"""A type checker sees the signatures of tasks and the fields of their classes."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from mypy import api

EXAMPLES = Path(__file__).parent / "typing" / "examples.py"
WORKSPACE = Path(__file__).parents[2]

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
    return revealed.strip('"').replace("builtins.", "")


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
    assert EXPECTED[number] in reports.get(number, set())


def test_the_type_checker_says_nothing_else(reports: dict[int, set[str]]) -> None:
    assert {number: said for number, said in reports.items() if number not in EXPECTED} == {}


def test_the_examples_expect_both_types_and_errors() -> None:
    kinds = [EXPECTATION.search(line) for line in LINES]
    assert {match.group(1) for match in kinds if match} == {"R", "E"}
