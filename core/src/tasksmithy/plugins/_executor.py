"""From the name of an executor, or its class, to the checked object."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from tasksmithy._registry_in_use import registry_in_use
from tasksmithy._texts import near_misses, shorten
from tasksmithy.errors import PluginContractError, PluginLoadError, TasksmithyError
from tasksmithy.plugins._attempt import Executor
from tasksmithy.plugins._contract import as_executor
from tasksmithy.plugins._discovery import EXECUTORS
from tasksmithy.plugins._executor_options import Source, checked_options, no_options
from tasksmithy.plugins._registry import Registry

_MEMBERS = ("heeds", "refuses", "slots", "perform", "close")


class NamedExecutor(NamedTuple):
    """An executor, and what messages call it.

    Attributes:
        executor: the executor.
        label: such as `executor 'threads' (acme-threads 1.0)`.
    """

    executor: Executor
    label: str


def made_executor(
    chosen: str | Callable[..., Executor], options: Mapping[str, Any]
) -> NamedExecutor:
    """A new executor.

    Args:
        chosen: the name of an installed one, or what makes one.
        options: options of the run for it, which go before those of the settings.

    Raises:
        SettingsError: an option is not allowed.
        PluginLoadError: no plugin provides the name, or it cannot be imported.
        PluginError: the plugin is switched off, in conflict, or made for another API.
        PluginContractError: what is made is no executor.
    """
    given = Source(options, "the options of the run (--executor-option or executor_options)")
    if not isinstance(chosen, str):
        name = getattr(chosen, "__qualname__", None) or type(chosen).__qualname__
        who = f"executor {name} (of {chosen.__module__})"
        return _checked(_made(as_executor(chosen, who), who, [given]), who)
    registry: Registry = registry_in_use.get()
    known = registry.names(EXECUTORS)
    if chosen not in known and not registry.plugins(chosen):
        raise PluginLoadError(
            f"no installed plugin provides an executor {chosen!r}{near_misses(chosen, known)} "
            f"(installed: {', '.join(known) or 'none'}). Install the package that provides it: one "
            f"with the entry point {chosen!r} in the group {EXECUTORS!r}; without an executor, "
            "attempts are made on this machine"
        )
    maker, who = registry.executor(chosen)
    settings = registry.settings
    place = f"{settings.file}: [tool.tasksmithy.executors.{chosen}]"
    sources = [given, Source(settings.executors.get(chosen, {}), place)]
    return _checked(_made(maker, who, sources), who)


def _made(maker: Callable[..., Any], who: str, sources: Sequence[Source]) -> Any:
    model = getattr(maker, "options_model", None)
    if model is None:
        no_options(sources, who)
        arguments, told = [], "without arguments, as it has no options_model"
    else:
        arguments, told = [checked_options(model, sources, who)], "with its options alone"
    try:
        return maker(*arguments)
    except TasksmithyError:  # which says itself what cannot be done
        raise
    except Exception as error:
        raise PluginContractError(
            f"{who} raised {error!r} when it was made; it is made {told}"
        ) from error


def _checked(executor: Any, who: str) -> NamedExecutor:
    missing = [name for name in _MEMBERS if not hasattr(executor, name)]
    if missing:
        raise PluginContractError(
            f"{who} makes {shorten(executor)}, which lacks {', '.join(missing)}; an executor has "
            f"{', '.join(_MEMBERS)} (see tasksmithy.Executor)"
        )
    for name in ("perform", "close"):
        if not inspect.iscoroutinefunction(getattr(executor, name)):
            raise PluginContractError(f"{who}: {name} is not async; write `async def {name}`")
    if not isinstance(executor.heeds, frozenset):
        raise PluginContractError(
            f"{who}: heeds is {shorten(executor.heeds)}; give a frozenset of names of fields"
        )
    return NamedExecutor(executor, who)
