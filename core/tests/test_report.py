"""What tasks add to their reports, and the page that shows a run."""

from __future__ import annotations

import base64
import datetime as dt
import enum
import hashlib
import json
import logging
import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pydantic import BaseModel

from tasksmithy import (
    NonRecoverableError,
    Secret,
    TaskEnvironment,
    current,
    report,
    with_runcontext,
)
from tasksmithy.runtime.report._html import LEAST_SHOWN, MOST_SHOWN, page, shown
from tasksmithy.runtime.report._pages import LINES_KEPT
from tasksmithy.runtime.stores._records import AttemptRecord, RunDetails, RunRecord, TaskRecord
from tasksmithy.runtime.stores._run_store import RunStore
from tasksmithy.values._storage import Encoded, encode

env = TaskEnvironment(name="t")


@pytest.fixture
def reports_of(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Runs a task, and gives the reports of all its executions by name of the task."""

    def run(task: Any, **inputs: Any) -> dict[str, Any]:
        with_runcontext(record=True, runs_dir=tmp_path).run(task, **inputs)
        return {record.task: record.report for record in recorded(tmp_path).tasks}

    return run


def recorded(folder: Path) -> RunDetails:
    with closing(RunStore(folder)) as store:
        return store.show(store.runs()[0].id)


# What a task adds


@env.task(report=True)
async def adds() -> None:
    report.tab("Text").text("1 < 2 & 'so'\nnext")
    report.tab("HTML").html("<b>bold</b>")
    report.tab("Both").html("<i>")
    report.tab("Both").text("<i>")


def test_text_in_a_tab_is_escaped(reports_of: Callable[..., dict[str, Any]]) -> None:
    assert ">1 &lt; 2 &amp; &#x27;so&#x27;\nnext</p>" in reports_of(adds)["t.adds"]["Text"]


def test_html_in_a_tab_stays_as_it_is(reports_of: Callable[..., dict[str, Any]]) -> None:
    assert reports_of(adds)["t.adds"]["HTML"] == "<b>bold</b>\n"


class Colour(enum.Enum):
    RED = "red"


class Shop(BaseModel, extra="allow"):
    name: str
    opened: dt.datetime | None = None
    _visits: int = 0


@dataclass
class Street:
    shops: list[Shop]
    colour: Colour = Colour.RED


MORNING = dt.datetime(2026, 1, 2, 8, 30, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        (str, 'it\'s\n"two" lines', 'it\'s\n"two" lines'),
        (list[str], ["a\nb"], "['a\\nb']"),
        (Shop, Shop(name="Mill"), "Shop(name='Mill', opened=None)"),
        (Shop, Shop.model_validate({"name": "", "x": 1}), "Shop(name='', opened=None, x=1)"),
        (
            Street,
            Street([Shop(name="", opened=MORNING)]),
            f"Street(shops=[Shop(name='', opened={MORNING!r})], colour=Colour.RED)",
        ),
        (dict[str, Any], {"of": Decimal("1.50")}, "{'of': Decimal('1.50')}"),
        (deque[Colour], deque([Colour.RED], 3), "deque([Colour.RED], maxlen=3)"),
        (float, np.float64(1.5), "np.float64(1.5)"),
        (
            pd.DataFrame,
            pd.DataFrame({"a": [1, 2], "b": ["x", None]}),
            "2 rows: a: int64, b: large_string>\n{'a': 1, 'b': 'x'}\n{'a': 2, 'b': None}",
        ),
        (pa.Table, pa.table({"a": range(21)}), "\n{'a': 18}\n{'a': 19}\n..."),
    ],
)
def test_a_result_is_shown_as_a_person_reads_it(kind: Any, value: Any, text: str) -> None:
    assert shown(encode(value, kind)).endswith(text)


def test_a_tab_keeps_what_is_added_in_its_order(reports_of: Callable[..., dict[str, Any]]) -> None:
    both = reports_of(adds)["t.adds"]["Both"]
    assert both.startswith("<i>\n<p")
    assert both.endswith("&lt;i&gt;</p>\n")


@env.task
async def logs(lines: int) -> None:
    for line in range(lines):
        report.log(f"<{line}>")


def test_a_line_that_is_logged_is_escaped_and_kept_without_report_true(
    reports_of: Callable[..., dict[str, Any]],
) -> None:
    assert reports_of(logs, lines=2) == {"t.logs": {"Log": "<pre>&lt;0&gt;\n&lt;1&gt;\n</pre>"}}


def test_of_a_long_log_the_last_lines_are_kept(reports_of: Callable[..., dict[str, Any]]) -> None:
    lines = reports_of(logs, lines=LINES_KEPT + 5)["t.logs"]["Log"].splitlines()
    assert len(lines) == LINES_KEPT + 1  # the end of <pre> has a line of its own
    assert lines[0] == "<pre>&lt;5&gt;"


def test_a_task_that_adds_nothing_has_no_report(reports_of: Callable[..., dict[str, Any]]) -> None:
    assert reports_of(logs, lines=0) == {"t.logs": None}


@env.task
async def undeclared() -> None:
    report.tab("A").text("a")
    report.tab("B").text("b")


def test_tabs_of_a_task_without_report_true_are_dropped_with_one_warning(
    reports_of: Callable[..., dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    assert reports_of(undeclared) == {"t.undeclared": None}
    (said,) = [record.getMessage() for record in caplog.records]
    assert said == (
        "task 't.undeclared' adds tabs to its report, which are not kept: "
        "define it with report=True"
    )


def test_outside_a_run_what_is_added_is_dropped(
    reports_of: Callable[..., dict[str, Any]],
) -> None:
    report.log("x")
    report.tab("x").html("x")
    report.tab("x").text("x")
    assert set(reports_of(adds)["t.adds"]) == {"Text", "HTML", "Both"}


def test_a_run_that_is_not_recorded_takes_what_is_added() -> None:
    assert with_runcontext().run(adds) is None


@env.task(report=True, env_vars={"ANY": "1"})
def elsewhere() -> int:
    report.log("a < b")
    report.tab("Tab").html("<b>bold</b>")
    return 1


def test_what_a_task_in_a_process_of_its_own_adds_travels_back(
    reports_of: Callable[..., dict[str, Any]],
) -> None:
    assert reports_of(elsewhere)["t.elsewhere"] == {
        "Log": "<pre>a &lt; b\n</pre>",
        "Tab": "<b>bold</b>\n",
    }


@env.task(report=True)
def in_a_thread() -> None:
    report.tab("Thread").html(threading.current_thread().name)


def test_what_a_task_in_a_thread_adds_is_its_own(
    reports_of: Callable[..., dict[str, Any]],
) -> None:
    assert reports_of(in_a_thread)["t.in_a_thread"]["Thread"] == "tasksmithy\n"


@env.task(report=True, retries=1)
async def flaky() -> None:
    report.tab("Attempts").html(str(current().attempt))
    if current().attempt == 1:
        raise OSError("busy <now>")


def test_the_attempts_of_an_execution_share_its_report(
    reports_of: Callable[..., dict[str, Any]],
) -> None:
    assert reports_of(flaky)["t.flaky"]["Attempts"] == "1\n2\n"


def test_a_retry_is_in_the_log_of_its_task(reports_of: Callable[..., dict[str, Any]]) -> None:
    log = reports_of(flaky)["t.flaky"]["Log"]
    assert "WARNING attempt 1 of 2 failed: OSError: busy &lt;now&gt;" in log


@env.task
async def logging_child(n: int) -> None:
    current().logger.warning("child %d <b>", n)


@env.task
async def logging_parent() -> None:
    current().logger.warning("parent")
    await logging_child(7)


def test_the_records_of_a_logger_are_in_the_report_of_the_task_that_logs(
    reports_of: Callable[..., dict[str, Any]],
) -> None:
    reports = reports_of(logging_parent)
    assert "child 7 &lt;b&gt;" in reports["t.logging_child"]["Log"]
    assert "child" not in reports["t.logging_parent"]["Log"]


def test_a_run_that_is_over_listens_to_no_logger(
    reports_of: Callable[..., dict[str, Any]],
) -> None:
    reports_of(logging_parent)
    assert logging.getLogger("tasksmithy.task").handlers == []


@env.task(report=True)
async def breaks() -> None:
    report.tab("Last words").text("so far")
    raise NonRecoverableError("no")


def test_a_failed_execution_keeps_its_report(tmp_path: Path) -> None:
    with pytest.raises(NonRecoverableError):
        with_runcontext(record=True, runs_dir=tmp_path).run(breaks)
    (record,) = recorded(tmp_path).tasks
    assert record.report is not None
    assert "so far" in record.report["Last words"]


SECRET = "a<b & \"c\" 'd'"  # the value differs in every form that it may take


@env.task(report=True, secrets=[Secret("TOKEN")])
async def tells() -> None:
    (value,) = current().secrets.values()
    report.log(value)
    report.tab(f"Tab {value}").text(value)
    report.tab("HTML").html(f"<b>{value}</b>")


def test_a_secret_is_masked_in_what_a_task_adds(
    reports_of: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", SECRET)
    pages = reports_of(tells)["t.tells"]
    assert set(pages) == {"Log", "Tab ***", "HTML"}
    assert pages["Log"] == "<pre>***\n</pre>"
    assert pages["HTML"] == "<b>***</b>\n"
    assert pages["Tab ***"].endswith(">***</p>\n")


# The page

HOSTILE = (
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "]]>",
    '"><img src=x onerror=alert(1)>',
    "'\"&<>",
    "&lt;b&gt;",
    "{{data}}{{script}}",
    "\\u003c/script>",
    "\u2028\u2029\x00\x1b[31m",
    "lone \ud800 surrogate",
    "</title></style></iframe>",
    "javascript:alert(1)",
)


class Elements(HTMLParser):
    """The elements of a page in order, with their attributes, and the text in its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, tuple[str, ...]]] = []
        self.scripts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, tuple(name for name, _ in attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.lasttag == "script" and self.cdata_elem == "script":
            self.scripts[-1] += data

    @property
    def data(self) -> Any:
        return json.loads(self.scripts[0])


def details(text: str = "x", *, tasks: int = 2) -> RunDetails:
    """A run whose every text is the given one."""
    run = RunRecord("r1", text, text, text, text, 1, "failed", 100.0, 110.0)
    return RunDetails(run, [record(place, text) for place in range(tasks)])


def record(place: int, text: str) -> TaskRecord:
    return TaskRecord(
        "r1",
        str(place),
        "0" if place else None,
        text,
        text,
        text,
        "failed",
        101.0 + place,
        102.0 + place,
        103.0 + place,
        attempts=(
            AttemptRecord(1, 102.0 + place, 102.5 + place, text, f"node {text}"),
            AttemptRecord(2, 102.5 + place, 103.0 + place, None),
        ),
        inputs=text,
        output=encode([text, place]),
        error=text,
        report={text: text},
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_adds_no_element_to_the_page(text: str) -> None:
    assert Elements(page(details(text))).found == Elements(page(details())).found


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_comes_through_as_the_text_that_it_is(text: str) -> None:
    _, task = Elements(page(details(text))).data["tasks"]
    assert [task[name] for name in ("task", "type", "group", "inputs", "error")] == [text] * 5
    assert task["tabs"] == {text: text}
    assert task["attempts"][0][3:] == [text, f"node {text}"]
    assert task["output"] == repr([text, 1])


@pytest.mark.parametrize("text", HOSTILE)
def test_a_page_with_hostile_text_can_be_written(text: str, tmp_path: Path) -> None:
    file, written = tmp_path / "page.html", page(details(text))
    file.write_text(written, encoding="utf-8", newline="")
    assert file.read_bytes().decode("utf-8") == written


def test_times_are_seconds_since_the_start_of_the_run() -> None:
    first, second = Elements(page(details())).data["tasks"]
    assert (first["queued"], first["ended"]) == (1.0, 3.0)
    assert second["attempts"] == [[1, 3.0, 3.5, "x", "node x"], [2, 3.5, 4.0, None, None]]


def test_a_task_names_its_caller_by_place_and_one_without_has_none() -> None:
    first, second = Elements(page(details())).data["tasks"]
    assert (first["parent"], second.get("parent", 0)) == (-1, 0)


def test_a_task_whose_caller_has_no_record_stands_alone() -> None:
    run, tasks = details()
    (alone,) = Elements(page(RunDetails(run, tasks[1:]))).data["tasks"]
    assert alone["parent"] == -1


@pytest.mark.parametrize("number", [0, 1, 20_000])
def test_the_page_holds_every_task(number: int) -> None:
    assert len(Elements(page(details(tasks=number))).data["tasks"]) == number


@pytest.mark.parametrize(("tasks", "limit"), [(1, MOST_SHOWN), (20_000, LEAST_SHOWN)])
def test_the_more_tasks_the_less_of_each_is_on_the_page(tasks: int, limit: int) -> None:
    run, (task,) = details(tasks=1)
    long = task._replace(inputs="x" * 2000, output=encode("y" * 5000))
    *_, last = Elements(page(RunDetails(run, [long] * tasks))).data["tasks"]
    assert len(last["inputs"]) == len(last["output"]) == limit


def test_the_policy_allows_the_one_script_of_the_page_and_no_connection() -> None:
    text = page(details())
    digest = base64.b64encode(hashlib.sha256(Elements(text).scripts[1].encode()).digest())
    assert f"default-src 'none'; script-src 'sha256-{digest.decode()}';" in text


def test_the_page_refers_to_no_other_file() -> None:
    text = page(details())
    for reference in ("http:", "https:", "//fonts", " src=", " href=", "@import", "url("):
        assert reference not in text


def test_frames_of_tabs_run_no_script_and_have_no_origin() -> None:
    assert 'sandbox: ""' in Elements(page(details())).scripts[1]


# Results


@pytest.mark.parametrize(
    "value",
    [None, True, -3, 1.5, b"\0", [1, "a"], (1, 2), {"a": [1.5]}, {1}, frozenset("a")],
)
def test_a_builtin_value_but_text_is_shown_as_code(value: object) -> None:
    assert shown(encode(value)) == repr(value)


@dataclass
class Point:
    x: int
    y: str


def test_a_dataclass_is_shown_by_its_name_and_values() -> None:
    assert shown(encode(Point(1, "a"), Point)) == "Point(x=1, y='a')"


def test_no_class_is_imported_to_show_its_object(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "shapes.py").write_text(
        "from dataclasses import dataclass\n@dataclass\nclass Square:\n    side: int\n"
    )
    import shapes  # type: ignore[import-not-found]

    encoded = encode([shapes.Square(3)])
    monkeypatch.delitem(sys.modules, "shapes")
    assert shown(encoded) == "[Square(side=3)]"
    assert "shapes" not in sys.modules


class Trap:
    """Sets off where it is read from a pickle."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.file,)


def test_a_pickle_is_shown_by_its_size_and_never_loaded(tmp_path: Path) -> None:
    encoded = encode([1, Trap(tmp_path / "sprung")])
    assert "cloudpickle" in encoded.format
    text = shown(encoded)
    assert text.startswith("[1, <pickled value, ")
    assert not (tmp_path / "sprung").exists()


def test_a_value_of_another_version_is_shown_by_its_format_and_size() -> None:
    assert shown(Encoded("tasksmithy.9", b"12345")) == "<5 bytes of tasksmithy.9>"


def test_a_long_value_is_shortened() -> None:
    text = shown(encode("x" * 50_000))
    assert len(text) == MOST_SHOWN
    assert text.endswith("…")


def test_a_large_value_is_shown_by_its_size() -> None:
    assert shown(encode(b"x" * 2_000_000)).startswith("<2,000,0")
