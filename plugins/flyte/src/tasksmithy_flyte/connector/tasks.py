"""Tasks: what a connector server has been given to do, and does in this process."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from dataclasses import replace
from typing import Any, Final

from flyteidl2.connector import connector_pb2
from flyteidl2.core import tasks_pb2
from flyteidl2.task import common_pb2

from tasksmithy import Attempt, Job, TaskSpec, TaskTemplate, current, make_attempt
from tasksmithy.extend import from_spec, masked
from tasksmithy_flyte.connector.store import Store, StoredTask
from tasksmithy_flyte.failure import is_definite, told
from tasksmithy_flyte.renderer import spec_of
from tasksmithy_flyte.values import inputs_of, outputs_of

MOST_LOSSES: Final = 10
"""How often a task may be lost with its server: it may be what ends it."""

_logger = logging.getLogger("tasksmithy.connector")


class Given:
    """A task as its messages say, made through the installed task type.

    Raises:
        SpecError: the spec in the message cannot be read.
        RenderError: the message is not one of tasksmithy's.
        PluginError: the task type is not installed, or its plugin cannot be used.
        InputError: the inputs do not fit.
    """

    def __init__(self, template: tasks_pb2.TaskTemplate, inputs: common_pb2.Inputs) -> None:
        self.spec: TaskSpec = spec_of(template)
        self.task: TaskTemplate[..., Any] = from_spec(self.spec)
        self.attempt = Attempt.of(self.task, **inputs_of(self.task, self.spec, inputs))
        self.has_retries = template.metadata.retries.retries > 0

    @classmethod
    def of(cls, task: StoredTask) -> Given:
        """The task of a row. Raises as the class."""
        template = tasks_pb2.TaskTemplate.FromString(task.template)
        return cls(template, common_pb2.Inputs.FromString(task.inputs))

    @property
    def has_job(self) -> bool:
        """Whether the work of the task is a job elsewhere."""
        return self.attempt.registry.hooks(self.task.task_type).has_jobs


class StoredJob(Job):
    """The job of a task, whose handle is in the store, and the task's place among those at work.

    Args:
        store: the tasks.
        task: the task.
        places: how many tasks may be at work at once.

    Attributes:
        has_begun: set when the job has been asked for.
        is_there: set when the handle is known.
    """

    def __init__(self, store: Store, task: StoredTask, places: asyncio.Semaphore) -> None:
        super().__init__()
        self.key = hashlib.sha256(task.id.encode()).hexdigest()
        self.handle = None if task.handle is None else json.loads(task.handle)
        self.has_begun, self.is_there = asyncio.Event(), asyncio.Event()
        self._store, self._id, self._places = store, task.id, places
        self._has_place = False
        if self.handle is not None:
            self.is_there.set()

    def begin(self, place: object) -> None:  # noqa: ARG002 - it has one of its own
        """The attempt asks for its job."""
        self.has_begun.set()

    async def submitted(self, handle: Any) -> None:
        """Write down the handle."""
        self.handle = handle
        self._store.update(self._id, handle=json.dumps(handle))
        self.is_there.set()

    def leave_place(self) -> None:
        """Let another task be at work."""
        if self._has_place:
            self._has_place = False
            self._places.release()

    async def take_place(self) -> None:
        """Wait until this one may be at work."""
        await self._places.acquire()
        self._has_place = True


class _Doing:
    """A task that has not ended."""

    def __init__(self, row: StoredTask, given: Given | None, job: StoredJob) -> None:
        self.row = row
        self.given = given
        self.job = job
        self.has_begun = row.phase != "queued"
        self.work: asyncio.Task[None]


class Tasks:
    """The tasks of a server.

    Args:
        store: those that there are.
        most: how many are at work at once; jobs elsewhere do not count.
    """

    def __init__(self, store: Store, most: int) -> None:
        self.store = store
        self._places = asyncio.Semaphore(most)
        self._doing: dict[str, _Doing] = {}
        self._deleting: set[asyncio.Task[None]] = set()
        self._is_closing = False

    def go_on(self) -> int:
        """Go on with what the server before has left; how many tasks that are."""
        left = self.store.open_tasks()
        for row in left:
            if row.phase == "running" and row.handle is None:
                if row.losses == MOST_LOSSES:
                    problem = f"the connector server ended {MOST_LOSSES + 1} times while it ran"
                    self.store.update(row.id, phase="failed", message=problem)
                    continue
                self.store.update(row.id, losses=row.losses + 1)
            self._start(row)
            if row.phase == "deleted":
                self._delete(row.id)
        return len(left)

    def create(self, request: connector_pb2.CreateTaskRequest, id_: str) -> None:
        """Begin a task, unless it is there. Raises as `Given`."""
        given = Given(request.template, request.inputs)
        row = StoredTask(
            id=id_,
            template=request.template.SerializeToString(),
            inputs=request.inputs.SerializeToString(),
            prefix=request.output_prefix,
            attempt=request.task_execution_metadata.task_execution_id.retry_attempt + 1,
        )
        if self.store.create(row):
            self._start(row, given)

    async def delete(self, id_: str) -> None:
        """End a task, and its job; return once both have ended.

        Cancelled, as by the deadline of a request, it goes on.
        """
        await asyncio.shield(self._delete(id_))

    def _delete(self, id_: str) -> asyncio.Task[None]:
        deleting = asyncio.ensure_future(self._deleted(id_))
        self._deleting.add(deleting)
        deleting.add_done_callback(self._deleting.discard)
        return deleting

    async def _deleted(self, id_: str) -> None:
        doing = self._doing.get(id_)
        if doing is None:
            return
        self.store.update(id_, phase="deleted")
        if doing.has_begun and doing.given is not None and doing.given.has_job:
            # A submission may be under way, of this server or of the one before: its handle is
            # what the job is cancelled by.
            await self._first(doing.job.is_there, doing.work)
            await self._first(doing.job.has_begun, doing.work)
        doing.work.cancel()
        await asyncio.wait([doing.work])

    async def close(self) -> None:
        """End what is at work in this process. Jobs elsewhere go on, and the next server with them.

        What is ended here is begun anew by the next server.
        """
        self._is_closing = True
        ended = [
            doing.work
            for doing in self._doing.values()
            if doing.given is None or not doing.given.has_job
        ]
        for work in ended:
            work.cancel()
        if ended:
            await asyncio.wait(ended)

    def is_at_work(self, id_: str) -> bool:
        """Whether there is such a task, and it has not ended."""
        return id_ in self._doing

    @staticmethod
    async def _first(event: asyncio.Event, work: asyncio.Task[None]) -> None:
        """Wait for an event, or for the end of the work."""
        waiting = asyncio.ensure_future(event.wait())
        await asyncio.wait([waiting, work], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()

    def _start(self, row: StoredTask, given: Given | None = None) -> None:
        job = StoredJob(self.store, row, self._places)
        doing = self._doing[row.id] = _Doing(row, given, job)
        doing.work = asyncio.ensure_future(self._do(doing))
        doing.work.add_done_callback(lambda _: self._doing.pop(row.id, None))

    async def _do(self, doing: _Doing) -> None:
        id_ = doing.row.id
        try:
            values = await self._done(doing)
        except asyncio.CancelledError:
            if self._is_closing:
                return
            values = {"phase": "aborted", "message": "it was deleted"}
        except Exception as error:  # noqa: BLE001 - whatever ends the attempt is told the cluster
            given = doing.given
            again = given is not None and given.has_retries and not is_definite(error)
            values = {"phase": "retryable" if again else "failed", "message": told(error)}
        self.store.update(id_, **values)
        _logger.info("task %s has ended: %s", id_, values["phase"])

    async def _done(self, doing: _Doing) -> dict[str, Any]:
        row, job = doing.row, doing.job
        await job.take_place()
        try:
            given = doing.given = doing.given or Given.of(row)
            doing.has_begun = True
            if row.phase == "queued":
                self.store.update(row.id, phase="running")
            context = replace(given.attempt.context, run_id=row.id, key=row.id, attempt=row.attempt)
            attempt = replace(given.attempt, context=context)
            result = await make_attempt(attempt, job=job)
            outputs = await asyncio.to_thread(
                outputs_of, given.task, given.spec, result, row.prefix
            )
        finally:
            job.leave_place()
        return {"phase": "succeeded", "outputs": outputs.SerializeToString(deterministic=True)}


class LogToStore(logging.Handler):
    """Keeps what tasks log, each line with its task.

    Args:
        tasks: the tasks.
    """

    def __init__(self, tasks: Tasks) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("%(message)s"))
        self._tasks = tasks

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record, if a task has logged it."""
        id_ = current().key
        if self._tasks.is_at_work(id_):
            try:
                self._tasks.store.log(id_, record.created, masked(self.format(record)))
            except Exception:  # noqa: BLE001 - as every handler: logging breaks no task
                self.handleError(record)
