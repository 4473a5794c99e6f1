"""`tasksmithy new`: what it asks, what it makes of the answers, and what it refuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tasksmithy.cli import _new as new
from tasksmithy.cli import _parser

NO_COOKIECUTTER = """
import sys
sys.modules["cookiecutter"] = None
from tasksmithy.cli import main
sys.exit(main(["new", "hello", "--no-input"]))
"""


class Result:
    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr


def python(*words: str, cwd: Path, answers: str = "") -> Result:
    # No colours, and no line breaks inside a question.
    environ = {**os.environ, "HOME": str(cwd / "home"), "TERM": "dumb", "COLUMNS": "200"}
    done = subprocess.run(
        [sys.executable, *words],
        cwd=cwd,
        env=environ,
        input=answers,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return Result(done)


def tasksmithy_new(*words: str, cwd: Path, answers: str = "") -> Result:
    return python("-m", "tasksmithy", "new", *words, cwd=cwd, answers=answers)


def made(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_name_is_enough_where_nothing_is_to_be_asked(tmp_path: Path) -> None:
    result = tasksmithy_new("hello", "--no-input", cwd=tmp_path)
    assert (result.code, result.err) == (0, "")
    assert made(tmp_path) == ["tasksmithy-hello"]


def test_what_comes_next_is_said_in_four_steps(tmp_path: Path) -> None:
    result = tasksmithy_new("hello", "--no-input", cwd=tmp_path)
    steps = [line.strip() for line in result.out.splitlines() if line.startswith("  ")]
    assert [step[:2] for step in steps] == ["1.", "2.", "3.", "4."]
    assert steps[0] == "1. cd tasksmithy-hello"


def test_what_is_not_given_is_asked_for(tmp_path: Path) -> None:
    answers = "4\n\nAda Lovelace\n2\n2\n"
    result = tasksmithy_new("hello", cwd=tmp_path, answers=answers)
    assert result.code == 0, result.err
    project = tmp_path / "tasksmithy-hello"
    assert "Ada Lovelace" in (project / "LICENSE").read_text()
    assert (project / "LICENSE").read_text().startswith("MIT License")
    assert not (project / ".github").exists()
    assert "create_subprocess_exec" in (project / "src/tasksmithy_hello/plugin.py").read_text()
    assert "Task type" not in result.out


def test_an_answer_that_is_not_allowed_is_asked_for_again(tmp_path: Path) -> None:
    options = ("--kind", "bare", "--author", "Ada", "--license", "MIT", "--ci", "none")
    result = tasksmithy_new(*options, cwd=tmp_path, answers="Hello\nhello\n\n")
    assert result.code == 0, result.err
    assert "'Hello' is not allowed: a task type is lower-case letters" in result.out
    assert made(tmp_path) == ["tasksmithy-hello"]


def test_every_question_has_an_option(tmp_path: Path) -> None:
    options = ("--kind", "bare", "--distribution", "greeting", "--author", "Ada")
    result = tasksmithy_new("hello", *options, "--license", "MIT", "--ci", "none", cwd=tmp_path)
    assert (result.code, result.err) == (0, "")
    assert made(tmp_path) == ["greeting"]


def test_the_project_is_made_in_the_directory_that_is_given(tmp_path: Path) -> None:
    result = tasksmithy_new("hello", "--no-input", "--directory", "a/b", cwd=tmp_path)
    assert result.code == 0
    assert made(tmp_path / "a/b") == ["tasksmithy-hello"]
    assert f"cd {Path('a/b/tasksmithy-hello')}" in result.out


def test_nothing_is_written_into_the_home_of_the_user(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    tasksmithy_new("hello", "--no-input", cwd=tmp_path)
    assert made(tmp_path / "home") == []


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["Hello"], "'Hello' is not allowed: a task type is lower-case letters and digits"),
        (["sql"], "'sql' is not allowed: a task type has a name of its own"),
        (["hello", "--distribution", "a/b"], "'a/b' is not allowed: the name of a distribution"),
        (["hello", "--author", 'A "B"'], "is not allowed: an author is one line of text"),
        (["hello", "--directory", "file"], "file"),
    ],
)
def test_what_is_not_allowed_is_one_message_and_nothing_is_made(
    tmp_path: Path, words: list[str], problem: str
) -> None:
    (tmp_path / "file").touch()
    result = tasksmithy_new(*words, "--no-input", cwd=tmp_path)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("error: ")
    assert problem in result.err
    assert "Traceback" not in result.err
    assert made(tmp_path) == ["file"]


def test_a_project_that_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "tasksmithy-hello").mkdir()
    result = tasksmithy_new("hello", "--no-input", cwd=tmp_path)
    assert result.code == 2
    assert result.err.startswith("error: tasksmithy-hello is there already: remove it")
    assert made(tmp_path / "tasksmithy-hello") == []


def test_where_nobody_answers_the_option_for_that_is_named(tmp_path: Path) -> None:
    result = tasksmithy_new("hello", cwd=tmp_path)
    assert result.code == 2
    assert "nobody is there to answer 'kind'" in result.err
    assert "--no-input" in result.err


def test_where_cookiecutter_is_missing_it_is_said_how_to_install_it(tmp_path: Path) -> None:
    result = python("-c", NO_COOKIECUTTER, cwd=tmp_path)
    assert result.code == 2
    assert "'cookiecutter', which is not installed: pip install 'tasksmithy[new]'" in result.err


@pytest.mark.parametrize("key", ["kind", "license", "ci"])
def test_an_option_takes_what_the_template_offers(key: str) -> None:
    offered = json.loads((new._TEMPLATE / "cookiecutter.json").read_text("utf-8"))[key]
    for choice in offered:
        assert getattr(_parser(["new"]).parse_args(["new", f"--{key}", choice]), key) == choice
