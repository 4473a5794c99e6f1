"""What killed processes leave: the next container task removes it, and is not in trouble for it."""

import asyncio
import fcntl
import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from plugins.container.tests.conftest import WAITS, every_engine, meanwhile

from tasksmithy import File, run
from tasksmithy.errors import OutputError
from tasksmithy_container import ContainerTask, leftovers
from tasksmithy_container.engine import Engine
from tasksmithy_container.places import run_folder
from tasksmithy_container.scratch import Scratch

pytestmark = pytest.mark.usefixtures("alone")

SECRET = "sup3rs3cretVALUE0123456789abcdef"
PROGRAM = """
    from tasksmithy import Secret, run
    from tasksmithy_container import ContainerTask

    script = "trap 'exit 0' TERM; touch /var/outputs/runs; sleep 100 & wait"
    token = Secret("tok", group="g", mount="/run/s")
    run(ContainerTask(name="t", image={image!r}, command=["sh", "-c", script], secrets=token))
"""


def task(image: str, script: str = "true", **fields: Any) -> Any:
    return ContainerTask(name="t", image=image, command=["sh", "-ec", script], **fields)


def running(image: str) -> list[str]:
    done = subprocess.run(
        ["podman", "ps", "--quiet", "--filter=label=tasksmithy.task", f"--filter=ancestor={image}"],
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.split()


@pytest.fixture(autouse=True)
def _nothing_said_or_searched_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "_said", set())
    monkeypatch.setattr(leftovers, "_searched", set())


def killed(image: str, **environment: str) -> None:
    """A run in another process that was killed while its container ran."""
    program = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PROGRAM.format(image=image))],
        env={**os.environ, "G_TOK": SECRET, **environment},
        stderr=subprocess.PIPE,
    )
    while not running(image):
        assert program.poll() is None, program.communicate()
        time.sleep(0.05)
    program.kill()
    program.communicate()
    assert running(image)


def secrets_in_memory() -> list[str]:
    files = Path("/dev/shm").glob("tasksmithy-*/*-secrets/*")
    return [str(file) for file in files if SECRET in file.read_text()]


@every_engine
def test_the_next_task_removes_container_directories_and_secrets(
    image: str, engine: str, left: Callable[[], set[str]]
) -> None:
    killed(image)
    assert secrets_in_memory()
    run(task(image))
    assert left() == set()
    assert secrets_in_memory() == []


@pytest.mark.parametrize("engine", ["docker"], indirect=True)
def test_a_client_that_has_missed_the_end_of_its_container_is_ended(
    image: str, engine: str, left: Callable[[], set[str]]
) -> None:
    killed(image)
    [name] = {lock.stem for lock in run_folder().glob("*.lock") if is_free(lock)}
    words = ["sh", "-c", "sleep 1000; true", "docker", f"--name={name}", "image"]
    with subprocess.Popen(words, start_new_session=True) as client:
        run(task(image))
        assert client.wait(60) == -signal.SIGKILL
        with suppress(ProcessLookupError):
            os.killpg(client.pid, signal.SIGKILL)
    assert left() == set()


def is_free(lock: Path) -> bool:
    """Whether no process holds it."""
    with lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
    return True


def test_they_are_found_also_from_a_job_with_other_folders(
    image: str, engine: str, left: Callable[[], set[str]], tmp_path: Path
) -> None:
    killed(image, TMPDIR=str(tmp_path), XDG_STATE_HOME=str(tmp_path / "state"), HOME=str(tmp_path))
    run(task(image))
    assert left() == set()
    assert secrets_in_memory() == []
    assert list(tmp_path.glob("state/tasksmithy/containers/*")) == []


def test_a_container_whose_lock_is_lost_is_found_by_its_label(
    image: str, engine: str, left: Callable[[], set[str]]
) -> None:
    killed(image)
    for lock in run_folder().glob("*.lock"):
        if is_free(lock):
            lock.unlink()
    run(task(image))
    assert running(image) == []
    for folder in [
        *run_folder().glob("*-secrets"),
        *Path(os.environ["XDG_STATE_HOME"]).rglob("tasksmithy-*"),
    ]:
        subprocess.run(["rm", "-rf", folder], check=True)


@pytest.fixture
def lock() -> Iterator[Path]:
    """A lock file that nobody holds."""
    file = run_folder() / "tasksmithy-0000deadbeef0000.lock"
    yield file
    file.unlink(missing_ok=True)


@pytest.mark.parametrize(
    "text",
    ['["podman", "podman", []]', "", "{", '{"version": 2}', '{"version": 1, "engine": 3}'],
)
def test_a_lock_of_another_version_is_left_alone_and_said_once(
    image: str, engine: str, lock: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    lock.write_text(text)
    for _ in range(2):
        run(task(image))
    said = [record.message for record in caplog.records if "deadbeef" in record.message]
    assert len(said) == 1
    assert lock.exists()
    lock.unlink()


def clients_of(host: str) -> list[str]:
    """The processes that speak to a daemon."""
    found = []
    for file in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):  # it has ended
            if f"DOCKER_HOST={host}".encode() in file.read_bytes().split(b"\0"):
                found.append(file.parent.name)
    return found


@pytest.mark.slow
@every_engine
def test_an_engine_that_does_not_answer_delays_a_task_on_another_by_two_seconds_at_most(
    image: str, engine: str, tmp_path: Path
) -> None:
    """Against the same task without such an engine, in turn, whatever else the machine does."""
    client = shutil.which("docker")
    assert client is not None
    host = f"unix://{tmp_path}/silent.sock"
    dead = {"program": client, "kind": "docker", "environment": {"DOCKER_HOST": host}}
    text = {"version": 1, "folder": str(tmp_path / "x"), "engine": {**dead, "rootless": False}}
    locks = [run_folder() / f"tasksmithy-0000deadbeef000{number}.lock" for number in range(3)]

    def seconds() -> float:
        before = time.monotonic()
        run(task(image, "true"))
        return time.monotonic() - before

    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(f"{tmp_path}/silent.sock")
        silent.listen(100)
        seconds()  # the first one has more to find out
        tries = []
        try:
            for _ in range(10):
                for lock in locks:
                    lock.write_text(json.dumps(text))
                beside = seconds()
                assert all(lock.exists() for lock in locks)  # it was tried, and given up
                for lock in locks:
                    lock.unlink()
                assert clients_of(host) == []
                alone = seconds()
                # As much again for a machine that has become slower: the daemon never answers.
                if beside < 2 * alone + 2:
                    return
                tries.append((beside, alone))
        finally:
            for lock in locks:
                lock.unlink(missing_ok=True)
    raise AssertionError(tries)


@every_engine
def test_what_is_immutable_costs_no_result_is_named_and_is_removed_when_it_can_be(
    image: str, engine: str, left: Callable[[], set[str]], caplog: pytest.LogCaptureFixture
) -> None:
    made = Path(os.environ["XDG_STATE_HOME"], "tasksmithy/containers")

    def is_held(outputs: Path) -> None:
        changed = subprocess.run(["chattr", "+i", outputs / "d/e/held"], capture_output=True)
        if changed.returncode:
            pytest.skip("files cannot be made immutable here")

    script = "cd /var/outputs; mkdir -p d/e z; touch d/e/held d/e/free z/free; echo 5 > o; "
    try:
        with meanwhile(is_held):
            assert run(task(image, script + WAITS, outputs={"o": int})) == 5
        [warning] = [each.message for each in caplog.records if "left for the next" in each.message]
        [held] = [path for path in made.rglob("*") if path.is_file()]
        assert str(held) in warning
        caplog.clear()
        for _ in range(2):  # which find it, and say so once
            assert run(task(image, "echo 6 > /var/outputs/o", outputs={"o": int})) == 6
        [warning] = [each.message for each in caplog.records if "left for the next" in each.message]
        assert str(held) in warning
    finally:
        for file in made.rglob("held"):
            subprocess.run(["chattr", "-i", file], check=True)
    run(task(image))
    assert left() == set()


def test_an_immutable_output_is_refused_by_name_and_not_copied(
    image: str, engine: str, left: Callable[[], set[str]]
) -> None:
    state = Path(os.environ["XDG_STATE_HOME"], "tasksmithy")

    def is_held(outputs: Path) -> None:
        changed = subprocess.run(["chattr", "+i", outputs / "o"], capture_output=True)
        if changed.returncode:
            pytest.skip("files cannot be made immutable here")

    try:
        with (
            meanwhile(is_held),
            pytest.raises(OutputError, match=r"'o' cannot be read .* not permitted"),
        ):
            run(task(image, "touch /var/outputs/o; " + WAITS, outputs={"o": File}))
        assert list(state.glob("outputs/*")) == []
    finally:
        for file in state.rglob("o"):
            subprocess.run(["chattr", "-i", file], check=True)
    run(task(image))
    assert left() == set()


def test_leftovers_that_cannot_be_removed_cost_no_result(
    image: str,
    engine: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    removed = Scratch.remove

    def remove(scratch: Scratch) -> None:
        removed(scratch)
        raise OSError("device or resource busy")

    monkeypatch.setattr(Scratch, "remove", remove)
    assert run(task(image, "echo 5 > /var/outputs/o", outputs={"o": int})) == 5
    assert "left for the next container task" in caplog.text
    assert caplog.records[-1].levelno == logging.WARNING


@pytest.mark.parametrize(("above", "code"), [("NAME", -signal.SIGKILL), ("another", 0)])
def test_a_process_that_a_killed_podman_has_lost_is_ended_and_no_other(
    above: str, code: int
) -> None:
    scratch = Scratch.create(Engine("podman", "podman"))
    program = "import subprocess; print(subprocess.call(['sh', '-c', 'echo $$; read line']))"
    # As podman has them: the process in a container is below one whose arguments have the name.
    conmon = subprocess.Popen(
        [sys.executable, "-uc", program, above.replace("NAME", scratch.name)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert conmon.stdout is not None
    scratch.process_id.write_text(conmon.stdout.readline())
    scratch.remove()
    said, _ = conmon.communicate("a line for who lives\n")
    assert int(said) == code


def test_attempts_that_begin_while_others_sweep_are_not_taken_for_abandoned(
    image: str, engine: str
) -> None:
    """Many processes make and sweep directories at once."""
    program = """
        from tasksmithy_container.engine import Engine
        from tasksmithy_container.scratch import Scratch, leftovers

        swept = 0
        for _ in range(100):
            swept += len([found.scratch.remove() for found in leftovers()])
            Scratch.create(Engine("podman", "podman")).remove()
        print(swept)
    """
    programs = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    for each in programs:
        said, _ = each.communicate()
        assert each.returncode == 0
        assert int(said) == 0


def test_what_a_live_process_has_is_left_alone(image: str, engine: str) -> None:
    async def main() -> None:
        longer = asyncio.create_task(
            task(image, "sleep 2; echo 1 > /var/outputs/o", outputs={"o": int}).aio()
        )
        await asyncio.sleep(0.5)
        leftovers._searched.clear()
        await task(image).aio()
        assert await longer == 1

    asyncio.run(main())


def test_a_process_of_another_machine_or_namespace_is_not_gone() -> None:
    here = leftovers.owner()
    assert here is not None
    boot, space, process, started = here.rsplit(":", 3)
    assert not leftovers._is_gone(here)
    assert leftovers._is_gone(f"{boot}:{space}:{process}:1")
    assert leftovers._is_gone(f"{boot}:{space}:99999999:{started}")
    for foreign in (f"other:{space}:99999999:1", f"{boot}:1:99999999:1", "", "x", "a:b:c:d"):
        assert not leftovers._is_gone(foreign)
