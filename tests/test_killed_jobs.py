"""kill -9 of runs at random moments around submit, poll and end of their jobs."""

from __future__ import annotations

import asyncio
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
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests import job_service
from tests.processes import until

from tasksmithy.runtime.stores._run_store import RunStore

ROOT = Path(__file__).parents[1]
KILLS = int(os.environ.get("TASKSMITHY_TEST_KILLS", "30"))
SEED = int(os.environ.get("TASKSMITHY_TEST_SEED", "11"))
JOBS = 8
SECONDS = 300  # that a run has to end when it is not killed

PIPELINE = f"""
import asyncio
import json
import sys

from tasksmithy import NativeInterface, Registry, TaskEnvironment, with_runcontext
from tests.job_service import Remote, RemoteTask

env = TaskEnvironment(name="kills")
interface = NativeInterface.from_types({{"n": int}}, {{"o0": str}})
step = RemoteTask(name="step", interface=interface, seconds=DURATION)


@env.task
async def main() -> list[str]:
    found = []
    for first in range(0, {JOBS}, 2):
        found += await asyncio.gather(step(n=first), step(n=first + 1))
    return found


if __name__ == "__main__":
    resume = sys.argv[1] if len(sys.argv) > 1 else None
    with Registry(task_types=[Remote]).entered():
        print(json.dumps(with_runcontext(record=True, runs_dir="runs", resume=resume).run(main)))
"""


class Pipeline:
    """A pipeline of jobs in a folder, that is run, killed and resumed.

    Args:
        folder: where all of it is.
        port: where the job service is.
        seconds: what each job takes.
    """

    def __init__(self, folder: Path, port: int, seconds: float) -> None:
        self.folder = folder
        self.port = port
        folder.mkdir(exist_ok=True)
        (folder / "pipeline.py").write_text(PIPELINE.replace("DURATION", str(seconds)))

    def start(self, delays: str = "0 0") -> subprocess.Popen[str]:
        """Start the run, or go on with it if it is recorded."""
        return subprocess.Popen(
            [sys.executable, "pipeline.py", *self.recorded()],
            cwd=self.folder,
            env=os.environ
            | {
                job_service.PORT: str(self.port),
                job_service.DELAYS: delays,
                "PYTHONPATH": str(ROOT),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def recorded(self) -> list[str]:
        with closing(RunStore(self.folder / "runs")) as store:
            return [run.id for run in store.runs()]

    def finish(self, process: subprocess.Popen[str]) -> Any:
        out, err = process.communicate(timeout=SECONDS)
        assert process.returncode == 0, err
        return json.loads(out)

    def events(self) -> Iterator[dict[str, Any]]:
        log = self.folder / "log"
        for line in log.read_text(encoding="utf-8").splitlines() if log.exists() else ():
            yield json.loads(line)

    def count(self, what: str) -> int:
        return sum(event["what"] == what for event in self.events())

    def jobs(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = asyncio.run(job_service.ask(self.port, "all"))
        return found


def check_each_once(pipeline: Pipeline, result: list[str]) -> None:
    """Each action had one job, whose result it is, and none is left."""
    jobs = pipeline.jobs()
    assert sorted(job["value"] for job in jobs) == list(range(JOBS))
    assert {job["phase"] for job in jobs} == {"succeeded"}
    ids = {job["value"]: f"j{number}" for number, job in enumerate(jobs)}
    assert result == [f"{n} of {ids[n]}" for n in range(JOBS)]


def kill_when(
    pipeline: Pipeline, what: str, number: int, later: float = 0, delays: str = "0 0"
) -> bool:
    """Kill a run when the service has had so many requests; whether it was still there."""
    process = pipeline.start(delays)
    while process.poll() is None and pipeline.count(what) < number:
        time.sleep(0.002)
    time.sleep(later)
    was_there = process.poll() is None
    process.kill()
    process.communicate()
    return was_there


def test_a_job_that_was_submitted_and_not_recorded_is_submitted_again_and_is_the_same(
    tmp_path: Path,
) -> None:
    with job_service.running(tmp_path / "log") as port:
        pipeline = Pipeline(tmp_path, port, seconds=0.1)
        # The answer of the service is a long time under way, and the run is killed meanwhile.
        assert kill_when(pipeline, "made", 2, delays="0 1000")
        assert kept(pipeline) == []
        check_each_once(pipeline, pipeline.finish(pipeline.start()))
        assert pipeline.count("asked") == JOBS + 2


def kill_when_recorded(pipeline: Pipeline) -> None:
    """Start a run, and kill it when two handles are kept."""
    process = pipeline.start()
    until(lambda: pipeline.recorded() and len(kept(pipeline)) == 2)
    process.kill()
    process.communicate()


def test_a_job_that_was_recorded_is_polled_on_by_the_run_that_resumes(tmp_path: Path) -> None:
    with job_service.running(tmp_path / "log") as port:
        pipeline = Pipeline(tmp_path, port, seconds=1)
        kill_when_recorded(pipeline)
        check_each_once(pipeline, pipeline.finish(pipeline.start()))
        assert pipeline.count("asked") == JOBS


def test_a_job_of_other_code_is_cancelled_and_made_anew(tmp_path: Path) -> None:
    with job_service.running(tmp_path / "log") as port:
        pipeline = Pipeline(tmp_path, port, seconds=1000)
        kill_when_recorded(pipeline)
        pipeline = Pipeline(tmp_path, port, seconds=0.1)
        assert len(pipeline.finish(pipeline.start())) == JOBS
        phases = Counter(job["phase"] for job in pipeline.jobs())
        assert phases == {"failed": 2, "succeeded": JOBS}
        assert pipeline.count("cancelled") == 2


def test_a_run_that_is_interrupted_cancels_its_jobs(tmp_path: Path) -> None:
    with job_service.running(tmp_path / "log") as port:
        pipeline = Pipeline(tmp_path, port, seconds=1000)
        process = pipeline.start()
        until(lambda: pipeline.recorded() and len(kept(pipeline)) == 2)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=SECONDS)
        assert [job["cancelled"] for job in pipeline.jobs()] == [True, True]


def kept(pipeline: Pipeline) -> list[Any]:
    with closing(RunStore(pipeline.folder / "runs")) as store:
        return [job.handle for job in store.jobs(store.runs()[0].id).values()]


@pytest.mark.slow
def test_runs_that_are_killed_submit_each_job_once_and_leave_none(tmp_path: Path) -> None:
    chance = random.Random(f"{SEED} jobs")
    counts: Counter[str] = Counter()
    while counts["kills"] < KILLS:
        folder = tmp_path / "cycle"
        folder.mkdir()
        with job_service.running(folder / "log") as port:
            pipeline = Pipeline(folder, port, seconds=0.1)
            for _ in range(chance.randint(1, 6)):
                # Before the first request it comes at some moment of the start.
                number = chance.randint(pipeline.count("made"), JOBS + 1)
                later = chance.uniform(0, 0.2 if number else 0.6)
                counts["kills"] += kill_when(pipeline, "made", number, later, "0.05 0.05")
            check_each_once(pipeline, pipeline.finish(pipeline.start()))
            counts["submitted again"] += pipeline.count("asked") - JOBS
            counts["runs"] += 1
        shutil.rmtree(folder)
    sys.stdout.write(f"{dict(counts)}\n")  # which -s shows
    assert counts["submitted again"] > 0
