"""Plugins, policies and settings that cannot be used."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

from tasksmithy._texts import near_misses
from tasksmithy.errors._base import TasksmithyError


class PluginError(TasksmithyError):
    """Base of what goes wrong with an installed plugin; the message names its distribution."""


class UnknownTaskTypeError(PluginError, LookupError):
    """A task whose task type no installed plugin provides.

    Attributes:
        task_type: the task type that was looked for.
        known: the task types that are installed.
    """

    def __init__(
        self, task_type: str, *, task: str | None, known: Iterable[str], hint: str
    ) -> None:
        self.task_type = task_type
        self.task = task
        self.known: list[str] = sorted(known)
        self.hint = hint
        super().__init__(task_type)

    def __reduce__(self) -> tuple[Any, ...]:
        made = functools.partial(type(self), task=self.task, known=self.known, hint=self.hint)
        return made, (self.task_type,)

    def __str__(self) -> str:
        who = f"task {self.task!r} has" if self.task else "there is a call for"
        installed = ", ".join(self.known) or "none"
        return (
            f"{who} task type {self.task_type!r}, which no installed plugin provides"
            f"{near_misses(self.task_type, self.known)} (installed task types: {installed}). "
            f"{self.hint}"
        )


class PluginLoadError(PluginError):
    """A plugin whose module cannot be imported, or lacks the object its entry point names.

    The exception raised by the import is the `__cause__`.
    """


class PluginContractError(PluginError):
    """A plugin that loads but does not keep the contract: a misspelt hook, a wrong signature."""


class PluginConflictError(PluginError):
    """Two distributions that provide one name; a setting decides between them."""


class PluginDisabledError(PluginError):
    """A plugin that is installed and switched off by `TASKSMITHY_DISABLE_PLUGINS`."""


class PluginVersionError(PluginError):
    """A plugin that is made for another tasksmithy, or for another major of the plugin API."""


class PluginRegistrationError(PluginError, ValueError):
    """A registration in code that is not allowed, such as one that would replace another."""


class HookError(PluginError):
    """A hook implementation that raised; the plugin's exception is the `__cause__`.

    Attributes:
        hook: name of the hook.
        task: name of the task; empty where no task asked.
        provider: the plugin that raised, with distribution and version.
    """

    def __init__(self, hook: str, task: str, provider: str, problem: str) -> None:
        super().__init__(hook, task, provider, problem)
        self.hook = hook
        self.task = task
        self.provider = provider
        self.problem = problem

    def __str__(self) -> str:
        asking = f", for task {self.task!r}" if self.task else ""
        return f"hook {self.hook!r} of {self.provider}{asking}: {self.problem}"


class HookResultError(HookError):
    """A hook implementation that returned what the hook spec does not allow."""


class PolicyVetoError(TasksmithyError):
    """For policies to raise: this task must not be serialized or run as it is."""


class SettingsError(TasksmithyError, ValueError):
    """A setting in `[tool.tasksmithy]` or in the environment that is not allowed."""


class MissingDependencyError(TasksmithyError, ImportError):
    """An optional package that is needed here and is not installed."""

    def __init__(self, needed_by: str, package: str, install: str) -> None:
        super().__init__(needed_by, package, install)
        self.needed_by = needed_by
        self.package = package
        self.install = install

    def __str__(self) -> str:
        return f"{self.needed_by} needs {self.package!r}, which is not installed: {self.install}"
