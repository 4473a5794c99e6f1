"""Renderer `flyte`: a `TaskSpec` as Flyte's message of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from flyteidl2.core import identifier_pb2, interface_pb2, tasks_pb2
from flyteidl2.task import common_pb2, environment_pb2, task_definition_pb2
from google.protobuf.json_format import MessageToJson

import tasksmithy
from tasksmithy import SerializationContext, TaskSpec
from tasksmithy_flyte.errors import LiteralError, RenderError
from tasksmithy_flyte.literals import literal
from tasksmithy_flyte.policies import (
    duration,
    retry_strategy,
    security_context,
    timeout_strategy,
)
from tasksmithy_flyte.resources import extended_message
from tasksmithy_flyte.reuse import keep_containers
from tasksmithy_flyte.target import set_target
from tasksmithy_flyte.types import literal_type

LONGEST_NAME: Final = 63
"""Characters of an environment's name and of a short name; what is longer is cut."""

SHORT_DESCRIPTION, LONG_DESCRIPTION = 255, 2048
"""Characters of the descriptions of a task; what is longer is cut."""

SPEC_KEY: Final = "tasksmithy-spec"
"""The key of a message's config that holds the spec, from which the task is made again."""


def render(spec: TaskSpec, sctx: SerializationContext | None = None) -> bytes:
    """The message of a task as protobuf, for `tasksmithy render --format flyte`.

    Raises:
        RenderError: the task says something that Flyte's messages cannot.
    """
    return bytes(message_of(spec, sctx).SerializeToString(deterministic=True))


def render_json(spec: TaskSpec, sctx: SerializationContext | None = None) -> str:
    """The message of a task as JSON, for `tasksmithy render --format flyte-json`.

    Raises:
        RenderError: the task says something that Flyte's messages cannot.
    """
    message = message_of(spec, sctx)
    return f"{MessageToJson(message, preserving_proto_field_name=True, sort_keys=True)}\n"


def message_of(
    spec: TaskSpec, sctx: SerializationContext | None = None
) -> task_definition_pb2.TaskSpec:
    """The message of a task.

    Args:
        spec: the task, as `tasksmithy.serialize` gives it.
        sctx: the deployment that it was serialized for.

    Raises:
        RenderError: the task says something that Flyte's messages cannot.
    """
    sctx = SerializationContext() if sctx is None else sctx
    message = task_definition_pb2.TaskSpec(
        task_template=_template(spec, sctx),
        default_inputs=default_inputs(spec),
        short_name=_short_name(spec)[:LONGEST_NAME],
        environment=_environment(spec),
    )
    if description := spec.definition.get("docs", {}).get("description"):
        short, _, long = description.strip().partition("\n\n")
        message.documentation.short_description = " ".join(short.split())[:SHORT_DESCRIPTION]
        message.documentation.long_description = long.strip()[:LONG_DESCRIPTION]
    return message


def spec_of(message: task_definition_pb2.TaskSpec | tasks_pb2.TaskTemplate) -> TaskSpec:
    """The spec that a message was made of, from which `tasksmithy.from_spec` makes the task.

    Raises:
        SpecError: the spec in the message cannot be read.
        RenderError: the message is not one of tasksmithy's.
    """
    template = getattr(message, "task_template", message)
    if SPEC_KEY not in template.config:
        raise RenderError(
            template.id.name,
            f"config[{SPEC_KEY!r}]",
            "the message holds no spec; it was not rendered by tasksmithy",
        )
    return TaskSpec.from_json(template.config[SPEC_KEY])


def default_inputs(spec: TaskSpec) -> list[common_pb2.NamedParameter]:
    """The inputs that have a default, with their types.

    Raises:
        RenderError: a default has no literal.
    """
    found = []
    for each in spec.interface["inputs"]:
        if each["required"]:
            continue
        try:
            default = literal(each["type"], each["default"])
        except LiteralError as error:
            raise RenderError(spec.name, f"inputs[{each['name']!r}].default", str(error)) from None
        variable = interface_pb2.Variable(type=literal_type(each["type"]))
        parameter = interface_pb2.Parameter(var=variable, default=default)
        found.append(common_pb2.NamedParameter(name=each["name"], parameter=parameter))
    return found


def _template(spec: TaskSpec, sctx: SerializationContext) -> tasks_pb2.TaskTemplate:
    definition = spec.definition
    template = tasks_pb2.TaskTemplate(
        id=identifier_pb2.Identifier(
            resource_type=identifier_pb2.TASK,
            project=spec.project,
            domain=spec.domain,
            org=spec.org,
            name=spec.name,
            version=spec.version,
        ),
        type=spec.task_type,
        task_type_version=spec.task_type_version,
        metadata=_metadata(spec),
        interface=interface_pb2.TypedInterface(
            inputs=_variables(spec.interface["inputs"]),
            outputs=_variables(spec.interface["outputs"]),
        ),
        security_context=security_context(spec.name, definition.get("secrets", ())),
        extended_resources=extended_message(definition.get("resources", {})),
    )
    if spec.custom_config:
        template.custom.update(spec.custom_config)
    set_target(template, spec, sctx)
    if "reusable" in definition:
        keep_containers(template, spec)
    # In the order of the task, which is that of variables and defaults in the message.
    template.config[SPEC_KEY] = json.dumps(spec.to_dict(), separators=(",", ":"))
    return template


def _metadata(spec: TaskSpec) -> tasks_pb2.TaskMetadata:
    definition = spec.definition
    cache, timeout = definition.get("cache", {}), definition.get("timeout", {})
    pod_template = definition.get("pod_template")
    bundle = spec.code_bundle
    metadata = tasks_pb2.TaskMetadata(
        discoverable=spec.cache_version is not None,
        # Without a cache it still says which code it is, to who goes on with a run.
        discovery_version=spec.cache_version or spec.code_version,
        cache_serializable=cache.get("serialize", False),
        cache_ignore_input_vars=cache.get("ignored_inputs", ()),
        runtime=tasks_pb2.RuntimeMetadata(
            type=tasks_pb2.RuntimeMetadata.OTHER,
            version=tasksmithy.__version__,
            flavor="python",
        ),
        retries=retry_strategy(definition.get("retries", {})),
        timeouts=timeout_strategy(spec.name, timeout),
        pod_template_name=pod_template if isinstance(pod_template, str) else None,
        interruptible=definition.get("interruptible", False),
        debuggable=definition.get("debuggable", False) and "reusable" not in definition,
        is_entrypoint=definition.get("entrypoint", False),
        code_bundle_uri=None if bundle is None else bundle.tgz or bundle.pkl,
    )
    metadata.generates_deck.value = definition.get("report", False)
    if (age := cache.get("max_age")) is not None:
        metadata.cache_max_age.CopyFrom(duration(age))
    if (runtime := timeout.get("max_runtime")) is not None:
        metadata.timeout.CopyFrom(duration(runtime))
    for link in definition.get("links", ()):
        metadata.log_links.add(**link)
    return metadata


def _variables(described: list[Mapping[str, Any]]) -> interface_pb2.VariableMap:
    entries = [
        interface_pb2.VariableEntry(
            key=each["name"], value=interface_pb2.Variable(type=literal_type(each["type"]))
        )
        for each in sorted(described, key=lambda each: str(each["name"]))
    ]
    return interface_pb2.VariableMap(variables=entries)


def _short_name(spec: TaskSpec) -> str:
    if given := spec.definition.get("short_name"):
        return str(given)
    of_environment = f"{(spec.environment or {}).get('name', '')}."
    return spec.name.removeprefix(of_environment)


def _environment(spec: TaskSpec) -> environment_pb2.Environment | None:
    if spec.environment is None:
        return None
    return environment_pb2.Environment(
        name=spec.environment["name"][:LONGEST_NAME], description=spec.environment["description"]
    )
