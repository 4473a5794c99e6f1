"""What an attempt takes of this machine, as `Executor.slots` says it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tasksmithy.task._template import TaskTemplate

_NOTHING: Mapping[str, int] = {}


def declared(task: TaskTemplate[..., Any]) -> Mapping[str, int]:
    """The cpu (in thousandths of a core) and the memory (in bytes) that a task declares."""
    if task.resources is None:
        return _NOTHING
    from tasksmithy.fields._quantity import NANOS  # it came with the resources

    cpu, _ = task.resources.cpu_range()
    memory, _ = task.resources.memory_range()
    slots = {}
    if cpu is not None:
        slots["cpu"] = -(-cpu.nanos * 1000 // NANOS)
    if memory is not None:
        slots["memory"] = -(-memory.nanos // NANOS)
    return slots
