"""What a run tells on standard error while it goes on: in lines for people, or for machines."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import Counter
from functools import cache

from tasksmithy._texts import cut, in_one_line, printable
from tasksmithy.runtime.secrets._exits import handed_out
from tasksmithy.runtime.secrets._masking import masked_json
from tasksmithy.task._events import (
    AttemptPlaced,
    AttemptRetried,
    Event,
    ExecutionCached,
    ExecutionCancelled,
    ExecutionEvent,
    ExecutionFailed,
    ExecutionQueued,
    ExecutionResumed,
    ExecutionSucceeded,
    RunEnded,
    RunStarted,
)

FAILURES_TOLD = 10
"""Failures that get a line of their own; more of them are only counted."""

_ERROR_SHOWN = 300  # characters

_ENDS: dict[type[Event], str] = {
    ExecutionSucceeded: "succeeded",
    ExecutionCached: "cached",
    ExecutionResumed: "resumed",
    ExecutionFailed: "failed",
    ExecutionCancelled: "cancelled",
}


class Progress:
    """Knows how a run goes, and says nothing.

    Attributes:
        run_id: id of the run; empty before it has begun.
        has_begun: whether its first task was queued: what fails from then on is a task.
        counts: executions by how they ended, and `"retries"`.
        running: executions under way: name of the task and the time of `time.monotonic` by key.
        places: where their attempts are made, by key, as far as it is known.
    """

    def __init__(self) -> None:
        self.run_id = ""
        self.has_begun = False
        self.counts: Counter[str] = Counter()
        self.running: dict[str, tuple[str, float]] = {}
        self.places: dict[str, str] = {}
        self._began = time.monotonic()
        self._lock = threading.Lock()  # children may run in loops of several threads

    @property
    def seconds(self) -> float:
        """How long the run has taken so far."""
        return time.monotonic() - self._began

    def observe(self, event: Event) -> None:
        """Take notice of an event."""
        with self._lock:
            if isinstance(event, RunStarted):
                self.run_id = event.run_id
            elif isinstance(event, ExecutionQueued):
                self.has_begun = True
                self.running[event.execution.key] = event.execution.task, time.monotonic()
            elif isinstance(event, AttemptPlaced):
                self.places[event.execution.key] = event.place
            elif isinstance(event, AttemptRetried):
                self.counts["retries"] += 1
                self.places.pop(event.execution.key, None)
            elif isinstance(event, ExecutionEvent) and (end := _ENDS.get(type(event))):
                self.counts[end] += 1
                self.running.pop(event.execution.key, None)
                self.places.pop(event.execution.key, None)

    def summary(self) -> str:
        """How many executions ended in which way, as text."""
        parts = [f"{self.counts[end]} {end}" for end in _ENDS.values() if self.counts[end]]
        if retries := self.counts["retries"]:
            parts.append("1 retry" if retries == 1 else f"{retries} retries")
        return ", ".join(parts) or "none ended"


class Lines(Progress):
    """Tells failures as they come, and at the end what has become of the run.

    A retry is told by the task's logger. A failure that an error brings to a caller, too, is told
    once.
    """

    def __init__(self) -> None:
        super().__init__()
        self._failures = 0

    def observe(self, event: Event) -> None:
        """Take notice of an event, and tell it where people want to know."""
        super().observe(event)
        self._tell(event)

    def _tell(self, event: Event) -> None:
        if isinstance(event, ExecutionFailed):
            self._tell_failure(event)
        elif isinstance(event, RunStarted) and event.kept is not None:
            results = "1 result is" if event.kept == 1 else f"{event.kept:,} results are"
            without = ""
            if event.lost:
                without = f", {event.lost:,} could not be kept and will be made again"
            say(f"run {event.run_id} goes on: {results} kept{without}")
        elif isinstance(event, RunEnded) and self.counts:
            say(f"run {self.run_id}: {self.summary()} in {self.seconds:.1f} s")
            if event.has_report:
                say(f"its report: tasksmithy runs report {self.run_id}")

    def _tell_failure(self, event: ExecutionFailed) -> None:
        if event.origin != event.execution.key:
            return
        self._failures += 1
        if self._failures <= FAILURES_TOLD:
            error = in_one_line(cut(event.error, _ERROR_SHOWN))
            say(f"failed: {in_one_line(event.execution.task)}: {error}")
        if self._failures == FAILURES_TOLD:
            say("more failures are counted and not told one by one")


class JsonLines(Lines):
    """Tells every event, one JSON object a line, and at the end how many executions ended how."""

    def _tell(self, event: Event) -> None:
        facts = {field: getattr(event, field) for field in event.__dataclass_fields__}
        if (execution := facts.pop("execution", None)) is not None:
            facts |= execution._asdict()
        if isinstance(event, RunEnded):
            facts |= {"seconds": round(self.seconds, 3), **self.counts}
        facts["time"] = round(event.time, 6)
        say_json(_in_json(type(event).__name__), **facts)


@cache
def _in_json(name: str) -> str:
    """The name of an event in JSON: `attempt_failed` for `AttemptFailed`."""
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in name)[1:]


def say(line: str) -> None:
    """Print a line to standard error, masked and with nothing in it that a terminal would obey.

    To the stream as it is now: a live display puts itself in its place.
    """
    _write(printable(handed_out.mask(line)))


def say_json(event: str, **facts: object) -> None:
    """Print an event to standard error as one line of JSON, its texts masked."""
    told = masked_json({"event": event, "time": round(time.time(), 6), **facts}, handed_out)
    _write(json.dumps(told, default=str))


def _write(line: str) -> None:
    try:
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):  # it is closed, or there is none
        return
