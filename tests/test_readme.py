"""The code in the READMEs runs as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# That of the container plugin needs an image that is made for its tests, which run it themselves.
READMES = [Path("plugins/function/README.md"), Path("plugins/sql/README.md")]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def block_of_file(name: str) -> str:
    [block] = [block for block in blocks(README, "python") if block.startswith(f"# {name}\n")]
    return block


def python(*words: str, cwd: Path, path: Path | None = None) -> str:
    environ = os.environ | ({"PYTHONPATH": str(path)} if path else {})
    done = subprocess.run(
        [sys.executable, *words],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env=environ,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("readme", READMES, ids=str)
def test_the_python_blocks_of_a_plugins_readme_run(readme: Path, tmp_path: Path) -> None:
    found = blocks((ROOT / readme).read_text(encoding="utf-8"), "python")
    assert found
    # One after another, as someone reads them: a later block may use what an earlier one defines.
    (tmp_path / "blocks.py").write_text("\n".join(found), encoding="utf-8")
    python("blocks.py", cwd=tmp_path)


def test_the_pipeline_of_the_readme_prints_what_is_shown_there(tmp_path: Path) -> None:
    (tmp_path / "hello.py").write_text(block_of_file("hello.py"), encoding="utf-8")
    [shown] = [block for block in blocks(README, "console") if "run hello.py" in block]
    command, _, output = shown.partition("\n")
    words = command.removeprefix("$ tasksmithy ").split()
    assert python("-m", "tasksmithy", *words, cwd=tmp_path) == output


def test_the_nightly_pipeline_of_the_readme_prints_what_is_shown_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "nightly.py").write_text(block_of_file("nightly.py"), encoding="utf-8")
    [shown] = [block for block in blocks(README, "console") if "run nightly.py" in block]
    command, _, output = shown.partition("\n")
    variable, _, words = command.removeprefix("$ ").partition(" ")
    monkeypatch.setenv(*variable.split("=", 1))
    assert python("-m", *words.split(), cwd=tmp_path) == output


def test_the_task_type_of_the_readme_is_found_and_runs(tmp_path: Path) -> None:
    (tmp_path / "tasksmithy_shell.py").write_text(
        block_of_file("tasksmithy_shell.py"), encoding="utf-8"
    )
    [project] = [block for block in blocks(README, "toml") if "shell" in block]
    [(group, entries)] = tomllib.loads(project)["project"]["entry-points"].items()
    info = tmp_path / "tasksmithy_shell-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tasksmithy-shell\nVersion: 1.0\n")
    lines = [f"{name} = {value}" for name, value in entries.items()]
    (info / "entry_points.txt").write_text("\n".join([f"[{group}]", *lines, ""]))
    (tmp_path / "greet.py").write_text(block_of_file("greet.py"), encoding="utf-8")
    words = ["-m", "tasksmithy", "run", "greet.py", "greet", "--who", "world"]
    assert python(*words, cwd=tmp_path, path=tmp_path).strip() == "hello world"


def test_the_hook_reference_that_the_readme_points_to_is_there() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
