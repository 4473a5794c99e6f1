"""TaskType: the base class of the object that a plugin's entry point names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from tasksmithy.task._template import TaskTemplate


class TaskType:
    """The behaviour of a task type: hook implementations, and what the core may know of it.

    The methods carry `@hookimpl`; `tasksmithy.TaskTemplateSpec` says which there are. A subclass or
    an instance is what an entry point in the group `tasksmithy.task_types.v1` names:

        [project.entry-points."tasksmithy.task_types.v1"]
        sql = "tasksmithy_sql.plugin:SQLTaskType"

    Attributes:
        task_type: name of the task type; in a plugin it is that of the entry point and may be
            left out.
        template: the class of the type's tasks, or None where that is `TaskTemplate` itself.
        config_model: the class of the `plugin_config` that chooses this type for a function, or
            None.
        version: version of the type's wire format, which its tasks carry as `task_type_version`.
        heeds: the fields of `TaskTemplate` that the type's execution on this machine heeds by
            itself, such as `image`; a field that nothing heeds is warned of when a task runs.
    """

    task_type: str = ""
    template: ClassVar[type[TaskTemplate[..., Any]] | None] = None
    config_model: ClassVar[type[Any] | None] = None
    version: ClassVar[int] = 0
    heeds: ClassVar[frozenset[str]] = frozenset()


class TemplateTaskType(TaskType):
    """The task type of a bare template class, which answers by the methods that it overrides."""

    def __init__(
        self,
        name: str,
        template: type[TaskTemplate[..., Any]],
        config_model: type[Any] | None = None,
    ) -> None:
        self.task_type = name
        # Of this object alone: each bare template has a task type of its own.
        self.template = template  # type: ignore[misc]
        self.config_model = config_model  # type: ignore[misc]
