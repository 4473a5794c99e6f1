"""The gRPC services of a connector: `AsyncConnectorService` and `ConnectorMetadataService`."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar

import grpc
from flyteidl2.connector import connector_pb2 as pb
from flyteidl2.connector.service_pb2_grpc import (
    AsyncConnectorServiceServicer,
    ConnectorMetadataServiceServicer,
)
from flyteidl2.core.execution_pb2 import TaskExecution
from flyteidl2.logs.dataplane import payload_pb2
from flyteidl2.task import common_pb2
from google.protobuf.message import DecodeError

from tasksmithy.errors import PluginError, TasksmithyError, UnknownTaskTypeError
from tasksmithy.extend import masked, near_misses
from tasksmithy_flyte.connector.store import StoredTask
from tasksmithy_flyte.connector.tasks import Tasks

NAME: Final = "tasksmithy"
"""The name of the connector."""

PAGE: Final = 100
"""Lines of a log in one message, where the request says no number."""

PHASES: Final[Mapping[str, int]] = {
    "queued": TaskExecution.QUEUED,
    "running": TaskExecution.RUNNING,
    "deleted": TaskExecution.RUNNING,  # until its job has ended
    "succeeded": TaskExecution.SUCCEEDED,
    "failed": TaskExecution.FAILED,
    "retryable": TaskExecution.RETRYABLE_FAILED,
    "aborted": TaskExecution.ABORTED,
}

T = TypeVar("T")
_logger = logging.getLogger("tasksmithy.connector")


class RefusedError(Exception):
    """A request that is answered by a status.

    Attributes:
        code: the status.
    """

    def __init__(self, code: grpc.StatusCode, problem: str) -> None:
        super().__init__(problem)
        self.code = code


class ConnectorService(AsyncConnectorServiceServicer):  # type: ignore[misc]  # it has no types
    """Creates, gets and deletes tasks.

    Args:
        tasks: the tasks.
        types: the task types that are served, with the versions of their wire formats.
    """

    def __init__(self, tasks: Tasks, types: Mapping[str, int]) -> None:
        self._tasks = tasks
        self._types = types

    async def CreateTask(self, request: pb.CreateTaskRequest, context: Any) -> Any:  # noqa: N802
        """Begin a task. One of the same execution and attempt is the one that is there."""

        async def create() -> pb.CreateTaskResponse:
            template, connection = request.template, request.connection
            if template.type not in self._types:
                close = near_misses(template.type, self._types)
                served = ", ".join(sorted(self._types)) or "none"
                raise RefusedError(
                    grpc.StatusCode.NOT_FOUND,
                    f"task type {template.type!r} is not served here{close} (served: {served}); "
                    "install its plugin where the connector runs, or name it in --types",
                )
            if connection.secrets or connection.configs:
                raise RefusedError(
                    grpc.StatusCode.INVALID_ARGUMENT,
                    "a connection with secrets or settings is not supported: secrets are looked "
                    "for where the connector runs",
                )
            id_ = _id(request)
            self._tasks.create(request, id_)
            _logger.info("task %s of type %s was created", id_, template.type)
            return pb.CreateTaskResponse(resource_meta=json.dumps({"id": id_}).encode())

        return await _answered(create, context)

    async def GetTask(self, request: pb.GetTaskRequest, context: Any) -> Any:  # noqa: N802
        """How a task is, and its outputs once it has succeeded."""

        async def get() -> pb.GetTaskResponse:
            task = self._found(request.resource_meta)
            resource = pb.Resource(phase=PHASES[task.phase], message=task.message)
            if task.phase == "succeeded":
                resource.outputs.CopyFrom(common_pb2.Outputs.FromString(task.outputs))
            return pb.GetTaskResponse(resource=resource)

        return await _answered(get, context)

    async def DeleteTask(self, request: pb.DeleteTaskRequest, context: Any) -> Any:  # noqa: N802
        """End a task; one that has ended is left as it is."""

        async def delete() -> pb.DeleteTaskResponse:
            await self._tasks.delete(self._found(request.resource_meta).id)
            return pb.DeleteTaskResponse()

        return await _answered(delete, context)

    async def GetTaskLogs(  # noqa: N802
        self, request: pb.GetTaskLogsRequest, context: Any
    ) -> AsyncIterator[pb.GetTaskLogsResponse]:
        """What a task has logged, from the token on: lines, and the token for those after them."""

        async def get() -> list[tuple[int, float, str]]:
            task = self._found(request.resource_meta)
            if request.token and not request.token.isdecimal():
                problem = f"{request.token!r} is no token of this service"
                raise RefusedError(grpc.StatusCode.INVALID_ARGUMENT, problem)
            after = int(request.token or 0)
            return self._tasks.store.lines(task.id, after, request.lines or PAGE)

        lines = await _answered(get, context)
        body = pb.GetTaskLogsResponseBody()
        for _, moment, text in lines:
            line = body.lines.add(message=text, originator=payload_pb2.LogLineOriginator.USER)
            line.timestamp.FromNanoseconds(int(moment * 1e9))
        yield pb.GetTaskLogsResponse(body=body)
        token = str(lines[-1][0]) if lines else request.token
        yield pb.GetTaskLogsResponse(header=pb.GetTaskLogsResponseHeader(token=token))

    async def GetTaskMetrics(  # noqa: N802
        self, request: pb.GetTaskMetricsRequest, context: Any
    ) -> Any:
        """Refused: a task type has no metrics."""

        async def get() -> None:
            self._found(request.resource_meta)
            problem = "tasks of tasksmithy have no metrics"
            raise RefusedError(grpc.StatusCode.UNIMPLEMENTED, problem)

        await _answered(get, context)

    def _found(self, resource_meta: bytes) -> StoredTask:
        try:
            id_ = json.loads(resource_meta)["id"]
        except (ValueError, KeyError, TypeError):
            id_ = None
        if not isinstance(id_, str):
            raise RefusedError(
                grpc.StatusCode.INVALID_ARGUMENT,
                "the resource_meta is none that this connector has given",
            )
        task = self._tasks.store.find(id_)
        if task is None:
            raise RefusedError(
                grpc.StatusCode.NOT_FOUND,
                f"there is no task {id_!r}: it is of another connector, or ended long ago",
            )
        return task


class MetadataService(ConnectorMetadataServiceServicer):  # type: ignore[misc]  # it has no types
    """Says which task types are served.

    Args:
        types: the task types, with the versions of their wire formats.
    """

    def __init__(self, types: Mapping[str, int]) -> None:
        categories = [
            pb.TaskCategory(name=name, version=version) for name, version in sorted(types.items())
        ]
        self._connector = pb.Connector(name=NAME, supported_task_categories=categories)

    async def GetConnector(self, request: pb.GetConnectorRequest, context: Any) -> Any:  # noqa: N802
        """The connector of that name."""

        async def get() -> pb.GetConnectorResponse:
            if request.name != NAME:
                problem = f"there is no connector {request.name!r}; this one is {NAME!r}"
                raise RefusedError(grpc.StatusCode.NOT_FOUND, problem)
            return pb.GetConnectorResponse(connector=self._connector)

        return await _answered(get, context)

    async def ListConnectors(  # noqa: N802
        self,
        request: pb.ListConnectorsRequest,  # noqa: ARG002
        context: Any,  # noqa: ARG002
    ) -> Any:
        """The one connector that there is."""
        return pb.ListConnectorsResponse(connectors=[self._connector])


class Decoding(grpc.aio.ServerInterceptor):  # type: ignore[misc]  # grpc has no types
    """Refuses what is no message of the method; gRPC by itself would say that it does not know."""

    async def intercept_service(
        self, continuation: Callable[[Any], Awaitable[Any]], handler_call_details: Any
    ) -> Any:
        """Have the requests of a method of the connector decoded here."""
        handler = await continuation(handler_call_details)
        if handler is None or not handler_call_details.method.startswith("/flyteidl2.connector."):
            return handler

        async def decoded(data: bytes, context: Any) -> Any:
            async def decode() -> Any:
                try:
                    return handler.request_deserializer(data)
                except DecodeError as error:
                    problem = f"the request cannot be read: {error}"
                    raise RefusedError(grpc.StatusCode.INVALID_ARGUMENT, problem) from None

            return await _answered(decode, context)

        async def unary(data: bytes, context: Any) -> Any:
            return await handler.unary_unary(await decoded(data, context), context)

        async def stream(data: bytes, context: Any) -> AsyncIterator[Any]:
            async for answer in handler.unary_stream(await decoded(data, context), context):
                yield answer

        kind = {"unary_stream": stream} if handler.response_streaming else {"unary_unary": unary}
        return handler._replace(request_deserializer=None, **kind)


def _id(request: pb.CreateTaskRequest) -> str:
    """What identifies a task: its execution and attempt, where the request says them."""
    execution = request.task_execution_metadata.task_execution_id
    if not execution.ByteSize():
        return os.urandom(16).hex()
    return hashlib.sha256(execution.SerializeToString(deterministic=True)).hexdigest()[:32]


async def _answered(answer: Callable[[], Awaitable[T]], context: Any) -> T:
    """The answer of a request; what goes wrong with it is a status that says what."""
    try:
        return await answer()
    except RefusedError as error:
        code, problem = error.code, str(error)
    except UnknownTaskTypeError as error:
        code, problem = grpc.StatusCode.NOT_FOUND, str(error)
    except PluginError as error:
        code, problem = grpc.StatusCode.FAILED_PRECONDITION, str(error)
    except TasksmithyError as error:
        code, problem = grpc.StatusCode.INVALID_ARGUMENT, str(error)
    except Exception as error:
        _logger.exception("a request could not be answered")
        code, problem = grpc.StatusCode.INTERNAL, f"{type(error).__name__}: {error}"
    await context.abort(code, masked(problem))
    raise AssertionError  # abort raises
