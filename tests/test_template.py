"""The template for a new task type: what it makes of each kind, as text and as a wheel."""

from __future__ import annotations

import ast
import json
import keyword
import os
import re
import runpy
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.conftest import PACKAGES, ROOT, Venv, Wheels
from tests.test_pages import blocks, matches

import tasksmithy

TEMPLATE = ROOT / "cookiecutter-plugin"
KINDS = ("function", "container", "sql", "bare")
LONGEST = {"task_type": "a" * 25, "distribution": "tasksmithy-" + "b" * 29}

COMMON = {
    ".github/workflows/ci.yml",
    ".gitignore",
    ".pre-commit-config.yaml",
    "CHANGELOG.md",
    "LICENSE",
    "README.md",
    "example.py",
    "pyproject.toml",
    "src/tasksmithy_hello/__init__.py",
    "src/tasksmithy_hello/plugin.py",
    "src/tasksmithy_hello/py.typed",
    "src/tasksmithy_hello/task.py",
    "tests/test_conformance.py",
    "tests/test_example.py",
}
ADDED = {"function": {"src/tasksmithy_hello/config.py"}}
NEEDED = {
    "function": ["pydantic>=2.10", "tasksmithy[function]>=0.1,<1"],
    "container": ["tasksmithy[container]>=0.1,<1"],
    "sql": ["duckdb>=1.3", "tasksmithy>=0.1,<1"],
    "bare": ["tasksmithy>=0.1,<1"],
}

Generate = Callable[..., Path]


@pytest.fixture(scope="module")
def generate(tmp_path_factory: pytest.TempPathFactory) -> Generate:
    """Makes a project: `generate("sql", "--ci", "none")`."""

    def make(kind: str, *options: str, task_type: str = "hello") -> Path:
        folder = tmp_path_factory.mktemp(kind)
        words = ["new", task_type, "--kind", kind, "--no-input", "--directory", str(folder)]
        done = subprocess.run(
            [sys.executable, "-m", "tasksmithy", *words, *options], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        [project] = folder.iterdir()
        return project

    return make


@pytest.fixture(scope="module")
def projects(generate: Generate) -> dict[str, Path]:
    """A project of each kind, made of what is asked for alone."""
    return {kind: generate(kind) for kind in KINDS}


@pytest.fixture(params=KINDS)
def project(request: pytest.FixtureRequest, projects: dict[str, Path]) -> Path:
    """A project of each kind in turn."""
    return projects[request.param]


def files(folder: Path) -> dict[str, Path]:
    return {
        path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()
    }


def ruff(project: Path, *words: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "ruff", *words, "--no-cache", "."],
        cwd=project,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout


# What is made


@pytest.mark.parametrize("kind", KINDS)
def test_a_project_has_the_files_of_its_kind_and_no_others(
    projects: dict[str, Path], kind: str
) -> None:
    assert set(files(projects[kind])) == COMMON | ADDED.get(kind, set())


def test_nothing_of_the_template_is_left(project: Path) -> None:
    left = re.compile(r"\{\{|\{%|\{#|cookiecutter|TODO|FIXME|\[yyyy\]|your[ _-]name", re.IGNORECASE)
    texts = {name: path.read_text("utf-8") for name, path in files(project).items()}
    assert {name: left.findall(text) for name, text in texts.items() if left.search(text)} == {}


def test_files_end_with_one_line_end(project: Path) -> None:
    texts = {name: path.read_text("utf-8") for name, path in files(project).items()}
    wrong = [name for name, text in texts.items() if text and not re.search(r"[^\n]\n\Z", text)]
    assert wrong == []


def test_every_module_compiles(project: Path) -> None:
    modules = [path for path in files(project).values() if path.suffix == ".py"]
    assert len(modules) >= 6
    for path in modules:
        ast.parse(path.read_text("utf-8"), str(path))


@pytest.mark.parametrize("kind", KINDS)
def test_the_entry_point_names_the_task_type_and_a_class_that_is_there(
    projects: dict[str, Path], kind: str
) -> None:
    project = projects[kind]
    metadata = tomllib.loads((project / "pyproject.toml").read_text("utf-8"))["project"]
    assert metadata["entry-points"] == {
        "tasksmithy.task_types.v1": {"hello": "tasksmithy_hello.plugin:HelloTaskType"}
    }
    assert "class HelloTaskType(" in (project / "src/tasksmithy_hello/plugin.py").read_text("utf-8")


@pytest.mark.parametrize("kind", KINDS)
def test_the_metadata_has_what_was_asked_for(projects: dict[str, Path], kind: str) -> None:
    metadata = tomllib.loads((projects[kind] / "pyproject.toml").read_text("utf-8"))["project"]
    assert metadata["name"] == "tasksmithy-hello"
    assert metadata["license"] == "Apache-2.0"
    assert metadata["authors"] == [{"name": "The tasksmithy-hello authors"}]
    assert metadata["dependencies"] == NEEDED[kind]


def test_a_project_asks_for_the_tasksmithy_that_made_it_up_to_the_next_major_version() -> None:
    major, minor, *_ = tasksmithy.__version__.split(".")
    variables = json.loads((TEMPLATE / "cookiecutter.json").read_text("utf-8"))
    assert variables["_tasksmithy"] == f">={major}.{minor},<{int(major) + 1}"


@pytest.mark.parametrize("chosen", ["Apache-2.0", "MIT", "BSD-3-Clause"])
def test_the_licence_is_the_one_that_was_chosen_with_the_author(
    generate: Generate, chosen: str
) -> None:
    project = generate("bare", "--license", chosen, "--author", "Ada Lovelace")
    text = (project / "LICENSE").read_text("utf-8")
    assert text.split()[0] == chosen.split("-")[0]
    assert re.search(r"Copyright (\(c\) )?\d{4},? Ada Lovelace\n", text)


def test_without_ci_there_is_no_workflow(generate: Generate) -> None:
    assert set(files(generate("bare", "--ci", "none"))) == COMMON - {".github/workflows/ci.yml"}


def test_the_workflow_tests_the_built_wheel_in_an_environment_of_its_own(project: Path) -> None:
    workflow = (project / ".github/workflows/ci.yml").read_text("utf-8")
    _, job = workflow.split("\n  wheel:")
    assert job.index("-m build") < job.index("-m venv") < job.index("dist/*.whl --group test")
    assert "--editable" not in job


def test_a_check_that_a_later_tasksmithy_brings_is_a_warning_at_first(project: Path) -> None:
    settings = tomllib.loads((project / "pyproject.toml").read_text("utf-8"))["tool"]["pytest"]
    assert settings["ini_options"]["filterwarnings"] == [
        "error",
        "default::tasksmithy.testing.ConformanceWarning",
    ]


@pytest.mark.parametrize("command", [["check"], ["format", "--check"]], ids=" ".join)
def test_a_project_keeps_its_own_style(project: Path, command: list[str]) -> None:
    assert ruff(project, *command)[0] == 0, ruff(project, *command)[1]


@pytest.mark.parametrize("kind", KINDS)
def test_a_project_with_the_longest_names_keeps_it_too(generate: Generate, kind: str) -> None:
    distribution = LONGEST["distribution"]
    project = generate(kind, "--distribution", distribution, task_type=LONGEST["task_type"])
    assert ruff(project, "check") == (0, "All checks passed!\n")
    assert ruff(project, "format", "--check")[0] == 0


def test_the_readme_shows_the_example_and_how_to_run_it(project: Path) -> None:
    readme = (project / "README.md").read_text("utf-8")
    assert f"```python\n# example.py\n{(project / 'example.py').read_text('utf-8')}```" in readme
    assert '$ tasksmithy run example.py --text "to be or not to be"' in readme


# Names


@pytest.fixture(scope="module")
def problem_with() -> Callable[[str, str], str | None]:
    """The rules, as the hook has them."""
    hook: dict[str, Any] = runpy.run_path(str(TEMPLATE / "hooks" / "pre_gen_project.py"))
    rule: Callable[[str, str], str | None] = hook["problem_with"]
    return rule


Rule = Callable[[str, str], str | None]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("task_type", "hello"),
        ("task_type", "h"),
        ("task_type", "aws-batch"),
        ("task_type", "bigquery_job"),
        ("task_type", "s3"),
        ("task_type", "class"),
        ("task_type", "a" * 25),
        ("project_slug", "tasksmithy-hello"),
        ("project_slug", "Greetings.and_more"),
        ("project_slug", "h"),
        ("project_slug", "b" * 40),
        ("author", "Ada Lovelace <ada@example.com>"),
        ("author", "Patrick O'Brian"),
        ("author", "山田太郎"),
    ],
)
def test_a_name_that_keeps_the_rules_is_taken(problem_with: Rule, key: str, value: str) -> None:
    assert problem_with(key, value) is None


@pytest.mark.parametrize(
    ("key", "value", "rule"),
    [
        ("task_type", "", "lower-case letters and digits"),
        ("task_type", "Hello", "lower-case letters and digits"),
        ("task_type", "3d", "begins with a letter"),
        ("task_type", "-hello", "begins with a letter"),
        ("task_type", "hello-", "in words joined by - or _"),
        ("task_type", "hel--lo", "in words joined by - or _"),
        ("task_type", "hel lo", "in words joined by - or _"),
        ("task_type", "hel.lo", "in words joined by - or _"),
        ("task_type", "hello\n", "in words joined by - or _"),
        ("task_type", "größe", "lower-case letters and digits"),
        ("task_type", "a" * 26, "at most 25 characters"),
        ("task_type", "python", "this one ships with tasksmithy"),
        ("task_type", "raw-container", "this one ships with tasksmithy"),
        ("task_type", "sql", "this one ships with tasksmithy"),
        ("task_type", "container", "a part of tasksmithy"),
        ("task_type", "tasksmithy-hello", "a part of tasksmithy"),
        ("task_type", "pluggy", "a part of tasksmithy"),
        ("task_type", "testing", "pytest takes such classes for tests"),
        ("project_slug", "", "PEP 508"),
        ("project_slug", "-hello", "begins and ends with a letter or a digit"),
        ("project_slug", "hello.", "begins and ends with a letter or a digit"),
        ("project_slug", "hello\n", "begins and ends with a letter or a digit"),
        ("project_slug", "a/b", "ASCII letters, digits, . _ and -"),
        ("project_slug", "..", "begins and ends with a letter or a digit"),
        ("project_slug", "\u212a", "ASCII letters"),  # the sign for kelvin, whose lower case is k
        ("project_slug", "b" * 41, "at most 40 characters"),
        ("project_slug", "3d-tasks", "3d_tasks is no Python identifier"),
        ("project_slug", "class", "class is no Python identifier, or a keyword"),
        ("project_slug", "asyncio", "asyncio would hide the module of the standard library"),
        ("project_slug", "JSON", "json would hide the module of the standard library"),
        ("project_slug", "Pluggy", "used in the project already"),
        ("project_slug", "TaskSmithy_SQL", "used in the project already"),
        ("project_slug", "example", "used in the project already"),
        ("author", " ", "one line of text"),
        ("author", "Ada\nLovelace", "one line of text"),
        ("author", 'Ada "the first" Lovelace', "without double quotes"),
        ("author", "Ada\\", "backslashes"),
    ],
)
def test_a_name_that_breaks_a_rule_is_refused_with_the_rule(
    problem_with: Rule, key: str, value: str, rule: str
) -> None:
    problem = problem_with(key, value)
    assert problem is not None
    assert problem.startswith(f"{value!r} is not allowed: ")
    assert rule in problem


@given(name=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,7}", fullmatch=True))
def test_a_distribution_that_is_taken_has_a_module_that_can_be_imported(
    problem_with: Rule, name: str
) -> None:
    assume(problem_with("project_slug", name) is None)
    module = re.sub("[-.]", "_", name).lower()
    ast.parse(f"import {module}")
    assert not keyword.iskeyword(module)
    assert module not in sys.stdlib_module_names


@given(name=st.from_regex(r"[a-z][a-z0-9_-]{0,7}", fullmatch=True))
def test_a_task_type_that_is_taken_gives_the_name_of_a_class(problem_with: Rule, name: str) -> None:
    assume(problem_with("task_type", name) is None)
    name_of_class = "".join(word.title() for word in re.split("[-_]", name))
    assert f"{name_of_class}Task".isidentifier()


@given(name=st.text(max_size=8), foreign=st.characters(exclude_characters="._-"))
def test_no_other_character_is_in_a_name_that_is_taken(
    problem_with: Rule, name: str, foreign: str
) -> None:
    assume(not (foreign.isascii() and foreign.isalnum()))
    for key in ("task_type", "project_slug"):
        assert problem_with(key, f"a{name}{foreign}a") is not None


def cookiecutter(folder: Path, *answers: str) -> subprocess.CompletedProcess[str]:
    """What `cookiecutter` by itself makes of the template."""
    configuration = folder / "cookiecutter.yaml"
    configuration.write_text(
        f"replay_dir: {folder}/replay\ncookiecutters_dir: {folder}/templates\n"
    )
    output = folder / "projects"
    output.mkdir()
    words = ["--no-input", "--config-file", configuration, "--output-dir", output, TEMPLATE]
    return subprocess.run(
        [sys.executable, "-m", "cookiecutter", *words, *answers], capture_output=True, text=True
    )


def test_cookiecutter_makes_of_the_template_what_tasksmithy_new_does(
    tmp_path: Path, projects: dict[str, Path]
) -> None:
    done = cookiecutter(tmp_path, "kind=sql")
    assert done.returncode == 0, done.stderr
    made, same = files(tmp_path / "projects" / "tasksmithy-hello"), files(projects["sql"])
    assert {name: path.read_bytes() for name, path in made.items()} == {
        name: path.read_bytes() for name, path in same.items()
    }


def test_the_hook_refuses_all_that_breaks_a_rule_and_leaves_nothing(tmp_path: Path) -> None:
    done = cookiecutter(tmp_path, "task_type=Hel'lo", "project_slug=asyncio")
    assert done.returncode != 0
    assert 'error: "Hel\'lo" is not allowed: a task type is lower-case letters' in done.stderr
    assert "error: 'asyncio' is not allowed: a distribution has a module of its" in done.stderr
    assert list((tmp_path / "projects").iterdir()) == []


# As a wheel, in an environment where nothing else is


USED = {"function": "tasksmithy-function", "container": "tasksmithy-container"}


@pytest.fixture(scope="module")
def wheels(build: Wheels) -> dict[str, Path]:
    """The wheels of the core and of the plugins that projects build on."""
    sources = {**PACKAGES, "tasksmithy-container": ROOT / "plugins" / "container"}
    names = ("tasksmithy", *USED.values())
    return dict(zip(names, build(*(sources[name] for name in names)), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_wheel_of_a_project_is_found_and_passes_its_own_tests(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    projects: dict[str, Path],
    build: Wheels,
    wheels: dict[str, Path],
    kind: str,
) -> None:
    if kind == "container":
        request.getfixturevalue("shown_image")
    project = projects[kind]
    needed = [wheels[name] for name in ("tasksmithy", *([USED[kind]] if kind in USED else []))]
    venv = Venv(tmp_path)
    venv.pip("install", "--upgrade", "pip")  # for dependency groups
    group = f"{project / 'pyproject.toml'}:dev"
    venv.pip("install", *build(project), *needed, "--group", group)

    done = venv.tasksmithy("plugins", "list", "--load", "--json")
    rows = {row["name"]: row for row in json.loads(done.out)}
    assert (rows["hello"]["distribution"], rows["hello"]["status"]) == ("tasksmithy-hello", "ok")

    for words in (["-m", "pytest"], ["-m", "ruff", "check"], ["-m", "mypy"]):
        done = venv.run("python", *words, cwd=project)
        assert done.code == 0, f"{' '.join(words)}:\n{done.out}{done.err}"
    assert venv.run("ruff", "format", "--check", cwd=project).code == 0

    done = venv.tasksmithy("run", "example.py", "--text", "to be or not to be", cwd=project)
    assert done.code == 0, done.err
    assert re.search(r"\b6\b|\bnot\b", done.out)

    rows = [line for line in (project / "README.md").read_text().splitlines() if line[:3] == "| `"]
    described = venv.tasksmithy("plugins", "docs", "hello").out.splitlines()
    table = [row for row in rows if "src/" not in row and "tests/" not in row]
    assert table
    assert [row for row in table if row not in described] == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_project_is_told_by_tasksmithy_check_that_it_keeps_the_contract(
    request: pytest.FixtureRequest, projects: dict[str, Path], kind: str
) -> None:
    if kind == "container":
        request.getfixturevalue("shown_image")
    command = [sys.executable, "-m", "tasksmithy", "check", projects[kind]]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.fullmatch(r"\d+ passed, \d+ skipped", done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_the_page_for_authors_leads_from_an_empty_directory_to_a_changed_task_type(
    tmp_path: Path, wheels: dict[str, Path]
) -> None:
    venv = Venv(tmp_path)
    offered = " ".join(str(wheel.parent) for wheel in wheels.values())
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PYTHON")},
        "PATH": f"{venv.bin}{os.pathsep}{os.environ['PATH']}",
        "PIP_FIND_LINKS": f"{os.environ.get('PIP_FIND_LINKS', '')} {offered}",
    }
    folder = venv.empty
    for block in blocks("docs/write-a-task-type.md"):
        if block.file:
            (folder / block.file).write_text(block.text, encoding="utf-8")
            continue
        for command, shown in block.commands():
            if command.startswith("cd "):
                folder /= command.removeprefix("cd ").strip()
                continue
            done = subprocess.run(
                ["bash", "-c", command], cwd=folder, env=environ, capture_output=True, text=True
            )
            assert done.returncode == 0, f"{command}{done.stdout}{done.stderr}"
            assert matches(shown, done.stdout), f"{command}{done.stdout}"


# In the wheel of the core


def of_the_template(names: list[str], prefix: str) -> set[str]:
    return {
        name.removeprefix(prefix) for name in names if name.startswith(prefix) and name[-1] != "/"
    }


@pytest.mark.slow
def test_the_wheel_of_the_core_has_the_template(wheels: dict[str, Path]) -> None:
    with zipfile.ZipFile(wheels["tasksmithy"]) as wheel:
        assert of_the_template(wheel.namelist(), "tasksmithy/template/") == set(files(TEMPLATE))


@pytest.mark.slow
def test_a_wheel_that_is_built_from_the_sdist_has_it_too(workshop: Venv, tmp_path: Path) -> None:
    done = workshop.run("hatchling", "build", "-t", "sdist", "-d", tmp_path, cwd=ROOT / "core")
    assert done.code == 0, done.err
    [sdist] = tmp_path.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    [source] = (path for path in tmp_path.iterdir() if path.is_dir())
    done = workshop.run("hatchling", "build", "-t", "wheel", "-d", tmp_path, cwd=source)
    assert done.code == 0, done.err
    [built] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(built) as wheel:
        assert of_the_template(wheel.namelist(), "tasksmithy/template/") == set(files(TEMPLATE))


@pytest.mark.slow
def test_an_installed_wheel_makes_a_project(tmp_path: Path, wheels: dict[str, Path]) -> None:
    venv = Venv(tmp_path)
    venv.pip("install", f"{wheels['tasksmithy']}[new]")
    done = venv.tasksmithy("new", "hello", "--no-input")
    assert done.code == 0, done.err
    assert set(files(venv.empty / "tasksmithy-hello")) == COMMON | ADDED["function"]
