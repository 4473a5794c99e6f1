"""TaskTemplate: a task as data, with the methods by which it is asked, run and overridden."""

from __future__ import annotations

import functools
import inspect
import weakref
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import fields
from types import FunctionType
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Final,
    Generic,
    Literal,
    ParamSpec,
    Self,
    TypeVar,
    cast,
    overload,
)

from tasksmithy import checks
from tasksmithy._texts import near_misses
from tasksmithy.errors import FieldError, TaskDefinitionError
from tasksmithy.task._attempt import outside_runs
from tasksmithy.task._context import current, run_of_call
from tasksmithy.task._declaration import UNSET, Unset
from tasksmithy.task._field import given_type, task_field
from tasksmithy.task._hooks import hook_call, hooks_for
from tasksmithy.task._interface import NativeInterface
from tasksmithy.task._spellings import current_spellings
from tasksmithy.task._task_fields import HELD_BY_REUSE, TaskFields

if TYPE_CHECKING:
    from tasksmithy.fields._cache import Cache, CacheRequest
    from tasksmithy.fields._documentation import Documentation
    from tasksmithy.fields._image import Image
    from tasksmithy.fields._link import Link
    from tasksmithy.fields._pod import PodTemplate
    from tasksmithy.fields._resources import Resources
    from tasksmithy.fields._retry import RetryStrategy
    from tasksmithy.fields._reuse import ReusePolicy
    from tasksmithy.fields._secret import Secret, SecretRequest
    from tasksmithy.fields._timeout import Timeout, TimeoutType
    from tasksmithy.fields._trigger import Trigger
    from tasksmithy.task._field import Converted
    from tasksmithy.task._spec import DataLoadingConfig, SerializationContext, Sql

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)
T = TypeVar("T")


def _interface(name: str, value: object) -> NativeInterface:
    if not isinstance(value, NativeInterface):
        raise FieldError(name, value, "a NativeInterface")
    return checks.checked(name, value)


def _reference(name: str, value: object) -> object:
    if value is not None and not isinstance(value, weakref.ReferenceType):
        raise FieldError(name, value, "a weak reference to a TaskEnvironment, or None")
    return value


def _optional_name(name: str, value: object) -> str | None:
    return None if value is None else checks.non_empty(name, value)


class TaskTemplate(TaskFields, Generic[P, R_co]):
    """A task: a name, an interface, a task type, and how it is to be run.

    A subclass names its task type in the class line, needs no decorator, and declares fields of
    its own as a dataclass does: `class SQLTask(TaskTemplate, task_type="sql")`.

    A template is frozen, hashable, and can be pickled (without its environment). Every field is
    checked when the task is defined.

    Raises:
        TaskDefinitionError: a field is unknown or missing, or its value is not allowed.
    """

    name: str = task_field(
        check=functools.partial(checks.name_of_at_most, 255),
        overridable=False,
        doc="name of the task, unique in a deployment.",
    )
    interface: NativeInterface = task_field(
        check=_interface, overridable=False, doc="typed inputs and outputs."
    )
    task_type: str = task_field(
        default="python",
        check=checks.non_empty,
        overridable=False,
        doc="the task type whose plugin answers for the task.",
    )
    parent_env: weakref.ReferenceType[Any] | None = task_field(
        default=None,
        repr=False,
        compare=False,
        check=_reference,
        overridable=False,
        doc="weak reference to the environment that the task belongs to.",
    )
    parent_env_name: str | None = task_field(
        default=None,
        check=_optional_name,
        overridable=False,
        doc="name of that environment.",
    )
    ref: bool = task_field(
        default=False,
        check=checks.boolean,
        doc="whether this is a reference to a task that is deployed elsewhere.",
    )
    _call_as_synchronous: bool = task_field(default=False, repr=False, check=checks.boolean)

    if TYPE_CHECKING:
        # mypy reads a `Converted` that a frozen class inherits as what may be given.
        image: Converted[str | Image | None, Image | Literal["auto"] | None] = task_field(
            default=...
        )
        secrets: Converted[SecretRequest | None, tuple[Secret, ...]] = task_field(default=...)
        cache: Converted[CacheRequest, Cache] = task_field(default=...)
        retries: Converted[int | RetryStrategy, RetryStrategy] = task_field(default=...)
        docs: Converted[str | Documentation | None, Documentation | None] = task_field(default=...)
        timeout: Converted[TimeoutType | None, Timeout] = task_field(default=...)
        triggers: Converted[Trigger | Sequence[Trigger], tuple[Trigger, ...]] = task_field(
            default=...
        )

    overridden_hooks: ClassVar[frozenset[str]] = frozenset()

    _error = TaskDefinitionError

    def __init_subclass__(cls, *, task_type: str | None = None) -> None:
        if task_type is not None:
            cls.task_type = task_type
        _refuse_hidden_methods(cls)
        super().__init_subclass__()
        overridden = set()
        for hook in HOOK_METHODS:
            owner = next(base for base in cls.__mro__ if hook in base.__dict__)
            if owner is TaskTemplate:
                continue
            overridden.add(hook)
            # What another template overrides is a hook call already; a mixin's method is not.
            if owner is cls or not issubclass(owner, TaskTemplate):
                setattr(cls, hook, hook_call(owner.__dict__[hook]))
        cls.overridden_hooks = frozenset(overridden)

    def __post_init__(self) -> None:
        super().__post_init__()
        known = self.interface.inputs
        for name in self.cache.ignored:
            if name not in known:
                allowed = f"names of its inputs ({', '.join(known) or 'it has none'})"
                raise FieldError(
                    "cache.ignored_inputs", name, f"{allowed}{near_misses(name, known)}"
                )
        if self.triggers:
            from tasksmithy.task._trigger_checks import check_triggers

            check_triggers(self.interface, self.triggers)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r}, task_type={self.task_type!r})"

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "parent_env": None}

    # Asking: what a cluster needs to know. Each of these is a hook call.

    @hook_call
    def config(self, sctx: SerializationContext) -> dict[str, str]:
        """Key-value pairs that configure the execution environment (hook `config`)."""
        return hooks_for(self).of_task_type.config(self, sctx)

    @hook_call
    def custom_config(self, sctx: SerializationContext) -> dict[str, Any]:
        """The task type's own configuration, as JSON values (hook `custom_config`)."""
        return hooks_for(self).of_task_type.custom_config(self, sctx)

    @hook_call
    def container_args(self, sctx: SerializationContext) -> list[str]:
        """The arguments of the task's container (hook `container_args`)."""
        return hooks_for(self).of_task_type.container_args(self, sctx)

    @hook_call
    def sql(self, sctx: SerializationContext) -> Sql | str | None:
        """The task's SQL statement, or None where it has none (hook `sql`)."""
        return hooks_for(self).of_task_type.sql(self, sctx)

    @hook_call
    def data_loading_config(self, sctx: SerializationContext) -> DataLoadingConfig | None:
        """How inputs and outputs are side-loaded, or None (hook `data_loading_config`)."""
        return hooks_for(self).of_task_type.data_loading_config(self, sctx)

    @property
    def native_interface(self) -> NativeInterface:
        """The typed inputs and outputs."""
        return self.interface

    @property
    def source_file(self) -> str | None:
        """The file that the task's function is defined in, or None where it has no function."""
        return None

    @property
    def source_line(self) -> int | None:
        """The line of that file at which the function, with its decorators, begins."""
        return None

    # Running: `pre`, then `execute`, then `post`, for every task type.

    def pre(self, /, *args: Any, **kwargs: Any) -> Any:  # noqa: ARG002 - for those who override
        """Called before `execute` with the same inputs; may be async, as this one is.

        Returns:
            A mapping that `execute` finds as `current().data`; None is none.
        """
        return _given({})

    @hook_call
    def execute(self, /, *args: Any, **kwargs: Any) -> Any:
        """What the task does, once awaited (hook `execute`), without `pre` and `post`."""
        inputs = self.interface.bind(self.name, args, kwargs)
        return hooks_for(self).of_task_type.execute(self, inputs, current())

    def post(self, return_vals: Any) -> Any:
        """Called after `execute` with what it returned; may be async, as this one is.

        Returns:
            The result of the task; None leaves it as `execute` returned it.
        """
        return _given(return_vals)

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Run as a child of the task that calls; outside a run, the same as `forward`."""
        run = run_of_call(self.name)
        if run is None:
            return self.forward(*args, **kwargs)
        result: Any = run.child(self, args, kwargs)
        if self._call_as_synchronous:
            return cast("R_co", _waited_for(result))
        result.__qualname__ = self.name  # Python tells it of a coroutine that is never awaited
        return cast("R_co", result)

    def forward(self, /, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Run here and now, outside any run: no retries, no cache, no record.

        Returns:
            The result, or a coroutine of it where the task is called with `await`.
        """
        inputs = self.interface.bind(self.name, args, kwargs)
        result = outside_runs(self, inputs)
        return cast("R_co", _waited_for(result) if self._call_as_synchronous else result)

    @overload
    def aio(
        self: TaskTemplate[P, Coroutine[Any, Any, T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[Any, Any, T]: ...
    @overload
    def aio(self, /, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R_co]: ...
    async def aio(self, /, *args: P.args, **kwargs: P.kwargs) -> Any:
        """Call with `await`, also where the task is called without: it leaves the loop free."""
        run = run_of_call(self.name)
        if run is not None:
            return await run.child(self, args, kwargs)
        inputs = self.interface.bind(self.name, args, kwargs)
        return await outside_runs(self, inputs)

    # Overriding

    if TYPE_CHECKING:

        def override(
            self,
            *,
            short_name: str | Unset = UNSET,
            task_type_version: int | Unset = UNSET,
            resources: Resources | Unset | None = UNSET,
            cache: CacheRequest | Unset = UNSET,
            interruptible: bool | Unset = UNSET,
            retries: int | RetryStrategy | Unset = UNSET,
            reusable: ReusePolicy | Literal["off"] | Unset | None = UNSET,
            env_vars: Mapping[str, str] | Unset | None = UNSET,
            secrets: SecretRequest | Unset | None = UNSET,
            timeout: TimeoutType | Unset | None = UNSET,
            pod_template: str | PodTemplate | Unset | None = UNSET,
            report: bool | Unset = UNSET,
            queue: str | Unset | None = UNSET,
            debuggable: bool | Unset = UNSET,
            entrypoint: bool | Unset = UNSET,
            ref: bool | Unset = UNSET,
            max_inline_io_bytes: int | Unset = UNSET,
            triggers: Trigger | Sequence[Trigger] | Unset = UNSET,
            links: Link | Sequence[Link] | Unset = UNSET,
            **own: Any,
        ) -> Self: ...

    else:

        def override(self, **changes):
            """The same task with other values in the given fields; a value replaces.

            What is given is set, also None, 0, "" and {}; nothing merges. A field that the task
            type adds is given by its name. `reusable="off"` means None.

            Raises:
                TaskDefinitionError: the value is not allowed, the field is unknown or fixed (name,
                    image, docs, interface, task type, environment), or it is resources, env_vars,
                    secrets or pod_template of a reusable task: containers that are kept cannot
                    change them.
            """
            changes = {name: value for name, value in changes.items() if value is not UNSET}
            if not changes.keys() <= self._overridable:
                changes = self._as_overridable(changes)
            if changes.get("reusable") == "off":
                changes["reusable"] = None
            elif self.reusable is not None or changes.get("reusable") is not None:
                for name in HELD_BY_REUSE:
                    if name in changes:
                        allowed = f"no {name} for a reusable task, or reusable='off' with it"
                        raise self._error(self.name, name, changes[name], allowed)
            return self._rebuilt(changes)

    def _as_overridable(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """`given` in the spellings of today, all of them fields that may change."""
        changes = current_spellings(self._error, self.name, given, self.field_names, stacklevel=4)
        for name, value in changes.items():
            if name in self.fixed_fields:
                allowed = f"no {name}: it is fixed when the task is defined"
                raise self._error(self.name, name, value, allowed)
            if name not in self.field_names:
                close = near_misses(name, self._overridable)
                allowed = f"a field of {type(self).__name__}{close}"
                raise self._error(self.name, name, value, allowed)
        return changes


def _override_signature() -> inspect.Signature:
    """The parameters of `override`: the fields that it changes, and those of a task type."""
    named = [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=UNSET, annotation=given_type(field)
        )
        for field in fields(TaskTemplate)
        if field.name not in TaskTemplate.fixed_fields and not field.name.startswith("_")
    ]
    first = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return inspect.Signature(
        [first, *named, inspect.Parameter("own", inspect.Parameter.VAR_KEYWORD)]
    )


TaskTemplate.override.__signature__ = _override_signature()  # type: ignore[attr-defined]


async def _given(value: Any) -> Any:
    return value


def _waited_for(result: Coroutine[Any, Any, Any]) -> Any:
    from tasksmithy.concurrency._threads import wait_for  # with asyncio, which no definition needs

    return wait_for(result)


def _refuse_hidden_methods(cls: type) -> None:
    """Refuse a class with a field where every task has a method, such as `sql`."""
    values = {name for name, value in vars(cls).items() if not hasattr(value, "__get__")}
    for name in values | inspect.get_annotations(cls).keys():
        if isinstance(vars(TaskTemplate).get(name), (FunctionType, property)):
            raise TypeError(
                f"{cls.__name__} has a field {name!r}, which would hide the method of this name "
                "that every task has; give the field another name"
            )


HOOK_METHODS: Final = tuple(
    name for name, method in vars(TaskTemplate).items() if hasattr(method, "is_hook_call")
)
"""The methods of a task that are hook calls, and that its class may override."""
