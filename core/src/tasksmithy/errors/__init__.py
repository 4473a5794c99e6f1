"""The exceptions of tasksmithy: one class for each situation, all below `TasksmithyError`.

A message says what happened, where (task, field, hook, distribution and version), what is allowed
and what to do. The same facts are attributes, so that a program need not parse the text.
"""

from tasksmithy.errors._base import FieldError, TasksmithyError
from tasksmithy.errors._definition import (
    DefinitionError,
    EnvironmentDefinitionError,
    InputError,
    InterfaceError,
    NotATaskError,
    NotGiven,
    OutputError,
    SourceError,
    TaskDefinitionError,
)
from tasksmithy.errors._plugin import (
    HookError,
    HookResultError,
    MissingDependencyError,
    PluginConflictError,
    PluginContractError,
    PluginDisabledError,
    PluginError,
    PluginLoadError,
    PluginRegistrationError,
    PluginVersionError,
    PolicyVetoError,
    SettingsError,
    UnknownTaskTypeError,
)
from tasksmithy.errors._run import (
    NonRecoverableError,
    NotExecutableError,
    NotShippableError,
    SecretNotFoundError,
    TaskCancelledError,
    TaskExitError,
    TaskTimeoutError,
    WorkerDiedError,
    WorkerStartError,
)
from tasksmithy.errors._store import (
    InlineSizeError,
    ResumeError,
    RunInProgressError,
    StoreError,
    UnknownRunError,
    ValueEncodingError,
)

__all__ = [
    "DefinitionError",
    "EnvironmentDefinitionError",
    "FieldError",
    "HookError",
    "HookResultError",
    "InlineSizeError",
    "InputError",
    "InterfaceError",
    "MissingDependencyError",
    "NonRecoverableError",
    "NotATaskError",
    "NotExecutableError",
    "NotGiven",
    "NotShippableError",
    "OutputError",
    "PluginConflictError",
    "PluginContractError",
    "PluginDisabledError",
    "PluginError",
    "PluginLoadError",
    "PluginRegistrationError",
    "PluginVersionError",
    "PolicyVetoError",
    "ResumeError",
    "RunInProgressError",
    "SecretNotFoundError",
    "SettingsError",
    "SourceError",
    "StoreError",
    "TaskCancelledError",
    "TaskDefinitionError",
    "TaskExitError",
    "TaskTimeoutError",
    "TasksmithyError",
    "UnknownRunError",
    "UnknownTaskTypeError",
    "ValueEncodingError",
    "WorkerDiedError",
    "WorkerStartError",
]
