"""What a task asks of Ray: its resources, and why Ray has none for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from tasksmithy import Device, Resources, TaskTemplate
from tasksmithy_ray.options import RayOptions

_NANOS: Final = 10**9

_ACCELERATORS: Final = {"A100 80G": "A100-80G", "L40s": "L40S", "RTX PRO 6000": "RTX-PRO-6000"}
"""The devices that Ray calls otherwise; AMD's have a prefix besides."""

_CLASSES: Final = {"TPU": "TPU", "NEURON": "neuron_cores", "HABANA_GAUDI": "HPU"}
"""The resource of Ray for each class of devices that are no GPUs."""


class Request(NamedTuple):
    """What an attempt asks of Ray, as options of a Ray task.

    Attributes:
        cpus: cores.
        gpus: GPUs.
        accelerator: the type of the GPUs, as Ray calls it; None for any.
        memory: bytes; None: not said.
        resources: custom resources.
    """

    cpus: float = 1
    gpus: int = 0
    accelerator: str | None = None
    memory: int | None = None
    resources: Mapping[str, float] = {}

    def options(self) -> dict[str, Any]:
        """The options of the Ray task."""
        options: dict[str, Any] = {"num_cpus": self.cpus}
        if self.gpus:
            options["num_gpus"] = self.gpus
        if self.accelerator:
            options["accelerator_type"] = self.accelerator
        if self.memory:
            options["memory"] = self.memory
        if self.resources:
            options["resources"] = dict(self.resources)
        return options

    def amounts(self) -> dict[str, float]:
        """The amounts that a node has to have, as Ray lists them for nodes."""
        amounts = {"CPU": self.cpus, "GPU": self.gpus, "memory": self.memory or 0, **self.resources}
        if self.accelerator:
            amounts[f"accelerator_type:{self.accelerator}"] = 0.001
        return {name: amount for name, amount in amounts.items() if amount}


def request_of(task: TaskTemplate[..., Any], options: RayOptions) -> Request:
    """What the attempts of a task ask of Ray: the requests of its resources, no limits."""
    resources = task.resources or Resources()
    cpu, _ = resources.cpu_range()
    memory, _ = resources.memory_range()
    custom: dict[str, float] = {}
    if task.queue is not None:
        custom |= options.queues.get(task.queue, {})
    if task.interruptible:
        custom |= options.interruptible
    request = Request(
        cpus=1 if cpu is None else cpu.nanos / _NANOS,
        memory=None if memory is None else -(-memory.nanos // _NANOS),
    )
    device = resources.device()
    if device is None:
        return request._replace(resources=custom)
    if device.device_class in _CLASSES:
        custom[_CLASSES[device.device_class]] = device.quantity
        return request._replace(resources=custom)
    return request._replace(
        gpus=device.quantity, accelerator=_accelerator(device), resources=custom
    )


def refusal(task: TaskTemplate[..., Any], options: RayOptions) -> str | None:
    """Why the executor cannot make attempts of a task on any cluster; None where it can."""
    device = None if task.resources is None else task.resources.device()
    if device is not None and device.partition is not None:
        return f"its resources ask for the part {device.partition!r} of a device; Ray gives none"
    if task.queue is not None and options.queues and task.queue not in options.queues:
        known = ", ".join(sorted(options.queues))
        return f"its queue {task.queue!r} is none of those in the option queues ({known})"
    if options.cluster is not None and any(secret.mount for secret in task.secrets):
        return (
            "one of its secrets is mounted as a file, which workers on other machines do not see; "
            "give it as an environment variable"
        )
    return None


def lacking(request: Request, nodes: Mapping[str, Mapping[str, float]]) -> str | None:
    """Why no node can give what is asked for, each alone and idle; None where one can."""
    amounts = request.amounts()
    for has in nodes.values():
        if all(has.get(name, 0) >= amount for name, amount in amounts.items()):
            return None
    asked = ", ".join(f"{name} {amount:g}" for name, amount in amounts.items())
    told = "; ".join(
        f"{node}: " + (", ".join(f"{name} {has.get(name, 0):g}" for name in amounts) or "nothing")
        for node, has in sorted(nodes.items())
    )
    return f"it asks for {asked}, which no node of the Ray cluster has ({told})"


def _accelerator(device: Device) -> str | None:
    if device.device is None:
        return None
    name = _ACCELERATORS.get(device.device, device.device)
    return f"AMD-Instinct-{name}" if device.device_class == "AMD_GPU" else name
