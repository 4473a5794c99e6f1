"""`tasksmithy run` where its cache or its records cannot be kept: one warning, and it goes on."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from core.tests.conftest import CommandLine

PIPELINE = """
from tasksmithy import TaskEnvironment

env = TaskEnvironment(name="p")


@env.task(cache="auto")
async def part(n: int) -> bytes:
    return bytes(50_000)


@env.task
async def main() -> int:
    return sum([len(await part(n)) for n in range(40)])
"""

RESULT = "2000000\n"

STORES = [("--cache-dir", "cache-3.db"), ("--runs-dir", "runs-1.db")]


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    file = tmp_path / "pipeline.py"
    file.write_text(PIPELINE)
    return file


@pytest.fixture(params=STORES, ids=["cache", "runs"])
def store(request: pytest.FixtureRequest) -> tuple[str, str]:
    """The option for the folder of a store, and the store's file in it."""
    option: tuple[str, str] = request.param
    return option


def run(
    pipeline: Path, option: str, folder: Path, *, inside: tuple[str | Path, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """`tasksmithy run` with a store in the folder, by a command that runs others."""
    words = ["-m", "tasksmithy", "run", option, folder, pipeline, "main"]
    home = pipeline.parent / "home"
    return subprocess.run(
        [str(word) for word in (*inside, sys.executable, *words)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=os.environ | {"XDG_STATE_HOME": str(home), "XDG_CACHE_HOME": str(home)},
    )


def warnings_of(done: subprocess.CompletedProcess[str]) -> list[str]:
    """What the store of a run warned of; the run must have had its result."""
    assert (done.returncode, done.stdout) == (0, RESULT), done.stderr
    return [line for line in done.stderr.splitlines() if "WARNING tasksmithy.store" in line]


def test_a_file_in_the_place_of_the_folder(pipeline: Path, store: tuple[str, str]) -> None:
    option, name = store
    folder = pipeline.with_name("folder")
    folder.write_text("")
    [warning] = warnings_of(run(pipeline, option, folder))
    assert str(folder / name) in warning
    assert warning.endswith("; the run goes on without it")


def make_text(file: Path) -> None:
    file.write_text("my notes\n" * 1000)


def make_database_of_something_else(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE run (mine TEXT)")
        connection.commit()


def make_broken_database(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE mine (x TEXT)")
        connection.execute("INSERT INTO mine VALUES (hex(zeroblob(20000)))")
        connection.commit()
    data = file.read_bytes()
    file.write_bytes(data[:100] + b"\xff" * 5000 + data[5100:])


@pytest.mark.parametrize("make", [make_text, make_database_of_something_else, make_broken_database])
def test_a_file_that_is_no_store_is_moved_aside_and_kept(
    pipeline: Path, store: tuple[str, str], make: Callable[[Path], None]
) -> None:
    option, name = store
    file = pipeline.with_name("folder") / name
    file.parent.mkdir()
    make(file)
    content = file.read_bytes()
    [warning] = warnings_of(run(pipeline, option, file.parent))
    assert f"{file} cannot be used" in warning
    assert f"It is now {file}.aside-1" in warning
    assert Path(f"{file}.aside-1").read_bytes() == content
    assert warnings_of(run(pipeline, option, file.parent)) == []


def test_files_that_may_not_grow(pipeline: Path) -> None:
    folder = pipeline.with_name("home") / "tasksmithy"
    inside = ("sh", "-c", 'ulimit -f 1000 && exec "$@"', "sh")  # blocks of 512 bytes
    warnings = warnings_of(run(pipeline, "--cache-dir", folder, inside=inside))
    assert len(warnings) == 2  # one for each of the two
    for _, name in STORES:
        assert any(str(folder / name) in warning for warning in warnings)
        with closing(sqlite3.connect(folder / name)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.slow  # with the others that mount a file system
@pytest.mark.parametrize("options", ["ro", "size=500k", "size=4k"])
def test_a_disk_that_is_read_only_or_full(
    pipeline: Path, store: tuple[str, str], options: str
) -> None:
    option, name = store
    folder = pipeline.with_name("folder")
    folder.mkdir()
    mounted = f'mount -t tmpfs -o {options} tmpfs "$1" && shift && exec "$@"'
    inside = ("unshare", "--map-root-user", "--mount", "sh", "-c", mounted, "sh", folder)
    [warning] = warnings_of(run(pipeline, option, folder, inside=inside))
    assert str(folder / name) in warning
    assert warning.endswith("; the run goes on without it")


def on_small_disk(pipeline: Path, commands: str) -> list[str]:
    """What shell commands print in a folder `disk` of 300 KiB; `$t` is `tasksmithy`."""
    disk = pipeline.with_name("disk")
    disk.mkdir()
    script = f"""
        mount -t tmpfs -o size=300k tmpfs {disk}
        t="{sys.executable} -m tasksmithy"
        stores="--cache-dir disk/c --runs-dir disk/r"
        fill() {{ dd if=/dev/zero of=disk/fill bs=1k 2>/dev/null; }}
        {commands}
    """
    done = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", script],
        cwd=pipeline.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.slow
@pytest.mark.parametrize(
    "before",
    [
        "$t run --quiet $stores pipeline.py main",
        "$t run --quiet $stores pipeline.py part --n 1 | wc -l",
    ],
    ids=["full while it ran", "full afterwards"],
)
def test_a_full_disk_can_be_cleared(pipeline: Path, before: str) -> None:
    commands = f"""
        {before}; fill
        $t cache clear --cache-dir disk/c
        $t runs clear --runs-dir disk/r
        rm disk/fill
        $t run $stores pipeline.py part --n 1 2>/dev/null | wc -l
        $t cache info --cache-dir disk/c | head -1 | cut -d: -f2
        """
    _, cache, runs, result, info = on_small_disk(pipeline, commands)
    assert cache.startswith("dropped")
    assert runs == "dropped 1 run"
    assert result == "1"
    assert info.startswith(" 1 entry, 48.8 KiB of values; ")


@pytest.mark.slow
def test_of_a_full_disk_nothing_is_cleared_but_what_was_asked_for(pipeline: Path) -> None:
    commands = """
        $t run --quiet $stores pipeline.py part --n 1 | wc -l; fill
        $t cache clear --cache-dir disk/c --task other 2>&1
        $t runs clear --runs-dir disk/r --older-than 1d
        $t runs list --runs-dir disk/r | wc -l
        """
    _, cache, runs, listed = on_small_disk(pipeline, commands)
    assert "cannot be used" in cache
    assert runs == "dropped 0 runs"
    assert listed == "2"


@pytest.mark.slow
def test_what_is_in_a_read_only_folder_can_be_read(pipeline: Path) -> None:
    commands = """
        $t run --quiet $stores pipeline.py part --n 1 | wc -l
        mount -o remount,ro disk
        $t cache info --cache-dir disk/c | tail -1
        $t runs list --runs-dir disk/r | wc -l
        $t run --quiet $stores pipeline.py part --n 1 | wc -l
        """
    made, info, listed, again = on_small_disk(pipeline, commands)
    assert (made, listed, again) == ("1", "2", "1")
    assert info.split() == ["p.part", "1", "48.8", "KiB"]


# As it is in a container that runs as any number, which this process cannot become everywhere.
OF_A_USER_WHOM_THE_SYSTEM_DOES_NOT_KNOW = """
import pwd
import sys

pwd.getpwuid = {}.__getitem__
from tasksmithy.cli import main

sys.exit(main(sys.argv[1:]))
"""


def test_a_user_without_a_home_is_warned_of_each_store_and_has_the_result(pipeline: Path) -> None:
    without = ("HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME")
    program = ("-c", OF_A_USER_WHOM_THE_SYSTEM_DOES_NOT_KNOW, "run", pipeline, "main")
    done = subprocess.run(
        [sys.executable, *map(str, program)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={key: value for key, value in os.environ.items() if key not in without},
        cwd=pipeline.parent,
    )
    told = warnings_of(done)
    assert len(told) == len(STORES)
    assert all("this user has no home directory; set HOME" in warning for warning in told)
    assert [file.name for file in pipeline.parent.iterdir()] == ["pipeline.py"]


@pytest.mark.parametrize("kind", ["no permission", "no such name"])
@pytest.mark.parametrize(
    "command", [("cache", "info"), ("cache", "clear"), ("runs", "list"), ("runs", "show", "r")]
)
def test_a_store_that_cannot_be_looked_at_is_told(
    tasksmithy: CommandLine, command: tuple[str, ...], kind: str
) -> None:
    folder = tasksmithy.folder / ("x" * 300)
    if kind == "no permission":
        if os.geteuid() == 0:
            pytest.skip("root has all permissions")
        folder = tasksmithy.folder / "private"
        folder.mkdir(mode=0)
    option = "--cache-dir" if command[0] == "cache" else "--runs-dir"
    assert "cannot be used: [Errno " in tasksmithy(*command, option, folder).refusal()
