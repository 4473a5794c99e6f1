"""From a plugin's record to its object: imported when it is first used, checked, kept."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, NamedTuple

from tasksmithy import __version__
from tasksmithy._texts import message
from tasksmithy.errors import (
    PluginContractError,
    PluginError,
    PluginLoadError,
    PluginVersionError,
)
from tasksmithy.plugins._contract import as_executor, as_observer, as_policy, as_task_type
from tasksmithy.plugins._discovery import PluginRecord
from tasksmithy.plugins._observer import Observer
from tasksmithy.plugins._requirement import unmet
from tasksmithy.plugins._selection import label, switching_off
from tasksmithy.plugins._task_type import TaskType
from tasksmithy.task._provenance import Provenance


class LoadedTaskType(NamedTuple):
    """A task type that can be used.

    Attributes:
        task_type: its object.
        provenance: the distribution that provides it, or the module that registered it.
        label: what messages call it.
    """

    task_type: TaskType
    provenance: Provenance
    label: str


class LoadedPolicy(NamedTuple):
    """A policy that can be used.

    Attributes:
        policy: its object.
        label: what messages call it.
    """

    policy: object
    label: str


class Loader:
    """Loads installed plugins, each once."""

    def __init__(self) -> None:
        self._task_types: dict[str, LoadedTaskType] = {}
        self._policies: dict[str, LoadedPolicy] = {}
        self._lock = threading.RLock()

    def known_task_type(self, name: str) -> LoadedTaskType | None:
        """The task type, if it has been loaded."""
        return self._task_types.get(name)

    def task_type(self, record: PluginRecord) -> LoadedTaskType:
        """The task type of a record.

        Raises:
            PluginError: it cannot be imported, or breaks the contract.
        """
        with _told(record):
            # Never under the lock: what a module does while it is imported may need the registry
            # in another thread.
            found = load(record)
            with self._lock:
                if record.name not in self._task_types:
                    who = label(record)
                    self._task_types[record.name] = LoadedTaskType(
                        as_task_type(found, record.name, who),
                        Provenance(record.distribution, record.version),
                        who,
                    )
        return self._task_types[record.name]

    def policy(self, record: PluginRecord) -> LoadedPolicy:
        """The policy of a record; it is made once for all task types.

        Raises:
            PluginError: it cannot be imported, or breaks the contract.
        """
        if (known := self._policies.get(record.name)) is not None:
            return known
        with _told(record):
            found = load(record)
            with self._lock:
                if record.name not in self._policies:
                    who = label(record)
                    self._policies[record.name] = LoadedPolicy(as_policy(found, who), who)
        return self._policies[record.name]

    def observer(self, record: PluginRecord) -> Observer:
        """The observer of a record; one whose entry point is a class is made anew.

        Raises:
            PluginError: it cannot be imported, or breaks the contract.
        """
        with _told(record):
            return as_observer(load(record), label(record))

    def executor(self, record: PluginRecord) -> Callable[..., Any]:
        """What makes the executor of a record.

        Raises:
            PluginError: it cannot be imported, or breaks the contract.
        """
        with _told(record):
            return as_executor(load(record), label(record))

    def any(self, record: PluginRecord) -> Any:
        """The object of a record of any group.

        Raises:
            PluginError: it cannot be imported.
        """
        with _told(record):
            return load(record)


@contextmanager
def _told(record: PluginRecord) -> Iterator[None]:
    """Whatever a plugin raises while it is looked at is told as its fault.

    Where it is made for another tasksmithy, that is said before all else.
    """
    try:
        try:
            yield
        except (PluginError, KeyboardInterrupt):
            raise
        except BaseException as error:  # of a property, of a metaclass
            raise PluginContractError(
                f"{label(record)} raised {_text(error)} when it was looked at. Repair or uninstall "
                f"{record.distribution!r}, or switch it off with {switching_off(record)}"
            ) from error
    except (PluginLoadError, PluginContractError, PluginVersionError) as error:
        wanted = unmet(record.distribution)
        if not wanted:
            raise
        raise PluginVersionError(
            f"{label(record)} is made for {wanted}, and this is tasksmithy {__version__}: install "
            f"a version of one that suits the other ({error})"
        ) from error


def load(record: PluginRecord) -> Any:
    """The object that the record's entry point names.

    Raises:
        PluginLoadError: the import fails, or there is no such object; chained to the cause.
    """
    module, _, path = record.value.partition("[")[0].strip().partition(":")
    try:
        found: Any = _imported(module.strip())
        for attribute in path.strip().split(".") if path.strip() else ():
            found = getattr(found, attribute)
    except KeyboardInterrupt:  # more likely the person's than the plugin's
        raise
    except BaseException as error:  # a plugin may even call sys.exit() while it is imported
        problem = f"{label(record)} cannot be loaded from {record.value!r}: {_text(error)}"
        if lacking := _lacking(error):
            raise PluginVersionError(
                f"{problem}. This is tasksmithy {__version__}, which has no {lacking}: it is made "
                f"for another one; install a version of tasksmithy or of {record.distribution!r} "
                "that suits the other"
            ) from error
        raise PluginLoadError(
            f"{problem}. Repair or uninstall {record.distribution!r}, or switch it off with "
            f"{switching_off(record)}"
        ) from error
    return found


def _text(error: BaseException) -> str:
    """The kind of an exception, with its text if it has one."""
    return f"{type(error).__name__}: {message(error)}".removesuffix(": ").rstrip(".")


def _lacking(error: BaseException) -> str:
    """The name of tasksmithy that an import has not found; empty where it is something else."""
    if isinstance(error, ModuleNotFoundError):
        module, name = error.name or "", ""
    elif isinstance(error, ImportError):
        module, name = error.name or "", message(error).partition("'")[2].partition("'")[0]
    elif isinstance(error, AttributeError) and isinstance(error.obj, ModuleType):
        module, name = error.obj.__name__, error.name or ""
    else:
        return ""
    is_own = module.partition(".")[0] == "tasksmithy"
    return f"{module}.{name}".rstrip(".") if is_own else ""


def _imported(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name.partition(".")[0]:
            raise
    # It may have been installed since Python looked into the folders.
    importlib.invalidate_caches()
    return importlib.import_module(name)
