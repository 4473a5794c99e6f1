"""Discovery held against importlib_metadata, in an environment that pip really changes.

The environment is shared by all tests of this module and each test installs distributions of its
own name, so that every comparison is also one over what the tests before it have left installed.
"""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

import pytest

pytestmark = pytest.mark.slow

CORE = Path(__file__).parents[1] / "core" / "src"

# Asked in this order, because importing importlib_metadata changes sys.meta_path for everybody.
PROBE = """
import json
from tasksmithy.plugins._discovery import discover

def normalised(name):
    return name.lower().replace("_", "-").replace(".", "-")

before = sorted(map(list, discover()))
import importlib_metadata
reference = sorted(
    [point.group, point.name, point.value, normalised(point.dist.name), point.dist.version]
    for point in importlib_metadata.entry_points()
    if point.group.startswith("tasksmithy.")
)
after = sorted(map(list, discover()))
print(json.dumps([before, reference, after]))
"""

BACKENDS = {"hatchling": "hatchling.build", "setuptools": "setuptools.build_meta"}


class Environment:
    """A virtual environment whose Python can import the core, and what is done with it."""

    def __init__(self, root: Path) -> None:
        subprocess.run([sys.executable, "-m", "venv", root / "venv"], check=True)
        self.python = root / "venv" / ("Scripts" if sys.platform == "win32" else "bin") / "python"
        self.empty = root / "empty"
        self.empty.mkdir()
        self.pip(
            "install", "importlib-metadata", "hatchling", "editables", "setuptools>=77", "wheel"
        )
        self.site = Path(self.run("-c", "import sysconfig; print(sysconfig.get_path('purelib'))"))
        self.link("core", CORE)

    def run(
        self, *arguments: str | Path, path: tuple[Path, ...] = (), cwd: Path | None = None
    ) -> str:
        environment = {"PYTHONPATH": os.pathsep.join(map(str, path))} if path else {}
        done = subprocess.run(
            [self.python, *arguments],
            cwd=cwd or self.empty,
            env=clean_environ() | environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def pip(self, *arguments: str | Path) -> None:
        self.run("-m", "pip", "--quiet", *arguments)

    def install(self, *arguments: str | Path) -> None:
        """Install without the index: the backends and dependencies are in the environment."""
        self.pip("install", "--no-build-isolation", "--no-deps", *arguments)

    def link(self, name: str, directory: Path) -> None:
        """Put a directory on the path as in-place installs do, with a .pth file."""
        (self.site / f"{name}.pth").write_text(f"{directory}\n")

    def agreed(self, distribution: str, *path: Path, first: str = "") -> list[tuple[str, str, str]]:
        """`(name, value, version)` of one distribution, after all were found to be the same.

        `path` stands before the environment's own; `first` is code that runs before all.
        """
        before, reference, after = json.loads(self.run("-c", first + PROBE, path=path))
        assert before == reference
        assert after == reference
        return [(row[1], row[2], row[4]) for row in reference if row[3] == distribution]


def clean_environ() -> dict[str, str]:
    """This process's variables without those that change what Python imports."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


@pytest.fixture(scope="session")
def env(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return Environment(tmp_path_factory.mktemp("differential"))


class Project:
    """The source of a distribution with one module, which would fail if it were imported."""

    def __init__(self, root: Path, name: str, version: str, backend: str = "hatchling") -> None:
        self.root, self.name, self.version, self.backend = root, name, version, backend
        self.module = name.replace("-", "_")
        package = root / "src" / self.module
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("raise RuntimeError('a plugin was imported')\n")
        self.write(sql=f"{self.module}:T")

    def write(self, group: str = "tasksmithy.task_types.v1", **entry_points: str) -> None:
        """Write pyproject.toml with these entry points and no other."""
        lines = "".join(f'{name} = "{value}"\n' for name, value in entry_points.items())
        table = f'[project.entry-points."{group}"]\n{lines}' if entry_points else ""
        (self.root / "pyproject.toml").write_text(
            dedent(f"""\
            [build-system]
            requires = ["{self.backend}"]
            build-backend = "{BACKENDS[self.backend]}"
            [project]
            name = "{self.name}"
            version = "{self.version}"
            """)
            + table
        )

    def wheel(self, env: Environment) -> Path:
        output = self.root / "dist"
        env.pip("wheel", "--no-build-isolation", "--no-deps", "-w", output, self.root)
        (wheel,) = output.glob("*.whl")
        return wheel


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_wheel_is_found_when_installed_upgraded_and_no_more_when_uninstalled(
    env: Environment, tmp_path: Path, backend: str
) -> None:
    name = f"Demo.Wheel-{backend}"
    old = Project(tmp_path / "old", name, "1.0", backend)
    new = Project(tmp_path / "new", name, "1.1rc2+local.3", backend)
    for project in old, new:
        project.write(sql="demo.wheel:T", other="demo.wheel : Other [extra]")
    found = f"demo-wheel-{backend}"

    env.install(old.wheel(env))
    rows = env.agreed(found)
    assert [(row[0], row[2]) for row in rows] == [("other", "1.0"), ("sql", "1.0")]
    env.install("--pre", new.wheel(env))
    assert {row[2] for row in env.agreed(found)} == {"1.1rc2+local.3"}
    env.pip("uninstall", "--yes", name)
    assert env.agreed(found) == []


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_editable_install_shows_new_entry_points_when_it_is_installed_again(
    env: Environment, tmp_path: Path, backend: str
) -> None:
    name = f"demo-editable-{backend}"
    project = Project(tmp_path, name, "1.0", backend)
    env.install("--editable", tmp_path)
    assert env.agreed(name) == [("sql", f"{project.module}:T", "1.0")]

    project.write(spark="x:Spark")
    assert env.agreed(name) == [("sql", f"{project.module}:T", "1.0")]
    env.install("--editable", tmp_path)
    assert env.agreed(name) == [("spark", "x:Spark", "1.0")]
    # In-place: the source stands first on the path, with or without an egg-info of its own.
    assert env.agreed(name, tmp_path / "src") == [("spark", "x:Spark", "1.0")]

    env.pip("uninstall", "--yes", name)
    assert env.agreed(name) == []


def test_an_edit_of_the_installed_entry_points_is_seen_at_once(
    env: Environment, tmp_path: Path
) -> None:
    env.install("--editable", Project(tmp_path, "demo-edited", "1.0").root)
    file = env.site / "demo_edited-1.0.dist-info" / "entry_points.txt"
    file.write_text("# by hand\r\n[tasksmithy.task_types.v1]\r\nedited = x:T\r\n")
    assert env.agreed("demo-edited") == [("edited", "x:T", "1.0")]
    file.unlink()
    assert env.agreed("demo-edited") == []


def test_an_egg_info_in_a_source_tree_on_the_path_is_found_and_follows_its_edits(
    env: Environment, tmp_path: Path
) -> None:
    # What `setup.py develop` left behind: an egg-info beside the code and a .pth file.
    project = Project(tmp_path, "demo-develop", "1.0", "setuptools")
    (tmp_path / "setup.py").write_text("from setuptools import setup\nsetup()\n")
    env.run("setup.py", "--quiet", "egg_info", cwd=tmp_path)
    env.link("demo-develop", tmp_path / "src")
    assert (tmp_path / "src" / "demo_develop.egg-info" / "entry_points.txt").is_file()
    assert env.agreed("demo-develop") == [("sql", "demo_develop:T", "1.0")]

    project.version = "1.1"
    project.write(spark="x:Spark")
    env.run("setup.py", "--quiet", "egg_info", cwd=tmp_path)
    assert env.agreed("demo-develop") == [("spark", "x:Spark", "1.1")]


def test_an_egg_info_in_a_source_tree_that_stands_first_hides_the_installed_distribution(
    env: Environment, tmp_path: Path
) -> None:
    project = Project(tmp_path, "demo-stale", "1.0", "setuptools")
    env.install("--editable", tmp_path)  # leaves an egg-info in the source tree
    project.version = "2.0"
    project.write(spark="x:Spark")
    env.install(project.wheel(env))
    info = tmp_path / "src" / "demo_stale.egg-info"
    text = (info / "PKG-INFO").read_text()
    (info / "PKG-INFO").write_text(text.replace("Version: 2.0", "Version: 0.9"))
    assert env.agreed("demo-stale") == [("spark", "x:Spark", "2.0")]
    assert env.agreed("demo-stale", tmp_path / "src") == [("spark", "x:Spark", "0.9")]


def test_a_target_directory_that_stands_first_hides_the_installed_distribution(
    env: Environment, tmp_path: Path
) -> None:
    name = "demo-shadowed"
    installed = Project(tmp_path / "1", name, "1.0")
    with_plugin = Project(tmp_path / "2", name, "2.0")
    without = Project(tmp_path / "3", name, "3.0")
    without.write()
    env.install(installed.wheel(env))
    env.install("--target", tmp_path / "with", with_plugin.wheel(env))
    env.install("--target", tmp_path / "without", without.wheel(env))

    def versions(*path: Path) -> list[str]:
        return [row[2] for row in env.agreed(name, *path)]

    assert versions() == ["1.0"]
    assert versions(tmp_path / "with") == ["2.0"]
    assert versions(tmp_path / "without") == []
    assert versions(tmp_path / "without", tmp_path / "with") == []
    assert versions(tmp_path / "with", tmp_path / "without") == ["2.0"]
    # What is left of an interrupted uninstall hides nothing.
    (tmp_path / "without" / "demo_shadowed-3.0.dist-info" / "METADATA").unlink()
    assert versions(tmp_path / "without") == ["1.0"]


def test_what_pip_leaves_where_it_is_killed_hides_and_adds_nothing(
    env: Environment, tmp_path: Path
) -> None:
    project = Project(tmp_path / "1", "demo-killed", "2.0")
    env.install(project.wheel(env))
    left = env.site / "~emo_killed-1.0.dist-info"
    shutil.copytree(env.site / "demo_killed-2.0.dist-info", left)
    try:
        # importlib_metadata takes the folder for a distribution; pip, which has made it, does not.
        before, reference, after = json.loads(env.run("-c", PROBE))
        assert before == after
        assert [row[3] for row in before if "killed" in row[3]] == ["demo-killed"]
        assert [row[3] for row in reference if "killed" in row[3]] == ["demo-killed"] * 2
    finally:
        shutil.rmtree(left)


def test_a_wheel_on_the_path_is_found_in_its_place(env: Environment, tmp_path: Path) -> None:
    installed = Project(tmp_path / "1", "demo-zipped", "1.0")
    wheel = Project(tmp_path / "2", "demo-zipped", "2.0").wheel(env)
    plain = Project(tmp_path / "3", "demo-zipped", "3.0")
    plain.write()
    assert env.agreed("demo-zipped", wheel) == [("sql", "demo_zipped:T", "2.0")]
    env.install(installed.wheel(env))
    assert env.agreed("demo-zipped", wheel) == [("sql", "demo_zipped:T", "2.0")]
    assert env.agreed("demo-zipped", plain.wheel(env), wheel) == []
    assert env.agreed("demo-zipped", tmp_path / "no.whl") == [("sql", "demo_zipped:T", "1.0")]


def test_an_unpacked_egg_on_the_path_is_found(env: Environment, tmp_path: Path) -> None:
    project = Project(tmp_path / "source", "demo-egg", "1.0", "setuptools")
    (project.root / "setup.py").write_text("from setuptools import setup\nsetup()\n")
    env.run("setup.py", "--quiet", "egg_info", cwd=project.root)
    egg = tmp_path / "demo_egg-1.0-py3.egg"
    egg.mkdir()
    (project.root / "src" / "demo_egg.egg-info").rename(egg / "EGG-INFO")
    assert env.agreed("demo-egg", egg) == [("sql", "demo_egg:T", "1.0")]
    archive = tmp_path / "zipped" / egg.name
    archive.parent.mkdir()
    with zipfile.ZipFile(archive, "w") as file:
        for child in (egg / "EGG-INFO").iterdir():
            file.write(child, f"EGG-INFO/{child.name}")
    assert env.agreed("demo-egg", archive) == [("sql", "demo_egg:T", "1.0")]


FINDER = """
from importlib import metadata

class Embedded(metadata.Distribution):
    def read_text(self, filename):
        return FILES.get(filename)

    def locate_file(self, path):
        raise NotImplementedError

class Finder:
    @classmethod
    def find_spec(cls, *arguments):
        return None

    @classmethod
    def find_distributions(cls, context):
        return [Embedded()] if context.name in (None, "demo-finder") else []

FILES = {
    "METADATA": "Name: demo-finder\\nVersion: 7.0\\n",
    "entry_points.txt": "[tasksmithy.task_types.v1]\\nembedded = x:T\\n",
}
"""

ORDERS: Mapping[str, tuple[str, list[tuple[str, str, str]]]] = {
    "before the path": ("sys.meta_path.insert(0, Finder)", [("embedded", "x:T", "7.0")]),
    "after the interpreter's finder": (
        "sys.meta_path.append(Finder)",
        [("embedded", "x:T", "7.0")],  # importlib_metadata's own finder is appended after it
    ),
    "after importlib_metadata's finder": (
        "import importlib_metadata; sys.meta_path.append(Finder)",
        [("sql", "demo_finder:T", "1.0")],
    ),
}


@pytest.mark.parametrize("order", ORDERS)
def test_a_finder_that_offers_distributions_is_asked_in_its_place(
    env: Environment, tmp_path: Path, order: str
) -> None:
    add, expected = ORDERS[order]
    (tmp_path / "finder.py").write_text(FINDER)
    env.install("--target", tmp_path, Project(tmp_path / "p", "demo-finder", "1.0").wheel(env))
    first = f"import sys; from finder import Finder; {add}\n"
    assert env.agreed("demo-finder", tmp_path, first=first) == expected


def test_everything_is_found_at_once(env: Environment, tmp_path: Path) -> None:
    """A path of every sort, over whatever the tests before this one have installed."""
    path: list[Path] = []
    for number in range(3):
        for kind, backend in enumerate(BACKENDS):
            project = Project(tmp_path / f"{number}{kind}", f"demo-{kind}", f"{number}.0", backend)
            path.append(project.wheel(env))
    env.install("--target", tmp_path / "unpacked", path[1], path[2])
    (tmp_path / "finder.py").write_text(FINDER)
    first = "import sys; from finder import Finder; sys.meta_path.insert(0, Finder)\n"
    mixed = (tmp_path, path[0], tmp_path / "missing", tmp_path / "unpacked", *path)
    assert env.agreed("demo-0", *mixed, first=first) == [("sql", "demo_0:T", "0.0")]
    assert env.agreed("demo-1", *mixed, first=first) == [("sql", "demo_1:T", "0.0")]
    assert env.agreed("demo-0", *reversed(mixed)) == [("sql", "demo_0:T", "2.0")]
