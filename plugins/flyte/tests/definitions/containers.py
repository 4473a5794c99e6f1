"""Containers."""

import tasksmithy as sdk
from tasksmithy import File
from tasksmithy.extras import ContainerTask

echo = ContainerTask(
    name="echo",
    image="docker.io/library/alpine:3.20",
    command=["/bin/sh", "-c", "echo hello"],
)
greeting = ContainerTask(
    name="greeting",
    image="docker.io/library/alpine:3.20",
    command=["/bin/sh", "-c", "echo {{.inputs.name}} > /var/outputs/text"],
    inputs={"name": str},
    outputs={"text": str},
)
folders = ContainerTask(
    name="folders",
    image="docker.io/library/alpine:3.20",
    command=["cp", "/in/file", "/out/copy"],
    input_data_dir="/in",
    output_data_dir="/out",
    metadata_format="YAML",
    inputs={"file": File},
    outputs={"copy": File},
)
proto = ContainerTask(
    name="proto",
    image="docker.io/library/alpine:3.20",
    command=["run"],
    metadata_format="PROTO",
    inputs={"n": int},
    outputs={"m": int},
    resources=sdk.Resources(cpu=1, memory="500Mi"),
    retries=2,
    timeout=60,
    cache=sdk.Cache(behavior="override", version_override="3"),
)
arguments = ContainerTask(
    name="arguments",
    image="docker.io/library/alpine:3.20",
    command=["run"],
    arguments=["--fast", "--level", "3"],
    env_vars={"A": "1"},
    secrets=[sdk.Secret(key="token", as_env_var="TOKEN")],
)
named_files = ContainerTask(
    name="named_files",
    image="docker.io/library/alpine:3.20",
    command=["run", "/var/inputs/file"],
    file_input_layout="NAMED_DIR",
    inputs={"file": File},
)
env = sdk.TaskEnvironment.from_task(
    "containers", echo, greeting, folders, proto, arguments, named_files
)
