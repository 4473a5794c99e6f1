"""RunMailbox: the run's end of the mailbox, and the channel of each attempt through it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import uuid4

import ray

from tasksmithy.extend import Frame, Message
from tasksmithy_ray import _remote
from tasksmithy_ray.errors import ClusterError
from tasksmithy_ray.letters import RUN, frame_of, plain
from tasksmithy_ray.objects import Objects

_CALLS = 1_000_000
"""Calls of the mailbox that may be open at once: one for each attempt that waits for a child."""

_PATIENCE = 0.001
"""Seconds that letters wait for others, for each other attempt that is under way, ..."""

_MOST_PATIENCE = 0.05
"""... but no longer than this: a post of one letter costs as much as one of a hundred."""


class RunMailbox:
    """An actor that carries letters between the run and its attempts; begun when first needed.

    A worker need not reach the machine of the run, nor the other way round: both reach the actor,
    which is on the node that the run is connected to and ends with the run.

    One post at a time is under way from each end, with all letters that have come up before it: so
    they are few, and letters arrive in the order in which they were sent.

    Attributes:
        name: by which workers find the actor. A handle in each attempt costs Ray more than the rest
            of the attempt, and most never need it.
        objects: the large values of the run.
    """

    def __init__(self) -> None:
        # Softly, Ray may put it on any node; the loss of that one would then end the run.
        here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            ray.get_runtime_context().get_node_id(), soft=False
        )
        ray.cloudpickle.register_pickle_by_value(_remote)
        actor: Any = ray.remote(_remote.Mailbox)
        self.name: str = f"tasksmithy-{uuid4()}"
        self.objects = Objects()
        self._lost: ClusterError | None = None
        self._actor = actor.options(
            name=self.name, num_cpus=0, max_concurrency=_CALLS, scheduling_strategy=here
        ).remote()
        self._channels: dict[str, BoxChannel] = {}
        self._boxes = itertools.count(1)
        self._unsent: list[_remote.Letter] = []
        self._taking = asyncio.create_task(self._take())
        self._posting: asyncio.Task[None] | None = None

    def channel(self) -> BoxChannel:
        """A channel for an attempt.

        Raises:
            ClusterError: the actor is lost.
        """
        if self._lost is not None:
            raise self._lost
        channel = BoxChannel(f"a{next(self._boxes)}", self._send)
        self._channels[channel.box] = channel
        return channel

    def forget(self, channel: BoxChannel) -> None:
        """The attempt has ended."""
        del self._channels[channel.box]
        if channel.is_used:
            self._send(channel.box, None)

    async def close(self) -> None:
        """End the actor."""
        for task in (self._taking, self._posting):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        ray.kill(self._actor)

    def _send(self, box: str, frame: Frame | None) -> None:
        self._unsent.append((box, RUN, None if frame is None else plain(frame)))
        if self._posting is None or self._posting.done():
            self._posting = asyncio.create_task(self._post())

    async def _post(self) -> None:
        while self._unsent:
            await asyncio.sleep(min(_PATIENCE * (len(self._channels) - 1), _MOST_PATIENCE))
            letters, self._unsent = self._unsent, []
            try:
                await self._actor.post.remote(letters)
            except ray.exceptions.RayError:  # which `_take` tells
                return

    async def _take(self) -> None:
        while True:
            try:
                letters = await self._actor.take.remote(RUN)
            except ray.exceptions.RayError as error:
                lost = ClusterError(f"the node that this run is connected to was lost: {error}")
                self._lost = lost
                for channel in self._channels.values():
                    channel.break_off(lost)
                return
            for _, box, frame in letters:
                if (receiver := self._channels.get(box)) is not None:
                    receiver.deliver(frame_of(frame))


class BoxChannel:
    """The run's end of the channel to one attempt.

    Args:
        box: the box of the attempt.
        send: sends a frame to a box.

    Attributes:
        box: as given.
        is_used: whether anything has gone through it.
        hear: is given what comes from the attempt.
        ref: the attempt, as Ray knows it.
        lost: what has ended the channel before the attempt; None while that has not happened.
    """

    hear: Callable[[Frame], object]
    ref: Any

    def __init__(self, box: str, send: Callable[[str, Frame], None]) -> None:
        self.box = box
        self.is_used: bool = False
        self.lost: BaseException | None = None
        self._to_box = send
        self._count = 0
        self._changed = asyncio.Event()

    def send(self, frame: Frame) -> None:
        """Send a frame, without waiting for the far side."""
        self.is_used = True
        self._to_box(self.box, frame)

    def send_secrets(self, secrets: bytes) -> None:
        """Send what is to be in no task of Ray and not in its object store."""
        self.send(Frame(Message.SECRETS, 0, secrets))

    def deliver(self, frame: Frame) -> None:
        """A letter of the attempt has come."""
        self.is_used = True
        self._count += 1
        self._changed.set()
        try:
            self.hear(frame)
        except Exception as error:  # noqa: BLE001 - a handler's of the log: the attempt's end
            self.break_off(error)

    async def heard(self, count: int) -> None:
        """Wait until so many letters have come.

        Raises:
            Exception: what has ended the channel before.
        """
        while self._count < count and self.lost is None:
            self._changed.clear()
            await self._changed.wait()
        if self.lost is not None:
            raise self.lost

    def break_off(self, error: BaseException) -> None:
        """Nothing more can come: end the attempt."""
        self.lost = error
        self._changed.set()
        ray.cancel(self.ref, force=True)
