"""The wheels, in an environment where nothing else is: listed, used, removed, and broken ones.

The environment is shared; a test leaves it as it found it.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.conftest import House, Wheels

pytestmark = pytest.mark.slow

FUNCTION = """
from tasksmithy import TaskEnvironment

env = TaskEnvironment(name="demo")

@env.task
async def double(n: int) -> int:
    return 2 * n
"""
QUERY = """
from tasksmithy_sql import SQLTask

answer = SQLTask(name="demo.answer", query="select 2 * $n as n", inputs={"n": int})
"""


@pytest.fixture(scope="module")
def pipelines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a task of each type."""
    folder = tmp_path_factory.mktemp("pipelines")
    (folder / "function.py").write_text(FUNCTION)
    (folder / "query.py").write_text(QUERY)
    return folder


def rows(house: House, *options: str) -> dict[tuple[str, str], dict[str, str]]:
    """What `plugins list` shows, by name and distribution."""
    done = house.venv.tasksmithy("plugins", "list", "--json", *options)
    assert done.code == ('"status": "broken"' in done.out), done.err
    return {(row["name"], row["distribution"]): row for row in json.loads(done.out)}


def statuses(house: House, *options: str) -> dict[tuple[str, str], str]:
    return {key: row["status"] for key, row in rows(house, *options).items()}


def runs(house: House, pipelines: Path, name: str) -> bool:
    """Whether the task in a file runs and gives what it should."""
    done = house.venv.tasksmithy("run", pipelines / f"{name}.py", "--n", "21")
    return done.code == 0 and "42" in done.out


FUNCTION_ROW = ("python", "tasksmithy-function")
SQL_ROW = ("sql", "tasksmithy-sql")
OURS = {FUNCTION_ROW: "ok", SQL_ROW: "ok"}


def test_the_installed_wheels_are_listed_with_type_distribution_version_and_status(
    house: House,
) -> None:
    done = house.venv.tasksmithy("plugins", "list")
    table = [line.split() for line in done.out.splitlines()]
    version = rows(house)[SQL_ROW]["version"]
    assert house.wheels["tasksmithy-sql"].name.startswith(f"tasksmithy_sql-{version}-")
    assert table[0] == ["KIND", "NAME", "DISTRIBUTION", "VERSION", "STATUS"]
    assert ["task_types", "python", "tasksmithy-function", version, "installed"] in table
    assert ["task_types", "sql", "tasksmithy-sql", version, "installed"] in table
    assert statuses(house, "--load") == OURS


def test_the_wheels_carry_their_types(house: House) -> None:
    for module in "tasksmithy", "tasksmithy_function", "tasksmithy_sql":
        code = f"import {module}, pathlib; print(pathlib.Path({module}.__file__).parent)"
        folder = Path(house.venv.run("python", "-c", code).out.strip())
        assert (folder / "py.typed").is_file()
        assert house.venv.bin.parent in folder.parents


@pytest.mark.parametrize("name", ["function", "query"])
def test_a_task_of_an_installed_type_runs(house: House, pipelines: Path, name: str) -> None:
    assert runs(house, pipelines, name)


@pytest.mark.parametrize(
    ("removed", "row", "gone", "left"),
    [
        ("tasksmithy-sql", SQL_ROW, "query", "function"),
        ("tasksmithy-function", FUNCTION_ROW, "function", "query"),
    ],
)
def test_uninstalling_one_leaves_the_others_working(
    house: House, pipelines: Path, removed: str, row: tuple[str, str], gone: str, left: str
) -> None:
    house.venv.pip("uninstall", "--yes", removed)
    try:
        assert statuses(house, "--load") == {key: OURS[key] for key in OURS if key != row}
        assert runs(house, pipelines, left)
        assert not runs(house, pipelines, gone)
    finally:
        house.venv.pip("install", "--no-index", "--no-deps", house.wheels[removed])


def test_a_task_whose_type_is_not_installed_is_told_what_to_install(
    house: House, pipelines: Path
) -> None:
    house.venv.pip("uninstall", "--yes", "tasksmithy-function")
    try:
        done = house.venv.tasksmithy("run", pipelines / "function.py", "--n", "1")
    finally:
        house.venv.pip("install", "--no-index", "--no-deps", house.wheels["tasksmithy-function"])
    assert done.code == 2
    assert "pip install 'tasksmithy[function]'" in done.err
    assert "Traceback" not in done.err


# Beside broken ones

TRACE = "import pathlib, tempfile; pathlib.Path({trace!r}).touch()\n"
GOOD = "from tasksmithy import TaskType, hookimpl\nclass T(TaskType): pass\n"
MISSPELT = """
from tasksmithy import TaskType, hookimpl

class T(TaskType):
    @hookimpl
    def custom_confg(self):
        return {}
"""


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that is there once one of the broken plugins was imported."""
    return tmp_path_factory.mktemp("trace") / "imported"


@pytest.fixture(scope="module")
def broken(
    house: House, build: Wheels, project: Callable[..., Path], trace: Path
) -> Iterator[House]:
    """The house, in which four plugins are broken, each in its own way."""
    mark = TRACE.format(trace=str(trace))
    wheels = build(
        project(
            "demo-raises",
            mark + "raise RuntimeError('no licence')",
            entry_point='raises = "demo_raises:T"',
        ),
        project(
            "demo-misspelt",
            mark + MISSPELT,
            entry_point='misspelt = "demo_misspelt:T"',
            version="1.1",
        ),
        project(
            "demo-later",
            mark + GOOD,
            entry_point='later = "demo_later:T"',
            group="tasksmithy.task_types.v2",
            version="1.2",
        ),
        project("demo-one", mark + GOOD, entry_point='twice = "demo_one:T"', version="1.3"),
        project("demo-two", mark + GOOD, entry_point='twice = "demo_two:T"', version="1.4"),
    )
    with house.having(*wheels):
        yield house


BROKEN_ROWS = {
    ("raises", "demo-raises"): "broken",
    ("misspelt", "demo-misspelt"): "broken",
    ("later", "demo-later"): "other API",
    ("twice", "demo-one"): "conflict",
    ("twice", "demo-two"): "conflict",
}


def test_broken_wheels_are_listed_as_what_they_are(broken: House) -> None:
    assert statuses(broken, "--load") == OURS | BROKEN_ROWS


@pytest.mark.parametrize(
    ("row", "problems"),
    [
        (
            ("raises", "demo-raises"),
            ["task type 'raises' (demo-raises 1.0) cannot be loaded", "RuntimeError: no licence"],
        ),
        (
            ("misspelt", "demo-misspelt"),
            ["task type 'misspelt' (demo-misspelt 1.1)", "'custom_confg'; did you mean 'custom_co"],
        ),
        (
            ("later", "demo-later"),
            ["task type 'later' (demo-later 1.2)", "'tasksmithy.task_types.v2'", "reads 'v1'"],
        ),
        (
            ("twice", "demo-two"),
            ["provided by demo-one 1.3 and demo-two 1.4", 'prefer = {twice = "demo-one"}'],
        ),
    ],
)
def test_the_listing_says_what_is_wrong_with_a_broken_wheel(
    broken: House, row: tuple[str, str], problems: list[str]
) -> None:
    detail = rows(broken, "--load")[row]["detail"]
    assert [problem for problem in problems if problem not in detail] == []
    name = row[0]
    assert f"{name}: {detail}" in broken.venv.tasksmithy("plugins", "list", "--load").out


def test_the_plain_listing_imports_no_plugin(broken: House, trace: Path) -> None:
    trace.unlink(missing_ok=True)
    plain = statuses(broken)
    assert not trace.exists()
    assert plain == dict.fromkeys(OURS, "installed") | BROKEN_ROWS | {
        ("raises", "demo-raises"): "installed",
        ("misspelt", "demo-misspelt"): "installed",
    }
    statuses(broken, "--load")
    assert trace.exists()


@pytest.mark.parametrize("name", ["function", "query"])
def test_a_task_of_another_type_runs_beside_all_broken_ones(
    broken: House, pipelines: Path, trace: Path, name: str
) -> None:
    trace.unlink(missing_ok=True)
    assert runs(broken, pipelines, name)
    assert not trace.exists()


@pytest.mark.parametrize(
    ("task_type", "problem"),
    [
        ("raises", "RuntimeError: no licence"),
        ("misspelt", "custom_confg"),
        ("later", "for another major version of the plugin API"),
        ("twice", "is provided by demo-one 1.3 and demo-two 1.4"),
    ],
)
def test_a_task_of_a_broken_type_is_one_message_and_exit_code_2(
    broken: House, tmp_path: Path, task_type: str, problem: str
) -> None:
    file = tmp_path / "tasks.py"
    file.write_text(
        "from tasksmithy import NativeInterface, TaskTemplate\n"
        f"t = TaskTemplate(name='t', task_type={task_type!r}, interface=NativeInterface())\n"
    )
    for command in "run", "render":
        done = broken.venv.tasksmithy(command, file)
        assert (done.code, done.out) == (2, "")
        assert problem in done.err
        assert "Traceback" not in done.err


def test_a_preference_decides_between_two_of_one_name(broken: House, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.tasksmithy]\nprefer = {twice = "demo-two"}\n')
    done = broken.venv.tasksmithy("plugins", "list", "--load", "--json", cwd=tmp_path)
    found = {row["distribution"]: row["status"] for row in json.loads(done.out)}
    assert (found["demo-one"], found["demo-two"]) == ("not preferred", "ok")


def test_the_executor_ray_is_listed_and_without_ray_says_what_to_install(
    house: House, pipelines: Path
) -> None:
    with house.having(house.wheels["tasksmithy-ray"]):
        listed = house.venv.tasksmithy("executors", "list")
        shown = house.venv.tasksmithy("executors", "show", "ray")
        words = ["run", "--executor", "ray", pipelines / "function.py", "--n", "21"]
        done = house.venv.tasksmithy(*words)
    assert "tasksmithy-ray" in listed.out
    assert "connect_timeout" in shown.out
    assert (done.code, done.out) == (2, "")
    assert "pip install 'tasksmithy[ray]'" in done.err
    assert "Traceback" not in done.err
