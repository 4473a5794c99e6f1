"""Registry: from a name to its record, to the loaded task type, to that type's hooks."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from types import ModuleType
from typing import Any, NamedTuple

from tasksmithy._registry_in_use import registry_in_use
from tasksmithy._texts import shorten
from tasksmithy.errors import (
    PluginContractError,
    PluginError,
    PluginRegistrationError,
    PluginVersionError,
)
from tasksmithy.plugins import _contract as loading
from tasksmithy.plugins._class_overrides import OVERRIDES
from tasksmithy.plugins._defaults import CoreDefaults
from tasksmithy.plugins._discovery import POLICIES, TASK_TYPES, PluginRecord, discover
from tasksmithy.plugins._selection import API, Installed, label, other_api
from tasksmithy.plugins._settings import Settings
from tasksmithy.plugins._task_type import TaskType
from tasksmithy.task._hook import Implementation, Provider
from tasksmithy.task._hooks import TaskHooks
from tasksmithy.task._hookspecs import HOOKS, plugin_manager
from tasksmithy.task._spec import Provenance
from tasksmithy.task._template import TaskTemplate


class PluginStatus(NamedTuple):
    """An installed plugin as a listing shows it.

    Attributes:
        record: its entry point.
        status: `"ok"`, `"installed"` (not loaded yet), `"disabled"`, `"not enabled"` (a policy
            that no setting names), `"conflict"`, `"not preferred"`, `"other API"` or `"broken"`.
        detail: what to know or do about the status; empty where all is well.
    """

    record: PluginRecord
    status: str
    detail: str


class _Loaded(NamedTuple):
    task_type: TaskType
    provenance: Provenance
    label: str


class _Policy(NamedTuple):
    policy: object
    label: str


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
        self.settings = Settings.load() if settings is None else settings
        self._given = records
        self._own_policies = {
            name: _own_policy(name, policy) for name, policy in (policies or {}).items()
        }
        self._registered: dict[str, _Loaded] = {}
        self._configs: dict[type[Any], _Loaded] = {}
        self._installed: dict[str, _Loaded] = {}
        self._enabled: dict[str, _Policy] = {}
        self._hooks: dict[str, TaskHooks] = {}
        self._lock = threading.RLock()
        for task_type in task_types:
            self.register(task_type)
        if self.settings.strict:
            self._load_all()

    def __getstate__(self) -> dict[str, Any]:
        # What it is made of. What is loaded is loaded again, where the copy is.
        kept = {**vars(self), "records": self.records}
        kept |= {"_installed": {}, "_enabled": {}, "_hooks": {}}
        return {name: kept[name] for name in kept.keys() - {"_given", "_lock", "_plugins"}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.RLock()

    def entered(self) -> AbstractContextManager[Registry]:
        """Make this the registry that answers in the body of a `with`, in this context alone."""
        return registry_in_use.entered(self)

    @cached_property
    def records(self) -> tuple[PluginRecord, ...]:
        """The entry points of the installed plugins, of all groups and API majors."""
        return tuple(discover() if self._given is None else self._given)

    @cached_property
    def _plugins(self) -> Installed:
        return Installed(self.records, self.settings)

    def names(self, group: str) -> list[str]:
        """The names that can be used in an entry point group, sorted."""
        names = self._plugins.names(group)
        return sorted(names | self._registered.keys() if group == TASK_TYPES else names)

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
            loaded, policies = self._loaded(task_type, task), self._policies()
            lineage = self._lineage(loaded.task_type)
            with self._lock:
                hooks = self._hooks.get(task_type)
                if hooks is None:
                    hooks = self._build(task_type, loaded, lineage, policies)
                    self._hooks[task_type] = hooks
        return hooks

    def task_type(self, name: str) -> TaskType:
        """The loaded task type.

        Raises:
            UnknownTaskTypeError: no plugin provides it.
            PluginError: its plugin cannot be used.
        """
        return self._loaded(name, None).task_type

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
        return loading.load(self._plugins.record(group, name))

    def label(self, group: str, name: str) -> str:
        """An installed plugin as messages name it: `executor 'ray' (tasksmithy-ray 1.2.0)`.

        Raises:
            PluginError: there is none of that name.
        """
        return label(self._plugins.record(group, name))

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
        name = getattr(task_type, "task_type", None) or getattr(
            getattr(task_type, "template", None), "task_type", ""
        )
        if not isinstance(name, str) or not name:
            raise PluginRegistrationError(
                f"{shorten(task_type)} says no task_type; give a TaskType with one, or a "
                "TaskTemplate subclass that names it in its class line"
            )
        home = task_type if isinstance(task_type, type) else type(task_type)
        who = f"task type {name!r} (registered by {home.__module__})"
        found = loading.as_task_type(task_type, name, who)
        loaded = _Loaded(found, Provenance(home.__module__), who)
        config_model = config_model or found.config_model
        with self._lock:
            taken = self._registered.get(name)
            installed = self._plugins.of(TASK_TYPES, name)
            if taken or installed:
                other = taken.label if taken else label(installed[0]) if installed else ""
                raise PluginRegistrationError(
                    f"{who} would replace {other}; choose another task_type, or remove the other"
                )
            if config_model is not None:
                self._register_config(config_model, loaded)
            self._registered[name] = loaded

    def _register_config(self, config_model: type[Any], loaded: _Loaded) -> None:
        who = loaded.label
        if not isinstance(config_model, type):
            raise PluginRegistrationError(f"{who}: {shorten(config_model)} is no config class")
        if loaded.task_type.template is None:
            raise PluginRegistrationError(
                f"{who}: config class {config_model.__qualname__} chooses it, but it has no "
                "template that a function with such a plugin_config could become"
            )
        if config_model in self._configs:
            other = self._configs[config_model].label
            raise PluginRegistrationError(
                f"{who}: config class {config_model.__qualname__} chooses {other} already"
            )
        self._configs[config_model] = loaded

    @property
    def config_models(self) -> list[type[Any]]:
        """The config classes that are registered in code."""
        return list(self._configs)

    def template_for(self, config_model: type[Any]) -> type[TaskTemplate[..., Any]] | None:
        """The class of the tasks that a `plugin_config` of this class chooses, or None.

        Looks at the registrations in code, then at the installed task types of the package that
        defines the class (or a base of it), so that no other plugin is imported.

        Raises:
            PluginError: the plugin that it chooses cannot be used.
        """
        for base in config_model.__mro__:
            if base in self._configs:
                return self._configs[base].task_type.template
        failure: PluginError | None = None
        for base in config_model.__mro__[:-1]:
            package = base.__module__.partition(".")[0]
            for record in self.records:
                if record.group != TASK_TYPES or _package(record) != package:
                    continue
                try:
                    if self._plugins.record(TASK_TYPES, record.name) != record:
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
        return [
            PluginStatus(record, *self._status(record, load=load))
            for record in sorted(self.records)
            if name is None or record.name == name
        ]

    def _status(self, record: PluginRecord, *, load: bool) -> tuple[str, str]:
        if self._plugins.is_disabled(record):
            return "disabled", "by TASKSMITHY_DISABLE_PLUGINS"
        try:
            if not record.is_current:
                raise other_api(record)
            chosen = self._plugins.record(record.group, record.name)
        except PluginVersionError as error:
            return "other API", str(error)
        except PluginError as error:
            return "conflict", str(error)
        if chosen != record:
            return "not preferred", f"[tool.tasksmithy] prefers {chosen.distribution!r}"
        if record.group == POLICIES and record.name not in self.settings.policies:
            return "not enabled", ""
        if not load:
            return "installed", ""
        try:
            self._check(record)
        except PluginError as error:
            return "broken", str(error)
        return "ok", ""

    def _load_all(self) -> None:
        for record in sorted(self.records):
            if self._plugins.is_disabled(record) or (
                record.kind == "policies" and record.name not in self.settings.policies
            ):
                continue
            group = f"{record.group.rpartition('.')[0]}.{API}"
            if not record._replace(group=group).is_current:
                raise other_api(record)
            self._check(self._plugins.record(group, record.name))
        self._policies()

    def _check(self, record: PluginRecord) -> None:
        """Load the plugin of a record; a task type with those that it builds on."""
        if record.group == TASK_TYPES:
            self._lineage(self._loaded(record.name, None).task_type)
        elif record.group == POLICIES:
            self._policy(record.name)
        else:
            loading.load(record)

    # From a name to what is loaded

    def _loaded(self, name: str, task: str | None) -> _Loaded:
        registered = self._registered.get(name)
        if registered is not None:
            return registered
        loaded = self._installed.get(name)
        if loaded is not None:
            return loaded
        record = self._plugins.record(TASK_TYPES, name, task=task, beside=set(self._registered))
        who = label(record)
        # Never under the lock: what a module does while it is imported may need the registry in
        # another thread.
        found = loading.load(record)
        with self._lock:
            loaded = self._installed.get(name)
            if loaded is None:
                task_type = loading.as_task_type(found, name, who)
                provenance = Provenance(record.distribution, record.version)
                loaded = self._installed[name] = _Loaded(task_type, provenance, who)
        return loaded

    def _policies(self) -> dict[str, _Policy]:
        """The policies by name, in their order: those given, then those that are enabled."""
        policies = dict(self._own_policies)
        for name in self.settings.policies:
            policy = self._policy(name)
            if name in self._own_policies:
                other = self._own_policies[name].label
                raise PluginRegistrationError(f"{other} would replace {policy.label}")
            policies[name] = policy
        labels: dict[object, str] = {}
        for found, who in policies.values():
            if (other := labels.setdefault(found, who)) != who:
                raise PluginContractError(f"{who} is the same object as {other}; enable one")
        return policies

    def _policy(self, name: str) -> _Policy:
        """An installed policy, which is made once for all task types."""
        enabled = self._enabled.get(name)
        if enabled is not None:
            return enabled
        record = self._plugins.record(POLICIES, name)
        who = label(record)
        found = loading.load(record)
        with self._lock:
            enabled = self._enabled.get(name)
            if enabled is None:
                enabled = self._enabled[name] = _Policy(loading.as_policy(found, who), who)
        return enabled

    def _build(
        self,
        name: str,
        loaded: _Loaded,
        lineage: Sequence[_Loaded],
        policies: dict[str, _Policy],
    ) -> TaskHooks:
        """The hooks of a task type, with a plugin manager of its own."""
        manager = plugin_manager()

        def provider(plugin: object, label: str) -> Provider:
            manager.register(plugin, label)
            return Provider(
                label,
                {
                    hook: Implementation(each.function, each.argnames, each.wrapper)
                    for hook in HOOKS
                    for each in getattr(manager.hook, hook).get_hookimpls()
                    if each.plugin is plugin
                },
            )

        defaults = CoreDefaults()
        own = [loaded, *reversed(lineage)]
        hooks = TaskHooks(
            name,
            loaded.provenance,
            loaded.task_type.version,
            _heeds(loaded.task_type, lineage),
            policies=[provider(*each) for each in policies.values()],
            task_class=Provider(f"the task's class, of {loaded.label}", OVERRIDES),
            own=[
                *(provider(each.task_type, each.label) for each in own),
                provider(defaults, "the core of tasksmithy"),
            ],
        )
        defaults.hooks = hooks
        return hooks

    def _lineage(self, task_type: TaskType) -> list[_Loaded]:
        """The task types that a template builds on by its base classes, furthest first.

        One whose class the task type has as a base class itself is not asked a second time.
        """
        if task_type.template is None:
            return []
        for base in task_type.template.__mro__[1:]:
            if (
                issubclass(base, TaskTemplate)
                and base is not TaskTemplate
                and base.task_type != task_type.template.task_type
            ):
                loaded = self._loaded(base.task_type, None)
                lineage = [*self._lineage(loaded.task_type), loaded]
                return [each for each in lineage if not isinstance(task_type, type(each.task_type))]
        return []


def _own_policy(name: str, policy: object) -> _Policy:
    home = policy if isinstance(policy, (type, ModuleType)) else type(policy)
    module = home.__name__ if isinstance(home, ModuleType) else home.__module__
    who = f"policy {name!r} (registered by {module})"
    return _Policy(loading.as_policy(policy, who), who)


def _heeds(task_type: TaskType, lineage: Sequence[_Loaded]) -> frozenset[str]:
    """The fields that a task type heeds, with those of the execution that it inherits."""
    for each in (task_type, *(base.task_type for base in reversed(lineage))):
        if hasattr(each, "execute"):
            return task_type.heeds | each.heeds
    return task_type.heeds


def _package(record: PluginRecord) -> str:
    return record.value.partition(":")[0].partition(".")[0].strip()
