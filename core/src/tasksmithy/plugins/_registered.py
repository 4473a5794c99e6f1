"""Task types and config classes that are registered in code, beside the installed ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tasksmithy._texts import shorten
from tasksmithy.errors import PluginRegistrationError
from tasksmithy.plugins._contract import as_task_type
from tasksmithy.plugins._loading import LoadedTaskType
from tasksmithy.plugins._task_type import TaskType
from tasksmithy.task._provenance import Provenance
from tasksmithy.task._template import TaskTemplate
from tasksmithy.values._annotations import importable_module


class Registered:
    """What is registered in code."""

    def __init__(self) -> None:
        self.task_types: dict[str, LoadedTaskType] = {}
        self._by_config: dict[type[Any], LoadedTaskType] = {}
        self.given: list[tuple[Any, type[Any] | None]] = []

    def add(
        self,
        task_type: TaskType | type[TaskType | TaskTemplate[..., Any]],
        config_model: type[Any] | None,
        installed: Callable[[str], str],
    ) -> None:
        """Register a task type.

        Args:
            task_type: a `TaskType` (subclass or instance) or a bare template class.
            config_model: the class of the `plugin_config` that chooses it for a function; the
                type's own `config_model`, if not given.
            installed: what messages call the installed plugin of a name; empty where there is none.

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
        module = importable_module(home.__module__)
        who = f"task type {name!r} (registered by {module})"
        found = as_task_type(task_type, name, who)
        loaded = LoadedTaskType(found, Provenance(module), who)
        config_model = config_model or found.config_model
        taken = self.task_types.get(name)
        if other := taken.label if taken else installed(name):
            raise PluginRegistrationError(
                f"{who} would replace {other}; choose another task_type, or remove the other"
            )
        if config_model is not None:
            self._add_config(config_model, loaded)
        self.task_types[name] = loaded
        self.given.append((task_type, config_model))

    def _add_config(self, config_model: type[Any], loaded: LoadedTaskType) -> None:
        who = loaded.label
        if not isinstance(config_model, type):
            raise PluginRegistrationError(f"{who}: {shorten(config_model)} is no config class")
        if loaded.task_type.template is None:
            raise PluginRegistrationError(
                f"{who}: config class {config_model.__qualname__} chooses it, but it has no "
                "template that a function with such a plugin_config could become"
            )
        if config_model in self._by_config:
            other = self._by_config[config_model].label
            raise PluginRegistrationError(
                f"{who}: config class {config_model.__qualname__} chooses {other} already"
            )
        self._by_config[config_model] = loaded

    @property
    def config_models(self) -> Sequence[type[Any]]:
        """The config classes."""
        return list(self._by_config)

    def template_for(self, config_model: type[Any]) -> type[TaskTemplate[..., Any]] | None:
        """The class of the tasks that a `plugin_config` of this class chooses, or None."""
        for base in config_model.__mro__:
            if base in self._by_config:
                return self._by_config[base].task_type.template
        return None
