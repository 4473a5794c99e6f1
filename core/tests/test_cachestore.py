"""The cache on disk: shared by processes and threads, whole after kill -9, never in a run's way."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tasksmithy.errors import StoreError
from tasksmithy.runtime.stores._cache_store import CacheStore, Usage, default_cache_directory
from tasksmithy.values._storage import Encoded

PRELUDE = """
import asyncio, os, signal, sys, threading, time
from pathlib import Path
from tasksmithy.values._storage import Encoded
from tasksmithy.runtime.stores._cache_store import CacheStore

store = CacheStore(Path(sys.argv[1]))
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CacheStore]:
    with closing(CacheStore(tmp_path / "cache")) as store:
        yield store


def file_of(store: CacheStore) -> Path:
    return store.info().path


def value(text: str = "42") -> Encoded:
    return Encoded("json", text.encode())


def start(script: str, directory: Path, *words: object) -> subprocess.Popen[str]:
    """A process of its own that has the store of a directory."""
    command = [sys.executable, "-c", PRELUDE + script, str(directory), *map(str, words)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def ended(process: subprocess.Popen[str]) -> str:
    """What a process printed; it must have ended well, and said nothing."""
    out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, "")
    return out


def kill(process: subprocess.Popen[str]) -> str:
    """What a process had printed when it was killed; it must not have complained."""
    process.kill()
    with process:  # communicate() would leave out what readline() has read ahead
        assert process.stdout
        assert process.stderr
        assert process.stderr.read() == ""
        return process.stdout.read()


# Entries


def test_what_is_put_is_found(store: CacheStore) -> None:
    store.put("key", "task", Encoded("pickle", b"\0\xff"))
    assert store.get("key", max_age=None) == Encoded("pickle", b"\0\xff")


def test_what_was_not_put_is_not_found(store: CacheStore) -> None:
    assert store.get("key", max_age=None) is None


def test_a_second_put_takes_the_place_of_the_first(store: CacheStore) -> None:
    store.put("key", "task", value("1"))
    store.put("key", "task", value("2"))
    assert store.get("key", max_age=None) == value("2")
    assert store.info().total.entries == 1


def test_an_entry_older_than_max_age_is_not_found(store: CacheStore) -> None:
    store.put("key", "task", value())
    time.sleep(0.05)
    assert store.get("key", max_age=0.04) is None
    assert store.get("key", max_age=3600) == value()


def test_a_put_makes_an_old_entry_new(store: CacheStore) -> None:
    store.put("key", "task", value())
    with closing(sqlite3.connect(file_of(store))) as connection, connection:
        connection.execute("UPDATE entry SET made = made - 7200")
    assert store.get("key", max_age=3600) is None
    store.put("key", "task", value())
    assert store.get("key", max_age=3600) == value()


def test_entries_outlive_the_process(tmp_path: Path) -> None:
    ended(start("store.put('key', 'task', Encoded('json', b'42'))", tmp_path))
    with closing(CacheStore(tmp_path)) as store:
        assert store.get("key", max_age=None) == value()


def test_a_relative_directory_stays_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with closing(CacheStore(Path("here"))) as store:
        monkeypatch.chdir("/")
        store.put("key", "task", value())
        assert file_of(store).parent == tmp_path / "here"


def test_only_the_user_may_look_into_the_directory(store: CacheStore) -> None:
    store.put("key", "task", value())
    assert file_of(store).parent.stat().st_mode & 0o777 == 0o700


def test_the_default_directory_is_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert default_cache_directory().name == "tasksmithy"


class AgainstADict(RuleBasedStateMachine):
    """The store does what a dict does, also when it is closed and opened in between."""

    keys = st.sampled_from("abcdef")
    tasks = st.sampled_from(["one", "two"])

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())
        self.store = CacheStore(self.directory)
        self.model: dict[str, tuple[str, Encoded]] = {}

    @rule(key=keys, task=tasks, name=st.sampled_from(["a", "b"]), data=st.binary(max_size=9000))
    def put(self, key: str, task: str, name: str, data: bytes) -> None:
        self.store.put(key, task, Encoded(name, data))
        self.model[key] = task, Encoded(name, data)

    @rule(key=keys)
    def get(self, key: str) -> None:
        found = self.store.get(key, max_age=3600)
        assert found == self.model.get(key, (None, None))[1]

    @rule(task=tasks)
    def clear_a_task(self, task: str) -> None:
        kept = {key: entry for key, entry in self.model.items() if entry[0] != task}
        assert self.store.clear(task) == len(self.model) - len(kept)
        self.model = kept

    @rule()
    def clear(self) -> None:
        assert self.store.clear() == len(self.model)
        self.model = {}

    @rule()
    def open_anew(self) -> None:
        self.store.close()
        self.store = CacheStore(self.directory)

    @invariant()
    def info_counts_the_entries(self) -> None:
        sizes: dict[str, list[int]] = {}
        for task, encoded in self.model.values():
            sizes.setdefault(task, []).append(len(encoded.data))
        expected = {task: Usage(len(each), sum(each)) for task, each in sizes.items()}
        assert self.store.info().tasks == expected
        assert self.store.info().total.entries == len(self.model)

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.directory)


TestAgainstADict = AgainstADict.TestCase
TestAgainstADict.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)


# info and clear


def test_clear_gives_the_space_back_to_the_disk(store: CacheStore) -> None:
    for number in range(20):
        store.put(str(number), "task", Encoded("raw", bytes(100_000)))
    store.clear()
    left = sum(file.stat().st_size for file in file_of(store).parent.glob("cache-3.db*"))
    assert left < 100_000


def test_asking_makes_no_file(tmp_path: Path) -> None:
    store = CacheStore(tmp_path / "mistyped")
    assert store.info().total == (0, 0)
    assert store.clear() == 0
    assert list(tmp_path.iterdir()) == []


def test_info_and_clear_say_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "cache-3.db").mkdir()
    with pytest.raises(StoreError, match=r"the cache in .*cache-3\.db cannot be used: unable to"):
        CacheStore(tmp_path).info()
    with pytest.raises(StoreError, match=r"cache-3\.db"):
        CacheStore(tmp_path).clear()


# Several at once


def test_threads_share_a_store(store: CacheStore) -> None:
    def work(thread: int) -> None:
        for number in range(100):
            store.put(f"{thread}/{number}", "task", value(f"{thread}/{number}"))
            found = store.get(f"{thread}/{number}", max_age=None)
            assert found == value(f"{thread}/{number}")
            done.append(number)

    done: list[int] = []
    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == store.info().total.entries == 800


def test_processes_that_make_the_store_at_one_time_share_it(tmp_path: Path) -> None:
    script = """
sys.stdin.read()
for number in range(50):
    store.put(f"{sys.argv[2]}/{number}", "task", Encoded("json", b"42"))
"""
    command = [sys.executable, "-c", PRELUDE + script, str(tmp_path / "cache")]
    processes = [
        subprocess.Popen(
            [*command, str(number)], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for number in range(6)
    ]
    for process in processes:  # all of them wait for it
        assert process.stdin
        process.stdin.close()
        process.stdin = None
    assert [process.communicate(timeout=120)[1] for process in processes] == [""] * 6
    with closing(CacheStore(tmp_path / "cache")) as store:
        assert store.info().total.entries == 300


def test_a_forked_child_has_the_store_too(tmp_path: Path) -> None:
    script = """
store.put("before", "task", Encoded("json", b"1"))
store._database._lock.acquire()  # as if another thread were using it
child = os.fork()
if child == 0:
    signal.alarm(20)
    assert store.get("before", max_age=None)
    store.put("child", "task", Encoded("json", b"2"))
    sys.exit(0)
store._database._lock.release()
assert os.waitpid(child, 0)[1] == 0
store.put("after", "task", Encoded("json", b"3"))
print(store.info().total.entries)
"""
    assert ended(start(script, tmp_path)) == "3\n"


# Kill -9

WRITER = """
import random
os.write(1, b"ready\\n")

def write(name):
    dice = random.Random(name)
    for number in range(100_000):
        key = f"{name}/{number}"
        size = dice.choice([10, 1_000, 30_000])
        store.put(key, "task", Encoded(str(size), (key.encode() * size)[:size]))
        os.write(1, f"{key}\\n".encode())

for thread in range(2):
    threading.Thread(target=write, args=(f"{sys.argv[2]}/{thread}",)).start()
"""


def kill_and_check(directory: Path, rounds: int, dice: random.Random) -> None:
    promised: set[str] = set()
    for number in range(rounds):
        writers = [start(WRITER, directory, f"{number}/{writer}") for writer in range(2)]
        for writer in writers:
            if dice.random() < 0.8:  # the others are killed while they start
                assert writer.stdout
                writer.stdout.readline()
            time.sleep(dice.random() * 0.1)
        for writer in writers:
            promised.update(line for line in kill(writer).splitlines() if line != "ready")
        if (directory / "cache-3.db").exists():
            check(directory, promised)
    assert promised
    assert list(directory.glob("*aside*")) == []


def check(directory: Path, promised: set[str]) -> None:
    with closing(sqlite3.connect(directory / "cache-3.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        if connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
            assert not promised  # killed before the tables were made
            return
        found = set()
        for key, size, data in connection.execute("SELECT key, format, data FROM entry"):
            assert data == (key.encode() * int(size))[: int(size)]
            found.add(key)
    assert promised <= found


def test_a_store_whose_writers_are_killed_is_whole_and_has_what_was_put(tmp_path: Path) -> None:
    kill_and_check(tmp_path, rounds=6, dice=random.Random(1))


@pytest.mark.slow
def test_a_store_whose_writers_are_killed_many_times_is_whole(tmp_path: Path) -> None:
    for number in range(4):
        kill_and_check(tmp_path / str(number), rounds=25, dice=random.Random(number))


# The lock of a key

HOLDER = """
async def main():
    async with store.lock("key"):
        print("held", flush=True)
        sys.stdin.read() if len(sys.argv) > 2 else await asyncio.sleep(600)

asyncio.run(main())
"""


def held(process: subprocess.Popen[str]) -> subprocess.Popen[str]:
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    return process


async def is_free(store: CacheStore, key: str, within: float = 30) -> bool:
    """Whether a lock can be had within so many seconds."""
    try:
        async with asyncio.timeout(within), store.lock(key):
            return True
    except TimeoutError:
        return False


async def is_held(store: CacheStore, key: str) -> bool:
    """Whether a lock cannot be had within a short time."""
    return not await is_free(store, key, 0.3)


def test_a_lock_has_one_holder_among_processes(tmp_path: Path) -> None:
    script = """
path = Path(sys.argv[1], "log")
async def main():
    for _ in range(30):
        async with store.lock("key"):
            with path.open("a") as log:
                log.write("in\\n")
            await asyncio.sleep(0.001)
            with path.open("a") as log:
                log.write("out\\n")

asyncio.run(main())
"""
    for process in [start(script, tmp_path) for _ in range(3)]:
        ended(process)
    assert (tmp_path / "log").read_text().split() == ["in", "out"] * 90


def test_a_lock_has_one_holder_among_coroutines_and_threads_and_stores(tmp_path: Path) -> None:
    log: list[str] = []

    async def work() -> None:
        store = CacheStore(tmp_path)

        async def use() -> None:
            async with store.lock("key"):
                log.append("in")
                await asyncio.sleep(0.001)
                log.append("out")

        await asyncio.gather(*(use() for _ in range(10)))

    threads = [threading.Thread(target=asyncio.run, args=(work(),)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert log == ["in", "out"] * 30


def test_waiting_for_a_lock_leaves_the_loop_free(tmp_path: Path, store: CacheStore) -> None:
    async def main() -> int:
        ticks = 0
        async with asyncio.timeout(None) as bound, asyncio.TaskGroup() as group:
            waiting = group.create_task(is_held(CacheStore(tmp_path), "key"))
            while not waiting.done():
                await asyncio.sleep(0.01)
                ticks += 1
            bound.reschedule(None)
        assert waiting.result()
        return ticks

    holder = held(start(HOLDER, tmp_path))
    assert asyncio.run(main()) > 3
    kill(holder)


def test_a_lock_is_free_after_its_holder_is_killed(tmp_path: Path, store: CacheStore) -> None:
    async def wait() -> None:
        async with CacheStore(tmp_path).lock("key"):
            pass

    async def main() -> None:
        assert await is_held(CacheStore(tmp_path), "key")
        waiting = asyncio.create_task(wait())
        await asyncio.sleep(0.05)
        kill(holder)
        await asyncio.wait_for(waiting, 30)

    holder = held(start(HOLDER, tmp_path))
    asyncio.run(main())


def test_a_lock_is_free_though_a_child_of_its_killed_holder_lives(tmp_path: Path) -> None:
    script = """
async def main():
    async with store.lock("key"):
        child = os.fork()
        if child == 0:
            time.sleep(600)
        print("held", flush=True)
        print(child, flush=True)
        time.sleep(600)

asyncio.run(main())
"""
    holder = held(start(script, tmp_path))
    assert holder.stdout
    child = int(holder.stdout.readline())
    holder.kill()
    holder.wait()
    try:
        assert asyncio.run(is_free(CacheStore(tmp_path), "key"))
        os.kill(child, 0)  # it does live
    finally:
        os.kill(child, signal.SIGKILL)
        holder.communicate()


def test_a_lock_is_free_after_its_body_raised(store: CacheStore) -> None:
    async def main() -> None:
        with pytest.raises(ZeroDivisionError):
            async with store.lock("key"):
                raise ZeroDivisionError
        assert await is_free(store, "key")

    asyncio.run(main())


def test_who_gives_up_waiting_takes_nothing(store: CacheStore) -> None:
    async def main() -> None:
        async with store.lock("key"):
            assert await is_held(store, "key")
        assert await is_free(store, "key")

    asyncio.run(main())


def test_thousands_of_locks_can_be_held_at_one_time(store: CacheStore, tmp_path: Path) -> None:
    async def hold(number: int) -> None:
        nonlocal most
        async with store.lock(str(number)):
            most += 1
            await everyone.wait()

    async def hold_all() -> None:
        await asyncio.wait_for(asyncio.gather(*map(hold, range(3000))), 60)

    most = 0
    everyone = asyncio.Barrier(3000)
    asyncio.run(hold_all())
    assert most == 3000
    opened = [link for link in Path("/proc/self/fd").iterdir() if _points_into(link, tmp_path)]
    assert 1 <= len(opened) < 30


def _points_into(link: Path, directory: Path) -> bool:
    try:
        return link.readlink().is_relative_to(directory)
    except OSError:  # the descriptor that lists the descriptors
        return False


# Bad files


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "tasksmithy.store"]


def make_text(file: Path) -> None:
    file.write_text("these are my notes, which are no database\n" * 100)


def make_foreign(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE notes (text)")
        connection.commit()


def make_torn(file: Path) -> None:
    """A cache whose pages are overwritten, but for the first."""
    with closing(CacheStore(file.parent)) as store:
        for number in range(500):
            store.put(f"{number:03}", "task", value("x" * 100))
    with file.open("r+b") as pages:
        pages.seek(4096)
        pages.write(os.urandom(file.stat().st_size - 4096))


@pytest.mark.parametrize("make", [make_text, make_foreign, make_torn])
def test_a_bad_file_is_moved_aside_with_one_warning(
    make: object, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "cache-3.db"
    make(file)  # type: ignore[operator]
    before = file.read_bytes()
    with closing(CacheStore(tmp_path)) as store:
        assert store.get("250", max_age=None) is None
        store.put("250", "task", value())
        assert store.get("250", max_age=None) == value()
    (warning,) = warnings_of(caplog)
    assert str(file) in warning
    assert f"It is now {file}.aside-1" in warning
    assert (tmp_path / "cache-3.db.aside-1").read_bytes() == before
    with closing(CacheStore(tmp_path)) as store:
        assert store.get("250", max_age=None) == value()


def test_a_file_that_goes_bad_while_it_is_open_is_moved_aside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(CacheStore(tmp_path)) as first, closing(CacheStore(tmp_path)) as second:
        for number in range(5000):
            first.put(f"{number:04}", "task", value("x" * 500))
        assert second.get("0001", max_age=None)
        file = tmp_path / "cache-3.db"
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with file.open("r+b") as pages:
            pages.seek(4096)
            pages.write(os.urandom(file.stat().st_size - 4096))
        for store in (first, second):  # the second finds that it has been replaced already
            for number in range(0, 5000, 7):
                store.get(f"{number:04}", max_age=None)
            store.put("key", "task", value())
            assert store.get("key", max_age=None) == value()
    assert [file.name for file in tmp_path.glob("*aside-[0-9]")] == ["cache-3.db.aside-1"]
    assert len(warnings_of(caplog)) == 1


def test_processes_that_find_a_bad_file_at_one_time_move_it_once(tmp_path: Path) -> None:
    make_text(tmp_path / "cache-3.db")
    script = """
for number in range(20):
    store.put(f"{os.getpid()}/{number}", "task", Encoded("json", b"42"))
"""
    processes = [start(script, tmp_path) for _ in range(4)]
    warned = [process.communicate(timeout=120)[1] for process in processes]
    assert sorted(warning.count("\n") for warning in warned) == [0, 0, 0, 1]
    assert [file.name for file in tmp_path.glob("*aside-[0-9]")] == ["cache-3.db.aside-1"]
    with closing(CacheStore(tmp_path)) as store:
        assert store.info().total.entries == 80


# No room, no permission


def test_a_file_in_place_of_the_directory_is_one_warning_and_no_cache(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def twice() -> None:
        async with store.lock("key"), store.lock("other"):
            pass

    (tmp_path / "cache").write_text("")
    store = CacheStore(tmp_path / "cache")
    for _ in range(3):
        assert store.get("key", max_age=None) is None
        store.put("key", "task", value())
    asyncio.run(twice())
    (warning,) = warnings_of(caplog)
    assert str(tmp_path / "cache" / "cache-3.db") in warning
    assert "the run goes on without it" in warning


def test_after_what_cannot_be_kept_there_is_one_warning_and_no_more_is_kept(
    store: CacheStore, caplog: pytest.LogCaptureFixture
) -> None:
    store.put("before", "task", value())
    store.put("key", "task", Encoded("raw", bytes(1_000_000_001)))  # more than SQLite can hold
    store.put("after", "task", value())
    found = [key for key in ("before", "key", "after") if store.get(key, max_age=None)]
    assert found == ["before"]
    assert len(warnings_of(caplog)) == 1


FILLING = """
for number in range(60):
    store.put(str(number), "task", Encoded("raw", bytes(50_000)))
kept = [number for number in range(60) if store.get(str(number), max_age=None)]
assert all(len(store.get(str(number), max_age=None).data) == 50_000 for number in kept)
print(len(kept))
"""


def test_files_that_may_not_grow_are_one_warning_and_the_run_goes_on(tmp_path: Path) -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, -1))\n"
    process = start(limit + FILLING, tmp_path)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert 0 < int(out) < 60
    assert err.count("\n") == 1
    assert str(tmp_path / "cache-3.db") in err
    with closing(sqlite3.connect(tmp_path / "cache-3.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def in_mount(options: str, script: str, directory: Path) -> subprocess.CompletedProcess[str]:
    """Run a script whose store is in a file system of its own, which only it can see."""
    mounted = f'mount -t tmpfs -o {options} tmpfs "$1" && shift && exec "$@"'
    command = ["unshare", "--map-root-user", "--mount", "sh", "-c", mounted, "sh", directory]
    return subprocess.run(
        [*command, sys.executable, "-c", PRELUDE + script, directory],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.slow
def test_a_full_disk_is_one_warning_and_the_run_goes_on(tmp_path: Path) -> None:
    done = in_mount("size=1m,mode=700", FILLING, tmp_path)
    assert done.returncode == 0, done.stderr
    assert 0 < int(done.stdout) < 60
    assert done.stderr.count("\n") == 1
    assert "database or disk is full; the run goes on without it" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("size", ["4k", "8k", "16k", "32k"])
def test_a_disk_that_is_full_from_the_start_is_one_warning(size: str, tmp_path: Path) -> None:
    done = in_mount(f"size={size},mode=700", FILLING, tmp_path)
    assert (done.returncode, done.stdout) == (0, "0\n"), done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
def test_a_read_only_disk_is_one_warning_and_no_cache(tmp_path: Path) -> None:
    script = FILLING + "asyncio.run(store.lock('key').__aenter__())"
    done = in_mount("ro", script, tmp_path)
    assert (done.returncode, done.stdout) == (0, "0\n"), done.stderr
    assert done.stderr.count("\n") == 1
    assert str(tmp_path) in done.stderr
