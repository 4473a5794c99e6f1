"""Live: a run on a terminal, drawn in its last lines while it goes on."""

from __future__ import annotations

import atexit
import os
import threading
from collections import defaultdict
from contextlib import suppress
from typing import Final

from tasksmithy._texts import in_one_line
from tasksmithy.runtime.report._progress import Lines
from tasksmithy.runtime.secrets._exits import handed_out
from tasksmithy.task._events import Event, RunEnded, RunStarted

_REFRESH: Final = 0.1  # seconds
_DELAY: Final = 0.4  # what flashes up for a moment tells nothing
_ROWS: Final = 8

_TERMINAL: Final = 2  # standard error

# What terminals obey (ECMA-48, and what every successor of the VT100 has).
_SAVE, _RESTORE = "\x1b7", "\x1b8"  # the cursor
_ERASE_BELOW, _ERASE_LINE = "\x1b[J", "\x1b[K"
_NO_WRAP, _WRAP = "\x1b[?7l", "\x1b[?7h"
_DOWN = "\x1bD"  # scrolls at the end of the screen, and keeps the column


class Live(Lines):
    """Shows counts and what is running, at most ten times a second, below what is printed.

    The display has the last lines of the screen, and all else scrolls above them. So whoever has
    the terminal prints as if there was no display: this process, those of tasks, the programs that
    they run, lines that are not ended yet. Each change is one write, which no other comes between.

    It is drawn in a thread of its own: neither the run nor a busy event loop waits for the other.
    """

    def __init__(self) -> None:
        super().__init__()
        self._over = threading.Event()
        self._drawing = threading.Thread(target=self._draw, name="tasksmithy-live", daemon=True)
        self._writing = threading.Lock()
        self._process = os.getpid()
        self._screen = os.terminal_size((0, 0))
        self._height = 0  # lines of the screen that the display has

    def observe(self, event: Event) -> None:
        """Begin to draw with the run; wipe the display when it is over."""
        if isinstance(event, RunStarted):
            atexit.register(self.wipe)
            shown.add(self)
            self._drawing.start()
        elif isinstance(event, RunEnded):
            self.wipe()
            atexit.unregister(self.wipe)
        super().observe(event)

    def wipe(self) -> None:
        """Give the terminal back, for good; also in a handler of a signal."""
        self._over.set()
        shown.discard(self)
        if os.getpid() != self._process:
            return  # a fork of the process that the display is of
        # A terminal that takes nothing holds the drawing up, which must not hold up the end.
        if self._writing.acquire(timeout=_DELAY):
            try:
                if self._height:
                    self._write(f"{_SAVE}{self._erased()}\x1b[r{_RESTORE}")
                    self._height = 0
            finally:
                self._writing.release()

    def _draw(self) -> None:
        pause = _DELAY
        while not self._over.wait(pause):
            pause = _REFRESH
            with suppress(OSError), self._writing:  # OSError: the terminal is gone
                if not self._over.is_set():
                    self._show(os.get_terminal_size(_TERMINAL))

    def _show(self, screen: os.terminal_size) -> None:
        rows = self.view()[: screen.lines // 2]  # none where the size is not known, which is 0
        change = ""
        if screen != self._screen or len(rows) != self._height:
            # Where a new size has moved the lines to is not known: below the cursor they are ours.
            before = self._erased() if screen == self._screen else _ERASE_BELOW
            change = f"{_SAVE}{before if self._height else ''}\x1b[r{_RESTORE}"
            self._screen, self._height = screen, len(rows)
            if rows:
                change += f"{_DOWN * len(rows)}\x1b[{len(rows)}A{_SAVE}"
                change += f"\x1b[1;{screen.lines - len(rows)}r{_RESTORE}"
        top = screen.lines - len(rows) + 1
        lines = "".join(f"\x1b[{top + n};1H{row}\x1b[m{_ERASE_LINE}" for n, row in enumerate(rows))
        self._write(f"{change}{_SAVE}{_NO_WRAP}{lines}{_WRAP}{_RESTORE}")

    def _erased(self) -> str:
        return f"\x1b[{self._screen.lines - self._height + 1};1H{_ERASE_BELOW}"

    def _write(self, text: str) -> None:
        with suppress(OSError):  # the terminal is gone
            os.write(_TERMINAL, text.encode(errors="backslashreplace"))

    def view(self) -> list[str]:
        """What is shown now, in lines that the terminal cuts where they are too long."""
        with self._lock:
            running = list(self.running.values())
            places = {name: set[str]() for name, _ in running}
            for key, place in self.places.items():
                places[self.running[key][0]].add(place)
        minutes, seconds = divmod(int(self.seconds), 60)
        ends = self.summary()
        if self.counts["failed"]:
            ends = f"\x1b[31m{ends}"
        lines = [f"\x1b[1m{minutes}:{seconds:02}\x1b[m  {len(running)} running, {ends}"]
        oldest: dict[str, float] = {}
        number: dict[str, int] = defaultdict(int)
        for name, since in running:
            number[name] += 1
            oldest[name] = min(oldest.get(name, since), since)
        for name in sorted(number, key=oldest.__getitem__)[:_ROWS]:
            took = f"{self._began + self.seconds - oldest[name]:.0f} s"
            task = in_one_line(handed_out.mask(name))
            where = in_one_line(handed_out.mask(", ".join(sorted(places[name]))))
            lines.append(
                f"\x1b[36m{number[name]:5}\x1b[m  \x1b[2m{took:>6}\x1b[m  {task}"
                + (f"  \x1b[2m{where}\x1b[m" if where else "")
            )
        if len(number) > _ROWS:
            lines.append(f"\x1b[2m       and {len(number) - _ROWS} other tasks\x1b[m")
        return lines


shown: Final[set[Live]] = set()
"""The displays that a terminal shows."""


def wipe() -> None:
    """Give the terminal back in a process that ends at once."""
    for display in tuple(shown):
        display.wipe()
