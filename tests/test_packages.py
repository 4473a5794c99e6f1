"""What each package of this repository brings along, as its project file and its folder say."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = sorted(file.parent for file in ROOT.glob("*/pyproject.toml")) + sorted(
    file.parent for file in ROOT.glob("plugins/*/pyproject.toml")
)

pytestmark = pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)


def project(package: Path) -> dict[str, Any]:
    declared: dict[str, Any] = tomllib.loads((package / "pyproject.toml").read_text())["project"]
    return declared


def test_a_package_has_the_licence(package: Path) -> None:
    assert (package / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert project(package)["license"] == "Apache-2.0"


def test_a_package_says_that_it_has_types(package: Path) -> None:
    [folder] = (folder for folder in (package / "src").iterdir() if folder.is_dir())
    assert (folder / "py.typed").is_file()
    assert "Typing :: Typed" in project(package)["classifiers"]


def test_a_package_names_the_same_pythons_and_no_highest_version_of_what_it_needs(
    package: Path,
) -> None:
    declared = project(package)
    assert declared["requires-python"] == ">=3.11"
    optional = declared.get("optional-dependencies", {}).values()
    for requirement in (*declared["dependencies"], *(each for group in optional for each in group)):
        assert "<" not in requirement
        assert "==" not in requirement


def test_make_builds_every_package(package: Path) -> None:
    [line] = (
        line
        for line in (ROOT / "Makefile").read_text().splitlines()
        if line.startswith("PACKAGES := ")
    )
    assert str(package.relative_to(ROOT)) in line.split()
