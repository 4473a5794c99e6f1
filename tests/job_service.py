"""A job service as a process of its own, which outlives the runs that use it; and its client.

Each request is a connection with one line of JSON, and so is the answer. Everything that happens is
a line in a file, from which another service may go on.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tasksmithy import JobStatus, RunContext, TaskTemplate, TaskType, hookimpl

PORT, DELAYS = "JOB_SERVICE_PORT", "JOB_SERVICE_DELAYS"
"""Variables: where the service is, and how long a submission is under way, there and back."""


class Service:
    """The jobs, by id.

    Args:
        log: the file with all that has happened.
    """

    def __init__(self, log: Path) -> None:
        self.log = log
        self.jobs: dict[str, dict[str, Any]] = {}
        if log.exists():
            for line in log.read_text(encoding="utf-8").splitlines():
                self.apply(**json.loads(line))

    async def answer(self, request: dict[str, Any]) -> Any:
        now = time.time()
        match request.pop("what"):
            case "submit":
                key = request["key"]
                await asyncio.sleep(request.pop("before", 0))  # it is on its way
                self.happened(what="asked", key=key)
                found = [id_ for id_, job in self.jobs.items() if job["key"] == key]
                if not found:
                    found = [f"j{len(self.jobs)}"]
                    self.happened(what="made", id=found[0], at=now, **request)
                await asyncio.sleep(request.pop("after", 0))  # the answer is on its way
                return found[0]
            case "poll":
                return self.phase(request["id"])
            case "cancel":
                if self.phase(request["id"])["phase"] == "running":
                    self.happened(what="cancelled", id=request["id"])
                return None
            case "all":
                return [self.phase(id_) | job for id_, job in self.jobs.items()]

    def happened(self, **event: Any) -> None:
        with self.log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(event) + "\n")
        self.apply(**event)

    def apply(self, what: str, **event: Any) -> None:
        if what == "made":
            self.jobs[event.pop("id")] = event | {"cancelled": False, "asked": 1}
        elif what == "cancelled":
            self.jobs[event["id"]]["cancelled"] = True
        else:
            for job in self.jobs.values():
                job["asked"] += job["key"] == event["key"]

    def phase(self, id_: str) -> dict[str, Any]:
        job = self.jobs[id_]
        if job["cancelled"]:
            return {"phase": "failed", "message": "cancelled"}
        if time.time() < job["at"] + job["seconds"]:
            return {"phase": "running"}
        if job.get("fails", 0):
            return {"phase": "failed", "message": f"{id_} broke down"}
        return {"phase": "succeeded", "result": f"{job['value']} of {id_}"}


async def serve(log: Path) -> None:
    service = Service(log)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            answer = await service.answer(json.loads(await reader.readline()))
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
        except (ConnectionError, ValueError):
            pass  # the run is dead
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, backlog=2000)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


@contextmanager
def running(log: Path) -> Iterator[int]:
    """In the body, a service is there; its port."""
    process = subprocess.Popen(
        [sys.executable, __file__, str(log)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


async def ask(port: int, what: str, **request: Any) -> Any:
    """The answer of the service on that port."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(json.dumps({"what": what, **request}).encode() + b"\n")
        await writer.drain()
        line = await reader.readline()
        if not line:
            raise ConnectionResetError
        return json.loads(line)
    finally:
        writer.close()


class RemoteTask(TaskTemplate, task_type="remote"):
    """A task of the service.

    Attributes:
        port: where the service is; 0 for what the variable says.
        seconds: how long the job takes.
        fails: whether it fails.
    """

    port: int = 0
    seconds: float = 0.0
    fails: bool = False


class Remote(TaskType):
    template = RemoteTask

    @hookimpl
    async def submit(
        self, task: RemoteTask, inputs: Any, idempotency_key: str, ctx: RunContext
    ) -> Any:
        before, after = map(float, os.environ.get(DELAYS, "0 0").split())
        job = {"key": idempotency_key, "value": inputs.get("n"), "fails": task.fails}
        job |= {"seconds": task.seconds, "before": before, "after": after}
        ctx.logger.info("job %s is submitted", job["value"])
        return {"id": await ask(port_of(task), "submit", **job)}

    @hookimpl
    async def poll(self, task: RemoteTask, handle: Any) -> JobStatus:
        return JobStatus(**await ask(port_of(task), "poll", **handle), poll_after=0.02)

    @hookimpl
    async def cancel(self, task: RemoteTask, handle: Any) -> None:
        await ask(port_of(task), "cancel", **handle)


def port_of(task: RemoteTask) -> int:
    return task.port or int(os.environ[PORT])


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
