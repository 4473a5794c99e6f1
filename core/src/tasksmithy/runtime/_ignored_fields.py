"""The fields of a task that a local run ignores: one warning names them."""

from __future__ import annotations

import logging
from dataclasses import fields
from typing import Any

from tasksmithy.task._declaration import default_of
from tasksmithy.task._field import declaration
from tasksmithy.task._template import TaskTemplate

_logger = logging.getLogger("tasksmithy.run")

_IGNORED = {
    field.name: field.default
    for field in fields(TaskTemplate)
    if declaration(field).ignored_locally
}
"""The fields that only a cluster heeds, with the value that declares nothing."""


class IgnoredFields:
    """Warns, once for each task of a run, of the fields that make no difference here.

    It is for what the task or its environment says: of what its class says for all of them, its
    author knows, and nobody else can do anything.
    """

    def __init__(self, *, respects_resources: bool) -> None:
        self._respects_resources = respects_resources
        self._said: set[str] = set()

    def warn(self, task: TaskTemplate[..., Any], heeded: frozenset[str]) -> None:
        """Log a warning that names the fields, if there are any.

        Args:
            task: the task.
            heeded: the fields that its task type or its executor heeds by itself.
        """
        if task.name in self._said:
            return
        self._said.add(task.name)
        ignored = [
            name
            for name, nothing in _IGNORED.items()
            if name not in heeded and getattr(task, name) != nothing and _is_said(task, name)
        ]
        is_heeded = self._respects_resources or "resources" in heeded
        if task.resources is not None and not is_heeded and _is_said(task, "resources"):
            ignored.append("resources (honoured with --respect-resources)")
        if ignored:
            _logger.warning(
                "task %r declares %s, which a local run ignores",
                task.name,
                ", ".join(ignored),
            )
        if (task.env_vars or task.secrets) and "env_vars" not in heeded:
            _logger.warning(
                "task %r is async and shares this process's environment: its env_vars and secrets "
                "are in tasksmithy.current().env_vars and .secrets, not in os.environ",
                task.name,
            )


def _is_said(task: TaskTemplate[..., Any], name: str) -> bool:
    """Whether the value of a field is another one than the class of the task has for all."""
    return bool(getattr(task, name) != default_of(type(task), name))
