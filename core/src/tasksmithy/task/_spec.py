"""What serializing a task takes and gives: plain values, independent of any cluster."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from tasksmithy.task._provenance import Provenance
from tasksmithy.values._json import to_json

MetadataFormat = Literal["JSON", "YAML", "PROTO"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeBundle:
    """The user's code as it is shipped to a cluster.

    Attributes:
        tgz: where the archive of the source files is.
        destination: the folder that the archive is unpacked into.
    """

    tgz: str
    destination: str = "."


@dataclass(frozen=True, slots=True, kw_only=True)
class SerializationContext:
    """What a task type may know of the deployment it is serialized for.

    `input_path` and `output_path` are placeholders that the cluster fills in for each execution.

    Attributes:
        version: version of the deployment.
        project, domain, org: where the deployment goes, or None.
        image_cache: image name to the URI it was built as.
        code_bundle: the shipped code, or None where the image has the code.
        root_dir: folder that module names are relative to, or None.
        input_path: where an execution finds its inputs.
        output_path: prefix under which an execution leaves its outputs.
        interpreter_path: the Python interpreter inside the image.
    """

    version: str = ""
    project: str | None = None
    domain: str | None = None
    org: str | None = None
    image_cache: Mapping[str, str] = field(default_factory=dict)
    code_bundle: CodeBundle | None = None
    root_dir: Path | None = None
    input_path: str = "{{.input}}"
    output_path: str = "{{.outputPrefix}}"
    interpreter_path: str = "python"


@dataclass(frozen=True, slots=True, kw_only=True)
class DataLoadingConfig:
    """How inputs and outputs are side-loaded for a container that knows no SDK.

    Attributes:
        input_path: folder in the container where the inputs are placed.
        output_path: folder in the container from which the outputs are taken.
        format: format of the file that holds all inputs.
        enabled: whether side-loading is on.
    """

    input_path: str
    output_path: str
    format: MetadataFormat = "JSON"
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Sql:
    """A statement for a SQL engine.

    Attributes:
        statement: the text, with its parameters as placeholders.
        dialect: the SQL dialect it is written in (`"ansi"`, `"duckdb"`, `"hive"`, ...).
    """

    statement: str
    dialect: str = "ansi"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSpec:
    """A task as a cluster needs it: what its task type's hooks answered, and its own fields.

    Attributes:
        name: name of the task.
        task_type: its task type.
        task_type_version: version of the task type's wire format.
        provenance: the distribution that answered for the task type.
        interface: `{"inputs": {name: {"type", "required", "default"}}, "outputs": {name: type}}`.
        image: URI of the container image, `"auto"` for the default one, or None for no container.
        config, custom_config, container_args, sql, data_loading_config: the hooks' answers.
        cache_version: what identifies the code, or None where the task is not cached.
        definition: the task's other fields that differ from their defaults, as JSON values.
    """

    name: str
    task_type: str
    task_type_version: int
    provenance: Provenance
    interface: Mapping[str, Any]
    image: str | None
    config: Mapping[str, str] = field(default_factory=dict)
    custom_config: Mapping[str, Any] = field(default_factory=dict)
    container_args: Sequence[str] = ()
    sql: Sql | None = None
    data_loading_config: DataLoadingConfig | None = None
    cache_version: str | None = None
    definition: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The spec as JSON values."""
        return {own.name: _plain(getattr(self, own.name)) for own in fields(self)}

    def to_json(self) -> str:
        """The spec as JSON text with sorted keys: the same bytes for the same task, anywhere."""
        return to_json(self.to_dict())


def _plain(value: Any) -> Any:
    # dataclasses.asdict copies each container as the class that it is, which not all allow.
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {own.name: _plain(getattr(value, own.name)) for own in fields(value)}
    return value
