"""Attempts on a real Ray cluster of several small nodes, all on this machine."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.processes import is_alive, until

from tasksmithy import NotExecutableError, Resources, TaskEnvironment, with_runcontext

pytestmark = pytest.mark.slow

env = TaskEnvironment(name="c")


@pytest.fixture
def cluster(sessions: str) -> Iterator[Any]:
    """A cluster with a head of one CPU, which has the resource `head`."""
    import ray
    from ray.cluster_utils import Cluster

    head = {
        "num_cpus": 1,
        "resources": {"head": 10},
        "object_store_memory": 80_000_000,
        "include_dashboard": False,
        "temp_dir": sessions,
    }
    cluster = Cluster(initialize_head=True, head_node_args=head)
    # To the head, as long as it is alone: on this machine there will be several to connect to.
    ray.init(address=cluster.address, log_to_driver=False, configure_logging=False)
    yield cluster
    ray.shutdown()
    cluster.shutdown()


def node(cluster: Any, **has: Any) -> Any:
    return cluster.add_node(**{"num_cpus": 1, "object_store_memory": 80_000_000, **has})


def on(cluster: Any, **options: Any) -> Any:
    queues = {"head": {"head": 1}, "red": {"red": 1}, "blue": {"blue": 1}}
    given = {"address": cluster.address, "queues": queues, "interruptible": {"spot": 1}}
    return with_runcontext(executor="ray", executor_options=given, **options)


@env.task
def node_id() -> str:
    import ray

    return str(ray.get_runtime_context().get_node_id())


def test_tasks_go_to_the_node_that_has_what_their_queue_stands_for(cluster: Any) -> None:
    red = node(cluster, resources={"red": 1})
    blue = node(cluster, resources={"blue": 1})
    for _ in range(2):
        assert on(cluster).run(node_id.override(queue="red")) == red.node_id
        assert on(cluster).run(node_id.override(queue="blue")) == blue.node_id


def test_interruptible_tasks_go_to_nodes_that_are(cluster: Any) -> None:
    node(cluster)
    spot = node(cluster, resources={"spot": 1})
    assert on(cluster).run(node_id.override(interruptible=True)) == spot.node_id
    on_no_node = node_id.override(interruptible=True, queue="head")
    with pytest.raises(NotExecutableError, match=r"CPU 1, head 1, spot 1, which no node"):
        on(cluster).run(on_no_node)


def test_gpus_are_those_of_a_node_that_declares_them(cluster: Any) -> None:
    node(cluster)
    has = {"num_gpus": 2, "resources": {"accelerator_type:A100": 1}}
    declared = node(cluster, **has)
    task = node_id.override(resources=Resources(cpu=1, gpu="A100:2"))
    assert on(cluster).run(task) == declared.node_id


KILLS = int(os.environ.get("TASKSMITHY_TEST_NODE_KILLS", "2"))


@env.task(cache="auto")
def noted(n: int, file: str) -> int:
    with Path(file).open("a") as lines:
        lines.write(f"{n} {os.getpid()}\n")
    time.sleep(0.01)
    return n * n


@env.task(queue="head")
async def many(n: int, file: str) -> list[int]:
    return await asyncio.gather(*(noted.aio(i, file) for i in range(n)))


def test_a_node_that_is_killed_among_500_tasks_loses_no_result(
    cluster: Any, tmp_path: Path, caplog: Any
) -> None:
    node(cluster)
    run = on(cluster, cache_dir=tmp_path / "cache")
    processes: set[int] = set()
    for kill in range(KILLS):
        killed = node(cluster)
        file = tmp_path / f"noted{kill}"
        file.touch()
        caplog.clear()

        async def killed_after(lines: int, file: Path = file, killed: Any = killed) -> Any:
            running = asyncio.create_task(run.arun(many, n=500, file=str(file)))
            while len(file.read_text().splitlines()) < lines and not running.done():
                await asyncio.sleep(0.05)
            await asyncio.to_thread(cluster.remove_node, killed, allow_graceful=False)
            return await running

        assert asyncio.run(killed_after(50 + 50 * (kill % 9))) == [n * n for n in range(500)]
        made = [line.split() for line in file.read_text().splitlines()]
        assert {int(n) for n, _ in made} == set(range(500))
        lost = [message for message in caplog.messages if "WorkerDiedError" in message]
        assert len(made) <= 500 + len(lost)
        assert run.run(many, n=500, file=str(file)) == [n * n for n in range(500)]
        assert len(file.read_text().splitlines()) == len(made), "made although it was in the cache"
        processes.update(int(process) for _, process in made)
    sys.modules["ray"].shutdown()
    cluster.shutdown()
    until(lambda: not any(map(is_alive, processes)))


PROGRAM = """
import os, sys, time
from helper import FILE
from tasksmithy import TaskEnvironment, with_runcontext

env = TaskEnvironment(name="p")

@env.task
def waits() -> None:
    FILE.write_text(str(os.getpid()))
    time.sleep(600)

if __name__ == "__main__":
    options = {"address": sys.argv[1]}
    with_runcontext(executor="ray", executor_options=options).run(waits)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_the_end_of_the_driver_ends_its_attempts(
    cluster: Any, tmp_path: Path, how: signal.Signals
) -> None:
    file = tmp_path / "pid"
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "helper.py").write_text(f"from pathlib import Path\nFILE = Path({str(file)!r})\n")
    errors = tmp_path / "errors"
    with errors.open("w") as stderr:
        words = [sys.executable, tmp_path / "program.py", cluster.address]
        driver = subprocess.Popen(words, stderr=stderr)

    def has_begun() -> bool:
        assert driver.poll() is None, errors.read_text()
        return file.exists() and file.read_text() != ""

    try:
        until(has_begun)
        driver.send_signal(how)
        driver.wait(120)
        until(lambda: not is_alive(int(file.read_text())))
    finally:
        driver.kill()
        driver.wait()
