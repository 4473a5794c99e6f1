"""Conversation: the run's part of an attempt that is made at the other end of a channel."""

from __future__ import annotations

import asyncio
import logging
import pickle
from functools import partial
from typing import Any

from tasksmithy.plugins._attempt import Attempt, Host
from tasksmithy.runtime.executors import _shipping as shipping
from tasksmithy.runtime.executors._frames import Frame, Message, RunChannel
from tasksmithy.runtime.secrets._exits import handed_out


class Conversation:
    """Answers what the far side asks of the run while it makes an attempt.

    Args:
        attempt: the attempt.
        host: the run.
        channel: the channel to the far side.
    """

    def __init__(self, attempt: Attempt, host: Host, channel: RunChannel) -> None:
        self._task = attempt.task.name
        self._host = host
        self._channel = channel
        self._calls: dict[int, asyncio.Task[None]] = {}

    async def answer(self) -> Frame | None:
        """The frame with the result or the error; None if the channel ended before."""
        while (frame := await self._channel.receive()) is not None:
            match frame.message:
                case Message.CALL:
                    call = asyncio.create_task(self._serve(frame))
                    self._calls[frame.number] = call
                    call.add_done_callback(partial(self._forget, frame.number))
                case Message.CANCEL:
                    if frame.number in self._calls:
                        self._calls[frame.number].cancel()
                case Message.LOG:
                    fields = pickle.loads(frame.payload)  # noqa: S301 - plain data of the far side
                    self._host.log(logging.makeLogRecord(fields))
                case Message.REPORT:
                    self._host.report(*pickle.loads(frame.payload))  # noqa: S301 - two texts
                case Message.PLACE:
                    self._host.placed(frame.payload.decode())
                case _:
                    return frame
        return None

    def result(self, answer: Frame) -> Any:
        """What the answer says.

        Raises:
            NotShippableError: it cannot be read here.
            Exception: whatever the attempt raised.
        """
        if answer.message is Message.ERROR:
            raise shipping.unpack_error(self._task, answer.payload)
        return shipping.unpacked(self._task, "its result", answer.payload)

    async def end(self) -> None:
        """Cancel the children that the far side waits for, and wait until they have ended."""
        calls = list(self._calls.values())
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)

    def _forget(self, number: int, _: object) -> None:
        del self._calls[number]

    async def _serve(self, call: Frame) -> None:
        try:
            answer = Frame(Message.RESULT, call.number, await self._called(call.payload))
        except asyncio.CancelledError as error:
            me = asyncio.current_task()
            if me is not None and me.cancelling():
                raise  # nobody waits for it any more
            answer = Frame(Message.ERROR, call.number, shipping.pack_error(error))
        except Exception as error:  # noqa: BLE001 - handed to the task, whatever it is
            answer = Frame(Message.ERROR, call.number, shipping.pack_error(error))
        # A child has secrets of its own, and may return or raise one: the far side is told of those
        # that it gets anyway.
        if secrets := handed_out.known_in(answer.payload):
            self._channel.send(Frame(Message.SECRETS, 0, pickle.dumps(secrets)))
        self._channel.send(answer)

    async def _called(self, payload: bytes) -> bytes:
        what = "the call of another task"
        task, args, kwargs, group = shipping.unpacked(self._task, what, payload)
        result = await self._host.call(task, args, kwargs, group)
        return shipping.packed(task.name, "its result", result)
