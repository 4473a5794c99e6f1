"""ContainerTask: an image, a command, and how values come in and out."""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, Final, Literal, get_args

from tasksmithy import (
    Converted,
    Image,
    MetadataFormat,
    NativeInterface,
    TaskTemplate,
    checks,
    task_field,
)
from tasksmithy.errors import FieldError
from tasksmithy_container.templates import check_references, split, words
from tasksmithy_container.types import check_type

FileInputLayout = Literal["DIRECT", "NAMED_DIR"]
ImagePullPolicy = Literal["IfNotPresent", "Always", "Never"]

# What both command lines can take apart in a mount, wherever it is in a path.
_PLAIN_PATH: Final = r'/[^,:"\x00-\x1f\ud800-\udfff]+'

_USER: Final = r"[\w.][\w.-]*(:[\w.][\w.-]*)?"


def _types(name: str, value: object) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise FieldError(name, value, "a mapping of names to types")
    for key, kind in value.items():
        check_type(f"{name}[{key!r}]", kind)
    return dict(value)


def _command(name: str, value: object) -> tuple[str, ...]:
    given = split(name, value) if isinstance(value, str) else words(name, value)
    if not given or not given[0]:
        raise FieldError(name, value, "a program, and its arguments")
    return given


def _entrypoint(name: str, value: object) -> tuple[str, ...] | None:
    if value is None:
        return None
    return split(name, value) if isinstance(value, str) else words(name, value)


def _user(name: str, value: object) -> str | None:
    allowed = 'a user of the image, and perhaps a group: "1000:1000", "app"'
    return None if value is None else checks.matching(name, value, _USER, allowed)


def _workdir(name: str, value: object) -> str | None:
    text = os.fspath(value) if isinstance(value, os.PathLike) else value
    allowed = 'an absolute path in the container such as "/work"'
    return (
        None
        if value is None
        else checks.matching(name, text, r"/[^\x00-\x1f\ud800-\udfff]*", allowed)
    )


def _directory(name: str, value: object) -> str:
    text = os.fspath(value) if isinstance(value, os.PathLike) else value
    allowed = 'an absolute path in the container such as "/var/inputs", without , : and "'
    path = PurePosixPath(checks.matching(name, text, _PLAIN_PATH, allowed))
    if ".." in path.parts or path == PurePosixPath("/"):
        raise FieldError(name, value, allowed)
    return str(path)


def _one_of(choices: Any) -> Callable[[str, object], str]:
    allowed = get_args(choices)
    return lambda name, value: checks.one_of(name, value, allowed)


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

    Raises:
        TaskDefinitionError: a field's value is not allowed, or a template names no input.
    """

    command: Converted[str | Sequence[str], tuple[str, ...]] = task_field(
        check=_command,
        doc="the program and its first arguments, a list; or a text that is split into words as a "
        "shell would split it, and not run by a shell.",
    )
    arguments: Converted[Sequence[str] | None, tuple[str, ...]] = task_field(
        default=(),
        check=lambda name, value: words(name, value or ()),
        doc="further arguments.",
    )
    inputs: Converted[Mapping[str, Any] | None, Mapping[str, Any]] = task_field(
        default_factory=dict, check=_types, doc="name to type of the inputs."
    )
    outputs: Converted[Mapping[str, Any] | None, Mapping[str, Any]] = task_field(
        default_factory=dict, check=_types, doc="name to type of the outputs."
    )
    input_data_dir: Converted[str | os.PathLike[str], str] = task_field(
        default="/var/inputs",
        check=_directory,
        doc="directory in the container that has the inputs.",
    )
    output_data_dir: Converted[str | os.PathLike[str], str] = task_field(
        default="/var/outputs",
        check=_directory,
        doc="directory in the container that takes the outputs.",
    )
    metadata_format: MetadataFormat = task_field(
        default="JSON",
        check=_one_of(MetadataFormat),
        doc='format of the file of all inputs: `"JSON"`, `"YAML"` or `"PROTO"` (a Flyte '
        "`LiteralMap`).",
    )
    local_logs: bool = task_field(
        default=True,
        check=checks.boolean,
        doc="whether a run on this machine prints what the container prints.",
    )
    file_input_layout: FileInputLayout = task_field(
        default="DIRECT",
        check=_one_of(FileInputLayout),
        doc='where a `File` input is: `"DIRECT"` is `<input_data_dir>/<input>`, `"NAMED_DIR"` is '
        "`<input_data_dir>/<input>/<name of the file>`.",
    )
    image_pull_policy: ImagePullPolicy = task_field(
        default="IfNotPresent",
        check=_one_of(ImagePullPolicy),
        doc="when a run on this machine pulls the image, as in Kubernetes.",
    )
    image_entrypoint: Converted[str | Sequence[str] | None, tuple[str, ...] | None] = task_field(
        default=None,
        check=_entrypoint,
        doc="what is run with `command` as its arguments, instead of the entry point of the image; "
        "empty: `command` itself is run; None: the image decides.",
    )
    user: str | None = task_field(
        default=None,
        check=_user,
        doc='user in the container, `"1000"`, `"1000:1000"` or `"name"`; the image\'s, where None.',
    )
    workdir: Converted[str | os.PathLike[str] | None, str | None] = task_field(
        default=None,
        check=_workdir,
        doc="working directory in the container; the image's, where None.",
    )
    init: bool = task_field(
        default=False,
        check=checks.boolean,
        doc="whether a run on this machine has the engine's init as the first process, which hands "
        "on signals to a command that does not expect to be that.",
    )
    interface: NativeInterface = task_field(
        default_factory=NativeInterface,
        derived=lambda task: NativeInterface.from_types(task.inputs, task.outputs),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.image is None or self.image == "auto":
            raise FieldError("image", self.image, "an image: a container has no default one")
        for name in ("command", "arguments"):
            check_references(name, getattr(self, name), self.inputs)
        if _inside(self.input_data_dir, self.output_data_dir):
            allowed = f"a directory outside input_data_dir, {self.input_data_dir!r}"
            raise FieldError("output_data_dir", self.output_data_dir, allowed)
        _check_mounts(self)
        _check_variables(self)

    @property
    def words(self) -> tuple[str, ...]:
        """The command and its arguments, with templates."""
        return (*self.command, *self.arguments)

    @property
    def words_after_image(self) -> tuple[str, ...]:
        """What an engine's command line has after the image: it takes one word as entry point."""
        return (*(self.image_entrypoint or ())[1:], *self.words)

    @property
    def image_uri(self) -> str:
        """The reference of the image."""
        return self.image.uri if isinstance(self.image, Image) else str(self.image)


def _inside(one: str, other: str) -> bool:
    """Whether one of two directories is the other, or in it."""
    first, second = PurePosixPath(one), PurePosixPath(other)
    return first.is_relative_to(second) or second.is_relative_to(first)


def _check_mounts(task: TaskTemplate[..., Any]) -> None:
    for index, secret in enumerate(task.secrets):
        if secret.mount is not None:
            _directory(f"secrets[{index}].mount", secret.mount)


def _check_variables(task: TaskTemplate[..., Any]) -> None:
    """Names and values that a command line of an engine would change, or cannot hold."""
    for text in (task.name, *(task.env_vars or {}).values()):
        if "\0" in text or not _is_utf8(text):
            field = "name" if text is task.name else "env_vars"
            raise FieldError(field, text, "text without NUL that UTF-8 can hold")
    for name in task.env_vars or {}:
        if name != name.strip() or not _is_utf8(name):
            allowed = "names of variables in UTF-8 without white space around them"
            raise FieldError("env_vars", name, allowed)


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
