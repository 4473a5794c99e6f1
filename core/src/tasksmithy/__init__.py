"""tasksmithy: a plugin framework for task types.

The public names are imported when they are first used, so that a program pays only for what it
uses.
"""

from tasksmithy.active import registry_in_use

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:  # what type checkers see; `_HOMES` is the same for the interpreter
    from tasksmithy.cache import Cache as Cache
    from tasksmithy.cache import CacheRequest as CacheRequest
    from tasksmithy.context import RunContext as RunContext
    from tasksmithy.context import current as current
    from tasksmithy.context import group as group
    from tasksmithy.discovery import PluginRecord as PluginRecord
    from tasksmithy.documentation import Documentation as Documentation
    from tasksmithy.environment import TaskEnvironment as TaskEnvironment
    from tasksmithy.errors import DefinitionError as DefinitionError
    from tasksmithy.errors import EnvironmentDefinitionError as EnvironmentDefinitionError
    from tasksmithy.errors import FieldError as FieldError
    from tasksmithy.errors import HookError as HookError
    from tasksmithy.errors import HookResultError as HookResultError
    from tasksmithy.errors import InlineSizeError as InlineSizeError
    from tasksmithy.errors import InputError as InputError
    from tasksmithy.errors import InterfaceError as InterfaceError
    from tasksmithy.errors import MissingDependencyError as MissingDependencyError
    from tasksmithy.errors import NonRecoverableError as NonRecoverableError
    from tasksmithy.errors import NotATaskError as NotATaskError
    from tasksmithy.errors import NotExecutableError as NotExecutableError
    from tasksmithy.errors import NotShippableError as NotShippableError
    from tasksmithy.errors import OutputError as OutputError
    from tasksmithy.errors import PluginConflictError as PluginConflictError
    from tasksmithy.errors import PluginContractError as PluginContractError
    from tasksmithy.errors import PluginDisabledError as PluginDisabledError
    from tasksmithy.errors import PluginError as PluginError
    from tasksmithy.errors import PluginLoadError as PluginLoadError
    from tasksmithy.errors import PluginRegistrationError as PluginRegistrationError
    from tasksmithy.errors import PluginVersionError as PluginVersionError
    from tasksmithy.errors import PolicyVetoError as PolicyVetoError
    from tasksmithy.errors import ResumeError as ResumeError
    from tasksmithy.errors import RunInProgressError as RunInProgressError
    from tasksmithy.errors import SecretNotFoundError as SecretNotFoundError
    from tasksmithy.errors import SettingsError as SettingsError
    from tasksmithy.errors import SourceError as SourceError
    from tasksmithy.errors import StoreError as StoreError
    from tasksmithy.errors import TaskCancelledError as TaskCancelledError
    from tasksmithy.errors import TaskDefinitionError as TaskDefinitionError
    from tasksmithy.errors import TaskExitError as TaskExitError
    from tasksmithy.errors import TasksmithyError as TasksmithyError
    from tasksmithy.errors import TaskTimeoutError as TaskTimeoutError
    from tasksmithy.errors import UnknownRunError as UnknownRunError
    from tasksmithy.errors import UnknownTaskTypeError as UnknownTaskTypeError
    from tasksmithy.errors import ValueEncodingError as ValueEncodingError
    from tasksmithy.errors import WorkerDiedError as WorkerDiedError
    from tasksmithy.errors import WorkerStartError as WorkerStartError
    from tasksmithy.files import Dir as Dir
    from tasksmithy.files import File as File
    from tasksmithy.hookspecs import hookimpl as hookimpl
    from tasksmithy.hookspecs import hookspec as hookspec
    from tasksmithy.image import Image as Image
    from tasksmithy.interface import NativeInterface as NativeInterface
    from tasksmithy.link import Link as Link
    from tasksmithy.pod import PodTemplate as PodTemplate
    from tasksmithy.registry import Registry as Registry
    from tasksmithy.resources import GPU as GPU
    from tasksmithy.resources import TPU as TPU
    from tasksmithy.resources import Device as Device
    from tasksmithy.resources import Resources as Resources
    from tasksmithy.retry import Backoff as Backoff
    from tasksmithy.retry import RetryStrategy as RetryStrategy
    from tasksmithy.reuse import ReusePolicy as ReusePolicy
    from tasksmithy.runtime.mapping import map as map
    from tasksmithy.runtime.run import arun as arun
    from tasksmithy.runtime.run import init as init
    from tasksmithy.runtime.run import is_initialized as is_initialized
    from tasksmithy.runtime.run import run as run
    from tasksmithy.runtime.run import with_runcontext as with_runcontext
    from tasksmithy.secret import Secret as Secret
    from tasksmithy.secret import SecretRequest as SecretRequest
    from tasksmithy.serialization import serialize as serialize
    from tasksmithy.settings import Settings as Settings
    from tasksmithy.spec import DataLoadingConfig as DataLoadingConfig
    from tasksmithy.spec import SerializationContext as SerializationContext
    from tasksmithy.spec import Sql as Sql
    from tasksmithy.spec import TaskSpec as TaskSpec
    from tasksmithy.task import TaskTemplate as TaskTemplate
    from tasksmithy.tasktype import TaskType as TaskType
    from tasksmithy.threads import in_thread as in_thread
    from tasksmithy.timeout import Timeout as Timeout
    from tasksmithy.timeout import TimeoutType as TimeoutType
    from tasksmithy.trigger import Cron as Cron
    from tasksmithy.trigger import FixedRate as FixedRate
    from tasksmithy.trigger import Trigger as Trigger
    from tasksmithy.trigger import TriggerTime as TriggerTime

_HOMES = {
    "Cache": "cache",
    "CacheRequest": "cache",
    "RunContext": "context",
    "current": "context",
    "group": "context",
    "PluginRecord": "discovery",
    "Documentation": "documentation",
    "TaskEnvironment": "environment",
    "DefinitionError": "errors",
    "EnvironmentDefinitionError": "errors",
    "FieldError": "errors",
    "HookError": "errors",
    "HookResultError": "errors",
    "InputError": "errors",
    "InterfaceError": "errors",
    "MissingDependencyError": "errors",
    "NonRecoverableError": "errors",
    "NotATaskError": "errors",
    "NotExecutableError": "errors",
    "NotShippableError": "errors",
    "OutputError": "errors",
    "PluginConflictError": "errors",
    "PluginContractError": "errors",
    "PluginDisabledError": "errors",
    "PluginError": "errors",
    "PluginLoadError": "errors",
    "PluginRegistrationError": "errors",
    "PluginVersionError": "errors",
    "PolicyVetoError": "errors",
    "SecretNotFoundError": "errors",
    "SettingsError": "errors",
    "SourceError": "errors",
    "TaskCancelledError": "errors",
    "TaskDefinitionError": "errors",
    "TaskExitError": "errors",
    "TaskTimeoutError": "errors",
    "TasksmithyError": "errors",
    "UnknownTaskTypeError": "errors",
    "WorkerDiedError": "errors",
    "WorkerStartError": "errors",
    "ValueEncodingError": "errors",
    "InlineSizeError": "errors",
    "ResumeError": "errors",
    "UnknownRunError": "errors",
    "RunInProgressError": "errors",
    "StoreError": "errors",
    "Dir": "files",
    "File": "files",
    "hookimpl": "hookspecs",
    "hookspec": "hookspecs",
    "Image": "image",
    "NativeInterface": "interface",
    "Link": "link",
    "PodTemplate": "pod",
    "Registry": "registry",
    "Device": "resources",
    "GPU": "resources",
    "Resources": "resources",
    "TPU": "resources",
    "Backoff": "retry",
    "RetryStrategy": "retry",
    "ReusePolicy": "reuse",
    "map": "runtime.mapping",
    "arun": "runtime.run",
    "init": "runtime.run",
    "is_initialized": "runtime.run",
    "run": "runtime.run",
    "with_runcontext": "runtime.run",
    "Secret": "secret",
    "SecretRequest": "secret",
    "serialize": "serialization",
    "Settings": "settings",
    "DataLoadingConfig": "spec",
    "SerializationContext": "spec",
    "Sql": "spec",
    "TaskSpec": "spec",
    "TaskTemplate": "task",
    "TaskType": "tasktype",
    "in_thread": "threads",
    "Timeout": "timeout",
    "TimeoutType": "timeout",
    "Cron": "trigger",
    "FixedRate": "trigger",
    "Trigger": "trigger",
    "TriggerTime": "trigger",
}

__all__ = [*_HOMES, "__version__"]


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"tasksmithy.{home}"), name)
    globals()[name] = value  # so that the next look-up is an ordinary one
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


def _registry_of_the_process() -> object:
    from tasksmithy.registry import Registry

    return Registry()


registry_in_use.make = _registry_of_the_process
