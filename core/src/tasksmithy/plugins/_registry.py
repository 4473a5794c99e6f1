"""Registry: from a name to its record, to the loaded task type, to that type's hooks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from functools import cached_property
from types import ModuleType
from typing import TYPE_CHECKING, Any

from tasksmithy._registry_in_use import registry_in_use
from tasksmithy.errors import (
    PluginContractError,
    PluginError,
    PluginLoadError,
    PluginRegistrationError,
    UnknownTaskTypeError,
)
from tasksmithy.plugins._composition import hooks_of, is_of_the_run, lineage
from tasksmithy.plugins._contract import as_policy
from tasksmithy.plugins._discovery import (
    EXECUTORS,
    OBSERVERS,
    POLICIES,
    TASK_TYPES,
    PluginRecord,
    discover,
)
from tasksmithy.plugins._loading import LoadedPolicy, LoadedTaskType, Loader
from tasksmithy.plugins._observer import Observer
from tasksmithy.plugins._registered import Registered
from tasksmithy.plugins._selection import Installed, label
from tasksmithy.plugins._settings import Settings
from tasksmithy.plugins._task_type import TaskType
from tasksmithy.task._hooks import TaskHooks
from tasksmithy.task._template import TaskTemplate

if TYPE_CHECKING:
    from tasksmithy.plugins._listing import PluginStatus


class Registry:
    """The task types that can be used, and the policies that stand before them.

    A registry takes its picture of what is installed when it is first asked, imports a plugin when
    that plugin is first used, and no other. There is one for the process; a test makes its own and
    enters it: `with Registry(...).entered(): ...`.

    Args:
        records: the installed plugins; what `discover()` finds, if not given.
        settings: what the environment and `[tool.tasksmithy]` decide; read from there, if not
            given.
        task_types: task types to register beside the installed ones.
        policies: policies by name, enabled before those that the settings enable.

    Raises:
        PluginContractError: a task type or a policy breaks the hook spec.
        PluginError: with `settings.strict`, a plugin that cannot be used.
    """

    def __init__(
        self,
        records: Iterable[PluginRecord] | None = None,
        *,
        settings: Settings | None = None,
        task_types: Iterable[TaskType | type[TaskType | TaskTemplate[..., Any]]] = (),
        policies: Mapping[str, object] | None = None,
    ) -> None:
        self.settings: Settings = Settings.load() if settings is None else settings
        self._given = records
        self._own_policies = {
            name: _own_policy(name, policy) for name, policy in (policies or {}).items()
        }
        self._registered = Registered()
        self._begin()
        for task_type in task_types:
            self.register(task_type)
        if self.settings.strict:
            from tasksmithy.plugins._listing import check_all

            check_all(self._installed, self.settings, self.check)
            self._policies()

    def _begin(self) -> None:
        self._loader = Loader()
        self._hooks: dict[str, TaskHooks] = {}
        self._lock = threading.RLock()

    def __getstate__(self) -> dict[str, Any]:
        # What it is made of. What is loaded is loaded again, where the copy is. A policy that is
        # asked on the side of the run alone stays there, whatever it holds: a lock, a pool.
        made_of = ("settings", "records", "_registered")
        own = {
            name: loaded
            for name, loaded in self._own_policies.items()
            if not is_of_the_run(loaded.policy)
        }
        return {"_own_policies": own, **{name: getattr(self, name) for name in made_of}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _given=state["records"])
        self._begin()

    def renewed(self) -> Registry:
        """A registry of what is installed now, with what is registered in code in this one.

        Raises:
            SettingsError: a setting is not allowed.
            PluginRegistrationError: a plugin that is installed now has the name of one of these.
            PluginError: with `TASKSMITHY_STRICT=1`, a plugin that cannot be used.
        """
        renewed = type(self)()
        for task_type, config_model in self._registered.given:
            renewed.register(task_type, config_model)
        return renewed

    @property
    def content(self) -> tuple[Settings, tuple[PluginRecord, ...]] | None:
        """The settings and plugins that it is made of: with the same, another one answers the same.

        None where something is registered in code, which may hold state.
        """
        in_code = self._registered.given or self._own_policies
        return None if in_code else (self.settings, self.records)

    def entered(self) -> AbstractContextManager[Registry]:
        """Make this the registry that answers in the body of a `with`, in this context alone."""
        return registry_in_use.entered(self)

    @cached_property
    def records(self) -> tuple[PluginRecord, ...]:
        """The entry points of the installed plugins, of all groups and API majors."""
        return tuple(discover() if self._given is None else self._given)

    @cached_property
    def _installed(self) -> Installed:
        return Installed(self.records, self.settings)

    def _record(self, group: str, name: str, *, task: str | None = None) -> PluginRecord:
        """The installed plugin of a name, which may have been installed since the last look."""
        beside = self._registered.task_types.keys()
        try:
            return self._installed.record(group, name, task=task, beside=beside)
        except (UnknownTaskTypeError, PluginLoadError):
            if self._given is not None:
                raise
        again = Installed(tuple(discover()), self.settings)
        record = again.record(group, name, task=task, beside=beside)
        with self._lock:
            self.records, self._installed = tuple(again.records), again
        return record

    def names(self, group: str) -> list[str]:
        """The names that can be used in an entry point group, sorted."""
        names = self._installed.names(group)
        return sorted(names | self._registered.task_types.keys() if group == TASK_TYPES else names)

    # Using

    def hooks(self, task_type: str, *, task: str | None = None) -> TaskHooks:
        """The hooks of a task type.

        Args:
            task_type: the task type.
            task: name of the task that asks, for messages.

        Raises:
            UnknownTaskTypeError: no plugin provides it.
            PluginError: its plugin, or an enabled policy, cannot be used; the message says why.
        """
        hooks = self._hooks.get(task_type)
        if hooks is None:
            types = lineage(task_type, self._task_type(task_type, task), self._task_type)
            policies = [*self._policies().values()]
            with self._lock:
                hooks = self._hooks.get(task_type)
                if hooks is None:
                    hooks = self._hooks[task_type] = hooks_of(task_type, types, policies)
        return hooks

    def task_type(self, name: str) -> TaskType:
        """The loaded task type.

        Raises:
            UnknownTaskTypeError: no plugin provides it.
            PluginError: its plugin cannot be used.
        """
        return self._task_type(name).task_type

    def template(self, name: str) -> type[TaskTemplate[..., Any]]:
        """The class of a task type's tasks.

        Raises:
            UnknownTaskTypeError: no plugin provides it.
            PluginError: its plugin cannot be used.
        """
        return self.task_type(name).template or TaskTemplate

    def load(self, group: str, name: str) -> Any:
        """The object of an installed plugin in any group.

        Raises:
            PluginError: there is none of that name, or it cannot be used.
        """
        return self._loader.any(self._record(group, name))

    def executor(self, name: str) -> tuple[Callable[..., Any], str]:
        """What makes the executor of a name, with what messages call it.

        Raises:
            PluginError: there is none of that name, or it cannot be used.
        """
        record = self._record(EXECUTORS, name)
        return self._loader.executor(record), label(record)

    def observers(self) -> list[tuple[Observer, str]]:
        """The observers that the settings enable, each with what messages call it.

        One whose entry point is a class is made anew.

        Raises:
            PluginError: one is not installed, or cannot be used.
        """
        records = [self._record(OBSERVERS, name) for name in self.settings.observers]
        return [(self._loader.observer(record), label(record)) for record in records]

    # Registering in code

    def register(
        self,
        task_type: TaskType | type[TaskType | TaskTemplate[..., Any]],
        config_model: type[Any] | None = None,
    ) -> None:
        """Register a task type for this registry, beside the installed ones.

        Args:
            task_type: a `TaskType` (subclass or instance) or a bare template class.
            config_model: the class of the `plugin_config` that chooses it for a function; the
                type's own `config_model`, if not given.

        Raises:
            PluginRegistrationError: the task type or the config class is taken already.
            PluginContractError: the object is no task type, or breaks the hook spec.
        """
        with self._lock:
            self._registered.add(task_type, config_model, self._installed_label)

    def _installed_label(self, name: str) -> str:
        installed = self._installed.of(TASK_TYPES, name)
        return label(installed[0]) if installed else ""

    @property
    def config_models(self) -> list[type[Any]]:
        """The config classes that are registered in code."""
        return [*self._registered.config_models]

    def template_for(self, config_model: type[Any]) -> type[TaskTemplate[..., Any]] | None:
        """The class of the tasks that a `plugin_config` of this class chooses, or None.

        Looks at the registrations in code, then at the installed task types of the package that
        defines the class (or a base of it), so that no other plugin is imported.

        Raises:
            PluginError: the plugin that it chooses cannot be used.
        """
        if (template := self._registered.template_for(config_model)) is not None:
            return template
        failure: PluginError | None = None
        for base in config_model.__mro__[:-1]:
            package = base.__module__.partition(".")[0]
            for record in self.records:
                if record.group != TASK_TYPES or _package(record) != package:
                    continue
                try:
                    if self._installed.record(TASK_TYPES, record.name) != record:
                        continue  # another distribution's is preferred
                    task_type = self.task_type(record.name)
                except PluginError as error:  # it may not be the one that is looked for
                    failure = failure or error
                    continue
                if task_type.config_model is base:
                    return task_type.template
        if failure is not None:
            raise failure
        return None

    # Listing

    def plugins(self, name: str | None = None, *, load: bool = False) -> list[PluginStatus]:
        """What is installed, sorted by group and name; of metadata alone, unless `load` is set.

        Args:
            name: only the plugins of this name, of any group; all, if not given.
            load: load each plugin that is not switched off, to tell the broken ones.
        """
        from tasksmithy.plugins._listing import statuses  # a run lists nothing

        check = self.check if load else None
        return statuses(self._installed, self.settings, name=name, check=check)

    def check(self, record: PluginRecord) -> None:
        """Load the plugin of a record; a task type with those that it builds on.

        Raises:
            PluginError: it cannot be used.
        """
        if record.group == TASK_TYPES:
            lineage(record.name, self._task_type(record.name), self._task_type)
        elif record.group == POLICIES:
            self._loader.policy(record)
        elif record.group == OBSERVERS:
            self._loader.observer(record)
        elif record.group == EXECUTORS:
            self._loader.executor(record)
        else:
            self._loader.any(record)

    # From a name to what is loaded

    def _task_type(self, name: str, task: str | None = None) -> LoadedTaskType:
        known = self._registered.task_types.get(name) or self._loader.known_task_type(name)
        return known or self._loader.task_type(self._record(TASK_TYPES, name, task=task))

    def _policies(self) -> dict[str, LoadedPolicy]:
        """The policies by name, in their order: those given, then those that are enabled."""
        policies = dict(self._own_policies)
        for name in self.settings.policies:
            policy = self._loader.policy(self._record(POLICIES, name))
            if name in self._own_policies:
                other = self._own_policies[name].label
                raise PluginRegistrationError(f"{other} would replace {policy.label}")
            policies[name] = policy
        labels: dict[object, str] = {}
        for found, who in policies.values():
            if (other := labels.setdefault(found, who)) != who:
                raise PluginContractError(f"{who} is the same object as {other}; enable one")
        return policies


def _own_policy(name: str, policy: object) -> LoadedPolicy:
    home = policy if isinstance(policy, (type, ModuleType)) else type(policy)
    module = home.__name__ if isinstance(home, ModuleType) else home.__module__
    who = f"policy {name!r} (registered by {module})"
    return LoadedPolicy(as_policy(policy, who), who)


def _package(record: PluginRecord) -> str:
    return record.value.partition(":")[0].partition(".")[0].strip()
