"""Pod templates."""

from kubernetes.client import V1Container, V1EnvVar, V1PodSpec, V1ResourceRequirements, V1Toleration

import tasksmithy as sdk
from tasksmithy.extras import ContainerTask

named_env = sdk.TaskEnvironment(
    name="pod-by-name", image="ghcr.io/acme/app:1.4", pod_template="gpu-nodes"
)
labelled_env = sdk.TaskEnvironment(
    name="pod-with-labels",
    image="ghcr.io/acme/app:1.4",
    pod_template=sdk.PodTemplate(labels={"team": "data"}, annotations={"note": "one"}),
)
full_env = sdk.TaskEnvironment(
    name="pod",
    image="ghcr.io/acme/app:1.4",
    env_vars={"A": "1"},
    resources=sdk.Resources(cpu=(1, 2), memory="1Gi", gpu=1, disk="5Gi"),
    pod_template=sdk.PodTemplate(
        pod_spec=V1PodSpec(
            containers=[
                V1Container(
                    name="main",
                    env=[V1EnvVar(name="B", value="2")],
                    resources=V1ResourceRequirements(
                        requests={"smarter-devices/fuse": "1", "cpu": "8"},
                        limits={"smarter-devices/fuse": "1"},
                    ),
                ),
                V1Container(name="proxy", image="ghcr.io/acme/proxy:2"),
            ],
            node_selector={"pool": "fast"},
            tolerations=[V1Toleration(key="gpu", operator="Exists")],
        ),
        primary_container_name="main",
        labels={"team": "data"},
    ),
)
own_image_env = sdk.TaskEnvironment(
    name="pod-with-image",
    image="ghcr.io/acme/app:1.4",
    pod_template=sdk.PodTemplate(
        pod_spec=V1PodSpec(containers=[V1Container(name="primary", image="ghcr.io/acme/other:1")])
    ),
)


@named_env.task
async def by_name() -> None: ...


@labelled_env.task
async def with_labels() -> None: ...


@full_env.task
async def full(a: int) -> int:
    return a


@own_image_env.task
async def own_image() -> None: ...


@own_image_env.task(pod_template="another")
async def instead() -> None: ...


container = ContainerTask(
    name="container_in_pod",
    image="docker.io/library/alpine:3.20",
    command=["run"],
    inputs={"n": int},
    pod_template=sdk.PodTemplate(labels={"team": "data"}),
)
container_env = sdk.TaskEnvironment.from_task("pod-of-container", container)
