"""`tasksmithy check`: the wheel of a project, in a clean environment, by its conformance tests."""

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

import tasksmithy

PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "acme-hello"
version = "0.3"
dependencies = ["tasksmithy"]

[project.entry-points."tasksmithy.task_types.v1"]
acme-hello = "acme_hello:HelloTaskType"

[dependency-groups]
test = [{ include-group = "more" }]
more = ["iniconfig"]

[tool.hatch.build.targets.wheel]
packages = ["src/acme_hello"]

[tool.pytest.ini_options]
pythonpath = [".", "src"]
"""
PLUGIN = """
from pathlib import Path

from tasksmithy import TaskTemplate, TaskType, hookimpl


class HelloTask(TaskTemplate, task_type="acme-hello"):
    pass


class HelloTaskType(TaskType):
    template = HelloTask

    @hookimpl
    async def execute(self):
        return Path(__file__).with_name("greeting.txt").read_text()
"""
EXAMPLE = """
import iniconfig
from acme_hello import HelloTask
from tasksmithy import NativeInterface

hello = HelloTask(name="hello", interface=NativeInterface.from_types({}, {"o0": str}))
"""
TEST = """
import example
from tasksmithy.testing import TaskTypeConformance


class TestHello(TaskTypeConformance):
    task_type = "acme-hello"

    def make_task(self):
        return example.hello
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The source of a task type, with an example that its conformance tests use."""
    files = {
        "pyproject.toml": PROJECT,
        "example.py": EXAMPLE,
        "src/acme_hello/__init__.py": PLUGIN,
        "src/acme_hello/greeting.txt": "hello",
        "src/acme_hello/py.typed": "",
        "tests/test_conformance.py": TEST,
    }
    for path, content in files.items():
        file = tmp_path / "project" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    return tmp_path / "project"


def check(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tasksmithy", "check", path], capture_output=True, text=True
    )


def rows(output: str) -> dict[str, str]:
    """Check to result, as the table has them."""
    table = output.partition("CHECK ")[2].partition("\n\n")[0].splitlines()[1:]
    cells = [[cell for cell in row.split("  ") if cell] for row in table]
    return {row[0]: row[1].strip() for row in cells if len(row) > 1}


@pytest.mark.slow
def test_a_project_that_keeps_the_contract_is_told_so(project: Path) -> None:
    done = check(project)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("TestHello\n\nCHECK ")
    results = rows(done.stdout)
    assert results["the task runs and its result fits the interface"] == "passed"
    assert results["the config chooses the task type"] == "skipped"
    assert {result for name, result in results.items() if "wheel" in name} == {"passed"}
    assert set(results.values()) == {"passed", "skipped"}
    assert done.stderr.splitlines() == [
        f"building the wheel of {project}",
        "installing it into a clean environment",
        "running tests/test_conformance.py",
    ]


@pytest.mark.slow
def test_what_is_checked_is_the_wheel_and_not_the_source(project: Path) -> None:
    text = (project / "pyproject.toml").read_text()
    without = 'packages = ["src/acme_hello"]\nexclude = ["*.txt"]'
    (project / "pyproject.toml").write_text(text.replace('packages = ["src/acme_hello"]', without))
    done = check(project)
    assert done.returncode == 1, done.stdout + done.stderr
    failed = [name for name, result in rows(done.stdout).items() if result == "failed"]
    assert failed == [
        "the task runs and its result fits the interface",
        "the wheel has the files of the package",
    ]
    assert f"lacks acme_hello/greeting.txt, which {project}/src/acme_hello has" in done.stdout
    assert "TestHello: the task runs and its result fits the interface\n" in done.stdout
    assert "raised FileNotFoundError" in done.stdout
    assert "\nTo do: let make_task() and inputs of TestHello give a task that" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("2 failed, ")


@pytest.mark.slow
@pytest.mark.parametrize("strange", [["tests"], ["docs", "scripts"], ["conftest.py", "example.py"]])
def test_what_a_wheel_puts_beside_its_package_by_mistake_is_told(
    project: Path, strange: list[str]
) -> None:
    (project / "tests" / "__init__.py").touch()
    (project / "conftest.py").touch()
    for folder in ("docs", "scripts"):
        (project / folder).mkdir()
        (project / folder / "page.py").touch()
    text = (project / "pyproject.toml").read_text()
    all_in = "".join(f'\n"{name}" = "{name}"' for name in strange)
    included = f"\n[tool.hatch.build.targets.wheel.force-include]{all_in}\n"
    (project / "pyproject.toml").write_text(text + included)
    done = check(project)
    assert done.returncode == 1, done.stdout + done.stderr
    failed = [name for name, result in rows(done.stdout).items() if result == "failed"]
    assert failed == ["the wheel has the files of the package"]
    told = ", ".join(name for name in strange if name != "example.py")
    assert f".whl puts {told} into site-packages" in done.stdout


@pytest.mark.slow
def test_a_check_that_is_new_in_this_release_warns(project: Path) -> None:
    release = ".".join(tasksmithy.__version__.split(".")[:2])
    new = f"""
    @since({release!r})
    def test_it_sings(self):
        fail("it is silent", "let it sing")
    """
    tests = f"from tasksmithy.testing._outcome import fail, since\n{TEST}{new}"
    (project / "tests" / "test_conformance.py").write_text(tests)
    done = check(project)
    assert done.returncode == 0, done.stdout + done.stderr
    assert rows(done.stdout)["it sings"] == "warning"
    assert "let it sing" in done.stdout.partition("\n\nTestHello: ")[0]
    assert (
        "\nTestHello: it sings\n\n"
        "test_it_sings is new and will fail from the next minor release of tasksmithy on: "
        "it is silent\n\nTo do: let it sing\n"
    ) in done.stdout
    assert done.stdout.splitlines()[-1].endswith(" skipped, 1 warning")


@pytest.mark.slow
def test_a_project_without_conformance_tests_is_told_what_to_write(project: Path) -> None:
    (project / "tests" / "test_conformance.py").unlink()
    done = check(project)
    assert done.returncode == 2
    assert done.stderr.endswith(
        dedent(f"""\
        error: {project} has no tests/test_conformance.py; write it:

        from tasksmithy.testing import TaskTypeConformance

        from acme_hello import ...


        class TestAcmeHello(TaskTypeConformance):
            task_type = "acme-hello"
            inputs = {{...}}  # with these the task runs

            def make_task(self):
                return ...  # a task of type acme-hello

        """)
    )


@pytest.mark.slow
def test_a_project_that_cannot_be_built_is_told_why(project: Path) -> None:
    text = (project / "pyproject.toml").read_text()
    (project / "pyproject.toml").write_text(text.replace('version = "0.3"', 'version = "three"'))
    done = check(project)
    assert done.returncode == 2
    assert f"error: no wheel can be built from {project}:\n" in done.stderr
    assert "three" in done.stderr


@pytest.mark.slow
def test_a_test_that_cannot_be_imported_counts_as_failed(project: Path) -> None:
    (project / "example.py").write_text("import not_installed\n")
    done = check(project)
    assert done.returncode == 1
    assert "No module named 'not_installed'" in done.stdout


def test_a_folder_that_is_no_project_is_refused(tmp_path: Path) -> None:
    done = check(tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"error: {tmp_path}/pyproject.toml cannot be read: No such file or directory; "
        "give the folder of a project\n"
    )


def test_a_project_whose_settings_are_no_toml_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project\n")
    done = check(tmp_path)
    assert done.returncode == 2
    assert f"error: {tmp_path}/pyproject.toml is not valid TOML: " in done.stderr
