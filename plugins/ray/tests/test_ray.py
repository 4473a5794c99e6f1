"""Attempts on a real Ray of two CPUs on this machine."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from tasksmithy import (
    AttemptPlaced,
    Event,
    NotExecutableError,
    Observer,
    PluginRecord,
    Registry,
    Resources,
    Secret,
    TaskEnvironment,
    current,
)
from tasksmithy.cli import main
from tasksmithy_ray import ClusterError

env = TaskEnvironment(name="r")


@env.task
def process() -> int:
    return os.getpid()


@env.task
def square(n: int) -> int:
    return n * n


@env.task
async def sum_of_squares(n: int) -> int:
    return sum(await asyncio.gather(*(square.aio(i) for i in range(n))))


# Children


def test_an_attempt_is_made_in_another_process(on_ray: Any) -> None:
    assert on_ray().run(process) not in (os.getpid(), os.getppid())


@pytest.mark.slow  # it starts 50 processes, for half a minute: a Ray of the run's own lives as long
def test_tasks_wait_for_each_other_50_deep_on_two_cpus(tmp_path: Path) -> None:
    (tmp_path / "deep.py").write_text(
        "from tasksmithy import TaskEnvironment\n"
        "env = TaskEnvironment(name='deep')\n"
        "@env.task\n"
        "def depth(n: int) -> int:\n"
        "    return 0 if n == 0 else 1 + depth(n - 1)\n"
    )
    words = ["--executor", "ray", "--executor-option", "num_cpus=2", "deep.py", "depth", "--n=50"]
    done = subprocess.run(
        [sys.executable, "-m", "tasksmithy", "run", *words],
        cwd=tmp_path, capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert done.stdout == "50\n", done.stderr


MANY = """
import asyncio
import re
from pathlib import Path

from tasksmithy import TaskEnvironment, with_runcontext

env = TaskEnvironment(name="many")


@env.task
async def same(n: int) -> int:
    return n


@env.task
async def total(n: int) -> int:
    return sum(await asyncio.gather(*(same(i) for i in range(n))))


def peak() -> int:
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\\s+(\\d+)", status)[1])


async def main() -> None:
    on_ray = with_runcontext(executor="ray", executor_options={"num_cpus": 2})
    assert await on_ray.arun(total, n=1_000) == sum(range(1_000))
    before = peak()
    assert await on_ray.arun(total, n=10_000) == sum(range(10_000))
    print(before, peak())


if __name__ == "__main__":
    asyncio.run(main())
"""


@pytest.mark.slow  # a minute of CPU
def test_ten_thousand_children_take_no_more_of_the_run_s_memory_than_a_thousand(
    tmp_path: Path,
) -> None:
    (tmp_path / "many.py").write_text(MANY)
    done = subprocess.run(
        [sys.executable, "many.py"], cwd=tmp_path, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stderr
    before, after = map(int, done.stdout.split())
    assert after - before < 100_000, "kB"  # 9,000 at once would be 270 MB


# Secrets, logs


@env.task(secrets=Secret("token", as_env_var="TOKEN"))
def told() -> tuple[str, str]:
    current().logger.warning("the token is %s", os.environ["TOKEN"])
    print("token:", os.environ["TOKEN"])  # noqa: T201 - what it is about
    [value] = current().secrets.values()
    return value, os.environ["TOKEN"]


def test_a_secret_that_a_task_prints_is_masked_as_what_it_logs(
    on_ray: Any, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    monkeypatch.setenv("TOKEN", "open-sesame")
    assert on_ray().run(told) == ("open-sesame", "open-sesame")
    assert caplog.messages == ["the token is ***", "token: ***"]


def test_a_secret_is_in_no_task_of_ray(on_ray: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from tasksmithy_ray import executor

    monkeypatch.setenv("TOKEN", "open-sesame")
    sent: list[bytes] = []
    of = executor.Shipment.of

    def packed(*of_what: Any) -> Any:
        shipment = of(*of_what)
        sent.extend((shipment.surroundings, shipment.attempt))
        return shipment

    monkeypatch.setattr(executor.Shipment, "of", packed)
    on_ray().run(told)
    assert len(sent) == 2
    assert not any(b"open-sesame" in part for part in sent)


@env.task
def talks() -> None:
    print("printed", 1)  # noqa: T201 - what it is about
    current().logger.warning("logged")


def test_what_a_task_logs_and_prints_is_in_the_log_under_its_name(on_ray: Any, caplog: Any) -> None:
    on_ray().run(talks)
    assert [(record.name, record.getMessage()) for record in caplog.records] == [
        ("tasksmithy.task.r.talks", "printed 1"),
        ("tasksmithy.task.r.talks", "logged"),
    ]


# Places


def test_the_node_of_each_attempt_is_in_the_record(
    on_ray: Any, tmp_path: Path, capsys: Any
) -> None:
    import ray

    on_ray(record=True, runs_dir=tmp_path).run(sum_of_squares, n=2)
    main(["runs", "list", "--json", "--runs-dir", str(tmp_path)])
    [run] = json.loads(capsys.readouterr().out)
    main(["runs", "show", run["id"], "--json", "--runs-dir", str(tmp_path)])
    tasks = json.loads(capsys.readouterr().out)["tasks"]
    [node] = ray.nodes()
    place = f"node {node['NodeManagerAddress']} ({node['NodeID'][:8]}), process "
    assert [task["attempts"][0]["place"].startswith(place) for task in tasks] == [True] * 3


@env.task
def waits_for(file: Path) -> None:
    while not file.exists():
        time.sleep(0.05)


class Releases(Observer):
    def __init__(self, file: Path) -> None:
        self.file = file

    def observe(self, event: Event) -> None:
        if isinstance(event, AttemptPlaced):
            self.file.touch()


def test_the_node_of_an_attempt_is_told_while_it_runs(on_ray: Any, tmp_path: Path) -> None:
    file = tmp_path / "placed"
    on_ray(observers=[Releases(file)]).run(waits_for, file=file)


# Large values


@env.task
def sum_of_column(table: pa.Table) -> int:
    assert table.schema.metadata == {b"of": b"the whole"}
    return int(pc.sum(table["n"]).as_py())


@env.task
async def sums(table: pa.Table) -> list[int]:
    return await asyncio.gather(*(sum_of_column.aio(table) for _ in range(5)))


@env.task
async def sums_of_own() -> list[int]:
    return await sums(await made_large())


@env.task
async def made_large() -> pa.Table:
    return pa.table({"n": range(500_000)}).replace_schema_metadata({"of": "the whole"})


def test_a_large_table_is_in_the_object_store_and_goes_to_its_readers_from_there(
    on_ray: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tasksmithy_ray import mailbox

    payloads: list[bytes] = []
    objects: set[str] = set()
    deliver = mailbox.BoxChannel.deliver

    def noted(channel: Any, frame: Any) -> None:
        payloads.append(frame.payload)
        objects.update(part.hex() for part in frame.parts)
        deliver(channel, frame)

    monkeypatch.setattr(mailbox.BoxChannel, "deliver", noted)
    assert on_ray().run(sums_of_own) == [sum(range(500_000))] * 5
    assert sum(map(len, payloads)) < 100_000
    assert len(objects) == 2  # the one that is made, and the one that its reader has for its five


# Losses


@env.task
async def tidies(file: Path) -> None:
    file.with_name("begun").touch()
    try:
        await asyncio.Event().wait()
    finally:
        file.touch()


@env.task
async def waits_for_it(file: Path) -> None:
    await tidies(file)


def test_a_run_that_has_lost_its_actor_ends_with_all_its_attempts(
    on_ray: Any, tmp_path: Path
) -> None:
    import ray

    async def lost() -> None:
        run = asyncio.create_task(on_ray().arun(waits_for_it, file=tmp_path / "tidied"))
        while not (tmp_path / "begun").exists():
            await asyncio.sleep(0.05)
        for name in ray.util.list_named_actors():
            ray.kill(ray.get_actor(name))
        with pytest.raises(ClusterError, match="the node that this run is connected to was lost"):
            await run

    asyncio.run(lost())


CANCELLED = """
import asyncio
from pathlib import Path

from tasksmithy import TaskEnvironment, with_runcontext

env = TaskEnvironment(name="cancelled")


@env.task
async def tidies() -> None:
    Path("begun").touch()
    try:
        await asyncio.Event().wait()
    finally:
        Path("tidied").touch()


async def main() -> None:
    on_ray = with_runcontext(executor="ray", executor_options={"num_cpus": 1})
    run = asyncio.create_task(on_ray.arun(tidies))
    while not Path("begun").exists():
        await asyncio.wait([run], timeout=0.05)
        assert not run.done()
    run.cancel()
    await asyncio.wait([run])


if __name__ == "__main__":
    asyncio.run(main())
"""


@pytest.mark.slow  # it starts a Ray of its own
def test_a_cancelled_task_tidies_up_also_where_the_program_was_started_in_the_background(
    tmp_path: Path,
) -> None:
    (tmp_path / "cancelled.py").write_text(CANCELLED)
    done = subprocess.run(
        ["sh", "-c", f"trap '' INT; exec {sys.executable} cancelled.py"],  # as a shell does for `&`
        cwd=tmp_path, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "tidied").exists()


# Bad input


def test_resources_that_no_node_has_are_refused_at_once(on_ray: Any) -> None:
    large = square.override(resources=Resources(cpu=64, gpu="A100:2"))
    with pytest.raises(NotExecutableError) as raised:
        on_ray().run(large, n=2)
    assert "it asks for CPU 64, GPU 2, accelerator_type:A100 0.001" in str(raised.value)
    assert "CPU 2, GPU 0" in str(raised.value)


def test_a_worker_with_another_version_of_the_plugin_is_told_with_its_node(on_ray: Any) -> None:
    installed = Registry().records
    other = [
        PluginRecord(r.group, r.name, r.value, r.distribution, "9.9") if r.name == "python" else r
        for r in installed
    ]
    with Registry(other).entered(), pytest.raises(Exception) as raised:
        on_ray().run(square, n=2)
    told = str(raised.value)
    assert told.startswith("task 'r.square' cannot run on the Ray node ")
    assert "tasksmithy-function is 0.1.0, 9.9 here" in told
    assert 'pip install "tasksmithy-function==9.9"' in told


def test_loading_the_plugin_imports_no_ray() -> None:
    program = (
        "import sys; from tasksmithy_ray import RayExecutor, RayOptions; "
        "RayExecutor(RayOptions()); print('ray' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr
