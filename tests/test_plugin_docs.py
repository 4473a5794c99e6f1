"""What the task types that ship here say of themselves by `tasksmithy plugins show`."""

import doctest
import json
import subprocess
import sys
from typing import Any

import pytest

from tasksmithy.plugins._registry import Registry

TASK_TYPES = ["python", "raw-container", "sql"]


@pytest.fixture(params=TASK_TYPES)
def shown(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The task type as `plugins show --json` has it."""
    command = [sys.executable, "-m", "tasksmithy", "plugins", "show", request.param, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    [plugin] = json.loads(done.stdout)
    assert isinstance(plugin, dict)
    return plugin


def test_every_task_type_says_what_it_is(shown: dict[str, Any]) -> None:
    assert shown["text"].startswith("A task ")


def test_every_task_type_names_its_hooks_and_execute_is_one(shown: dict[str, Any]) -> None:
    assert "execute" in shown["hooks"]
    assert all(shown["hooks"].values())


def test_every_field_of_a_task_type_is_described(shown: dict[str, Any]) -> None:
    assert shown["fields"]
    assert [field["name"] for field in shown["fields"] if not field["description"]] == []


def test_every_task_type_has_an_example_that_imports_what_it_uses(shown: dict[str, Any]) -> None:
    assert "import" in shown["example"]
    compile(shown["example"], shown["name"], "exec")


@pytest.mark.parametrize("name", ["python", "sql"])  # that of the container is run beside its tests
def test_the_example_of_a_task_type_has_the_result_that_is_shown(name: str) -> None:
    template = Registry().template(name)
    [example] = [
        found
        for found in doctest.DocTestFinder(recurse=False).find(template, globs={})
        if found.examples
    ]
    report: list[str] = []
    doctest.DocTestRunner(verbose=False).run(example, out=report.append)
    assert not report, "".join(report)
