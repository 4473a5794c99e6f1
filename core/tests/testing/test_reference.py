"""Every check is on the page on testing, with capabilities and fixtures, and can fail."""

import re
from pathlib import Path

from core.tests.testing import (
    test_discovery_faults,
    test_hook_faults,
    test_running_faults,
    test_task_faults,
    test_wheel_faults,
)

from tasksmithy.testing import TaskTypeConformance
from tasksmithy.testing import _fixtures as fixtures
from tasksmithy.testing._subject import CAPABILITIES

FAULTS = (
    test_discovery_faults,
    test_hook_faults,
    test_running_faults,
    test_task_faults,
    test_wheel_faults,
)
PAGE = Path(__file__).parents[3] / "docs" / "testing.md"


def first_cells(pattern: str) -> set[str]:
    """What stands in the first column of the page's tables, where it looks so."""
    return set(re.findall(rf"^\| `{pattern}` \|", PAGE.read_text(), flags=re.MULTILINE))


def checks() -> set[str]:
    return {name for name in dir(TaskTypeConformance) if name.startswith("test_")}


def test_every_check_is_on_the_page() -> None:
    assert first_cells(r"(test_\w+)") == checks()


def test_for_every_check_there_is_a_plugin_that_fails_it() -> None:
    assert {plugin.check for module in FAULTS for plugin in module.PLUGINS.values()} == checks()


def test_every_capability_is_on_the_page() -> None:
    assert first_cells(r'"(\w+)"') == CAPABILITIES.keys()


def test_every_fixture_is_on_the_page() -> None:
    public = {"registry", "run_task", "fake_distribution"}
    assert public <= vars(fixtures).keys()
    assert public <= first_cells(r"(\w+)")


def test_every_check_says_what_the_contract_asks() -> None:
    assert [name for name in checks() if not getattr(TaskTypeConformance, name).__doc__] == []
