"""The inputs of a run from a file: `--inputs-file`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from core.tests.conftest import CommandLine

PROGRAM = """
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from pathlib import Path

from tasksmithy import File, TaskEnvironment

env = TaskEnvironment(name="bills")


class Tax(Enum):
    FULL = "full"


@dataclass
class Line:
    text: str
    price: Decimal


@env.task
def bill(
    to: str,
    lines: list[Line],
    number: int = 1,
    day: date | None = None,
    at: datetime | None = None,
    tax: Tax = Tax.FULL,
    rates: dict[int, Decimal] = {},
    logo: File | None = None,
    is_paid: bool = False,
) -> str:
    return repr((to, lines, number, day, at, tax, rates, logo, is_paid))


@env.task(entrypoint=True)
def once(to: str, number: int = 0) -> str:
    if not Path("ready").exists():
        raise RuntimeError("not yet")
    return f"{to} {number}"
"""

JSON = """
{"to": "5", "lines": [{"text": "tea", "price": 1.10000000000000000001}], "number": 7,
 "day": "2024-05-01", "at": "2024-05-01T10:00:00", "tax": "full", "rates": {"1": "0.20"},
 "logo": "logo.png", "is_paid": true}
"""
TOML = """
to = "5"
number = 7
day = 2024-05-01
at = 2024-05-01T10:00:00
tax = "full"
logo = "logo.png"
is_paid = true

[[lines]]
text = "tea"
price = 1.10000000000000000001

[rates]
1 = "0.20"
"""
YAML = """
to: "5"
lines:
  - {text: tea, price: "1.10000000000000000001"}
number: 7
day: 2024-05-01
at: 2024-05-01 10:00:00
tax: full
rates: {1: "0.20"}
logo: logo.png
is_paid: true
"""
FOUND = (
    "('5', [Line(text='tea', price=Decimal('1.10000000000000000001'))], 7, "
    "datetime.date(2024, 5, 1), datetime.datetime(2024, 5, 1, 10, 0), <Tax.FULL: 'full'>, "
    "{1: Decimal('0.20')}, File(path='logo.png'), True)\n"
)


@pytest.fixture(autouse=True)
def program(tmp_path: Path) -> Path:
    (tmp_path / "logo.png").touch()
    file = tmp_path / "bills.py"
    file.write_text(PROGRAM)
    return file


@pytest.mark.parametrize(
    ("name", "content"), [("b.json", JSON), ("b.toml", TOML), ("b.yaml", YAML), ("b.YML", YAML)]
)
def test_the_declared_types_say_what_a_file_gives(
    tasksmithy: CommandLine, tmp_path: Path, name: str, content: str
) -> None:
    (tmp_path / name).write_text(content)
    done = tasksmithy("run", "--quiet", "bills.py", "bill", "--inputs-file", name)
    assert done.printed() == FOUND


def test_an_input_that_is_given_by_name_goes_before_the_file(
    tasksmithy: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "ready").touch()
    (tmp_path / "b.json").write_text('{"to": "you", "number": 5}')
    done = tasksmithy("run", "--quiet", "--inputs-file=b.json", "bills.py", "once", "--number=3")
    assert done.printed() == "you 3\n"


def test_json_comes_on_standard_input_too(program: Path) -> None:
    command = [sys.executable, "-m", "tasksmithy", "run", "--quiet", "--inputs-file", "-"]
    done = subprocess.run(
        [*command, program.name, "bill", "--runs-dir", "runs"],
        input=JSON,
        capture_output=True,
        text=True,
        cwd=program.parent,
    )
    assert (done.stdout, done.stderr) == (FOUND, "")


def test_a_resumed_run_reads_the_file_again(tasksmithy: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "b.json").write_text('{"to": "you"}')
    assert tasksmithy("run", "bills.py", "--number", 3, "--inputs-file", "b.json").code == 1
    (tmp_path / "ready").touch()
    assert tasksmithy("run", "--quiet", "--resume", "last").printed() == "you 3\n"


def test_a_run_is_not_resumed_with_a_file_that_has_changed(
    tasksmithy: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "b.json").write_text('{"to": "you"}')
    assert tasksmithy("run", "bills.py", "once", "--inputs-file", "b.json").code == 1
    (tmp_path / "b.json").write_text('{"to": "me"}')
    done = tasksmithy("run", "--resume", "last")
    assert done.code == 2
    assert "cannot be resumed: it began with another value of 'to'" in done.err


def test_resume_takes_no_other_file(tasksmithy: CommandLine) -> None:
    done = tasksmithy("run", "--resume", "last", "--inputs-file", "b.json")
    assert done.code == 2
    assert "--resume has the file and the inputs from the record; leave them out" in done.err


def test_the_cache_explains_a_call_with_inputs_of_a_file(
    tasksmithy: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "b.json").write_text('{"to": "you"}')
    words = ("--json", "--cache-dir", "c", "--inputs-file", "b.json", "bills.py", "once")
    done = tasksmithy("cache", "explain", *words)
    assert json.loads(done.printed())["task"] == "bills.once"


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("b.json", '{"to": "a", "to": "b"}', "--inputs-file b.json: the key 'to' is there twice"),
        ("b.json", '{"to": "a"', "--inputs-file b.json: Expecting ',' delimiter: line 1 column 11"),
        ("b.json", '["a"]', "--inputs-file b.json: give inputs by their names"),
        ("b.json", "\xff", "--inputs-file b.json: 'utf-8' codec can't decode byte 0xff"),
        ("b.json", '{"to": 5}', "input 'to' is str, and 5 is not one"),
        ("b.json", '{"to": "a", "number": "5"}', "input 'number' is int, and '5' is not one"),
        ("b.json", '{"to": "a", "numbr": 5}', "no input 'numbr'; did you mean 'number'?"),
        ("b.json", '{"number": 5}', "input 'to' is missing"),
        ("b.toml", "to = ", "--inputs-file b.toml: Invalid value"),
        ("b.yaml", "to: a\nto: b", "--inputs-file b.yaml: the key 'to' is there twice"),
        ("b.yaml", "to: no", "input 'to' is str, and False is not one"),
        ("b.yaml", "to: [a", "--inputs-file b.yaml: while parsing a flow sequence"),
        ("b.yaml", "", "--inputs-file b.yaml: give inputs by their names"),
        ("b.yaml", "to: {1: a, '1': b}", "--inputs-file b.yaml: the key '1' is there twice"),
        ("b.yaml", "to: {1.5: a}", "--inputs-file b.yaml: to has the key 1.5, which is no text"),
        ("b.yaml", "to: !!set {a}", "--inputs-file b.yaml: to is of type set"),
        ("b.ini", "to=a", "--inputs-file b.ini: its name has to end with .json, .toml, .yaml"),
        ("other.json", "{}", "--inputs-file b.json: No such file or directory"),
    ],
)
def test_a_file_that_gives_no_inputs_is_one_message(
    tasksmithy: CommandLine, tmp_path: Path, name: str, content: str, problem: str
) -> None:
    (tmp_path / name).write_text(content, encoding="latin-1")
    given = name.replace("other", "b")
    done = tasksmithy("run", "bills.py", "once", "--inputs-file", given)
    assert (done.code, done.out) == (2, "")
    assert problem in done.err
    assert done.err.startswith("error: task 'bills.once': ")
    assert done.err.count("\n") == 1


def test_yaml_without_pyyaml_says_what_to_install(tasksmithy: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text("to: you")
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "yaml.py").write_text("raise ImportError")
    words = ("run", "bills.py", "once", "--inputs-file", "b.yaml")
    done = tasksmithy(*words, PYTHONPATH=str(tmp_path / "none"))
    assert done.code == 2
    assert "needs 'PyYAML', which is not installed: pip install pyyaml" in done.err
