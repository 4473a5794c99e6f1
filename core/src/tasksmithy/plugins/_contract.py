"""The load check: whether a plugin's object keeps the contract, and what to write if not."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Final

import pluggy

from tasksmithy._texts import near_misses, shorten
from tasksmithy.errors import PluginContractError
from tasksmithy.plugins._observer import Observer
from tasksmithy.plugins._task_type import TaskType, TemplateTaskType
from tasksmithy.task._declaration import has_own_constructor
from tasksmithy.task._hook import PROJECT
from tasksmithy.task._hookspecs import HOOKS, plugin_manager
from tasksmithy.task._template import TaskTemplate

_NEVER_PASSED = {
    inspect.Parameter.KEYWORD_ONLY: "a keyword-only argument",
    inspect.Parameter.VAR_POSITIONAL: "variable arguments",
    inspect.Parameter.VAR_KEYWORD: "variable keyword arguments",
}

_ORDER = (
    "the order is fixed (policies as the settings name them, the task's class, the task type, the "
    "core): leave it out"
)
_REFUSED_OPTIONS = {
    "tryfirst": _ORDER,
    "trylast": _ORDER,
    "hookwrapper": "write @hookimpl(wrapper=True), `answer = yield`, and return the answer",
    "optionalhook": (
        "a hook that this tasksmithy does not have would never be called: leave it out, and have "
        "the distribution require the tasksmithy that has the hook"
    ),
    "specname": "give the method the name of the hook",
}


_OF_JOBS = ("submit", "poll", "cancel")

CAPABILITIES: Final[Mapping[str, str]] = {
    "preemption": "ends a sync function that does not return, with its timeout and with the run",
    "processes": "makes attempts in other processes, which may die without the run",
}
"""What an executor may say that it can, and what that is."""


def as_task_type(found: Any, name: str, who: str) -> TaskType:
    """What an entry point names as a `TaskType`: an instance, a subclass, or a bare template.

    Args:
        found: the object.
        name: the task type that it is registered as.
        who: the plugin, for messages.

    Raises:
        PluginContractError: it is none of these, or it contradicts its name or the hook spec.
    """
    if inspect.isclass(found) and issubclass(found, TaskTemplate):
        found = TemplateTaskType(_task_type_of(found, name), found)
    elif inspect.isclass(found) and issubclass(found, TaskType):
        found = _made(found, who)
    if not isinstance(found, TaskType):
        kind = "" if inspect.isclass(found) else f" of type {type(found).__name__}"
        raise PluginContractError(
            f"{who} is {shorten(found)}{kind}; the entry point names a TaskType (a subclass or an "
            "instance) or a TaskTemplate subclass"
        )
    declared = found.task_type or name
    template = found.template
    if template is not None and not (
        inspect.isclass(template) and issubclass(template, TaskTemplate)
    ):
        raise PluginContractError(
            f"{who}: template={shorten(template)} is no TaskTemplate subclass"
        )
    of_template = name if template is None else _task_type_of(template, name)
    if declared != name or of_template != name:
        other = declared if declared != name else of_template
        where = ""
        if template is not None and of_template == other:
            where = f": class {template.__name__}(..., task_type={name!r})"
        raise PluginContractError(
            f"{who} says that its task type is {other!r}; the name of the entry point is the task "
            f"type, so both are {name!r} or both are {other!r}{where}"
        )
    if found.config_model is not None and (not inspect.isclass(found.config_model) or not template):
        raise PluginContractError(
            f"{who}: config_model={shorten(found.config_model)}; give a class, and with it the "
            "template that a function with such a plugin_config becomes"
        )
    check_hooks(found, who)
    _check_jobs(found, who)
    return found


def _check_jobs(task_type: TaskType, who: str) -> None:
    """Check that a task type has all hooks of a job or none, and no other execution beside it."""
    missing = [hook for hook in _OF_JOBS if not hasattr(task_type, hook)]
    if len(missing) == len(_OF_JOBS):
        return
    if missing:
        raise PluginContractError(
            f"{who} implements {', '.join(sorted({*_OF_JOBS} - {*missing}))} without "
            f"{', '.join(missing)}; a job needs {', '.join(_OF_JOBS)}"
        )
    if hasattr(task_type, "execute"):
        raise PluginContractError(
            f"{who} implements execute and submit, and a task is done by one of them: leave one out"
        )


def _task_type_of(template: type[TaskTemplate[..., Any]], name: str) -> str:
    """The task type of a class of tasks; that of `name` where only its constructor can say."""
    declares_none = template.task_type == TaskTemplate.task_type
    return name if declares_none and has_own_constructor(template) else template.task_type


def as_policy(found: Any, who: str) -> object:
    """What an entry point names as a policy: an object with hooks, or a class of such objects.

    Raises:
        PluginContractError: it has no hook, so that it would never be asked, or it breaks the
            hook spec.
    """
    policy = _made(found, who) if inspect.isclass(found) else found
    check_hooks(policy, who)
    if not any(hasattr(getattr(policy, name, None), f"{PROJECT}_impl") for name in HOOKS):
        raise PluginContractError(
            f"{who} is {shorten(policy)} of type {type(policy).__name__}, which implements no "
            "hook; a policy is an object, or a class, with methods that carry @hookimpl"
        )
    return policy


def as_observer(found: Any, who: str) -> Observer:
    """What an entry point or an option names as an observer: an instance, or a class to make now.

    Raises:
        PluginContractError: it is no observer, or could never observe.
    """
    if inspect.isclass(found) and issubclass(found, Observer):
        found = _made(found, who)
    if not isinstance(found, Observer):
        raise PluginContractError(
            f"{who} is {shorten(found)}; give a subclass of tasksmithy.Observer, or an instance"
        )
    if inspect.iscoroutinefunction(found.observe):
        raise PluginContractError(
            f"{who}: observe() is async and would never be awaited; it is called in a thread of "
            "its own and may block: write it as def"
        )
    return found


def as_executor(found: Any, who: str) -> Callable[..., Any]:
    """What an entry point or an option names as an executor: what makes one. None is made.

    Raises:
        PluginContractError: it makes nothing, or its options or capabilities are none.
    """
    if not callable(found):
        raise PluginContractError(
            f"{who} is {shorten(found)}; give a class of executors, or another callable that makes "
            "one"
        )
    model = getattr(found, "options_model", None)
    if model is not None and not inspect.isclass(model):
        raise PluginContractError(
            f"{who}: options_model={shorten(model)}; give a dataclass or a pydantic model"
        )
    capabilities: object = getattr(found, "capabilities", frozenset())
    if not isinstance(capabilities, frozenset):
        raise PluginContractError(
            f"{who}: capabilities={shorten(capabilities)}; give a frozenset of "
            f"{', '.join(CAPABILITIES)}"
        )
    for name in capabilities - CAPABILITIES.keys():
        raise PluginContractError(
            f"{who}: there is no capability {shorten(name)}{near_misses(str(name), CAPABILITIES)} "
            f"(capabilities: {', '.join(CAPABILITIES)})"
        )
    maker: Callable[..., Any] = found
    return maker


def _made(kind: type[Any], who: str) -> Any:
    try:
        return kind()
    except KeyboardInterrupt:  # more likely the person's than the plugin's
        raise
    except BaseException as error:  # also sys.exit()
        raise PluginContractError(
            f"{who}: {kind.__name__}() raised {shorten(error)}; it is made without arguments"
        ) from error


def check_hooks(plugin: object, who: str) -> None:
    """Check a plugin against the hook spec, also for what pluggy would pass over in silence.

    Raises:
        PluginContractError: a method has a hook's name but no `@hookimpl`, a `@hookimpl` has no
            hook's name or an option that is not for plugins, it wraps a hook that cannot be
            wrapped, or it takes arguments that the hook does not have or does not pass.
    """
    for name in dir(plugin):
        if inspect.ismodule(plugin) and _home(plugin, name) != plugin.__name__:
            continue  # what a module merely imports
        method = inspect.getattr_static(plugin, name, None)
        method = getattr(method, "__func__", method)  # of a staticmethod or classmethod
        options: Mapping[str, object] = getattr(method, f"{PROJECT}_impl", {})
        is_hook = bool(options)
        for option, instead in _REFUSED_OPTIONS.items():
            if options.get(option):
                raise PluginContractError(
                    f"{who}: {name!r} has @hookimpl({option}={options[option]!r}), which is not "
                    f"for plugins: {instead}"
                )
        if is_hook and name not in HOOKS:
            raise PluginContractError(
                f"{who} implements the unknown hook {name!r}{near_misses(name, HOOKS)} "
                f"(hooks: {', '.join(sorted(HOOKS))})"
            )
        if not is_hook and name in HOOKS and callable(method):
            raise PluginContractError(
                f"{who} has a method {name!r}, the name of a hook, without @hookimpl: it would "
                "never be called; decorate it (from tasksmithy import hookimpl)"
            )
        if options.get("wrapper") and (instead := HOOKS[name].unwrapped):
            raise PluginContractError(f"{who} wraps hook {name!r}: {instead}")
        if is_hook and (never := _never_passed(getattr(plugin, name), name)) is not None:
            raise PluginContractError(f"{who}: hook {name!r} takes {never}")
    if type(plugin).__hash__ is None:
        raise PluginContractError(
            f"{who} cannot be hashed, and plugins are told apart by what they are: leave out "
            "__eq__, in a dataclass by eq=False"
        )
    try:
        plugin_manager().register(plugin, who)
    except pluggy.PluginValidationError as error:
        raise PluginContractError(f"{who} breaks the hook spec: {error}") from error


def _never_passed(method: Any, hook: str) -> str | None:
    """The first parameter that the hook does not pass, and what to do; None without one."""
    passed = HOOKS[hook].arguments
    for parameter in inspect.signature(method).parameters.values():
        if parameter.kind in _NEVER_PASSED:
            return (
                f"{parameter.name!r}, {_NEVER_PASSED[parameter.kind]}, which is never passed: name "
                "the arguments that it needs, without * and **, as in (self, task)"
            )
        if parameter.name not in passed and parameter.default is parameter.empty:
            return (
                f"{parameter.name!r}, which is never passed{near_misses(parameter.name, passed)} "
                f"(arguments: {', '.join(passed)})"
            )
    return None


def _home(module: object, name: str) -> object:
    return getattr(getattr(module, name), "__module__", None)
