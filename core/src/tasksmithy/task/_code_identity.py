"""The identity of code: what a function or a task runs, as far as it is the user's own.

From a function the walk goes on to all that it names, as it is in memory at that moment: functions,
classes, modules, constants, what is closed over, called tasks. Files are never read. What belongs
to an installed distribution counts by its version. What is found is a part with a name, such as
`function prices.rate`, so that it can be said which of them has changed.
"""

from __future__ import annotations

import builtins
import importlib.util
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from contextvars import ContextVar
from types import FunctionType, ModuleType
from typing import Any, ClassVar, NamedTuple

from tasksmithy._registry_in_use import registry_in_use
from tasksmithy.errors import TasksmithyError
from tasksmithy.task._environment import TaskEnvironment
from tasksmithy.task._hooks import hooks_for
from tasksmithy.task._interface import NO_DEFAULT, NativeInterface
from tasksmithy.task._template import TaskTemplate
from tasksmithy.values._annotations import importable_module, type_name
from tasksmithy.values._bytecode import Import, described
from tasksmithy.values._installed_code import is_installed, version_of
from tasksmithy.values._json import not_json
from tasksmithy.values._object_walk import ObjectWalk, is_own_class, qualified, short, unmatched

Task = TaskTemplate[..., Any]

_BY_TEXT = frozenset({"globals", "exec", "eval"})
"""The builtins by which code reaches what it does not name: the whole module counts then."""

_MISSING = object()
_PYTHON = short(f"{sys.implementation.cache_tag} {sys.version_info[:3]}")

_under_way: ContextVar[CodeWalk | None] = ContextVar("code walk", default=None)


def code_identity(value: object) -> str:
    """What identifies a function, or another object with code, and all of the user's that it runs.

    It is another text when any of it has changed: functions, their defaults and what they close
    over, classes with their bases, constants, called tasks. What belongs to an installed
    distribution counts by its version. Comments, blank lines, and what is not used do not count.

    It is for the hook `cache_version`: the identity of a task includes the answer.

    Examples:
        >>> def rate():
        ...     return 2
        >>> def price(n):
        ...     return n * rate()
        >>> before = code_identity(price)
        >>> def rate():
        ...     return 3
        >>> code_identity(price) == before
        False
    """
    walk = _under_way.get()
    if walk is not None:
        # The identity of a task is being found, which has the parts.
        return walk.reference(value)
    walk = CodeWalk()
    return walk.identity(lambda: walk.reference(value)).digest


class Identity(NamedTuple):
    """What identifies something, as a whole and in parts.

    Attributes:
        digest: of the whole.
        parts: a digest of each part, by its name.
        bindings: the names that were looked up, each with its namespace and its value.
        doubts: what does not count as it is, but as more or as less; in words.
    """

    digest: str
    parts: Mapping[str, str]
    bindings: tuple[tuple[Mapping[str, Any], str, object], ...]
    doubts: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether the names still stand for what they stood for."""
        for space, name, value in self.bindings:  # noqa: SIM110 - all() takes twice as long
            if space.get(name, _MISSING) is not value:
                return False
        return True


def task_identity(task: Task) -> Identity:
    """What identifies a task, apart from its inputs: what it declares and what it runs.

    Raises:
        PluginError: the plugin of the task's type cannot say.
    """
    walk = CodeWalk(task)
    return walk.identity(lambda: walk.reference(task))


class CodeWalk(ObjectWalk):
    """A walk from a function, a class or a task to all that it runs.

    Args:
        root: the task that it begins with, if it does.
    """

    def __init__(self, root: Task | None = None) -> None:
        super().__init__()
        self._root = root
        self._bindings: dict[tuple[int, str], tuple[Mapping[str, Any], str, object]] = {}

    def identity(self, begin: Callable[[], str]) -> Identity:
        """Walk from what `begin` refers to until there is nothing new.

        Raises:
            TasksmithyError: as `begin` does.
        """
        token = _under_way.set(self)
        try:
            root = begin()
            self.write_parts()
        finally:
            _under_way.reset(token)
        self.parts["Python"] = _PYTHON
        whole = "\n".join([root, *map("=".join, sorted(self.parts.items()))])
        bindings, doubts = tuple(self._bindings.values()), tuple(self.doubts)
        return Identity(short(whole), self.parts, bindings, doubts)

    def _a_function(self, func: FunctionType) -> str:
        name = f"function {qualified(func)}"
        if _is_foreign(func) and func.__closure__ is None and not func.__dict__:
            return f"{name} of {version_of(func.__module__ or '')}"
        return self.part(func, name, lambda: self._function(func))

    def _function(self, func: FunctionType) -> str:
        code, place = func.__code__, qualified(func)
        text = [place]
        if _is_foreign(func):
            text.append(version_of(func.__globals__.get("__name__", "")))
        else:
            about = described(code)
            text.append(about.digest)
            text += [self._lookup(func.__globals__, *chain) for chain in about.lookups]
            text += [self._import(func.__globals__, each) for each in about.imports]
            if "__subclasses__" in about.names:
                text.append(self._all_of(func.__globals__, "__subclasses__"))
        for name, cell in zip(code.co_freevars, func.__closure__ or (), strict=True):
            try:
                text.append(f"{name}={self.named(f'{place}: {name}', cell.cell_contents)}")
            except ValueError:
                text.append(f"{name} has no value yet")
        beside = func.__defaults__, func.__kwdefaults__, func.__dict__, func.__annotations__
        return "\n".join([*text, *(self.reference(each) for each in beside if each)])

    def _lookup(self, space: dict[str, Any], name: str, *attributes: str) -> str:
        """What a global name stands for; of a module, what is taken of it."""
        value = self._bound(space, name)
        home = importable_module(str(space.get("__name__", "")))
        if value is _MISSING:
            if name in _BY_TEXT and hasattr(builtins, name):
                return self._all_of(space, name)
            if _is_own_code(added := vars(builtins).get(name)):
                return f"{name}={self.named(f'builtins.{name}', added)}"
            return f"{name} is none of the module's"
        return f"{'.'.join((name, *attributes))}={self._taken(f'{home}.{name}', value, attributes)}"

    def _all_of(self, space: dict[str, Any], call: str) -> str:
        """A whole module, whose code reaches what it does not name."""
        home = importable_module(str(space.get("__name__", "")))
        self.doubts[f"all of module {home} counts, as its code calls {call}()"] = None
        return self._names_of(home, space)

    def _taken(self, where: str, value: Any, attributes: tuple[str, ...]) -> str:
        """The value, or what the attributes lead to, as long as they are a module's."""
        for attribute in attributes:
            if isinstance(value, TaskEnvironment) and attribute == "tasks":
                where, value = f"{where}.tasks", dict(value.tasks)
            if not isinstance(value, ModuleType):
                break
            if is_installed(value.__name__):
                if _is_own_code(put := vars(value).get(attribute)):  # in the place of its own
                    where, value = f"{value.__name__}.{attribute}", put
                break
            where, module = f"{importable_module(value.__name__)}.{attribute}", value
            value = self._bound(vars(module), attribute)
            if value is _MISSING:
                value = getattr(module, attribute, f"{where} is not there")
        return self.named(where, value)

    def _bound(self, space: dict[str, Any], name: str) -> Any:
        value = space.get(name, _MISSING)
        self._bindings[id(space), name] = space, name, value
        return value

    def _import(self, space: dict[str, Any], each: Import) -> str:
        """What a function imports when it runs. A module of the user's own is imported for it."""
        name = "." * each.level + each.module
        with suppress(ImportError):
            name = importlib.util.resolve_name(name, str(space.get("__package__") or ""))
        if is_installed(name):
            return f"module {name} of {version_of(name)}"
        try:
            module = importlib.import_module(name)
        except Exception as error:  # noqa: BLE001 - it is told where the task runs
            self.doubts[f"module {name} cannot be imported, and does not count"] = None
            return f"module {name} cannot be imported: {type(error).__name__}"
        found = []
        for taken in each.names:
            if not hasattr(module, taken):
                with suppress(Exception):  # as above
                    importlib.import_module(f"{name}.{taken}")
            found.append(self._taken(name, module, (taken,)))
        if not found:
            found.append(self.reference(module))
            package = name.partition(".")[0]
            if package != name:  # which the name in the function is bound to
                found += self._used_of(sys.modules[package], each.used)
        return "\n".join(found)

    def _used_of(self, module: ModuleType, names: tuple[str, ...]) -> Iterator[str]:
        """What is used of a module that a variable stands for, and of modules in it."""
        for name in names:
            if name in vars(module):
                value = self._bound(vars(module), name)
                if isinstance(value, ModuleType) and value.__name__.startswith(
                    f"{module.__name__}."
                ):
                    yield from self._used_of(value, names)
                else:
                    yield self.named(f"{module.__name__}.{name}", value)

    def _module(self, module: ModuleType) -> str:
        if is_installed(module.__name__):
            return f"module {module.__name__} of {version_of(module.__name__)}"
        name = importable_module(module.__name__)
        return self.part(module, f"module {name}", lambda: self._names_of(name, vars(module)))

    def _names_of(self, where: str, space: dict[str, Any]) -> str:
        """All that a namespace holds."""
        names = sorted(name for name in space if not name.startswith("__"))
        texts = [f"{name}={self.named(f'{where}.{name}', space[name])}" for name in names]
        return "\n".join(texts)

    def _task(self, task: Task) -> str:
        return self.part(task, f"task {task.name}", lambda: self._declared(task))

    def _declared(self, task: Task) -> str:
        """What decides of what a task declares, and what its type says of the rest: parts, too."""
        name, _ = self._names[id(task)]
        by_hand = task.cache.version_override
        try:
            hooks = hooks_for(task)
            version = by_hand or hooks.cache_version(task)
            plugin = f"{task.task_type} of {hooks.provenance}"
            # That of an installed plugin counts by its version.
            template = registry_in_use.get().template(task.task_type)
            is_plugins = type(task) is template and hooks.provenance.version is not None
        except TasksmithyError:
            if task is self._root:
                raise
            self.doubts[f"the plugin of task {task.name} cannot be used: nothing matches"] = None
            version, plugin, is_plugins = unmatched(), task.task_type, False
        about = {
            "version": version,
            "task type": plugin,
            "interface": _by_names(task.interface) if by_hand else self._interface(task.interface),
            "env_vars": self.reference(dict(task.env_vars or {})),
            "secrets": self.reference(task.secrets),
            "class": "" if by_hand or is_plugins else self.reference(type(task)),
        }
        for what, text in about.items():
            self.parts[f"{what} of {name}"] = short(text)
        return task.name

    def _interface(self, interface: NativeInterface) -> str:
        inputs = [
            f"{name}: {self.reference(kind)}"
            + ("" if default is NO_DEFAULT else f" = {self.reference(default)}")
            for name, (kind, default) in interface.inputs.items()
        ]
        outputs = [f"{name}: {self.reference(kind)}" for name, kind in interface.outputs.items()]
        return "\n".join([*inputs, "gives", *outputs])

    def _environment(self, value: TaskEnvironment) -> str:
        fields = sorted(value.field_names - {"depends_on", "_tasks"})

        def write() -> str:
            return "\n".join(f"{name}={self.reference(getattr(value, name))}" for name in fields)

        return self.part(value, f"environment {value.name}", write)

    _OF_KIND: ClassVar[dict[Any, Callable[[Any, Any], str]]] = {
        FunctionType: _a_function,
        **ObjectWalk._OF_KIND,  # noqa: SLF001 - its base's
        ModuleType: _module,
        TaskTemplate: _task,
        TaskEnvironment: _environment,
    }


def _by_names(interface: NativeInterface) -> str:
    """An interface by the names of its types alone, and the defaults that are JSON values."""
    inputs = [
        (name, type_name(kind), None if not_json(default) is not None else default)
        for name, (kind, default) in interface.inputs.items()
    ]
    return str([inputs, {name: type_name(kind) for name, kind in interface.outputs.items()}])


def _is_own_code(value: object) -> bool:
    if isinstance(value, FunctionType):
        return not _is_foreign(value)
    return isinstance(value, type) and is_own_class(value)


def _is_foreign(func: FunctionType) -> bool:
    return is_installed(func.__globals__.get("__name__", ""), func.__code__.co_filename)
