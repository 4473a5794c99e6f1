"""The connector server, driven by a gRPC client as a cluster drives it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from flyteidl2.connector import connector_pb2 as pb
from flyteidl2.core import tasks_pb2
from flyteidl2.core.execution_pb2 import TaskExecution
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tests import job_service
from tests.job_service import Remote, RemoteTask
from tests.processes import until

from tasksmithy import NativeInterface, Registry, RetryStrategy
from tasksmithy_sql import SQLTask

from .connector_server import Connector, request

INTERFACE = NativeInterface.from_types({"n": int}, {"o0": str})


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[int]:
    """The port of a job service; this process knows its task type."""
    with job_service.running(tmp_path / "log") as port, Registry(task_types=[Remote]).entered():
        yield port


@pytest.fixture
def connector(tmp_path: Path, jobs: int) -> Iterator[Connector]:
    server = Connector(tmp_path, jobs)
    yield server
    server.kill()


def remote(name: str = "far", **fields: Any) -> RemoteTask:
    return RemoteTask(name=name, interface=INTERFACE, image="i:1", **fields)


def query(text: str = "select :n * 2", **fields: Any) -> SQLTask:
    return SQLTask(
        name="double", query=text, database="sqlite:///:memory:", inputs={"n": int}, output=int,
        **fields,
    )  # fmt: skip


SLOW = """
    with recursive counted(i) as (select 1 union all select i + 1 from counted where i < :n)
    select count(*) from counted
"""


def all_jobs(port: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = asyncio.run(job_service.ask(port, "all"))
    return found


def refused(call: Any, *arguments: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as caught:
        call(*arguments)
    return caught.value.code(), caught.value.details()


# A task and its result


def test_a_query_is_run_and_its_result_is_the_output(connector: Connector) -> None:
    assert connector.result(connector.create(query(), n=21), "integer") == 42


def test_a_task_that_is_a_job_elsewhere_is_submitted_and_polled(
    connector: Connector, jobs: int
) -> None:
    meta = connector.create(remote(seconds=0.3), n=7)
    assert connector.result(meta, "string") == "7 of j0"
    assert [job["asked"] for job in all_jobs(jobs)] == [1]


def test_a_task_of_the_same_execution_and_attempt_is_the_one_that_is_there(
    connector: Connector, jobs: int
) -> None:
    first = connector.create(remote(), "e", n=7)
    assert connector.create(remote(), "e", n=7) == first
    assert connector.create(remote(), "other", n=7) != first
    connector.ended(first)
    until(lambda: len(all_jobs(jobs)) == 2)


def test_a_job_that_fails_is_told_with_what_it_says(connector: Connector) -> None:
    resource = connector.ended(connector.create(remote(fails=True), n=1))
    assert resource.phase == TaskExecution.FAILED
    assert "broke down" in resource.message


def test_what_another_attempt_may_mend_is_left_to_the_retries_of_the_cluster(
    connector: Connector,
) -> None:
    task = remote(fails=True, retries=RetryStrategy(count=2))
    assert connector.ended(connector.create(task, n=1)).phase == TaskExecution.RETRYABLE_FAILED


def test_a_deleted_task_has_its_job_cancelled(connector: Connector, jobs: int) -> None:
    meta = connector.create(remote(seconds=1000), n=1)
    until(lambda: all_jobs(jobs))
    connector.delete(meta)
    assert connector.get(meta).phase == TaskExecution.ABORTED
    assert [job["cancelled"] for job in all_jobs(jobs)] == [True]
    connector.delete(meta)  # which is left as it is


def test_jobs_that_wait_take_no_place(tmp_path: Path, jobs: int) -> None:
    server = Connector(tmp_path, jobs, most=1)
    try:
        waiting = [server.create(remote(seconds=1000), n=n) for n in range(5)]
        until(lambda: len(all_jobs(jobs)) == 5)
        assert server.result(server.create(query(), n=1), "integer") == 2
        for meta in waiting:
            server.delete(meta)
    finally:
        server.kill()


# The server ends


def test_a_server_that_was_killed_polls_on(connector: Connector, jobs: int) -> None:
    meta = connector.create(remote(seconds=2), n=7)
    until(lambda: all_jobs(jobs))
    connector.kill()
    connector.start()
    assert connector.result(meta, "string") == "7 of j0"
    assert len(all_jobs(jobs)) == 1


def test_a_server_that_is_stopped_leaves_its_jobs_to_the_next(
    connector: Connector, jobs: int
) -> None:
    meta = connector.create(remote(seconds=2), n=7)
    until(lambda: all_jobs(jobs))
    assert connector.stop() == 0
    connector.start()
    assert connector.result(meta, "string") == "7 of j0"
    assert [job["cancelled"] for job in all_jobs(jobs)] == [False]


def test_a_query_that_was_lost_with_its_server_is_run_again(connector: Connector) -> None:
    meta = connector.create(query(SLOW), n=3_000_000)
    until(lambda: connector.get(meta).phase == TaskExecution.RUNNING)
    connector.kill()
    connector.start()
    assert connector.result(meta, "integer") == 3_000_000


def test_a_result_outlives_the_server(connector: Connector) -> None:
    meta = connector.create(query(), n=4)
    assert connector.result(meta, "integer") == 8
    connector.kill()
    connector.start()
    assert connector.result(meta, "integer") == 8


def test_a_deletion_that_was_under_way_when_the_server_was_killed_is_done(
    connector: Connector, jobs: int, tmp_path: Path
) -> None:
    meta = connector.create(remote(seconds=1000), n=7)
    until(lambda: all_jobs(jobs))
    connector.kill()
    mark_deleted(tmp_path / "state" / "connector-1.db")
    connector.start()
    assert connector.ended(meta).phase == TaskExecution.ABORTED
    assert [job["cancelled"] for job in all_jobs(jobs)] == [True]


def mark_deleted(database: Path) -> None:
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE task SET phase = 'deleted'")


def test_a_second_server_of_the_same_state_is_refused(connector: Connector, tmp_path: Path) -> None:
    done = connector_program("serve", "--port", "0", "--state", tmp_path / "state")
    assert done.returncode == 1
    assert "another connector server uses" in done.stderr


@pytest.mark.slow
def test_two_hundred_tasks_end_once_with_a_server_that_is_killed_ten_times(
    connector: Connector, jobs: int, request: pytest.FixtureRequest
) -> None:
    from tasksmithy_container import ContainerTask

    request.getfixturevalue("beside_others")
    echo = ContainerTask(
        name="echo", image=request.getfixturevalue("image"), inputs={"n": int},
        outputs={"o": str}, command=["sh", "-c", "printf {{.inputs.n}} > /var/outputs/o"],
    )  # fmt: skip
    tasks = {"remote": remote(seconds=3), "sql": query(), "container": echo}
    asked = [("remote", n) for n in range(90)] + [("sql", n) for n in range(90)]
    asked += [("container", n) for n in range(20)]
    metas: dict[tuple[str, int], bytes] = {}
    for kill in range(11):
        for kind, n in asked[kill * 20 : (kill + 1) * 20]:
            metas[kind, n] = connector.create(tasks[kind], f"{kind}-{n}", n=n)
        if kill < 10:
            connector.kill()
            connector.start()
            for (kind, n), meta in metas.items():  # a cluster that asks again
                assert connector.create(tasks[kind], f"{kind}-{n}", n=n) == meta
    for (kind, n), meta in metas.items():
        match kind:
            case "sql":
                assert connector.result(meta, "integer") == 2 * n
            case "container":
                assert connector.result(meta, "string") == str(n)
            case _:
                assert connector.result(meta, "string").startswith(f"{n} of j")
    made = all_jobs(jobs)
    assert sorted(job["value"] for job in made) == list(range(90))
    assert {job["phase"] for job in made} == {"succeeded"}


# Bad requests


def test_a_task_of_a_type_that_is_not_served_is_not_found(connector: Connector) -> None:
    template = tasks_pb2.TaskTemplate(type="sqll")
    code, said = refused(connector.stub.CreateTask, pb.CreateTaskRequest(template=template))
    assert code == grpc.StatusCode.NOT_FOUND
    assert "task type 'sqll' is not served here; did you mean 'sql'?" in said


def test_a_message_of_another_program_is_refused(connector: Connector) -> None:
    template = tasks_pb2.TaskTemplate(type="sql")
    code, said = refused(connector.stub.CreateTask, pb.CreateTaskRequest(template=template))
    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert "it was not rendered by tasksmithy" in said


def test_inputs_that_do_not_fit_are_refused_by_name(connector: Connector) -> None:
    asked = request(query(), n=1)
    asked.inputs.literals[0].name = "m"
    code, said = refused(connector.stub.CreateTask, asked)
    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert "there is no input 'm'" in said


@pytest.mark.parametrize("meta", [b"", b"\xff", b"[]", b'{"id": 1}'])
def test_a_resource_meta_of_somebody_else_is_refused(connector: Connector, meta: bytes) -> None:
    code, said = refused(connector.get, meta)
    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert "none that this connector has given" in said


def test_a_task_that_is_not_there_is_not_found(connector: Connector) -> None:
    for call in connector.get, connector.delete, connector.logs:
        assert refused(call, b'{"id": "x"}')[0] == grpc.StatusCode.NOT_FOUND


def test_a_message_that_is_too_large_is_refused_and_the_server_lives_on(
    connector: Connector,
) -> None:
    asked = pb.CreateTaskRequest(output_prefix="x" * 20_000_000)
    assert refused(connector.stub.CreateTask, asked)[0] == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert connector.result(connector.create(query(), n=1), "integer") == 2


def test_a_connection_is_refused(connector: Connector) -> None:
    asked = request(query(), n=1)
    asked.connection.secrets["token"] = "s3cr3t"
    code, said = refused(connector.stub.CreateTask, asked)
    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert "s3cr3t" not in said


def test_there_are_no_metrics(connector: Connector) -> None:
    asked = pb.GetTaskMetricsRequest(resource_meta=connector.create(query(), n=1))
    assert refused(connector.stub.GetTaskMetrics, asked)[0] == grpc.StatusCode.UNIMPLEMENTED


# What is said of the connector, and of a task


def test_the_task_types_that_are_installed_are_listed(connector: Connector) -> None:
    [found] = connector.metadata.ListConnectors(pb.ListConnectorsRequest()).connectors
    types = {each.name for each in found.supported_task_categories}
    assert {"sql", "raw-container", "remote"} <= types
    asked = pb.GetConnectorRequest(name=found.name)
    assert connector.metadata.GetConnector(asked).connector == found
    code, _ = refused(connector.metadata.GetConnector, pb.GetConnectorRequest(name="x"))
    assert code == grpc.StatusCode.NOT_FOUND


def test_the_server_says_that_it_is_well(connector: Connector) -> None:
    stub = health_pb2_grpc.HealthStub(connector.channel)
    for service in "", "flyteidl2.connector.AsyncConnectorService":
        answer = stub.Check(health_pb2.HealthCheckRequest(service=service))
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_what_a_task_logs_is_handed_out_in_pages(connector: Connector) -> None:
    meta = connector.create(remote(name="talks", seconds=0.1), n=3)
    connector.ended(meta)
    lines, token = connector.logs(meta, lines=1)
    assert lines == ["job 3 is submitted"]
    assert connector.logs(meta, token) == ([], token)
    code, _ = refused(connector.logs, meta, "x")
    assert code == grpc.StatusCode.INVALID_ARGUMENT


# The program


def connector_program(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tasksmithy_flyte.connector.program", *map(str, words)],
        capture_output=True,
        text=True,
    )


def test_a_task_type_that_is_not_installed_is_refused_by_name(tmp_path: Path) -> None:
    done = connector_program("serve", "--port", "0", "--state", tmp_path, "--types", "sql,sqll")
    assert done.returncode == 1
    assert "no installed plugin provides a task type 'sqll'; did you mean 'sql'?" in done.stderr


def test_a_request_without_the_token_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONNECTOR_TOKEN", "t0ken")
    words = ["serve", "--port", "0", "--state", tmp_path, "--token-from", "CONNECTOR_TOKEN"]
    program = [sys.executable, "-m", "tasksmithy_flyte.connector.program", *words, "--types", "sql"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as it:
        assert it.stdout is not None
        said = it.stdout.readline()
        assert said.startswith("serving sql on 127.0.0.1:")
        from flyteidl2.connector.service_pb2_grpc import ConnectorMetadataServiceStub

        with grpc.insecure_channel(f"127.0.0.1:{said.rpartition(':')[2].strip()}") as channel:
            stub = ConnectorMetadataServiceStub(channel)
            asked = pb.ListConnectorsRequest()
            assert refused(stub.ListConnectors, asked)[0] == grpc.StatusCode.UNAUTHENTICATED
            with_token = [("authorization", "Bearer t0ken")]
            assert len(stub.ListConnectors(asked, metadata=with_token).connectors) == 1
            health = health_pb2_grpc.HealthStub(channel)
            assert health.Check(health_pb2.HealthCheckRequest()).status
        it.terminate()
        it.communicate(timeout=120)
        assert it.returncode == 0
