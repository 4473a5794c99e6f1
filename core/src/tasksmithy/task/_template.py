"""TaskTemplate: a task as data, with the methods by which it is asked, run and overridden."""

from __future__ import annotations

import functools
import inspect
import weakref
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import field
from types import FunctionType
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Concatenate,
    Final,
    Generic,
    Literal,
    ParamSpec,
    TypeVar,
    cast,
    overload,
)

from tasksmithy import checks
from tasksmithy._texts import near_misses
from tasksmithy.errors import FieldError, TaskDefinitionError
from tasksmithy.fields._cache import Cache, CacheRequest
from tasksmithy.fields._documentation import Documentation
from tasksmithy.fields._resources import Resources
from tasksmithy.fields._retry import RetryStrategy
from tasksmithy.fields._reuse import ReusePolicy
from tasksmithy.fields._secret import SecretRequest, secrets_of
from tasksmithy.fields._timeout import Timeout, TimeoutType
from tasksmithy.task._attempt import pre_execute_post
from tasksmithy.task._context import RunContext, current
from tasksmithy.task._declaration import UNSET, Check, Definition, Unset, current_spellings
from tasksmithy.task._hooks import hooks_for, is_answering
from tasksmithy.task._interface import NativeInterface
from tasksmithy.task._spec import DataLoadingConfig, SerializationContext, Sql

if TYPE_CHECKING:  # most tasks have none of these, and would wait for their import
    from tasksmithy.fields._image import Image
    from tasksmithy.fields._link import Link
    from tasksmithy.fields._pod import PodTemplate
    from tasksmithy.fields._trigger import Trigger

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
Q = ParamSpec("Q")
S = TypeVar("S", bound="TaskTemplate[..., Any]")

MAX_INLINE_IO_BYTES: Final = 10 * 1024 * 1024
"""Default of `max_inline_io_bytes`: 10 MiB."""

_HELD_BY_REUSE: Final = ("resources", "env_vars", "secrets")


def _interface(name: str, value: object) -> NativeInterface:
    if not isinstance(value, NativeInterface):
        raise FieldError(name, value, "a NativeInterface")
    return checks.checked(name, value)


def _image(name: str, value: Any) -> str | Image:
    if value == "auto":
        return "auto"
    from tasksmithy.fields._image import Image

    return Image.of(value, name)


def _pod_template(name: str, value: object) -> object:
    if value is None or isinstance(value, str):
        return value if value is None else checks.non_empty(name, value)
    from tasksmithy.fields._pod import PodTemplate

    return _instance(PodTemplate)(name, value)


def _triggers(name: str, value: object) -> object:
    if value == ():
        return ()
    from tasksmithy.fields._trigger import Trigger

    return _each(Trigger)(name, value)


def _links(name: str, value: object) -> object:
    if value == ():
        return ()
    from tasksmithy.fields._link import Link

    return _each(Link)(name, value)


def _instance(kind: type[Any]) -> Check:
    def check(name: str, value: object) -> object:
        if value is None:
            return None
        if not isinstance(value, kind):
            raise FieldError(name, value, f"a {kind.__name__} or None")
        return checks.checked(name, value)

    return check


def _reference(name: str, value: object) -> object:
    if value is not None and not isinstance(value, weakref.ReferenceType):
        raise FieldError(name, value, "a weak reference to a TaskEnvironment, or None")
    return value


def _each(kind: type[Any]) -> Check:
    def check(name: str, value: object) -> tuple[Any, ...]:
        items = tuple(value) if isinstance(value, (list, tuple)) else (value,)
        for index, item in enumerate(items):
            if not isinstance(item, kind):
                raise FieldError(f"{name}[{index}]", item, f"a {kind.__name__}")
            checks.checked(f"{name}[{index}]", item)
        return items

    return check


def _optional(check: Check) -> Check:
    return lambda name, value: None if value is None else check(name, value)


def hook_call(method: Callable[Concatenate[S, Q], T]) -> Callable[Concatenate[S, Q], T]:
    """Make a call of `method` the call of the hook of its name, which may come back to it."""
    hook = method.__name__

    @functools.wraps(method)
    def call(self: S, /, *args: Q.args, **kwargs: Q.kwargs) -> T:
        if is_answering(self, hook):
            return method(self, *args, **kwargs)
        ask = getattr(hooks_for(self), hook)
        if hook == "execute":
            answer = ask(self, self.interface.bind(self.name, args, kwargs), current())
        else:
            given = inspect.signature(method).bind(self, *args, **kwargs)
            answer = ask(*given.args, *given.kwargs.values())
        return cast("T", answer)

    vars(call)["is_hook_call"] = True
    return call


class TaskTemplate(Definition, Generic[P, R]):
    """A task: a name, an interface, a task type, and how it is to be run.

    A subclass names its task type in the class line, needs no decorator, and declares fields of
    its own as a dataclass does: `class SQLTask(TaskTemplate, task_type="sql")`.

    A template is frozen, hashable, and can be pickled (without its environment). Every field is
    checked when the task is defined.

    Args:
        name: name of the task, unique in a deployment.
        interface: typed inputs and outputs.
        short_name: name for display; the name, where it is empty.
        task_type: the task type whose plugin answers for the task.
        task_type_version: version of the task type's wire format.
        image: image reference, an `Image`, or `"auto"` for the default image.
        resources: compute resources.
        cache: cache policy: `"auto"`, `"override"`, `"disable"` or a `Cache`.
        interruptible: whether the task may run on machines that can be taken away.
        retries: how many retries follow a failed attempt, or a `RetryStrategy`.
        reusable: how containers are kept for several executions, or None for one each.
        docs: documentation; text is its description.
        env_vars: environment variables.
        secrets: secrets that are handed out to the task.
        timeout: bounds on the task's time; a number is `max_runtime` in seconds.
        pod_template: a pod template, or the name of one that the cluster has.
        report: whether the tabs that the task adds with `tasksmithy.report` are kept.
        queue: the queue to run in, or None for the default one.
        debuggable: whether the task can be debugged where it runs.
        entrypoint: whether the task is where an execution of its module starts.
        parent_env: weak reference to the environment that the task belongs to.
        parent_env_name: name of that environment.
        ref: whether this is a reference to a task that is deployed elsewhere.
        max_inline_io_bytes: largest size of inputs or outputs passed inline, in bytes.
        triggers: what starts the task by time.
        links: links shown beside the task.

    Raises:
        TaskDefinitionError: a field is unknown or missing, or its value is not allowed.
    """

    name: str
    interface: NativeInterface
    short_name: str = ""
    task_type: str = "python"
    task_type_version: int = 0
    image: str | Image | Literal["auto"] = "auto"
    resources: Resources | None = None
    cache: CacheRequest = "disable"
    interruptible: bool = False
    retries: int | RetryStrategy = 0
    reusable: ReusePolicy | None = None
    docs: Documentation | None = None
    env_vars: Mapping[str, str] | None = None
    secrets: SecretRequest | None = None
    timeout: TimeoutType | None = None
    pod_template: str | PodTemplate | None = None
    report: bool = False
    queue: str | None = None
    debuggable: bool = False
    entrypoint: bool = False
    parent_env: weakref.ReferenceType[Any] | None = field(default=None, repr=False, compare=False)
    parent_env_name: str | None = None
    ref: bool = False
    max_inline_io_bytes: int = MAX_INLINE_IO_BYTES
    triggers: tuple[Trigger, ...] = ()
    links: tuple[Link, ...] = ()
    _call_as_synchronous: bool = field(default=False, repr=False)

    overridden_hooks: ClassVar[frozenset[str]] = frozenset()
    fixed_fields: ClassVar[frozenset[str]] = frozenset(
        {"name", "image", "docs", "interface", "task_type", "parent_env", "parent_env_name"}
    )
    """The names of the fields that `override` does not change."""

    _error = TaskDefinitionError
    _checks: ClassVar[Mapping[str, Check]] = {
        "name": checks.non_empty,
        "interface": _interface,
        "short_name": checks.text,
        "task_type": checks.non_empty,
        "task_type_version": lambda name, value: checks.integer(name, value, 0),
        "image": _image,
        "resources": _instance(Resources),
        "cache": lambda name, value: Cache.of(value, name),
        "interruptible": checks.boolean,
        "retries": lambda name, value: RetryStrategy.of(value, name),
        "reusable": _instance(ReusePolicy),
        "docs": lambda name, value: Documentation.of(value, name),
        "env_vars": _optional(checks.env_vars),
        "secrets": lambda name, value: secrets_of(value, name),
        "timeout": lambda name, value: Timeout.of(value, name),
        "pod_template": _pod_template,
        "report": checks.boolean,
        "queue": _optional(checks.non_empty),
        "debuggable": checks.boolean,
        "entrypoint": checks.boolean,
        "parent_env": _reference,
        "parent_env_name": _optional(checks.non_empty),
        "ref": checks.boolean,
        "max_inline_io_bytes": lambda name, value: checks.integer(name, value, 0),
        "triggers": _triggers,
        "links": _links,
        "_call_as_synchronous": checks.boolean,
    }

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
        if not self.short_name:
            self._settle(short_name=self.name)
        known = self.interface.inputs
        for name in cast("Cache", self.cache).ignored:
            if name not in known:
                allowed = f"names of its inputs ({', '.join(known) or 'it has none'})"
                raise FieldError(
                    "cache.ignored_inputs", name, f"{allowed}{near_misses(name, known)}"
                )

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

    # Running: `pre`, then `execute`, then `post`, for every task type.

    def pre(self, /, *args: Any, **kwargs: Any) -> Any:  # noqa: ARG002 - for those who override
        """Called before `execute` with the same inputs; may be async.

        Returns:
            A mapping that `execute` finds as `current().data`.
        """
        return {}

    @hook_call
    def execute(self, /, *args: Any, **kwargs: Any) -> Any:
        """What the task does, once awaited (hook `execute`), without `pre` and `post`."""
        inputs = self.interface.bind(self.name, args, kwargs)
        return hooks_for(self).of_task_type.execute(self, inputs, current())

    def post(self, return_vals: Any) -> Any:
        """Called after `execute` with what it returned; may be async.

        Returns:
            The result of the task.
        """
        return return_vals

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run as a child of the task that calls; outside a run, the same as `forward`."""
        run = current().run
        if run is None:
            return self.forward(*args, **kwargs)
        result = run.child(self, args, kwargs)
        return cast("R", _waited_for(result) if self._call_as_synchronous else result)

    def forward(self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run here and now, outside any run: no retries, no cache, no record.

        Returns:
            The result, or a coroutine of it where the task is called with `await`.
        """
        inputs = self.interface.bind(self.name, args, kwargs)
        result = pre_execute_post(self, inputs, RunContext())
        return cast("R", _waited_for(result) if self._call_as_synchronous else result)

    @overload
    def aio(
        self: TaskTemplate[P, Coroutine[Any, Any, T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[Any, Any, T]: ...
    @overload
    def aio(self, /, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R]: ...
    async def aio(self, /, *args: P.args, **kwargs: P.kwargs) -> Any:
        """Call with `await`, also where the task is called without: it leaves the loop free."""
        run = current().run
        if run is not None:
            return await run.child(self, args, kwargs)
        inputs = self.interface.bind(self.name, args, kwargs)
        return await pre_execute_post(self, inputs, RunContext())

    # Overriding

    def override(
        self,
        *,
        short_name: str | Unset = UNSET,
        resources: Resources | Unset | None = UNSET,
        cache: CacheRequest | Unset = UNSET,
        retries: int | RetryStrategy | Unset = UNSET,
        timeout: TimeoutType | Unset | None = UNSET,
        reusable: ReusePolicy | Literal["off"] | Unset | None = UNSET,
        env_vars: Mapping[str, str] | Unset | None = UNSET,
        secrets: SecretRequest | Unset | None = UNSET,
        max_inline_io_bytes: int | Unset = UNSET,
        pod_template: str | PodTemplate | Unset | None = UNSET,
        queue: str | Unset | None = UNSET,
        interruptible: bool | Unset = UNSET,
        entrypoint: bool | Unset = UNSET,
        links: tuple[Link, ...] | Unset = UNSET,
        **kwargs: Any,
    ) -> TaskTemplate[P, R]:
        """The same task with other values in the given fields; a value replaces, nothing merges.

        What is given is set, also None, 0, "" and {}. A field that the task type adds is given
        by its name. `reusable="off"` means None.

        Raises:
            TaskDefinitionError: the value is not allowed, the field is unknown or fixed (name,
                image, docs, interface, task type, environment), or it is resources, env_vars or
                secrets of a reusable task: containers that are kept cannot change them.
        """
        named = {
            "short_name": short_name,
            "resources": resources,
            "cache": cache,
            "retries": retries,
            "timeout": timeout,
            "reusable": reusable,
            "env_vars": env_vars,
            "secrets": secrets,
            "max_inline_io_bytes": max_inline_io_bytes,
            "pod_template": pod_template,
            "queue": queue,
            "interruptible": interruptible,
            "entrypoint": entrypoint,
            "links": links,
        }
        changes = {name: value for name, value in named.items() if value is not UNSET}
        if kwargs:
            changes = self._with_others(changes, kwargs)
        if changes.get("reusable") == "off":
            changes["reusable"] = None
        elif self.reusable is not None or changes.get("reusable") is not None:
            for name in _HELD_BY_REUSE:
                if name in changes:
                    allowed = f"no {name} for a reusable task, or reusable='off' with it"
                    raise self._error(self.name, name, changes[name], allowed)
        return cast("TaskTemplate[P, R]", self._rebuilt(changes))

    def _with_others(self, changes: dict[str, Any], others: Mapping[str, Any]) -> dict[str, Any]:
        """`changes` and those that are no named parameters, all of them fields that may change."""
        given = changes | {name: value for name, value in others.items() if value is not UNSET}
        given = current_spellings(self._error, self.name, given, self.field_names, stacklevel=4)
        for name, value in given.items():
            if name in self.fixed_fields:
                allowed = f"no {name}: it is fixed when the task is defined"
                raise self._error(self.name, name, value, allowed)
            if name not in self.field_names:
                overridable = self.field_names - self.fixed_fields
                allowed = f"a field of {type(self).__name__}{near_misses(name, overridable)}"
                raise self._error(self.name, name, value, allowed)
        return given


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
