"""The records of runs: durable against kill -9, cheap for thousands, and what they tell."""

from __future__ import annotations

import asyncio
import html
import os
import random
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tasksmithy import __version__
from tasksmithy.errors import RunInProgressError, StoreError, UnknownRunError
from tasksmithy.runtime.secrets._exits import learn
from tasksmithy.runtime.stores._records import AttemptRecord, Kept, TaskRecord, TaskStatus
from tasksmithy.runtime.stores._run_store import RunStore, default_runs_directory
from tasksmithy.values._storage import Encoded, encode

PRELUDE = """
import asyncio, os, sys, time
from pathlib import Path
from tasksmithy.values._storage import Encoded
from tasksmithy.runtime.stores._records import TaskRecord
from tasksmithy.runtime.stores._run_store import RunStore

store = RunStore(Path(sys.argv[1]))

def record(run, key, output):
    return TaskRecord(run, key, None, "t", "python", "", "succeeded", 1.0, 1.0, 2.0, output=output)
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RunStore]:
    with closing(RunStore(tmp_path / "runs")) as store:
        yield store


def begin(store: RunStore, run_id: str) -> None:
    store.begin(run_id, file="pipeline.py", task="demo.main", inputs="n=3")


def record(
    key: str,
    status: TaskStatus = "succeeded",
    *,
    run: str = "run",
    output: Encoded | None = None,
    queued: float = 1.0,
) -> TaskRecord:
    return TaskRecord(run, key, None, "task", "python", "", status, queued, 2.0, 3.0, output=output)


def finish(store: RunStore, *records: TaskRecord) -> None:
    async def main() -> None:
        await asyncio.gather(*map(store.finished, records))

    asyncio.run(main())


def start(script: str, directory: Path, *words: object) -> subprocess.Popen[str]:
    """A process of its own that has the store of a directory."""
    return subprocess.Popen(
        [sys.executable, "-c", PRELUDE + script, str(directory), *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline()


def kill(process: subprocess.Popen[str]) -> str:
    """What a process had printed when it was killed; it must not have complained."""
    process.kill()
    with process:  # communicate() would leave out what readline() has read ahead
        assert process.stdout
        assert process.stderr
        assert process.stderr.read() == ""
        return process.stdout.read()


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "tasksmithy.store"]


# A run


def test_a_run_is_recorded_from_its_beginning(store: RunStore) -> None:
    before = time.time()
    begin(store, "run")
    (run,) = store.runs()
    assert run[:7] == (
        "run",
        "pipeline.py",
        "demo.main",
        "n=3",
        __version__,
        os.getpid(),
        "running",
    )
    assert before <= run.started <= time.time()
    assert run.ended is None
    store.end("run", "cancelled")


@pytest.mark.parametrize("status", ["succeeded", "failed", "cancelled"])
def test_the_end_of_a_run_is_recorded(status: str, store: RunStore) -> None:
    begin(store, "run")
    store.end("run", status)  # type: ignore[arg-type]
    (run,) = store.runs()
    assert run.status == status
    assert run.ended is not None
    assert run.ended >= run.started
    assert run.unrecorded == 0


def test_the_latest_run_comes_first(store: RunStore) -> None:
    for run_id in ("b", "c", "a"):
        begin(store, run_id)
        store.end(run_id, "succeeded")
    assert [run.id for run in store.runs()] == ["a", "c", "b"]


def test_a_run_whose_process_lives_is_running_for_others(tmp_path: Path, store: RunStore) -> None:
    process = start(
        "store.begin('run', file=None, task='t', inputs=''); print('begun', flush=True); "
        "time.sleep(600)",
        tmp_path / "runs",
    )
    assert line_of(process) == "begun\n"
    (run,) = store.runs()
    assert (run.status, run.pid) == ("running", process.pid)
    with pytest.raises(RunInProgressError, match="run 'run' is still running"):
        begin(store, "run")
    kill(process)
    assert store.runs()[0].status == "dead"


def test_a_dead_run_is_dead_though_another_process_has_its_pid(store: RunStore) -> None:
    begin(store, "run")
    store.end("run", "succeeded")
    with closing(sqlite3.connect(store._writing.file)) as connection:
        connection.execute("UPDATE run SET status = 'running', pid = 1")
        connection.commit()
    assert store.runs()[0].status == "dead"


def test_a_run_that_went_on_keeps_its_start_and_is_running_again(store: RunStore) -> None:
    begin(store, "run")
    store.end("run", "failed")
    (failed,) = store.runs()
    begin(store, "run")
    (again,) = store.runs()
    assert again == failed._replace(status="running", ended=None)
    store.end("run", "succeeded")


def test_a_run_cannot_begin_twice_at_one_time(store: RunStore) -> None:
    begin(store, "run")
    with pytest.raises(RunInProgressError):
        begin(store, "run")
    store.end("run", "succeeded")


def test_who_looks_at_a_dead_run_does_not_keep_it_from_going_on(store: RunStore) -> None:
    begin(store, "run")
    store.end("run", "failed")
    process = start(  # a look that takes long
        "import fcntl; file, byte = store._locks._place('run'); "
        "fcntl.lockf(file, fcntl.LOCK_SH, 1, byte); print('looking', flush=True); time.sleep(600)",
        store._writing.file.parent,
    )
    assert line_of(process) == "looking\n"
    threading.Timer(0.02, process.kill).start()
    begin(store, "run")
    kill(process)
    store.end("run", "succeeded")


def test_the_default_directory_is_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/somewhere")
    assert default_runs_directory().name == "tasksmithy"


# Finding a run


def test_a_run_is_found_by_the_beginning_of_its_id(store: RunStore) -> None:
    for run_id in ("rab1", "rab2", "rc"):
        begin(store, run_id)
        store.end(run_id, "succeeded")
    assert store.find("rc").id == "rc"
    assert store.find("rab2").id == "rab2"
    assert store.show("rab1").run.id == "rab1"


def test_a_whole_id_is_found_though_another_begins_with_it(store: RunStore) -> None:
    for run_id in ("r1", "r12"):
        begin(store, run_id)
        store.end(run_id, "succeeded")
    assert store.find("r1").id == "r1"


def test_a_beginning_of_several_ids_is_an_error_that_names_them(store: RunStore) -> None:
    for run_id in ("rab1", "rab2", "rc"):
        begin(store, run_id)
        store.end(run_id, "succeeded")
    with pytest.raises(
        UnknownRunError, match=r"2 runs begin with 'ra' \(rab1, rab2\): give more of the id"
    ):
        store.find("ra")


@pytest.mark.parametrize("unknown", ["rad", "", "%", "RAB"])
def test_an_unknown_run_is_an_error_that_says_where_it_looked(
    unknown: str, store: RunStore
) -> None:
    begin(store, "rab")
    store.end("rab", "succeeded")
    with pytest.raises(UnknownRunError, match=f"no run '{unknown}' is recorded in .*runs-1.db"):
        store.find(unknown)


def test_a_misspelt_run_is_answered_with_the_near_ones(store: RunStore) -> None:
    begin(store, "r0123456789")
    store.end("r0123456789", "succeeded")
    with pytest.raises(UnknownRunError, match="did you mean 'r0123456789'"):
        store.find("r0123465789")


def test_asking_makes_no_file(tmp_path: Path) -> None:
    with closing(RunStore(tmp_path / "mistyped")) as store:
        assert store.runs() == []
        assert dict(store.outputs("run")) == {}
        with pytest.raises(UnknownRunError):
            store.show("run")
    assert list(tmp_path.iterdir()) == []


# Executions


def test_an_execution_comes_back_as_it_was_recorded(store: RunStore) -> None:
    whole = TaskRecord(
        run="run",
        key="0/1",
        parent="0",
        task="demo.add",
        task_type="python",
        group="months",
        status="succeeded",
        queued=1.25,
        started=2.5,
        ended=1700000000.123456,
        attempts=(AttemptRecord(1, 2.5, 3.5, "ValueError: no"), AttemptRecord(2, 4.0, 5.0, None)),
        inputs="a=1, b='ü'",
        output=Encoded("pickle", b"\0\xff"),
        error="boom",
        report={"main": "<b>hi</b>", "ü": ""},
        code="c0de",
    )
    begin(store, "run")
    finish(store, whole)
    assert store.show("run").tasks == [whole]
    store.end("run", "succeeded")


def test_an_execution_that_never_started_comes_back_so(store: RunStore) -> None:
    bare = record("0", "cancelled")._replace(started=None)
    begin(store, "run")
    finish(store, bare)
    assert store.show("run").tasks == [bare]
    store.end("run", "cancelled")


def test_executions_come_in_the_order_in_which_they_were_queued(store: RunStore) -> None:
    begin(store, "run")
    finish(store, record("b", queued=2.0), record("a", queued=3.0), record("c", queued=1.0))
    assert [task.key for task in store.show("run").tasks] == ["c", "b", "a"]
    store.end("run", "succeeded")


def test_a_key_is_recorded_once_in_a_run(store: RunStore) -> None:
    begin(store, "run")
    finish(store, record("0", "failed"))
    finish(store, record("0"))
    assert [task.status for task in store.show("run").tasks] == ["succeeded"]
    store.end("run", "succeeded")


def test_text_that_is_not_unicode_is_recorded_escaped(store: RunStore) -> None:
    begin(store, "run")
    finish(store, record("0", "failed")._replace(error="no file \udcff", inputs="a='\ud800'"))
    (task,) = store.show("run").tasks
    assert (task.error, task.inputs) == (r"no file \udcff", r"a='\ud800'")
    store.end("run", "failed")


def test_a_thread_for_each_loop_may_record(store: RunStore) -> None:
    begin(store, "run")
    threads = [
        threading.Thread(target=finish, args=(store, *(record(f"{n}/{m}") for m in range(50))))
        for n in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.show("run").tasks) == 300
    store.end("run", "succeeded")


def test_records_that_finish_together_share_transactions(store: RunStore) -> None:
    statements: list[str] = []
    begin(store, "run")
    store._writing.use(lambda connection: connection.set_trace_callback(statements.append))
    finish(store, *(record(str(number)) for number in range(5000)))
    assert len(store.show("run").tasks) == 5000
    assert 1 <= statements.count("COMMIT") < 500
    store.end("run", "succeeded")


def test_who_is_cancelled_while_it_records_leaves_the_others_alone(store: RunStore) -> None:
    async def main() -> None:
        tasks = [asyncio.create_task(store.finished(record(str(n)))) for n in range(100)]
        await asyncio.sleep(0)
        tasks[50].cancel()
        await asyncio.wait(tasks)
        assert [task.cancelled() for task in tasks] == [n == 50 for n in range(100)]

    begin(store, "run")
    asyncio.run(main())
    assert len(store.show("run").tasks) == 100
    store.end("run", "succeeded")


def test_a_record_that_cannot_be_made_fails_who_recorded_it_and_no_one_else(
    store: RunStore,
) -> None:
    begin(store, "run")
    wrong = record("0")._replace(report={"main": object()})  # type: ignore[dict-item]
    with pytest.raises(TypeError, match="not JSON serializable"):
        finish(store, wrong)
    finish(store, record("1"))
    assert [task.key for task in store.show("run").tasks] == ["1"]
    store.end("run", "succeeded")


def test_a_store_can_be_used_after_it_was_closed(store: RunStore) -> None:
    begin(store, "run")
    for key in "abc":
        finish(store, record(key))
        store.close()
    assert len(store.show("run").tasks) == 3
    store.end("run", "succeeded")


# Removing runs


def test_a_removed_run_is_gone_with_its_executions(store: RunStore) -> None:
    for run_id in ("one", "two"):
        begin(store, run_id)
        finish(store, record("0", run=run_id, output=Encoded("json", b"42")))
        store.end(run_id, "succeeded")
    assert store.remove(["one", "never"]) == ["one"]
    assert [run.id for run in store.runs()] == ["two"]
    assert len(store.show("two").tasks) == 1
    assert dict(store.outputs("one")) == {}


def test_the_space_of_removed_runs_goes_back_to_the_disk(store: RunStore) -> None:
    begin(store, "run")
    finish(store, record("0", output=Encoded("raw", bytes(3_000_000))))
    store.end("run", "succeeded")
    store.remove(["run"])
    assert sum(file.stat().st_size for file in store._writing.file.parent.glob("*.db*")) < 100_000


def test_a_run_that_this_process_is_at_is_not_removed(store: RunStore) -> None:
    begin(store, "run")
    finish(store, record("0"))
    assert store.remove(["run"]) == []
    assert len(store.show("run").tasks) == 1
    store.end("run", "succeeded")


def test_a_run_that_another_process_is_at_is_not_removed(tmp_path: Path, store: RunStore) -> None:
    process = start(
        "store.begin('run', file=None, task='t', inputs=''); print('begun', flush=True); "
        "time.sleep(600)",
        tmp_path / "runs",
    )
    assert line_of(process) == "begun\n"
    assert store.remove(["run"]) == []
    kill(process)
    assert store.remove(["run"]) == ["run"]


def test_a_removed_run_can_be_neither_shown_nor_found(store: RunStore) -> None:
    begin(store, "run")
    store.end("run", "failed")
    store.remove(["run"])
    with pytest.raises(UnknownRunError):
        store.show("run")


def test_to_remove_from_no_records_makes_no_file(tmp_path: Path) -> None:
    with closing(RunStore(tmp_path / "mistyped")) as store:
        assert store.remove(["run"]) == []
    assert list(tmp_path.iterdir()) == []


# What a run is resumed from


def test_outputs_are_those_of_the_executions_that_succeeded(store: RunStore) -> None:
    begin(store, "run")
    statuses: list[TaskStatus] = ["succeeded", "cached", "resumed", "failed", "cancelled"]
    finish(store, *(record(s, s, output=Encoded("json", s.encode())) for s in statuses))
    finish(store, record("none"))
    finish(store, record("succeeded", run="other", output=Encoded("json", b"other")))
    outputs = store.outputs("run")
    assert dict(outputs) == {
        status: Kept(Encoded("json", status.encode()), "")
        for status in ("succeeded", "cached", "resumed")
    }
    assert len(outputs) == 3
    assert outputs.get("failed") is None
    store.end("run", "failed")


def test_an_output_comes_with_what_identifies_the_code_that_made_it(store: RunStore) -> None:
    begin(store, "run")
    finish(store, record("0", output=Encoded("json", b"1"))._replace(code="c0de"))
    assert store.outputs("run")["0"].code == "c0de"
    store.end("run", "failed")


def test_executions_that_succeeded_and_left_nothing_are_lost(store: RunStore) -> None:
    begin(store, "run")
    finish(store, record("kept", output=Encoded("json", b"1")), record("lost"))
    finish(store, record("failed", "failed"), record("lost", run="other"))
    assert store.lost(store.find("run")) == 1
    assert store.lost(store.find("run")._replace(unrecorded=3)) == 4
    store.end("run", "failed")


def test_what_tells_the_inputs_of_a_run_from_others_stays_as_it_began(store: RunStore) -> None:
    for digests in ({"n": "3f"}, {"n": "other"}):
        store.begin("run", file=None, task="t", inputs="n=3", digests=digests)
        store.end("run", "failed")
    assert store.digests("run") == {"n": "3f"}


# Secrets that became known after what holds them was recorded


SECRET = 's3cr3t & "é" s3cr3t'


def masked(store: RunStore, *records: TaskRecord) -> list[TaskRecord]:
    """The records of a run after it has handed out the secret."""
    store.begin("run", file=None, task="t", inputs=f"--token '{SECRET}'")
    finish(store, *records)
    learn([SECRET])
    return store.show("run").tasks


def on_disk(store: RunStore) -> bytes:
    """All that is on disk now, while the store is open."""
    folder = store._writing.file.parent
    return b"".join(file.read_bytes() for file in folder.glob("runs-1.db*"))


def test_a_secret_is_masked_in_every_text_of_a_record(store: RunStore) -> None:
    before = record("0", "failed")._replace(
        group=f"g {SECRET}",
        attempts=(AttemptRecord(1, 1.0, 2.0, f"e {SECRET}"),),
        inputs=f"token={SECRET!r}",
        error=f"ValueError({SECRET!r})",
        report={f"t {SECRET}": f"<b>{html.escape(SECRET)}</b>"},
    )
    assert masked(store, before) == [
        before._replace(
            group="g ***",
            attempts=(AttemptRecord(1, 1.0, 2.0, "e ***"),),
            inputs="token='***'",
            error="ValueError('***')",
            report={"t ***": "<b>***</b>"},
        )
    ]
    assert store.find("run").inputs == "--token '***'"
    assert b"s3cr3t" not in on_disk(store)  # at once: a kill -9 may come


def test_a_kept_result_that_holds_a_secret_is_dropped(store: RunStore) -> None:
    secret, other = (record(key, output=encode(key)) for key in (f"a {SECRET} b", "other"))
    (before, after) = masked(store, secret._replace(key="0"), other)
    assert (before.output, after.output) == (None, encode("other"))
    assert list(store.outputs("run")) == ["other"]
    assert b"s3cr3t" not in on_disk(store)


def test_what_is_recorded_after_the_secret_became_known_is_masked(store: RunStore) -> None:
    learn([SECRET])
    store.begin("run", file=None, task="t", inputs=SECRET)
    finish(store, record("0", output=encode(SECRET))._replace(error=SECRET))
    [shown] = store.show("run").tasks
    assert (shown.error, shown.output, store.find("run").inputs) == ("***", None, "***")
    assert b"s3cr3t" not in on_disk(store)


def test_records_without_the_secret_are_not_written_again(store: RunStore) -> None:
    begin(store, "run")
    finish(store, record("0", output=Encoded("raw", bytes(100_000))))
    changes = store._writing.use(lambda connection: connection.total_changes)
    learn([SECRET])
    assert store._writing.use(lambda connection: connection.total_changes) == changes
    store.end("run", "succeeded")


def test_another_run_is_not_masked(store: RunStore) -> None:
    other = record("0", run="other")._replace(inputs=SECRET)
    begin(store, "other")
    finish(store, other)
    store.end("other", "succeeded")
    masked(store)
    assert store.show("other").tasks == [other]
    store.end("run", "succeeded")


RECORDER = """
async def work(number):
    key = f"{sys.argv[2]}/{number}"
    await store.finished(record("run", key, Encoded("json", key.encode() * (number % 400))))
    os.write(1, f"{key}\\n".encode())

async def main():
    store.begin("run", file=None, task="t", inputs="")
    for start in range(0, 10**6, 20):
        await asyncio.gather(*map(work, range(start, start + 20)))

asyncio.run(main())
"""


def kill_and_check(directory: Path, rounds: int, dice: random.Random) -> None:
    promised: set[str] = set()
    for number in range(rounds):
        process = start(RECORDER, directory, number)
        first = {line_of(process).strip()} if dice.random() < 0.8 else set()
        time.sleep(dice.random() * 0.1)
        promised |= first | set(kill(process).splitlines())
        if not promised:
            continue
        with closing(sqlite3.connect(directory / "runs-1.db")) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        with closing(RunStore(directory)) as store:
            assert store.find("run").status == "dead"
            outputs = dict(store.outputs("run"))
        assert promised <= set(outputs)
        for key, kept in outputs.items():
            assert kept.output.data == key.encode() * (int(key.partition("/")[2]) % 400)
    assert promised


def test_what_finished_is_there_after_the_run_is_killed(tmp_path: Path) -> None:
    kill_and_check(tmp_path, rounds=6, dice=random.Random(1))


@pytest.mark.slow
def test_what_finished_is_there_after_runs_are_killed_many_times(tmp_path: Path) -> None:
    for number in range(4):
        kill_and_check(tmp_path / str(number), rounds=25, dice=random.Random(number))


# What cannot be written


def test_a_file_in_place_of_the_directory_is_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "runs").write_text("")
    with closing(RunStore(tmp_path / "runs")) as store:
        begin(store, "run")
        finish(store, record("0"), record("1"))
        store.end("run", "succeeded")
    (warning,) = warnings_of(caplog)
    assert str(tmp_path / "runs" / "runs-1.db") in warning
    assert "the run goes on without it" in warning


def test_to_read_what_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "runs-1.db").mkdir()
    with closing(RunStore(tmp_path)) as store:
        for read in (store.runs, lambda: store.show("run"), lambda: len(store.outputs("run"))):
            with pytest.raises(StoreError, match=r"the record of runs in .*runs-1\.db cannot be"):
                read()


def test_a_bad_file_is_moved_aside_with_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "runs-1.db").write_text("my notes\n" * 1000)
    with closing(RunStore(tmp_path)) as store:
        begin(store, "run")
        finish(store, record("0"))
        store.end("run", "succeeded")
        assert len(store.show("run").tasks) == 1
    (warning,) = warnings_of(caplog)
    assert str(tmp_path / "runs-1.db.aside-1") in warning
    assert (tmp_path / "runs-1.db.aside-1").read_text() == "my notes\n" * 1000


def test_a_record_too_large_for_sqlite_does_not_take_the_others_along(
    store: RunStore, caplog: pytest.LogCaptureFixture
) -> None:
    begin(store, "run")
    large = record("large", output=Encoded("raw", bytes(1_000_000_001)))
    finish(store, record("before"), large, record("after"))
    store.end("run", "succeeded")
    assert [task.key for task in store.show("run").tasks] == ["before", "after"]
    assert store.find("run").unrecorded == 1
    assert len(warnings_of(caplog)) == 1


FILLING = """
async def main():
    store.begin("run", file=None, task="t", inputs="")
    for number in range(60):
        await store.finished(record("run", str(number), Encoded("raw", bytes(50_000))))
    resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))
    store.end("run", "succeeded")

asyncio.run(main())
"""


def test_files_that_may_not_grow_are_one_warning_and_the_record_says_what_is_missing(
    tmp_path: Path,
) -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, -1))\n"
    process = start(limit + FILLING, tmp_path)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert err.count("\n") == 1
    assert str(tmp_path / "runs-1.db") in err
    with closing(RunStore(tmp_path)) as store:
        kept = len(store.outputs("run"))
        assert 0 < kept < 60
        assert store.find("run").unrecorded == 60 - kept
