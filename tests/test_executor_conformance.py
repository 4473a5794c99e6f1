"""The executors of the core keep the contract, and so does a stranger's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.executors import PACKAGE, Loop

from tasksmithy.runtime.executors.process._executor import ProcessExecutor
from tasksmithy.testing import ExecutorConformance


class TestLoop(ExecutorConformance):
    executor = Loop


class TestProcess(ExecutorConformance):
    executor = ProcessExecutor


class TestThreads(ExecutorConformance):
    executor = "threads"

    @pytest.fixture(autouse=True)
    def _installed(self, fake_distribution: Callable[..., Path]) -> None:
        source = (PACKAGE / "src" / "acme_threads" / "__init__.py").read_text()
        fake_distribution(
            "acme-threads",
            {"acme_threads/__init__.py": source},
            {"tasksmithy.executors.v1": {"threads": "acme_threads:Threads"}},
            version="2.4",
        )
