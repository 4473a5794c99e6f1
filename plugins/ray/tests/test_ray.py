"""Attempts on a real Ray of two CPUs on this machine."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from tests.processes import is_alive, until

from tasksmithy import (
    AttemptPlaced,
    Event,
    NotExecutableError,
    NotShippableError,
    Observer,
    PluginRecord,
    Registry,
    Resources,
    Secret,
    TaskEnvironment,
    TaskTimeoutError,
    current,
    group,
    with_runcontext,
)
from tasksmithy.cli import main
from tasksmithy_ray import ClusterError

EXAMPLES = Path(__file__).parents[3] / "examples"

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


@env.task
def depth(n: int) -> int:
    return 0 if n == 0 else 1 + depth(n - 1)


# Results, children, errors


def test_an_attempt_is_made_in_another_process(on_ray: Any) -> None:
    assert on_ray().run(process) not in (os.getpid(), os.getppid())


def test_children_of_async_tasks_are_run(on_ray: Any) -> None:
    assert on_ray().run(sum_of_squares, n=10) == 285


def test_tasks_that_wait_for_each_other_do_not_hold_the_cpus(on_ray: Any) -> None:
    assert on_ray().run(depth, n=3) == 3


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


def test_children_are_in_the_record_of_the_run(on_ray: Any, tmp_path: Path, capsys: Any) -> None:
    on_ray(record=True, runs_dir=tmp_path).run(sum_of_squares, n=3)
    main(["runs", "list", "--json", "--runs-dir", str(tmp_path)])
    [run] = json.loads(capsys.readouterr().out)
    main(["runs", "show", run["id"], "--runs-dir", str(tmp_path)])
    assert capsys.readouterr().out.count("r.square") == 3


def test_the_example_pipeline_runs_with_its_queries(
    on_ray: Any, tmp_path: Path, capsys: Any
) -> None:
    words = ["run", "--executor", "ray", "--runs-dir", str(tmp_path)]
    assert main([*words, str(EXAMPLES / "flights.py"), "main", "--month", "3"]) == 0
    assert capsys.readouterr().out.endswith("latest: HEL to AMS, 49 minutes\n")


class RefusedError(Exception):
    def __init__(self, code: int, *, why: str) -> None:
        super().__init__(code)
        self.why = why


@env.task
def refuses() -> None:
    raise RefusedError(7, why="closed") from KeyError("door")


@env.task
def asks_it() -> str:
    try:
        refuses()
    except RefusedError as error:
        return f"{error.args} {error.why}"
    return ""


def test_an_error_comes_as_its_type_with_its_attributes_and_its_cause(on_ray: Any) -> None:
    with pytest.raises(RefusedError) as raised:
        on_ray().run(refuses)
    assert (raised.value.args, raised.value.why) == ((7,), "closed")
    assert isinstance(raised.value.__cause__, KeyError)


def test_a_caller_on_a_worker_gets_the_error_of_its_child_as_its_type(on_ray: Any) -> None:
    assert on_ray().run(asks_it) == "(7,) closed"


@env.task(retries=2)
def flaky() -> int:
    if current().attempt < 3:
        raise ConnectionError("gone")
    return current().attempt


def test_retries_are_the_run_s(on_ray: Any) -> None:
    assert on_ray().run(flaky) == 3


@env.task
async def in_group() -> str:
    return current().group


@env.task
async def loads() -> str:
    with group("loading"):
        return await in_group()


def test_a_child_knows_the_group_that_it_was_called_in(on_ray: Any) -> None:
    assert on_ray().run(loads) == "loading"


# Time


@env.task(timeout=8)  # the start of the attempt is in it
def never_returns(file: Path) -> None:
    file.write_text(str(os.getpid()))
    while True:
        time.sleep(0.1)


def test_a_timeout_ends_a_sync_function_that_does_not_return(on_ray: Any, tmp_path: Path) -> None:
    file = tmp_path / "pid"
    on_ray().run(process)  # a worker is there
    with pytest.raises(TaskTimeoutError, match=r"r.never_returns' was ended after 8 s"):
        on_ray().run(never_returns, file=file)
    until(lambda: not is_alive(int(file.read_text())), seconds=60)  # Ray has been told to kill it


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


def test_a_run_that_is_cancelled_cancels_on_the_cluster(on_ray: Any, tmp_path: Path) -> None:
    async def cancelled() -> None:
        run = asyncio.create_task(on_ray().arun(waits_for_it, file=tmp_path / "tidied"))
        while not (tmp_path / "begun").exists():
            await asyncio.sleep(0.05)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run

    asyncio.run(cancelled())
    assert (tmp_path / "tidied").exists()


# Secrets, environment, logs


@env.task(secrets=Secret("token", as_env_var="TOKEN"))
def told() -> tuple[str, str]:
    current().logger.warning("the token is %s", os.environ["TOKEN"])
    print("token:", os.environ["TOKEN"])  # noqa: T201 - what it is about
    [value] = current().secrets.values()
    return value, os.environ["TOKEN"]


@env.task
def environment() -> str | None:
    return os.environ.get("TOKEN")


def test_a_secret_is_there_for_its_task_alone_and_masked_in_the_log(
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


@env.task(env_vars={"COLOUR": "green"})
def colour() -> str:
    return os.environ["COLOUR"]


def test_a_task_has_its_env_vars(on_ray: Any) -> None:
    assert on_ray().run(colour) == "green"


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


# Cache, resume, records


@env.task(cache="auto")
def drawn(file: str) -> int:
    with Path(file).open("a") as lines:
        lines.write("x")
    return 4


def test_what_was_cached_on_this_machine_is_not_run_on_ray(on_ray: Any, tmp_path: Path) -> None:
    file = tmp_path / "drawn"
    assert with_runcontext(cache_dir=tmp_path / "cache").run(drawn, file=str(file)) == 4
    assert on_ray(cache_dir=tmp_path / "cache").run(drawn, file=str(file)) == 4
    assert file.read_text() == "x"


@env.task
def needs(file: Path) -> int:
    if not file.exists():
        raise FileNotFoundError(file)
    return 1


@env.task
def first_and_then(folder: Path) -> int:
    return drawn(str(folder / "drawn")) + needs(folder / "needed")


def test_a_run_goes_on_on_another_executor(on_ray: Any, tmp_path: Path, capsys: Any) -> None:
    dirs = {"runs_dir": tmp_path / "runs", "cache_dir": tmp_path / "cache"}
    with pytest.raises(FileNotFoundError):
        on_ray(record=True, **dirs).run(first_and_then, folder=tmp_path)
    (tmp_path / "needed").touch()
    main(["runs", "list", "--json", "--runs-dir", str(dirs["runs_dir"])])
    [run] = json.loads(capsys.readouterr().out)
    assert with_runcontext(resume=run["id"], **dirs).run(first_and_then, folder=tmp_path) == 5
    assert (tmp_path / "drawn").read_text() == "x"


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
def dies_once(file: Path) -> int:
    if not file.exists():
        file.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return 5


def test_an_attempt_whose_worker_is_killed_is_made_again(on_ray: Any, tmp_path: Path) -> None:
    assert on_ray().run(dies_once, file=tmp_path / "died") == 5


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


# Bad input


@env.task
def takes(value: Any) -> None: ...


@env.task
def gives() -> Any:
    return threading.Lock()


def test_an_input_that_cannot_be_shipped_is_told_with_task_parameter_and_type(
    on_ray: Any,
) -> None:
    with pytest.raises(NotShippableError, match=r"task 'r.takes': input 'value' \(a lock\)"):
        on_ray().run(takes, value=threading.Lock())


def test_a_result_that_cannot_be_shipped_is_told(on_ray: Any) -> None:
    with pytest.raises(NotShippableError, match=r"task 'r.gives': its result"):
        on_ray().run(gives)


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
