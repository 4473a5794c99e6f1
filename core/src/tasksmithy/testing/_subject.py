"""Subject: what is checked, and what the checks find out about it before they begin.

What one check is about is given for all others: a check whose ground is missing is skipped, and
names the check that says why. So a fault fails one check.
"""

from __future__ import annotations

import difflib
import inspect
import logging
import os
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar, Final, NoReturn

import pytest

from tasksmithy.errors import HookError, PluginContractError, PluginError, PluginLoadError
from tasksmithy.fields._secret import Secret
from tasksmithy.plugins._contract import check_hooks
from tasksmithy.plugins._discovery import TASK_TYPES, PluginRecord
from tasksmithy.plugins._loading import load
from tasksmithy.plugins._registry import Registry
from tasksmithy.plugins._selection import label
from tasksmithy.plugins._settings import Settings
from tasksmithy.plugins._task_type import TaskType
from tasksmithy.task._context import RunContext
from tasksmithy.task._hook import hookimpl
from tasksmithy.task._hooks import TaskHooks
from tasksmithy.task._hookspecs import HOOKS
from tasksmithy.task._interface import NativeInterface
from tasksmithy.task._serialize import serialize
from tasksmithy.task._spec import TaskSpec
from tasksmithy.task._template import TaskTemplate

CAPABILITIES: Final = {
    "container": "runs as a container: `container_args` gives its words",
    "sql": "is a statement for a SQL engine: `sql` gives it",
    "function": "is chosen for functions by `TaskEnvironment`, with `plugin_config` if it has one",
    "secrets": "gets secrets: `make_task()` gives a task with `secrets`, which have made up values "
    "where the environment has none",
    "cancellable": "ends when it is told to: `make_slow_task()` gives a task that takes a minute",
}
"""What `capabilities` may have, and what it says of the task type."""


_NEARLY: Final = 0.95
"""How alike the name of a method and that of a hook are where it is a slip: one letter or so."""


class MadeUpSecrets:
    """A policy that makes up a value for each secret that the environment has none for."""

    @hookimpl
    def resolve_secret(self, secret: Secret) -> str:
        """The value."""
        known = os.environ.get(secret.env_name or "")
        return known or f"conformance-{secret.group}-{secret.key}-{os.getpid()}"


class Subject:
    """What the author of a task type says about it.

    Attributes:
        task_type: the task type, which is the name of its entry point.
        inputs: the inputs with which the task of `make_task()` runs; None where it needs none.
        capabilities: which of `CAPABILITIES` the task type has; each brings checks of its own.
    """

    task_type: ClassVar[str] = ""
    inputs: ClassVar[Mapping[str, Any] | None] = None
    capabilities: ClassVar[frozenset[str]] = frozenset()

    _registry: Registry

    def make_task(self) -> TaskTemplate[..., Any]:
        """A task of the type, made anew, which runs with `inputs` and gives the same each time."""
        raise NotImplementedError

    def make_other_task(self) -> TaskTemplate[..., Any]:
        """A task of the type with other values in its fields, which takes the same `inputs`.

        May be left out.
        """
        raise NotImplementedError

    def make_slow_task(self) -> TaskTemplate[..., Any]:
        """A task of the type that takes about a minute, for types that are `"cancellable"`."""
        raise NotImplementedError

    def make_failing_task(self) -> TaskTemplate[..., Any]:
        """A task of the type whose run fails; may be left out."""
        raise NotImplementedError

    @pytest.fixture(autouse=True)
    def _process_of_its_own(self) -> Iterator[None]:
        """What one check finds to be changed, the next one finds as it was."""
        environ, folder, path = dict(os.environ), Path.cwd(), [*sys.path]
        mask = os.umask(0o022)
        os.umask(mask)
        root = logging.getLogger()
        handlers, level = [*root.handlers], root.level
        yield
        for name in os.environ.keys() - environ.keys():
            del os.environ[name]
        os.environ.update(environ)
        os.chdir(folder)
        os.umask(mask)
        sys.path[:] = path
        root.handlers[:] = [each for each in root.handlers if each in handlers]
        root.setLevel(level)

    @pytest.fixture(autouse=True)
    def _registry_of_its_own(self) -> Iterator[None]:
        with self._registry_with().entered() as self._registry:
            yield

    def _registry_with(self, **policies: object) -> Registry:
        """A registry of what is installed, under these policies alone.

        The settings of the project that is tested are no part of it.
        """
        if "secrets" in self.capabilities:
            policies["made_up_secrets"] = MadeUpSecrets()
        return Registry(settings=Settings(), policies=policies)

    @classmethod
    def _has(cls, method: str) -> bool:
        """Whether the author has written a method that may be left out."""
        return getattr(cls, method) is not getattr(Subject, method)

    def _need(self, capability: str) -> None:
        if capability not in self.capabilities:
            pytest.skip(f"for task types that are {capability!r} among their capabilities")

    def _skip_for(self, check: str) -> NoReturn:
        """End a check that has no ground to stand on: `check` fails and says why."""
        pytest.skip(f"see {check}")

    @property
    def _inputs(self) -> Mapping[str, Any]:
        return self.inputs or {}

    @property
    def _records(self) -> list[PluginRecord]:
        """The entry points of this name."""
        return [
            record
            for record in sorted(self._registry.records)
            if (record.group, record.name) == (TASK_TYPES, self.task_type)
        ]

    def _record(self) -> PluginRecord:
        """The one entry point of the task type."""
        if len(self._records) != 1:
            self._skip_for("test_the_entry_point_is_installed")
        return self._records[0]

    @property
    def _who(self) -> str:
        """The plugin as messages name it: `task type 'sql' (tasksmithy-sql 1.2.0)`."""
        return label(self._record())

    def _named(self) -> Any:
        """The object that the entry point names."""
        try:
            return load(self._record())
        except PluginLoadError:
            self._skip_for("test_the_plugin_loads_in_a_fresh_process")

    def _hook_problem(self) -> str | None:
        """How the plugin breaks the hook spec; None where it keeps it or is no task type at all."""
        plugin = self._named()
        if inspect.isclass(plugin) and issubclass(plugin, TaskTemplate):
            return self._misspelling(plugin)  # its methods carry no decorator
        if inspect.isclass(plugin) and issubclass(plugin, TaskType):
            try:
                plugin = plugin()
            except Exception:  # noqa: BLE001 - that it cannot be made is another fault
                return None
        if not isinstance(plugin, TaskType):
            return None
        try:
            check_hooks(plugin, self._who)
        except PluginContractError as error:
            return str(error)
        return self._misspelling(type(plugin)) or self._misspelling(plugin.template)

    def _misspelling(self, kind: object) -> str | None:
        """The method of a class that was to be a hook, by its name; None where there is none."""
        if not inspect.isclass(kind):
            return None
        for name, method in vars(kind).items():
            close = difflib.get_close_matches(name, HOOKS, n=1, cutoff=_NEARLY)
            if close and name not in HOOKS and callable(method) and not name.startswith("_"):
                return (
                    f"{self._who}: {kind.__name__}.{name} is called by nothing; did you mean "
                    f"{close[0]!r}?"
                )
        return None

    def _type(self) -> TaskType:
        """The loaded task type."""
        if self._hook_problem() is not None:
            self._skip_for("test_every_hook_matches_the_hook_spec")
        try:
            return self._registry.task_type(self.task_type)
        except PluginError:
            self._skip_for("test_the_entry_point_names_the_task_type")

    def _hooks(self) -> TaskHooks:
        """The hooks of the task type, in the registry of the test."""
        self._type()
        return self._registry.hooks(self.task_type)

    def _task(self) -> TaskTemplate[..., Any]:
        """A task of the type."""
        self._type()
        problem = "test_make_task_gives_a_task_of_this_type"
        try:
            task = self.make_task()
        except Exception:  # noqa: BLE001 - whatever it is, one check tells it
            self._skip_for(problem)
        if not self._is_of_this_type(task):
            self._skip_for(problem)
        return task

    def _is_of_this_type(self, task: object) -> bool:
        return (
            isinstance(task, self._registry.template(self.task_type))
            and task.task_type == self.task_type
        )

    def _spec(self, task: TaskTemplate[..., Any]) -> TaskSpec:
        """What serializing the task gives."""
        try:
            return serialize(task)
        except HookError as error:
            self._skip_for(f"the check of what hook {error.hook!r} gives")

    def _steady_spec(self, task: TaskTemplate[..., Any]) -> str:
        """The JSON of the spec, which is the same each time."""
        texts = {self._spec(each).to_json() for each in (task, task, self._task())}
        if len(texts) != 1:
            self._skip_for("test_the_spec_is_the_same_twice")
        return texts.pop()

    def _overridden(self, task: TaskTemplate[..., Any], **fields: Any) -> TaskTemplate[..., Any]:
        """The task with other values in some fields."""
        try:
            changed = task.override(**fields)
        except Exception:  # noqa: BLE001 - whatever it is, one check tells it
            self._skip_for("test_every_field_can_be_overridden")
        expected = bare_task(**fields)
        kept = all(getattr(changed, name) == getattr(expected, name) for name in fields)
        if not kept or type(changed) is not type(task):
            self._skip_for("test_every_field_can_be_overridden")
        return changed


def bare_task(**fields: Any) -> TaskTemplate[..., Any]:
    """A task of no type's own, which has the fields as every task keeps them."""
    return TaskTemplate(name="bare", interface=NativeInterface(), **fields)


class FailsOnce:
    """A policy under which the first attempt of every task fails, after its work."""

    @hookimpl
    @asynccontextmanager
    async def around_execute(self, ctx: RunContext) -> AsyncIterator[None]:
        """Let the attempt do its work, and fail if it is the first."""
        yield
        if ctx.attempt == 1:
            raise ConnectionError("the first attempt is made to fail")
