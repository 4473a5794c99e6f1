"""Plugins as distributions on disk, most of them broken in one way, and the kit's word on them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent, indent
from xml.etree import ElementTree as ET

import pytest

from tasksmithy.testing._distribution import write_distribution

GROUP = "tasksmithy.task_types.v1"

SOURCE = """
from tasksmithy import (
    DataLoadingConfig, NativeInterface, Secret, Sql, TaskSpec, TaskTemplate, TaskType, current,
    hookimpl,
)
{module}

class BrokenTask(TaskTemplate, task_type="{name}"):
    text: str = "hello"
{task}

class BrokenTaskType(TaskType):
    template = BrokenTask

    @hookimpl
    def custom_config(self, task):
        return {{"text": task.text}}

    @hookimpl
    async def execute(self, inputs):
        return 2 * inputs["n"]
{hooks}
"""

TEST = """
import asyncio, pathlib, threading
from tasksmithy import NativeInterface
from tasksmithy.testing import TaskTypeConformance
{imports}

class Test_{name}(TaskTypeConformance):
    task_type = "{name}"
    inputs = {{"n": 21}}

    def make_task(self):
        return self.task()

    def task(self, **fields):
        interface = NativeInterface.from_types({{"n": int}}, {{"o0": int}})
        return BrokenTask(name="answer", interface=interface, **fields)
{test}
"""


@dataclass(frozen=True)
class Plugin:
    """A plugin, and what the kit has to say about it.

    A part of the source stands at the end of its class, where it replaces what came before.

    Attributes:
        check: the check that fails, which no other does; empty where none does.
        says: what its message has.
        module, task, hooks: what the plugin's module, its template and its task type have.
        test: what the conformance class has.
        files: further files of the distribution; None takes one away.
        entry_points: group to name to value, in place of the usual.
        beside: further distributions: name to their files and entry points.
        everyday: whether it is tried each time; else with the slow tests.
    """

    check: str
    says: tuple[str, ...]
    module: str = ""
    task: str = ""
    hooks: str = ""
    test: str = ""
    files: Mapping[str, str | None] = field(default_factory=dict)
    entry_points: Mapping[str, Mapping[str, str]] | None = None
    beside: Mapping[str, tuple[Mapping[str, str], Mapping[str, Mapping[str, str]]]] = field(
        default_factory=dict
    )
    everyday: bool = False

    def package(self, name: str) -> dict[str, str]:
        """The files of the plugin's package."""
        parts = {
            "module": dedent(self.module),
            "task": indent(dedent(self.task), "    "),
            "hooks": indent(dedent(self.hooks), "    "),
        }
        source = SOURCE.format(name=name, **parts)
        files = {f"{name}/__init__.py": source, f"{name}/py.typed": "", **self.files}
        return {path: content for path, content in files.items() if content is not None}

    def install(self, site: Path, name: str) -> None:
        """Install the plugin, whose task type and package have this name."""
        points = {GROUP: {name: f"{name}:BrokenTaskType"}}
        given = points if self.entry_points is None else self.entry_points
        write_distribution(site, f"dist-of-{name}", self.package(name), given, version="1.2")
        for other, (files, entries) in self.beside.items():
            write_distribution(site, other, files, entries)

    def write_test(self, tests: Path, name: str) -> None:
        """Write the test of the plugin."""
        # A plugin that cannot be imported has a test that does not need it.
        imports = f"try: from {name} import BrokenTask\nexcept BaseException: BrokenTask = None"
        body = indent(dedent(self.test), "    ")
        tests.joinpath(f"test_{name}.py").write_text(
            TEST.format(name=name, imports=imports, test=body), encoding="utf-8"
        )


Failures = Mapping[str, Mapping[str, str]]
"""Name of a plugin to the checks that fail, with their messages."""


def run_kit(site: Path, tests: Path) -> Failures:
    """Run all tests of a folder in one process, in which what is in `site` is installed."""
    report = tests / "report.xml"
    path = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}"],
        cwd=tests,
        # What broken plugins leave behind is left here.
        env={**os.environ, "PYTHONPATH": path, "TMPDIR": str(tests)},
        capture_output=True,
        text=True,
    )
    assert report.is_file(), done.stdout + done.stderr
    found: dict[str, dict[str, str]] = {}
    for case in ET.parse(report).iter("testcase"):
        failures = found.setdefault(case.attrib["classname"].partition("Test_")[2], {})
        for problem in (*case.iter("failure"), *case.iter("error")):
            failures[case.attrib["name"]] = problem.text or ""
    return found


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The test of a module of plugins is about each of its `PLUGINS`."""
    if "plugin" in metafunc.fixturenames:
        plugins: Mapping[str, Plugin] = metafunc.module.PLUGINS
        rare = pytest.mark.slow  # each takes a second: the checks start processes
        metafunc.parametrize(
            "plugin",
            [pytest.param(name, marks=() if plugins[name].everyday else rare) for name in plugins],
        )


@pytest.fixture(scope="module")
def failures(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Failures:
    """What the kit says of the plugins of a module, all of those whose test is selected."""
    site, tests = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("kit")
    # Also so that no other configuration is found above.
    (tests / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    for item in request.session.items:
        if isinstance(item, pytest.Function) and item.module is request.module:
            name = item.callspec.params["plugin"]
            item.module.PLUGINS[name].install(site, name)
            item.module.PLUGINS[name].write_test(tests, name)
    return run_kit(site, tests)


def check(plugin: Plugin, failures: Mapping[str, str]) -> None:
    """Check that the kit fails the one check and no other, with a message that helps."""
    expected = [plugin.check] if plugin.check else []
    assert list(failures) == expected, "\n\n".join(failures.values())
    for message in failures.values():
        assert [part for part in plugin.says if part not in message] == [], message
        assert "\nTo do: " in message
