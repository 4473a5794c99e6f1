"""Secrets as files, of processes that are killed: gone when the next run starts."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tasksmithy import Secret, TaskEnvironment, run
from tasksmithy.runtime.secrets._abandoned import remove_abandoned
from tasksmithy.runtime.secrets._mounts import mounted

env = TaskEnvironment(name="mounts")


@env.task
async def task() -> None:
    """Does nothing."""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The temporary directory of this machine."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


KILLED = """
import os, sys
from pathlib import Path
from tasksmithy import Secret
from tasksmithy.runtime.secrets._mounts import mounted

with mounted({Secret("key", mount="/etc/secrets"): "v"}) as mounts:
    print(mounts.root, flush=True)
    sys.stdin.read()
    os.kill(os.getpid(), 9)
"""


@contextmanager
def mounting(temporary: Path) -> Iterator[tuple[Path, subprocess.Popen[str]]]:
    """Another process with a mounted secret, which kills itself at the end of its input."""
    with subprocess.Popen(
        [sys.executable, "-c", KILLED],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(temporary)},
    ) as process:
        assert process.stdout is not None
        yield Path(process.stdout.readline().strip()), process
        process.communicate()


def test_what_a_killed_process_left_behind_is_removed_when_another_run_starts(
    temporary: Path,
) -> None:
    with mounting(temporary) as (root, _):
        remove_abandoned.__wrapped__()
        assert (root / "etc/secrets/key").read_text() == "v"  # its process is alive
    assert (root / "etc/secrets/key").read_text() == "v"  # nobody has looked yet
    (temporary / "tasksmithy-secrets-file").write_text("a file of the user's own")
    (temporary / "tasksmithy-secrets-link").symlink_to(temporary / "elsewhere")
    (temporary / "elsewhere").mkdir()
    remove_abandoned.cache_clear()  # as in a process that starts
    run(task)
    assert not root.exists()
    assert {place.name for place in temporary.iterdir()} == {
        "elsewhere",
        "tasksmithy-secrets-file",
        "tasksmithy-secrets-link",
    }


@pytest.mark.skipif(os.geteuid() != 0, reason="to give a folder away takes root")
def test_what_belongs_to_another_user_is_left_alone(temporary: Path) -> None:
    folder = temporary / "tasksmithy-secrets-other"
    folder.mkdir()
    os.chown(folder, 12345, -1)
    remove_abandoned.__wrapped__()
    assert folder.exists()


def test_a_folder_that_is_taken_for_abandoned_before_it_is_locked_is_made_anew(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    make = tempfile.mkdtemp

    def made_and_removed(**options: str) -> str:
        made.append(make(**options))
        if len(made) < 3:
            remove_abandoned.__wrapped__()
        return made[-1]

    monkeypatch.setattr(tempfile, "mkdtemp", made_and_removed)
    with mounted({Secret("key", mount="/etc/secrets"): "v"}) as mounts:
        assert str(mounts.root) == made[2]
        assert [place.name for place in temporary.iterdir()] == [Path(made[2]).name]
