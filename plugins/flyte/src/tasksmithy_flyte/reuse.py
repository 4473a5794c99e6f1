"""Containers that are kept for several tasks."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from flyteidl2.core import tasks_pb2

from tasksmithy import TaskSpec
from tasksmithy_flyte.errors import RenderError
from tasksmithy_flyte.policies import duration
from tasksmithy_flyte.target import PRIMARY_CONTAINER_KEY

ACTOR: Final = "actor"
"""The task type of functions whose containers are kept."""

_FUNCTION: Final = "python"

VERSION_LENGTH: Final = 15
"""Characters of the version of kept containers."""


def keep_containers(template: tasks_pb2.TaskTemplate, spec: TaskSpec) -> None:
    """Say that the containers of a task are kept, and which tasks share them.

    Raises:
        RenderError: the task type has a configuration of its own, in whose place this would be.
    """
    policy = spec.definition["reusable"]
    template.reuse_policy.CopyFrom(_policy(policy))
    if spec.task_type != _FUNCTION:
        return
    if template.HasField("custom"):
        raise RenderError(
            spec.name,
            "reusable",
            f"the containers of task type {spec.task_type!r} cannot be kept: its configuration "
            "has the place that Flyte keeps for what says so",
        )
    name = (spec.environment or {}).get("name") or spec.name.partition(".")[0]
    lowest, highest = policy["replicas"]
    image = _image(template)
    template.type = ACTOR
    template.custom.update(
        {
            "name": name,
            "version": _version(name, template, spec),
            "type": ACTOR,
            "spec": {
                "container_image": image,
                "backlog_length": None,
                "parallelism": policy["concurrency"],
                "min_replica_count": lowest,
                "replica_count": highest,
                "ttl_seconds": policy.get("idle_ttl"),
                "scaledown_ttl_seconds": policy.get("scaledown_ttl"),
            },
        }
    )


def _policy(policy: Mapping[str, Any]) -> tasks_pb2.ReusePolicy:
    lowest, highest = policy["replicas"]
    message = tasks_pb2.ReusePolicy(
        min_replicas=lowest,
        max_replicas=highest,
        concurrency=policy["concurrency"],
        scope=tasks_pb2.ReusePolicy.RUN
        if policy.get("scope") == "run"
        else tasks_pb2.ReusePolicy.GLOBAL,
    )
    if (ttl := policy.get("idle_ttl")) is not None:
        message.idle_ttl.CopyFrom(duration(ttl))
    if (ttl := policy.get("scaledown_ttl")) is not None:
        message.scaledown_ttl.CopyFrom(duration(ttl))
    return message


def _version(name: str, template: tasks_pb2.TaskTemplate, spec: TaskSpec) -> str:
    """A digest of all that the containers are made from: tasks that have it share them."""
    shared = tasks_pb2.TaskTemplate(
        reuse_policy=template.reuse_policy, security_context=template.security_context
    )
    if template.HasField("container"):
        shared.container.CopyFrom(template.container)
        del shared.container.args[:]
    else:
        shared.k8s_pod.CopyFrom(template.k8s_pod)
        containers: Any = shared.k8s_pod.pod_spec["containers"]
        for container in containers:
            if container["name"] == template.config[PRIMARY_CONTAINER_KEY]:
                del container["args"]
    shared.metadata.interruptible = template.metadata.interruptible
    shared.metadata.pod_template_name = template.metadata.pod_template_name
    bundle = "" if spec.code_bundle is None else spec.code_bundle.computed_version
    content = f"{name}\0{bundle}\0".encode() + shared.SerializeToString(deterministic=True)
    return hashlib.sha256(content).hexdigest()[:VERSION_LENGTH]


def _image(template: tasks_pb2.TaskTemplate) -> str:
    if template.HasField("container"):
        return str(template.container.image)
    primary = template.config[PRIMARY_CONTAINER_KEY]
    containers: Any = template.k8s_pod.pod_spec["containers"]
    return str(next(each["image"] for each in containers if each["name"] == primary))
