"""`tasksmithy render`: what it takes, and what it writes."""

import json
from pathlib import Path
from typing import Any

import pytest

from tasksmithy import Registry, SerializationContext, Settings, TaskSpec
from tasksmithy.cli import main
from tasksmithy.plugins._discovery import RENDERERS, PluginRecord, discover

TASKS = """
from tasksmithy import NativeInterface, TaskEnvironment, TaskTemplate
env = TaskEnvironment("e", image="app:1")
@env.task
def f(n: int = 1) -> int: ...
@env.task(image="auto")
def g() -> None: ...
"""


def names(spec: TaskSpec, sctx: SerializationContext) -> str:
    """A renderer."""
    return f"{spec.name} {sctx.version}\n"


def raising(spec: TaskSpec, sctx: SerializationContext) -> str:
    raise ValueError("no place for a deadline")


def wrong(spec: TaskSpec, sctx: SerializationContext) -> int:
    return 5


@pytest.fixture
def file(tmp_path: Path) -> str:
    (tmp_path / "rendered.py").write_text(TASKS)
    return str(tmp_path / "rendered.py")


def render(*words: str) -> int:
    """Render with the renderers of this file installed."""
    own = [
        PluginRecord(RENDERERS, each.__name__, f"{__name__}:{each.__name__}", "acme", "1.0")
        for each in (names, raising, wrong)
    ]
    with Registry([*discover(), *own], settings=Settings()).entered():
        return main(["render", *words])


def specs(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, Any]]:
    assert render(*words) == 0
    return [dict(each) for each in json.loads(capsys.readouterr().out)]


def test_the_deployment_is_in_each_spec(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--version", "v9", "--project", "p", "--domain", "d", "--org", "o"]
    for spec in specs(capsys, file, *words):
        found = [spec[name] for name in ("version", "project", "domain", "org")]
        assert found == ["v9", "p", "d", "o"]


def test_images_are_what_they_were_built_as(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--image", "app:1=registry.example.com/app:7", "--image", "registry.example.com/any:2"]
    found = [spec["image"] for spec in specs(capsys, file, *words)]
    assert found == ["registry.example.com/app:7", "registry.example.com/any:2"]


def test_the_code_bundle_is_in_each_spec(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--tgz", "s3://b/code.tgz", "--dest", "/app", "--code-version", "abc"]
    [spec] = specs(capsys, file, "e.f", *words)
    assert spec["code_bundle"] == {
        "tgz": "s3://b/code.tgz",
        "pkl": None,
        "destination": "/app",
        "computed_version": "abc",
    }
    [pickled] = specs(capsys, file, "e.f", "--pkl", "s3://b/f.pkl", "--code-version", "abc")
    assert (pickled["code_version"], pickled["version"]) == ("abc", "abc")


def test_modules_are_relative_to_the_root(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    root = Path(file).parent.parent
    [spec] = specs(capsys, file, "e.f", "--root-dir", str(root))
    module = f"{Path(file).parent.name}.rendered"
    assert spec["own_fields"]["func"] == {"$function": f"{module}:f"}
    assert module in spec["container_args"]


def test_a_folder_takes_a_file_for_each_task_and_an_index(file: str, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "out"
    assert render(file, "-o", str(folder), "--version", "v9", "--format", "names") == 0
    assert (folder / "e.f.names").read_text() == "e.f v9\n"
    assert json.loads((folder / "index.json").read_text()) == [
        {"name": "e.f", "version": "v9", "file": "e.f.names"},
        {"name": "e.g", "version": "v9", "file": "e.g.names"},
    ]


def test_specs_in_a_folder_can_be_read(file: str, tmp_path: Path) -> None:
    assert render(file, "-o", str(tmp_path / "out")) == 0
    read = TaskSpec.from_json((tmp_path / "out" / "e.f.json").read_text())
    assert (read.name, read.image) == ("e.f", "app:1")


def test_no_name_of_a_task_leads_out_of_the_folder(tmp_path: Path) -> None:
    code = 'from tasksmithy_sql import SQLTask\nt = SQLTask(name="../a/b", query="select 1")\n'
    (tmp_path / "odd.py").write_text(code)
    assert render(str(tmp_path / "odd.py"), "-o", str(tmp_path / "out")) == 0
    assert {each.name for each in (tmp_path / "out").iterdir()} == {"..%2Fa%2Fb.json", "index.json"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--format", "nmaes"], "no format 'nmaes'; did you mean 'names'"),
        (["--format", "raising"], "cannot render task 'e.f': ValueError: no place for a deadline"),
        (["--format", "wrong"], "gave 5 of type int for task 'e.f'"),
        (["--image", "app:1=NOT AN IMAGE"], "--image"),
        (["--dest", "/app"], "give --tgz or --pkl"),
        (["-o", "/dev/null/out"], "/dev/null/out cannot be written"),
    ],
)
def test_what_cannot_be_rendered_is_told_without_a_traceback(
    file: str, words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert render(file, *words) != 0
    error = capsys.readouterr().err
    assert told in error
    assert "Traceback" not in error
