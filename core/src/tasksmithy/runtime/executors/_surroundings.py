"""What a worker must have in common with the process that started it, to import what that has."""

from __future__ import annotations

import importlib.util
import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Final

from tasksmithy.errors import SourceError

_MAIN: Final = "__mp_main__"
"""The `__name__` of the script in a worker, where it must not do what it does as a program.

It is the name that `multiprocessing` gives it, which scripts and libraries may know.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a worker takes on before it reads its attempt.

    Attributes:
        argv: `sys.argv`.
        script: file of the main script; None where there is none, as in a shell.
        script_module: name of the module that the script was started as, by `python -m`; or empty.
        files: module name to file, of the modules that were loaded from a file which no search
            along `sys.path` would find.
        log_levels: logger name to level, of those that have one; the root's name is empty.
    """

    argv: list[str]
    script: str | None
    script_module: str
    files: dict[str, str]
    log_levels: dict[str, int]

    @classmethod
    def here(cls) -> Surroundings:
        """The surroundings of this process.

        Raises:
            SourceError: this process is a worker itself that is about to import the script.
        """
        _refuse_while_importing_main()
        main = sys.modules["__main__"]
        # A worker names what the script defines by the name that the script has in the worker.
        sys.modules.setdefault(_MAIN, main)
        spec = getattr(main, "__spec__", None)
        return cls(
            argv=list(sys.argv),
            script=os.path.abspath(main.__file__ or "") if main_is_importable() else None,  # noqa: PTH100 - text
            script_module=spec.name if spec is not None else "",
            files=_loaded_from_files(),
            log_levels=_log_levels(),
        )

    def take_on(self) -> None:
        """Make this process, a worker, have them: in the place of those that it has already."""
        sys.argv[:] = self.argv
        others = [each for each in sys.meta_path if not isinstance(each, _Files)]
        sys.meta_path[:] = [_Files(self.files), *others]
        if self.script != _main.taken:
            _main.script = _main.taken = self.script
            _main.module = self.script_module


@dataclass(slots=True)
class _Main:
    """The script, in a worker.

    Attributes:
        script: its file; None where there is none, or it is imported already.
        taken: its file, also when it is imported.
        module: name of the module that it was started as, or empty.
        importing: its file, while it is being imported.
    """

    script: str | None = None
    taken: str | None = None
    module: str = ""
    importing: str | None = None


_main = _Main()


def main_is_importable() -> bool:
    """Whether the main script of this process is a file, which another process can import."""
    file = getattr(sys.modules["__main__"], "__file__", None)
    return file is not None and Path(file).is_file()


def speaks_of_main(payload: bytes) -> bool:
    """Whether a pickled value may name something that the main script defines."""
    return b"__main__" in payload or _MAIN.encode() in payload


def ensure_main() -> None:
    """In a worker, import the script, if that has not been done. Elsewhere, do nothing.

    It is done only when something of the script is needed: it costs all that the script imports.

    Raises:
        Exception: whatever the script raises.
    """
    script, _main.script = _main.script, None
    if script is None:
        return
    main = ModuleType(_MAIN)
    main.__file__ = script
    if _main.module:
        main.__spec__ = importlib.util.find_spec(_main.module)
        main.__package__ = _main.module.rpartition(".")[0]
    sys.modules["__main__"] = sys.modules[_MAIN] = main
    _main.importing = script
    try:
        # What this module imports from __future__ is nothing of the script's.
        code = compile(Path(script).read_bytes(), script, "exec", dont_inherit=True)
        exec(code, main.__dict__)  # noqa: S102 - the user's own
    finally:
        _main.importing = None


def _refuse_while_importing_main() -> None:
    if _main.importing is not None:
        raise SourceError(
            f"{_main.importing} starts a run while a worker imports it to find its tasks; put what "
            'the script does below `if __name__ == "__main__":`'
        )


def _log_levels() -> dict[str, int]:
    levels = {
        name: logger.level
        for name, logger in list(logging.root.manager.loggerDict.items())
        if isinstance(logger, logging.Logger) and logger.level
    }
    return {"": logging.root.level, **levels}


def _loaded_from_files() -> dict[str, str]:
    places = {folder: place for place, folder in reversed(list(enumerate(sys.path)))}
    names_in = cache(_names_in)
    found = {}
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if name in ("__main__", _MAIN) or not isinstance(file, str) or not file.endswith(".py"):
            continue
        stem = file.removesuffix(".py").removesuffix("/__init__")
        folder = stem.removesuffix("/" + name.replace(".", "/"))
        place = places.get(folder) if folder != stem else None
        top = name.partition(".")[0]
        # A search ends in the first folder that has a module of the name.
        if place is None or any(top in names_in(earlier) for earlier in sys.path[:place]):
            found[name] = file
    return found


def _names_in(folder: str) -> set[str]:
    try:
        return {entry.partition(".")[0] for entry in os.listdir(folder or ".")}  # noqa: PTH208 - fast
    except OSError:  # an archive, or nothing
        return set()


@dataclass(slots=True)
class _Files:
    """The first finder of a worker: the modules that its parent has loaded from files."""

    files: dict[str, str]
    _folders: set[str] = field(init=False)

    def __post_init__(self) -> None:
        self._folders = {name.rpartition(".")[0] for name in self.files} - {""}

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, *_: object
    ) -> ModuleSpec | None:
        """The spec of a module of that name, or of a package that holds one and has no file."""
        if name in self.files:
            return importlib.util.spec_from_file_location(name, self.files[name])
        if any(folder == name or folder.startswith(f"{name}.") for folder in self._folders):
            found = PathFinder.find_spec(name, path)
            return found or ModuleSpec(name, None, is_package=True)
        return None
