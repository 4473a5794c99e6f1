"""The executors of the core keep the contract, and so does a stranger's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tasksmithy import Attempt, Host
from tasksmithy.runtime.executors._loop import LoopExecutor
from tasksmithy.runtime.executors.process._executor import ProcessExecutor
from tasksmithy.testing import ExecutorConformance

PACKAGE = Path(__file__).with_name("executor")


class Loop(LoopExecutor):
    """The executor of this machine, as one that a run is given."""

    async def perform(self, attempt: Attempt, host: Host) -> Any:
        return await super().perform(attempt, host)


class TestLoop(ExecutorConformance):
    executor = Loop


class TestProcess(ExecutorConformance):
    executor = ProcessExecutor
