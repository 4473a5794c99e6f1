"""The Kubernetes pod a task runs in. The `kubernetes` package is imported only where needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING, Any

from tasksmithy.checks import checked, matching, string_mapping
from tasksmithy.errors import FieldError, MissingDependencyError
from tasksmithy.fields._quantity import NANOS, Quantity

if TYPE_CHECKING:
    from kubernetes.client import V1PodSpec

    from tasksmithy.fields._resources import Resources

PRIMARY_CONTAINER_DEFAULT_NAME = "primary"

_DNS_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"  # RFC 1123, as Kubernetes names containers
_SHM = "shm"


@dataclass(frozen=True, slots=True)
class PodTemplate:
    """What the pod of a task is made from.

    Attributes:
        pod_spec: the pod's spec: kubernetes' `V1PodSpec`, or the same as a mapping with the names
            of the Kubernetes API ("nodeSelector").
        primary_container_name: the container that runs the task.
        labels: the pod's labels.
        annotations: the pod's annotations.
    """

    # A template can be hashed with what cannot: equal templates have equal hashes all the same.
    pod_spec: V1PodSpec | Mapping[str, Any] | None = field(default=None, hash=False)
    primary_container_name: str = PRIMARY_CONTAINER_DEFAULT_NAME
    _: KW_ONLY
    labels: Mapping[str, str] | None = field(default=None, hash=False)
    annotations: Mapping[str, str] | None = field(default=None, hash=False)

    def check(self) -> None:
        """Raise `FieldError` for the first field that is not allowed."""
        _plain_spec(self.pod_spec)
        _container_name(self.primary_container_name)
        if self.labels is not None:
            string_mapping("labels", self.labels)
        if self.annotations is not None:
            string_mapping("annotations", self.annotations)

    def to_dict(self) -> dict[str, object]:
        """The fields that are set, JSON-able, with the names of the Kubernetes API.

        Raises:
            FieldError: `pod_spec` is not allowed.
        """
        fields: dict[str, object] = {
            "pod_spec": _plain_spec(self.pod_spec),
            "primary_container_name": self.primary_container_name,
            "labels": self.labels and dict(self.labels),
            "annotations": self.annotations and dict(self.annotations),
        }
        return {name: value for name, value in fields.items() if value is not None}


def pod_spec_from_resources(
    primary_container_name: str = PRIMARY_CONTAINER_DEFAULT_NAME,
    requests: Resources | None = None,
    limits: Resources | None = None,
    k8s_gpu_resource_key: str = "nvidia.com/gpu",
) -> V1PodSpec:
    """A pod spec of one container with these resources.

    Of a pair (request, limit) `requests` gives the request and `limits` the limit. One of the two
    alone gives both. Accelerators are counted under `k8s_gpu_resource_key`; Kubernetes wants
    them requested and limited alike. Shared memory is a memory-backed volume at /dev/shm, with
    no size limit for "auto".

    Raises:
        FieldError: an argument is not allowed, or a request is larger than its limit.
        MissingDependencyError: the `kubernetes` package is not installed.
    """
    try:
        from kubernetes import client
    except ImportError as error:
        raise MissingDependencyError(
            "pod_spec_from_resources", "kubernetes", "pip install 'tasksmithy[kubernetes]'"
        ) from error
    _container_name(primary_container_name)
    for name, resources in (("requests", requests), ("limits", limits)):
        if resources is not None:
            checked(name, resources)
    key = k8s_gpu_resource_key
    requested = _amounts(requests, 0, key) or _amounts(limits, 0, key)
    limited = _amounts(limits, 1, key) or _amounts(requests, 1, key)
    _even_out(requested, limited, key)
    _check_order(requested, limited)
    sizes = [each.shm_size() for each in (limits, requests) if each is not None]
    shm = next((size for size in sizes if size), None)
    mount = client.V1VolumeMount(name=_SHM, mount_path="/dev/shm")  # noqa: S108 - not a temp file
    memory = client.V1EmptyDirVolumeSource(
        medium="Memory", size_limit=None if shm in (None, "auto") else str(shm)
    )
    return client.V1PodSpec(
        containers=[
            client.V1Container(
                name=primary_container_name,
                resources=client.V1ResourceRequirements(
                    requests=_texts(requested), limits=_texts(limited)
                ),
                volume_mounts=[mount] if shm else None,
            )
        ],
        volumes=[client.V1Volume(name=_SHM, empty_dir=memory)] if shm else None,
    )


def _amounts(resources: Resources | None, side: int, gpu_key: str) -> dict[str, Quantity]:
    """Resource names to quantities; of a pair the request (side 0) or the limit (side 1)."""
    if resources is None:
        return {}
    device = resources.device()
    cpu, memory = resources.cpu_range(), resources.memory_range()
    amounts = {
        "cpu": cpu[side] or cpu[0],
        "memory": memory[side] or memory[0],
        gpu_key: Quantity(device.quantity * NANOS) if device else None,
        "ephemeral-storage": resources.disk_size(),
    }
    return {name: amount for name, amount in amounts.items() if amount is not None}


def _texts(amounts: dict[str, Quantity]) -> dict[str, str] | None:
    return {name: str(amount) for name, amount in amounts.items()} or None


def _even_out(requested: dict[str, Quantity], limited: dict[str, Quantity], gpu_key: str) -> None:
    counts = [amounts[gpu_key] for amounts in (limited, requested) if gpu_key in amounts]
    if len(set(counts)) > 1:
        raise FieldError(
            "requests.gpu", str(requested[gpu_key]), f"as many as the limit, {counts[0]}"
        )
    if counts:
        requested[gpu_key] = limited[gpu_key] = counts[0]


def _check_order(requested: dict[str, Quantity], limited: dict[str, Quantity]) -> None:
    for name, amount in requested.items():
        limit = limited.get(name)
        if limit is not None and amount > limit:
            raise FieldError(f"requests.{name}", str(amount), f"no more than the limit, {limit}")


def _container_name(name: object) -> None:
    allowed = "1 to 63 lower-case letters, digits and - (inside), as Kubernetes names containers"
    matching("primary_container_name", name, _DNS_LABEL, allowed)


def _plain_spec(pod_spec: object) -> object:
    if pod_spec is None:
        return None
    allowed = "a V1PodSpec of kubernetes, or a mapping that JSON can hold"
    if isinstance(pod_spec, Mapping):
        import json

        try:
            return json.loads(json.dumps(dict(pod_spec), allow_nan=False))
        except (TypeError, ValueError):
            raise FieldError("pod_spec", pod_spec, allowed) from None
    try:
        from kubernetes import client
    except ImportError:  # then nobody has a V1PodSpec
        raise FieldError("pod_spec", pod_spec, allowed) from None
    if not isinstance(pod_spec, client.V1PodSpec):
        raise FieldError("pod_spec", pod_spec, allowed)
    api: Any = client.ApiClient()  # its methods are not typed
    return api.sanitize_for_serialization(pod_spec)
