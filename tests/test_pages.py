"""Every block of code on the pages, the README's and those of the site, runs as it stands there.

A page is read from its top to its end in an empty folder. A block whose first line is a comment
with the name of a file is that file; Python without one runs, all that a page has of it in one
process. A `#> ` in it is what it prints. Commands run where the page puts them, and print what is
shown below them, `...` standing for any text. Installations are checked to name what there is; on
the pages that install a project of their own they are done, in a clean environment.
"""

from __future__ import annotations

import doctest
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt
from packaging.requirements import Requirement
from tests.conftest import House, Venv

from tasksmithy import errors
from tasksmithy.errors import TasksmithyError
from tasksmithy.plugins import _settings as settings
from tasksmithy.task import _events as events
from tasksmithy.task._hookspecs import HOOKS

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    str(file.relative_to(ROOT))
    for pattern in ("*.md", "core/*.md", "plugins/*/README.md", "docs/*.md")
    for file in ROOT.glob(pattern)
)

_CONTAINER = "plugins/container/README.md"
_NEW_TYPE = "docs/write-a-task-type.md"
_FOLLOWED = "it is in a new environment: test_template.py follows the page there"
NOT_RUN: Mapping[tuple[str, str], str] = {
    (_CONTAINER, "from tasksmithy import run"): "its image: the tests of the plugin bring one",
    (_CONTAINER, "from pathlib import Path"): "its image: the tests of the plugin bring one",
    ("docs/migrating-from-flyte.md", "# before.py"): "it is for Flyte, which is not installed",
    ("docs/flyte.md", "$ tasksmithy-connector serve --port 8000 --types sql,raw-container"): (
        "it ends when it is told to: the tests of the plugin start it"
    ),
    (_NEW_TYPE, "$ cd tasksmithy-hello"): _FOLLOWED,
    (_NEW_TYPE, "$ tasksmithy plugins list"): _FOLLOWED,
    (_NEW_TYPE, "# src/tasksmithy_hello/task.py"): _FOLLOWED,
    (_NEW_TYPE, "# src/tasksmithy_hello/plugin.py"): _FOLLOWED,
    (_NEW_TYPE, "# listing.py"): _FOLLOWED,
    (_NEW_TYPE, "$ tasksmithy run listing.py"): _FOLLOWED,
    (_NEW_TYPE, "$ tasksmithy check"): _FOLLOWED,
}
"""The page and the first line of what is not run, and why."""

IN_A_CLEAN_ENVIRONMENT = ("docs/write-a-task-type.md",)
"""The pages that install a project of their own."""
LONG = {"docs/ray.md", "docs/testing.md", "docs/write-an-executor.md", "plugins/ray/README.md"}
"""The pages that start a cluster or run a whole conformance kit: they are read by a slow test."""

SHOWN = ("text", "json", "yaml")
"""The languages of what is shown and not run."""


@dataclass(frozen=True)
class Block:
    """A block of code on a page.

    Attributes:
        language: the language that it is marked with.
        text: the code.
        line: the line of the page that it begins in, from 0.
    """

    language: str
    text: str
    line: int

    @property
    def first_line(self) -> str:
        return self.text.partition("\n")[0]

    @property
    def file(self) -> str | None:
        """The file that it is, as its first line says."""
        named = re.fullmatch(r"# ([\w./-]+\.(?:py|toml|sql))", self.first_line)
        return named[1] if named else None

    def commands(self) -> Iterator[tuple[str, str]]:
        """The commands of a console, each with the output that is shown below it."""
        for part in re.split(r"^\$ ", self.text, flags=re.MULTILINE)[1:]:
            lines = part.splitlines(keepends=True)
            end = next(i for i, line in enumerate(lines) if not line.endswith("\\\n")) + 1
            yield "".join(lines[:end]), "".join(lines[end:])


def blocks(page: str) -> list[Block]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return [
        Block(token.info, token.content, token.map[0] + 1)
        for token in MarkdownIt().parse(text)
        if token.type == "fence" and token.map
    ]


def is_run(page: str, block: Block) -> bool:
    return block.language not in SHOWN and (page, block.first_line) not in NOT_RUN


class Reader:
    """Someone who does what a page says, in an empty folder beside the examples.

    Args:
        folder: the folder.
        environ: environment variables, beside those of the tests.
    """

    def __init__(self, folder: Path, **environ: str) -> None:
        self.folder = folder
        own = {k: v for k, v in os.environ.items() if not k.startswith(("TASKSMITHY_", "PYTHON"))}
        kept = {
            "XDG_CACHE_HOME": str(folder / ".cache"),
            "XDG_STATE_HOME": str(folder / ".state"),
        }
        self.environ = own | kept | environ
        (folder / "examples").symlink_to(ROOT / "examples")

    def read(self, page: str) -> None:
        """Do all that a page says."""
        program: list[str] = []
        for block in blocks(page):
            if not is_run(page, block):
                continue
            if block.file is not None:
                self.keep(block.file, block.text)
            elif block.language == "python":
                # On the lines of the page, so that a traceback leads there.
                program += [""] * (block.line - len(program)) + block.text.splitlines()
            elif block.language == "console":
                for command, shown in block.commands():
                    self.follow(command, shown)
            else:
                pytest.fail(f"line {block.line}: which file is it, or how is it run?")
        if program:
            self.check("\n".join(program))

    def keep(self, name: str, text: str) -> None:
        """Write a file; that of a project is installed, as far as its entry points go."""
        content = tomllib.loads(text) if name.endswith(".toml") else {}
        if "project" in content:
            self.install(content["project"])
        else:
            self.write(name, text)

    def install(self, project: Mapping[str, Any]) -> None:
        name, version = project["name"], project["version"]
        info = f"{name.replace('-', '_')}-{version}.dist-info"
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        lines = []
        for group, entries in project["entry-points"].items():
            lines += [f"[{group}]", *(f"{key} = {value}" for key, value in entries.items())]
        self.write(f"{info}/METADATA", metadata)
        self.write(f"{info}/entry_points.txt", "\n".join(lines) + "\n")

    def write(self, name: str, text: str) -> None:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def check(self, program: str) -> None:
        """Run Python code, which has to print what it says."""
        self.write("page.py", program)
        done = self.run("python page.py")
        assert done.returncode == 0, done.stderr
        promised = [line.partition("#> ")[2] for line in program.splitlines() if "#> " in line]
        assert not promised or done.stdout.splitlines() == promised

    def follow(self, command: str, shown: str) -> None:
        """Do what a command line says, which has to print what is shown."""
        program, *words = shlex.split(command, comments=True)
        if program == "cd":
            self.folder /= words[0]
        elif program == "make":
            assert f"\n{words[0]}:" in (ROOT / "Makefile").read_text(), command
        elif program == "pip":
            self.pip(command)
        else:
            done = self.run(command)
            # What fails says so on standard error, and has to be shown.
            got = done.stderr if done.returncode else done.stdout
            assert done.returncode == 0 or "rror: " in shown, f"{command}\n{got}{done.stdout}"
            assert matches(shown, got), f"{command}\nshown:\n{shown}\ngot:\n{got}"

    def pip(self, command: str) -> None:
        check_installation(shlex.split(command, comments=True)[1:])

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )


class InstallingReader(Reader):
    """Someone who installs what a page says, in an environment that has nothing else."""

    def pip(self, command: str) -> None:
        done = self.run(f"python -m {command}")
        assert done.returncode == 0, f"{command}\n{done.stderr}"


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    """A reader who has installed all there is."""
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return Reader(tmp_path, PATH=programs, PYTHONPATH=str(tmp_path))


@pytest.fixture
def installing_reader(house: House, tmp_path: Path) -> Reader:
    """A reader who has Python, and whose pip finds the wheels of this house."""
    venv = Venv(tmp_path)
    return InstallingReader(
        venv.empty,
        PATH=f"{venv.bin}{os.pathsep}{os.environ['PATH']}",
        PIP_FIND_LINKS=" ".join(str(wheel.parent) for wheel in house.wheels.values()),
    )


def matches(shown: str, got: str) -> bool:
    # The columns of a table are as wide as what else is installed makes them.
    options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    return not shown or doctest.OutputChecker().check_output(shown, got, options)


def check_installation(words: list[str]) -> None:
    """Check that what pip is told to install is there: a package of this house and its extras."""
    projects = {
        project["name"]: project
        for file in (ROOT / "core/pyproject.toml", *ROOT.glob("plugins/*/pyproject.toml"))
        for project in [tomllib.loads(file.read_text(encoding="utf-8"))["project"]]
    }
    install, *wanted = words
    assert install == "install"
    for word in wanted:
        if word.startswith("-"):
            continue
        if word.startswith("."):
            assert (ROOT / word / "pyproject.toml").is_file(), word
            continue
        requirement = Requirement(word)
        assert requirement.name in projects, word
        extras = projects[requirement.name].get("optional-dependencies", {})
        assert requirement.extras <= extras.keys(), word


def test_the_site_has_a_page_of_each_plugin() -> None:
    nav = (ROOT / "mkdocs.yml").read_text()
    for readme in ROOT.glob("plugins/*/README.md"):
        name = readme.parent.name
        page = (ROOT / "docs" / f"{name}.md").read_text()
        assert f"{name}.md\n" in nav
        assert page == f'--8<-- "plugins/{name}/README.md"\n' or page.startswith("# ")


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=pytest.mark.slow if page in LONG else ())
        for page in PAGES
        if page not in IN_A_CLEAN_ENVIRONMENT
    ],
)
def test_what_a_page_shows_runs_and_prints_what_is_shown(page: str, reader: Reader) -> None:
    reader.read(page)


@pytest.mark.slow
@pytest.mark.parametrize("page", IN_A_CLEAN_ENVIRONMENT)
def test_what_a_page_shows_runs_in_a_clean_environment(
    page: str, installing_reader: Reader
) -> None:
    installing_reader.read(page)


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_a_page_shows_is_used_there(page: str) -> None:
    found = blocks(page)
    for block in found:
        if block.language != "python" or block.file is None or not is_run(page, block):
            continue
        module = Path(block.file).stem
        others = [other.text for other in found if other is not block]
        assert any(re.search(rf"\b{module}\b", text) for text in others), block.file


@pytest.mark.parametrize("page", PAGES)
def test_every_block_of_a_page_is_at_its_margin_where_it_is_found(page: str) -> None:
    fences = re.findall(r"^ *```", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)
    assert len(fences) == 2 * len(blocks(page))


def test_what_is_not_run_is_there() -> None:
    there = {(page, block.first_line) for page in PAGES for block in blocks(page)}
    assert NOT_RUN.keys() - there == set()
    assert all(NOT_RUN.values())


@pytest.mark.parametrize("page", [page for page in PAGES if not page.startswith("docs/")])
def test_the_links_of_a_page_lead_somewhere(page: str) -> None:
    # Those of the site's pages are checked where it is built.
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", (ROOT / page).read_text(encoding="utf-8"))
    assert [link for link in links if not (ROOT / page).parent.joinpath(link).exists()] == []


# What has to be on a page


def sections(page: str) -> dict[str, str]:
    """The sections of a page by their headings of the second level, which are names in code."""
    _, *found = re.split(r"^##+ ", (ROOT / page).read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {section.partition("\n")[0].strip("`"): section for section in found}


@pytest.mark.parametrize("hook", sorted(HOOKS))
def test_every_hook_has_a_heading_and_an_example_that_implements_it(hook: str) -> None:
    section = sections("docs/hooks.md")[hook]
    [example] = re.findall(r"^```python\n(.*?)^```", section, flags=re.MULTILINE | re.DOTALL)
    assert "@hookimpl" in example
    assert f"def {hook}(" in example


@pytest.mark.parametrize("hook", sorted(HOOKS))
def test_the_example_of_a_hook_is_complete_and_prints_what_it_says(
    hook: str, reader: Reader
) -> None:
    section = sections("docs/hooks.md")[hook]
    [example] = re.findall(r"^```python\n(.*?)^```", section, flags=re.MULTILINE | re.DOTALL)
    assert "#> " in example
    reader.check(example)


def test_every_exception_has_a_heading_and_no_other_has_one() -> None:
    public = {
        name
        for name, found in vars(errors).items()
        if isinstance(found, type) and issubclass(found, TasksmithyError)
    }
    headings = {name for name in sections("docs/errors.md") if name.endswith("Error")}
    assert headings == public


def test_every_event_has_a_row_with_its_fields() -> None:
    page = sections("docs/write-an-observer.md")["The events"]
    rows = {
        cells[0].strip(" `"): set(re.findall(r"`(\w+)`", cells[2]))
        for line in page.splitlines()
        if len(cells := line.strip("|").split("|")) == 3 and "`" in cells[0]
    }
    abstract = {events.Event, events.ExecutionEvent}
    common = {"run_id", "time"}
    assert rows == {
        name: {field.name for field in fields(found)} - common
        for name, found in vars(events).items()
        if isinstance(found, type) and issubclass(found, events.Event) and found not in abstract
    }


def test_every_setting_and_every_variable_is_on_the_page_of_settings() -> None:
    page = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
    sources = [*ROOT.glob("core/src/**/*.py"), *ROOT.glob("plugins/*/src/**/*.py")]
    variables = {
        name
        for file in sources
        for name in re.findall(r"TASKSMITHY_[A-Z_]*[A-Z]", file.read_text(encoding="utf-8"))
    }
    assert [name for name in sorted({*settings._KEYS, *variables}) if f"`{name}`" not in page] == []
