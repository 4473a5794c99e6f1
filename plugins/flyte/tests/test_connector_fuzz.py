"""Messages that are damaged: a connector answers each by a status, and lives on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from flyteidl2.connector import connector_pb2 as pb
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasksmithy_sql import SQLTask

from .connector_server import Connector, request

QUERY = SQLTask(
    name="double",
    query="select :n * 2",
    database="sqlite:///:memory:",
    inputs={"n": int},
    output=int,
)
ALLOWED = {
    grpc.StatusCode.OK,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.FAILED_PRECONDITION,
}
SERVICE = "/flyteidl2.connector.AsyncConnectorService/"


@pytest.fixture(scope="module")
def connector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connector]:
    folder: Path = tmp_path_factory.mktemp("fuzz")
    server = Connector(folder)
    yield server
    server.kill()


MESSAGE = request(QUERY, n=21).SerializeToString()


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """The message of a task with some bytes changed, left out or put in, or cut off."""
    content = bytearray(MESSAGE)
    for _ in range(draw(st.integers(1, 8))):
        place = draw(st.integers(0, max(len(content) - 1, 0)))
        match draw(st.sampled_from(("change", "remove", "insert", "cut"))):
            case "change" if content:
                content[place] = draw(st.integers(0, 255))
            case "remove":
                del content[place : place + draw(st.integers(1, 20))]
            case "insert":
                content[place:place] = draw(st.binary(min_size=1, max_size=20))
            case _:
                del content[place + len(content) // 2 :]
    return bytes(content)


def status(connector: Connector, method: str, content: bytes) -> tuple[grpc.StatusCode, str]:
    """How a call of these bytes is answered."""
    call = connector.channel.unary_unary(SERVICE + method)
    try:
        call(content, timeout=120)
    except grpc.RpcError as error:
        return error.code(), error.details()
    return grpc.StatusCode.OK, ""


def check(connector: Connector, method: str, content: bytes) -> None:
    code, said = status(connector, method, content)
    assert code in ALLOWED, (code, said)
    assert code == grpc.StatusCode.OK or said


def test_the_message_is_sound_before_it_is_damaged(connector: Connector) -> None:
    meta = pb.CreateTaskResponse.FromString(
        connector.channel.unary_unary(SERVICE + "CreateTask")(MESSAGE)
    ).resource_meta
    assert connector.result(meta, "integer") == 42


@pytest.mark.slow
@settings(max_examples=10_000, suppress_health_check=list(HealthCheck), database=None)
@given(damaged())
def test_ten_thousand_damaged_tasks_are_made_or_refused(
    connector: Connector, content: bytes
) -> None:
    check(connector, "CreateTask", content)


@settings(max_examples=200, suppress_health_check=list(HealthCheck), database=None)
@given(damaged())
def test_damaged_tasks_are_made_or_refused(connector: Connector, content: bytes) -> None:
    check(connector, "CreateTask", content)


@settings(max_examples=100, suppress_health_check=list(HealthCheck), database=None)
@given(st.sampled_from(("GetTask", "DeleteTask")), st.binary(max_size=200))
def test_what_is_no_resource_meta_is_refused(
    connector: Connector, method: str, content: bytes
) -> None:
    asked = pb.GetTaskRequest(resource_meta=content).SerializeToString()
    code, said = status(connector, method, asked)
    assert code in {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND}
    assert said
