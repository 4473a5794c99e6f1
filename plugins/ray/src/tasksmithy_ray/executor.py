"""RayExecutor: each attempt is a Ray task."""

from __future__ import annotations

import asyncio
import itertools
import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from tasksmithy import Attempt, Host, TaskTemplate, in_thread
from tasksmithy.errors import NotExecutableError, WorkerDiedError
from tasksmithy.extend import Conversation, Shipment
from tasksmithy_ray import cluster
from tasksmithy_ray.errors import ClusterError, Difference, WorkerMismatchError
from tasksmithy_ray.letters import frame_of
from tasksmithy_ray.options import RayOptions
from tasksmithy_ray.requests import Request, lacking, refusal, request_of

if TYPE_CHECKING:
    from tasksmithy_ray.mailbox import RunMailbox

_ASKED = 4
"""How often a worker is asked to end a cancelled attempt, once a second, before it is killed."""

_AT_ONCE_PER_CPU = 10
"""How many children of one attempt Ray is given at once, for each CPU; later ones wait, ..."""

_LEAST_AT_ONCE = 1_000
"""... and at least so many: each takes some 30 kB of the run's process until it has ended."""


class RayExecutor:
    """Makes each attempt as a Ray task; it is an `Executor`.

    Ray is imported, and connected to or started, with the first attempt.

    Args:
        options: which cluster, and how.
    """

    options_model = RayOptions
    capabilities: frozenset[str] = frozenset({"preemption", "processes"})

    def __init__(self, options: RayOptions) -> None:
        cluster.require_ray()
        self._options = options
        self.heeds: frozenset[str] = frozenset({"env_vars", "secrets", "resources"})
        if options.queues:
            self.heeds |= {"queue"}
        if options.interruptible:
            self.heeds |= {"interruptible"}
        self._connecting = asyncio.Lock()
        self._connected = False
        self._at_once = _LEAST_AT_ONCE
        self._surroundings: dict[str, bytes] = {}
        self._mailbox: RunMailbox | None = None
        self._makers: dict[tuple[Any, ...], Any] = {}

    def refuses(self, task: TaskTemplate[..., Any]) -> str | None:
        """What Ray has no words for: parts of devices, a queue that is not configured."""
        return refusal(task, self._options)

    def slots(self, task: TaskTemplate[..., Any]) -> Mapping[str, int]:  # noqa: ARG002 - the protocol's
        """Nothing of this machine: Ray knows what its nodes have."""
        return {}

    async def perform(self, attempt: Attempt, host: Host) -> Any:
        """Make an attempt on the cluster and return its result.

        Raises:
            ClusterError: the cluster cannot be used.
            NotExecutableError: no node has the resources that the task asks for.
            NotShippableError: the task, an input, the result or what it raised does not pickle.
            WorkerDiedError: the worker or its node was lost.
            WorkerMismatchError: the worker lacks a plugin, or has another version of it.
            Exception: whatever the task raises, as the type it was raised as.
        """
        mailbox = await self._connection()
        objects = mailbox.objects
        task = attempt.task
        shipment = Shipment.of(attempt, self._surroundings.get(task.name, b""), objects.put)
        self._surroundings[task.name] = shipment.surroundings
        make = self._maker(attempt, mailbox.name, shipment.surroundings)
        channel = mailbox.channel()
        conversation = Conversation(attempt, host, channel.send, objects, self._at_once)
        channel.hear = conversation.hear
        if shipment.secrets:
            channel.send_secrets(shipment.secrets)
        channel.ref = make.remote(
            task.name, channel.box, shipment.attempt, channel.is_used, *shipment.parts
        )
        try:
            place, (count, answer) = await _told(channel.ref, task.name)
            await channel.heard(count)
        except asyncio.CancelledError:
            await _cancelled(channel.ref)
            raise
        except Exception:
            if channel.lost is not None:
                raise channel.lost from None
            raise
        finally:
            await conversation.end()
            mailbox.forget(channel)
        host.placed(place)
        return conversation.result(frame_of(answer))

    async def close(self) -> None:
        """End the mailbox and the connection, and with it whatever Ray still does for the run."""
        if self._mailbox is not None:
            await self._mailbox.close()
        if self._connected:
            await in_thread(cluster.disconnect)

    async def _connection(self) -> RunMailbox:
        async with self._connecting:
            if self._mailbox is None:
                await in_thread(cluster.connect, self._options)
                self._connected = True
                cpus = sum(node.get("CPU", 0) for node in cluster.nodes().values())
                self._at_once = max(_LEAST_AT_ONCE, int(_AT_ONCE_PER_CPU * cpus))
                from tasksmithy_ray.mailbox import RunMailbox  # which imports Ray

                self._mailbox = RunMailbox()
            return self._mailbox

    def _check_resources(self, task: TaskTemplate[..., Any], request: Request) -> None:
        if self._options.adds_nodes:
            return
        if (problem := lacking(request, cluster.nodes())) is not None:
            raise NotExecutableError(
                f"task {task.name!r} would wait without end: {problem}. Ask for less, add such a "
                "node, or give the option adds_nodes where the cluster adds it by itself"
            )

    def _maker(self, attempt: Attempt, mailbox: str, surroundings: bytes) -> Any:
        """What submits an attempt, with its options; the same for many, as to make one takes time.

        Raises:
            NotExecutableError: no node has the resources that the task asks for.
        """
        task = attempt.task
        request = request_of(task, self._options)
        needed = _needed(attempt)
        key = (task.name, surroundings, needed, repr(request), repr(task.env_vars))
        if (found := self._makers.get(key)) is not None:
            return found
        self._check_resources(task, request)
        import ray

        from tasksmithy_ray import _remote

        options: dict[str, Any] = {"name": task.name, "max_retries": 0, **request.options()}
        if task.env_vars:
            options["runtime_env"] = {"env_vars": dict(task.env_vars)}
        # A worker of a cluster has a path of its own, and the program by its working_dir.
        path = () if self._options.cluster else tuple(entry for entry in sys.path if entry)
        make = ray.remote(_remote.maker(path, needed, mailbox, surroundings))
        found = self._makers[key] = make.options(**options)
        return found


async def _told(ref: Any, task: str) -> tuple[str, Any]:
    """What a Ray task returns: where the attempt was made, and its end.

    Raises:
        ClusterError: Ray cannot set up the worker.
        WorkerDiedError: the worker or its node was lost.
        WorkerMismatchError: the worker lacks a plugin, or has another version of it.
    """
    from ray.exceptions import RayError, RuntimeEnvSetupError, TaskCancelledError

    try:
        kind, place, told = await ref
    except RuntimeEnvSetupError as error:
        raise ClusterError(f"task {task!r}: Ray cannot set up its workers: {error}") from error
    except TaskCancelledError:
        raise
    except RayError as error:
        raise WorkerDiedError(task, None) from error
    if kind == "lacks":
        raise WorkerMismatchError(task, place, [Difference(*each) for each in told])
    return place, told


async def _cancelled(ref: Any) -> None:
    """Cancel a Ray task, and wait until it has ended."""
    import ray

    async def end() -> None:
        with suppress(Exception):
            await ref

    ending = asyncio.create_task(end())
    # What is being imported, or is in C, may let it pass unheard.
    for asked in itertools.count(1):
        with suppress(ValueError):  # it has ended meanwhile
            ray.cancel(ref, force=asked > _ASKED)
        await asyncio.wait([ending], timeout=1)
        if ending.done():
            return


def _needed(attempt: Attempt) -> tuple[tuple[str, str], ...]:
    """The distributions that a worker has to have, with their versions."""
    needed = dict(_own())
    for record in attempt.registry.records:
        if record.name == attempt.task.task_type and (
            record.group.startswith("tasksmithy.task_types.")
        ):
            needed[record.distribution] = record.version
    return tuple(needed.items())


@cache  # as they were imported, whatever is installed later
def _own() -> tuple[tuple[str, str], ...]:
    return tuple((name, version(name)) for name in ("tasksmithy", "tasksmithy-ray"))
