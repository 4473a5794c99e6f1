"""What a cluster runs: a pod, a query or a container."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Final

from flyteidl2.core import tasks_pb2

from tasksmithy import DataLoadingConfig, SerializationContext, TaskSpec
from tasksmithy.extend import PRIMARY_CONTAINER_DEFAULT_NAME
from tasksmithy_flyte.errors import RenderError
from tasksmithy_flyte.policies import key_values
from tasksmithy_flyte.resources import resources_message

PRIMARY_CONTAINER_KEY: Final = "primary_container_name"

_DIALECTS: Final = {"ansi": tasks_pb2.Sql.ANSI, "hive": tasks_pb2.Sql.HIVE}

RAW_CONTAINER: Final = "raw-container"

_NOT_OF_A_CONTAINER: Final = frozenset({"user", "workdir"})

# The program of function tasks reads JSON; a Flyte cluster hands out protobuf.
_FUNCTION_PROGRAM: Final = "tasksmithy_function.entrypoint"


def set_target(
    template: tasks_pb2.TaskTemplate, spec: TaskSpec, sctx: SerializationContext
) -> None:
    """Say what the cluster runs: the task's pod, or else its query, or else its container.

    Raises:
        RenderError: the pod has no primary container, or no image is known.
    """
    pod = spec.definition.get("pod_template")
    if isinstance(pod, Mapping):
        _set_pod(template, spec, sctx, pod)
    elif spec.sql is not None:
        template.sql.statement = spec.sql.statement
        template.sql.dialect = _DIALECTS.get(spec.sql.dialect.lower(), tasks_pb2.Sql.OTHER)
        template.config.update(spec.config)
    else:
        template.container.CopyFrom(_container(spec, sctx))
        template.container.config.extend(key_values(spec.config))


def container_args(spec: TaskSpec, sctx: SerializationContext) -> list[str]:
    """The arguments of the container: what the task type answers, or else a call of the worker."""
    given = list(spec.container_args)
    if spec.data_loading_config is not None or (given and _FUNCTION_PROGRAM not in given):
        return given
    args = [
        "tasksmithy-worker",
        *("--inputs", sctx.input_path),
        *("--outputs-path", sctx.output_path),
        *("--version", spec.version),
        *("--raw-data-path", sctx.raw_data_path),
        *("--checkpoint-path", sctx.checkpoint_path),
        *("--prev-checkpoint", sctx.prev_checkpoint_path),
        *("--run-name", "{{.runName}}"),
        *("--name", "{{.actionName}}"),
        *("--run-start-time", "{{.runStartTime}}"),
    ]
    if (bundle := spec.code_bundle) is not None:
        args += ["--tgz", bundle.tgz] if bundle.tgz else ["--pkl", str(bundle.pkl)]
        args += ["--dest", bundle.destination]
    function = spec.own_fields.get("func")
    if isinstance(function, Mapping) and "$function" in function:
        module = function["$function"].partition(":")[0]
        return [*args, "--module", module, "--task", spec.name]
    return [*args, "--task-template", "{{.taskTemplatePath}}"]


def _container(spec: TaskSpec, sctx: SerializationContext) -> tasks_pb2.Container:
    if spec.image == "auto":
        raise RenderError(
            spec.name,
            "image",
            'there is no URI for the image "auto": give the task an image, or one to this '
            "deployment (`--image auto=REGISTRY/NAME:TAG`)",
        )
    own = spec.own_fields if spec.task_type == RAW_CONTAINER else {}
    for field in sorted(_NOT_OF_A_CONTAINER & own.keys()):
        raise RenderError(
            spec.name,
            field,
            "Flyte has no place for it in a container; a pod template has one",
        )
    container = tasks_pb2.Container(
        image=spec.image,
        command=own.get("image_entrypoint", {}).get("$tuple"),
        args=container_args(spec, sctx),
        resources=resources_message(spec.definition.get("resources", {})),
        env=key_values(spec.definition.get("env_vars") or {}),
    )
    if (loading := spec.data_loading_config) is not None:
        container.data_config.CopyFrom(_data_config(loading))
    return container


def _data_config(loading: DataLoadingConfig) -> tasks_pb2.DataLoadingConfig:
    message = tasks_pb2.DataLoadingConfig(
        enabled=loading.enabled,
        input_path=loading.input_path,
        output_path=loading.output_path,
        format=loading.format,
    )
    if loading.file_input_layout == "NAMED_DIR":
        message.file_input_layout = tasks_pb2.DataLoadingConfig.NAMED_DIR
    return message


def _set_pod(
    template: tasks_pb2.TaskTemplate,
    spec: TaskSpec,
    sctx: SerializationContext,
    pod: Mapping[str, Any],
) -> None:
    primary = pod.get("primary_container_name", PRIMARY_CONTAINER_DEFAULT_NAME)
    pod_spec = copy.deepcopy(dict(pod.get("pod_spec") or {}))
    containers = pod_spec.get("containers") or [{"name": primary}]
    chosen = next((each for each in containers if each.get("name") == primary), None)
    if chosen is None:
        names = ", ".join(repr(each.get("name")) for each in containers)
        raise RenderError(
            spec.name,
            "pod_template.primary_container_name",
            f"the pod has no container {primary!r}; it has {names}",
        )
    _fill(chosen, _container(spec, sctx))
    pod_spec["containers"] = containers
    message = template.k8s_pod
    message.pod_spec.update(pod_spec)
    message.metadata.SetInParent()
    message.metadata.labels.update(pod.get("labels") or {})
    message.metadata.annotations.update(pod.get("annotations") or {})
    if spec.data_loading_config is not None:
        message.data_config.CopyFrom(_data_config(spec.data_loading_config))
    template.config.update(spec.config)
    template.config[PRIMARY_CONTAINER_KEY] = primary


def _fill(chosen: dict[str, Any], container: tasks_pb2.Container) -> None:
    """Give a pod's container what the task says; where both say it, the task."""
    if not chosen.get("image"):
        chosen["image"] = container.image
    chosen["command"], chosen["args"] = list(container.command), list(container.args)
    if container.HasField("resources"):
        resources = dict(chosen.get("resources") or {})
        for side in ("requests", "limits"):
            amounts = {_name(each): each.value for each in getattr(container.resources, side)}
            resources[side] = {**(resources.get(side) or {}), **amounts}
        chosen["resources"] = resources
    variables = [{"name": each.key, "value": each.value} for each in container.env]
    chosen["env"] = variables + list(chosen.get("env") or ())


def _name(entry: tasks_pb2.Resources.ResourceEntry) -> str:
    return str(tasks_pb2.Resources.ResourceName.Name(entry.name).lower().replace("_", "-"))
