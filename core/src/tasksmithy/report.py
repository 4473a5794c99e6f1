"""What a task adds to its report: `report.log(text)` and `report.tab(name)`.

    @env.task(report=True)
    async def train(rows: int) -> float:
        report.log(f"{rows} rows")
        report.tab("Loss").html("<svg ...></svg>")

It belongs to the execution that runs here, whichever of its attempts adds to it, and is kept where
the run is recorded. Outside a run it is dropped, so that a task can be called as a function.
`tasksmithy runs report ID` shows it.
"""

from __future__ import annotations

from typing import NamedTuple

from tasksmithy.task._context import current

__all__ = ["Tab", "log", "tab"]

LOG = "Log"
"""The tab that holds the log: what `log` adds, and the records of `current().logger`."""


def log(text: object) -> None:
    """Add a line to the log of the execution, of which the last 1,000 lines are kept."""
    _add(LOG, f"{_escaped(text)}\n")


def tab(name: str) -> Tab:
    """The tab of this name. The tabs of a task are kept if it is defined with `report=True`."""
    return Tab(name)


class Tab(NamedTuple):
    """A tab of a report, made by its first content.

    Attributes:
        name: what the tab is called.
    """

    name: str

    def text(self, text: object) -> None:
        """Add text, as a paragraph that keeps its line breaks."""
        _add(self.name, f'<p style="white-space: pre-wrap">{_escaped(text)}</p>\n')

    def html(self, fragment: str) -> None:
        """Add HTML as it is; scripts in it do not run, and nothing is fetched for it."""
        _add(self.name, f"{fragment}\n")


def __getattr__(name: str) -> object:
    from tasksmithy._flyte_names import missing

    raise missing(__name__, name)


def _escaped(text: object) -> str:
    from html import escape  # as in `runtime.report._pages`

    return escape(str(text))


def _add(name: str, fragment: str) -> None:
    context = current()
    if context.run is not None:
        context.run.add_to_report(str(name), fragment)
