"""Tasks in a file: files of one name, and the settings that they are loaded under."""

from __future__ import annotations

import json
import os
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from core.tests.conftest import CommandLine

from tasksmithy import run
from tasksmithy.errors import SourceError
from tasksmithy.task._source import find_task, load_file, only_task, tasks_in

FILE = """
from tasksmithy import TaskEnvironment

PLACE = {place!r}
env = TaskEnvironment(name={place!r})


class Thing:
    pass


@env.task(timeout=60)
def where(thing: object = None) -> str:
    return PLACE
"""


@pytest.fixture(autouse=True)
def _no_trace(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Nothing that a test loads is there for the others."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Three files of one name, in folders of their own."""
    made = []
    for place in ("one", "two", "three"):
        file = tmp_path / place / "same_name.py"
        file.parent.mkdir()
        file.write_text(FILE.format(place=place))
        made.append(file)
    return made


def test_files_of_one_name_are_modules_of_their_own(files: list[Path]) -> None:
    modules = [load_file(file) for file in files]
    assert [module.PLACE for module in modules] == ["one", "two", "three"]
    assert [load_file(file) for file in files] == modules


def test_what_files_of_one_name_define_can_be_pickled(files: list[Path]) -> None:
    kinds = [load_file(file).Thing for file in files]
    assert [type(pickle.loads(pickle.dumps(kind()))) for kind in kinds] == kinds


def test_tasks_of_files_of_one_name_run_in_processes_of_their_own(files: list[Path]) -> None:
    tasks = [find_task(load_file(file), "where") for file in files]
    things = [load_file(file).Thing() for file in files]
    assert [run(task, thing) for task, thing in zip(tasks, things, strict=True)] == [
        "one",
        "two",
        "three",
    ]


def test_a_file_named_as_a_module_of_python_takes_its_place_nowhere(tmp_path: Path) -> None:
    file = tmp_path / "json.py"
    file.write_text("dumps = None\n")
    assert load_file(file).dumps is None
    assert json.dumps([]) == "[]"


def test_a_file_that_is_changed_within_a_second_runs_as_it_is_now(
    tmp_path: Path, tasksmithy: CommandLine
) -> None:
    file = tmp_path / "tasks.py"
    results = []
    for number in (1, 2):
        file.write_text(
            "from tasksmithy import TaskEnvironment\n"
            "env = TaskEnvironment(name='e', cache='auto')\n"
            f"@env.task\ndef number() -> int: return {number}\n"
        )
        os.utime(file, (1_000_000_000, 1_000_000_000))
        done = tasksmithy("run", file, PYTHONDONTWRITEBYTECODE="")
        results.append(done.out)
    assert results == ["1\n", "2\n"]


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="is a folder: give a Python file"):
        load_file(tmp_path)


# Settings


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project beside the working directory, with settings."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pyproject.toml").write_text('[tool.tasksmithy]\npolicies = ["theirs"]\n')
    (folder / "pipeline.py").write_text(FILE.format(place="project"))
    return folder


def test_settings_beside_the_file_that_are_not_used_are_told_once(
    tasksmithy: CommandLine, project: Path
) -> None:
    done = tasksmithy("run", project / "pipeline.py")
    assert done.out == "project\n"
    told = [line for line in done.err.splitlines() if "settings" in line]
    passed_over = f"the settings in {project}/pyproject.toml are not used"
    used = f"settings are those of the working directory ({project.parent}, which has none)"
    assert told == [f"WARNING tasksmithy.settings: {passed_over}: {used}"]


def test_settings_that_are_passed_over_are_told_with_those_that_are_used(
    tasksmithy: CommandLine, project: Path
) -> None:
    used = project.parent / "pyproject.toml"
    used.write_text("[tool.tasksmithy]\n")
    done = tasksmithy("render", project / "pipeline.py")
    assert done.err == (
        f"the settings in {project}/pyproject.toml are not used: settings are those of the "
        f"working directory ({used})\n"
    )


@pytest.mark.parametrize("words", [["--quiet"], []])
def test_settings_above_both_are_used_and_nothing_is_told(
    words: list[str], tasksmithy: CommandLine, project: Path
) -> None:
    (project / "pyproject.toml").replace(project.parent / "pyproject.toml")
    (project.parent / "pyproject.toml").write_text("[tool.tasksmithy]\n")
    assert "settings" not in tasksmithy("run", *words, project / "pipeline.py").err


def test_a_broken_settings_file_that_is_not_used_is_no_matter(
    tasksmithy: CommandLine, project: Path
) -> None:
    (project / "pyproject.toml").write_text("[tool.tasksmithy\n")
    assert tasksmithy("render", project / "pipeline.py").err == ""


# Tasks of one name

TWINS = """
from tasksmithy import NativeInterface, TaskEnvironment, TaskTemplate

number = TaskTemplate(name="number", interface=NativeInterface(), short_name="one")
again = number
other = number.override(short_name="two")
env = TaskEnvironment(name="env")

@env.task
async def main() -> int:
    return 1

slow = main.override(short_name="slow")
"""


@pytest.fixture
def twins(tmp_path: Path) -> ModuleType:
    file = tmp_path / "twins.py"
    file.write_text(TWINS)
    return load_file(file)


@pytest.mark.parametrize(
    ("name", "short_name"),
    [("number", "one"), ("other", "two"), ("env.main", "env.main"), ("slow", "slow")],
)
def test_a_task_is_found_by_its_variable_where_others_have_its_name(
    twins: ModuleType, name: str, short_name: str
) -> None:
    assert find_task(twins, name).short_name == short_name


def test_different_tasks_of_one_name_are_refused_with_their_variables(twins: ModuleType) -> None:
    with pytest.raises(
        SourceError, match="of the name 'number', in the variables number, again, o"
    ):
        tasks_in(twins)
    del twins.number
    with pytest.raises(SourceError, match="of the name 'number', in the variables again, other: "):
        find_task(twins, "number")


def test_the_task_of_an_environment_has_its_name_whatever_is_made_of_it(twins: ModuleType) -> None:
    del twins.other
    tasks = tasks_in(twins)
    assert {name: task.short_name for name, task in tasks.items()} == {
        "number": "one",
        "env.main": "env.main",
    }


# Files beside it, and above it

BESIDE = """
from tasksmithy import TaskEnvironment

env = TaskEnvironment(name="e", cache="auto")


@env.task
def in_a_thread() -> int:
    return in_a_process()


@env.task(timeout=60)
def in_a_process() -> int:
    return 2
"""


@pytest.mark.parametrize(
    "name",
    [
        *("asyncio", "cloudpickle", "decimal", "pickle", "pydantic", "queue"),
        *("select", "shutil", "socket", "sqlite3", "ssl", "subprocess", "tempfile", "traceback"),
    ],
)
def test_a_file_beside_the_tasks_may_be_named_as_a_module_that_a_run_needs(
    tasksmithy: CommandLine, name: str
) -> None:
    flows = tasksmithy.folder / "flows"
    flows.mkdir()
    (flows / "flow.py").write_text(BESIDE)
    (flows / f"{name}.py").write_text("raise RuntimeError('the file beside the tasks')\n")
    done = tasksmithy("run", "--quiet", "--cache-dir", "cache", flows / "flow.py", "in_a_thread")
    assert (done.out, done.err) == ("2\n", "")


@pytest.mark.parametrize("task", ["in_a_thread", "in_a_process"])
@pytest.mark.parametrize("later", ["import pyarrow.compute", "from pandas import DataFrame"])
def test_a_file_that_takes_the_place_of_what_a_library_imports_later_is_told(
    tasksmithy: CommandLine, later: str, task: str
) -> None:
    name = later.split()[1].partition(".")[0]
    flow = BESIDE.replace("    return", f"    {later}\n    return")
    (tasksmithy.folder / "flow.py").write_text(flow)
    (tasksmithy.folder / f"{name}.py").write_text("")
    done = tasksmithy("run", "--quiet", "--cache-dir", "cache", "flow.py", task)
    assert (done.code, done.out) == (1, "")
    last = done.err.splitlines()[-1]
    assert last.startswith(f"{tasksmithy.folder}/{name}.py takes the place of ")
    assert last.endswith(f"/site-packages/{name}/__init__.py: give it another name")


@pytest.mark.parametrize(
    "how", ["from .conf import K", "from app.conf import K", "from conf import K"]
)
@pytest.mark.parametrize("folder", ["app", "app/inner"])
def test_a_file_of_a_package_imports_what_is_in_it(
    tasksmithy: CommandLine, how: str, folder: str
) -> None:
    flows = tasksmithy.folder / "project" / folder
    flows.mkdir(parents=True)
    for package in (flows, flows.parent):
        if package.name != "project":
            (package / "__init__.py").touch()
    (flows / "conf.py").write_text("K = 2\n")
    (flows / "flow.py").write_text(
        how.replace("app.", folder.replace("/", ".") + ".") + BESIDE.replace("return 2", "return K")
    )
    done = tasksmithy("run", "--quiet", "--cache-dir", "cache", flows / "flow.py", "in_a_thread")
    assert (done.out, done.err) == ("2\n", "")


def test_a_file_of_a_package_has_its_name_there(tmp_path: Path) -> None:
    package = tmp_path / "packaged"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "flow.py").write_text("")
    assert load_file(package / "flow.py").__name__ == "packaged.flow"
    assert load_file(package / "flow.py") is load_file(package / "flow.py")


def test_a_package_whose_name_is_taken_gives_a_file_of_its_own_name(tmp_path: Path) -> None:
    package = tmp_path / "json"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "flow_of_json.py").write_text("HERE = True\n")
    assert load_file(package / "flow_of_json.py").HERE


def test_a_package_that_does_not_import_is_told(tmp_path: Path) -> None:
    package = tmp_path / "broken_package"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('broken')")
    (package / "flow.py").write_text("")
    with pytest.raises(SourceError, match=r"__init__\.py, line 1: RuntimeError: broken"):
        load_file(package / "flow.py")


def test_the_entry_point_is_run_also_where_two_imported_tasks_have_one_name(
    tmp_path: Path,
) -> None:
    task = "from tasksmithy import TaskEnvironment\nenv = TaskEnvironment(name='etl')\n"
    for name in ("sales_etl", "hr_etl"):
        (tmp_path / f"{name}.py").write_text(
            f"{task}@env.task\ndef load() -> str:\n    return {name!r}\n"
        )
    (tmp_path / "both.py").write_text(
        "from sales_etl import load as sales\nfrom hr_etl import load as hr\n"
        "from tasksmithy import TaskEnvironment\nenv = TaskEnvironment(name='both')\n"
        "@env.task(entrypoint=True)\ndef main() -> list[str]:\n    return [sales(), hr()]\n"
    )
    module = load_file(tmp_path / "both.py")
    assert only_task(module).name == "both.main"
    with pytest.raises(SourceError, match="different tasks of the name"):
        find_task(module, "etl.load")
