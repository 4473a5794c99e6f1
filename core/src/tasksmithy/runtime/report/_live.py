"""Live: a run on a terminal, drawn with rich while it goes on."""

from __future__ import annotations

import sys
import threading
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from tasksmithy._texts import in_one_line
from tasksmithy.runtime.report._progress import Lines
from tasksmithy.runtime.secrets._exits import handed_out
from tasksmithy.task._events import Event, RunEnded, RunStarted

if TYPE_CHECKING:
    from rich.console import RenderableType

_REFRESH: Final = 0.1  # seconds
# What flashes up for a moment tells nothing, and to import rich takes longer than many a run.
_DELAY: Final = 0.4
_ROWS: Final = 8


class Live(Lines):
    """Shows counts and what is running, at most ten times a second, below what tasks print.

    It is drawn in a thread of its own: neither the run nor a busy event loop waits for the other.
    """

    def __init__(self) -> None:
        super().__init__()
        self._over = threading.Event()
        self._drawing = threading.Thread(target=self._draw, name="tasksmithy-live", daemon=True)

    def observe(self, event: Event) -> None:
        """Begin to draw with the run; wipe the display when it is over."""
        if isinstance(event, RunStarted):
            self._drawing.start()
        elif isinstance(event, RunEnded):
            self._over.set()
            self._drawing.join()
        super().observe(event)

    def _draw(self) -> None:
        if self._over.wait(_DELAY):
            return
        from rich.console import Console
        from rich.live import Live as Display

        display = Display(
            console=Console(stderr=True),
            auto_refresh=False,
            transient=True,
            # What goes to a file or a pipe must not come up here.
            redirect_stdout=sys.stdout is not None and sys.stdout.isatty(),
        )
        with display:
            while not self._over.wait(_REFRESH):
                display.update(self.view(), refresh=True)

    def view(self) -> RenderableType:
        """What is shown now."""
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        with self._lock:
            running = list(self.running.values())
        minutes, seconds = divmod(int(self.seconds), 60)
        head = Text.assemble(
            (f"{minutes}:{seconds:02}", "bold"),
            f"  {len(running)} running, ",
            (self.summary(), "red" if self.counts["failed"] else ""),
        )
        oldest: dict[str, float] = {}
        number: dict[str, int] = defaultdict(int)
        for name, since in running:
            number[name] += 1
            oldest[name] = min(oldest.get(name, since), since)
        rows = Table.grid(padding=(0, 2))
        for name in sorted(number, key=oldest.__getitem__)[:_ROWS]:
            took = f"{self._began + self.seconds - oldest[name]:.0f} s"
            rows.add_row(
                Text(f"  {number[name]}", "cyan", justify="right"),
                Text(in_one_line(handed_out.mask(name)), overflow="ellipsis", no_wrap=True),
                Text(took, "dim", justify="right"),
            )
        if len(number) > _ROWS:
            rows.add_row("", Text(f"and {len(number) - _ROWS} other tasks", "dim"), "")
        return Group(head, rows)
