"""kill -9 at random moments: the next container task removes all of it, whatever its settings."""

import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tasksmithy_container.places import run_folder

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("alone")]

KILLS = int(os.environ.get("TASKSMITHY_TEST_KILLS", "32"))
AT_ONCE = 4
LATEST = 2.5  # seconds after a program's first container task has begun

SECRET = f"sup3rs3cret-{os.getpid()}-0123456789abcdef"
PROGRAM = """
    from tasksmithy import Secret, run
    from tasksmithy.errors import TasksmithyError
    from tasksmithy_container import ContainerTask

    task = ContainerTask(
        name="t",
        image={image!r},
        command=["sh", "-c", "sleep 0.3; mkdir -p /var/outputs/d/e; echo 5 > /var/outputs/o"],
        outputs={{"o": int}},
        secrets=[Secret("tok", group="g", mount="/run/s"), Secret("tok", group="g")],
    )
    print("ready", flush=True)
    while True:
        try:
            run(task)
        except TasksmithyError:  # its client has been killed
            pass
"""
NEXT = """
    from tasksmithy import run
    from tasksmithy_container import ContainerTask, leftovers

    leftovers._OWN_SECONDS = leftovers._OTHERS_SECONDS = 300  # a busy machine is excused
    run(ContainerTask(name="next", image={image!r}, command=["true"]))
"""


class Jobs:
    """Programs with container tasks, each with folders and settings of its own."""

    def __init__(self, image: str, folder: Path, docker_host: str) -> None:
        self._image = image
        self._folder = folder
        self._docker_host = docker_host
        self._number = 0
        self._started: list[subprocess.Popen[str]] = []

    def end(self) -> None:
        for program in self._started:
            program.kill()
            program.communicate()

    def start(self, program: str, engine: str) -> subprocess.Popen[str]:
        self._number += 1
        home = self._folder / str(self._number)
        (home / "tmp").mkdir(parents=True)
        settings = {"HOME": str(home), "TMPDIR": str(home / "tmp"), "G_TOK": SECRET}
        if self._number % 2:
            settings["XDG_STATE_HOME"] = str(home / "state")
        if engine == "docker":
            settings["DOCKER_HOST"] = self._docker_host
        else:
            settings["TASKSMITHY_CONTAINER_ENGINE"] = "podman"
        unset = {"XDG_STATE_HOME", "DOCKER_HOST", "TASKSMITHY_CONTAINER_ENGINE"}
        others = {name: value for name, value in os.environ.items() if name not in unset}
        started = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(program.format(image=self._image))],
            env={**others, **settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._started.append(started)
        return started

    def left(self, patience: float) -> set[str]:
        """Containers and their processes, folders, lock files, and files with secrets that stay."""
        end = time.monotonic() + patience  # what the engine has for a container ends after it
        found = set(self._left())
        while found and time.monotonic() < end:
            time.sleep(0.1)
            found &= set(self._left())
        return found

    def _left(self) -> Iterator[str]:
        listing = subprocess.run(
            ["podman", "ps", "--all", "--external", "--format={{.Names}} {{.Image}}"],
            check=True,
            capture_output=True,
            text=True,
        )
        yield from (line for line in listing.stdout.splitlines() if self._image in line)
        for file in Path("/proc").glob("[0-9]*/cmdline"):
            if str(self._folder) in (command := _content(file)) and "conmon" in command:
                yield command.replace("\0", " ")
        for file in run_folder().rglob("*"):
            content = _content(file)
            if SECRET in content or str(self._folder) in content:
                yield str(file)
        for state in ("state", ".local/state"):
            yield from map(str, self._folder.glob(f"*/{state}/tasksmithy/containers/*"))


def _content(file: Path) -> str:
    try:
        return file.read_text(errors="replace")
    except OSError:  # a directory, or it has been removed meanwhile
        return ""


def children(process: int) -> list[int]:
    statuses = {
        int(status.parent.name): _content(status).rpartition(")")[2].split()
        for status in Path("/proc").glob("[0-9]*/stat")
    }
    return [child for child, fields in statuses.items() if fields[1:2] == [str(process)]]


def kill(program: subprocess.Popen[str], moments: random.Random) -> str:
    """Kill a program, the engine's client that it has started, or both, in either order."""
    victims = moments.choice(["caller", "caller and client", "client, then caller"])
    program.send_signal(signal.SIGSTOP)  # so that it starts no other client meanwhile
    clients = children(program.pid)
    if victims == "caller and client":
        program.kill()
    if victims != "caller":
        for client in clients:
            with suppress(ProcessLookupError):  # it has ended by itself
                os.kill(client, signal.SIGKILL)
    if victims == "client, then caller":
        program.send_signal(signal.SIGCONT)
        time.sleep(moments.uniform(0, 0.5))
    program.kill()
    program.communicate()
    return victims


@pytest.fixture
def jobs(image: str, engine: str, docker_socket: str, tmp_path: Path) -> Iterator[Jobs]:
    jobs = Jobs(image, tmp_path, docker_socket)
    yield jobs
    jobs.end()


def test_nothing_is_left_of_killed_programs_after_the_next_container_task(
    jobs: Jobs, engine: str
) -> None:
    moments = random.Random(13)
    other = {"podman": "docker", "docker": "podman"}[engine]
    for number in range(KILLS // 2 // AT_ONCE):
        programs = [jobs.start(PROGRAM, engine) for _ in range(AT_ONCE)]
        for program in programs:
            assert program.stdout is not None
            assert program.stdout.readline() == "ready\n", program.communicate()
        killed = []
        ends = sorted(time.monotonic() + moments.uniform(0, LATEST) for _ in programs)
        for program, end in zip(programs, ends, strict=True):
            time.sleep(max(0.0, end - time.monotonic()))
            killed.append(kill(program, moments))
        program = jobs.start(NEXT, other if number % 2 else engine)
        _, said = program.communicate()
        assert program.returncode == 0, said
        assert jobs.left(patience=120) == set(), (number, killed, said)
