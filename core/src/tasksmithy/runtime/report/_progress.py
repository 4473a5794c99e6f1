"""What a run tells on standard error while it goes on: in lines for people, or for machines."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from tasksmithy._texts import cut, shorten
from tasksmithy.runtime._observer import Observer, ended_by
from tasksmithy.runtime.secrets._exits import handed_out
from tasksmithy.runtime.secrets._masking import masked_json

if TYPE_CHECKING:
    from tasksmithy.task._context import RunContext
    from tasksmithy.task._template import TaskTemplate

FAILURES_TOLD = 10
"""Failures that get a line of their own; more of them are only counted."""

_ERROR_SHOWN, _ERROR_READ = 300, 100_000  # characters


class Lines(Observer):
    """Tells failures as they come, and at the end what has become of the run.

    A retry is told by the task's logger. A failure that an error brings to a caller, too, is told
    once.

    Attributes:
        run_id: id of the run; empty before it has begun.
        counts: executions by how they ended, and `"retries"`.
        running: executions under way: name of the task and the time of `time.monotonic` by key.
    """

    def __init__(self) -> None:
        self.run_id = ""
        self.counts: Counter[str] = Counter()
        self.running: dict[str, tuple[str, float]] = {}
        self._began = time.monotonic()
        self._error: BaseException | None = None
        self._has_report = False
        self._lock = threading.Lock()  # children may run in loops of several threads

    @property
    def seconds(self) -> float:
        """How long the run has taken so far."""
        return time.monotonic() - self._began

    def begin(self, run_id: str) -> None:
        """Remember the run."""
        self.run_id = run_id

    def resumed(self, kept: int, lost: int) -> None:
        """Tell it."""
        results = "1 result is" if kept == 1 else f"{kept:,} results are"
        without = f", {lost:,} could not be kept and will be made again" if lost else ""
        say(f"run {self.run_id} goes on: {results} kept{without}")

    def started(self, task: TaskTemplate[..., Any], context: RunContext) -> None:
        """Count it in."""
        with self._lock:
            self.running[context.key] = (task.name, time.monotonic())
            self._has_report |= task.report

    def retried(self, context: RunContext, attempt: int, error: Exception) -> None:  # noqa: ARG002 - the logger tells the rest
        """Count it."""
        with self._lock:
            self.counts["retries"] += 1

    def succeeded(self, context: RunContext, status: str) -> None:
        """Count it out."""
        self._count(context, status)

    def failed(self, context: RunContext, error: BaseException) -> None:
        """Count it out, and tell it."""
        status = ended_by(error)
        self._count(context, status)
        if status == "cancelled" or error is self._error:
            return
        self._error = error
        told = self.counts["failed"]
        if told <= FAILURES_TOLD:
            say(f"failed: {printable(context.task)}: {printable(self._text(error))}")
        if told == FAILURES_TOLD:
            say("more failures are counted and not told one by one")

    def close(self) -> None:
        """Tell what has become of the run, if anything has."""
        if not self.counts:
            return
        say(f"run {self.run_id}: {self.summary()} in {self.seconds:.1f} s")
        if self._has_report:
            say(f"its report: tasksmithy runs report {self.run_id}")

    def summary(self) -> str:
        """How many executions ended in which way, as text."""
        ends = ("succeeded", "cached", "resumed", "failed", "cancelled")
        parts = [f"{self.counts[end]} {end}" for end in ends if self.counts[end]]
        if retries := self.counts["retries"]:
            parts.append("1 retry" if retries == 1 else f"{retries} retries")
        return ", ".join(parts) or "none ended"

    def _text(self, error: BaseException) -> str:
        # Masked before it is cut: the beginning of a secret would be left.
        return cut(handed_out.mask(shorten(error, _ERROR_READ)), _ERROR_SHOWN)

    def _count(self, context: RunContext, status: str) -> None:
        with self._lock:
            self.counts[status] += 1
            self.running.pop(context.key, None)


class JsonLines(Lines):
    """Tells everything, one JSON object a line, each with an `event`, its time and the run."""

    def resumed(self, kept: int, lost: int) -> None:
        """Tell it."""
        say_json("resumed", run=self.run_id, kept=kept, lost=lost)

    def started(self, task: TaskTemplate[..., Any], context: RunContext) -> None:
        """Tell it."""
        super().started(task, context)
        self._tell("started", context, group=context.group)

    def retried(self, context: RunContext, attempt: int, error: Exception) -> None:
        """Tell it."""
        super().retried(context, attempt, error)
        self._tell("retried", context, attempt=attempt, error=self._text(error))

    def succeeded(self, context: RunContext, status: str) -> None:
        """Tell it."""
        self._count(context, status)
        self._tell("ended", context, status=status)

    def failed(self, context: RunContext, error: BaseException) -> None:
        """Tell it."""
        status = ended_by(error)
        self._count(context, status)
        self._tell("failed", context, status=status, error=self._text(error))

    def close(self) -> None:
        """Tell how many executions ended in which way."""
        if self.run_id:
            say_json("run", run=self.run_id, seconds=round(self.seconds, 3), **self.counts)

    def _tell(self, event: str, context: RunContext, **facts: str | int) -> None:
        say_json(event, run=self.run_id, task=context.task, key=context.key, **facts)


def say(line: str) -> None:
    """Print a line to standard error, masked.

    To the stream as it is now: a live display puts itself in its place.
    """
    _write(handed_out.mask(line))


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


def printable(text: str) -> str:
    """`text` in one line, with nothing in it that a terminal would obey."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )
