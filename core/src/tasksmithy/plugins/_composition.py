"""From a task type and the policies to the hooks that its tasks ask."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tasksmithy import __version__
from tasksmithy.plugins._class_overrides import OVERRIDES
from tasksmithy.plugins._defaults import CoreDefaults
from tasksmithy.plugins._loading import LoadedPolicy, LoadedTaskType
from tasksmithy.plugins._task_type import TaskType
from tasksmithy.task._hook import Implementation, Provider
from tasksmithy.task._hooks import TaskHooks
from tasksmithy.task._hookspecs import HOOKS, plugin_manager
from tasksmithy.task._template import TaskTemplate


def lineage(
    task_type: str, loaded: LoadedTaskType, find: Callable[[str], LoadedTaskType]
) -> Sequence[LoadedTaskType]:
    """A task type, and those that its template builds on by its base classes, nearest first.

    Nearest as Python looks attributes up, also where there are several bases. A base that names no
    task type is none's, and a task type whose class another one has as a base class is not asked a
    second time.

    Args:
        task_type: its name.
        loaded: the task type.
        find: gives a task type by its name.

    Raises:
        UnknownTaskTypeError: no plugin provides one of them.
        PluginError: the plugin of one of them cannot be used.
    """
    template = loaded.task_type.template
    bases = template.__mro__[1:] if template else ()
    templates = [
        base for base in bases if issubclass(base, TaskTemplate) and base is not TaskTemplate
    ]
    names = [base.task_type for base in templates if "task_type" in vars(base)]
    types = [loaded]
    for name in dict.fromkeys(names):
        if name == task_type:
            continue
        other = find(name)
        if not any(isinstance(each.task_type, type(other.task_type)) for each in types):
            types.append(other)
    return types


def hooks_of(
    name: str, types: Sequence[LoadedTaskType], policies: Sequence[LoadedPolicy]
) -> TaskHooks:
    """The hooks of a task type, with a plugin manager of its own.

    Args:
        name: the task type.
        types: it, and those that it builds on, nearest first.
        policies: the policies, the outermost first.
    """
    manager = plugin_manager()

    def provider(plugin: object, label: str) -> Provider:
        manager.register(plugin, label)
        implementations = {
            hook: Implementation(each.function, each.argnames, each.wrapper)
            for hook in HOOKS
            for each in getattr(manager.hook, hook).get_hookimpls()
            if each.plugin is plugin
        }
        if isinstance(plugin, TaskType) and "submit" in implementations:
            from tasksmithy.task._job_result import job_result  # most task types have no jobs

            implementations["execute"] = Implementation(job_result, HOOKS["execute"].arguments)
        return Provider(label, implementations)

    itself, executing = types[0], _executing(types)
    defaults = CoreDefaults(itself.task_type.template or TaskTemplate)
    hooks = TaskHooks(
        name,
        itself.provenance,
        itself.task_type.version,
        itself.task_type.heeds | (executing.heeds if executing else frozenset()),
        has_jobs=hasattr(executing, "submit"),
        policies=[provider(*each) for each in policies],
        task_class=Provider(f"the task's class, of {itself.label}", OVERRIDES),
        own=[
            *(provider(each.task_type, each.label) for each in types),
            provider(defaults, f"tasksmithy {__version__} itself"),
        ],
    )
    defaults.hooks = hooks
    return hooks


def is_of_the_run(policy: object) -> bool:
    """Whether only a run asks a policy, so that no other process has a use for it."""
    implemented = {hook for hook in HOOKS if hasattr(policy, hook)}
    return implemented <= {"admit", "around_execute", "resolve_secret"}


def _executing(types: Sequence[LoadedTaskType]) -> TaskType | None:
    """The task type whose execution counts: the nearest that has one; None without one."""
    for each in types:
        if hasattr(each.task_type, "execute") or hasattr(each.task_type, "submit"):
            return each.task_type
    return None
