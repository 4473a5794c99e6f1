"""How a task asks its task type: the typed façade before pluggy, and `hooks_for(task)`.

A task knows the registry only through `hooks_for`. The registry that answers is the one that is
active where the question is asked.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol

from tasksmithy._registry_in_use import registry_in_use
from tasksmithy._texts import shorten
from tasksmithy.errors import HookError, HookResultError, TasksmithyError
from tasksmithy.task._spec import (
    DataLoadingConfig,
    Provenance,
    SerializationContext,
    Sql,
    TaskSpec,
)
from tasksmithy.values._json import not_json

if TYPE_CHECKING:
    import pluggy

    from tasksmithy.fields._secret import Secret
    from tasksmithy.task._context import RunContext


class Asking(Protocol):
    """What the façade needs to know of the task that asks."""

    @property
    def name(self) -> str:
        """Name of the task."""
        ...

    @property
    def task_type(self) -> str:
        """Its task type."""
        ...


Problem = Callable[[Any], str | None]


class TaskHooks:
    """The hooks of one task type, asked by name and checked: each answer has the type it promises.

    Args:
        task_type: the task type.
        provenance: the distribution that provides it.
        version: version of its wire format.
        heeds: the fields of a task that its execution heeds by itself.
        manager: the task type's own plugin manager.
        labels: plugin name in the manager to what messages call it.
        policies: the policies in the manager.
        overrides: the plugin that answers by the methods of the task's own class.
    """

    __slots__ = (
        "_labels",
        "_manager",
        "_overrides",
        "_policies",
        "_relay",
        "heeds",
        "provenance",
        "task_type",
        "version",
    )

    def __init__(
        self,
        task_type: str,
        provenance: Provenance,
        version: int,
        heeds: frozenset[str],
        manager: pluggy.PluginManager,
        *,
        labels: Mapping[str, str],
        policies: Sequence[object],
        overrides: object,
    ) -> None:
        self.task_type = task_type
        self.provenance = provenance
        self.version = version
        self.heeds = heeds
        self._manager = manager
        self._relay = manager.hook
        self._labels = labels
        self._policies = policies
        self._overrides = overrides

    def config(self, task: Asking, sctx: SerializationContext) -> dict[str, str]:
        """Key-value pairs that configure the execution environment."""
        return dict(self._ask("config", _no_text_mapping, task=task, sctx=sctx))

    def custom_config(self, task: Asking, sctx: SerializationContext) -> dict[str, Any]:
        """The task type's own configuration, as JSON values."""
        return dict(self._ask("custom_config", _no_json_mapping, task=task, sctx=sctx))

    def container_args(self, task: Asking, sctx: SerializationContext) -> list[str]:
        """The arguments of the task's container."""
        return list(self._ask("container_args", _no_strings, task=task, sctx=sctx))

    def sql(self, task: Asking, sctx: SerializationContext) -> Sql | str | None:
        """The task's SQL statement, or None where it has none."""
        answer: Sql | str | None = self._ask("sql", _no_sql, task=task, sctx=sctx)
        return answer

    def data_loading_config(
        self, task: Asking, sctx: SerializationContext
    ) -> DataLoadingConfig | None:
        """How inputs and outputs are side-loaded, or None where they are not."""
        answer: DataLoadingConfig | None = self._ask(
            "data_loading_config", _no_data_loading, task=task, sctx=sctx
        )
        return answer

    def cache_version(self, task: Asking) -> str:
        """What identifies the task's code, query or command."""
        return str(self._ask("cache_version", _no_text, task=task))

    def execute(self, task: Asking, inputs: Mapping[str, Any], ctx: RunContext) -> Awaitable[Any]:
        """The result of the task, once awaited."""
        answer: Awaitable[Any] = self._ask(
            "execute", _no_awaitable, task=task, inputs=inputs, ctx=ctx
        )
        return answer

    def around_execute(
        self, task: Asking, inputs: Mapping[str, Any], ctx: RunContext
    ) -> list[AbstractAsyncContextManager[Any]]:
        """What is entered around the execution, outermost first."""
        answer: list[AbstractAsyncContextManager[Any]] = self._ask(
            "around_execute", _no_context_managers, task=task, inputs=inputs, ctx=ctx
        )
        return answer

    def serialize(self, task: Asking, sctx: SerializationContext) -> TaskSpec:
        """The whole task as a cluster needs it."""
        answer: TaskSpec = self._ask("serialize", _no_task_spec, task=task, sctx=sctx)
        return answer

    def resolve_secret(self, secret: Secret) -> str | None:
        """The value of a secret, or None where no plugin knows it."""
        answer: str | None = self._ask("resolve_secret", _no_secret, secret=secret)
        return answer

    def below(self, hook: str, **arguments: Any) -> Any:
        """The answer of the task type alone, beneath policies and the task's own class."""
        above = [*self._policies, self._overrides]
        return self._manager.subset_hook_caller(hook, above)(**arguments)

    def _ask(self, hook: str, problem_with: Problem, **arguments: Any) -> Any:
        try:
            answer = getattr(self._relay, hook)(**arguments)
        except TasksmithyError:
            raise
        except Exception as error:
            provider = self._raised_by(hook, error)
            raise HookError(hook, _asking(arguments), provider, f"raised {error!r}") from error
        if (problem := problem_with(answer)) is not None:
            _drop(answer)
            provider = self._answered_by(hook, problem_with, arguments)
            raise HookResultError(hook, _asking(arguments), provider, f"returned {problem}")
        return answer

    def _raised_by(self, hook: str, error: BaseException) -> str:
        """The plugin whose implementation is the innermost on the way to `error`."""
        implementations = getattr(self._relay, hook).get_hookimpls()
        # A decorator may give several plugins one code; what it wraps is theirs alone.
        plugins = {
            function.__code__: impl.plugin_name
            for impl in implementations
            for function in (impl.function, inspect.unwrap(impl.function))
            if hasattr(function, "__code__")
        }
        name, trace = None, error.__traceback__
        while trace is not None:
            name = plugins.get(trace.tb_frame.f_code, name)
            trace = trace.tb_next
        if name is not None:
            return self._labels[name]
        # No plugin is on the way: pluggy itself refuses a wrapper that does not yield once.
        wrappers = [impl.plugin_name for impl in implementations if impl.wrapper]
        return " or ".join(self._labels[name] for name in wrappers or [self.task_type])

    def _answered_by(self, hook: str, problem_with: Problem, arguments: dict[str, Any]) -> str:
        """The plugin at fault for a wrong answer: the innermost that makes it wrong."""
        above: list[object] = []
        for plugin in self._outermost_first():
            above.append(plugin)
            try:
                answer = self._manager.subset_hook_caller(hook, above)(**arguments)
            except Exception:  # noqa: BLE001 - no answer, so not the wrong one
                fits = True
            else:
                fits = problem_with(answer) is None
                _drop(answer)
            if fits:
                return self._labels[self._manager.get_name(plugin) or ""]
        return self._labels[self.task_type]

    def _outermost_first(self) -> list[object]:
        """The plugins in the order in which they see a call."""
        return [plugin for _, plugin in reversed(self._manager.list_name_plugin())]


def _drop(answer: object) -> None:
    if inspect.iscoroutine(answer):
        answer.close()  # or there would be a warning that nobody has awaited it


def _asking(arguments: Mapping[str, Any]) -> str:
    return str(arguments["task"].name if "task" in arguments else "")


def _no_text_mapping(answer: object) -> str | None:
    if isinstance(answer, Mapping) and all(
        isinstance(text, str) for pair in answer.items() for text in pair
    ):
        return None
    return _expected("a mapping of str to str", answer)


def _no_json_mapping(answer: object) -> str | None:
    if not isinstance(answer, Mapping):
        return _expected("a mapping of JSON values", answer)
    try:
        problem = not_json(dict(answer))
    except RecursionError:
        problem = "it is nested too deeply, or in itself"
    return problem and f"a mapping that JSON cannot hold ({problem}); give JSON values"


def _no_strings(answer: object) -> str | None:
    if isinstance(answer, (list, tuple)) and all(isinstance(item, str) for item in answer):
        return None
    return _expected("a list of str", answer)


def _no_sql(answer: object) -> str | None:
    fits = answer is None or isinstance(answer, (Sql, str))
    return None if fits else _expected("Sql, str or None", answer)


def _no_data_loading(answer: object) -> str | None:
    fits = answer is None or isinstance(answer, DataLoadingConfig)
    return None if fits else _expected("DataLoadingConfig or None", answer)


def _no_text(answer: object) -> str | None:
    fits = isinstance(answer, str) and answer
    return None if fits else _expected("a str that is not empty", answer)


def _no_awaitable(answer: object) -> str | None:
    fits = inspect.isawaitable(answer)
    return None if fits else _expected("an awaitable, as `async def` makes it", answer)


def _no_context_managers(answers: list[object]) -> str | None:
    for answer in answers:
        if not isinstance(answer, AbstractAsyncContextManager):
            return _expected("an async context manager", answer)
    return None


def _no_secret(answer: object) -> str | None:
    # The wrong answer may hold a secret, so only its type is told.
    fits = answer is None or isinstance(answer, str)
    return None if fits else f"a value of type {type(answer).__name__}; give str or None"


def _no_task_spec(answer: object) -> str | None:
    if not isinstance(answer, TaskSpec):
        return _expected("a TaskSpec", answer)
    problem = not_json(answer.to_dict())
    return problem and f"a TaskSpec that JSON cannot hold ({problem}); give JSON values"


def _expected(allowed: str, answer: object) -> str:
    return f"{shorten(answer)} of type {type(answer).__name__}; give {allowed}"


class HookSource(Protocol):
    """What gives a task its hooks: a registry."""

    def hooks(self, task_type: str, *, task: str | None = None) -> TaskHooks:
        """The hooks of `task_type`, asked for by the task named `task`."""
        ...


def hooks_for(task: Asking) -> TaskHooks:
    """The hooks of the task's type, from the registry that is active here.

    Raises:
        UnknownTaskTypeError: no plugin provides the task type.
        PluginError: the plugin cannot be loaded, or does not keep the contract.
    """
    source: HookSource = registry_in_use.get()
    return source.hooks(task.task_type, task=task.name)


# A task's class may override the methods that are hook calls, as in Flyte. Called from outside,
# such a method is the whole hook call, policies included, as it is for every other task. Called by
# the hook in progress, it is the method as written, so that `super()` works as usual.
_answering: ContextVar[tuple[object, str] | None] = ContextVar("tasksmithy_answering", default=None)


@contextmanager
def answering(task: object, hook: str) -> Iterator[None]:
    """In the body, the task's method `hook` is the method as written and no hook call."""
    token = _answering.set((task, hook))
    try:
        yield
    finally:
        _answering.reset(token)


def is_answering(task: object, hook: str) -> bool:
    """Whether a hook call in progress asks for the task's method `hook` as written."""
    now = _answering.get()
    return now is not None and now[0] is task and now[1] == hook
