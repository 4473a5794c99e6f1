"""OpenTelemetry: a span for each run, execution and attempt, and how long they took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.metrics import Histogram, MeterProvider
from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE
from opentelemetry.semconv.attributes.exception_attributes import (
    EXCEPTION_MESSAGE,
    EXCEPTION_STACKTRACE,
    EXCEPTION_TYPE,
)
from opentelemetry.trace import Span, Status, StatusCode, Tracer, TracerProvider

from tasksmithy import (
    AttemptFailed,
    AttemptPlaced,
    AttemptRetried,
    AttemptStarted,
    Event,
    Execution,
    ExecutionCached,
    ExecutionCancelled,
    ExecutionEvent,
    ExecutionFailed,
    ExecutionQueued,
    ExecutionResumed,
    ExecutionSucceeded,
    Observer,
    RunEnded,
    RunStarted,
)
from tasksmithy_opentelemetry.surroundings import outer_context, providers

_SECONDS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 60, 180, 600, 1800, 3600, 10800, 36000)
"""Bounds of the durations that are counted together: a task may take milliseconds, or hours."""

_TASK, _TASK_TYPE, _OUTCOME = "tasksmithy.task.name", "tasksmithy.task.type", "tasksmithy.outcome"

_OUTCOMES: Mapping[type[Event], str] = {
    ExecutionSucceeded: "succeeded",
    ExecutionCached: "cached",
    ExecutionResumed: "resumed",
    ExecutionCancelled: "cancelled",
}

Facts = dict[str, str | int | float]
Key = tuple[str | int, ...]
"""A run by its id, an execution by that and its key, an attempt by these and its number."""


@dataclass
class _Begun:
    """What has begun and not ended."""

    span: Span
    time: float
    counted: Facts
    attempts: int = 0


class OpenTelemetry(Observer):
    """Tells OpenTelemetry of runs.

    A run is the child of the span that is current where the run begins, or of the one that the
    variable `TRACEPARENT` names.

    Args:
        tracer_provider: where spans go; without it, to the provider that the program has set.
        meter_provider: the same for metrics. Where there is none of these, an OTLP receiver is told
            of runs, as the variables `OTEL_...` say.
    """

    def __init__(
        self,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
    ) -> None:
        self._given = (tracer_provider, meter_provider)
        self._parent = outer_context()
        self._begun: dict[Key, _Begun] = {}

    @cached_property
    def _instruments(self) -> tuple[Tracer, tuple[Histogram, ...]]:
        """They start threads, so they are made when a run has begun."""
        tracers, meters = providers(*self._given)
        meter = meters.get_meter("tasksmithy")
        return tracers.get_tracer("tasksmithy"), tuple(
            meter.create_histogram(
                f"tasksmithy.{kind}.duration",
                unit="s",
                description=f"How long {kind}s of tasks took, with what they waited for.",
                explicit_bucket_boundaries_advisory=_SECONDS,
            )
            for kind in ("run", "execution", "attempt")
        )

    def observe(self, event: Event) -> None:
        """Begin and end spans as the event says."""
        run = (event.run_id,)
        match event:
            case RunStarted():
                facts: Facts = {_TASK: event.task, _TASK_TYPE: event.task_type}
                self._begin(run, f"run {event.task}", event, self._parent, facts, {})
            case RunEnded():
                self._end(run, event, event.status, event.error_type, event.error)
                for key in [key for key in self._begun if key[:1] == run]:
                    self._end(key, event, "unknown")  # what was told while this one was behind
            case ExecutionEvent(execution=execution):
                self._execution(event, execution, (*run, execution.key))
            case _:  # a later release may have more
                pass

    def _execution(self, event: ExecutionEvent, execution: Execution, key: Key) -> None:
        begun = self._begun.get(key)
        facts: Facts = {_TASK: execution.task, _TASK_TYPE: execution.task_type}
        match event:
            case ExecutionQueued():
                own: Facts = {"tasksmithy.execution.key": execution.key}
                if execution.group:
                    own["tasksmithy.group"] = execution.group
                caller = self._inside((event.run_id, execution.parent or ""))
                self._begin(key, execution.task, event, caller, facts, own)
            case AttemptStarted(attempt=attempt, executor=executor):
                if begun:
                    begun.attempts = attempt
                own = {"tasksmithy.attempt": attempt}
                facts["tasksmithy.executor"] = executor
                name, parent = f"attempt {execution.task}", self._inside(key, of_attempt=False)
                self._begin((*key, attempt), name, event, parent, facts, own)
            case AttemptPlaced(attempt=attempt, place=place) if placed := self._begun.get(
                (*key, attempt)
            ):
                placed.span.set_attribute("tasksmithy.place", place)
            case AttemptFailed():
                attempt_key = (*key, event.attempt)
                self._end(attempt_key, event, "failed", event.error_type, event.error)
            case AttemptRetried(delay=delay) if begun:
                begun.span.add_event("retry", {"tasksmithy.retry.delay": delay}, _ns(event))
            case ExecutionFailed():
                if begun and event.origin == execution.key:
                    begun.span.add_event("exception", _exception(event), _ns(event))
                self._end(key, event, "failed", event.error_type, event.error)
            case ExecutionSucceeded() | ExecutionCancelled():
                self._end(key, event, _OUTCOMES[type(event)])
            case _:
                pass

    def _inside(self, key: Key, *, of_attempt: bool = True) -> Context | None:
        """The context of what an execution calls: its last attempt, itself, or else the run."""
        begun = self._begun.get(key)
        if begun and of_attempt:
            begun = self._begun.get((*key, begun.attempts), begun)
        begun = begun or self._begun.get(key[:1])
        return trace.set_span_in_context(begun.span) if begun else self._parent

    def _begin(
        self, key: Key, name: str, event: Event, parent: Context | None, counted: Facts, own: Facts
    ) -> None:
        facts = {"tasksmithy.run.id": event.run_id, **counted, **own}
        tracer, _ = self._instruments
        span = tracer.start_span(name, parent, attributes=facts, start_time=_ns(event))
        self._begun[key] = _Begun(span, event.time, counted)

    def _end(
        self,
        key: Key,
        event: Event,
        outcome: str,
        error_type: str | None = None,
        error: str | None = None,
    ) -> None:
        begun = self._begun.pop(key, None)
        if begun is None:
            return
        if begun.attempts:  # the last one ends with its execution, unless it has failed
            self._end((*key, begun.attempts), event, outcome, error_type, error)
        facts: Facts = {_OUTCOME: outcome}
        if error_type:
            facts[ERROR_TYPE] = error_type
            if outcome == "failed":
                begun.span.set_status(Status(StatusCode.ERROR, error))
        begun.span.set_attributes(facts)
        begun.span.end(_ns(event))
        duration = max(0.0, event.time - begun.time)
        _, durations = self._instruments
        durations[len(key) - 1].record(duration, {**begun.counted, **facts})


def _ns(event: Event) -> int:
    return int(event.time * 1e9)


def _exception(event: ExecutionFailed) -> Mapping[str, str]:
    facts = {EXCEPTION_TYPE: event.error_type, EXCEPTION_MESSAGE: event.error}
    return facts if event.traceback is None else {**facts, EXCEPTION_STACKTRACE: event.traceback}
