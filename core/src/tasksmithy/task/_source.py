"""Tasks in a file or a module: how a command line, or a container, finds what it is to run."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Collection, Mapping
from contextlib import suppress
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from tasksmithy._texts import near_misses
from tasksmithy.errors import SourceError, TasksmithyError
from tasksmithy.task._environment import TaskEnvironment
from tasksmithy.task._template import TaskTemplate

_OWN = str(Path(__file__).parent)

_NEEDED_LATER = frozenset(
    {
        *("asyncio", "cloudpickle", "concurrent", "decimal", "fcntl", "html", "pickle", "platform"),
        *("pydantic", "queue", "resource", "select", "shutil", "signal", "socket"),
        *("sqlite3", "subprocess", "tempfile", "traceback", "urllib", "uuid", "zoneinfo"),
    }
)
"""Modules that a run may import after the file of its tasks."""

Tasks = Mapping[str, TaskTemplate[..., Any]]


def load_file(file: str | Path) -> ModuleType:
    """Import a Python file as a module of its own name, with its folder importable.

    A file of a package (with an `__init__.py` beside it) is the module that it is there, so that
    relative imports work; the folder above the package is importable, too. Where another module has
    the name, the file's gets one that no other file's has.

    Raises:
        SourceError: there is no such file, or it does not import; chained to the cause.
    """
    path = Path(file).resolve()
    if path.is_dir():
        inside = ", ".join(str(Path(file, each.name)) for each in sorted(path.glob("*.py"))[:5])
        raise SourceError(f"{file} is a folder: give a Python file{inside and f' ({inside})'}")
    if not path.is_file():
        raise SourceError(f"{file}: there is no such file")
    if path.suffix != ".py":
        raise SourceError(f"{file}: give a Python file (.py)")
    above, name = _place(path)
    for folder in dict.fromkeys((str(above), str(path.parent))):
        if folder not in sys.path:
            _import_before(Path(folder))
            sys.path.insert(0, folder)
    if "." in name and _is_found(file, name, path):
        return load_module(name)
    known = sys.modules.get(name)
    is_another = known is not None and getattr(known, "__file__", None) != str(path)
    if is_another or name in sys.stdlib_module_names:
        import hashlib

        digest = hashlib.sha256(str(path).encode()).hexdigest()
        name = f"tasksmithy_source_{digest[:16]}_{name}"
        known = sys.modules.get(name)
    if known is not None:
        return known
    loader = _FromSource(name, str(path))
    spec = ModuleSpec(name, loader, origin=str(path))
    spec.has_location = True
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        raise _not_importable(str(file), path, error) from error
    return module


class _FromSource(SourceFileLoader):
    """Compiles a file anew, as `python FILE` does.

    The bytecode that Python keeps beside a module is that of an older text where the file has been
    changed within a second of it, to a text of the same length.
    """

    def get_code(self, fullname: str) -> CodeType | None:
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


def _place(path: Path) -> tuple[Path, str]:
    """The folder that a file is imported from, and the name by which it is."""
    name, folder = path.stem, path.parent
    while (folder / "__init__.py").is_file() and folder.name.isidentifier():
        name, folder = f"{folder.name}.{name}", folder.parent
    return folder, name if path.stem.isidentifier() and path.stem != "__init__" else path.stem


def _is_found(file: str | Path, name: str, path: Path) -> bool:
    """Whether the module of that name is the file, and not one of another package of its name.

    Raises:
        SourceError: the package does not import; chained to the cause.
    """
    try:
        spec = importlib.util.find_spec(name)
    except (ModuleNotFoundError, ValueError):  # the package's name is another module's
        return False
    except BaseException as error:
        raise _not_importable(str(file), path, error) from error
    return spec is not None and spec.origin == str(path)


def _import_before(folder: Path) -> None:
    """Import what tasksmithy needs later, where a file in the folder would take its place.

    What is beside a file of tasks may be named as a module of the standard library, or of another
    distribution, that is imported when it is first needed.
    """
    names = {entry.partition(".")[0] for entry in os.listdir(folder)}  # noqa: PTH208 - fast
    if names & (sys.stdlib_module_names | _NEEDED_LATER):
        for name in _NEEDED_LATER:
            with suppress(ImportError):  # it is not installed, or not for this system
                importlib.import_module(name)


def load_module(name: str) -> ModuleType:
    """Import a module by its name.

    Raises:
        SourceError: there is no such module, or it does not import; chained to the cause.
    """
    try:
        return importlib.import_module(name)
    except BaseException as error:
        raise _not_importable(name, None, error) from error


def _not_importable(name: str, path: Path | None, error: BaseException) -> BaseException:
    if isinstance(error, (KeyboardInterrupt, GeneratorExit)):
        return error
    import sysconfig
    import traceback

    frames = [(f.f_code.co_filename, line) for f, line in traceback.walk_tb(error.__traceback__)]
    places = [(file, line) for file, line in frames if not file.startswith(("<", _OWN))]
    installed = tuple(sysconfig.get_paths()[kind] for kind in ("stdlib", "purelib", "platlib"))
    # The person's own code, as far as there is some: what that calls is seldom what is wrong.
    places = [each for each in places if not each[0].startswith(installed)] or places
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        places = [(error.filename, error.lineno)]
        error = SyntaxError(error.msg)
    where = name
    if places:
        file, line = places[-1]
        # The file that was asked for is told as it was asked for.
        where = f"{name if file == str(path) else file}, line {line}"
    problem = (
        str(error) if isinstance(error, TasksmithyError) else f"{type(error).__name__}: {error}"
    )
    return SourceError(f"{where}: {problem}")


def tasks_in(module: ModuleType) -> Tasks:
    """The tasks that a module defines or holds, by name, and those of its environments.

    A task with changes, `slow = query.override(...)`, has the name of the other. That which an
    environment has is the task of the name; the other is its variable's.

    Raises:
        SourceError: two tasks without an environment differ and have one name.
    """
    tasks = _environments_tasks(module)
    for name, held in _held(module).items():
        if name not in tasks:
            tasks[name] = _the_one(module, name, held)
    return tasks


def _environments_tasks(module: ModuleType) -> dict[str, TaskTemplate[..., Any]]:
    tasks: dict[str, TaskTemplate[..., Any]] = {}
    for value in vars(module).values():
        if isinstance(value, TaskEnvironment):
            tasks |= value.tasks
    return tasks


def _held(module: ModuleType) -> dict[str, dict[str, TaskTemplate[..., Any]]]:
    """The tasks in the variables of a module: by name, then by variable."""
    held: dict[str, dict[str, TaskTemplate[..., Any]]] = {}
    for variable, value in vars(module).items():
        if isinstance(value, TaskTemplate):
            held.setdefault(value.name, {})[variable] = value
    return held


def _the_one(
    module: ModuleType, name: str, held: Mapping[str, TaskTemplate[..., Any]]
) -> TaskTemplate[..., Any]:
    first, *others = held.values()
    if any(other != first for other in others):
        raise SourceError(
            f"{module.__file__ or module.__name__} has different tasks of the name {name!r}, in "
            f"the variables {', '.join(held)}: give each a name of its own, or say which by the "
            "name of the variable"
        )
    return first


def only_task(module: ModuleType) -> TaskTemplate[..., Any]:
    """The task of a module that has one; of several, the one that is the entry point.

    Raises:
        SourceError: there is none, or several; the message names them.
    """
    every = [*_environments_tasks(module).values()]
    every += [task for held in _held(module).values() for task in held.values()]
    entrypoints = {task.name for task in every if task.entrypoint}
    if len(entrypoints) == 1:  # then two others may have one name, as those of two modules do
        return find_task(module, *entrypoints)
    tasks = tasks_in(module)
    chosen = [task for task in tasks.values() if task.entrypoint] or list(tasks.values())
    if not tasks:
        raise _no_tasks(module)
    if len(chosen) != 1:
        raise SourceError(
            f"{module.__file__ or module.__name__}: say which task to run, right after the file "
            f"(tasks: {', '.join(sorted(tasks))})"
        )
    return chosen[0]


def _no_tasks(module: ModuleType) -> SourceError:
    return SourceError(
        f"{module.__file__ or module.__name__} defines no task: a function becomes one by "
        "@env.task, where env = TaskEnvironment(name=...)"
    )


def _why_none(module: ModuleType, name: str, tasks: Collection[str]) -> str:
    """Why a name is no task's, where that can be told, and what was meant."""
    held = vars(module).get(name)
    if (code := getattr(held, "__code__", None)) is not None:
        return f"; the function at line {code.co_firstlineno} becomes one by @env.task above it"
    if namesakes := sorted(task for task in tasks if task.rpartition(".")[2] == name):
        return f", as no variable of it is called {name}; did you mean {' or '.join(namesakes)}?"
    return near_misses(name, {task.rpartition(".")[2] for task in tasks} | set(tasks))


def find_task(module: ModuleType, name: str) -> TaskTemplate[..., Any]:
    """A task of a module, by the name of the task or of the variable that holds it.

    Raises:
        SourceError: there is no such task, or there are several; the message names them.
    """
    held = vars(module).get(name)
    tasks, named = _environments_tasks(module), _held(module)
    if isinstance(held, TaskTemplate) and (held.name == name or name not in tasks | named):
        return held
    found = tasks.get(name) or (_the_one(module, name, named[name]) if name in named else None)
    if found is None:
        names = tasks | named
        if not names:
            raise _no_tasks(module)
        known = ", ".join(sorted(names))
        raise SourceError(
            f"{module.__file__ or module.__name__} has no task {name!r}"
            f"{_why_none(module, name, names)} (tasks: {known})"
        )
    return found
