"""RunMailbox: the run's end of the mailbox, and the channel of each attempt through it."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import suppress
from typing import Any
from uuid import uuid4

import ray

from tasksmithy.extend import Frame, Message
from tasksmithy_ray import _remote
from tasksmithy_ray.errors import ClusterError
from tasksmithy_ray.letters import InOrder, Plain, frame_of, plain
from tasksmithy_ray.worker import RUN

_CALLS = 1_000_000
"""Calls of the mailbox that may be open at once: one for each attempt that waits for a child."""


class RunMailbox:
    """An actor that carries letters between the run and its attempts; begun when first needed.

    A worker need not reach the machine of the run, nor the other way round: both reach the actor,
    which is on the node that the run is connected to and ends with the run.

    Attributes:
        name: by which workers find the actor. A handle in each attempt costs Ray more than the rest
            of the attempt, and most never need it.
    """

    def __init__(self) -> None:
        # Softly, Ray may put it on any node; the loss of that one would then end the run.
        here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            ray.get_runtime_context().get_node_id(), soft=False
        )
        ray.cloudpickle.register_pickle_by_value(_remote)
        actor: Any = ray.remote(_remote.Mailbox)
        self.name = f"tasksmithy-{uuid4()}"
        self._actor = actor.options(
            name=self.name, num_cpus=0, max_concurrency=_CALLS, scheduling_strategy=here
        ).remote()
        self._channels: dict[str, BoxChannel] = {}
        self._boxes = itertools.count(1)
        self._taking = asyncio.create_task(self._take())

    def channel(self) -> BoxChannel:
        """A channel for an attempt."""
        channel = BoxChannel(self._actor, f"a{next(self._boxes)}")
        self._channels[channel.box] = channel
        return channel

    def forget(self, channel: BoxChannel) -> None:
        """The attempt has ended."""
        del self._channels[channel.box]
        if channel.is_used:
            self._actor.close.remote(channel.box)

    async def close(self) -> None:
        """End the actor."""
        self._taking.cancel()
        with suppress(asyncio.CancelledError, ray.exceptions.RayError):
            await self._taking
        ray.kill(self._actor)

    async def _take(self) -> None:
        while True:
            try:
                letters = await self._actor.take.remote(RUN)
            except ray.exceptions.RayError as error:
                lost = ClusterError(f"the node that this run is connected to was lost: {error}")
                for channel in self._channels.values():
                    channel.break_off(lost)
                raise
            for box, number, frame in letters:
                if (receiver := self._channels.get(box)) is not None:
                    receiver.deliver(number, frame)


class BoxChannel:
    """The run's end of the channel to one attempt.

    Args:
        mailbox: the actor.
        box: the box of the attempt.

    Attributes:
        box: as given.
        is_used: whether anything has gone through it.
        lost: what has ended the channel before the attempt; None while that has not happened.
    """

    def __init__(self, mailbox: Any, box: str) -> None:
        self.box = box
        self.is_used = False
        self.lost: BaseException | None = None
        self._mailbox = mailbox
        self._sent = 0
        self._letters: InOrder[Plain] = InOrder()
        self._last: tuple[int, Plain] | None = None
        self._changed = asyncio.Event()

    def send(self, frame: Frame) -> None:
        """Send a frame, without waiting for the far side."""
        self.is_used = True
        letter = (self.box, self._sent, plain(frame))
        self._sent += 1
        self._mailbox.post.remote(self.box, [letter])

    def send_secrets(self, secrets: bytes) -> None:
        """Send what is to be in no task of Ray and not in its object store."""
        self.send(Frame(Message.SECRETS, 0, secrets))

    async def receive(self) -> Frame | None:
        """The next frame; None where the attempt was lost."""
        while True:
            if letters := self._letters.ready():
                return frame_of(letters.popleft())
            if self.lost is not None:
                return None
            if self._last is not None and self._letters.count >= self._last[0]:
                return frame_of(self._last[1])
            self._changed.clear()
            await self._changed.wait()

    def deliver(self, number: int, frame: Plain) -> None:
        """A letter of the attempt has come."""
        self.is_used = True
        self._letters.add(number, frame)
        self._changed.set()

    def end(self, count: int, frame: Plain) -> None:
        """The attempt has ended with a frame, which comes after so many letters."""
        self._last = count, frame
        self._changed.set()

    def break_off(self, error: BaseException) -> None:
        """Nothing more will come."""
        self.lost = error
        self._changed.set()
