"""Resources: what a container asks for, accelerators and shared memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flyteidl2.core import tasks_pb2

from tasksmithy import Resources

Described = Mapping[str, Any]
"""`Resources` as a `TaskSpec` has them: canonical quantities, as text."""

_NAMES: Final = tasks_pb2.Resources

# Flyte's names of devices are the values of the node label by which its clusters find them.
DEVICES: Final = {
    "A10": "nvidia-a10",
    "A100": "nvidia-tesla-a100",
    "A100 80G": "nvidia-a100-80gb",
    "A100G": "nvidia-a100g",
    "A10G": "nvidia-a10g",
    "H100": "nvidia-tesla-h100",
    "K80": "nvidia-tesla-k80",
    "L4": "nvidia-l4",
    "L40s": "nvidia-l40s",
    "L4_VWS": "nvidia-l4-vws",
    "M60": "nvidia-tesla-m60",
    "P100": "nvidia-tesla-p100",
    "P4": "nvidia-tesla-p4",
    "RTX PRO 4500": "nvidia-rtx-pro-4500",
    "RTX PRO 6000": "nvidia-rtx-pro-6000",
    "T4": "nvidia-tesla-t4",
    "V100": "nvidia-tesla-v100",
    "V5E": "tpu-v5-lite-podslice",
    "V5P": "tpu-v5p-slice",
    "V6E": "tpu-v6e-slice",
}
"""Devices that have another name in Flyte's messages; one that is not here keeps its own."""

_CLASSES: Final = {
    "GPU": tasks_pb2.GPUAccelerator.NVIDIA_GPU,
    "TPU": tasks_pb2.GPUAccelerator.GOOGLE_TPU,
    "NEURON": tasks_pb2.GPUAccelerator.AMAZON_NEURON,
    "AMD_GPU": tasks_pb2.GPUAccelerator.AMD_GPU,
    "HABANA_GAUDI": tasks_pb2.GPUAccelerator.HABANA_GAUDI,
}


def get_proto_resources(resources: Resources | None) -> tasks_pb2.Resources | None:
    """The message of requests and limits, as a container has it; None where nothing is asked for.

    Raises:
        FieldError: a resource is not allowed.
    """
    return None if resources is None else resources_message(resources.to_dict())


def get_proto_extended_resources(resources: Resources | None) -> tasks_pb2.ExtendedResources | None:
    """The message of the accelerator and the shared memory; None where neither is asked for.

    Raises:
        FieldError: a resource is not allowed.
    """
    return None if resources is None else extended_message(resources.to_dict())


def resources_message(described: Described) -> tasks_pb2.Resources | None:
    """The message of requests and limits."""
    message = tasks_pb2.Resources()
    for name, value in (("cpu", _NAMES.CPU), ("memory", _NAMES.MEMORY)):
        for side, entries in (("request", message.requests), ("limit", message.limits)):
            if side in described.get(name, ()):
                entries.add(name=value, value=described[name][side])
    if gpu := described.get("gpu"):
        message.requests.add(name=_NAMES.GPU, value=str(gpu["quantity"]))
    if disk := described.get("disk"):
        message.requests.add(name=_NAMES.EPHEMERAL_STORAGE, value=disk)
    return message if message.requests or message.limits else None


def extended_message(described: Described) -> tasks_pb2.ExtendedResources | None:
    """The message of the accelerator and the shared memory."""
    message = tasks_pb2.ExtendedResources()
    gpu, shm = described.get("gpu", {}), described.get("shm")
    if device := gpu.get("device"):
        message.gpu_accelerator.device = DEVICES.get(device, device)
        message.gpu_accelerator.device_class = _CLASSES[gpu["device_class"]]
        if partition := gpu.get("partition"):
            message.gpu_accelerator.partition_size = partition
    if shm is not None:
        message.shared_memory.mount_path = "/dev/shm"  # noqa: S108 - in the container
        message.shared_memory.mount_name = "flyte-shm"
        message.shared_memory.size_limit = "" if shm == "auto" else shm
    return message if gpu.get("device") or shm is not None else None
