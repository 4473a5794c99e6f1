"""kill -9 of runs and of their workers at random moments, over all kinds of tasks.

Each step of a pipeline gives a text that is another one each time it runs. So a finished step that
runs again shows in the result, whatever the kind.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from uuid import uuid4

import pytest

from tasksmithy.runtime.stores._run_store import RunStore
from tasksmithy.values._storage import decode
from tasksmithy_container.places import run_folder

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("TASKSMITHY_TEST_KILLS", "30"))
SEED = int(os.environ.get("TASKSMITHY_TEST_SEED", "11"))
STEPS = 8
SECONDS = 300  # that a run has to end when it is not killed
WORKERS = {"process": "process._worker", "container": "podman.* run "}
"""What the command line of a worker holds, of the kinds that have some."""

PIPELINE = """
import asyncio
import subprocess
import time
import uuid
from pathlib import Path

from tasksmithy import Secret, TaskEnvironment

token = Secret("token", group="kills", mount="/run/secrets")
env = TaskEnvironment(name="kills")


def made(n):
    return f"{n}-{uuid.uuid4().hex[:12]}"


STEP


@env.task(secrets=token)
async def main() -> list[str]:
    found = []
    for first in range(0, STEPS, 2):
        found += await asyncio.gather(*(step.aio(n) for n in (first, first + 1)))
    return found
"""

STEP = {
    "async": """
@env.task
async def step(n: int) -> str:
    await asyncio.sleep(0.1)
    return made(n)
""",
    "thread": """
@env.task
def step(n: int) -> str:
    time.sleep(0.1)
    return made(n)
""",
    "process": """
@env.task(timeout=100, retries=100, secrets=token)
def step(n: int) -> str:
    beside = subprocess.Popen(["sleep", "600"])
    apart = subprocess.Popen(["sleep", "600"], start_new_session=True)
    time.sleep(0.1)
    apart.kill()
    apart.wait()
    return made(n)
""",
    "container": """
from tasksmithy_container import ContainerTask

step = ContainerTask(
    name="kills.step",
    image="IMAGE",
    retries=100,
    secrets=token,
    inputs={"n": int},
    outputs={"o": str},
    command=["sh", "-c", "sleep 0.1; printf '%s-' {{.inputs.n}} >> /var/outputs/o; "
             "tr -d '\\\\n' < /proc/sys/kernel/random/uuid >> /var/outputs/o"],
)
""",
    "sql": """
from tasksmithy_sql import SQLTask

step = SQLTask(
    name="kills.step",
    database="sqlite:///" + str(Path(__file__).with_name("data.db")),
    query=\"\"\"
        with recursive counted(i) as (select 1 union all select i + 1 from counted where i < 200000)
        select :n || '-' || lower(hex(randomblob(6))) from (select count(*) from counted)
    \"\"\",
    inputs={"n": int},
    output=str,
)
""",
}


class Pipeline:
    """A pipeline of one kind in a folder, that is run, killed and resumed.

    Args:
        kind: that of its steps.
        image: for those in containers.
        folder: where all of it is.
        chance: chooses when and whom to kill.
    """

    def __init__(self, kind: str, image: str, folder: Path, chance: random.Random) -> None:
        self.kind = kind
        self.folder = folder
        self.counts: Counter[str] = Counter()
        self._image = image
        self._chance = chance
        self._secret = f"s3cret-{uuid4().hex}"
        self._marker = uuid4().hex
        self._run_id: str | None = None
        self._kept: dict[str, str] = {}
        step = STEP[kind].replace("IMAGE", image)
        source = PIPELINE.replace("\nSTEP\n", step).replace("STEPS", str(STEPS))
        for name in ("tmp", "state"):
            (folder / name).mkdir(parents=True)
        (folder / "pipeline.py").write_text(source)

    def start(self) -> subprocess.Popen[bytes]:
        """Start the run, or go on with it if it has been recorded."""
        words = ["--resume", self._run_id] if self._run_id else ["pipeline.py", "main"]
        with (self.folder / "events").open("wb") as events:
            return subprocess.Popen(
                [sys.executable, "-m", "tasksmithy", "run", "--json", "--runs-dir", "runs", *words],
                cwd=self.folder,
                env=os.environ
                | {
                    "KILLS_TOKEN": self._secret,
                    "TASKSMITHY_TEST_MARKER": self._marker,
                    "TMPDIR": str(self.folder / "tmp"),
                    "XDG_STATE_HOME": str(self.folder / "state"),
                    "XDG_CACHE_HOME": str(self.folder / "state"),
                    "TASKSMITHY_CONTAINER_ENGINE": "podman",
                },
                stdout=subprocess.PIPE,
                stderr=events,
                start_new_session=True,
            )

    def kill_once(self) -> None:
        """Start it, and kill it or a worker of it, unless it ends before that."""
        process = self.start()
        # Steps are counted, so that a kill finds a part of them finished on a slow machine, too;
        # without any, it comes at some moment of the start.
        # With more steps than are left it ends, and the next one begins.
        steps = self._chance.randint(0, STEPS - len(self._kept) + 1)
        of_worker = (
            self.kind in WORKERS and self.counts["workers killed"] <= self.counts["callers killed"]
        )
        later = self._chance.uniform(0, 0.1 if steps else 0.6)
        while process.poll() is None and self._succeeded() < steps:
            time.sleep(0.002)
        time.sleep(later)
        if of_worker and self._kill_a_worker(process):
            self.counts["workers killed"] += 1
            if self._chance.random() < 0.5:
                self._end(process)  # it goes on with another worker
                return
            time.sleep(self._chance.uniform(0, 0.3))
        if process.poll() is None:
            process.kill()
            self.counts["callers killed"] += 1
            process.communicate()
            self._note()
        else:
            self._end(process)

    def finish(self) -> None:
        """Go on with it to its end, and look at what is left."""
        self._end(self.start())

    def _kill_a_worker(self, process: subprocess.Popen[bytes]) -> bool:
        """Kill a worker some time after there is one, unless the run ends before that."""
        workers = "pgrep", "-P", str(process.pid), "-f", WORKERS[self.kind]
        while process.poll() is None:
            if _lines(*workers):
                time.sleep(self._chance.uniform(0, 0.3))
            for worker in _lines(*workers):
                with suppress(ProcessLookupError):  # it has just ended
                    os.kill(int(worker), signal.SIGKILL)
                    return True
            time.sleep(0.01)
        return False

    def _note(self) -> None:
        """Remember what the record of a killed run has of its steps."""
        with closing(RunStore(self.folder / "runs")) as store:
            runs = store.runs()
            if not runs:
                self.counts["kills before a record"] += 1
                return
            self._run_id = runs[0].id
            tasks = store.show(self._run_id).tasks
        for task in tasks:
            if task.output is not None and task.task != "kills.main":
                value = decode(task.output, str)
                assert self._kept.setdefault(task.inputs, value) == value, "it has run again"
        if 0 < len(self._kept) < STEPS:
            self.counts["kills that found a part finished"] += 1

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        """Wait for its end: the result is right, and nothing of it is left."""
        out, _ = process.communicate(timeout=SECONDS)
        events = (self.folder / "events").read_text()
        self.counts["attempts made again"] += events.count('"attempt_retried"')
        assert process.returncode == 0, events
        found = json.loads(out)
        assert [value.partition("-")[0] for value in found] == [str(n) for n in range(STEPS)]
        for inputs, value in self._kept.items():
            assert value == found[int(inputs.removeprefix("n="))], f"{inputs} has run again"
        self.counts["results"] += 1
        self.counts["finished steps that were not run again"] += len(self._kept)
        until = time.monotonic() + 20  # what a killed run has started has a grace
        while (left := [*self._left()]) and time.monotonic() < until:
            time.sleep(0.1)
        assert not left
        self._run_id, self._kept = None, {}
        shutil.rmtree(self.folder / "runs")

    def _left(self) -> Iterator[str]:
        """Processes, containers, and files with the secret."""
        for file in Path("/proc").glob("[0-9]*/environ"):
            with suppress(OSError):
                if self._marker.encode() in file.read_bytes():
                    yield f"process {file.parent.name}: {file.with_name('cmdline').read_bytes()!r}"
        if self.kind == "container":
            listed = ("podman", "ps", "--all", "--external", "--format={{.Names}} {{.Image}}")
            yield from (line for line in _lines(*listed) if self._image in line)
        for place in (self.folder, run_folder()):
            for file in place.rglob("*"):
                with suppress(OSError):
                    if self._secret.encode() in file.read_bytes():
                        yield f"secret in {file}"
        yield from map(str, (self.folder / "tmp").glob("tasksmithy-secrets-*"))

    def _succeeded(self) -> int:
        events = (self.folder / "events").read_text(errors="replace").splitlines()
        return sum("execution_succeeded" in event and "kills.step" in event for event in events)


def _lines(*command: str) -> list[str]:
    return subprocess.run(command, capture_output=True, text=True).stdout.splitlines()


@pytest.mark.parametrize("kind", STEP)
def test_runs_that_are_killed_give_right_results_run_nothing_again_and_leave_nothing(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    image = ""
    if kind == "container":
        image = request.getfixturevalue("image")
        request.getfixturevalue("beside_others")
    pipeline = Pipeline(kind, image, tmp_path, random.Random(f"{SEED} {kind}"))
    kills = KILLS // len(STEP)
    least = {"kills that found a part finished": 1, "finished steps that were not run again": 1}
    least["callers killed"] = kills
    if kind in WORKERS:
        half = kills // 2
        least |= {"callers killed": half, "workers killed": half, "attempts made again": 1}
    # Some come too early, or too late; then there are more.
    for _ in range(10 * kills):
        pipeline.kill_once()
        if all(pipeline.counts[what] >= number for what, number in least.items()):
            break
    pipeline.finish()
    sys.stdout.write(f"{kind}: {dict(pipeline.counts)}\n")  # which -s shows
    for what, number in least.items():
        assert pipeline.counts[what] >= number, (what, pipeline.counts)
