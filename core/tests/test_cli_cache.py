"""`tasksmithy cache`, as a person uses it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from core.tests.conftest import CommandLine

from tasksmithy.cli._table import size
from tasksmithy.runtime.stores._cache_store import CacheStore
from tasksmithy.values._storage import Encoded


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A cache of three entries."""
    with closing(CacheStore(tmp_path)) as store:
        store.put("a", "demo.add", Encoded("json", b"1"))
        store.put("b", "demo.add", Encoded("json", b"22"))
        store.put("c", "demo.words", Encoded("json", bytes(2048)))
    return tmp_path


def on_disk(directory: Path) -> str:
    return size(sum(file.stat().st_size for file in directory.glob("cache-3.db*")))


def left(directory: Path) -> list[str]:
    with closing(CacheStore(directory)) as store:
        return [key for key in "abc" if store.get(key, max_age=None)]


def test_info_shows_the_file_and_what_it_holds_of_each_task(
    tasksmithy: CommandLine, filled: Path
) -> None:
    assert tasksmithy("cache", "info", "--cache-dir", filled).printed() == (
        f"{filled}/cache-3.db: 3 entries, 2 KiB of values; the file has {on_disk(filled)}\n"
        "\n"
        "TASK        ENTRIES  SIZE\n"
        "demo.add    2        3 B\n"
        "demo.words  1        2 KiB\n"
    )


def test_info_prints_json(tasksmithy: CommandLine, filled: Path) -> None:
    assert json.loads(tasksmithy("cache", "info", "--json", "--cache-dir", filled).printed()) == {
        "path": f"{filled}/cache-3.db",
        "file_bytes": sum(file.stat().st_size for file in filled.glob("cache-3.db*")),
        "entries": 3,
        "bytes": 2051,
        "tasks": {
            "demo.add": {"entries": 2, "bytes": 3},
            "demo.words": {"entries": 1, "bytes": 2048},
        },
    }


def test_info_of_no_cache_makes_none(tasksmithy: CommandLine, tmp_path: Path) -> None:
    out = tasksmithy("cache", "info", "--cache-dir", tmp_path / "none").printed()
    assert out == f"{tmp_path}/none/cache-3.db: 0 entries, 0 B of values; the file has 0 B\n"
    assert list(tmp_path.iterdir()) == []


def test_the_users_cache_is_the_default(tasksmithy: CommandLine, tmp_path: Path) -> None:
    out = tasksmithy("cache", "info", XDG_CACHE_HOME=str(tmp_path), HOME=str(tmp_path)).printed()
    assert out.startswith(str(tmp_path))
    assert "tasksmithy" in out


def test_clear_drops_all_entries_and_says_how_many(tasksmithy: CommandLine, filled: Path) -> None:
    assert tasksmithy("cache", "clear", "--cache-dir", filled).printed() == "dropped 3 entries\n"
    assert left(filled) == []


def test_clear_drops_the_entries_of_one_task(tasksmithy: CommandLine, filled: Path) -> None:
    out = tasksmithy("cache", "clear", "--task", "demo.words", "--cache-dir", filled).printed()
    assert out == "dropped 1 entry\n"
    assert left(filled) == ["a", "b"]


def test_clear_drops_entries_by_their_age(tasksmithy: CommandLine, filled: Path) -> None:
    with closing(sqlite3.connect(filled / "cache-3.db")) as cache:
        cache.execute("UPDATE entry SET made = made - 7200 WHERE key IN ('a', 'c')")
        cache.commit()
    words = ("cache", "clear", "--cache-dir", filled, "--older-than")
    assert tasksmithy(*words, "3h").printed() == "dropped 0 entries\n"
    assert tasksmithy(*words, "90m", "--task", "demo.words").printed() == "dropped 1 entry\n"
    assert left(filled) == ["a", "b"]
    assert tasksmithy(*words, "90m").printed() == "dropped 1 entry\n"
    assert left(filled) == ["b"]


def test_clear_by_age_of_a_task_that_has_newer_entries_tells_no_near_miss(
    tasksmithy: CommandLine, filled: Path
) -> None:
    words = ("cache", "clear", "--older-than", "1d", "--task", "demo.words")
    assert tasksmithy(*words, "--cache-dir", filled).printed() == "dropped 0 entries\n"


def test_clear_of_a_task_that_has_no_entries_tells_the_near_miss(
    tasksmithy: CommandLine, filled: Path
) -> None:
    out = tasksmithy("cache", "clear", "--task", "demo.wrods", "--cache-dir", filled).printed()
    assert out.splitlines() == [
        "dropped 0 entries",
        "there are none of task 'demo.wrods'; did you mean 'demo.words' or 'demo.add'?",
    ]
    assert left(filled) == ["a", "b", "c"]


def test_clear_while_a_run_has_the_cache_open_drops_what_it_put(
    tasksmithy: CommandLine, filled: Path
) -> None:
    with closing(CacheStore(filled)) as store:
        store.put("d", "demo.more", Encoded("json", b"1"))
        assert (
            tasksmithy("cache", "clear", "--cache-dir", filled).printed() == "dropped 4 entries\n"
        )
        assert store.get("d", max_age=None) is None
        store.put("e", "demo.more", Encoded("json", b"1"))
        assert store.get("e", max_age=None)


@pytest.mark.parametrize("action", ["info", "clear"])
def test_a_cache_that_cannot_be_read_is_one_message(
    tasksmithy: CommandLine, action: str, tmp_path: Path
) -> None:
    (tmp_path / "cache-3.db").mkdir()
    done = tasksmithy("cache", action, "--cache-dir", tmp_path)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"error: the cache in {tmp_path}/cache-3.db cannot be used: ")
    assert done.err.count("\n") == 1


def test_a_bad_file_is_moved_aside_and_the_cache_is_empty(
    tasksmithy: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "cache-3.db").write_text("my notes\n" * 1000)
    done = tasksmithy("cache", "info", "--cache-dir", tmp_path)
    assert done.code == 0
    assert done.out.startswith(f"{tmp_path}/cache-3.db: 0 entries, 0 B of values")
    assert f"It is now {tmp_path}/cache-3.db.aside-1" in done.err
    assert done.err.count("\n") == 1
