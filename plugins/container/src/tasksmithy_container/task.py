"""ContainerTask: an image, a command, and how values come in and out."""

from __future__ import annotations

import os
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import field
from pathlib import PurePosixPath
from typing import Any, Final, Literal, get_args

from tasksmithy import Image, MetadataFormat, NativeInterface, SecretRequest, TaskTemplate, checks
from tasksmithy.errors import FieldError
from tasksmithy.extend import secrets_of
from tasksmithy_container.conversion import check_type
from tasksmithy_container.templates import check_references, split, words

FileInputLayout = Literal["DIRECT", "NAMED_DIR"]
ImagePullPolicy = Literal["IfNotPresent", "Always", "Never"]

# What both command lines can take apart in a mount, wherever it is in a path.
_PLAIN_PATH: Final = r'/[^,:"\x00-\x1f]+'


class ContainerTask(TaskTemplate[..., Coroutine[Any, Any, Any]], task_type="raw-container"):
    """A task that is a container: any image, which needs to know nothing of tasksmithy.

    >>> from tasksmithy import run
    >>> from tasksmithy_container import ContainerTask
    >>> area = ContainerTask(
    ...     name="area",
    ...     image="docker.io/library/busybox:1",
    ...     command=["sh", "-c", "echo $(($1 * $2)) > /var/outputs/area", "sh"],
    ...     arguments=["{{.inputs.width}}", "{{.inputs.height}}"],
    ...     inputs={"width": int, "height": int},
    ...     outputs={"area": int},
    ... )
    >>> run(area, width=3, height=4)
    12

    In `command` and `arguments`, `{{.inputs.x}}` stands for the input x. Whatever its value is, it
    stays inside its word and reaches the program byte for byte: no shell comes in between.

    Every input is also a file in `input_data_dir`, under its name, and all are together in
    `inputs.json`, `inputs.yaml` or `inputs.pb`. The container leaves each output in
    `output_data_dir`, under its name. With one output, the result is its value; with several, a
    tuple in their order; with none, None.

    Args:
        command: the program and its first arguments, a list; or a text that is split into words as
            a shell would split it, and not run by a shell.
        arguments: further arguments.
        inputs: name to type of the inputs.
        outputs: name to type of the outputs.
        input_data_dir: directory in the container that has the inputs.
        output_data_dir: directory in the container that takes the outputs.
        metadata_format: format of the file of all inputs: `"JSON"`, `"YAML"` or `"PROTO"` (a
            Flyte `LiteralMap`).
        local_logs: whether a run on this machine prints what the container prints.
        file_input_layout: where a `File` input is: `"DIRECT"` is `<input_data_dir>/<input>`,
            `"NAMED_DIR"` is `<input_data_dir>/<input>/<name of the file>`.
        image_pull_policy: when a run on this machine pulls the image, as in Kubernetes.

    Raises:
        TaskDefinitionError: a field's value is not allowed, or a template names no input.
    """

    command: str | Sequence[str]
    arguments: Sequence[str] | None = ()
    inputs: Mapping[str, Any] | None = field(default_factory=dict)
    outputs: Mapping[str, Any] | None = field(default_factory=dict)
    input_data_dir: str | os.PathLike[str] = "/var/inputs"
    output_data_dir: str | os.PathLike[str] = "/var/outputs"
    metadata_format: MetadataFormat = "JSON"
    local_logs: bool = True
    file_input_layout: FileInputLayout = "DIRECT"
    image_pull_policy: ImagePullPolicy = "IfNotPresent"
    interface: NativeInterface = field(default_factory=NativeInterface)

    def __post_init__(self) -> None:
        inputs, outputs = _types("inputs", self.inputs), _types("outputs", self.outputs)
        self._settle(
            inputs=inputs, outputs=outputs, interface=NativeInterface.from_types(inputs, outputs)
        )
        super().__post_init__()
        if self.image == "auto":
            raise FieldError("image", "auto", "an image: a container has no default one")
        self._settle(
            command=_command(self.command),
            arguments=words("arguments", self.arguments or ()),
            input_data_dir=_directory("input_data_dir", self.input_data_dir),
            output_data_dir=_directory("output_data_dir", self.output_data_dir),
        )
        for name in ("command", "arguments"):
            check_references(name, getattr(self, name), inputs)
        if _inside(self.input_data_dir, self.output_data_dir):
            allowed = f"a directory outside input_data_dir, {self.input_data_dir!r}"
            raise FieldError("output_data_dir", self.output_data_dir, allowed)
        checks.one_of("metadata_format", self.metadata_format, get_args(MetadataFormat))
        checks.boolean("local_logs", self.local_logs)
        checks.one_of("file_input_layout", self.file_input_layout, get_args(FileInputLayout))
        checks.one_of("image_pull_policy", self.image_pull_policy, get_args(ImagePullPolicy))
        _check_secrets(self.secrets)

    @property
    def words(self) -> tuple[str, ...]:
        """The command and its arguments, with templates."""
        return (*self.command, *(self.arguments or ()))

    @property
    def image_uri(self) -> str:
        """The reference of the image."""
        return self.image.uri if isinstance(self.image, Image) else self.image


def _types(name: str, value: object) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise FieldError(name, value, "a mapping of names to types")
    for key, kind in value.items():
        check_type(f"{name}[{key!r}]", kind)
    return dict(value)


def _command(value: object) -> tuple[str, ...]:
    given = split("command", value) if isinstance(value, str) else words("command", value)
    if not given or not given[0]:
        raise FieldError("command", value, "a program, and its arguments")
    return given


def _directory(name: str, value: object) -> str:
    text = os.fspath(value) if isinstance(value, os.PathLike) else value
    allowed = 'an absolute path in the container such as "/var/inputs", without , : and "'
    path = PurePosixPath(checks.matching(name, text, _PLAIN_PATH, allowed))
    if ".." in path.parts or path == PurePosixPath("/"):
        raise FieldError(name, value, allowed)
    return str(path)


def _inside(one: object, other: object) -> bool:
    """Whether one of two directories is the other, or in it."""
    first, second = PurePosixPath(str(one)), PurePosixPath(str(other))
    return first.is_relative_to(second) or second.is_relative_to(first)


def _check_secrets(secrets: SecretRequest | None) -> None:
    for index, secret in enumerate(secrets_of(secrets, "secrets")):
        if secret.mount is not None:
            _directory(f"secrets[{index}].mount", secret.mount)
