"""What the core answers, by other hooks, to a hook that the task type does not implement."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import TYPE_CHECKING, Any, get_origin

from tasksmithy.errors import NotExecutableError, ValueEncodingError
from tasksmithy.task._hook import hookimpl
from tasksmithy.task._hooks import TaskHooks
from tasksmithy.task._template import TaskTemplate
from tasksmithy.values._json import to_json

if TYPE_CHECKING:
    from tasksmithy.task._spec import SerializationContext, TaskSpec

Task = TaskTemplate[..., Any]


class CoreDefaults:
    """Asked after the task type. What takes no other hooks is in the hook spec itself.

    Args:
        template: the class of the task type's tasks.

    Attributes:
        hooks: the hooks of the task type, by which the defaults that build on others ask them.
    """

    hooks: TaskHooks

    def __init__(self, template: type[Task]) -> None:
        self._template = template

    @hookimpl
    def cache_version(self, task: Task) -> str:
        """A digest of what the hooks answer and of the fields that the task's class adds.

        Where a field has no digest, or holds code, of which a digest knows the name alone, the
        version is another each time, so that the task runs again.
        """
        # Which a run without a cache needs not.
        from tasksmithy.task._spec import NO_IDENTITY, SerializationContext
        from tasksmithy.values._identity import digest

        sctx, hooks = SerializationContext(), self.hooks
        own = {
            name: getattr(task, name)
            for name in sorted(task.field_names - TaskTemplate.field_names)
        }
        answers = {
            "provenance": str(hooks.provenance),
            "fields": own,
            # As JSON, whose keys are sorted: a plugin may make it in the order of a set.
            "custom_config": to_json(hooks.custom_config(task, sctx)),
            "container_args": hooks.container_args(task, sctx),
            "sql": hooks.sql(task, sctx),
        }
        try:
            if not _holds_code(own):
                return digest(answers)
        except ValueEncodingError:
            pass
        import uuid  # most code has an identity

        return f"{NO_IDENTITY}{uuid.uuid4()}"

    @hookimpl
    def execute(self, task: Task) -> Awaitable[Any]:
        """Refuse: what cannot be run here is never quietly skipped."""
        raise NotExecutableError(
            f"task {task.name!r} cannot run here: task type {task.task_type!r} of "
            f"{self.hooks.provenance} has no local execution (it implements no `execute` hook)"
        )

    @hookimpl
    def serialize(self, task: Task, sctx: SerializationContext) -> TaskSpec:
        """The answers of the other hooks, and the task's own fields."""
        from tasksmithy.plugins._spec_of import spec_of  # a run makes none

        return spec_of(task, sctx, self.hooks, self._template)


def _holds_code(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_holds_code, (*value.keys(), *value.values())))
    if isinstance(value, (list, tuple, set, frozenset)):
        return any(map(_holds_code, value))
    # A type, also one with parameters, is known by its name.
    return callable(value) and not isinstance(value, type) and get_origin(value) is None
