"""The command line, as a person uses it: what it prints, and its exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tasksmithy import __version__

PIPELINE = '''
from tasksmithy import TaskEnvironment

env = TaskEnvironment(name="demo")


@env.task
async def add(a: int, b: int = 1, verbose: bool = False) -> int:
    """Add two numbers."""
    return a + b


@env.task
async def words(lines: list[str]) -> str:
    return " ".join(lines)


@env.task
async def broken() -> None:
    raise RuntimeError("the disk is on fire")


@env.task
async def calls_broken() -> None:
    await broken()
'''


class Result:
    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    file = tmp_path / "pipeline.py"
    file.write_text(PIPELINE)
    return file


def tasksmithy(*words: object, **environ: str) -> Result:
    command = [sys.executable, "-m", "tasksmithy", *map(str, words)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | environ, timeout=60
    )
    return Result(done)


def one_message(result: Result) -> str:
    """The message of a command that could not do what was asked: one, and no traceback."""
    assert result.code == 2
    assert result.out == ""
    assert "Traceback" not in result.err
    assert result.err.startswith("error: ")
    return result.err


def test_run_prints_the_result_as_json(pipeline: Path) -> None:
    result = tasksmithy("run", pipeline, "add", "--a", 2, "--b", 3)
    assert (result.code, json.loads(result.out)) == (0, 5)


def test_run_prints_text_as_it_is(pipeline: Path) -> None:
    assert tasksmithy("run", pipeline, "words", "--lines", '["a", "b"]').out == "a b\n"


def test_run_takes_the_full_name_of_a_task(pipeline: Path) -> None:
    assert tasksmithy("run", pipeline, "demo.add", "--a=2").out == "3\n"


def test_a_flag_without_a_value_is_true(pipeline: Path) -> None:
    assert tasksmithy("run", pipeline, "add", "--verbose", "--a", "2").out == "3\n"


def test_a_negative_number_is_a_value(pipeline: Path) -> None:
    assert tasksmithy("run", pipeline, "add", "--a", "-2").out == "-1\n"


def test_run_without_a_task_runs_the_only_one(tmp_path: Path) -> None:
    file = tmp_path / "one.py"
    file.write_text(
        "from tasksmithy import TaskEnvironment\n"
        "@TaskEnvironment(name='e').task\nasync def only() -> str:\n    return 'me'\n"
    )
    assert tasksmithy("run", file).out == "me\n"


def test_run_without_a_task_says_which_there_are(pipeline: Path) -> None:
    message = one_message(tasksmithy("run", pipeline))
    assert "say which task to run (tasks: demo.add, demo.broken, demo.calls_broken" in message


def test_help_after_a_task_tells_its_inputs(pipeline: Path) -> None:
    result = tasksmithy("run", pipeline, "add", "--help")
    assert result.code == 0
    assert "Add two numbers." in result.out
    assert "inputs: a: int, b: int = 1, verbose: bool = False" in result.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["ad", "--a", "2"], "has no task 'ad'; did you mean 'add'"),
        (["add"], "task 'demo.add': input 'a' is missing"),
        (["add", "--a", "two"], "task 'demo.add': input 'a' is int, and 'two' is not one"),
        (["add", "--a", "2", "--c", "3"], "there is no input 'c'"),
        (["add", "--a", "2", "--a", "3"], "input 'a' is given twice"),
        (["add", "--a"], "input 'a' is given without a value"),
        (["add", "2"], "'2' is no input; give --name value"),
        (["words", "--lines", "{"], "input 'lines' is list[str]"),
    ],
)
def test_a_wrong_call_is_told_in_one_message(pipeline: Path, words: list[str], said: str) -> None:
    assert said in one_message(tasksmithy("run", pipeline, *words))


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    message = one_message(tasksmithy("run", tmp_path / "nothing.py", "main"))
    assert "nothing.py: there is no such file" in message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import nothing_like_it\n", "line 1: ModuleNotFoundError: No module named"),
        ("def f(:\n", "line 1: SyntaxError"),
        ("\n\nraise SystemExit(3)\n", "line 3: SystemExit: 3"),
    ],
)
def test_a_file_that_does_not_import_is_told_with_its_line(
    tmp_path: Path, text: str, said: str
) -> None:
    file = tmp_path / "wrong.py"
    file.write_text(text)
    assert said in one_message(tasksmithy("run", file, "main"))


def test_a_wrong_definition_in_a_file_is_told_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "wrong.py"
    file.write_text(
        "from tasksmithy import TaskEnvironment\nenv = TaskEnvironment(name='e')\n"
        "@env.task(retries=-1)\nasync def f() -> None: ...\n"
    )
    message = one_message(tasksmithy("run", file, "f"))
    assert "line 3: task 'e.f': retries=-1 is not allowed" in message


def test_verbose_shows_the_traceback_of_a_message(pipeline: Path) -> None:
    result = tasksmithy("--verbose", "run", pipeline, "add")
    assert result.code == 2
    assert "Traceback" in result.err
    assert "InputError" in result.err


def test_a_task_that_fails_shows_the_code_of_its_author_alone(pipeline: Path) -> None:
    result = tasksmithy("run", pipeline, "calls_broken")
    assert result.code == 1
    assert 'raise RuntimeError("the disk is on fire")' in result.err
    assert "in task 'demo.broken', attempt 1 of 1" in result.err
    files = [line for line in result.err.splitlines() if line.startswith("  File")]
    assert len(files) == 2
    assert all(str(pipeline) in line for line in files)


def test_an_unknown_task_type_is_told_with_what_to_install(tmp_path: Path) -> None:
    file = tmp_path / "odd.py"
    file.write_text(
        "from tasksmithy import NativeInterface, TaskTemplate\n"
        "t = TaskTemplate(name='t', task_type='sqk', interface=NativeInterface())\n"
    )
    message = one_message(tasksmithy("run", file))
    assert "task 't' has task type 'sqk', which no installed plugin provides" in message


def test_render_prints_a_json_array_of_specs(pipeline: Path) -> None:
    specs = json.loads(tasksmithy("render", pipeline).out)
    assert [spec["name"] for spec in specs] == [
        "demo.add",
        "demo.broken",
        "demo.calls_broken",
        "demo.words",
    ]


def test_render_takes_the_tasks_to_print(pipeline: Path) -> None:
    [spec] = json.loads(tasksmithy("render", pipeline, "add", "--format", "json").out)
    assert spec["interface"]["inputs"]["b"] == {"type": "int", "required": False, "default": 1}
    assert spec["provenance"]["distribution"] == "tasksmithy-function"


def test_render_is_the_same_to_the_byte_in_processes_with_other_hash_seeds(pipeline: Path) -> None:
    one = tasksmithy("render", pipeline, PYTHONHASHSEED="1").out
    assert one == tasksmithy("render", pipeline, PYTHONHASHSEED="2").out != ""


def test_render_tells_an_unknown_format(pipeline: Path) -> None:
    message = one_message(tasksmithy("render", pipeline, "--format", "yaml"))
    assert "'yaml'" in message


def test_plugins_list_shows_a_row_for_each_plugin() -> None:
    result = tasksmithy("plugins", "list")
    rows = [line.split() for line in result.out.splitlines()]
    assert rows[0] == ["KIND", "NAME", "DISTRIBUTION", "VERSION", "STATUS"]
    assert ["task_types", "python", "tasksmithy-function", "0.1.0", "installed"] in rows


def test_plugins_list_prints_json_for_programs() -> None:
    rows = json.loads(tasksmithy("plugins", "list", "--json", "--load").out)
    [python] = [row for row in rows if row["name"] == "python"]
    assert python["status"] == "ok"


def test_a_disabled_plugin_is_listed_as_that() -> None:
    result = tasksmithy("plugins", "list", TASKSMITHY_DISABLE_PLUGINS="python")
    [row] = [line.split() for line in result.out.splitlines() if " python " in line]
    assert row[-1] == "disabled"


def test_a_task_of_a_disabled_plugin_is_told(pipeline: Path) -> None:
    result = tasksmithy("run", pipeline, "add", "--a", 1, TASKSMITHY_DISABLE_PLUGINS="1")
    assert "switched off by TASKSMITHY_DISABLE_PLUGINS" in one_message(result)


def test_version_is_printed() -> None:
    assert tasksmithy("--version").out == f"tasksmithy {__version__}\n"


def test_output_that_nobody_reads_to_its_end_is_no_error(pipeline: Path) -> None:
    command = f"{sys.executable} -m tasksmithy render {pipeline} | head -n 1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("[\n", "")
