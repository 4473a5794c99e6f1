"""`tasksmithy plugins show` and `docs`: what an installed plugin says of itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from core.tests.conftest import CommandLine, Done

PLUGIN = '''
from dataclasses import dataclass, field
from typing import Literal

from tasksmithy import TaskTemplate, TaskType, hookimpl
from tasksmithy.extend import AsyncFunctionTaskTemplate


class BatchTask(AsyncFunctionTaskTemplate, task_type="batch"):
    """A function that a batch system runs.

    >>> from batch import BatchTask
    >>> BatchTask.task_type
    'batch'

    It waits for its turn | in line.

    Args:
        lane: which lane, with a text that is long enough for the second line of the table, as texts
            of that kind often are.

            A second paragraph.
        slots, weight: how much of it.

    Raises:
        TaskDefinitionError: the lane is closed.
    """

    lane: str
    slots: int = 1
    weight: "float | None" = None
    labels: dict[str, str] = field(default_factory=dict)


@dataclass
class BatchConfig:
    """Where batches go.

    Attributes:
        queue: the name of a queue.
        retries: how often at the most.
    """

    queue: str
    mode: Literal["fast", "slow"] = "fast"
    hosts: list[str] | None = None
    retries: int = 3


class Batch(TaskType):
    """Task type `batch`."""

    template = BatchTask
    config_model = BatchConfig

    @hookimpl
    def cache_version(self):
        """The day."""
        return "1"

    @hookimpl
    async def execute(self, inputs):
        return None


class Bare(TaskTemplate, task_type="bare"):
    def sql(self, sctx):
        """Always one row."""
        return "select 1"


class Unwritten(TaskType):
    template = BatchTask
    config_model = type("Handle", (), {"__init__": lambda self, socket: None})


class Audit:
    """Writes down what is rendered."""

    @hookimpl(wrapper=True)
    def serialize(self):
        return (yield)


def shout(spec):
    """The name of the task, loud.

    >>> from batch import shout
    """
    return spec.name.upper()
'''
ENTRIES = {
    "tasksmithy.task_types.v1": ["batch = batch:Batch", "bare = batch:Bare", "gone = batch:Gone"],
    "tasksmithy.policies.v1": ["audit = batch:Audit", "lost = batch:Lost"],
    "tasksmithy.renderers.v1": ["shout = batch:shout", "batch = batch:shout"],
}


class Result:
    def __init__(self, done: Done) -> None:
        self.code, self.out, self.err = done.code, done.out, done.err

    @property
    def words(self) -> str:
        """Standard output with one space wherever there are several."""
        return " ".join(self.out.split())


Plugins = Callable[..., Result]


@pytest.fixture
def plugins(tasksmithy: CommandLine, tmp_path: Path) -> Plugins:
    """Runs `tasksmithy plugins ...` where the plugins of this file are installed."""
    write_distribution(tmp_path, ENTRIES)

    def run(*words: str, **environ: str) -> Result:
        variables = {"PYTHONPATH": str(tmp_path), "COLUMNS": "200", **environ}
        return Result(tasksmithy("plugins", *words, **variables))

    return run


def write_distribution(folder: Path, entries: Mapping[str, list[str]]) -> None:
    folder.joinpath("batch.py").write_text(PLUGIN)
    info = folder / "batch_plugin-1.5.dist-info"
    info.mkdir()
    info.joinpath("METADATA").write_text(
        "Metadata-Version: 2.1\nName: batch-plugin\nVersion: 1.5\n"
    )
    lines = [line for group, names in entries.items() for line in (f"[{group}]", *names)]
    info.joinpath("entry_points.txt").write_text("\n".join(lines) + "\n")


def shown(plugins: Plugins, name: str) -> dict[str, Any]:
    [plugin] = json.loads(plugins("show", name, "--json").out)
    assert isinstance(plugin, dict)
    return plugin


def described(plugins: Plugins) -> dict[str, Any]:
    """The task type `batch`, which has it all; a renderer of its name comes with it."""
    [_, plugin] = json.loads(plugins("show", "batch", "--json").out)
    assert isinstance(plugin, dict)
    return plugin


def test_show_says_where_a_plugin_is_from(plugins: Plugins) -> None:
    words = plugins("show", "bare").words
    assert "name bare kind task type distribution batch-plugin 1.5" in words
    assert "entry point bare = batch:Bare group tasksmithy.task_types.v1" in words
    assert "template batch.Bare status ok" in words


def test_show_lists_the_hooks_with_what_each_does_here_or_in_the_hook_spec(
    plugins: Plugins,
) -> None:
    hooks = described(plugins)["hooks"]
    assert hooks.keys() == {"container_args", "cache_version", "execute"}
    assert hooks["cache_version"] == "The day."
    assert hooks["execute"].startswith("What the task does on this machine")


def test_a_hook_that_a_bare_template_overrides_is_listed(plugins: Plugins) -> None:
    assert shown(plugins, "bare")["hooks"] == {"sql": "Always one row."}


def test_show_lists_the_fields_that_a_template_adds_and_those_that_must_be_given_first(
    plugins: Plugins,
) -> None:
    fields = described(plugins)["fields"]
    assert [(f["name"], f["type"], f["default"]) for f in fields] == [
        ("func", "Callable[P, R_co]", None),
        ("lane", "str", None),
        ("plugin_config", "Any", "None"),
        ("slots", "int", "1"),
        ("weight", "float | None", "None"),
        ("labels", "dict[str, str]", "{}"),
    ]


def test_what_a_field_is_comes_from_the_docstring_of_its_class(plugins: Plugins) -> None:
    said = {f["name"]: f["description"] for f in described(plugins)["fields"]}
    assert said["func"] == "the function."
    assert said["lane"].endswith("as texts of that kind often are. A second paragraph.")
    assert said["slots"] == said["weight"] == "how much of it."
    assert said["labels"] == ""


def test_the_text_of_a_plugin_is_that_of_its_template_without_sections_and_examples(
    plugins: Plugins,
) -> None:
    text = described(plugins)["text"]
    assert text == "A function that a batch system runs.\n\nIt waits for its turn | in line."


def test_the_configuration_is_shown_as_json_schema(plugins: Plugins) -> None:
    schema = described(plugins)["config_schema"]
    assert schema["required"] == ["queue"]
    assert schema["properties"]["mode"]["enum"] == ["fast", "slow"]


def test_the_configuration_is_shown_as_a_table(plugins: Plugins) -> None:
    words = plugins("show", "batch").words
    assert "Configuration: NAME TYPE DEFAULT WHAT IT IS queue string required the name" in words
    assert 'mode "fast" | "slow" "fast" hosts array of string | null null' in words
    assert "retries integer 3 how often at the most." in words


def test_the_example_is_the_doctest_of_the_template_as_a_program(plugins: Plugins) -> None:
    assert described(plugins)["example"] == (
        "from batch import BatchTask\nBatchTask.task_type\n# 'batch'"
    )


def test_a_plugin_without_a_docstring_has_no_text_and_no_example(plugins: Plugins) -> None:
    bare = shown(plugins, "bare")
    assert (bare["text"], bare["example"], bare["fields"]) == ("", "", [])


def test_long_texts_are_broken_into_lines(plugins: Plugins) -> None:
    assert max(map(len, plugins("show", "batch").out.splitlines())) < 120


def test_plugins_of_one_name_are_all_shown(plugins: Plugins) -> None:
    words = plugins("show", "batch").words
    assert "name batch kind renderer" in words
    assert "name batch kind task type" in words


def test_a_policy_is_shown_with_its_hooks_though_it_is_not_enabled(plugins: Plugins) -> None:
    policy = shown(plugins, "audit")
    assert (policy["status"], policy["text"]) == ("not enabled", "Writes down what is rendered.")
    assert list(policy["hooks"]) == ["serialize"]


def test_a_renderer_is_shown_with_its_docstring(plugins: Plugins) -> None:
    renderer = shown(plugins, "shout")
    assert (renderer["text"], renderer["hooks"]) == ("The name of the task, loud.", {})
    assert renderer["example"] == "from batch import shout"


@pytest.mark.parametrize("name", ["gone", "lost"])
def test_a_plugin_that_cannot_be_loaded_is_shown_with_the_reason(
    plugins: Plugins, name: str
) -> None:
    result = plugins("show", name)
    assert result.code == 0
    assert "status broken" in result.words
    assert f"module 'batch' has no attribute {name.title()!r}" in result.words
    assert "Traceback" not in result.err


def test_a_plugin_that_is_switched_off_is_shown_as_that(plugins: Plugins) -> None:
    words = plugins("show", "bare", TASKSMITHY_DISABLE_PLUGINS="bare").words
    assert "status disabled by TASKSMITHY_DISABLE_PLUGINS" in words


def test_a_configuration_without_a_schema_breaks_the_contract(
    plugins: Plugins, tmp_path: Path
) -> None:
    entries = tmp_path / "batch_plugin-1.5.dist-info" / "entry_points.txt"
    entries.write_text("[tasksmithy.task_types.v1]\nbatch = batch:Unwritten\n")
    words = plugins("show", "batch").words
    assert "config_model=Handle has no JSON Schema" in words
    assert "give a dataclass or a pydantic model" in words


@pytest.mark.parametrize("action", ["show", "docs"])
def test_an_unknown_name_is_told_with_the_near_misses(plugins: Plugins, action: str) -> None:
    result = plugins(action, "bach")
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith(
        "error: no installed plugin is called 'bach'; did you mean 'batch'? (installed: audit, "
    )


def test_docs_writes_markdown(plugins: Plugins) -> None:
    written = plugins("docs", "batch").out
    assert "# Task type `batch`\n\nA function that a batch system runs.\n\n" in written
    assert "## Example\n\n```python\nfrom batch import BatchTask\n" in written
    assert "| name | type | default | what it is |\n| --- | --- | --- | --- |\n" in written
    assert "| `slots` | int | 1 | how much of it. |\n" in written
    assert "- entry point: `batch = batch:Batch`\n" in written


def test_a_bar_in_a_cell_of_a_table_is_escaped(plugins: Plugins) -> None:
    written = plugins("docs", "batch").out
    assert r"| `weight` | float \| None | None | how much of it. |" in written


def test_docs_of_a_plugin_that_cannot_be_used_are_refused(plugins: Plugins) -> None:
    result = plugins("docs", "gone")
    assert (result.code, result.out) == (2, "")
    assert "task type 'gone' (batch-plugin 1.5) cannot be documented, as it is broken" in result.err
    assert "Traceback" not in result.err


def test_only_the_plugin_that_is_shown_is_imported(plugins: Plugins, tmp_path: Path) -> None:
    tmp_path.joinpath("loud.py").write_text(dedent("raise SystemExit('imported')"))
    info = tmp_path / "loud-1.0.dist-info"
    info.mkdir()
    info.joinpath("METADATA").write_text("Metadata-Version: 2.1\nName: loud\nVersion: 1.0\n")
    info.joinpath("entry_points.txt").write_text("[tasksmithy.task_types.v1]\nloud = loud:Loud\n")
    assert plugins("show", "bare").code == 0
    assert "SystemExit: imported" in plugins("show", "loud").words
