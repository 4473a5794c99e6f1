"""The cache and the records are this user's alone, and what others can write is not used."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tasksmithy.errors import StoreError
from tasksmithy.runtime.stores._cache_store import CacheStore
from tasksmithy.runtime.stores._private import shared, state_folder
from tasksmithy.runtime.stores._run_store import RunStore
from tasksmithy.values._storage import Encoded

PROGRAM = """
from tasksmithy import Cache, TaskEnvironment, with_runcontext

env = TaskEnvironment(name="p")


@env.task(cache=Cache(serialize=True, version_override="1"))
async def one() -> int:
    return 1


print(with_runcontext(record=True).run(one))
"""

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="to give a file away takes root")


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    """The modes of all that is below a folder, by path; -wal and -shm may be gone by now."""
    return {
        str(place.relative_to(folder)): stat.S_IMODE(place.stat().st_mode)
        for place in folder.rglob("*")
    }


@pytest.mark.parametrize("mask", [0o000, 0o002, 0o022, 0o077, 0o277])
def test_folders_are_0700_and_files_0600_at_every_level_whatever_the_umask(
    tmp_path: Path, mask: int
) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    environ = {"XDG_STATE_HOME": str(tmp_path / "a/b"), "XDG_CACHE_HOME": str(tmp_path / "c/d")}
    with umask(mask):
        done = subprocess.run(
            [sys.executable, "program.py"],
            cwd=tmp_path,
            env=os.environ | environ | {"PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
    assert (done.stdout, done.stderr) == ("1\n", "")
    found = modes(tmp_path / "a") | modes(tmp_path / "c")
    folders = {"b", "b/tasksmithy", "b/tasksmithy/runs.locks", "d", "d/tasksmithy"}
    assert folders < found.keys()
    for name, mode in found.items():
        is_folder = name in folders or name.endswith(".locks")
        assert (name, oct(mode)) == (name, oct(0o700 if is_folder else 0o600))


@pytest.mark.parametrize("make", [CacheStore, RunStore])
def test_the_files_that_sqlite_makes_beside_a_store_are_private_while_it_is_open(
    tmp_path: Path, make: Callable[[Path], CacheStore | RunStore]
) -> None:
    with umask(0), closing(make(tmp_path / "store")) as store:
        if isinstance(store, CacheStore):
            store.put("key", "task", Encoded("json", b"1"))
        else:
            store.begin("r1", file=None, task="t", inputs="")
        open_now = {name: mode for name, mode in modes(tmp_path / "store").items() if "db" in name}
        assert len(open_now) == 3
        assert set(open_now.values()) == {0o600}


def test_a_store_that_others_could_read_is_private_from_when_it_is_used(tmp_path: Path) -> None:
    with closing(CacheStore(tmp_path)) as store:
        store.put("key", "task", Encoded("json", b"1"))
    file = tmp_path / "cache-3.db"
    file.chmod(0o644)
    with closing(CacheStore(tmp_path)) as store:
        assert store.get("key", max_age=None) == Encoded("json", b"1")
    assert modes(tmp_path)["cache-3.db"] == 0o600


def test_the_mode_of_a_folder_of_the_users_own_is_left_alone(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with closing(CacheStore(tmp_path)) as store:
        store.put("key", "task", Encoded("json", b"1"))
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


def give_everybody(folder: Path) -> None:
    folder.chmod(0o777)


def give_everybody_as_tmp(folder: Path) -> None:
    folder.chmod(0o1777)


def give_another_user(folder: Path) -> None:
    os.chown(folder, 12345, -1)


def give_another_user_the_file(folder: Path) -> None:
    os.chown(folder / "cache-3.db", 12345, -1)


def give_everybody_the_file(folder: Path) -> None:
    (folder / "cache-3.db").chmod(0o666)


def put_a_log_of_another_user_beside_it(folder: Path) -> None:
    file = folder / "cache-3.db-wal"
    file.write_bytes(b"")
    os.chown(file, 12345, -1)


def give_a_group(folder: Path) -> None:
    os.chown(folder, -1, 12345)
    folder.chmod(0o770)


@pytest.mark.parametrize(
    ("give", "reason"),
    [
        (give_everybody, "everybody can write {folder}"),
        (give_everybody_as_tmp, "everybody can write {folder}"),
        (give_everybody_the_file, "everybody can write {file}"),
        pytest.param(give_another_user, "{folder} belongs to user 12345", marks=as_root),
        pytest.param(give_another_user_the_file, "{file} belongs to user 12345", marks=as_root),
        pytest.param(
            put_a_log_of_another_user_beside_it, "{file}-wal belongs to user 12345", marks=as_root
        ),
        pytest.param(give_a_group, "a group can write {folder}", marks=as_root),
    ],
)
def test_a_store_that_others_can_write_is_refused_with_what_to_do(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    give: Callable[[Path], None],
    reason: str,
) -> None:
    with closing(CacheStore(tmp_path)) as store:
        store.put("key", "task", Encoded("json", b"1"))
    give(tmp_path)
    with closing(CacheStore(tmp_path)) as store:
        assert store.get("key", max_age=None) is None
        with pytest.raises(StoreError) as refused:
            store.info()
    message = str(refused.value)
    assert reason.format(folder=tmp_path, file=tmp_path / "cache-3.db") in message
    assert "could have it run code as you. Take another folder, or have this one" in message
    assert "; the run goes on without it" in caplog.text


def test_records_that_others_can_write_are_refused_at_a_resume(tmp_path: Path) -> None:
    with closing(RunStore(tmp_path)) as store:
        store.begin("r1", file=None, task="t", inputs="")
    tmp_path.chmod(0o777)
    with closing(RunStore(tmp_path)) as store, pytest.raises(StoreError, match="everybody can"):
        store.find("r1")


def test_a_folder_that_the_users_own_group_can_write_is_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As many systems make it: the umask is 002, and each user has a group of the same name.
    import grp
    import pwd

    tmp_path.chmod(0o775)
    name, group = pwd.getpwuid(os.geteuid()).pw_name, tmp_path.stat().st_gid
    for members, expected in [([], None), ([name], None), (["eve"], "a group can write")]:
        entry = grp.struct_group((name, "x", group, members))
        monkeypatch.setattr(grp, "getgrgid", lambda _, entry=entry: entry)
        assert (shared(tmp_path) or "").startswith(expected or "")
        assert (shared(tmp_path) is None) is (expected is None)


def test_what_is_not_there_is_nobodys(tmp_path: Path) -> None:
    assert shared(tmp_path / "nothing") is None


@pytest.mark.parametrize("home", ["/nonexistent", "/proc"])
def test_the_state_folder_of_a_user_without_a_home_is_in_the_temporary_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: str
) -> None:
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setenv("HOME", home)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert state_folder() == tmp_path / f"tasksmithy-{os.getuid()}"
    assert modes(tmp_path) == {f"tasksmithy-{os.getuid()}": 0o700}


def test_a_state_folder_that_others_have_made_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setenv("HOME", "/proc")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    place = tmp_path / f"tasksmithy-{os.getuid()}"
    place.mkdir()
    place.chmod(0o777)
    with pytest.raises(PermissionError, match="everybody can write"):
        state_folder()
    place.rmdir()
    place.symlink_to(tmp_path)
    with pytest.raises(PermissionError, match="is a link"):
        state_folder()


def test_a_state_folder_that_is_named_and_cannot_be_made_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/proc")
    with pytest.raises(OSError, match="/proc"):
        state_folder()
