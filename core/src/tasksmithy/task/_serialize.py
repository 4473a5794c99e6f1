"""serialize(): a task as the plain data that a cluster needs."""

from __future__ import annotations

from typing import Any

from tasksmithy.errors import NotATaskError
from tasksmithy.task._hooks import hooks_for
from tasksmithy.task._provenance import Provenance
from tasksmithy.task._spec import (
    CodeBundle,
    DataLoadingConfig,
    SerializationContext,
    Sql,
    TaskSpec,
)
from tasksmithy.task._template import TaskTemplate

__all__ = [
    "CodeBundle",
    "DataLoadingConfig",
    "Provenance",
    "SerializationContext",
    "Sql",
    "TaskSpec",
    "serialize",
]


def serialize(task: TaskTemplate[..., Any], sctx: SerializationContext | None = None) -> TaskSpec:
    """Ask the task type's hooks for everything that a cluster needs to know of `task`.

    The same task gives the same spec, to the byte of its JSON, in any process.

    Args:
        task: the task.
        sctx: the deployment; the defaults of `SerializationContext`, if not given.

    Raises:
        UnknownTaskTypeError: no plugin provides the task's type.
        HookError: a hook raised, or returned what it must not; the message names the plugin.
        TaskDefinitionError: JSON cannot hold the default of an input.
        PolicyVetoError: a policy refuses the task.
    """
    if not isinstance(task, TaskTemplate):
        raise NotATaskError(task)
    return hooks_for(task).serialize(task, SerializationContext() if sctx is None else sctx)
