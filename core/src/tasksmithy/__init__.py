"""tasksmithy: a plugin framework for task types.

The public names are imported when they are first used, so that a program pays only for what it
uses.
"""

from tasksmithy._lazy_names import lazy_names
from tasksmithy._registry_in_use import registry_in_use

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:  # what type checkers see; `_HOMES` is the same for the interpreter
    from tasksmithy.concurrency._threads import in_thread as in_thread
    from tasksmithy.errors import DefinitionError as DefinitionError
    from tasksmithy.errors import EnvironmentDefinitionError as EnvironmentDefinitionError
    from tasksmithy.errors import FieldError as FieldError
    from tasksmithy.errors import HookError as HookError
    from tasksmithy.errors import HookResultError as HookResultError
    from tasksmithy.errors import InlineSizeError as InlineSizeError
    from tasksmithy.errors import InputError as InputError
    from tasksmithy.errors import InterfaceError as InterfaceError
    from tasksmithy.errors import JobFailedError as JobFailedError
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
    from tasksmithy.errors import SpecError as SpecError
    from tasksmithy.errors import StoreError as StoreError
    from tasksmithy.errors import TaskCancelledError as TaskCancelledError
    from tasksmithy.errors import TaskDefinitionError as TaskDefinitionError
    from tasksmithy.errors import TaskExitError as TaskExitError
    from tasksmithy.errors import TaskRecursionError as TaskRecursionError
    from tasksmithy.errors import TasksmithyError as TasksmithyError
    from tasksmithy.errors import TaskTimeoutError as TaskTimeoutError
    from tasksmithy.errors import UnknownRunError as UnknownRunError
    from tasksmithy.errors import UnknownTaskTypeError as UnknownTaskTypeError
    from tasksmithy.errors import ValueEncodingError as ValueEncodingError
    from tasksmithy.errors import WorkerDiedError as WorkerDiedError
    from tasksmithy.errors import WorkerStartError as WorkerStartError
    from tasksmithy.fields._cache import Cache as Cache
    from tasksmithy.fields._cache import CacheRequest as CacheRequest
    from tasksmithy.fields._documentation import Documentation as Documentation
    from tasksmithy.fields._image import Image as Image
    from tasksmithy.fields._link import Link as Link
    from tasksmithy.fields._pod import PodTemplate as PodTemplate
    from tasksmithy.fields._resources import GPU as GPU
    from tasksmithy.fields._resources import TPU as TPU
    from tasksmithy.fields._resources import Device as Device
    from tasksmithy.fields._resources import Resources as Resources
    from tasksmithy.fields._retry import Backoff as Backoff
    from tasksmithy.fields._retry import RetryStrategy as RetryStrategy
    from tasksmithy.fields._reuse import ReusePolicy as ReusePolicy
    from tasksmithy.fields._secret import Secret as Secret
    from tasksmithy.fields._secret import SecretRequest as SecretRequest
    from tasksmithy.fields._timeout import Timeout as Timeout
    from tasksmithy.fields._timeout import TimeoutType as TimeoutType
    from tasksmithy.fields._trigger import Cron as Cron
    from tasksmithy.fields._trigger import FixedRate as FixedRate
    from tasksmithy.fields._trigger import Trigger as Trigger
    from tasksmithy.fields._trigger import TriggerTime as TriggerTime
    from tasksmithy.plugins._attempt import Attempt as Attempt
    from tasksmithy.plugins._attempt import Executor as Executor
    from tasksmithy.plugins._attempt import Host as Host
    from tasksmithy.plugins._discovery import PluginRecord as PluginRecord
    from tasksmithy.plugins._observer import Observer as Observer
    from tasksmithy.plugins._registry import Registry as Registry
    from tasksmithy.plugins._settings import Settings as Settings
    from tasksmithy.plugins._task_type import TaskType as TaskType
    from tasksmithy.runtime._make_attempt import make_attempt as make_attempt
    from tasksmithy.runtime._map import map as map
    from tasksmithy.runtime._run import arun as arun
    from tasksmithy.runtime._run import init as init
    from tasksmithy.runtime._run import is_initialized as is_initialized
    from tasksmithy.runtime._run import run as run
    from tasksmithy.runtime._run import with_runcontext as with_runcontext
    from tasksmithy.task._context import RunContext as RunContext
    from tasksmithy.task._context import current as current
    from tasksmithy.task._context import group as group
    from tasksmithy.task._environment import TaskEnvironment as TaskEnvironment
    from tasksmithy.task._events import AttemptFailed as AttemptFailed
    from tasksmithy.task._events import AttemptPlaced as AttemptPlaced
    from tasksmithy.task._events import AttemptRetried as AttemptRetried
    from tasksmithy.task._events import AttemptStarted as AttemptStarted
    from tasksmithy.task._events import Event as Event
    from tasksmithy.task._events import Execution as Execution
    from tasksmithy.task._events import ExecutionAdmitted as ExecutionAdmitted
    from tasksmithy.task._events import ExecutionCached as ExecutionCached
    from tasksmithy.task._events import ExecutionCancelled as ExecutionCancelled
    from tasksmithy.task._events import ExecutionEvent as ExecutionEvent
    from tasksmithy.task._events import ExecutionFailed as ExecutionFailed
    from tasksmithy.task._events import ExecutionQueued as ExecutionQueued
    from tasksmithy.task._events import ExecutionResumed as ExecutionResumed
    from tasksmithy.task._events import ExecutionSucceeded as ExecutionSucceeded
    from tasksmithy.task._events import RunEnded as RunEnded
    from tasksmithy.task._events import RunStarted as RunStarted
    from tasksmithy.task._field import Converted as Converted
    from tasksmithy.task._field import task_field as task_field
    from tasksmithy.task._hook import hookimpl as hookimpl
    from tasksmithy.task._hook import hookspec as hookspec
    from tasksmithy.task._hookspecs import TaskTemplateSpec as TaskTemplateSpec
    from tasksmithy.task._interface import NativeInterface as NativeInterface
    from tasksmithy.task._job import Job as Job
    from tasksmithy.task._job import JobStatus as JobStatus
    from tasksmithy.task._provenance import Provenance as Provenance
    from tasksmithy.task._serialize import serialize as serialize
    from tasksmithy.task._spec import CodeBundle as CodeBundle
    from tasksmithy.task._spec import DataLoadingConfig as DataLoadingConfig
    from tasksmithy.task._spec import MetadataFormat as MetadataFormat
    from tasksmithy.task._spec import SerializationContext as SerializationContext
    from tasksmithy.task._spec import Sql as Sql
    from tasksmithy.task._spec import TaskSpec as TaskSpec
    from tasksmithy.task._template import TaskTemplate as TaskTemplate
    from tasksmithy.values._files import Dir as Dir
    from tasksmithy.values._files import File as File

_HOMES = {
    "Cache": "fields._cache",
    "CacheRequest": "fields._cache",
    "RunContext": "task._context",
    "current": "task._context",
    "group": "task._context",
    "Attempt": "plugins._attempt",
    "Executor": "plugins._attempt",
    "Host": "plugins._attempt",
    "PluginRecord": "plugins._discovery",
    "Documentation": "fields._documentation",
    "TaskEnvironment": "task._environment",
    "DefinitionError": "errors",
    "EnvironmentDefinitionError": "errors",
    "FieldError": "errors",
    "HookError": "errors",
    "HookResultError": "errors",
    "InputError": "errors",
    "InterfaceError": "errors",
    "JobFailedError": "errors",
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
    "TaskRecursionError": "errors",
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
    "SpecError": "errors",
    "StoreError": "errors",
    "Dir": "values._files",
    "File": "values._files",
    "TaskTemplateSpec": "task._hookspecs",
    "hookimpl": "task._hook",
    "hookspec": "task._hook",
    "Image": "fields._image",
    "Converted": "task._field",
    "task_field": "task._field",
    "NativeInterface": "task._interface",
    "Link": "fields._link",
    "PodTemplate": "fields._pod",
    "Registry": "plugins._registry",
    "Device": "fields._resources",
    "GPU": "fields._resources",
    "Resources": "fields._resources",
    "TPU": "fields._resources",
    "Backoff": "fields._retry",
    "RetryStrategy": "fields._retry",
    "ReusePolicy": "fields._reuse",
    "make_attempt": "runtime._make_attempt",
    "Job": "task._job",
    "JobStatus": "task._job",
    "AttemptFailed": "task._events",
    "AttemptPlaced": "task._events",
    "AttemptRetried": "task._events",
    "AttemptStarted": "task._events",
    "Event": "task._events",
    "Execution": "task._events",
    "ExecutionAdmitted": "task._events",
    "ExecutionCached": "task._events",
    "ExecutionCancelled": "task._events",
    "ExecutionEvent": "task._events",
    "ExecutionFailed": "task._events",
    "ExecutionQueued": "task._events",
    "ExecutionResumed": "task._events",
    "ExecutionSucceeded": "task._events",
    "RunEnded": "task._events",
    "RunStarted": "task._events",
    "map": "runtime._map",
    "Observer": "plugins._observer",
    "arun": "runtime._run",
    "init": "runtime._run",
    "is_initialized": "runtime._run",
    "run": "runtime._run",
    "with_runcontext": "runtime._run",
    "Secret": "fields._secret",
    "SecretRequest": "fields._secret",
    "serialize": "task._serialize",
    "Settings": "plugins._settings",
    "CodeBundle": "task._spec",
    "DataLoadingConfig": "task._spec",
    "MetadataFormat": "task._spec",
    "Provenance": "task._provenance",
    "SerializationContext": "task._spec",
    "Sql": "task._spec",
    "TaskSpec": "task._spec",
    "TaskTemplate": "task._template",
    "TaskType": "plugins._task_type",
    "in_thread": "concurrency._threads",
    "Timeout": "fields._timeout",
    "TimeoutType": "fields._timeout",
    "Cron": "fields._trigger",
    "FixedRate": "fields._trigger",
    "Trigger": "fields._trigger",
    "TriggerTime": "fields._trigger",
}

__all__ = [*_HOMES, "__version__"]


__getattr__, __dir__ = lazy_names(__name__, _HOMES)


def _registry_of_the_process() -> object:
    from tasksmithy.plugins._registry import Registry

    return Registry()


registry_in_use.make = _registry_of_the_process
