"""The command line, as a person uses it: what it prints, and its exit codes."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from core.tests.conftest import CommandLine

from tasksmithy import __version__
from tasksmithy.values._json import to_json

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
async def counts(of: dict[str, list[int]] | None = None) -> int:
    return len(of or {})


@env.task
async def broken() -> None:
    raise RuntimeError("the disk is on fire")


@env.task
async def calls_broken() -> None:
    await broken()
'''


TASKS = ["add", "broken", "calls_broken", "counts", "words"]


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    file = tmp_path / "pipeline.py"
    file.write_text(PIPELINE)
    return file


def test_run_prints_the_result_as_json(tasksmithy: CommandLine, pipeline: Path) -> None:
    result = tasksmithy("run", pipeline, "add", "--a", 2, "--b", 3)
    assert (result.code, json.loads(result.out)) == (0, 5)


def test_run_prints_text_as_it_is(tasksmithy: CommandLine, pipeline: Path) -> None:
    assert tasksmithy("run", pipeline, "words", "--lines", '["a", "b"]').out == "a b\n"


RESULTS = """
import enum, datetime, decimal, math, pathlib
from dataclasses import dataclass
from pydantic import BaseModel
from typing import Any
from tasksmithy import TaskEnvironment

class Colour(enum.Enum):
    RED = "red"

class Seat(BaseModel):
    row: int

@dataclass
class Flight:
    seats: list[Seat]
    day: datetime.date

env = TaskEnvironment(name="results")
flight = Flight([Seat(row=1)], datetime.date(2026, 3, 1))
found = {
    "model": flight,
    "inside": {"flights": [flight], "set": {decimal.Decimal("1.50")}},
    "path": pathlib.Path("a/b"),
    "member": Colour.RED,
    "nothing": None,
    "nan": [math.nan],
    "object": [flight, len],
    "keys": {1: 2, "1": 3},
    "emoji": "é😀",
    "surrogate": "a\\ud800b",
}

@env.task
async def result(of: str) -> Any:
    return found[of]
"""


@pytest.mark.parametrize(
    ("of", "text", "as_json"),
    [
        (
            "model",
            {"day": "2026-03-01", "seats": [{"row": 1}]},
            {"day": "2026-03-01", "seats": [{"row": 1}]},
        ),
        (
            "inside",
            {"flights": [{"day": "2026-03-01", "seats": [{"row": 1}]}], "set": ["1.50"]},
            {"flights": [{"day": "2026-03-01", "seats": [{"row": 1}]}], "set": ["1.50"]},
        ),
        ("path", "a/b", "a/b"),
        ("member", "Colour.RED", "red"),
        ("nothing", None, None),
    ],
)
def test_run_prints_what_has_a_json_form_as_json_and_other_values_as_their_text(
    tasksmithy: CommandLine, tmp_path: Path, of: str, text: Any, as_json: Any
) -> None:
    file = tmp_path / "results.py"
    file.write_text(RESULTS)
    told = tasksmithy("run", file, "result", "--of", of).out
    assert told == f"{text if isinstance(text, str) else to_json(text)}\n"
    for_machines = tasksmithy("run", "--json", file, "result", "--of", of).out
    assert json.loads(for_machines) == as_json


@pytest.mark.parametrize(
    ("of", "text", "problem"),
    [
        ("nan", "[nan]", "[0] is nan, and JSON has no such number"),
        (
            "object",
            "[Flight(seats=[Seat(row=1)], day=datetime.date(2026, 3, 1)), <built-in function len>]",
            "[1] is <built-in function len>",
        ),
        ("keys", "{1: 2, '1': 3}", "it has two keys that are '1' in JSON"),
    ],
)
def test_a_result_without_a_json_form_is_its_text_and_for_machines_an_error(
    tasksmithy: CommandLine, tmp_path: Path, of: str, text: str, problem: str
) -> None:
    file = tmp_path / "results.py"
    file.write_text(RESULTS)
    assert tasksmithy("run", file, "result", "--of", of).out == f"{text}\n"
    done = tasksmithy("run", "--json", file, "result", "--of", of)
    assert (done.code, done.out) == (2, "")
    message = json.loads(done.err.splitlines()[-1])["message"]
    assert f"its result has no JSON form: {problem}" in message
    assert message.endswith("run without --json")


@pytest.mark.parametrize(
    ("of", "encoding", "printed"),
    [("emoji", "latin-1", b"\xe9\\U0001f600\n"), ("surrogate", "utf-8", b"a\\ud800b\n")],
)
def test_what_the_output_cannot_show_of_a_result_is_escaped(
    tmp_path: Path, of: str, encoding: str, printed: bytes
) -> None:
    file = tmp_path / "results.py"
    file.write_text(RESULTS)
    done = subprocess.run(
        [sys.executable, "-m", "tasksmithy", "run", "--quiet", file, "result", "--of", of],
        env={**os.environ, "PYTHONIOENCODING": encoding},
        capture_output=True,
    )
    assert (done.returncode, done.stdout) == (0, printed)


def test_a_run_whose_output_is_closed_has_succeeded(tmp_path: Path) -> None:
    file = tmp_path / "results.py"
    file.write_text(RESULTS)
    words = f"{sys.executable} -m tasksmithy run --quiet {file} result --of path >&-"
    done = subprocess.run(words, shell=True, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_run_takes_the_full_name_of_a_task(tasksmithy: CommandLine, pipeline: Path) -> None:
    assert tasksmithy("run", pipeline, "demo.add", "--a=2").out == "3\n"


def test_a_flag_without_a_value_is_true(tasksmithy: CommandLine, pipeline: Path) -> None:
    assert tasksmithy("run", pipeline, "add", "--verbose", "--a", "2").out == "3\n"


def test_a_negative_number_is_a_value(tasksmithy: CommandLine, pipeline: Path) -> None:
    assert tasksmithy("run", pipeline, "add", "--a", "-2").out == "-1\n"


def test_run_without_a_task_runs_the_only_one(tasksmithy: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "one.py"
    file.write_text(
        "from tasksmithy import TaskEnvironment\n"
        "@TaskEnvironment(name='e').task\nasync def only() -> str:\n    return 'me'\n"
    )
    assert tasksmithy("run", file).out == "me\n"


def test_run_without_a_task_says_which_there_are(tasksmithy: CommandLine, pipeline: Path) -> None:
    message = tasksmithy("run", pipeline).refusal()
    assert "right after the file (tasks: demo.add, demo.broken, demo.calls_broken" in message


def test_help_after_a_task_tells_its_inputs(tasksmithy: CommandLine, pipeline: Path) -> None:
    result = tasksmithy("run", pipeline, "add", "--help")
    assert result.code == 0
    assert "Add two numbers." in result.out
    assert result.out.splitlines()[-4:] == [
        "INPUT      TYPE  DEFAULT",
        "--a        int   required",
        "--b        int   1",
        "--verbose  bool  False",
    ]


TYPED = """
from dataclasses import dataclass, field
from enum import Enum
from pydantic import BaseModel
from tasksmithy import File, TaskEnvironment

class Colour(Enum):
    RED = "red"
    BLUE = "blue"

class Seat(BaseModel):
    row: int
    colour: Colour
    letter: str = "A"

@dataclass
class Flight:
    seats: list[Seat]
    stops: list[str] = field(default_factory=list)

env = TaskEnvironment(name="typed")

@env.task
async def book(flight: Flight, seat: Seat, colour: Colour | None = None, file: File = None) -> str:
    return f"{flight} {seat!r} {colour}"
"""


def test_the_help_tells_how_an_input_of_a_type_of_ones_own_is_given(
    tasksmithy: CommandLine, tmp_path: Path
) -> None:
    file = tmp_path / "typed.py"
    file.write_text(TYPED)
    _, flight, seat, colour, no_hint = (
        re.split(r"  +", line)
        for line in tasksmithy("run", file, "book", "--help").out.splitlines()[-5:]
    )
    assert flight[-1] == """--flight '{"seats": [{"row": 1, "colour": "red"}]}'"""
    assert seat[-1] == """--seat '{"row": 1, "colour": "red"}'"""
    assert colour[-2:] == ["None", "one of red, blue"]
    assert no_hint[-1] == "None"
    given = shlex.split(f"{flight[-1]} {seat[-1]} --colour blue")
    assert tasksmithy("run", file, "book", *given).out == (
        "Flight(seats=[Seat(row=1, colour=<Colour.RED: 'red'>, letter='A')], stops=[]) "
        "Seat(row=1, colour=<Colour.RED: 'red'>, letter='A') Colour.BLUE\n"
    )


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
        (["words", "--lines", "a,b"], """; give JSON, as --lines '["text"]'"""),
        (["counts", "--of", "3"], """; give JSON, as --of '{"name": [1]}'"""),
        (["add", "--c", "3"], "input 'a' is missing; there is no input 'c'"),
        (["--quiet", "add"], "say which task to run, right after the file (tasks: demo.add"),
    ],
)
def test_a_wrong_call_is_told_in_one_message(
    tasksmithy: CommandLine, pipeline: Path, words: list[str], said: str
) -> None:
    assert said in tasksmithy("run", pipeline, *words).refusal()


PLACES = """
from dataclasses import dataclass
from pathlib import Path
from pydantic import BaseModel
from tasksmithy import Dir, File, TaskEnvironment

class Form(BaseModel):
    scan: File

@dataclass
class Letter:
    forms: list[Form]

env = TaskEnvironment(name="places")

@env.task
async def read(
    file: File | None = None,
    folder: Dir | None = None,
    files: list[File] = [],
    letter: Letter | None = None,
    path: Path | None = None,
) -> str:
    print("it runs")
    return "read"

@env.task(retries=0)
async def read_and_fail(file: File) -> str:
    Path(file.path).unlink(missing_ok=True)
    raise RuntimeError("unreadable")
"""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--file a.csv", "input 'file' is File(path='a.csv'), and there is no file {here}/a.csv"),
        ("--file .", "input 'file' is File(path='.'), and {here} is a folder: give a file"),
        ("--folder a", "input 'folder' is Dir(path='a'), and there is no folder {here}/a"),
        (
            "--folder places.py",
            "input 'folder' is Dir(path='places.py'), and {here}/places.py is a file",
        ),
        (
            """--files '["places.py", "b.csv"]'""",
            "input 'files', at [1], is File(path='b.csv'), and there is no file {here}/b.csv",
        ),
        (
            """--letter '{{"forms": [{{"scan": "c.png"}}]}}'""",
            "input 'letter', at .forms[0].scan, is File(path='c.png'), and there is no file",
        ),
    ],
)
def test_a_file_or_folder_of_the_inputs_that_is_not_there_is_told_before_anything_runs(
    tasksmithy: CommandLine, tmp_path: Path, words: str, said: str
) -> None:
    (tmp_path / "places.py").write_text(PLACES)
    given = shlex.split(words.format())
    message = tasksmithy("run", "places.py", "read", *given).refusal()
    assert message.startswith(f"error: task 'places.read': {said.format(here=tmp_path)}")
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(
    "words",
    [
        "--file places.py --folder . --path missing",
        "--file file:///missing.csv --folder s3://bucket/prefix",
        "--file /dev/null",
    ],
)
def test_what_is_there_and_what_another_machine_has_is_taken(
    tasksmithy: CommandLine, tmp_path: Path, words: str
) -> None:
    (tmp_path / "places.py").write_text(PLACES)
    done = tasksmithy("run", "--quiet", "places.py", "read", *words.split())
    assert done.printed() == "it runs\nread\n"


def test_a_run_is_resumed_also_where_a_file_of_its_inputs_is_gone(
    tasksmithy: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "places.py").write_text(PLACES)
    (tmp_path / "a.csv").touch()
    for words in (["places.py", "read_and_fail", "--file", "a.csv"], ["--resume", "r"]):
        done = tasksmithy("run", "--runs-dir", "runs", *words)
        assert done.code == 1
        assert "RuntimeError: unreadable" in done.err


OBJECTS = """
import pandas as pd
from tasksmithy import TaskEnvironment

class Client:
    pass

env = TaskEnvironment(name="objects")

@env.task
async def take(
    rows: pd.DataFrame, many: list[Client] = [], maybe: Client | None = None, n: int = 1
) -> str:
    return repr(maybe)
"""


def test_an_input_that_no_text_stands_for_is_told_as_that(
    tasksmithy: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "objects.py").write_text(OBJECTS)
    rows, many, maybe, number = (
        re.split(r"  +", line)
        for line in tasksmithy("run", "objects.py", "take", "--help").printed().splitlines()[-4:]
    )
    assert rows == ["--rows", "pandas.DataFrame", "required", "from Python alone"]
    assert many[-1] == "from Python alone"
    assert maybe[-1] == "from Python alone"
    assert number[-1] == "1"
    message = tasksmithy("run", "objects.py", "take", "--many", "x", "--rows", "x").refusal()
    assert message.startswith(
        "error: task 'objects.take': input 'many' is list[objects.Client], and no text stands for "
        "one: run the task from Python, or have it take a File and read that"
    )


def test_help_after_a_file_lists_its_tasks(tasksmithy: CommandLine, pipeline: Path) -> None:
    out = tasksmithy("run", pipeline, "--help").printed()
    head, *rows = [line.split() for line in out.splitlines()[2:]]
    assert head == ["TASK", "INPUTS", "DESCRIPTION"]
    assert [row[0] for row in rows] == [f"demo.{name}" for name in TASKS]
    assert rows[0][-3:] == ["Add", "two", "numbers."]


def test_help_shows_how_an_input_that_holds_others_is_given(
    tasksmithy: CommandLine, pipeline: Path
) -> None:
    out = tasksmithy("run", pipeline, "words", "--help").printed()
    assert out.splitlines()[-1].split(maxsplit=3) == [
        "--lines",
        "list[str]",
        "required",
        """--lines '["text"]'""",
    ]


def test_help_tells_the_exit_codes(tasksmithy: CommandLine) -> None:
    out = " ".join(tasksmithy("run", "--help").printed().split())
    assert "Exit codes: 0, there is a result; 1, a task failed; 2, what was asked" in out


# Options after the file


def test_options_of_the_run_may_come_after_the_task(
    tasksmithy: CommandLine, pipeline: Path
) -> None:
    done = tasksmithy("run", pipeline, "add", "--quiet", "--a", 2, "--max-concurrency", 1)
    assert (done.out, done.err) == ("3\n", "")


def test_an_option_that_the_task_has_as_an_input_is_the_tasks(
    tasksmithy: CommandLine, pipeline: Path
) -> None:
    done = tasksmithy("run", "--quiet", pipeline, "add", "--verbose")
    assert "Traceback" not in done.refusal()


@pytest.mark.parametrize(
    "words",
    [
        ["--verbose", "run", "FILE", "words"],
        ["run", "--verbose", "FILE", "words"],
        ["run", "FILE", "words", "--verbose"],
    ],
)
def test_verbose_shows_the_traceback_of_a_message_wherever_it_is_given(
    words: list[str], tasksmithy: CommandLine, pipeline: Path
) -> None:
    done = tasksmithy(*(pipeline if word == "FILE" else word for word in words))
    assert done.code == 2
    assert "Traceback" in done.err
    assert "InputError" in done.err


def test_a_wrong_value_of_an_option_after_the_task_is_told(
    tasksmithy: CommandLine, pipeline: Path
) -> None:
    done = tasksmithy("run", pipeline, "words", "--max-concurrency", "many")
    assert done.code == 2
    assert "argument --max-concurrency: invalid int value: 'many'" in done.err


def test_resume_after_a_file_is_told(tasksmithy: CommandLine, pipeline: Path) -> None:
    message = tasksmithy("run", pipeline, "words", "--resume", "r1").refusal()
    assert "--resume has the file and the inputs from the record; leave them out" in message


# Files


def test_a_file_without_tasks_is_told(tasksmithy: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "empty.py"
    file.write_text("def main(): ...\n")
    for words in ([], ["main"]):
        message = tasksmithy("run", file, *words).refusal()
        assert f"{file} defines no task: a function becomes one by @env.task" in message


def test_a_folder_in_place_of_a_file_is_told_with_the_files_in_it(
    tasksmithy: CommandLine, pipeline: Path
) -> None:
    message = tasksmithy("run", pipeline.parent).refusal()
    assert f"{pipeline.parent} is a folder: give a Python file ({pipeline})" in message


def test_a_file_that_is_not_there_is_told(tasksmithy: CommandLine, tmp_path: Path) -> None:
    message = tasksmithy("run", tmp_path / "nothing.py", "main").refusal()
    assert "nothing.py: there is no such file" in message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import nothing_like_it\n", "line 1: ModuleNotFoundError: No module named"),
        ("def f(:\n", "wrong.py, line 1: SyntaxError: invalid syntax\n"),
        ("\n\nraise SystemExit(3)\n", "line 3: SystemExit: 3"),
        ("\nimport json\njson.loads('{')\n", "wrong.py, line 3: JSONDecodeError: "),
        (
            "from tasksmithy import TaskTemplate\nclass Task(TaskTemplate):\n    n: list = []\n",
            "wrong.py, line 2: ValueError: mutable default <class 'list'> for field n",
        ),
    ],
)
def test_a_file_that_does_not_import_is_told_with_its_line(
    tasksmithy: CommandLine, tmp_path: Path, text: str, said: str
) -> None:
    file = tmp_path / "wrong.py"
    file.write_text(text)
    assert said in tasksmithy("run", file, "main").refusal()


def test_a_wrong_definition_in_a_file_is_told_with_its_line(
    tasksmithy: CommandLine, tmp_path: Path
) -> None:
    file = tmp_path / "wrong.py"
    file.write_text(
        "from tasksmithy import TaskEnvironment\nenv = TaskEnvironment(name='e')\n"
        "@env.task(retries=-1)\nasync def f() -> None: ...\n"
    )
    message = tasksmithy("run", file, "f").refusal()
    assert "line 3: task 'e.f': retries=-1 is not allowed" in message


def test_a_task_that_fails_shows_the_code_of_its_author_alone(
    tasksmithy: CommandLine, pipeline: Path
) -> None:
    result = tasksmithy("run", pipeline, "calls_broken")
    assert result.code == 1
    assert 'raise RuntimeError("the disk is on fire")' in result.err
    assert "in task 'demo.broken', attempt 1 of 1" in result.err
    files = [line for line in result.err.splitlines() if line.startswith("  File")]
    assert len(files) == 2
    assert all(str(pipeline) in line for line in files)


def test_an_unknown_task_type_is_told_with_what_to_install(
    tasksmithy: CommandLine, tmp_path: Path
) -> None:
    file = tmp_path / "odd.py"
    file.write_text(
        "from tasksmithy import NativeInterface, TaskTemplate\n"
        "t = TaskTemplate(name='t', task_type='sqk', interface=NativeInterface())\n"
    )
    message = tasksmithy("run", file).refusal()
    assert "task 't' has task type 'sqk', which no installed plugin provides" in message


def test_what_is_built_beside_the_tasks_hides_nothing_that_is_installed(
    tasksmithy: CommandLine, pipeline: Path
) -> None:
    folder = pipeline.parent / "below"  # with `python -m`, the working directory is on the path
    info = folder / "tasksmithy_function.egg-info"
    info.mkdir(parents=True)
    (info / "PKG-INFO").write_text(
        "Metadata-Version: 2.1\nName: tasksmithy-function\nVersion: 0.0\n"
    )
    file = pipeline.rename(folder / pipeline.name)
    assert tasksmithy("run", file, "add", "--a", "2").out == "3\n"


def test_render_prints_a_json_array_of_specs(tasksmithy: CommandLine, pipeline: Path) -> None:
    specs = json.loads(tasksmithy("render", pipeline).out)
    assert [spec["name"] for spec in specs] == [f"demo.{name}" for name in TASKS]


def test_render_takes_the_tasks_to_print(tasksmithy: CommandLine, pipeline: Path) -> None:
    [spec] = json.loads(tasksmithy("render", pipeline, "add", "--format", "json").out)
    assert spec["interface"]["inputs"][1] == {
        "name": "b",
        "type": {"kind": "integer"},
        "required": False,
        "default": 1,
    }
    assert spec["provenance"]["distribution"] == "tasksmithy-function"


def test_render_is_the_same_to_the_byte_in_processes_with_other_hash_seeds(
    tasksmithy: CommandLine, pipeline: Path
) -> None:
    one = tasksmithy("render", pipeline, PYTHONHASHSEED="1").out
    assert one == tasksmithy("render", pipeline, PYTHONHASHSEED="2").out != ""


def test_render_tells_an_unknown_format_with_those_that_there_are(
    tasksmithy: CommandLine, pipeline: Path
) -> None:
    message = tasksmithy("render", pipeline, "--format", "jsno").refusal()
    assert "there is no format 'jsno'; did you mean 'json'? (installed formats: json" in message


def test_plugins_list_shows_a_row_for_each_plugin(tasksmithy: CommandLine) -> None:
    result = tasksmithy("plugins", "list")
    rows = [line.split() for line in result.out.splitlines()]
    assert rows[0] == ["KIND", "NAME", "DISTRIBUTION", "VERSION", "STATUS"]
    assert ["task_types", "python", "tasksmithy-function", "0.1.0", "installed"] in rows


def test_plugins_list_prints_json_for_programs(tasksmithy: CommandLine) -> None:
    rows = json.loads(tasksmithy("plugins", "list", "--json", "--load").out)
    [python] = [row for row in rows if row["name"] == "python"]
    assert python["status"] == "ok"


def test_a_disabled_plugin_is_listed_as_that(tasksmithy: CommandLine) -> None:
    result = tasksmithy("plugins", "list", TASKSMITHY_DISABLE_PLUGINS="python")
    [row] = [line.split() for line in result.out.splitlines() if " python " in line]
    assert row[-1] == "disabled"


def test_a_name_that_switches_nothing_off_is_told_with_its_near_miss(
    tasksmithy: CommandLine,
) -> None:
    names = "pyhton,tasksmithy_function"
    done = tasksmithy("plugins", "list", "--json", TASKSMITHY_DISABLE_PLUGINS=names)
    assert done.err == (
        "warning: TASKSMITHY_DISABLE_PLUGINS has 'pyhton', which is no installed plugin or "
        "distribution; did you mean 'python'?\n"
    )
    assert json.loads(done.out)


def test_a_task_of_a_disabled_plugin_is_told(tasksmithy: CommandLine, pipeline: Path) -> None:
    result = tasksmithy("run", pipeline, "add", "--a", 1, TASKSMITHY_DISABLE_PLUGINS="1")
    assert "switched off by TASKSMITHY_DISABLE_PLUGINS" in result.refusal()


def test_version_is_printed(tasksmithy: CommandLine) -> None:
    assert tasksmithy("--version").out == f"tasksmithy {__version__}\n"


def test_output_that_nobody_reads_to_its_end_is_no_error(pipeline: Path) -> None:
    command = f"{sys.executable} -m tasksmithy render {pipeline} | head -n 1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("[\n", "")
