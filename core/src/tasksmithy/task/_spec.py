"""What serializing a task takes and gives: plain values, independent of any cluster."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Literal

from tasksmithy._texts import near_misses, shorten
from tasksmithy.errors import FieldError, InputError, SpecError
from tasksmithy.task._provenance import Provenance
from tasksmithy.values._json import to_json

MetadataFormat = Literal["JSON", "YAML", "PROTO"]


FileInputLayout = Literal["DIRECT", "NAMED_DIR"]

FORM: Final = 1
"""The version of the form of a spec."""

NO_IDENTITY: Final = "none-"
"""How the version of code begins that has no identity, and another version each time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeBundle:
    """The user's code as it is shipped to a cluster, in an archive or pickled.

    Attributes:
        tgz: where the archive of the source files is, or None.
        pkl: where the pickled task is, or None.
        destination: the folder that the archive is unpacked into.
        computed_version: a version that follows from the content; empty where it is not known.

    Raises:
        FieldError: neither `tgz` nor `pkl` is given.
    """

    tgz: str | None = None
    pkl: str | None = None
    destination: str = "."
    computed_version: str = ""

    def __post_init__(self) -> None:
        if self.tgz is None and self.pkl is None:
            raise FieldError("tgz", None, "where the archive is, or pkl with the pickled task")


@dataclass(frozen=True, slots=True, kw_only=True)
class SerializationContext:
    """What a task type may know of the deployment it is serialized for.

    `input_path` and what follows are placeholders that the cluster fills in for each execution.

    Attributes:
        version: version of the deployment; where it is empty, a spec has that of the code.
        project, domain, org: where the deployment goes, or None.
        image_cache: image name to the URI it was built as.
        code_bundle: the shipped code, or None where the image has the code.
        root_dir: folder that module names are relative to, or None.
        input_path: where an execution finds its inputs.
        output_path: prefix under which an execution leaves its outputs.
        raw_data_path: prefix under which it leaves files, folders and tables.
        checkpoint_path: prefix of the checkpoints that an attempt writes.
        prev_checkpoint_path: prefix of those that the attempt before has written.
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
    raw_data_path: str = "{{.rawOutputDataPrefix}}"
    checkpoint_path: str = "{{.checkpointOutputPrefix}}"
    prev_checkpoint_path: str = "{{.prevCheckpointPrefix}}"
    interpreter_path: str = "python"


@dataclass(frozen=True, slots=True, kw_only=True)
class DataLoadingConfig:
    """How inputs and outputs are side-loaded for a container that knows no SDK.

    Attributes:
        input_path: folder in the container where the inputs are placed.
        output_path: folder in the container from which the outputs are taken.
        format: format of the file that holds all inputs.
        file_input_layout: `"DIRECT"`: a file is `<input_path>/<input>`; `"NAMED_DIR"`: it is
            `<input_path>/<input>/<name of the file>`.
        enabled: whether side-loading is on.
    """

    input_path: str
    output_path: str
    format: MetadataFormat = "JSON"
    file_input_layout: FileInputLayout = "DIRECT"
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

    It is plain data: to read it, nothing has to be imported.

    Attributes:
        form: version of the form of the spec.
        project, domain, org: where the task goes, or None.
        name: name of the task.
        version: version of the deployment, or that of the code where the deployment has none.
        task_type: its task type.
        task_type_version: version of the task type's wire format.
        provenance: the distribution that answered for the task type.
        template: the class of the task, `module:name`; None where it is its task type's own.
        interface: `{"inputs": [{"name", "type", "required", "default"}], "outputs": [{"name",
            "type"}]}`, in their order; the types as structures, the defaults as JSON values.
        image: URI of the container image, `"auto"` for the default one, or None for no container.
        config: hook `config`: the configuration of the container.
        custom_config: hook `custom_config`: what the cluster's side of the task type reads.
        container_args, sql, data_loading_config: the other hooks' answers.
        code_version: what identifies the code, the query or the command, whether the task is cached
            or not; None where nothing can.
        cache_version: what a cache has to compare: the task's `version_override`, or else
            `code_version`, and its salt; None where the task is not cached.
        code_bundle: where the code is, or None where the image has it.
        environment: `{"name", "description", "depends_on"}` of the task's environment, or None.
        definition: the other fields that every task has, where they differ from their defaults.
        own_fields: the fields that the task's class adds, where they were given.
    """

    form: int = FORM
    project: str | None = None
    domain: str | None = None
    org: str | None = None
    name: str
    version: str = ""
    task_type: str
    task_type_version: int
    provenance: Provenance
    template: str | None = None
    interface: Mapping[str, Any]
    image: str | None
    config: Mapping[str, str] = field(default_factory=dict)
    custom_config: Mapping[str, Any] = field(default_factory=dict)
    container_args: Sequence[str] = ()
    sql: Sql | None = None
    data_loading_config: DataLoadingConfig | None = None
    code_version: str | None = None
    cache_version: str | None = None
    code_bundle: CodeBundle | None = None
    environment: Mapping[str, Any] | None = None
    definition: Mapping[str, Any] = field(default_factory=dict)
    own_fields: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The spec as JSON values."""
        return {own.name: _plain(getattr(self, own.name)) for own in fields(self)}

    def to_json(self) -> str:
        """The spec as JSON text with sorted keys: the same bytes for the same task, anywhere."""
        return to_json(self.to_dict())

    @classmethod
    def from_json(cls, text: str | bytes) -> TaskSpec:
        """The spec that `to_json` wrote.

        Raises:
            SpecError: it is no JSON, another version of the form, or not what a spec has.
        """
        try:
            value: Any = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise SpecError(None, f"it is no JSON: {error}") from None
        if not isinstance(value, dict):
            raise SpecError(None, f"it is {shorten(value)}, and no JSON object")
        name = value["name"] if isinstance(value.get("name"), str) else None
        if (form := value.get("form")) != FORM:
            problem = f"its form is {form!r}, and this tasksmithy reads {FORM}"
            raise SpecError(name, f"{problem}: use the tasksmithy that wrote it, or write it anew")
        known = {field.name for field in fields(cls)}
        for key in value:
            if key not in known:
                raise SpecError(name, f"there is no {key!r}{near_misses(key, known)}")
        from tasksmithy.values._conversion import from_json  # which only a reader needs

        try:
            spec: TaskSpec = from_json(name or "", "spec", cls, value)
        except InputError as error:
            raise SpecError(name, error.problem) from None
        return spec


_SCALARS: Final = frozenset({str, int, float, bool, type(None)})


def _plain(value: Any) -> Any:
    if type(value) in _SCALARS:  # which most are
        return value
    # dataclasses.asdict copies each container as the class that it is, which not all allow.
    if isinstance(value, Mapping):
        return {
            key: item if type(item) in _SCALARS else _plain(item) for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [item if type(item) in _SCALARS else _plain(item) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {own.name: _plain(getattr(value, own.name)) for own in fields(value)}
    return value
