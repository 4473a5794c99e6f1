"""A damaged row of a store is made anew, alone; what cannot be told is an error with its place."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tasksmithy import Cache, StoreError, TaskEnvironment, with_runcontext
from tasksmithy.cli import main
from tasksmithy.runtime.stores._run_store import RunStore

env = TaskEnvironment(name="t")
calls: list[int] = []


@env.task
async def step(n: int) -> int:
    calls.append(n)
    return n * 10


@env.task
async def steps(fails: list[int]) -> int:
    parts = await asyncio.gather(*map(step, range(1, 6)))
    if fails:
        fails.pop()
        raise RuntimeError("not yet")
    return sum(parts)


@env.task(cache=Cache(version_override="1"))
async def kept(n: int) -> int:
    calls.append(n)
    return n * 10


@pytest.fixture(autouse=True)
def _fresh() -> None:
    calls.clear()


@pytest.fixture
def run_id(tmp_path: Path) -> str:
    """A run that failed after its five steps, in the folder of the test."""
    with pytest.raises(RuntimeError, match="not yet"):
        with_runcontext(runs_dir=tmp_path, record=True).run(steps, [1])
    calls.clear()
    with closing(RunStore(tmp_path)) as store:
        return store.runs()[0].id


def change(file: Path, statement: str) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(statement)
        connection.commit()


RESULTS = [
    "code = CAST(x'ff41' AS TEXT)",
    "output = 5",
    "output = 'abcdefgh'",
    "output = x''",
    "output = x'ff00ff00ff00'",
    "output = zeroblob(20)",
    "output = NULL",
    "format = 7",
    "format = CAST(x'ff' AS TEXT)",
]


@pytest.mark.parametrize("damage", RESULTS)
def test_a_damaged_result_is_made_anew_and_the_others_are_kept(
    tmp_path: Path, run_id: str, damage: str
) -> None:
    change(tmp_path / "runs-1.db", f"UPDATE task SET {damage} WHERE inputs = 'n=2'")
    with pytest.raises(RuntimeError, match="not yet"):
        with_runcontext(runs_dir=tmp_path, resume=run_id).run(steps, [1])
    assert calls == [2]


@pytest.mark.parametrize(
    "damage", ["data = 'abcdefgh'", "data = 5", "data = zeroblob(9)", "format = 7"]
)
def test_a_damaged_entry_of_the_cache_is_made_anew(tmp_path: Path, damage: str) -> None:
    cached = with_runcontext(cache_dir=tmp_path)
    assert cached.run(kept, 2) == 20
    change(tmp_path / "cache-3.db", f"UPDATE entry SET {damage}")
    assert [cached.run(kept, 2), cached.run(kept, 2)] == [20, 20]
    assert calls == [2, 2]


TEXTS = [
    "attempts",
    "inputs",
    "error",
    "report",
    "status",
    "group_name",
    "parent",
    "task",
    "queued",
]
DAMAGE = ["zeroblob(30)", "CAST(x'ff41' AS TEXT)", "5", "'[[1]]'", "'{'", "'[{}]'", "'\"text\"'"]


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_run_with_a_damaged_record_is_shown_and_reported(
    tmp_path: Path, run_id: str, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for column in TEXTS:
        change(tmp_path / "runs-1.db", f"UPDATE task SET {column} = {damage} WHERE inputs = 'n=2'")
        for words in (["show"], ["show", "--json"], ["report", "--output", f"{tmp_path}/r.html"]):
            assert main(["runs", *words, run_id, "--runs-dir", str(tmp_path)]) == 0
        assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "column", ["started", "ended", "pid", "status", "inputs", "version", "file"]
)
def test_a_list_with_a_damaged_run_is_shown(
    tmp_path: Path, run_id: str, column: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for damage in DAMAGE:
        change(tmp_path / "runs-1.db", f"UPDATE run SET {column} = {damage}")
        assert main(["runs", "list", "--runs-dir", str(tmp_path)]) == 0
        assert run_id in capsys.readouterr().out


@pytest.mark.parametrize("damage", ["'{'", "5", "'[]'", "CAST(x'ff' AS TEXT)"])
def test_a_run_of_which_nothing_tells_how_it_began_cannot_be_resumed(
    tmp_path: Path, run_id: str, damage: str
) -> None:
    change(tmp_path / "runs-1.db", f"UPDATE run SET digests = {damage}")
    with pytest.raises(StoreError, match=f"runs-1.db cannot be used: what run {run_id} began with"):
        with_runcontext(runs_dir=tmp_path, resume=run_id).run(steps, [])
