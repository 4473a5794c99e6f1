"""What is installed as a listing shows it, and what has to load where settings are strict."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tasksmithy.errors import PluginError, PluginVersionError
from tasksmithy.plugins._discovery import PluginRecord
from tasksmithy.plugins._selection import API, Installed, other_api
from tasksmithy.plugins._settings import Settings

Check = Callable[[PluginRecord], object]
"""Loads the plugin of a record; raises `PluginError` where that fails."""


class PluginStatus(NamedTuple):
    """An installed plugin as a listing shows it.

    Attributes:
        record: its entry point.
        status: `"ok"`, `"installed"` (not loaded yet), `"disabled"`, `"not enabled"` (a policy
            or observer that no setting names), `"conflict"`, `"not preferred"`, `"other API"`,
            `"broken"` or `"misbehaves"` (it can be used, and does something to the process).
        detail: what to know or do about the status; empty where all is well.
    """

    record: PluginRecord
    status: str
    detail: str


def statuses(
    installed: Installed,
    settings: Settings,
    *,
    name: str | None = None,
    check: Check | None = None,
) -> list[PluginStatus]:
    """What is installed, sorted by group and name.

    Args:
        installed: the plugins.
        settings: which of them are switched on.
        name: only the plugins of this name, of any group; all, if not given.
        check: tells the broken ones; without it the metadata alone is read.
    """
    return [
        PluginStatus(record, *_status(record, installed, settings, check))
        for record in sorted(installed.records)
        if name is None or record.name == name
    ]


def _status(
    record: PluginRecord, installed: Installed, settings: Settings, check: Check | None
) -> tuple[str, str]:
    if installed.is_disabled(record):
        return "disabled", "by TASKSMITHY_DISABLE_PLUGINS"
    try:
        if not record.is_current:
            raise other_api(record)
        chosen = installed.record(record.group, record.name)
    except PluginVersionError as error:
        return "other API", str(error)
    except PluginError as error:
        return "conflict", str(error)
    if chosen != record:
        return "not preferred", f"[tool.tasksmithy] prefers {chosen.distribution!r}"
    if not _is_enabled(record, settings):
        return "not enabled", ""
    if check is None:
        return "installed", ""
    try:
        check(record)
    except PluginError as error:
        return "broken", str(error)
    return "ok", ""


def _is_enabled(record: PluginRecord, settings: Settings) -> bool:
    """Whether a setting names the plugin, where it is of a kind that settings enable by name."""
    enabled = {"policies": settings.policies, "observers": settings.observers}
    return record.kind not in enabled or record.name in enabled[record.kind]


def check_all(installed: Installed, settings: Settings, check: Check) -> None:
    """Load every plugin that is switched on.

    Raises:
        PluginError: one cannot be used.
    """
    for record in sorted(installed.records):
        if installed.is_disabled(record) or not _is_enabled(record, settings):
            continue
        group = f"{record.group.rpartition('.')[0]}.{API}"
        if not record._replace(group=group).is_current:
            raise other_api(record)
        check(installed.record(group, record.name))
