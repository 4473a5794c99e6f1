"""The spec of a task: what the hooks answer, and what the task says itself."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from typing import Any, Final

from tasksmithy.fields._cache import Cache
from tasksmithy.fields._image import Image
from tasksmithy.task._hooks import TaskHooks
from tasksmithy.task._interface import NativeInterface
from tasksmithy.task._interface_spec import interface_spec
from tasksmithy.task._spec import NO_IDENTITY, SerializationContext, Sql, TaskSpec
from tasksmithy.task._template import TaskTemplate
from tasksmithy.values._field_form import field_form
from tasksmithy.values._stable_json import stable_json
from tasksmithy.values._structure import class_reference

Task = TaskTemplate[..., Any]

_ELSEWHERE: Final = frozenset({"name", "interface", "task_type", "task_type_version", "image"})
"""The fields that a spec has a place of its own for, as has the environment's name."""


def spec_of(
    task: Task, sctx: SerializationContext, hooks: TaskHooks, template: type[Task]
) -> TaskSpec:
    """The spec of a task.

    Args:
        task: the task.
        sctx: the deployment.
        hooks: the hooks of its type.
        template: the class of its type's tasks.

    Raises:
        PluginError: a hook cannot answer.
        TaskDefinitionError: JSON cannot hold the default of an input.
    """
    sql, bundle = hooks.sql(task, sctx), sctx.code_bundle
    pickled = bundle.computed_version if bundle is not None and bundle.pkl else ""
    # A pickled task is what its bytes are, whatever its code says.
    answer = pickled or hooks.cache_version(task)
    code_version = None if answer.startswith(NO_IDENTITY) else answer
    return TaskSpec(
        project=sctx.project,
        domain=sctx.domain,
        org=sctx.org,
        name=task.name,
        version=sctx.version or code_version or "",
        task_type=task.task_type,
        task_type_version=task.task_type_version or hooks.version,
        provenance=hooks.provenance,
        template=None if type(task) is template else class_reference(type(task)),
        interface=interface_spec(task.name, task.interface),
        image=_image(task.image, sctx),
        config=hooks.config(task, sctx),
        custom_config=hooks.custom_config(task, sctx),
        container_args=hooks.container_args(task, sctx),
        sql=Sql(sql) if isinstance(sql, str) else sql,
        data_loading_config=hooks.data_loading_config(task, sctx),
        code_version=code_version,
        cache_version=_cache_version(task.cache, answer),
        code_bundle=bundle,
        environment=_environment(task),
        definition=_definition(task),
        own_fields=_own_fields(task, sctx),
    )


def _cache_version(policy: Cache, code_version: str) -> str | None:
    if not policy.enabled:
        return None
    version = policy.version_override or code_version
    if not policy.salt:
        return version
    return hashlib.sha256(f"{len(policy.salt)}:{policy.salt}{version}".encode()).hexdigest()


def _image(image: str | Image | None, sctx: SerializationContext) -> str | None:
    if image is None:
        return None
    name = image if isinstance(image, str) else image.uri
    return sctx.image_cache.get(name, name)


def _environment(task: Task) -> dict[str, Any] | None:
    if task.parent_env_name is None:
        return None
    environment = None if task.parent_env is None else task.parent_env()
    found: dict[str, Any] = {"name": task.parent_env_name, "description": "", "depends_on": []}
    if environment is not None:
        found["description"] = environment.description
        found["depends_on"] = [each.name for each in environment.depends_on]
    return found


def _definition(task: Task) -> dict[str, Any]:
    """The fields that the spec has no place of its own for, where they differ from the default."""
    definition = {}
    for name, (bare, plain) in _bare().items():
        value = getattr(task, name)
        if value is bare or value == bare:
            continue
        found = _triggers(task) if name == "triggers" else _plain(value)
        if found != plain:
            definition[name.lstrip("_")] = found
    if definition.get("short_name") == task.name:
        del definition["short_name"]
    if isinstance(task.image, Image):
        definition["image"] = task.image.to_dict()
    return definition


def _triggers(task: Task) -> list[dict[str, Any]]:
    """The triggers, their inputs as the declared types have them in JSON."""
    plain = [trigger.to_dict() for trigger in task.triggers]
    for trigger in plain:
        if inputs := trigger.get("inputs"):
            kinds = task.interface.inputs
            trigger["inputs"] = {
                name: stable_json(kinds[name][0], value) for name, value in inputs.items()
            }
    return plain


def _plain(value: Any) -> Any:
    if hasattr(value, "to_dict"):
        return value.to_dict()
    if isinstance(value, Mapping):
        return dict(value)
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


@cache
def _bare() -> Mapping[str, tuple[Any, Any]]:
    """Those fields as a task has them that says nothing of them, and as JSON values."""
    task: Task = TaskTemplate(name="bare", interface=NativeInterface())
    names = [f.name for f in fields(task) if f.compare and f.name not in _ELSEWHERE]
    return {
        name: (value := getattr(task, name), _plain(value))
        for name in names
        if name != "parent_env_name"
    }


def _own_fields(task: Task, sctx: SerializationContext) -> dict[str, Any]:
    """The fields that the task's class adds, where they were given."""
    found, declared = {}, type(task).__dataclass_fields__
    for name in sorted(task.field_names - TaskTemplate.field_names):
        value = getattr(task, name)
        if name in task._given and value is not declared[name].default:  # noqa: SLF001 - of the task
            found[name] = field_form(value, sctx.root_dir)
    return found
