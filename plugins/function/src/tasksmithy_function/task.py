"""AsyncFunctionTaskTemplate: the task that a decorated function becomes."""

from __future__ import annotations

import importlib
import inspect
import operator
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, TypeVar, cast

from tasksmithy import TaskTemplate, task_field
from tasksmithy.errors import FieldError, TaskDefinitionError
from tasksmithy.extend import TaskPluginRegistry

if TYPE_CHECKING:
    from tasksmithy import SerializationContext

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)


class FunctionReference(NamedTuple):
    """Where a decorated function is found, for pickling: its name in the module is now the task's.

    Attributes:
        module: name of the module.
        qualname: name in the module, with dots.
    """

    module: str
    qualname: str

    @classmethod
    def to(cls, func: Callable[..., Any]) -> FunctionReference | None:
        """The reference to a function whose name is its task's; None where it is its own."""
        reference = cls(getattr(func, "__module__", ""), getattr(func, "__qualname__", ""))
        try:
            found = operator.attrgetter(reference.qualname)(sys.modules[reference.module])
        except (KeyError, AttributeError, TypeError):
            return None
        decorated = isinstance(found, AsyncFunctionTaskTemplate) and found.func is func
        # What is typed in a shell or a notebook has a name that means nothing elsewhere.
        typed = reference.module == "__main__" and not hasattr(sys.modules["__main__"], "__file__")
        return reference if decorated and not typed else None

    def resolve(self) -> Callable[..., Any]:
        """The function.

        Raises:
            ImportError, AttributeError: the module or the task is not there.
        """
        task = operator.attrgetter(self.qualname)(importlib.import_module(self.module))
        return cast("AsyncFunctionTaskTemplate[..., Any]", task).func


def _function(name: str, value: object) -> object:
    if not callable(value):
        raise FieldError(name, value, "a function")
    return value


class AsyncFunctionTaskTemplate(TaskTemplate[P, R_co], task_type="python"):
    """A task whose code is a Python function: what `TaskEnvironment.task` makes of one.

    >>> from tasksmithy import TaskEnvironment, run
    >>> env = TaskEnvironment(name="sums")
    >>> @env.task(retries=2)
    ... def add(a: int, b: int = 1) -> int:
    ...     return a + b
    >>> run(add, a=2)
    3

    An async function runs in the event loop and is called with `await`; a sync function runs in a
    thread and is called without. Called outside a run, a task is simply its function.

    Raises:
        TaskDefinitionError: a field's value is not allowed, or `func` is no function.
    """

    func: Callable[P, R_co] = task_field(
        check=_function,
        overridable=False,  # the interface is that function's
        doc="the function.",
    )
    plugin_config: Any = task_field(
        default=None, doc="configuration of a task type that builds on this one, or None."
    )
    _call_as_synchronous: bool = task_field(
        default=False,
        repr=False,
        derived=lambda task: (
            task._call_as_synchronous or not inspect.iscoroutinefunction(task.func)  # noqa: SLF001
        ),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        reusable = self.reusable
        if reusable is not None and reusable.concurrency > 1 and self._call_as_synchronous:
            allowed = "1 for a sync function, or an async one: calls at once share its event loop"
            raise FieldError("reusable.concurrency", reusable.concurrency, allowed)

    def forward(self, /, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Call the function: no retries, no policies, no record, as a unit test wants it."""
        return self.func(*args, **kwargs)

    # Flyte has another name for the argument here than in the base.
    def container_args(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, serialize_context: SerializationContext
    ) -> list[str]:
        """The arguments by which a container finds and runs the function."""
        return super().container_args(serialize_context)

    @property
    def source_file(self) -> str | None:
        """The file that the function is defined in, or None where it has none."""
        code = getattr(inspect.unwrap(self.func), "__code__", None)
        return code.co_filename if code is not None else None

    @property
    def source_line(self) -> int | None:
        """The line of that file at which the function, with its decorators, begins."""
        code = getattr(inspect.unwrap(self.func), "__code__", None)
        return code.co_firstlineno if code is not None else None

    def __getstate__(self) -> dict[str, Any]:
        reference = FunctionReference.to(self.func)
        state = super().__getstate__()
        return state if reference is None else {**state, "func": reference}

    def __setstate__(self, state: dict[str, Any]) -> None:
        func = state["func"]
        if isinstance(func, FunctionReference):
            state = {**state, "func": func.resolve()}
        self.__dict__.update(state)

    def _rebuilt(self, changes: Mapping[str, Any]) -> Any:
        if "plugin_config" not in changes:
            return super()._rebuilt(changes)
        # Another configuration is another task type: the task becomes one of that type's class.
        template = _template(self.name, changes["plugin_config"])
        # What was given is kept; what was not is as the class of the other type has it.
        given = (self._given | changes.keys()) - {"task_type", "task_type_version"}
        fields = {name: getattr(self, name) for name in given & template.field_names}
        fields |= {"parent_env": self.parent_env, "parent_env_name": self.parent_env_name}
        return cast("Callable[..., Any]", template)(**{**fields, **changes})


def _template(task: str, plugin_config: object) -> type[TaskTemplate[..., Any]]:
    if plugin_config is None:
        return AsyncFunctionTaskTemplate
    template = TaskPluginRegistry.find(type(plugin_config))
    if template is None:
        raise TaskDefinitionError(
            task, "plugin_config", plugin_config, "the configuration of an installed task type"
        )
    return template
