"""The examples run as their first lines say, and print what they promise."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parents[1] / "examples"


def tasksmithy(*words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tasksmithy", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=os.environ | {"NO_COLOR": "1"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_hello_greets_as_often_as_asked() -> None:
    assert tasksmithy("run", str(EXAMPLES / "hello.py"), "main", "--n", "2") == "hello 1\nhello 2\n"


def test_flights_reports_the_delays_of_a_month() -> None:
    report = tasksmithy("run", str(EXAMPLES / "flights.py"), "main", "--month", "3")
    lines = report.splitlines()
    assert lines[0] == "month 3"
    assert lines[1].split() == ["Cirrus", "12", "flights,", "26.6", "minutes", "late"]
    assert lines[-1] == "latest: HEL to AMS, 49 minutes"


def test_flights_without_flights_says_so() -> None:
    report = tasksmithy("run", str(EXAMPLES / "flights.py"), "main", "--month", "13")
    assert report == "month 13: no flights\n"


def test_new_york_says_when_to_fly_and_with_whom() -> None:
    assert tasksmithy("run", str(EXAMPLES / "new_york.py")).splitlines() == [
        "336,776 flights",
        "EWR: at 6:00, 3.5 minutes late on average",
        "JFK: at 6:00, 1.1 minutes late on average",
        "LGA: at 6:00, -0.4 minutes late on average",
        "Alaska Airlines Inc.: -9.9 minutes late on arrival, Frontier Airlines Inc.: 21.9",
        "with rain 30.9 minutes late, without 11.4",
    ]


def test_flights_renders_a_spec_for_each_of_its_tasks() -> None:
    specs = json.loads(tasksmithy("render", str(EXAMPLES / "flights.py"), "--format", "json"))
    types = {spec["name"]: spec["task_type"] for spec in specs}
    assert types["flights.main"] == "python"
    assert "sql" in types.values()
