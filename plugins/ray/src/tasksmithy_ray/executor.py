"""RayExecutor: each attempt is a Ray task."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import cache, cached_property
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from tasksmithy import Attempt, Host, TaskTemplate, in_thread
from tasksmithy.errors import NotExecutableError, WorkerDiedError
from tasksmithy.extend import Conversation, Shipment
from tasksmithy_ray import cluster
from tasksmithy_ray.errors import ClusterError, Difference, WorkerMismatchError
from tasksmithy_ray.options import RayOptions
from tasksmithy_ray.requests import Request, lacking, refusal, request_of

if TYPE_CHECKING:
    from tasksmithy_ray.mailbox import BoxChannel, RunMailbox

_ASKED = 4
"""How often a worker is asked to end a cancelled attempt, once a second, before it is killed."""


class RayExecutor:
    """Makes each attempt as a Ray task; it is an `Executor`.

    Ray is imported, and connected to or started, with the first attempt.

    Args:
        options: which cluster, and how.
    """

    options_model = RayOptions
    capabilities = frozenset({"preemption", "processes"})

    def __init__(self, options: RayOptions) -> None:
        cluster.require_ray()
        self._options = options
        self.heeds = frozenset({"env_vars", "secrets", "resources"})
        if options.queues:
            self.heeds |= {"queue"}
        if options.interruptible:
            self.heeds |= {"interruptible"}
        self._connecting = asyncio.Lock()
        self._connected = False
        self._surroundings: dict[str, bytes] = {}
        self._mailbox: RunMailbox | None = None

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
        request = request_of(attempt.task, self._options)
        self._check_resources(attempt.task, request)
        name = attempt.task.name
        shipment = Shipment.of(attempt, self._surroundings.get(name, b""))
        self._surroundings[name] = shipment.surroundings
        channel = mailbox.channel()
        if shipment.secrets:
            channel.send_secrets(shipment.secrets)
            shipment = shipment._replace(secrets=b"")
        ref = self._submitted(attempt, request, mailbox.name, channel, shipment)
        conversation = Conversation(attempt, host, channel)
        ending = asyncio.create_task(_end(channel, ref, attempt.task, host))
        answering = asyncio.create_task(conversation.answer())
        try:
            answer = await asyncio.shield(answering)
        except asyncio.CancelledError:
            await _cancelled(ref, ending)
            raise
        finally:
            await conversation.end()
            answering.cancel()
            ending.cancel()
            mailbox.forget(channel)
        if answer is None:
            assert channel.lost is not None  # noqa: S101 - so a channel ends without an answer
            raise channel.lost
        return conversation.result(answer)

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
                from tasksmithy_ray.mailbox import RunMailbox  # which imports Ray

                self._mailbox = RunMailbox()
            return self._mailbox

    def _check_resources(self, task: TaskTemplate[..., Any], request: Request) -> None:
        if self._options.adds_nodes or request in self._possible:
            return
        if (problem := lacking(request, cluster.nodes())) is not None:
            raise NotExecutableError(
                f"task {task.name!r} would wait without end: {problem}. Ask for less, add such a "
                "node, or give the option adds_nodes where the cluster adds it by itself"
            )
        self._possible.append(request)

    @cached_property
    def _possible(self) -> list[Request]:
        return []

    def _submitted(
        self,
        attempt: Attempt,
        request: Request,
        mailbox: str,
        channel: BoxChannel,
        shipment: Shipment,
    ) -> Any:
        options: dict[str, Any] = {"name": attempt.task.name, **request.options()}
        if attempt.task.env_vars:
            options["runtime_env"] = {"env_vars": dict(attempt.task.env_vars)}
        # A worker of a cluster has a path of its own, and the program by its working_dir.
        path = () if self._options.cluster else tuple(entry for entry in sys.path if entry)
        make = self._make.options(**options)
        needed = _needed(attempt)
        return make.remote(path, needed, mailbox, channel.box, tuple(shipment), channel.is_used)

    @cached_property
    def _make(self) -> Any:
        import ray

        from tasksmithy_ray import _remote

        return ray.remote(max_retries=0)(_remote.make)


async def _end(channel: BoxChannel, ref: Any, task: TaskTemplate[..., Any], host: Host) -> None:
    """Wait for the end of the Ray task, and tell the channel of it."""
    from ray.exceptions import RayError, RuntimeEnvSetupError, TaskCancelledError

    try:
        kind, node, told = await ref
    except RuntimeEnvSetupError as error:
        channel.break_off(
            ClusterError(f"task {task.name!r}: Ray cannot set up its workers: {error}")
        )
    except TaskCancelledError as error:
        channel.break_off(error)
    except RayError as error:
        lost = WorkerDiedError(task.name, None)
        lost.__cause__ = error
        channel.break_off(lost)
    else:
        if kind == "lacks":
            differences = [Difference(*each) for each in told]
            channel.break_off(WorkerMismatchError(task.name, node, differences))
        else:
            host.placed(node)
            channel.end(*told)


async def _cancelled(ref: Any, ending: asyncio.Task[None]) -> None:
    """Cancel the Ray task, and wait until it has ended."""
    import ray

    for _ in range(_ASKED):  # what is being imported, or is in C, may let it pass unheard
        ray.cancel(ref)
        done, _ = await asyncio.wait([ending], timeout=1)
        if done:
            return
    with suppress(ValueError):  # it has ended meanwhile
        ray.cancel(ref, force=True)
    await asyncio.wait([ending])


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
