"""Every check is on a page, with capabilities and fixtures, and can fail."""

import re
from pathlib import Path

from core.tests.testing import (
    test_discovery_faults,
    test_executor_faults,
    test_hook_faults,
    test_running_faults,
    test_task_faults,
    test_wheel_faults,
)

from tasksmithy.plugins._contract import CAPABILITIES as OF_EXECUTORS
from tasksmithy.testing import ExecutorConformance, TaskTypeConformance
from tasksmithy.testing import _fixtures as fixtures
from tasksmithy.testing._subject import CAPABILITIES

FAULTS = (
    test_discovery_faults,
    test_hook_faults,
    test_running_faults,
    test_task_faults,
    test_wheel_faults,
)
DOCS = Path(__file__).parents[3] / "docs"


def first_cells(pattern: str, page: str = "testing.md") -> set[str]:
    """What stands in the first column of the page's tables, where it looks so."""
    text = (DOCS / page).read_text()
    return set(re.findall(rf"^\| `{pattern}` \|", text, flags=re.MULTILINE))


def checks(kit: type = TaskTypeConformance) -> set[str]:
    return {name for name in dir(kit) if name.startswith("test_")}


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


def test_every_check_of_executors_is_on_their_page_with_what_it_asks() -> None:
    page = (DOCS / "write-an-executor.md").read_text()
    for name in checks(ExecutorConformance):
        asks = " ".join((getattr(ExecutorConformance, name).__doc__ or "").split())
        assert f"| `{name}` | {asks} |" in page
    assert first_cells(r"(test_\w+)", "write-an-executor.md") == checks(ExecutorConformance)


def test_every_capability_of_executors_is_on_their_page() -> None:
    assert first_cells(r'"(\w+)"', "write-an-executor.md") == OF_EXECUTORS.keys()


def test_for_every_check_of_executors_there_is_one_that_fails_it() -> None:
    broken = {executor.check for executor in test_executor_faults.PLUGINS.values()}
    assert broken - {""} == checks(ExecutorConformance)
