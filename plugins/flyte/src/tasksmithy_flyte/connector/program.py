"""The program of the connector server.

tasksmithy-connector serve --port 8000 --types sql,raw-container
"""

from __future__ import annotations

import argparse
import asyncio
import hmac
import json
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grpc
from flyteidl2.connector import service_pb2
from flyteidl2.connector.service_pb2_grpc import (
    add_AsyncConnectorServiceServicer_to_server,
    add_ConnectorMetadataServiceServicer_to_server,
)
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import SERVICE_NAME
from grpc_health.v1.health import aio as health

from tasksmithy import Registry, init
from tasksmithy.errors import PluginError, SettingsError, TasksmithyError
from tasksmithy.extend import masked, near_misses, state_folder
from tasksmithy_flyte.connector.service import ConnectorService, Decoding, MetadataService
from tasksmithy_flyte.connector.store import Store
from tasksmithy_flyte.connector.tasks import LogToStore, Tasks

TASK_TYPES: Final = "tasksmithy.task_types.v1"
GRACE: Final = 10.0
"""Seconds that requests under way have when the server ends."""

_logger = logging.getLogger("tasksmithy.connector")


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a server is to be.

    Attributes:
        host: the address that it listens on.
        port: its port; 0 for one that is free.
        types: the task types that it serves; all that are installed, if there are none.
        state: the folder of its tasks.
        most: how many tasks are at work at once; jobs elsewhere do not count.
        most_bytes: how large a message may be.
        certificate, key: files for TLS, both or none.
        token: what a request has to carry as its bearer token; empty for none.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    types: Sequence[str] = ()
    state: Path
    most: int = 32
    most_bytes: int = 16 * 2**20
    certificate: Path | None = None
    key: Path | None = None
    token: str = ""


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT.

    Returns:
        0; 1 where the server cannot begin, which standard error says.
    """
    args = _parser().parse_args(argv)
    registry = Registry()
    init(registry=registry)
    try:
        token = os.environ.get(args.token_from, "") if args.token_from else ""
        if args.token_from and not token:
            raise SettingsError(f"--token-from: the variable {args.token_from} is not set")
        options = Options(
            host=args.host,
            port=args.port,
            types=[name for name in args.types.split(",") if name],
            state=args.state or state_folder() / "connector",
            most=args.max_running,
            most_bytes=args.max_message_bytes,
            certificate=args.tls_cert,
            key=args.tls_key,
            token=token,
        )
        asyncio.run(serve(options, registry))
    except (TasksmithyError, OSError) as error:
        print(f"error: {masked(str(error))}", file=sys.stderr)  # noqa: T201 - a program's own output
        return 1
    return 0


async def serve(options: Options, registry: Registry) -> None:
    """Serve until SIGTERM or SIGINT.

    The first line on standard output says where. Jobs elsewhere go on when the server ends.

    Raises:
        SettingsError: a task type is not installed, or an option is not allowed.
        StateError: the state cannot be used.
        OSError: the port cannot be had, or a file of TLS not read.
    """
    types = _served(options.types, registry)
    store = Store(options.state)
    tasks = Tasks(store, options.most)
    log = logging.StreamHandler()
    log.setFormatter(_Json())
    logging.basicConfig(level=logging.INFO, handlers=[log, LogToStore(tasks)])
    server = grpc.aio.server(
        interceptors=[*([_Token(options.token)] if options.token else []), Decoding()],
        options=[
            ("grpc.max_receive_message_length", options.most_bytes),
            ("grpc.max_send_message_length", -1),
            ("grpc.so_reuseport", 0),
        ],
    )
    add_AsyncConnectorServiceServicer_to_server(ConnectorService(tasks, types), server)
    add_ConnectorMetadataServiceServicer_to_server(MetadataService(types), server)
    await _add_health(server)
    port = _listen(server, options)
    left = tasks.go_on()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await server.start()
    print(f"serving {', '.join(sorted(types))} on {options.host}:{port}", flush=True)  # noqa: T201
    _logger.info("going on with %d tasks", left)
    await ended.wait()
    await server.stop(GRACE)
    await tasks.close()
    store.close()
    logging.shutdown()
    # The end of the event loop would cancel the jobs, with which the next server goes on.
    os._exit(0)


def _served(names: Sequence[str], registry: Registry) -> Mapping[str, int]:
    """The task types that are served, with their versions; of all, those whose plugins load."""
    known = {*registry.names(TASK_TYPES)}
    found = {}
    for name in names or sorted(known):
        if name not in known:
            raise SettingsError(
                f"--types: no installed plugin provides a task type {name!r}"
                f"{near_misses(name, known)} (installed: {', '.join(sorted(known)) or 'none'})"
            )
        try:
            found[name] = registry.task_type(name).version
        except PluginError as error:
            if names:
                raise
            _logger.warning("task type %r is not served: %s", name, error)
    return found


def _listen(server: Any, options: Options) -> int:
    """Have the server listen; its port."""
    address = f"{options.host}:{options.port}"
    if (options.certificate is None) != (options.key is None):
        raise SettingsError("--tls-cert and --tls-key go together")
    try:
        if options.certificate is None or options.key is None:
            return int(server.add_insecure_port(address))
        pair = (options.key.read_bytes(), options.certificate.read_bytes())
        return int(server.add_secure_port(address, grpc.ssl_server_credentials([pair])))
    except RuntimeError as error:
        raise OSError(f"cannot listen on {address}: {error}") from None


async def _add_health(server: Any) -> None:
    servicer = health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    services = [each.full_name for each in service_pb2.DESCRIPTOR.services_by_name.values()]
    for name in ("", SERVICE_NAME, *services):
        await servicer.set(name, health_pb2.HealthCheckResponse.SERVING)


class _Token(grpc.aio.ServerInterceptor):  # type: ignore[misc]  # grpc has no types
    """Refuses requests without the token; health is for everybody."""

    def __init__(self, token: str) -> None:
        self._expected = f"Bearer {token}".encode()

    async def intercept_service(
        self, continuation: Callable[[Any], Awaitable[Any]], handler_call_details: Any
    ) -> Any:
        """Hand on a request that may be answered."""
        given = dict(handler_call_details.invocation_metadata).get("authorization", "")
        if isinstance(given, str):
            given = given.encode()
        if handler_call_details.method.startswith(f"/{SERVICE_NAME}/") or hmac.compare_digest(
            given, self._expected
        ):
            return await continuation(handler_call_details)
        return grpc.unary_unary_rpc_method_handler(_refuse)


async def _refuse(_: Any, context: Any) -> None:
    problem = "the request needs the connector's token: authorization: Bearer TOKEN"
    await context.abort(grpc.StatusCode.UNAUTHENTICATED, problem)


class _Json(logging.Formatter):
    """A record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        text = record.getMessage()
        if record.exc_info:
            text = f"{text}\n{self.formatException(record.exc_info)}"
        facts = {
            "time": self.formatTime(record),
            "level": record.levelname,
            "logger": record.name,
            "message": masked(text),
        }
        return json.dumps(facts)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tasksmithy-connector", description=(__doc__ or "")[:36])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serving = commands.add_parser("serve", help="serve the installed task types to a cluster")
    serving.add_argument("--host", default="127.0.0.1", help="address to listen on (loopback)")
    serving.add_argument("--port", type=int, default=8000, help="port; 0 for a free one")
    serving.add_argument("--types", default="", help="task types, as in sql,raw-container (all)")
    serving.add_argument("--state", type=Path, help="folder of the tasks (in the user's state)")
    serving.add_argument(
        "--max-running", type=_positive, default=32, help="tasks at work at once (32)"
    )
    serving.add_argument(
        "--max-message-bytes", type=_positive, default=16 * 2**20, help="of one message (16 MiB)"
    )
    serving.add_argument("--tls-cert", type=Path, help="PEM file of the certificate")
    serving.add_argument("--tls-key", type=Path, help="PEM file of its key")
    serving.add_argument(
        "--token-from", metavar="VARIABLE", help="variable with the token that requests carry"
    )
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


if __name__ == "__main__":
    sys.exit(main())
