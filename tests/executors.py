"""The executors that the tests of all of them are about; another one is a line here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tasksmithy import Attempt, Host, PluginRecord, Registry
from tasksmithy.runtime.executors._loop import LoopExecutor
from tasksmithy.runtime.executors.process._executor import ProcessExecutor

PACKAGE = Path(__file__).with_name("executor")


class Loop(LoopExecutor):
    """The event loop of the run, as an executor that a run is given."""

    async def perform(self, attempt: Attempt, host: Host) -> Any:
        return await super().perform(attempt, host)


EXECUTORS: Mapping[str, Mapping[str, Any]] = {
    "loop": {"executor": Loop},
    "process": {"executor": ProcessExecutor},
    "threads": {"executor": "threads"},
    "ray": {"executor": "ray"},
}
"""Options of a run with each; a test has a Ray by the fixture `own_ray`."""


@contextmanager
def threads_installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The stranger's executor beside what is installed."""
    monkeypatch.syspath_prepend(PACKAGE / "src")
    group = "tasksmithy.executors.v1"
    threads = PluginRecord(group, "threads", "acme_threads:Threads", "acme-threads", "2.4")
    with Registry([*Registry().records, threads]).entered():
        yield
