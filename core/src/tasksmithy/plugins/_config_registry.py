"""TaskPluginRegistry: which template class a `plugin_config` chooses."""

from __future__ import annotations

from typing import Any

from tasksmithy._registry_in_use import registry_in_use
from tasksmithy._texts import shorten
from tasksmithy.errors import PluginRegistrationError
from tasksmithy.plugins._registry import Registry
from tasksmithy.task._template import TaskTemplate


class ConfigRegistry:
    """Which template class a `plugin_config` chooses, in the registry that is active."""

    def register(self, config_type: type[Any], plugin: type[TaskTemplate[..., Any]]) -> None:
        """Make functions with a `plugin_config` of `config_type` tasks of the class `plugin`.

        A wheel needs no such call: its entry point and the `config_model` of its task type say
        the same.

        Raises:
            PluginRegistrationError: `config_type` is no class, `plugin` is no TaskTemplate
                subclass, or the config class or the task type is taken already.
        """
        if not isinstance(plugin, type) or not issubclass(plugin, TaskTemplate):
            raise PluginRegistrationError(f"{shorten(plugin)} is no TaskTemplate subclass")
        self._registry().register(plugin, config_type)

    def find(self, config_type: type[Any]) -> type[TaskTemplate[..., Any]] | None:
        """The template class for a config class or the nearest of its bases, or None.

        Raises:
            PluginRegistrationError: `config_type` is no class.
            PluginError: the plugin that it chooses cannot be used.
        """
        if not isinstance(config_type, type):
            raise PluginRegistrationError(f"{shorten(config_type)} is no config class")
        return self._registry().template_for(config_type)

    def list_plugins(self) -> list[type[Any]]:
        """The config classes that are registered in code."""
        return self._registry().config_models

    def _registry(self) -> Registry:
        registry: Registry = registry_in_use.get()
        return registry


TaskPluginRegistry: ConfigRegistry = ConfigRegistry()
