"""What the core answers, by other hooks, to a hook that the task type does not implement."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from tasksmithy.errors import NotExecutableError, ValueEncodingError
from tasksmithy.task._hook import hookimpl
from tasksmithy.task._hooks import TaskHooks
from tasksmithy.task._interface import NativeInterface
from tasksmithy.task._template import TaskTemplate
from tasksmithy.values._json import to_json

if TYPE_CHECKING:
    from tasksmithy.fields._image import Image
    from tasksmithy.task._spec import SerializationContext, TaskSpec

Task = TaskTemplate[..., Any]


class CoreDefaults:
    """Asked after the task type. What takes no other hooks is in the hook spec itself.

    Attributes:
        hooks: the hooks of the task type, by which the defaults that build on others ask them.
    """

    hooks: TaskHooks

    @hookimpl
    def cache_version(self, task: Task) -> str:
        """A digest of what the hooks answer and of the fields that the task's class adds.

        Where a field has no digest, or holds code, of which a digest knows the name alone, the
        version is another each time, so that the task runs again.
        """
        # Which a run without a cache needs not.
        from tasksmithy.task._spec import SerializationContext
        from tasksmithy.values._identity import digest

        sctx, hooks = SerializationContext(), self.hooks
        own = {name: getattr(task, name) for name in _own_fields(task)}
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

        return f"none-{uuid.uuid4()}"

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
        from tasksmithy.task._spec import Sql, TaskSpec  # a run makes none

        hooks = self.hooks
        sql = hooks.sql(task, sctx)
        return TaskSpec(
            name=task.name,
            task_type=task.task_type,
            task_type_version=task.task_type_version or hooks.version,
            provenance=hooks.provenance,
            interface=task.interface.to_dict(),
            image=_image(task.image, sctx),
            config=hooks.config(task, sctx),
            custom_config=hooks.custom_config(task, sctx),
            container_args=hooks.container_args(task, sctx),
            sql=Sql(sql) if isinstance(sql, str) else sql,
            data_loading_config=hooks.data_loading_config(task, sctx),
            cache_version=hooks.cache_version(task) if _is_cached(task) else None,
            definition=_definition(task),
        )


def _own_fields(task: Task) -> list[str]:
    return sorted(task.field_names - TaskTemplate.field_names)


def _holds_code(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_holds_code, (*value.keys(), *value.values())))
    if isinstance(value, (list, tuple, set, frozenset)):
        return any(map(_holds_code, value))
    return callable(value) and not isinstance(value, type)


def _is_cached(task: Task) -> bool:
    return task.cache.enabled


def _image(image: str | Image | None, sctx: SerializationContext) -> str | None:
    if image is None:
        return None
    name = image if isinstance(image, str) else image.uri
    return sctx.image_cache.get(name, name)


def _definition(task: Task) -> dict[str, Any]:
    """The fields that the spec has no place of its own for, where they differ from the default."""
    definition = {}
    for name, bare in _bare().items():
        plain = _triggers(task) if name == "triggers" else _plain(getattr(task, name))
        if plain != bare:
            definition[name.lstrip("_")] = plain
    if definition.get("short_name") == task.name:
        del definition["short_name"]
    return definition


def _triggers(task: Task) -> list[dict[str, Any]]:
    """The triggers, their inputs as the declared types have them in JSON."""
    plain = [trigger.to_dict() for trigger in task.triggers]
    for trigger in plain:
        if inputs := trigger.get("inputs"):
            from tasksmithy.values._conversion import to_jsonable  # brings pydantic

            kinds = task.interface.inputs
            trigger["inputs"] = {
                name: to_jsonable(kinds[name][0], value) for name, value in inputs.items()
            }
    return plain


def _plain(value: Any) -> Any:
    if hasattr(value, "to_dict"):
        return value.to_dict()
    if isinstance(value, Mapping):
        return dict(value)
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


@cache
def _bare() -> Mapping[str, Any]:
    """Those fields as a task has them that says nothing of them."""
    from dataclasses import fields

    from tasksmithy.task._spec import TaskSpec

    task: Task = TaskTemplate(name="bare", interface=NativeInterface())
    with_a_place = {field.name for field in fields(TaskSpec)}
    names = [f.name for f in fields(task) if f.compare and f.name not in with_a_place]
    return {name: _plain(getattr(task, name)) for name in names}
