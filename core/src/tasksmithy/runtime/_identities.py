"""Identities: what identifies tasks, and the code of their inputs, for the cache and the record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tasksmithy.errors import ValueEncodingError
from tasksmithy.task._code_identity import CodeWalk, Identity, task_identity
from tasksmithy.task._template import TaskTemplate
from tasksmithy.values._identity import digest

Task = TaskTemplate[..., Any]

_KEPT = 1024
_DECIDING = ("name", "interface", "task_type", "env_vars", "secrets", "cache")
"""The fields of every task that decide its result; those of its type decide too."""

_PLAIN = frozenset({type(None), bool, int, float, complex, str, bytes})


class Identities:
    """The identities that one run asks for.

    They are found once, as what they are found in does not change while it runs, as a rule; a
    global name that stands for something else is noticed.
    """

    def __init__(self) -> None:
        self._tasks: dict[int, tuple[Task, Identity]] = {}
        # A task with changes that decide nothing, of which each call may have its own, is another.
        self._alike: dict[tuple[int, ...], tuple[Task, Identity]] = {}
        self._codes: dict[int, tuple[object, Identity]] = {}

    def of(self, task: Task) -> Identity:
        """What identifies a task, apart from its inputs.

        Raises:
            PluginError: the plugin of the task's type cannot say.
        """
        known = self._tasks.get(id(task))
        if known is not None and known[1].holds:
            return known[1]
        own = sorted(task.field_names - TaskTemplate.field_names)
        values = (type(task), *(getattr(task, name) for name in (*_DECIDING, *own)))
        alike = tuple(map(id, values))
        known = self._alike.get(alike)
        if known is None or not known[1].holds:
            known = task, task_identity(task)
        _keep(self._alike, alike, known)
        _keep(self._tasks, id(task), (task, known[1]))
        return known[1]

    def code(self, value: object) -> str | None:
        """What identifies a function or class that is met in an input; None for all else."""
        if type(value) in _PLAIN:
            return None
        known = self._codes.get(id(value))
        if known is None or not known[1].holds:
            walk = CodeWalk()
            if (text := walk.code(value)) is None:
                return None
            known = value, walk.identity(lambda: text)
            _keep(self._codes, id(value), known)
        return known[1].digest

    def in_inputs(self, inputs: Mapping[str, Any]) -> str:
        """What identifies the code in the inputs of a call; empty where there is none."""
        found: dict[str, None] = {}

        def note(value: object) -> str | None:
            code = self.code(value)
            if code is not None:
                found[code] = None
            return code

        for value in inputs.values():
            if type(value) not in _PLAIN:
                try:
                    digest(value, reads_files=False, code=note)
                except ValueEncodingError:
                    continue  # without an identity it is never the same
        return " ".join(found)


def _keep(known: dict[Any, Any], key: object, value: object) -> None:
    if len(known) >= _KEPT:
        known.clear()
    known[key] = value
