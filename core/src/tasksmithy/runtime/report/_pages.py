"""Pages: what the executions of a run have added to their reports so far."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Mapping
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from tasksmithy.report import LOG
from tasksmithy.task._context import RunContext, current

if TYPE_CHECKING:
    from tasksmithy.task._template import TaskTemplate

LINES_KEPT = 1000
"""Lines of the log of one execution that its report has: the last ones."""

_logger = logging.getLogger("tasksmithy.run")


class Pages:
    """The reports of the executions that are under way.

    Args:
        run_id: id of the run.
    """

    def __init__(self, run_id: str) -> None:
        self._open: dict[str, _Report] = {}
        self._told: set[str] = set()
        self._run_id = run_id
        _capture.begin(run_id, self)

    def open(self, key: str, task: TaskTemplate[..., Any]) -> None:
        """Have room for what the execution of this key adds."""
        self._open[key] = _Report(task.report)

    def add(self, context: RunContext, tab: str, fragment: str) -> None:
        """Add HTML to a tab; from any thread."""
        report = self._open.get(context.key)
        if report is None:  # it has ended: a thread that nobody waits for has no report
            return
        if tab == LOG:
            report.add_line(fragment)
        elif report.has_tabs:
            report.tabs.setdefault(tab, []).append(fragment)
        elif context.task not in self._told:
            self._told.add(context.task)
            _logger.warning(
                "task %r adds tabs to its report, which are not kept: define it with report=True",
                context.task,
            )

    def take(self, key: str) -> Mapping[str, str] | None:
        """The report of an execution that has ended: HTML by name of the tab; None if empty."""
        report = self._open.pop(key)
        pages = {name: "".join(fragments) for name, fragments in report.tabs.items()}
        if report.lines is not None:
            pages = {LOG: f"<pre>{''.join(report.lines)}</pre>", **pages}
        return pages or None

    def close(self) -> None:
        """Listen to no logger any more."""
        _capture.end(self._run_id)


class _Report:
    __slots__ = ("has_tabs", "lines", "tabs")

    def __init__(self, has_tabs: bool) -> None:
        self.has_tabs = has_tabs
        self.lines: deque[str] | None = None
        self.tabs: dict[str, list[str]] = {}

    def add_line(self, line: str) -> None:
        if self.lines is None:
            self.lines = deque(maxlen=LINES_KEPT)
        self.lines.append(line)


class _Capture(logging.Handler):
    """Adds what tasks log to their reports, and else leaves logging as it is without this."""

    def __init__(self) -> None:
        super().__init__()
        self._logger = logging.getLogger("tasksmithy.task")
        self._pages: dict[str, Pages] = {}  # by the id of the run
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S"))

    def begin(self, run_id: str, pages: Pages) -> None:
        """Listen for a run."""
        with self.lock or nullcontext():
            self._pages[run_id] = pages
            self._logger.addHandler(self)

    def end(self, run_id: str) -> None:
        """Listen for it no more."""
        with self.lock or nullcontext():
            del self._pages[run_id]
            if not self._pages:
                self._logger.removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Add a record to the report of the execution that logs it."""
        context = current()
        if (pages := self._pages.get(context.run_id)) is not None:
            from html import escape  # brings all entities of HTML, and most tasks log nothing

            try:
                line = escape(self.format(record))
            except Exception:  # noqa: BLE001 - as every handler: logging breaks no task
                self.handleError(record)
            else:
                pages.add(context, LOG, f"{line}\n")
        # Python asks whether there is any handler, and means one that tells a person.
        last = logging.lastResort
        if last is not None and record.levelno >= last.level and self._is_alone(record.name):
            last.handle(record)

    def _is_alone(self, name: str) -> bool:
        logger: logging.Logger | None = logging.getLogger(name)
        while logger is not None:
            if any(handler is not self for handler in logger.handlers):
                return False
            logger = logger.parent if logger.propagate else None
        return True


_capture = _Capture()
