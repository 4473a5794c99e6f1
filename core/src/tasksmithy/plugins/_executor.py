"""From the name of an executor, or its class, to the checked object."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

from tasksmithy._registry_in_use import registry_in_use
from tasksmithy._texts import near_misses, shorten
from tasksmithy.errors import PluginContractError, PluginLoadError
from tasksmithy.plugins._attempt import Executor
from tasksmithy.plugins._discovery import EXECUTORS
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


def made_executor(chosen: str | Callable[[], Executor]) -> NamedExecutor:
    """A new executor.

    Args:
        chosen: the name of an installed one, or what makes one, called without arguments.

    Raises:
        PluginLoadError: no plugin provides the name, or it cannot be imported.
        PluginError: the plugin is switched off, in conflict, or made for another API.
        PluginContractError: what is made is no executor.
    """
    if not isinstance(chosen, str):
        name = getattr(chosen, "__qualname__", None) or type(chosen).__qualname__
        return _checked(chosen, f"executor {name} (of {chosen.__module__})")
    registry: Registry = registry_in_use.get()
    known = registry.names(EXECUTORS)
    if chosen not in known and not registry.plugins(chosen):
        raise PluginLoadError(
            f"no installed plugin provides an executor {chosen!r}{near_misses(chosen, known)} "
            f"(installed: {', '.join(known) or 'none'}). Install the package that provides it: one "
            f"with the entry point {chosen!r} in the group {EXECUTORS!r}; without an executor, "
            "attempts are made on this machine"
        )
    return _checked(registry.load(EXECUTORS, chosen), registry.label(EXECUTORS, chosen))


def _checked(maker: Any, who: str) -> NamedExecutor:
    if not callable(maker):
        raise PluginContractError(
            f"{who} is {shorten(maker)}; give a class of executors, or another callable that makes "
            "one without arguments"
        )
    try:
        executor = maker()
    except Exception as error:
        raise PluginContractError(
            f"{who} raised {error!r} when it was made; it is made without arguments"
        ) from error
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
