"""An attempt whose process is lost is made again, apart from the retries of its task."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tasksmithy import TaskEnvironment, WorkerDiedError, run

env = TaskEnvironment(name="l", env_vars={"OWN": "process"})


@env.task
def die(file: Path, how: str, times: int) -> int:
    """End the process as often as is said, and return the number of the attempt then."""
    with file.open("a") as lines:
        lines.write("attempt\n")
    made = file.read_text().count("attempt")
    if made > times:
        return made
    if how == "exit":
        os._exit(3)
    os.kill(os.getpid(), getattr(signal, how))
    time.sleep(60)
    return 0


@env.task
def parent(file: Path) -> int:
    with file.open("a") as lines:
        lines.write("parent\n")
    return die(file, "SIGKILL", 100)


@pytest.mark.parametrize("how", ["SIGKILL", "SIGTERM"])
def test_an_attempt_that_is_ended_from_outside_is_made_again(how: str, tmp_path: Path) -> None:
    assert run(die, tmp_path / "file", how, 1) == 2


@pytest.mark.slow
def test_it_is_made_again_three_times_and_no_more(tmp_path: Path) -> None:
    with pytest.raises(WorkerDiedError) as raised:
        run(die, tmp_path / "file", "SIGKILL", 100)
    assert (tmp_path / "file").read_text().count("attempt") == 4
    assert raised.value.losses == 4
    assert "attempt 4 of 4" in raised.value.__notes__[0]


@pytest.mark.slow
def test_retries_of_the_task_come_besides(tmp_path: Path) -> None:
    assert run(die.override(retries=1), tmp_path / "file", "SIGKILL", 4) == 5


@pytest.mark.parametrize("how", ["exit", "SIGSEGV"])
def test_a_process_that_the_task_has_ended_itself_is_not_lost(how: str, tmp_path: Path) -> None:
    with pytest.raises(WorkerDiedError, match="its process"):
        run(die, tmp_path / "file", how, 100)
    assert (tmp_path / "file").read_text().count("attempt") == 1


@pytest.mark.slow
def test_what_a_child_has_lost_makes_its_parent_no_second_time(tmp_path: Path) -> None:
    with pytest.raises(WorkerDiedError):
        run(parent, tmp_path / "file")
    assert (tmp_path / "file").read_text().count("parent") == 1


@pytest.fixture
def small() -> Iterator[Path]:
    """A group of processes that has 100 MB of memory."""
    name = f"tasksmithy-test-{os.getpid()}"
    for root, limit in (
        ("/sys/fs/cgroup", "memory.max"),
        ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
    ):
        group = Path(root, name)
        if not Path(root, "cgroup.procs").exists():  # groups are mounted elsewhere
            continue
        with suppress(OSError):
            group.mkdir()
            try:
                (group / limit).write_text("100000000")
                yield group / "cgroup.procs"
            finally:
                group.rmdir()
            return
    pytest.skip("this user can make no control group with a limit of memory")


@env.task
def devour(file: Path, group: Path) -> int:
    with file.open("a") as lines:
        lines.write("attempt\n")
    group.write_text(str(os.getpid()))
    return len([b"x" * 10_000_000 for _ in range(100)])


def test_an_attempt_that_is_out_of_memory_is_made_again_by_retries_alone(
    small: Path, tmp_path: Path
) -> None:
    with pytest.raises(WorkerDiedError) as raised:
        run(devour.override(retries=1), tmp_path / "file", small)
    assert (tmp_path / "file").read_text().count("attempt") == 2
    assert raised.value.is_out_of_memory
    assert str(raised.value) == (
        "task 'l.devour': its process was killed, as memory was short, before it had a result. The "
        "task needs less data at once, or more memory."
    )


def test_a_loss_without_an_exit_code_says_so() -> None:
    error = WorkerDiedError("l.die", None)
    assert error.is_loss
    assert str(error).startswith("task 'l.die': its process was lost before it had a result.")
