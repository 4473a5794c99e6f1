"""Attempts in threads, each with an event loop of its own."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tasksmithy import Attempt, Host, TaskTemplate, make_attempt

MOST = 1000


class Threads:
    """Makes each attempt in a thread; `ACME_THREADS_LOG` names a file that says which."""

    heeds: frozenset[str] = frozenset({"queue"})

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(MOST, thread_name_prefix="acme")

    def refuses(self, task: TaskTemplate[..., Any]) -> str | None:
        """Threads cannot take an environment of their own."""
        return "its env_vars need a process" if task.env_vars else None

    def slots(self, task: TaskTemplate[..., Any]) -> Mapping[str, int]:
        """Nothing."""
        return {}

    async def perform(self, attempt: Attempt, host: Host) -> Any:
        """Make an attempt in a thread, which has ended when this returns."""
        if log := os.environ.get("ACME_THREADS_LOG"):
            with open(log, "a", encoding="utf-8") as lines:  # noqa: PTH123 - a line
                lines.write(f"{attempt.context.task}\n")
        loop = asyncio.new_event_loop()
        making = loop.create_task(make_attempt(attempt, host))
        made = asyncio.get_running_loop().run_in_executor(
            self._threads, loop.run_until_complete, making
        )
        try:
            return await asyncio.shield(made)
        except asyncio.CancelledError:
            loop.call_soon_threadsafe(making.cancel)
            return await made
        finally:
            loop.close()

    async def close(self) -> None:
        """End the threads."""
        self._threads.shutdown()
