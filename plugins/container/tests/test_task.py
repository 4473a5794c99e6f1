"""ContainerTask: what may be defined, and what serializing it gives."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, NamedTuple, NewType, TypedDict

import pyarrow as pa
import pydantic
import pytest

from tasksmithy import (
    DataLoadingConfig,
    Dir,
    File,
    Image,
    PodTemplate,
    Secret,
    TaskDefinitionError,
    serialize,
)
from tasksmithy.extras import ContainerTask


class Csv(File):
    pass


@dataclass
class InRecord:
    f: File


class InModel(pydantic.BaseModel):
    model_config = {"arbitrary_types_allowed": True}
    f: dict[str, Dir] = {}


class InTuple(NamedTuple):
    f: File | None


class InOptions(TypedDict, total=False):
    f: Annotated[Path, "of this machine"]


@dataclass
class Nested:
    more: list["Nested"]
    inner: InRecord | None


Named = NewType("Named", InRecord)


def task(**fields: Any) -> Any:
    given = {"name": "t", "image": "busybox:1", "command": ["true"], **fields}
    return ContainerTask(**given)


def test_the_class_is_in_extras() -> None:
    import tasksmithy_container

    assert ContainerTask is tasksmithy_container.ContainerTask


def test_the_defaults_are_those_of_the_api() -> None:
    plain = task()
    assert (plain.input_data_dir, plain.output_data_dir) == ("/var/inputs", "/var/outputs")
    assert (plain.metadata_format, plain.local_logs) == ("JSON", True)
    assert plain.file_input_layout == "DIRECT"


def test_directories_may_be_paths() -> None:
    assert task(input_data_dir=PurePosixPath("/in/")).input_data_dir == "/in"


def test_inputs_outputs_and_arguments_may_be_none() -> None:
    assert serialize(task(inputs=None, outputs=None, arguments=None)).container_args == ["true"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"image": "auto"}, "image"),
        ({"image": "Not An Image"}, "image"),
        ({"command": []}, "command"),
        ({"command": ""}, "command"),
        ({"command": ["echo", 3]}, "command[1]"),
        ({"command": "echo 'x"}, "command"),
        ({"command": None}, "command"),
        ({"arguments": "x"}, "arguments"),
        ({"arguments": [b"x"]}, "arguments[0]"),
        ({"arguments": ["{{.inputs.x}}"]}, "arguments"),
        ({"inputs": ["x"]}, "inputs"),
        ({"inputs": {"not a name": str}}, "interface.inputs"),
        ({"inputs": {"x": list[File]}}, "inputs['x']"),
        ({"outputs": {"x": dict[str, Dir]}}, "outputs['x']"),
        ({"outputs": {"x": InRecord}}, "outputs['x']"),
        ({"inputs": {"x": InRecord}}, "inputs['x']"),
        ({"inputs": {"x": InModel}}, "inputs['x']"),
        ({"inputs": {"x": list[InTuple]}}, "inputs['x']"),
        ({"inputs": {"x": InOptions | None}}, "inputs['x']"),
        ({"inputs": {"x": Nested}}, "inputs['x']"),
        ({"inputs": {"x": Named}}, "inputs['x']"),
        ({"inputs": {"x": str | File}}, "inputs['x']"),
        ({"inputs": {"x": Annotated[list[Csv], "rows"]}}, "inputs['x']"),
        ({"inputs": {"x": Path}}, "inputs['x']"),
        ({"outputs": {"x": dict[str, Path]}}, "outputs['x']"),
        ({"outputs": {"x": pa.Table}}, "outputs['x']"),
        ({"metadata_format": "XML"}, "metadata_format"),
        ({"local_logs": 1}, "local_logs"),
        ({"file_input_layout": "FLAT"}, "file_input_layout"),
        ({"image_pull_policy": "Sometimes"}, "image_pull_policy"),
        ({"input_data_dir": "relative"}, "input_data_dir"),
        ({"input_data_dir": "/"}, "input_data_dir"),
        ({"input_data_dir": "/a,b"}, "input_data_dir"),
        ({"output_data_dir": "/var/inputs/out"}, "output_data_dir"),
        ({"output_data_dir": "/var"}, "output_data_dir"),
        ({"output_data_dir": 3}, "output_data_dir"),
        ({"secrets": [Secret("k", mount="/a,b")]}, "secrets[0].mount"),
        ({"comand": ["x"]}, "comand"),
        ({"image_entrypoint": 3}, "image_entrypoint"),
        ({"user": "a b"}, "user"),
        ({"user": "--privileged"}, "user"),
        ({"user": 1000}, "user"),
        ({"workdir": "relative"}, "workdir"),
        ({"init": "yes"}, "init"),
        ({"env_vars": {" A": "1"}}, "env_vars"),
        ({"env_vars": {"A": "\ud800"}}, "env_vars"),
        ({"env_vars": {"\ud800": "1"}}, "env_vars"),
        ({"name": "\ud800"}, "name"),
        ({"image": "\ud800"}, "image"),
        ({"command": ["\ud800"]}, "command[0]"),
        ({"command": "echo \ud800"}, "command[1]"),
        ({"arguments": ["\udcff"]}, "arguments[0]"),
        ({"image_entrypoint": ["\ud800"]}, "image_entrypoint[0]"),
        ({"workdir": "/\ud800"}, "workdir"),
        ({"user": "\ud800"}, "user"),
        ({"input_data_dir": "/\ud800"}, "input_data_dir"),
        ({"output_data_dir": "/\ud800"}, "output_data_dir"),
        ({"inputs": {"\ud800": str}}, "interface.inputs"),
        ({"outputs": {"\ud800": str}}, "interface.outputs"),
        ({"secrets": [Secret("k", mount="/\ud800")]}, "secrets[0].mount"),
    ],
)
def test_what_is_not_allowed_is_refused_by_field(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(TaskDefinitionError) as caught:
        task(**fields)
    assert caught.value.field == field


@pytest.mark.parametrize("kind", [File, File | None, Csv, Annotated[Dir, "rows"], PurePosixPath])
def test_a_file_or_directory_is_an_input_or_output_of_its_own(kind: Any) -> None:
    assert task(inputs={"x": kind}, outputs={"x": kind}).outputs == {"x": kind}


def test_the_error_of_a_wrong_reference_says_what_is_there() -> None:
    with pytest.raises(TaskDefinitionError, match="did you mean 'month'"):
        task(command=["echo", "{{.inputs.mnth}}"], inputs={"month": int})


def test_a_command_may_be_a_text() -> None:
    assert task(command="sh -c 'exit 3'").command == ("sh", "-c", "exit 3")


def test_an_override_is_checked_as_a_definition_is() -> None:
    assert task(inputs={"x": str}).override(command="echo {{.inputs.x}}").command[0] == "echo"
    with pytest.raises(TaskDefinitionError, match="metadata_format"):
        task().override(metadata_format="XML")


def test_container_args_are_the_command_and_the_arguments_with_their_templates() -> None:
    spec = serialize(task(command="echo -n", arguments=["{{.inputs.x}}"], inputs={"x": str}))
    assert spec.container_args == ["echo", "-n", "{{.inputs.x}}"]


def test_data_loading_config_says_where_inputs_and_outputs_are() -> None:
    paths = {"input_data_dir": "/in", "output_data_dir": "/out"}
    spec = serialize(task(**paths, metadata_format="YAML", file_input_layout="NAMED_DIR"))
    assert spec.data_loading_config == DataLoadingConfig(
        input_path="/in", output_path="/out", format="YAML", file_input_layout="NAMED_DIR"
    )


def test_a_container_has_no_custom_config_as_no_cluster_reads_one() -> None:
    assert serialize(task(user="1000:7")).custom_config == {}


def test_a_spec_has_the_container_as_declared() -> None:
    said = {"image_entrypoint": ["sh", "-x"], "user": "1000:7", "workdir": "/work"}
    found = serialize(task(image=Image.from_base("busybox:2"), arguments=["a"], **said))
    assert found.own_fields == {
        "command": {"$tuple": ["true"]},
        "arguments": {"$tuple": ["a"]},
        "image_entrypoint": {"$tuple": ["sh", "-x"]},
        "user": "1000:7",
        "workdir": "/work",
    }
    assert (found.image, found.definition["image"]) == ("busybox:2", {"base": "busybox:2"})


@pytest.mark.parametrize(
    "change",
    [
        {"image": "busybox:2"},
        {"command": ["false"]},
        {"arguments": ["x"]},
        {"env_vars": {"A": "1"}},
        {"image_entrypoint": []},
        {"user": "1000"},
        {"workdir": "/tmp"},
        {"input_data_dir": "/in"},
        {"output_data_dir": "/out"},
        {"metadata_format": "YAML"},
        {"file_input_layout": "NAMED_DIR"},
    ],
)
def test_cache_version_changes_with_what_runs(change: dict[str, Any]) -> None:
    assert version(task(**change)) != version(task())


def test_cache_version_tells_a_command_from_its_arguments() -> None:
    assert version(task(command=["a", "b"])) != version(task(command=["a"], arguments=["b"]))


def test_cache_version_is_the_same_for_the_same_container() -> None:
    assert version(task(name="other", local_logs=False)) == version(task())


def version(container: Any) -> str | None:
    return serialize(container.override(cache="auto")).cache_version


def test_a_pod_template_keeps_the_side_loading_the_container_and_the_primary_container() -> None:
    template = PodTemplate(
        pod_spec={"containers": [{"name": "main"}, {"name": "sidecar"}]},
        primary_container_name="main",
    )
    plain, spec = serialize(task()), serialize(task(pod_template=template))
    assert spec.definition["pod_template"] == template.to_dict()
    assert (spec.config, plain.config) == ({}, {})
    assert spec.data_loading_config == plain.data_loading_config
    assert spec.custom_config == plain.custom_config
    assert (spec.image, spec.container_args) == (plain.image, plain.container_args)
