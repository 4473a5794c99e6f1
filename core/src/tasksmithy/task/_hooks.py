"""How a task asks its task type: the typed façade before the hooks, `hooks_for`, `hook_call`.

A task knows the registry only through `hooks_for`. The registry that answers is the one that is
active where the question is asked.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cached_property, wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, Protocol, TypeVar, cast

from tasksmithy._registry_in_use import registry_in_use
from tasksmithy.task._context import current
from tasksmithy.task._hook import Provider
from tasksmithy.task._hookspecs import HOOKS, Task, TaskTemplateSpec
from tasksmithy.task._provenance import Provenance

if TYPE_CHECKING:
    from tasksmithy.task._interface import NativeInterface

T = TypeVar("T")
P = ParamSpec("P")
C = TypeVar("C", bound="CallableTask")


class TaskHooks(TaskTemplateSpec):
    """The hooks of one task type: each a method with the arguments of the hook spec, typed.

    Who answers is asked in this order, from the outside to the inside: the policies, the task's
    own class, the task type with those that it builds on, the core.

    Args:
        task_type: the task type.
        provenance: the distribution that provides it.
        version: version of its wire format.
        heeds: the fields of a task that its execution heeds by itself.
        has_jobs: whether its execution is a job elsewhere, by `submit`.
        policies: the policies, the outermost first.
        task_class: what answers by the methods that the task's own class overrides.
        own: the task type, and those that it builds on.

    Attributes:
        answered: the hooks that have another answer than the one in the hook spec.
    """

    def __init__(
        self,
        task_type: str,
        provenance: Provenance,
        version: int,
        heeds: frozenset[str],
        *,
        has_jobs: bool = False,
        policies: Sequence[Provider] = (),
        task_class: Provider | None = None,
        own: Sequence[Provider] = (),
    ) -> None:
        self.task_type = task_type
        self.provenance = provenance
        self.version = version
        self.heeds = heeds
        self.has_jobs = has_jobs
        self._policies = policies
        self._own = own
        providers = [*policies, *([task_class] if task_class else []), *own]
        self.answered: frozenset[str] = frozenset(
            hook for each in providers for hook in each.implementations
        )
        vars(self).update({name: hook.of(providers) for name, hook in HOOKS.items()})

    @cached_property
    def of_policies(self) -> TaskHooks:
        """The hooks as the policies alone answer them."""
        return self._of(policies=self._policies)

    @cached_property
    def of_task_type(self) -> TaskHooks:
        """The hooks as the task type alone answers them, beneath policies and the task's class."""
        return self._of(own=self._own)

    def _of(self, *, policies: Sequence[Provider] = (), own: Sequence[Provider] = ()) -> TaskHooks:
        return TaskHooks(
            self.task_type, self.provenance, self.version, self.heeds, policies=policies, own=own
        )


class HookSource(Protocol):
    """What gives a task its hooks: a registry."""

    def hooks(self, task_type: str, *, task: str | None = None) -> TaskHooks:
        """The hooks of `task_type`, asked for by the task named `task`."""
        ...


def hooks_for(task: Task) -> TaskHooks:
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


class CallableTask(Task, Protocol):
    """A task with the interface that a call of it has to fit."""

    @property
    def interface(self) -> NativeInterface:
        """Its typed inputs and outputs."""
        ...


def hook_call(method: Callable[Concatenate[C, P], T]) -> Callable[Concatenate[C, P], T]:
    """Make a call of `method` the call of the hook of its name, which may come back to it."""
    hook = method.__name__

    @wraps(method)
    def call(self: C, /, *args: P.args, **kwargs: P.kwargs) -> T:
        now = _answering.get()
        if now is not None and now[0] is self and now[1] == hook:
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
