"""Installed: which installed plugin provides a name, or why none does; no plugin is imported."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Sequence

from tasksmithy._texts import near_misses
from tasksmithy.errors import (
    PluginConflictError,
    PluginDisabledError,
    PluginLoadError,
    PluginVersionError,
    UnknownTaskTypeError,
)
from tasksmithy.plugins._discovery import TASK_TYPES, PluginRecord
from tasksmithy.plugins._settings import Settings

API = TASK_TYPES.rpartition(".")[2]
"""The API major that this release reads, as entry point groups end with it."""

_EXTRAS = {"python": "function", "raw-container": "container", "sql": "sql"}
"""The task types that have an extra of the core, and its name."""

KINDS = {
    "task_types": "task type",
    "policies": "policy",
    "executors": "executor",
    "renderers": "renderer",
    "observers": "observer",
}
"""The kinds of plugins, and what a person calls them."""


_WORD = re.compile(r"[A-Za-z0-9_.-]+")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")  # of TOML; any other is in quotes


class Installed:
    """The plugins that are installed, under the settings.

    Args:
        records: their entry points, of all groups and API majors.
        settings: which are switched off, and which are preferred.
    """

    def __init__(self, records: Sequence[PluginRecord], settings: Settings) -> None:
        self.records = records
        self._settings = settings
        self._by_name: defaultdict[tuple[str, str], list[PluginRecord]] = defaultdict(list)
        for record in sorted(set(records)):  # a distribution may list the same line twice
            self._by_name[record.group, record.name].append(record)

    def of(self, group: str, name: str) -> Sequence[PluginRecord]:
        """The plugins of a name, also those that are switched off."""
        return self._by_name.get((group, name), ())

    def is_disabled(self, record: PluginRecord) -> bool:
        """Whether the plugin is switched off."""
        return self._settings.disables(record.name, record.distribution)

    def names(self, group: str) -> set[str]:
        """The names in a group that are not switched off."""
        return {
            record.name
            for record in self.records
            if record.group == group and not self.is_disabled(record)
        }

    def record(
        self, group: str, name: str, *, task: str | None = None, beside: Collection[str] = ()
    ) -> PluginRecord:
        """The one plugin that provides `name`.

        Args:
            group: an entry point group.
            name: a name in it.
            task: name of the task that asks, for messages.
            beside: names that are there without being installed, for messages.

        Raises:
            UnknownTaskTypeError: no plugin provides the task type.
            PluginLoadError: no plugin provides the name in another group.
            PluginConflictError: several do, and no setting decides.
            PluginDisabledError: it is switched off.
            PluginVersionError: it is made for another major version of the plugin API.
        """
        installed = self.of(group, name)
        usable = [record for record in installed if not self.is_disabled(record)]
        if len(usable) == 1:
            return usable[0]
        if usable:
            return self._preferred(name, usable)
        if installed:
            raise PluginDisabledError(
                f"{label(installed[0])} is switched off by TASKSMITHY_DISABLE_PLUGINS"
            )
        major = group.rpartition(".")[0] + "."
        for record in self.records:
            if record.name == name and record.group.startswith(major):
                raise other_api(record)
        known = self.names(group) | set(beside)
        if group == TASK_TYPES:
            raise UnknownTaskTypeError(name, task=task, known=known, hint=_install_hint(name))
        raise PluginLoadError(
            f"no installed plugin provides {name!r} in {group!r}{near_misses(name, known)} "
            f"(installed: {', '.join(sorted(known)) or 'none'})"
        )

    def _preferred(self, name: str, usable: Sequence[PluginRecord]) -> PluginRecord:
        preferred = self._settings.preferred(name)
        chosen = [record for record in usable if record.distribution == preferred] or usable
        if len(chosen) == 1:
            return chosen[0]
        if len(versions := dict.fromkeys(record.version for record in chosen)) > 1 and (
            len({record.distribution for record in chosen}) == 1
        ):
            of = chosen[0].distribution
            raise PluginConflictError(
                f"{name!r} is provided by {of}, which is installed as {' and as '.join(versions)} "
                "in one folder, as a failed upgrade leaves it; which of them its code is of cannot "
                f"be told: pip install --force-reinstall {of}, or delete the older .dist-info"
            )
        if len({record.distribution for record in chosen}) == 1:
            first, values = chosen[0], " and ".join(repr(record.value) for record in chosen)
            raise PluginConflictError(
                f"{first.distribution} {first.version} lists {name!r} more than once ({values}); "
                "this is for its author to mend: uninstall it, or install another version"
            )
        providers = " and ".join(f"{r.distribution} {r.version}" for r in usable)
        key = name
        if not _BARE_KEY.fullmatch(name):
            import json  # only on the way to an error

            key = json.dumps(name, ensure_ascii=False)
        advice = f'[tool.tasksmithy] prefer = {{{key} = "{usable[0].distribution}"}}'
        found = f" (it prefers {preferred!r}, which does not provide it)" if preferred else ""
        raise PluginConflictError(
            f"{name!r} is provided by {providers}{found}; uninstall one, or decide in "
            f"pyproject.toml: {advice}"
        )


def label(record: PluginRecord) -> str:
    """The plugin as messages name it: `task type 'sql' (tasksmithy-sql 1.2.0)`."""
    kind = KINDS.get(record.kind, record.kind)
    provider = f"{record.distribution} {record.version}".rstrip()
    return f"{kind} {record.name!r} ({provider})"


def switching_off(record: PluginRecord) -> str:
    """The setting that switches the plugin off, which is a list of names."""
    name = record.name if _WORD.fullmatch(record.name) else record.distribution
    return f"TASKSMITHY_DISABLE_PLUGINS={name}"


def other_api(record: PluginRecord) -> PluginVersionError:
    """The error that says so of a plugin for another major version of the plugin API."""
    return PluginVersionError(
        f"{label(record)} is in the entry point group {record.group!r}, for another major "
        f"version of the plugin API; this tasksmithy reads {API!r}: "
        f"install a version of {record.distribution!r} that is made for it"
    )


def _install_hint(task_type: str) -> str:
    extra = _EXTRAS.get(task_type)
    if extra is not None:
        return f"Install it: pip install 'tasksmithy[{extra}]'"
    return (
        f"Install the package that provides it: one with the entry point {task_type!r} in the "
        f"group {TASK_TYPES!r}"
    )
