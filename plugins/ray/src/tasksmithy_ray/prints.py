"""Prints: what a task prints in a worker, as lines of its log."""

from __future__ import annotations

import io
import logging
import threading


class Prints(io.TextIOBase):
    """A text stream whose lines are log records of a task.

    They are warnings, which are seen without a setting, as a print is.

    Args:
        task: name of the task.
        stream: `"stdout"` or `"stderr"`.
    """

    def __init__(self, task: str, stream: str) -> None:
        self._logger = logging.getLogger(f"tasksmithy.task.{task}")
        self._lock = threading.Lock()
        self._open = ""
        self.name: str = f"<{stream}>"

    def writable(self) -> bool:
        """True."""
        return True

    def write(self, text: str) -> int:
        """Log the lines that are complete."""
        with self._lock:
            *lines, self._open = (self._open + text).split("\n")
        for line in lines:
            self._logger.warning("%s", line)
        return len(text)

    def close_line(self) -> None:
        """Log what is left without an end of line."""
        if self._open:
            self.write("\n")
