"""`tasksmithy runs`, as a person uses it."""

from __future__ import annotations

import asyncio
import io
import json
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from core.tests.conftest import CommandLine

from tasksmithy import __version__
from tasksmithy.cli._table import fitted
from tasksmithy.runtime.stores._processlocks import ProcessLocks
from tasksmithy.runtime.stores._records import AttemptRecord, TaskRecord, TaskStatus
from tasksmithy.runtime.stores._run_store import RunStore
from tasksmithy.values._storage import Encoded

ROOT, SUM, CACHED, LOST = (
    TaskRecord("rab1", "0", None, "demo.main", "python", "", "failed", 1.0, 1.0, 3.5,
               attempts=(AttemptRecord(1, 1.0, 3.5, "ValueError: no"),),
               inputs="n=3", error="ValueError: no"),
    TaskRecord("rab1", "0/1", "0", "demo.sum", "python", "months", "succeeded", 1.5, 2.0, 3.0,
               attempts=(AttemptRecord(1, 2.0, 2.25, "OSError: busy"),
                         AttemptRecord(2, 2.5, 3.0, None)),
               inputs="a=1", output=Encoded("json", b"42")),
    TaskRecord("rab1", "0/1/1", "0/1", "demo.add", "python", "", "cached", 2.0, None, 2.0),
    TaskRecord("rab1", "9/1", "9", "demo.lost", "python", "", "cancelled", 0.5, None, 2.0),
)  # fmt: skip
"""A failed root, its child, the child's child, and one whose caller has no record."""


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """Two runs: one that succeeded, and one that failed."""

    async def finish(store: RunStore) -> None:
        await asyncio.gather(*map(store.finished, (CACHED, SUM, ROOT, LOST)))

    with closing(RunStore(tmp_path)) as store:
        store.begin("rcd2", file=None, task="demo.first", inputs="")
        store.end("rcd2", "succeeded")
        store.begin("rab1", file="pipeline.py", task="demo.main", inputs="n=3")
        asyncio.run(finish(store))
        store.end("rab1", "failed")
    return tmp_path


def test_list_shows_the_latest_run_first(tasksmithy: CommandLine, recorded: Path) -> None:
    head, *rows = tasksmithy("runs", "list", "--runs-dir", recorded).printed().splitlines()
    assert head.split() == ["RUN", "STATUS", "TASK", "STARTED", "SECONDS"]
    assert [row.split()[:3] for row in rows] == [
        ["rab1", "failed", "demo.main"],
        ["rcd2", "succeeded", "demo.first"],
    ]


def listed(tasksmithy: CommandLine, directory: Path, *words: str) -> list[str]:
    done = tasksmithy("runs", "list", "--json", "--runs-dir", directory, *words)
    return [run["id"] for run in json.loads(done.printed())]


def test_list_shows_the_runs_that_are_asked_for(tasksmithy: CommandLine, recorded: Path) -> None:
    with closing(RunStore(recorded)) as store:
        store.begin("rlive", file=None, task="demo.first", inputs="")
        with closing(sqlite3.connect(recorded / "runs-1.db")) as records:
            records.execute("UPDATE run SET started = started - 7200 WHERE id = 'rcd2'")
            records.execute(
                "INSERT INTO run SELECT 'rdead', file, task, inputs, version, pid, 'running', "
                "started - 9000, NULL, 0, 0, '{}' FROM run WHERE id = 'rlive'"
            )
            records.commit()
        assert listed(tasksmithy, recorded) == ["rlive", "rab1", "rcd2", "rdead"]
        assert listed(tasksmithy, recorded, "--limit", "2") == ["rlive", "rab1"]
        assert listed(tasksmithy, recorded, "--task", "demo.main") == ["rab1"]
        assert listed(tasksmithy, recorded, "--since", "90m") == ["rlive", "rab1"]
        assert listed(tasksmithy, recorded, "--status", "dead") == ["rdead"]
        either = ("--status=running", "--status=succeeded")
        assert listed(tasksmithy, recorded, *either) == ["rlive", "rcd2"]
        assert listed(tasksmithy, recorded, *either, "--limit=1") == ["rlive"]
        words = ("--status=succeeded", "--task=demo.first", "--since=1h")
        assert listed(tasksmithy, recorded, *words) == []
        out = tasksmithy("runs", "list", "--runs-dir", recorded, *words).printed()
        assert out == "no runs like that are recorded\n"
        store.end("rlive", "succeeded")


@pytest.mark.parametrize("limit", ["0", "-1", "many", ""])
def test_a_limit_of_no_runs_is_told(tasksmithy: CommandLine, limit: str) -> None:
    done = tasksmithy("runs", "list", f"--limit={limit}")
    assert done.code == 2
    assert f"{limit!r} is no number of runs: give 1 or more" in done.err


def test_list_prints_json(tasksmithy: CommandLine, recorded: Path) -> None:
    latest, first = json.loads(
        tasksmithy("runs", "list", "--json", "--runs-dir", recorded).printed()
    )
    assert (latest["id"], latest["file"], latest["inputs"]) == ("rab1", "pipeline.py", "n=3")
    assert (first["id"], first["file"], first["version"]) == ("rcd2", None, __version__)
    assert latest["started"] <= latest["ended"]


def test_list_of_no_runs_says_so_and_makes_no_file(tasksmithy: CommandLine, tmp_path: Path) -> None:
    done = tasksmithy("runs", "list", "--runs-dir", tmp_path / "none")
    assert done.printed() == "no runs are recorded\n"
    assert list(tmp_path.iterdir()) == []


def test_the_users_records_are_the_default(tasksmithy: CommandLine, tmp_path: Path) -> None:
    done = tasksmithy("runs", "show", "r1", XDG_STATE_HOME=str(tmp_path), HOME=str(tmp_path))
    assert done.code == 2
    assert f"is recorded in {tmp_path}" in done.err


def test_a_run_whose_process_was_killed_is_dead(tasksmithy: CommandLine, tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path;"
        "from tasksmithy.runtime.stores._run_store import RunStore;"
        "RunStore(Path(sys.argv[1])).begin('rdead', file=None, task='t', inputs='');"
        "os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    out = tasksmithy("runs", "list", "--runs-dir", tmp_path).printed()
    assert out.splitlines()[1].split()[:2] == ["rdead", "dead"]
    assert out.splitlines()[1].endswith("-")


def test_show_prints_the_facts_of_a_run_and_its_call_tree(
    tasksmithy: CommandLine, recorded: Path
) -> None:
    facts, table, *errors = (
        tasksmithy("runs", "show", "ra", "--runs-dir", recorded).printed().split("\n\n")
    )
    assert [line.split(maxsplit=1) for line in facts.splitlines()[:4]] == [
        ["run", "rab1"],
        ["task", "demo.main of pipeline.py"],
        ["inputs", "n=3"],
        ["status", "failed"],
    ]
    assert table.splitlines() == [
        "TASK          STATUS     ATTEMPTS  SECONDS  INPUTS",
        "demo.lost     cancelled  0         -",
        "demo.main     failed     1         2.500    n=3",
        "  demo.sum    succeeded  2         0.750    a=1",
        "    demo.add  cached     0         -",
    ]
    assert errors == ["demo.main: ValueError: no\n"]


def test_show_and_the_report_have_the_lines_of_code_that_an_error_came_from(
    tasksmithy: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "halves.py").write_text(
        "from tasksmithy import TaskEnvironment\n"
        "env = TaskEnvironment(name='t')\n"
        "def helper(x):\n"
        "    return 1 // x\n"
        "@env.task\n"
        "def half(x: int) -> int:\n"
        "    return helper(x)\n"
        "@env.task\n"
        "def main(x: int) -> int:\n"
        "    return half(x)\n"
    )
    tasksmithy("run", "halves.py", "main", "--x", "0")
    shown = tasksmithy("runs", "show", "r").printed()
    assert shown.count(", in helper\n    return 1 // x") == 1
    assert set(re.findall(r'File "(.+)", line', shown)) == {str(tmp_path / "halves.py")}
    tasksmithy("runs", "report", "r", "--output", "page.html")
    assert "in helper" in (tmp_path / "page.html").read_text()


def test_show_has_one_line_for_a_task_whatever_its_inputs_are(
    tasksmithy: CommandLine, tmp_path: Path
) -> None:
    frame = "rows=   id  day\n0   1  \x1b[31mMonday\n1   2  Tuesday"
    record = TaskRecord("rab1", "0", None, "t.one", "python", "", "succeeded", 1.0, 1.0, 2.0,
                        inputs=frame)  # fmt: skip
    with closing(RunStore(tmp_path)) as store:
        store.begin("rab1", file=None, task="t.one", inputs=frame)
        asyncio.run(store.finished(record))
        store.end("rab1", "succeeded")
    facts, table = tasksmithy("runs", "show", "ra", "--runs-dir", tmp_path).printed().split("\n\n")
    assert "inputs      rows=   id  day\\n0   1  \\x1b[31mMonday" in facts
    assert len(table.splitlines()) == 2


def test_show_cuts_the_lines_of_tasks_where_a_terminal_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setenv("COLUMNS", "10")
    assert fitted("a line that is longer\nshort") == "a line th…\nshort"


def test_show_tells_where_a_task_was_made_if_that_is_known_of_any(
    tasksmithy: CommandLine, tmp_path: Path
) -> None:
    attempts = (AttemptRecord(1, 1.0, 2.0, None, "node 10.0.0.7 (ab12)"),)
    placed = ROOT._replace(key="0/2", parent="0", task="demo.far", attempts=attempts, error=None)
    with closing(RunStore(tmp_path)) as store:
        store.begin("rab1", file=None, task="demo.main", inputs="n=3")
        for record in (ROOT, placed):
            asyncio.run(store.finished(record))
        store.end("rab1", "failed")
    shown = tasksmithy("runs", "show", "rab1", "--runs-dir", tmp_path).printed()
    assert re.search(r"TASK +STATUS +ATTEMPTS +SECONDS +PLACE +INPUTS\n", shown)
    assert re.search(r"demo\.main +failed +1 +2\.500 +- +n=3\n", shown)
    assert re.search(r"  demo\.far +failed +1 +1\.000 +node 10\.0\.0\.7 \(ab12\) +n=3\n", shown)


def test_show_prints_json(tasksmithy: CommandLine, recorded: Path) -> None:
    run = json.loads(tasksmithy("runs", "show", "rab1", "--json", "--runs-dir", recorded).printed())
    assert (run["id"], run["status"], run["unrecorded"]) == ("rab1", "failed", 0)
    keys = [task["key"] for task in run["tasks"]]
    assert keys == ["9/1", "0", "0/1", "0/1/1"]
    summing = run["tasks"][2]
    assert summing["attempts"] == [
        {"number": 1, "started": 2.0, "ended": 2.25, "error": "OSError: busy", "place": None},
        {"number": 2, "started": 2.5, "ended": 3.0, "error": None, "place": None},
    ]
    assert summing["output"] == {"format": "json", "bytes": 2}
    assert run["tasks"][0]["output"] is None
    assert (summing["parent"], summing["group"], summing["inputs"]) == ("0", "months", "a=1")


def test_show_of_a_deep_call_tree_ends(tasksmithy: CommandLine, tmp_path: Path) -> None:
    status: TaskStatus = "succeeded"

    async def finish(store: RunStore) -> None:
        chain = (
            TaskRecord("r", str(n), str(n - 1), "t", "python", "", status, n, n, n)
            for n in range(1, 1500)
        )
        await asyncio.gather(*map(store.finished, chain))

    with closing(RunStore(tmp_path)) as store:
        store.begin("r", file=None, task="t", inputs="")
        asyncio.run(finish(store))
        store.end("r", "succeeded")
    out = tasksmithy("runs", "show", "r", "--runs-dir", tmp_path).printed()
    assert out.count("\n" + "  " * 1498 + "t") == 1


@pytest.mark.parametrize("status", ["running", "dead"])
def test_show_of_a_run_that_has_not_ended_says_that_it_does_not_know_all(
    status: str, tasksmithy: CommandLine, tmp_path: Path
) -> None:
    store = RunStore(tmp_path)
    store.begin("r", file=None, task="t", inputs="")
    if status == "dead":
        ProcessLocks.of(tmp_path / "runs.locks").release("r")  # as when its process is killed
    facts = tasksmithy("runs", "show", "r", "--runs-dir", tmp_path).printed().splitlines()
    store.end("r", "succeeded")
    store.close()
    assert facts[3].split() == ["status", status]
    assert facts[-1].split(maxsplit=2)[2] == "not known: a task is recorded when it has ended"


def test_clear_drops_the_runs_that_are_over_and_says_how_many(
    tasksmithy: CommandLine, recorded: Path
) -> None:
    out = tasksmithy("runs", "clear", "--runs-dir", recorded).printed()
    assert out == "dropped 2 runs\n"
    assert tasksmithy("runs", "list", "--runs-dir", recorded).out == "no runs are recorded\n"


def test_clear_leaves_a_run_that_is_under_way(tasksmithy: CommandLine, recorded: Path) -> None:
    with closing(RunStore(recorded)) as store:
        store.begin("rlive", file=None, task="demo.live", inputs="")
        out = tasksmithy("runs", "clear", "--runs-dir", recorded).printed()
        assert out == "dropped 2 runs\n"
        assert [run.id for run in store.runs()] == ["rlive"]
        store.end("rlive", "succeeded")


def test_clear_drops_runs_by_their_age(tasksmithy: CommandLine, recorded: Path) -> None:
    with closing(sqlite3.connect(recorded / "runs-1.db")) as records:
        records.execute("UPDATE run SET ended = ended - 7200 WHERE id = 'rcd2'")
        records.commit()
    words = ("runs", "clear", "--runs-dir", recorded, "--older-than")
    assert tasksmithy(*words, "3h").printed() == "dropped 0 runs\n"
    assert tasksmithy(*words, "90m").printed() == "dropped 1 run\n"
    [left] = json.loads(tasksmithy("runs", "list", "--json", "--runs-dir", recorded).out)
    assert left["id"] == "rab1"


@pytest.mark.parametrize("age", ["", "d", "30", "1y", "-1d", "1.5d"])
@pytest.mark.parametrize(
    "words",
    [
        ("runs", "clear", "--older-than"),
        ("cache", "clear", "--older-than"),
        ("runs", "list", "--since"),
    ],
    ids=lambda words: words[0] + " " + words[1],
)
def test_an_age_that_is_none_is_told(
    tasksmithy: CommandLine, words: tuple[str, str, str], age: str
) -> None:
    command, action, option = words
    done = tasksmithy(command, action, f"{option}={age}")
    assert done.code == 2
    assert f"{age!r} is no age: give a number with s, m, h, d or w" in done.err


def test_an_unknown_run_is_one_message(tasksmithy: CommandLine, recorded: Path) -> None:
    done = tasksmithy("runs", "show", "rx", "--runs-dir", recorded)
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        f"error: no run 'rx' is recorded in {recorded}/runs-1.db; "
        "`tasksmithy runs list` shows which there are\n"
    )


def test_a_beginning_that_several_runs_share_is_one_message(
    tasksmithy: CommandLine, recorded: Path
) -> None:
    done = tasksmithy("runs", "show", "r", "--runs-dir", recorded)
    assert (done.code, done.out) == (2, "")
    assert done.err == "error: 2 runs begin with 'r' (rab1, rcd2): give more of the id\n"


@pytest.mark.parametrize("words", [["list"], ["show", "r"]])
def test_records_that_cannot_be_read_are_one_message(
    tasksmithy: CommandLine, words: list[str], tmp_path: Path
) -> None:
    (tmp_path / "runs-1.db").mkdir()
    done = tasksmithy("runs", *words, "--runs-dir", tmp_path)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"error: the record of runs in {tmp_path}/runs-1.db cannot be ")


def test_last_is_the_run_that_was_begun_last(tasksmithy: CommandLine, recorded: Path) -> None:
    out = tasksmithy("runs", "show", "last", "--json", "--runs-dir", recorded).printed()
    assert json.loads(out)["id"] == "rab1"
