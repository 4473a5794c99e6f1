"""EventStream: tells the events of a run to its journal, its progress and its observers."""

from __future__ import annotations

import asyncio
import hashlib
import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tasksmithy._texts import cut, type_and_message
from tasksmithy.errors import ValueEncodingError
from tasksmithy.plugins._contract import as_observer
from tasksmithy.plugins._observer import Observer
from tasksmithy.runtime._options import RunOptions
from tasksmithy.runtime.secrets._exits import handed_out
from tasksmithy.task._context import RunContext
from tasksmithy.task._events import (
    AttemptFailed,
    AttemptPlaced,
    AttemptRetried,
    AttemptStarted,
    Event,
    Execution,
    ExecutionAdmitted,
    ExecutionCached,
    ExecutionCancelled,
    ExecutionFailed,
    ExecutionQueued,
    ExecutionResumed,
    ExecutionSucceeded,
    RunEnded,
    RunOutcome,
    RunStarted,
)
from tasksmithy.task._interface import result_type
from tasksmithy.task._template import TaskTemplate
from tasksmithy.values._identity import digest
from tasksmithy.values._storage import encode

if TYPE_CHECKING:
    from tasksmithy.runtime._identities import Identities
    from tasksmithy.runtime._journal import Journal
    from tasksmithy.runtime._observer_thread import ObserverThread
    from tasksmithy.runtime._options import Listener

Task = TaskTemplate[..., Any]

MOST_OF_A_TRACEBACK = 20_000
"""Characters of a traceback that an event has."""

_ERRORS_REMEMBERED = 8
"""Errors of its children that an execution may let through, and that are known for theirs."""


class EventStream:
    """The events of one run, from its beginning on.

    Args:
        run_id: identifies the run, unless it resumes another one.
        task: its first task.
        inputs: the inputs of that.
        options: who listens, and where the run is recorded.
        installed: the observers that the settings enable, each with what messages call it.
        identities: gives those of the run.

    Attributes:
        run_id: identifies the run.
        journal: writes the run down; None where it is not recorded.
        wants_output_digests: whether one of the observers wants to know what identifies an output.

    Raises:
        PluginContractError: an observer cannot be used.
        UnknownRunError: there is no such run to resume.
        RunInProgressError: another process is at it.
        ResumeError: it was a run of another task, or with other inputs.
    """

    def __init__(
        self,
        run_id: str,
        task: Task,
        inputs: Mapping[str, Any],
        options: RunOptions,
        installed: Sequence[tuple[Observer, str]],
        identities: Callable[[], Identities],
    ) -> None:
        observers = [*installed, *map(_given, options.observers)]
        self._inputs = digests_of(inputs)
        self.journal: Journal | None = None
        if options.is_recorded:
            from tasksmithy.runtime._journal import Journal  # brings SQLite

            self.journal = Journal(run_id, task, inputs, self._inputs, options, identities())
        self.run_id = run_id if self.journal is None else self.journal.run_id
        self.wants_output_digests = any(each.wants_output_digests for each, _ in observers)
        self._threads = _threads(observers)
        self._listeners: list[Listener] = [*self._threads]
        if options.progress is not None:
            self._listeners.insert(0, options.progress)
        self._calls: dict[bytes, int] = {}
        self._has_report = False
        self._errors: dict[str, deque[tuple[BaseException, str]]] = {}  # by the caller's key
        kept, lost = (None, 0) if self.journal is None else self.journal.found
        self.tell(
            RunStarted(
                run_id=self.run_id,
                time=time.time(),
                task=handed_out.mask(task.name),
                task_type=task.task_type,
                is_recorded=self.journal is not None,
                kept=kept,
                lost=lost,
            )
        )

    def queued(
        self,
        caller: RunContext | None,
        task: Task,
        inputs: Mapping[str, Any],
        group: str,
        executor: str,
    ) -> ExecutionEvents:
        """An execution has begun: what tells its further events.

        Args:
            caller: the attempt that has called it; None for the first task.
            task: the task.
            inputs: its inputs.
            group: the group that the call is made in.
            executor: name of what is to make its attempts.
        """
        digests = self._inputs if caller is None else digests_of(inputs)
        mask = handed_out.mask
        execution = Execution(
            key=self._key(caller, task, digests),
            parent=None if caller is None else caller.key,
            task=mask(task.name),
            task_type=task.task_type,
            group=mask(group),
        )
        self._has_report |= task.report
        now = time.time()
        if self.journal is not None:
            self.journal.begin(execution, now, task, inputs)
        if self.is_watched:
            self.tell(
                ExecutionQueued(
                    run_id=self.run_id, time=now, execution=execution, input_digests=digests
                )
            )
        return ExecutionEvents(self, task, execution, executor, all(digests.values()))

    def ended(self, error: BaseException | None) -> None:
        """The run is over; what is recorded of it is complete."""
        status = outcome(error)
        if self.journal is not None:
            self.journal.end(status)
        self.tell(
            RunEnded(
                run_id=self.run_id,
                time=time.time(),
                status=status,
                has_report=self._has_report,
                **({} if error is None else self.facts_of(error)),
            )
        )

    @property
    def is_watched(self) -> bool:
        """Whether anybody is told but the journal, which knows what `begin` tells it."""
        return bool(self._listeners)

    async def close(self) -> None:
        """Wait until the observers have heard everything, or for as long as a run waits."""
        if self._threads:
            from tasksmithy.runtime._observer_thread import end_all

            await end_all(self._threads)

    def tell(self, event: Event) -> None:
        """Tell everybody an event, the journal first."""
        if self.journal is not None:
            self.journal.observe(event)
        for listener in self._listeners:
            listener.observe(event)

    def facts_of(self, error: BaseException) -> dict[str, str]:
        """An error as events have it."""
        kind = type(error)
        module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
        return {
            "error": handed_out.mask(type_and_message(error)),
            "error_type": f"{module}{kind.__qualname__}",
        }

    def origin(self, execution: Execution, error: BaseException) -> str:
        """The key of the execution that raised `error` first."""
        below = self._errors.pop(execution.key, ())
        origin = next((key for known, key in below if known is error), execution.key)
        if execution.parent is not None:
            known = self._errors.setdefault(execution.parent, deque(maxlen=_ERRORS_REMEMBERED))
            known.append((error, origin))
        return origin

    def forget_errors_below(self, execution: Execution) -> None:
        """Let go of the errors of children that the execution has not let through."""
        self._errors.pop(execution.key, None)

    def _key(self, caller: RunContext | None, task: Task, digests: Mapping[str, str]) -> str:
        """What identifies a call in its run, also when the run is done again.

        That is the attempt that makes it, its task, its inputs, and how many such calls came
        before. An attempt that is made anew makes its calls anew.
        """
        by = "" if caller is None else f"{caller.key}/{caller.attempt}"
        call = f"{task.name}({','.join(f'{name}={each}' for name, each in digests.items())})"
        # A digest of the call: a run has as many as children, and holds them until its end.
        called = hashlib.blake2b(f"{by}\0{call}".encode(), digest_size=12).digest()
        nth = self._calls.get(called, 0)
        self._calls[called] = nth + 1
        return hashlib.sha256(f"{by}\0{call}\0{nth}".encode()).hexdigest()


class ExecutionEvents:
    """The events of one execution, from its queueing on.

    Attributes:
        key: identifies the execution in its run.
        is_identified: whether it has the same key when the run is resumed.
    """

    __slots__ = ("_execution", "_executor", "_stream", "_task", "is_identified", "key")

    def __init__(
        self,
        stream: EventStream,
        task: Task,
        execution: Execution,
        executor: str,
        is_identified: bool,
    ) -> None:
        self._stream = stream
        self._task = task
        self._execution = execution
        self._executor = executor
        self.is_identified = is_identified
        self.key = execution.key

    def admitted(self) -> None:
        """The run lets the execution go on."""
        if self._stream.is_watched:
            self._tell(ExecutionAdmitted)

    def attempt_started(self, attempt: int) -> None:
        """An attempt has begun."""
        self._tell(AttemptStarted, attempt=attempt, executor=self._executor)

    def attempt_placed(self, attempt: int, place: str) -> None:
        """The executor tells where an attempt is made."""
        self._tell(AttemptPlaced, attempt=attempt, place=handed_out.mask(place))

    def attempt_failed(self, attempt: int, error: BaseException) -> None:
        """An attempt has raised `error`."""
        self._tell(AttemptFailed, attempt=attempt, **self._stream.facts_of(error))

    def attempt_retried(self, attempt: int, delay: float) -> None:
        """Another attempt will be made after that many seconds."""
        self._tell(AttemptRetried, attempt=attempt, delay=delay)

    def kept(self) -> tuple[Any] | None:
        """The result from before the run was resumed, in a tuple; None where there is none."""
        journal = self._stream.journal
        # Calls with an input that has no identity are told apart by their order alone, and that may
        # be another one now.
        if journal is None or not self.is_identified:
            return None
        return journal.kept(self.key, self._task)

    async def resumed(self, result: Any) -> None:
        """The result is one that was kept."""
        await self._has(ExecutionResumed, result)

    async def succeeded(self, result: Any, *, was_cached: bool) -> None:
        """The execution has a result. Where it is recorded, it is there to stay when this returns.

        Only then is anybody else told.
        """
        await self._has(ExecutionCached if was_cached else ExecutionSucceeded, result)

    async def failed(self, error: BaseException) -> None:
        """The execution has raised `error`, or was cancelled."""
        event: ExecutionFailed | ExecutionCancelled
        if outcome(error) == "cancelled":
            self._stream.forget_errors_below(self._execution)
            event = self._event(ExecutionCancelled)
        else:
            origin = self._stream.origin(self._execution, error)
            event = self._event(
                ExecutionFailed,
                origin=origin,
                traceback=_printed(error) if origin == self.key else None,
                **self._stream.facts_of(error),
            )
        self._stream.tell(event)
        if self._stream.journal is not None:
            # Written in any case, also where the task that waits for it is cancelled once more.
            written = asyncio.ensure_future(self._stream.journal.failed(event))
            await asyncio.shield(written)

    async def _has(self, kind: type[ExecutionSucceeded], result: Any) -> None:
        stream = self._stream
        stream.forget_errors_below(self._execution)
        outputs = self._output_digests(result) if stream.wants_output_digests else None
        event = self._event(kind, output_digests=outputs)
        try:
            if stream.journal is not None:
                await stream.journal.succeeded(event, result)
        finally:
            stream.tell(event)

    def _output_digests(self, result: Any) -> Mapping[str, str]:
        """What identifies each output; nothing of one that holds a secret."""
        interface = self._task.interface
        if not handed_out.is_empty:
            try:
                if handed_out.is_in(encode(result, result_type(interface)).data):
                    return dict.fromkeys(interface.outputs, "")
            except ValueEncodingError:
                pass
        return digests_of(interface.by_name(result))

    def _tell(self, kind: Any, **facts: Any) -> None:
        self._stream.tell(self._event(kind, **facts))

    def _event(self, kind: Any, **facts: Any) -> Any:
        if not handed_out.is_empty:
            self._execution = _masked(self._execution)
        return kind(
            run_id=self._stream.run_id, time=time.time(), execution=self._execution, **facts
        )


def digests_of(values: Mapping[str, Any]) -> Mapping[str, str]:
    """What identifies each value, by name; empty for what has no identity.

    A file is the same by its path: to read it may take longer than the task, and a run that writes
    it could not be resumed.
    """
    digests = {}
    for name, value in values.items():
        try:
            digests[name] = digest(value, reads_files=False)
        except ValueEncodingError:
            digests[name] = ""
    return digests


def outcome(error: BaseException | None) -> RunOutcome:
    """How an execution, or a run, has ended that ended with an error, or without one."""
    if error is None:
        return "succeeded"
    was_stopped = isinstance(error, (asyncio.CancelledError, KeyboardInterrupt))
    return "cancelled" if was_stopped else "failed"


def _threads(observers: Sequence[tuple[Observer, str]]) -> Sequence[ObserverThread]:
    """The threads that hand observers the events; most runs have none."""
    if not observers:
        return ()
    from tasksmithy.runtime._observer_thread import ObserverThread

    return [ObserverThread(observer, who) for observer, who in observers]


def _masked(execution: Execution) -> Execution:
    """The execution with what has become a secret since it was queued masked."""
    task, group = handed_out.mask(execution.task), handed_out.mask(execution.group)
    if task is execution.task and group is execution.group:
        return execution
    return execution._replace(task=task, group=group)


def _printed(error: BaseException) -> str:
    trace = "".join(traceback.format_exception(error))
    return cut(handed_out.mask(trace), MOST_OF_A_TRACEBACK)


def _given(observer: object) -> tuple[Observer, str]:
    """An observer that was given in code, with what messages call it."""
    kind = observer if isinstance(observer, type) else type(observer)
    who = f"observer {kind.__qualname__} (given by {kind.__module__})"
    return as_observer(observer, who), who
