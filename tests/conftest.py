"""What the slow tests share: wheels that are really built, in environments that pip changes."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from tests.executors import EXECUTORS, threads_installed

from tasksmithy import with_runcontext

ROOT = Path(__file__).parents[1]
PACKAGES = {
    "tasksmithy": ROOT / "core",
    "tasksmithy-function": ROOT / "plugins" / "function",
    "tasksmithy-sql": ROOT / "plugins" / "sql",
    "tasksmithy-ray": ROOT / "plugins" / "ray",
}

Wheels = Callable[..., list[Path]]


@dataclass(frozen=True)
class Done:
    """What a command line has left behind."""

    code: int
    out: str
    err: str


class Venv:
    """A virtual environment of its own, with an empty folder to work in."""

    def __init__(self, root: Path) -> None:
        subprocess.run([sys.executable, "-m", "venv", root / "venv"], check=True)
        self.bin = root / "venv" / ("Scripts" if sys.platform == "win32" else "bin")
        self.empty = root / "empty"
        self.empty.mkdir()

    def run(self, command: str, *arguments: str | Path, cwd: Path | None = None) -> Done:
        """Run a command of the environment, which knows nothing of the variables of the tests."""
        # The import path and the settings of whoever runs the tests are not part of it.
        changed = ("PYTHON", "TASKSMITHY_")
        environ = {k: v for k, v in os.environ.items() if not k.startswith(changed)}
        done = subprocess.run(
            [self.bin / command, *arguments],
            cwd=cwd or self.empty,
            env=environ,
            capture_output=True,
            text=True,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def pip(self, *arguments: str | Path) -> None:
        """Run pip, which has to do what it is told."""
        done = self.run("python", "-m", "pip", "--quiet", *arguments)
        assert done.code == 0, done.err

    def tasksmithy(self, *arguments: str | Path, cwd: Path | None = None) -> Done:
        """Run the command line."""
        return self.run("tasksmithy", *arguments, cwd=cwd)

    @contextmanager
    def having(self, *wheels: Path) -> Iterator[None]:
        """Install wheels, and uninstall them again."""
        self.pip("install", "--no-index", "--no-deps", *wheels)
        try:
            yield
        finally:
            self.pip("uninstall", "--yes", *(wheel.name.partition("-")[0] for wheel in wheels))


@dataclass(frozen=True)
class House:
    """An environment with the core and its two task types, and the wheels of these and of Ray's."""

    venv: Venv
    wheels: Mapping[str, Path]

    def having(self, *wheels: Path) -> AbstractContextManager[None]:
        """The same environment with more wheels, for as long as the body lasts."""
        return self.venv.having(*wheels)


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Venv:
    """An environment with the build backend."""
    venv = Venv(tmp_path_factory.mktemp("workshop"))
    venv.pip("install", "hatchling>=1.27")
    return venv


@pytest.fixture(scope="session")
def build(workshop: Venv, tmp_path_factory: pytest.TempPathFactory) -> Wheels:
    """Builds the wheels of projects: `build(folder, ...)`."""

    def wheels(*projects: Path) -> list[Path]:
        built = []
        for project in projects:
            output = tmp_path_factory.mktemp("wheel")
            workshop.pip("wheel", "--no-build-isolation", "--no-deps", "-w", output, project)
            built += output.glob("*.whl")
        return built

    return wheels


@pytest.fixture(scope="session")
def house(build: Wheels, tmp_path_factory: pytest.TempPathFactory) -> House:
    """A clean environment with the wheels of the core and its two task types, and nothing else."""
    wheels = dict(zip(PACKAGES, build(*PACKAGES.values()), strict=True))
    venv = Venv(tmp_path_factory.mktemp("house"))
    ray = wheels["tasksmithy-ray"]  # it needs Ray, which is large
    venv.pip("install", *(wheel for wheel in wheels.values() if wheel != ray))
    return House(venv, wheels)


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Writes the source of a small plugin: `project(name, source, group, entry_point)`."""

    def write(
        name: str,
        source: str,
        *,
        entry_point: str,
        group: str = "tasksmithy.task_types.v1",
        version: str = "1.0",
    ) -> Path:
        root = tmp_path_factory.mktemp(name)
        module = name.replace("-", "_")
        (root / f"{module}.py").write_text(dedent(source))
        (root / "pyproject.toml").write_text(
            dedent(f"""\
            [build-system]
            requires = ["hatchling"]
            build-backend = "hatchling.build"

            [project]
            name = "{name}"
            version = "{version}"
            dependencies = ["tasksmithy"]

            [project.entry-points."{group}"]
            {entry_point}

            [tool.hatch.build.targets.wheel]
            include = ["{module}.py"]
            """)
        )
        return root

    return write


@pytest.fixture
def on(
    executor: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Any]]:
    """Runs tasks on an executor: `on(**options of the run).run(task)`."""
    if executor == "ray":
        request.getfixturevalue("own_ray")
    with threads_installed(monkeypatch):
        yield partial(with_runcontext, **EXECUTORS.get(executor, {}))
