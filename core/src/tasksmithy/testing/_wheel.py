"""Checks: what is built from the source and installed elsewhere is what is tested here."""

from __future__ import annotations

import functools
import importlib.util
import json
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tasksmithy.plugins._discovery import TASK_TYPES, PluginRecord, discover
from tasksmithy.testing import _fresh as fresh
from tasksmithy.testing._fresh import Change
from tasksmithy.testing._installation import (
    BY_MISTAKE,
    BuildError,
    build_wheel,
    missing_from,
    package_of,
    source_of,
    what_a_wheel_has,
    wheel_of,
)
from tasksmithy.testing._outcome import difference, fail
from tasksmithy.testing._snapshot import CODE_VERSIONS
from tasksmithy.testing._subject import Subject
from tasksmithy.values._json import to_json


class Wheel(NamedTuple):
    """A wheel, unpacked.

    Attributes:
        folder: where it is unpacked.
        files: its files, as `package/module.py`.
        of: which one it is, for messages: its name, or what it is built from.
    """

    folder: Path
    files: frozenset[str]
    of: str


class WheelChecks(Subject):
    """What is built from the source and installed elsewhere is what is tested here.

    It applies where the distribution is installed editable, by `pip install -e`, or from a wheel
    that is on this machine, as `tasksmithy check` does.
    """

    _wheels: Path

    @pytest.fixture(autouse=True)
    def _place_for_wheels(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        self._wheels = tmp_path_factory.getbasetemp() / "tasksmithy-wheels"

    def test_the_wheel_can_be_built(self) -> None:
        """`pip wheel` makes a wheel of the source."""
        origin = self._origin()
        built = _built(origin, self._wheels)
        if isinstance(built, BuildError):
            fail(
                f"{self._who}: no wheel can be built from {origin}:\n{built}",
                "correct pyproject.toml; `pip wheel --no-deps .` shows the whole output",
            )

    def test_the_wheel_has_the_files_of_the_package(self) -> None:
        """Nothing of the package is left out, and nothing strange is put beside it."""
        wheel = self._wheel()
        package = package_of(self._record())
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None or not spec.submodule_search_locations:
            self._skip_for("test_the_package_has_its_types")
        home = Path(spec.origin).parent
        advice = what_a_wheel_has(package)
        if missing := missing_from(wheel.files, home, package):
            fail(f"{self._who}: the wheel {wheel.of} lacks {', '.join(missing)}", advice)
        if strange := sorted({file.partition("/")[0] for file in wheel.files} & BY_MISTAKE):
            fail(
                f"{self._who}: the wheel {wheel.of} puts {', '.join(strange)} into site-packages, "
                "where it is in everybody's way",
                advice,
            )

    def test_the_wheel_has_the_entry_point(self) -> None:
        """Who installs the wheel has the task type."""
        wheel, record = self._wheel(), self._record()
        built = self._entry_points(wheel)
        if record not in built:
            found = ", ".join(f"{r.name} = {r.value} of {r.version}" for r in built) or "none"
            fail(
                f"{self._who}: installed is the entry point {record.name} = {record.value} of "
                f"{record.version}, and the wheel {wheel.of} has {found}",
                f'see [project.entry-points."{TASK_TYPES}"] and the version in pyproject.toml, '
                "and install the project again: pip install -e .",
            )

    def test_a_task_of_the_wheel_has_the_same_spec(self) -> None:
        """The code that is shipped answers as the code that is tested."""
        wheel, package = self._wheel(), package_of(self._record())
        if self._record() not in self._entry_points(wheel):
            self._skip_for("test_the_wheel_has_the_entry_point")
        self._steady_spec(self._task())
        try:
            here = fresh.given(type(self), package, Change())
        except fresh.ProbeError:
            self._skip_for("test_a_fresh_process_makes_the_task")
        try:
            there = fresh.given(type(self), package, Change(before=str(wheel.folder))).spec
        except fresh.ProbeError as error:
            fail(
                f"{self._who}: with the wheel {wheel.of}, the task cannot "
                f"be made and serialized: {error}",
                "include in the wheel what the package needs",
            )
        # The code of an installed distribution is told by its version, that in a folder by itself.
        installed, shipped = _but_for_code(here.spec), _but_for_code(there)
        if installed != shipped:
            fail(
                f"{self._who}: with the wheel {wheel.of}, the task has "
                f"another spec:\n{difference(installed, shipped)}",
                "let the answers of the hooks depend on nothing that is not in the wheel",
            )

    def _entry_points(self, wheel: Wheel) -> list[PluginRecord]:
        """The entry points of the wheel that have the name of the task type."""
        return [point for point in discover([str(wheel.folder)]) if point.name == self.task_type]

    def _origin(self) -> Path:
        """The source of the distribution, or the wheel that it was installed from."""
        name = self._record().distribution
        origin = source_of(name) or wheel_of(name)
        if origin is None:
            pytest.skip("what is installed is a wheel already, which is not on this machine")
        return origin

    def _wheel(self) -> Wheel:
        """The wheel that is built from the source, or that was installed."""
        built = _built(self._origin(), self._wheels)
        if isinstance(built, BuildError):
            self._skip_for("test_the_wheel_can_be_built")
        return built


def _but_for_code(spec: str) -> str:
    parts: dict[str, Any] = json.loads(spec)
    return to_json({name: part for name, part in parts.items() if name not in CODE_VERSIONS})


@functools.cache
def _built(origin: Path, wheels: Path) -> Wheel | BuildError:
    """The wheel of a source, which is built once, or a wheel that is there; unpacked."""
    folder = wheels / origin.stem
    try:
        wheel = origin if origin.is_file() else build_wheel(origin, folder)
    except BuildError as error:
        return error
    of = wheel.name if wheel is origin else f"that is built from {origin}"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "unpacked")
        return Wheel(folder / "unpacked", frozenset(archive.namelist()), of)
