"""The page on testing has every check, every capability and every fixture, and no other."""

import re
from pathlib import Path

from tasksmithy.testing import TaskTypeConformance, fixtures
from tasksmithy.testing.subject import CAPABILITIES

PAGE = Path(__file__).parents[3] / "docs" / "testing.md"


def first_cells(pattern: str) -> set[str]:
    """What stands in the first column of the page's tables, where it looks so."""
    return set(re.findall(rf"^\| `{pattern}` \|", PAGE.read_text(), flags=re.MULTILINE))


def test_every_check_is_on_the_page() -> None:
    checks = {name for name in dir(TaskTypeConformance) if name.startswith("test_")}
    assert first_cells(r"(test_\w+)") == checks


def test_every_capability_is_on_the_page() -> None:
    assert first_cells(r'"(\w+)"') == CAPABILITIES.keys()


def test_every_fixture_is_on_the_page() -> None:
    public = {"registry", "run_task", "fake_distribution"}
    assert public <= vars(fixtures).keys()
    assert public <= first_cells(r"(\w+)")


def test_every_check_says_what_the_contract_asks() -> None:
    undocumented = [
        name
        for name in dir(TaskTypeConformance)
        if name.startswith("test_") and not getattr(TaskTypeConformance, name).__doc__
    ]
    assert undocumented == []
