"""The file of tasks that a command is given."""

from __future__ import annotations

import gc
import logging
from contextlib import suppress
from pathlib import Path
from types import ModuleType

from tasksmithy._registry_in_use import registry_in_use
from tasksmithy.errors import SettingsError
from tasksmithy.runtime._run import init
from tasksmithy.task._source import load_file

_logger = logging.getLogger("tasksmithy.settings")


def load(file: str) -> ModuleType:
    """The module of a file, loaded under the settings of the working directory.

    Raises:
        SettingsError: a setting is not allowed.
        PluginError: with `TASKSMITHY_STRICT=1`, a plugin that cannot be used.
        SourceError: there is no such file, or it does not import.
    """
    init()
    with suppress(SettingsError):  # what is wrong in a file that is not used is no matter
        settings = registry_in_use.get().settings
        passed_over = settings.passed_over(str(Path(file).resolve().parent))
        if passed_over:
            _logger.warning(
                "the settings in %s are not used: settings are those of the working directory (%s)",
                passed_over,
                settings.file or f"{Path.cwd()}, which has none",
            )
    # Read before the folder of the file goes first on the path: what is built beside the tasks,
    # such as an `.egg-info`, must not hide what is installed.
    _ = registry_in_use.get().records
    # What is imported by now lasts as long as the process. To look through it for garbage, above
    # all when the process ends, would take a tenth of the time of a short run.
    gc.freeze()
    return load_file(file)
