"""Shipment and FarAttempt: an attempt on its way to another process, and how it is made there."""

from __future__ import annotations

import asyncio
import os
import pickle
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

from tasksmithy._registry_in_use import registry_in_use
from tasksmithy.errors import NotShippableError
from tasksmithy.fields._secret import Secret
from tasksmithy.plugins._attempt import Attempt
from tasksmithy.plugins._registry import Registry
from tasksmithy.runtime._task_run import Site, make_attempt_at
from tasksmithy.runtime.executors import _shipping as shipping
from tasksmithy.runtime.executors._far_host import FarHost, LogToHost
from tasksmithy.runtime.executors._frames import FarChannel, Frame, Message
from tasksmithy.runtime.executors._surroundings import Surroundings
from tasksmithy.runtime.secrets._exits import handed_out, learn
from tasksmithy.runtime.secrets._sources import environment


class Shipment(NamedTuple):
    """An attempt as bytes, with what a process needs to read it.

    Attributes:
        task: name of the task.
        surroundings: what the process needs before it can read anything else.
        attempt: the attempt, without the values of its secrets.
        secrets: the values of its secrets, and what else is to be masked; empty where there is
            none. It is apart, so that it can take a way of its own.
        parts: what is not in the bytes of the attempt, as `put` has given it.
    """

    task: str
    surroundings: bytes
    attempt: bytes
    secrets: bytes
    parts: tuple[Any, ...] = ()

    @classmethod
    def of(
        cls, attempt: Attempt, surroundings: bytes = b"", put: shipping.Put | None = None
    ) -> Shipment:
        """Pack an attempt.

        Args:
            attempt: the attempt.
            surroundings: those of an earlier shipment of the same task, which need not be found
                again.
            put: gives what goes in the place of a large value, beside the bytes; None for a value
                that is to be in them.

        Raises:
            NotShippableError: the task or an input does not pickle.
            SourceError: the main script has no `if __name__ == "__main__"` before it starts the
                run.
        """
        context = attempt.context
        payload, parts = pack_attempt(replace(attempt, context=replace(context, secrets={})), put)
        masked = handed_out.known_in(payload)
        secrets = pickle.dumps((dict(context.secrets), masked))
        return cls(
            attempt.task.name,
            surroundings or pickle.dumps(Surroundings.here()),
            payload,
            secrets if context.secrets or masked else b"",
            parts,
        )


def pack_attempt(attempt: Attempt, put: shipping.Put | None = None) -> shipping.Packed:
    """The attempt as one value, so that what its parts share is one object there, too.

    Raises:
        NotShippableError: a part of it does not pickle; which one is said.
    """
    try:
        return shipping.dumps_parts(attempt, put)
    except Exception as error:
        task = attempt.task.name
        parts = {
            "the task": attempt.task,
            **{
                f"input {name!r} (a {type(value).__qualname__})": value
                for name, value in attempt.inputs.items()
            },
            "the registry, with what is registered in code,": attempt.registry,
        }
        for what, part in parts.items():
            shipping.packed(task, what, part)
        raise NotShippableError(task, "the context", str(error)) from error


class FarAttempt:
    """Makes one attempt in this process for the run at the other end of a channel.

    Beside the thread that calls `make`, another one calls `listen`.

    Args:
        channel: the channel to the run.
        put: keeps large inputs of its children out of the payloads, as `Shipment.of` has it; None
            where the channel has no way for them.
        put_result: the same for its result.
    """

    def __init__(
        self,
        channel: FarChannel,
        put: shipping.Put | None = None,
        put_result: shipping.Put | None = None,
    ) -> None:
        self._host = FarHost(channel, put)
        self._put_result = put_result
        self._lock = threading.Lock()
        self._cancelled = False
        self._making: tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]] | None = None

    @property
    def waits(self) -> bool:
        """Whether the attempt waits for a child."""
        return self._host.waits

    def listen(self) -> None:
        """Hand out the answers of the run until the channel ends."""
        self._host.listen()

    def placed(self, place: str) -> None:
        """Tell the run where the attempt is made."""
        self._host.placed(place)

    def cancel(self) -> None:
        """Cancel the attempt, from any thread."""
        with self._lock:
            self._cancelled = True
            if self._making is not None:
                loop, making = self._making
                loop.call_soon_threadsafe(making.cancel)

    def make(self, shipment: Shipment) -> Frame:
        """Make the attempt, with its environment variables in `os.environ`; never raises.

        Returns:
            What the run takes for its end: the result, or what the task raised.
        """
        try:
            return Frame(Message.RESULT, 0, *self._result(shipment))
        except BaseException as error:  # noqa: BLE001 - handed to the run, whatever it is
            return Frame(Message.ERROR, 0, shipping.pack_error(error))

    def _result(self, shipment: Shipment) -> shipping.Packed:
        task = shipment.task
        taken = _taken_on(shipment.surroundings)
        secrets: dict[Secret, str] = {}
        if shipment.secrets:
            secrets, masked = pickle.loads(shipment.secrets)  # noqa: S301 - from the run
            learn({*secrets.values(), *masked})
        log = LogToHost(self._host)
        # Also before: `logging.basicConfig` of a module does nothing where there is a handler.
        log.take_over(taken.log_levels)
        attempt: Attempt = shipping.unpacked(
            task, "the task, or one of its inputs,", shipment.attempt, shipment.parts
        )
        log.take_over(taken.log_levels)
        context = replace(attempt.context, secrets=secrets)
        attempt = replace(attempt, context=context, registry=_loaded(attempt.registry))
        registry_in_use.set(attempt.registry)
        site = Site()
        with _environment({**environment(secrets), **context.env_vars}):
            try:
                result = asyncio.run(self._made(make_attempt_at(site, attempt, self._host)))
            finally:
                site.close()
        return shipping.packed(task, "its result", result, self._put_result)

    async def _made(self, attempt: Any) -> Any:
        making = asyncio.ensure_future(attempt)
        with self._lock:
            self._making = asyncio.get_running_loop(), making
            if self._cancelled:
                making.cancel()
        try:
            return await making
        finally:
            with self._lock:
                self._making = None


@lru_cache(maxsize=1)  # a process that makes one attempt after another mostly has them already
def _taken_on(surroundings: bytes) -> Surroundings:
    taken: Surroundings = pickle.loads(surroundings)  # noqa: S301 - from the run
    taken.take_on()
    return taken


def _loaded(registry: Registry) -> Registry:
    """The registry of this process, which the attempt before has used, if made of the same.

    It has loaded and checked its plugins, which takes longer than most attempts.
    """
    before: Registry | None = registry_in_use.of_process
    if before is None or before.content is None or before.content != registry.content:
        return registry
    return before


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Have these variables in the environment of this process, for the body."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
