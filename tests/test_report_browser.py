"""The report in a browser: what Chromium makes of it. `.ci/chromium` installs the browser."""

import html
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import tasksmithy
from tasksmithy.runtime.report._html import page
from tasksmithy.runtime.stores._records import AttemptRecord, RunDetails, RunRecord, TaskRecord
from tasksmithy.values._storage import encode

pytestmark = pytest.mark.slow

OPEN_WITHIN = 2.0  # seconds, from the beginning of the navigation until the page is drawn
EMPTY_WITHIN = 0.1  # the same of an empty page, on a machine that does nothing else

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1400,1000",
)


@pytest.fixture(scope="module")
def chromium() -> str:
    found = shutil.which("chromium")
    if found is None and not os.environ.get("CI"):
        pytest.skip("chromium is not installed: run .ci/chromium")
    assert found is not None, "chromium is not installed: run .ci/chromium"
    return found


class Browser:
    """Opens a report and asks the page."""

    def __init__(self, program: str, folder: Path) -> None:
        self._program = program
        self._folder = folder

    def asks(self, text: str, question: str) -> Any:
        """What a JavaScript function body returns in the page, once that is drawn."""
        # The policy of the page forbids foreign scripts, so the question relaxes it for itself.
        text = re.sub(r"script-src '[^']*'", "script-src 'unsafe-inline'", text)
        ask = (
            "<script>{const answer = document.createElement('pre'); answer.id = 'answer';"
            f"answer.textContent = JSON.stringify((() => {{{question}}})());"
            "document.body.append(answer);}</script></body>"
        )
        dom = self.dom(text.replace("</body>", ask))
        (answer,) = re.findall(r'<pre id="answer">(.*?)</pre>', dom, re.DOTALL)
        return json.loads(html.unescape(answer))

    def dom(self, text: str) -> str:
        """The document after the scripts of the page have run."""
        file = self._folder / "page.html"
        file.write_text(text, encoding="utf-8")
        done = subprocess.run(
            [
                self._program,
                *FLAGS,
                f"--user-data-dir={self._folder / 'profile'}",
                "--dump-dom",
                file.as_uri(),
            ],
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def browser(chromium: str, tmp_path: Path) -> Browser:
    return Browser(chromium, tmp_path)


def run_of(number: int, **changes: Any) -> RunDetails:
    """A run of so many executions: a root, and children that overlap, retry, fail or are cached."""
    tasks = [record(place, number) for place in range(number)]
    tasks[-1] = tasks[-1]._replace(**changes)
    run = RunRecord("r1", "pipeline.py", "t.main", "", "0.1.0", 1, "succeeded", 100.0, 200.0)
    return RunDetails(run, tasks)


def record(place: int, number: int) -> TaskRecord:
    if place == 0:
        only = (AttemptRecord(1, 100.0, 200.0, None),)
        return TaskRecord("r1", "0", None, "t.main", "python", "", "succeeded",
                          100.0, 100.0, 200.0, attempts=only)  # fmt: skip
    began = 100.0 + 90.0 * place / number
    ended = began + 1 + place % 7
    error = "OSError('busy')" if place % 10 == 3 else None
    attempts = (AttemptRecord(1, began, ended, error),)
    if error and place % 20 == 3:
        attempts = (*attempts, AttemptRecord(2, ended, ended + 1, None))
        error = None
    status = "failed" if error else "cached" if place % 10 == 5 else "succeeded"
    return TaskRecord("r1", str(place), "0", f"t.child{place % 5}", "python", "", status,
                      began, began, ended + 1, inputs=f"n={place}", output=encode(place),
                      attempts=() if status == "cached" else attempts, error=error)  # fmt: skip


@pytest.mark.parametrize("number", [5, 500, 20_000])
def test_the_timeline_has_a_bar_for_every_task(browser: Browser, number: int) -> None:
    found = browser.asks(
        page(run_of(number)),
        """
        const bars = lanes.flat(), listed = Number(canvas.dataset.executions);
        const placed = bars.filter((task) => lanes[task.lane].includes(task));
        return [listed, bars.length, new Set(bars).size, placed.length];
        """,
    )
    assert found == [number] * 4


@pytest.mark.parametrize("number", [5, 500, 20_000])
def test_no_two_bars_of_a_lane_overlap(browser: Browser, number: int) -> None:
    question = """
        const overlaps = (task, at, lane) => at && task.queued < lane[at - 1].ended;
        return lanes.some((lane) => lane.some(overlaps));
    """
    assert browser.asks(page(run_of(number)), question) is False


@pytest.mark.parametrize("number", [5, 500])
def test_every_bar_is_drawn_and_has_a_tooltip_where_it_is(browser: Browser, number: int) -> None:
    question = """
        let missed = 0;
        const box = canvas.getBoundingClientRect(), ratio = devicePixelRatio;
        for (const task of tasks) {
          scroller.scrollTop = Math.max(task.lane * laneHeight - 100, 0);
          drawNow();
          const x = atTime((task.queued + task.ended) / 2, box.width);
          const y = task.lane * laneHeight + 4 - scroller.scrollTop + 3;
          const opaque = canvas.getContext("2d").getImageData(x * ratio, y * ratio, 1, 1).data[3];
          showTip({ clientX: box.left + x, clientY: box.top + y });
          const says = (text) => tip.textContent.includes(text);
          if (!opaque || tip.hidden || !says(task.task) || !says(task.inputs ?? "")) missed += 1;
        }
        return missed;
    """
    assert browser.asks(page(run_of(number)), question) == 0


@pytest.mark.parametrize("number", [5, 500, 20_000])
def test_the_page_is_drawn_within_two_seconds(browser: Browser, number: int) -> None:
    def took(text: str) -> float:
        return min(browser.asks(text, "return performance.now();") for _ in range(2)) / 1000

    # Where other work slows the machine down, an empty page takes longer, too.
    busy = took("<html><body></body></html>") / EMPTY_WITHIN
    assert took(page(run_of(number))) < OPEN_WITHIN * max(1, busy)


@pytest.mark.parametrize("number", [500, 20_000])
def test_of_a_long_list_only_what_is_in_sight_is_in_the_document(
    browser: Browser, number: int
) -> None:
    question = "return document.querySelectorAll('.row').length;"
    assert 10 < browser.asks(page(run_of(number)), question) < 60


def test_every_call_can_be_reached_with_the_keyboard(browser: Browser) -> None:
    question = """
        const press = (key) => tree.dispatchEvent(new KeyboardEvent("keydown", { key }));
        press("Home");
        const seen = [chosen.place];
        for (let at = 1; at < tasks.length; at++) { press("ArrowDown"); seen.push(chosen.place); }
        return seen;
    """
    assert browser.asks(page(run_of(500)), question) == list(range(500))


def test_the_filter_finds_calls_by_what_they_were_given(browser: Browser) -> None:
    question = """
        filter("n=17");
        return [...document.querySelectorAll(".row .more")].map((row) => row.textContent);
    """
    found = browser.asks(page(run_of(20_000)), question)
    assert found[:3] == ["n=17", "n=170", "n=171"]


HOSTILE = (
    "</script><img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
)


@pytest.mark.parametrize("field", ["task", "group", "task_type", "inputs", "error"])
def test_hostile_text_is_shown_and_does_nothing(browser: Browser, field: str) -> None:
    text = page(run_of(5, **{field: HOSTILE}))
    question = """
        choose(tasks[4]);
        return [document.title, document.body.innerText, document.images.length];
    """
    title, shown, images = browser.asks(text, question)
    assert (title, images) == ("t.main · r1", 0)
    assert HOSTILE in shown


def test_a_tab_is_shown_as_it_is_in_a_frame_without_rights(browser: Browser) -> None:
    question = """
        const frame = document.querySelector("iframe");
        return [frame.getAttribute("sandbox"), frame.srcdoc.endsWith("<b>bold</b>"),
          document.querySelector("[role=tab]").textContent, document.images.length];
    """
    text = page(run_of(1, report={HOSTILE: "<b>bold</b>"}))
    assert browser.asks(text, question) == ["", True, HOSTILE, 0]


@pytest.mark.parametrize(
    ("rights", "title"), [("", "t.main · r1"), ("allow-scripts allow-same-origin", "owned")]
)
def test_scripts_of_a_tab_run_only_if_its_frame_had_the_right(
    browser: Browser, rights: str, title: str
) -> None:
    text = page(run_of(1, report={"Tab": "<script>parent.document.title = 'owned'</script>"}))
    # The frame alone has to hold it, so the policy of the page is out of the way here.
    text = re.sub(r"script-src '[^']*'", "script-src 'unsafe-inline'", text)
    text = text.replace('sandbox: ""', f'sandbox: "{rights}"')
    assert f"<title>{title}</title>" in browser.dom(text)


def test_the_page_runs_its_own_script_under_its_own_policy(browser: Browser) -> None:
    assert 'data-executions="5"' in browser.dom(page(run_of(5)))


def test_a_run_without_tasks_has_a_page(browser: Browser) -> None:
    run, _ = run_of(1)
    assert browser.asks(page(RunDetails(run, [])), "return lanes.length;") == 0


def call(key: str, parent: str | None, began: float, ended: float, **changes: Any) -> TaskRecord:
    """A call that began when it was queued, and took one attempt."""
    status = "failed" if "error" in changes else "succeeded"
    attempts = (AttemptRecord(1, began, ended, changes.get("error")),)
    made = TaskRecord("r1", key, parent, f"t.{key}", "python", "", status,
                      began, began, ended, attempts=attempts)  # fmt: skip
    return made._replace(**changes)


def report(*tasks: TaskRecord) -> str:
    ended = max(task.ended for task in tasks)
    status = tasks[0].status
    run = RunRecord("r1", "pipeline.py", "t.main", "", "0.1.0", 1, status, 100.0, ended)
    return page(RunDetails(run, list(tasks)))


FAILED = (
    call("main", None, 100, 110, error="ValueError: row 7"),
    call("fine", "main", 100, 104),
    call("stage", "main", 104, 110, error="ValueError: row 7"),
    call(
        "check",
        "stage",
        104,
        109,
        error="ValueError: row 7",
        inputs="n=7",
        traceback='Traceback (most recent call last):\n  File "/x/flow.py", line 5, in check\n'
        "    raise ValueError\nValueError: row 7\n",
    ),
)


def test_what_failed_is_on_the_first_screen(browser: Browser) -> None:
    question = """
        const card = $("failed");
        return [card.getBoundingClientRect().bottom < 500,
                ...[...card.children].map((each) => each.textContent)];
    """
    assert browser.asks(report(*FAILED), question) == [
        True,
        "t.main > t.stage > t.check",
        "ValueError: row 7",
        "flow.py:5 · n=7",
        "Traceback and values",
    ]


def test_a_run_that_succeeded_has_no_room_for_failures(browser: Browser) -> None:
    tasks = [task._replace(status="succeeded", error=None) for task in FAILED]
    assert browser.asks(report(*tasks), "return $('failure').offsetHeight") == 0


def test_the_time_of_a_task_is_its_own_while_it_waits_for_no_call(browser: Browser) -> None:
    tasks = (
        call("main", None, 100, 110),
        call("a", "main", 101, 105),
        call("b", "main", 103, 107),
        call("c", "a", 102, 104),
    )
    question = "return tasks.map((task) => Math.round(task.self * 1000))"
    assert browser.asks(report(*tasks), question) == [4000, 2000, 4000, 2000]


def test_the_critical_path_follows_what_ended_last(browser: Browser) -> None:
    tasks = (
        call("main", None, 100, 110),
        call("early", "main", 100, 103),
        call("late", "main", 100, 104),
        call("load", "main", 105, 109),
        call("waits", "load", 105, 109)._replace(attempts=(AttemptRecord(1, 107, 109, None),)),
    )
    question = """
        return [Object.fromEntries([...shares].map(([name, time]) => [name, Math.round(time)])),
                tasks.filter((task) => !task.critical).map((task) => task.task)];
    """
    assert browser.asks(report(*tasks), question) == [
        {"t.main": 2, "t.late": 4, "t.waits": 2, "waiting for its turn": 2},
        ["t.early"],
    ]


def test_the_shares_of_the_critical_path_are_the_whole_run(browser: Browser) -> None:
    question = """
        const sum = [...shares.values()].reduce((a, b) => a + b, 0);
        return Math.round(1000 * (roots[0].ended - roots[0].queued - sum));
    """
    assert browser.asks(page(run_of(500)), question) == 0


def test_a_traceback_has_the_code_of_tasks_alone(browser: Browser) -> None:
    machinery = str(Path(tasksmithy.__file__).parent / "runtime" / "_steps.py")
    trace = (
        "Traceback (most recent call last):\n"
        f'  File "{machinery}", line 43, in telling\n    result = await then(call)\n'
        '  File "/x/flow.py", line 5, in check\n    raise ValueError\nValueError: row 7\n'
    )
    [*above, check] = FAILED
    question = "return tasks.at(-1).traceback"
    shown = browser.asks(report(*above, check._replace(traceback=trace)), question)
    assert "_steps.py" not in shown
    assert 'File "/x/flow.py", line 5' in shown


@pytest.mark.parametrize("outcome", ["cached", "resumed", "failed", "cancelled"])
def test_an_outcome_is_told_by_a_mark_beside_its_colour(browser: Browser, outcome: str) -> None:
    tasks = (call("main", None, 100, 110), call("a", "main", 101, 105, status=outcome))
    question = "return document.querySelectorAll('#rows .dot')[1].textContent"
    assert browser.asks(report(*tasks), question).strip() != ""


def test_what_was_at_work_at_once_is_counted_by_time_and_not_by_pixels(browser: Browser) -> None:
    calls = [
        call(f"{lane}-{number}", "main", 100 + number / 50, 100 + (number + 1) / 50)
        for lane in range(5)
        for number in range(500)
    ]
    tasks = (call("main", None, 100, 110), *calls)
    assert browser.asks(report(*tasks), "return atOnce") == 5


def test_the_overview_has_the_colours_of_the_legend(browser: Browser) -> None:
    retried = (AttemptRecord(1, 101, 102, "OSError"), AttemptRecord(2, 103, 104, None))
    tasks = (
        call("main", None, 100, 110),
        call("again", "main", 101, 104)._replace(attempts=retried),
        call("ended", "main", 105, 107, error="cancelled", status="cancelled"),
    )
    question = """
        const most = (outcome) => Math.max(...densities(1000).sums.get(outcome));
        return ["all", "retried", "cancelled", "failed"].map(most);
    """
    assert browser.asks(report(*tasks), question) == [1, 1, 1, 0]
