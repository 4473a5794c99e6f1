"""Plugins that are installed editable, and whose wheel is something else than their source."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from core.tests.testing.conftest import GROUP, Failures, Plugin, check

from tasksmithy.testing._distribution import write_distribution

# A build backend that needs no network.
BACKEND = """
import pathlib, zipfile

LACKS, ADDS, ENTRY = {lacks!r}, {adds!r}, {entry!r}
{build}

def build_wheel(folder, config_settings=None, metadata_directory=None):
    info, source = "dist_of_{name}-1.2.dist-info", pathlib.Path("src")
    files = {{
        file.relative_to(source).as_posix(): file.read_text()
        for file in source.rglob("*.*")
        if file.suffix != ".pyc" and file.name not in LACKS
    }}
    files |= ADDS
    files[f"{{info}}/METADATA"] = "Metadata-Version: 2.1\\nName: dist-of-{name}\\nVersion: 1.2\\n"
    files[f"{{info}}/WHEEL"] = "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    files[f"{{info}}/entry_points.txt"] = f"[{group}]\\n{{ENTRY}}\\n"
    files[f"{{info}}/RECORD"] = ""
    name = "dist_of_{name}-1.2-py3-none-any.whl"
    with zipfile.ZipFile(f"{{folder}}/{{name}}", "w") as wheel:
        for path, content in files.items():
            wheel.writestr(path, content)
    return name
"""
PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""


@dataclass(frozen=True)
class EditablePlugin(Plugin):
    """A plugin that is installed editable, and the wheel that is built from it.

    Attributes:
        lacks: names of files that the wheel has not.
        adds: path to content of files that it has beside the package.
        entry: its entry point, where that is not the usual.
        build: code of the build backend.
    """

    lacks: tuple[str, ...] = ()
    adds: Mapping[str, str] = field(default_factory=dict)
    entry: str = ""
    build: str = ""

    def install(self, site: Path, name: str) -> None:
        """Write the source of the plugin, and install it editable."""
        source = site / f"source-of-{name}"
        points = {GROUP: {name: f"{name}:BrokenTaskType"}}
        direct_url = {"url": source.as_uri(), "dir_info": {"editable": True}}
        info = f"dist_of_{name}-1.2.dist-info/direct_url.json"
        files = {info: json.dumps(direct_url)}
        write_distribution(site, f"dist-of-{name}", files, points, version="1.2")
        for path, content in self.package(name).items():
            (source / "src" / path).parent.mkdir(parents=True, exist_ok=True)
            (source / "src" / path).write_text(content)
        (site / name).symlink_to(source / "src" / name)
        (source / "pyproject.toml").write_text(PROJECT)
        (source / "VERSION").write_text("of the source")
        parts = {"lacks": self.lacks, "adds": dict(self.adds), "build": self.build}
        entry = self.entry or f"{name} = {name}:BrokenTaskType"
        backend = BACKEND.format(name=name, group=GROUP, entry=entry, **parts)
        (source / "backend.py").write_text(backend)


PLUGINS = {
    "it_cannot_be_built": EditablePlugin(
        "test_the_wheel_can_be_built",
        ("no wheel can be built from", "RuntimeError: no compiler", "pip wheel --no-deps ."),
        build="raise RuntimeError('no compiler')",
    ),
    "its_wheel_lacks_a_file": EditablePlugin(
        "test_the_wheel_has_the_files_of_the_package",
        (
            "lacks its_wheel_lacks_a_file/query.sql",
            '[tool.hatch.build.targets.wheel] packages = ["src/its_wheel_lacks_a_file"]',
        ),
        files={"its_wheel_lacks_a_file/query.sql": "select 1"},
        lacks=("query.sql",),
        everyday=True,
    ),
    "its_wheel_has_the_tests": EditablePlugin(
        "test_the_wheel_has_the_files_of_the_package",
        ("puts tests into site-packages, where it is in everybody's way",),
        adds={"tests/test_it.py": ""},
    ),
    "its_wheel_has_another_entry_point": EditablePlugin(
        "test_the_wheel_has_the_entry_point",
        (
            "its_wheel_has_another_entry_point = its_wheel_has_another_entry_point:BrokenTaskType",
            "the wheel that is built from",
            "= its_wheel_has_another_entry_point:Renamed of 1.2",
            "install the project again: pip install -e .",
        ),
        entry="its_wheel_has_another_entry_point = its_wheel_has_another_entry_point:Renamed",
    ),
    "its_wheel_answers_otherwise": EditablePlugin(
        "test_a_task_of_the_wheel_has_the_same_spec",
        (
            "the task has another spec",
            '-    "version": "of the source"\n+    "version": "unknown"',
            "on nothing that is not in the wheel",
        ),
        module="""
        import pathlib
        FILE = pathlib.Path(__file__).resolve().parents[2] / "VERSION"
        """,
        hooks="""
        @hookimpl
        def custom_config(self):
            return {"version": FILE.read_text() if FILE.exists() else "unknown"}
        """,
    ),
    "its_wheel_lacks_what_it_reads": EditablePlugin(
        "test_a_task_of_the_wheel_has_the_same_spec",
        ("cannot be made and serialized: HookError", "FileNotFoundError", "include in the wheel"),
        module="""
        import pathlib
        FILE = pathlib.Path(__file__).resolve().parents[2] / "VERSION"
        """,
        hooks="""
        @hookimpl
        def custom_config(self): return {"version": FILE.read_text()}
        """,
    ),
}


def test_the_fault_fails_its_check_alone_and_the_message_helps(
    failures: Failures, plugin: str
) -> None:
    check(PLUGINS[plugin], failures[plugin])
