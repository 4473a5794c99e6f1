"""The public line: which names there are, and that nothing outside of the core uses another."""

import ast
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import tasksmithy
import tasksmithy.testing
from tasksmithy import errors, extend

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "public-names.md"

PUBLIC = (
    "tasksmithy",
    "tasksmithy.checks",
    "tasksmithy.errors",
    "tasksmithy.extend",
    "tasksmithy.extras",
    "tasksmithy.report",
    "tasksmithy.testing",
)
"""The modules that may be imported from outside of the core."""

LAZY = (tasksmithy, extend, tasksmithy.testing)
"""Those that import a name when it is first used."""


def typed_names(module: ModuleType) -> dict[str, str]:
    """What a type checker sees: public name to the module of the core that it is imported from."""
    assert module.__file__ is not None
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    [block] = [
        node
        for node in tree.body
        if isinstance(node, ast.If)
        and isinstance(node.test, ast.Name)
        and node.test.id == "TYPE_CHECKING"
    ]
    return {
        alias.asname or alias.name: (node.module or "").removeprefix("tasksmithy.")
        for node in block.body
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tasksmithy.")
        for alias in node.names
    }


@pytest.mark.parametrize("module", LAZY, ids=lambda module: module.__name__)
def test_a_type_checker_sees_the_names_that_the_interpreter_imports(module: ModuleType) -> None:
    assert typed_names(module) == module._HOMES


@pytest.mark.parametrize(
    ("module", "name"), [(module, name) for module in LAZY for name in module._HOMES]
)
def test_a_public_name_can_be_imported(module: ModuleType, name: str) -> None:
    home = importlib.import_module(f"tasksmithy.{module._HOMES[name]}")
    assert getattr(module, name) is getattr(home, name)


@pytest.mark.parametrize("module", LAZY, ids=lambda module: module.__name__)
def test_dir_lists_the_public_names(module: ModuleType) -> None:
    assert set(module._HOMES) <= set(dir(module)) <= set(module.__all__)


@pytest.mark.parametrize("module", LAZY, ids=lambda module: module.__name__)
def test_a_name_that_is_not_there_is_an_attribute_error(module: ModuleType) -> None:
    with pytest.raises(AttributeError, match=f"module '{module.__name__}' has no attribute 'Tusk'"):
        _ = module.Tusk


def test_a_star_import_gives_every_public_name() -> None:
    program = (
        "from tasksmithy import *; import tasksmithy; print(*set(tasksmithy.__all__)-{*dir()})"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert done.stdout == "\n"


def rows_of(module: str) -> list[str]:
    """The names that the page of public names has of a module."""
    section = re.search(
        rf"^## `{re.escape(module)}`$(.*?)(?=^## |\Z)", PAGE.read_text(), re.DOTALL | re.MULTILINE
    )
    assert section is not None
    return re.findall(r"^\| `(\w+)` \|", section[1], re.MULTILINE)


@pytest.mark.parametrize("module", PUBLIC)
def test_the_page_of_public_names_has_a_row_for_each(module: str) -> None:
    found = importlib.import_module(module)
    elsewhere = set(errors.__all__) if module == "tasksmithy" else set()
    assert sorted(rows_of(module)) == sorted(set(found.__all__) - elsewhere)


@pytest.mark.parametrize("module", PUBLIC)
def test_the_reference_has_an_entry_for_each(module: str) -> None:
    page = (ROOT / "docs" / "api" / f"{module}.md").read_text()
    entries = re.findall(rf"^::: {re.escape(module)}\.(\w+)$", page, re.MULTILINE)
    assert entries == [name for name in rows_of(module) if name != "__version__"]


# What is outside of the core uses public names only


BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


def programs() -> Iterator[tuple[str, str]]:
    """Name and text of each program that a user may learn from, and of each module of a plugin."""
    patterns = (
        "plugins/*/src/**/*.py",
        "examples/*.py",
        "tests/policy/src/**/*.py",
        "cookiecutter-plugin/**/*.py",
    )
    for pattern in patterns:
        for file in sorted(ROOT.glob(pattern)):
            yield str(file.relative_to(ROOT)), file.read_text(encoding="utf-8")
    for page in [*sorted(ROOT.glob("**/README.md")), *sorted((ROOT / "docs").glob("*.md"))]:
        name = page.relative_to(ROOT)
        if {".venv", "node_modules"}.isdisjoint(name.parts):
            blocks = re.findall(
                r"^```python\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE
            )
            yield str(name), "\n".join(blocks)


IMPORT = re.compile(
    r"^\s*(?:>>> |\.\.\. )?"
    r"(?:from (tasksmithy[.\w]*) import (\([^)]*\)|.+)|import (tasksmithy[.\w]*))",
    re.MULTILINE,
)


def imported(program: str) -> Iterator[tuple[str, str]]:
    """The modules of the core that a program imports from, and the names."""
    for source, names, module in IMPORT.findall(program):
        home = source or module
        if home.partition(".")[0] == "tasksmithy":
            for name in re.findall(r"(\w+)(?: as \w+)?", re.sub(r"#.*", "", names)) or [""]:
                yield home, name


def names_of(module: str) -> list[str]:
    names: list[str] = importlib.import_module(module).__all__
    return names


@pytest.mark.parametrize(("name", "program"), list(programs()), ids=lambda value: value[:60])
def test_a_plugin_an_example_and_a_page_use_public_names_only(name: str, program: str) -> None:
    private = []
    for module, imports in imported(program):
        if module not in PUBLIC:
            private.append(module)
        elif imports and f"{module}.{imports}" not in PUBLIC and imports not in names_of(module):
            private.append(f"{module}.{imports}")
    assert private == []
