"""Installed distributions: their files, where they come from, and the wheel of a source."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Collection
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

from tasksmithy.concurrency._interpreter import interpreter
from tasksmithy.plugins._discovery import PluginRecord

_MADE_IN_PASSING: Final = (".pyc", ".pyo", ".DS_Store")

BY_MISTAKE: Final = frozenset(
    {
        *("benchmarks", "conftest.py", "doc", "docs", "example", "examples", "noxfile.py"),
        *("scripts", "setup.py", "src", "test", "tests", "tools"),
    }
)
"""What belongs to a project, and gets into a wheel when settings say too much or nothing."""


def package_of(record: PluginRecord) -> str:
    """The package, or the single module, that a plugin's entry point is in."""
    return record.value.partition(":")[0].partition(".")[0].strip()


def files_of(name: str) -> set[Path]:
    """The files of a distribution; none where it does not tell."""
    try:
        found = distribution(name)
    except PackageNotFoundError:
        return set()
    return {Path(str(found.locate_file(file))).resolve() for file in found.files or ()}


def origin_of(found: Distribution) -> Path | None:
    """The folder or wheel on this machine that a distribution was installed from, or None."""
    text = found.read_text("direct_url.json")
    if text is None:
        return None
    url = urlsplit(json.loads(text)["url"])
    return Path(url2pathname(url.path)).resolve() if url.scheme == "file" else None


def source_of(name: str) -> Path | None:
    """The source folder of a distribution that is installed editable; None for all others."""
    try:
        found = distribution(name)
    except PackageNotFoundError:
        return None
    text = found.read_text("direct_url.json")
    if text is None or not json.loads(text).get("dir_info", {}).get("editable"):
        return None
    return origin_of(found)


def wheel_of(name: str) -> Path | None:
    """The wheel on this machine that a distribution was installed from; None for all others."""
    try:
        origin = origin_of(distribution(name))
    except PackageNotFoundError:
        return None
    is_wheel = origin is not None and origin.suffix == ".whl" and origin.is_file()
    return origin if is_wheel else None


def missing_from(files: Collection[str], home: Path, package: str) -> list[str]:
    """The files of a package that a wheel lacks.

    Args:
        files: those of the wheel.
        home: the folder of the package.
        package: its name.
    """
    own = {
        f"{package}/{file.relative_to(home).as_posix()}"
        for file in home.rglob("*")
        if file.is_file() and not file.name.endswith(_MADE_IN_PASSING)
    }
    return sorted(own.difference(files))


def what_a_wheel_has(package: str) -> str:
    """How a project says what its wheel has: what to do where that is wrong."""
    return (
        "say in pyproject.toml what the wheel has; with hatchling: "
        f'[tool.hatch.build.targets.wheel] packages = ["src/{package}"]'
    )


class BuildError(Exception):
    """A wheel that cannot be built; the text is what pip says."""


def build_wheel(source: Path, folder: Path) -> Path:
    """Build the wheel of a source into a folder.

    It is built with what is installed here, if that has all that the build needs, so that it works
    without a network; otherwise in an environment that pip makes for it.

    Raises:
        BuildError: it cannot be built.
    """
    command = [interpreter(), "-m", "pip", "wheel", "--quiet", "--no-deps"]
    said = []
    for how in (["--no-build-isolation", "--check-build-dependencies"], []):
        done = subprocess.run(  # noqa: S603 - this Python
            [*command, *how, "--wheel-dir", folder, source],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode == 0:
            return max(folder.glob("*.whl"), key=lambda file: file.stat().st_mtime)
        said.append(done.stderr.strip() or done.stdout.strip())
    raise BuildError("\n".join(said))
