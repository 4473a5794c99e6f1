"""TaskEnvironment: tasks that share an image, resources and the rest of their surroundings."""

from __future__ import annotations

import inspect
import re
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import CodeType
from typing import (
    TYPE_CHECKING,
    Any,
    Final,
    Generic,
    NoReturn,
    ParamSpec,
    Protocol,
    TypeVar,
    cast,
    overload,
)

from tasksmithy import checks
from tasksmithy._registry_in_use import registry_in_use
from tasksmithy._texts import shorten
from tasksmithy.errors import EnvironmentDefinitionError, FieldError, TaskDefinitionError
from tasksmithy.task._declaration import refuse_unknown
from tasksmithy.task._field import task_field
from tasksmithy.task._interface import NativeInterface
from tasksmithy.task._spellings import current_spellings
from tasksmithy.task._task_fields import HELD_BY_REUSE, SharedFields, TaskFields
from tasksmithy.task._template import TaskTemplate

P = ParamSpec("P")
R = TypeVar("R")
F = ParamSpec("F")

_NOT_OF_ONE_TASK: Final = {
    "name": "a task is called <environment>.<function>; short_name is for display",
    "interface": "it is the function's own",
    "func": "it is the function that is decorated",
    "plugin_config": "the environment has it for all its tasks",
    "task_type": "the environment's plugin_config chooses it",
    "parent_env": "it is this environment",
    "parent_env_name": "it is this environment's",
}
"""The fields that the decorator does not take, and why."""

_DEF: Final = re.compile(r"\s*(?:async\s+)?def\s+(\w+)")

FUNCTION_TASK_TYPE: Final = "python"
"""The task type of a decorated function without a `plugin_config`."""


class _Templates(Protocol):
    """What an environment asks of the registry that is active."""

    def template(self, name: str, /) -> type[TaskTemplate[..., Any]]: ...

    def template_for(self, config_model: type[Any], /) -> type[TaskTemplate[..., Any]] | None: ...


def _environments(name: str, value: object) -> list[TaskEnvironment]:
    if not isinstance(value, (list, tuple)) or not all(
        isinstance(item, TaskEnvironment) for item in value
    ):
        raise FieldError(name, value, "a list of TaskEnvironment")
    return list(dict.fromkeys(value))


def _name(name: str, value: object) -> str:
    allowed = "a name in snake_case or kebab-case, as clusters have it: a-z and 0-9, - or _ between"
    return checks.matching(name, value, r"[a-z0-9]+(?:[-_][a-z0-9]+)*", allowed)


class _Decorator(Generic[F]):
    """What a type checker sees of `env.task`: it takes the fields in F, each of its type."""

    if TYPE_CHECKING:

        @overload
        def __call__(self, func: Callable[P, R], /) -> TaskTemplate[P, R]: ...  # type: ignore[overload-overlap]
        @overload
        def __call__(
            self, *args: F.args, **fields: F.kwargs
        ) -> Callable[[Callable[P, R]], TaskTemplate[P, R]]: ...
        def __call__(self, *args: Any, **fields: Any) -> Any: ...


class _DecoratorOfAnEnvironment(Generic[F]):
    if TYPE_CHECKING:

        def __get__(self, env: object, owner: Any) -> _Decorator[F]: ...


def _taking(
    _: Callable[F, TaskFields],
) -> Callable[[Callable[..., Any]], _DecoratorOfAnEnvironment[F]]:
    """Let the decorator take what the constructor of a class of fields takes."""
    return lambda method: cast("_DecoratorOfAnEnvironment[F]", method)


class TaskEnvironment(SharedFields):
    """Where tasks are defined: what is given here is given to every task in it.

    Examples:
        >>> from tasksmithy import Resources, TaskEnvironment
        >>> env = TaskEnvironment(name="etl", resources=Resources(cpu=1, memory="500Mi"))
        >>> @env.task(retries=2)
        ... async def double(n: int) -> int:
        ...     return 2 * n
        >>> double.name
        'etl.double'

    Raises:
        EnvironmentDefinitionError: a field is unknown or missing, or its value is not allowed.
    """

    name: str = task_field(
        kw_only=False,
        check=_name,
        doc="name of the environment, in snake_case or kebab-case; its tasks are called "
        "`<environment>.<function>`.",
    )
    plugin_config: Any = task_field(
        default=None,
        doc="configuration of a task type; its class chooses the type of the functions.",
    )
    description: str = task_field(default="", check=checks.text, doc="what the environment is for.")
    depends_on: Sequence[TaskEnvironment] = task_field(
        default=(),
        check=_environments,
        doc="environments whose tasks are called from here.",
    )
    _tasks: dict[str, TaskTemplate[..., Any]] = task_field(
        init=False, repr=False, compare=False, default_factory=dict
    )

    _error = EnvironmentDefinitionError

    if not TYPE_CHECKING:  # for a type checker it cannot be called

        def __call__(self, func: object = None, /, **_: Any) -> NoReturn:
            name = f"{self.name}.{getattr(func, '__name__', shorten(func))}"
            allowed = "its method: write @env.task, or @env.task(retries=2)"
            raise TaskDefinitionError(name, "decorator", self, allowed)

    @property
    def tasks(self) -> Mapping[str, TaskTemplate[..., Any]]:
        """The environment's tasks by name."""
        return dict(self._tasks)

    @classmethod
    def from_task(
        cls, name: str, *tasks: TaskTemplate[..., Any], depends_on: Sequence[TaskEnvironment] = ()
    ) -> TaskEnvironment:
        """An environment of tasks that are no decorated functions: SQL, containers, ...

        Raises:
            EnvironmentDefinitionError: no task is given, something is no task, two have one name,
                or their images differ.
        """
        for task in tasks:
            if not isinstance(task, TaskTemplate):
                raise EnvironmentDefinitionError(name, "tasks", task, "tasks (TaskTemplate)")
        names = [task.name for task in tasks]
        images = {task.image for task in tasks}
        if len(images) != 1 or len(set(names)) != len(names):
            allowed = "at least one task, each with a name of its own, and all with one image"
            raise EnvironmentDefinitionError(name, "tasks", names, allowed)
        environment = cls(name=name, image=images.pop(), depends_on=depends_on)
        for task in tasks:
            environment._adopt(task)
        return environment

    def clone_with(self, name: str, **changes: Any) -> TaskEnvironment:
        """An environment without tasks that differs from this one in the given fields.

        Raises:
            EnvironmentDefinitionError: a field is unknown, or its value is not allowed.
        """
        changes = current_spellings(self._error, name, changes, self.field_names, stacklevel=3)
        refuse_unknown(type(self), name, changes)
        clone: TaskEnvironment = self._rebuilt({**changes, "name": name, "_tasks": {}})
        return clone

    def add_dependency(self, *environments: TaskEnvironment) -> None:
        """Declare that tasks of `environments` are called from here; a repeated one is ignored.

        Raises:
            EnvironmentDefinitionError: something is no environment, or it is this one.
        """
        for environment in environments:
            if not isinstance(environment, TaskEnvironment) or environment is self:
                allowed = "another TaskEnvironment"
                raise EnvironmentDefinitionError(self.name, "depends_on", environment, allowed)
        merged = _environments("depends_on", [*self.depends_on, *environments])
        self._settle(depends_on=merged)

    @_taking(TaskFields)
    def task(self, func: Callable[..., Any] | None = None, /, **fields: Any) -> Any:
        """Make a function a task of this environment: `@env.task`, or `@env.task(retries=2)`.

        The fields are those of `TaskTemplate`; what is not given comes from the environment, and
        the documentation from the function's docstring.

        Raises:
            TaskDefinitionError: a value is not allowed, the function cannot be a task, or another
                one of its name is a task of this environment.
            PluginError: the plugin for the function's task type is missing or cannot be used.
        """
        if func is None:
            return lambda func: self._define(func, fields)
        return self._define(func, fields)

    def _define(self, func: Callable[..., Any], given: Mapping[str, Any]) -> TaskTemplate[..., Any]:
        name = f"{self.name}.{getattr(func, '__name__', shorten(func))}"
        if not callable(func) or not hasattr(func, "__name__"):
            raise TaskDefinitionError(name, "func", func, "a function with a name, by def")
        if (owner := _class_of_method(func)) is not None:
            allowed = (
                f"a function outside of class {owner}: a task is called without {owner}'s self"
            )
            raise TaskDefinitionError(name, "func", func, allowed)
        for refused in _NOT_OF_ONE_TASK.keys() & given.keys():
            allowed = f"no {refused} here: {_NOT_OF_ONE_TASK[refused]}"
            raise TaskDefinitionError(name, refused, given[refused], allowed)
        template = self._template(name)
        given = current_spellings(
            TaskDefinitionError, name, given, template.field_names, stacklevel=4
        )
        if self.reusable is not None and "reusable" not in given:
            for held in HELD_BY_REUSE:
                if held in given:
                    allowed = (
                        f"no {held} here, but to the environment: its containers are kept for all "
                        "its tasks; or reusable=None with it"
                    )
                    raise TaskDefinitionError(name, held, given[held], allowed)
        own = {
            "docs": func.__doc__,
            **{field: getattr(self, field) for field in self._given & SharedFields.field_names},
            **given,
            "name": name,
        }
        try:
            interface = NativeInterface.from_callable(func)
        except FieldError as error:
            raise TaskDefinitionError(name, error.field, error.value, error.allowed) from None
        self._refuse_namesake(name, func)
        make = cast("Callable[..., TaskTemplate[..., Any]]", template)
        task = make(**own, func=func, interface=interface, plugin_config=self.plugin_config)
        return self._adopt(task)

    def _refuse_namesake(self, name: str, func: Callable[..., Any]) -> None:
        """Refuse a function in the place of another; the same one may be defined anew."""
        other = getattr(self._tasks.get(name), "func", None)
        # What a function defines, it defines with each of its calls.
        if other is None or "<locals>" in func.__qualname__:
            return
        old, new = (getattr(inspect.unwrap(each), "__code__", None) for each in (other, func))
        if old is not None and new is not None and _is_in_file(old) and _is_in_file(new):
            places = [f"{code.co_filename}, line {code.co_firstlineno}" for code in (old, new)]
            if places[0] != places[1]:
                allowed = (
                    f"another name than {func.__name__!r}, which a function at {places[0]}, has "
                    f"in this environment already; this one is at {places[1]}"
                )
                raise TaskDefinitionError(name, "func", func, allowed)

    def _template(self, task: str) -> type[TaskTemplate[..., Any]]:
        registry: _Templates = registry_in_use.get()
        if self.plugin_config is None:
            return registry.template(FUNCTION_TASK_TYPE)
        template = registry.template_for(type(self.plugin_config))
        if template is None:
            allowed = (
                "the configuration of an installed task type (its `config_model`), or of one "
                "registered with TaskPluginRegistry.register"
            )
            raise TaskDefinitionError(task, "plugin_config", self.plugin_config, allowed)
        return template

    def _adopt(self, task: TaskTemplate[..., Any]) -> TaskTemplate[..., Any]:
        task._settle(parent_env=weakref.ref(self), parent_env_name=self.name)  # noqa: SLF001
        self._tasks[task.name] = task
        return task


def _class_of_method(func: Callable[..., Any]) -> str | None:
    """The class that a function is a method of, while that is defined; None for other functions."""
    owner = getattr(func, "__qualname__", "").rpartition(".")[0]
    code = getattr(func, "__code__", None)
    if not owner or owner.endswith("<locals>") or code is None:
        return None
    is_method = code.co_argcount > 0 and code.co_varnames[0] in ("self", "cls")
    return owner.rpartition(".")[2] if is_method else None


def _is_in_file(code: CodeType) -> bool:
    """Whether a function is where it was in a file, which what is typed or edited is not."""
    import linecache  # only for two functions of one name

    if not Path(code.co_filename).is_file():
        return False
    linecache.checkcache(code.co_filename)
    first, *rest = linecache.getlines(code.co_filename)[code.co_firstlineno - 1 :] or [""]
    if first.lstrip().startswith("@"):
        first = next((line for line in rest if _DEF.match(line)), "")
    return (found := _DEF.match(first)) is not None and found[1] == code.co_name
