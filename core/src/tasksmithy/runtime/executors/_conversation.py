"""Conversation: the run's part of an attempt that is made at the other end of a channel."""

from __future__ import annotations

import asyncio
import logging
import pickle
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Protocol

from tasksmithy.plugins._attempt import Attempt, Host
from tasksmithy.runtime.executors import _shipping as shipping
from tasksmithy.runtime.executors._frames import Frame, Message
from tasksmithy.runtime.secrets._exits import handed_out


class Store(Protocol):
    """Where a channel keeps large values, so that they are in no payload."""

    def put(self, value: object) -> Any:
        """What stands for a value that it keeps; None for one that it leaves to the payload."""
        ...

    async def get(self, part: Any) -> Any:
        """The value that a part of a frame stands for."""
        ...


class Conversation:
    """Answers what the far side asks of the run while it makes an attempt.

    Args:
        attempt: the attempt.
        host: the run.
        send: sends a frame to the far side, without waiting for it.
        store: where large values are put beside the payloads; None where the channel has no way for
            them.
        at_once: how many children run at once; later calls wait, as bytes, which takes much less of
            this process than a child does.
    """

    def __init__(
        self,
        attempt: Attempt,
        host: Host,
        send: Callable[[Frame], None],
        store: Store | None = None,
        at_once: int = sys.maxsize,
    ) -> None:
        self._task = attempt.task.name
        self._host = host
        self._send = send
        self._store = store
        self._at_once = at_once
        self._queued: dict[int, Frame] = {}
        self._calls: dict[int, asyncio.Task[None]] = {}

    async def answer(self, receive: Callable[[], Awaitable[Frame | None]]) -> Frame | None:
        """The frame with the result or the error; None if the channel ended before.

        Args:
            receive: gives the next frame of the far side; None at the end.
        """
        while (frame := await receive()) is not None:
            if not self.hear(frame):
                return frame
        return None

    def hear(self, frame: Frame) -> bool:
        """Do what a frame of the far side asks for; False where it is the answer."""
        match frame.message:
            case Message.CALL:
                self._queued[frame.number] = frame
                self._begin_calls()
            case Message.CANCEL:
                self._queued.pop(frame.number, None)
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
                return False
        return True

    def result(self, answer: Frame) -> Any:
        """What the answer says.

        Raises:
            NotShippableError: it cannot be read here.
            Exception: whatever the attempt raised.
        """
        if answer.message is Message.ERROR:
            raise shipping.unpack_error(self._task, answer.payload)
        return shipping.unpacked(self._task, "its result", answer.payload, answer.parts)

    async def end(self) -> None:
        """Cancel the children that the far side waits for, and wait until they have ended."""
        self._queued.clear()
        calls = list(self._calls.values())
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)

    def _begin_calls(self) -> None:
        while self._queued and len(self._calls) < self._at_once:
            number = next(iter(self._queued))
            call = asyncio.create_task(self._serve(self._queued.pop(number)))
            self._calls[number] = call
            call.add_done_callback(partial(self._forget, number))

    def _forget(self, number: int, _: object) -> None:
        del self._calls[number]
        self._begin_calls()

    async def _serve(self, call: Frame) -> None:
        try:
            answer = Frame(Message.RESULT, call.number, *await self._called(call))
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
            self._send(Frame(Message.SECRETS, 0, pickle.dumps(secrets)))
        self._send(answer)

    async def _called(self, call: Frame) -> shipping.Packed:
        put, parts = None, []
        if self._store is not None:
            put = self._store.put
            parts = [await self._store.get(part) for part in call.parts]
        what = "the call of another task"
        task, args, kwargs, group = shipping.unpacked(self._task, what, call.payload, parts)
        result = await self._host.call(task, args, kwargs, group)
        return shipping.packed(task.name, "its result", result, put)
