"""What an attempt has ended with, as a cluster is told of it."""

from __future__ import annotations

import traceback

from tasksmithy.errors import (
    DefinitionError,
    InputError,
    NonRecoverableError,
    PluginError,
    SourceError,
    TasksmithyError,
)
from tasksmithy.extend import masked

_DEFINITE = (NonRecoverableError, SourceError, DefinitionError, InputError, PluginError)


def is_definite(error: BaseException) -> bool:
    """Whether the next attempt would end with it, too."""
    return isinstance(error, _DEFINITE)


def told(error: BaseException) -> str:
    """An error as text, its secrets masked: with its traceback, where it is not tasksmithy's."""
    trace = "".join(traceback.format_exception(error)).rstrip()
    return masked(str(error) if isinstance(error, TasksmithyError) else trace)
