"""A connector server as a process of its own, that is killed and started again; and its client."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import grpc
from flyteidl2.connector import connector_pb2 as pb
from flyteidl2.connector.service_pb2_grpc import (
    AsyncConnectorServiceStub,
    ConnectorMetadataServiceStub,
)
from flyteidl2.core import identifier_pb2
from flyteidl2.core.execution_pb2 import TaskExecution
from flyteidl2.task import common_pb2
from tests import job_service
from tests.processes import until

from tasksmithy import SerializationContext, serialize
from tasksmithy_flyte import message_of
from tasksmithy_flyte.literals import json_value, literal

ROOT = Path(__file__).parents[3]
ENDED = {
    TaskExecution.SUCCEEDED,
    TaskExecution.FAILED,
    TaskExecution.ABORTED,
    TaskExecution.RETRYABLE_FAILED,
}

PROGRAM = """
import asyncio, sys
from pathlib import Path
from tasksmithy import Registry, init
from tasksmithy_flyte.connector.program import Options, serve
from tests.job_service import Remote

registry = Registry(task_types=[Remote])
init(registry=registry)
state, port, most = sys.argv[1:]
asyncio.run(serve(Options(state=Path(state), port=int(port), most=int(most)), registry))
"""


class Connector:
    """A server, and a client of it.

    Args:
        folder: where its state is.
        jobs: the port of a job service, for tasks of type "remote".
        most: how many tasks are at work at once.
    """

    def __init__(self, folder: Path, jobs: int = 0, most: int = 32) -> None:
        self.folder = folder
        self._jobs = jobs
        self._most = most
        self.port = 0
        self.start()

    def start(self) -> None:
        """Start it; on the same port as before."""
        self.log = (self.folder / "server.log").open("a")
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, self.folder / "state", str(self.port), str(self._most)],
            env=os.environ | {job_service.PORT: str(self._jobs), "PYTHONPATH": str(ROOT)},
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )
        assert self.process.stdout is not None
        said = self.process.stdout.readline()
        assert said, (self.folder / "server.log").read_text()
        self.port = int(said.rpartition(":")[2])
        self.channel = grpc.insecure_channel(f"127.0.0.1:{self.port}")
        self.stub = AsyncConnectorServiceStub(self.channel)
        self.metadata = ConnectorMetadataServiceStub(self.channel)

    def kill(self) -> None:
        """Kill it."""
        self.process.kill()
        self._ended()

    def stop(self) -> int:
        """Have it end by itself; its exit code."""
        self.process.terminate()
        return self._ended()

    def _ended(self) -> int:
        self.process.communicate(timeout=120)
        self.channel.close()
        self.log.close()
        return self.process.returncode

    def create(self, task: Any, execution: str = "", **inputs: Any) -> bytes:
        """Create a task; its resource_meta."""
        meta: bytes = self.stub.CreateTask(request(task, execution, **inputs)).resource_meta
        return meta

    def get(self, meta: bytes) -> pb.Resource:
        """How a task is."""
        return self.stub.GetTask(pb.GetTaskRequest(resource_meta=meta)).resource

    def delete(self, meta: bytes) -> None:
        """End a task."""
        self.stub.DeleteTask(pb.DeleteTaskRequest(resource_meta=meta))

    def ended(self, meta: bytes) -> pb.Resource:
        """How a task is once it has ended."""
        return until(lambda: (found := self.get(meta)).phase in ENDED and found, 300)

    def result(self, meta: bytes, kind: str) -> Any:
        """The output of a task that has succeeded."""
        resource = self.ended(meta)
        assert resource.phase == TaskExecution.SUCCEEDED, resource.message
        return json_value({"kind": kind}, resource.outputs.literals[0].value)

    def logs(self, meta: bytes, token: str = "", lines: int = 0) -> tuple[list[str], str]:
        """Lines of the log of a task, and the token for those after them."""
        asked = pb.GetTaskLogsRequest(resource_meta=meta, token=token, lines=lines)
        body, header = self.stub.GetTaskLogs(asked)
        return [line.message for line in body.body.lines], header.header.token


def request(task: Any, execution: str = "", **inputs: Any) -> pb.CreateTaskRequest:
    """The request to create a task; `execution` names the attempt that it is for."""
    sctx = SerializationContext(version="v1", project="p", domain="d")
    spec = serialize(task, sctx)
    kinds = {each["name"]: each["type"] for each in spec.interface["inputs"]}
    given: Iterable[Any] = (
        common_pb2.NamedLiteral(name=name, value=literal(kinds[name], value))
        for name, value in inputs.items()
    )
    asked = pb.CreateTaskRequest(
        template=message_of(spec, sctx).task_template,
        inputs=common_pb2.Inputs(literals=given),
        output_prefix="out",
    )
    if execution:
        name = identifier_pb2.Identifier(name=execution)
        identifier = identifier_pb2.TaskExecutionIdentifier(task_id=name)
        asked.task_execution_metadata.task_execution_id.CopyFrom(identifier)
    return asked
