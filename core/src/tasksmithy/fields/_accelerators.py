"""The accelerators a task can ask for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

from tasksmithy._texts import near_misses
from tasksmithy.checks import checked, integer, matching, one_of
from tasksmithy.errors import FieldError

DeviceClass = Literal["GPU", "TPU", "NEURON", "AMD_GPU", "HABANA_GAUDI"]

KNOWN_DEVICES: dict[DeviceClass, tuple[str, ...]] = {
    "GPU": (
        *("T4", "V100", "A2", "A10", "A10G", "A100", "A100 80G", "L4", "L40s"),
        *("H100", "H200", "B200", "GB10", "GB200", "RTX PRO 6000"),
    ),
    "TPU": ("V5E", "V5P", "V6E"),
    "NEURON": ("Inf1", "Inf2", "Trn1", "Trn1n", "Trn2", "Trn2u"),
    "AMD_GPU": (
        *("MI100", "MI210", "MI250", "MI250X", "MI300A", "MI300X", "MI325X", "MI350X", "MI355X"),
    ),
    "HABANA_GAUDI": ("Gaudi1",),
}

_SLICES_2D = ("1x1", "2x2", "2x4", "4x4", "4x8", "8x8", "8x16", "16x16")

# NVIDIA's MIG profiles, and the slice topologies that Google Cloud offers. A device that is not
# here may have any partition that is formed as its class has it.
KNOWN_PARTITIONS: dict[str, tuple[str, ...]] = {
    "A100": ("1g.5gb", "1g.10gb", "2g.10gb", "3g.20gb", "4g.20gb", "7g.40gb"),
    "A100 80G": ("1g.10gb", "1g.20gb", "2g.20gb", "3g.40gb", "4g.40gb", "7g.80gb"),
    "H100": ("1g.10gb", "1g.20gb", "2g.20gb", "3g.40gb", "4g.40gb", "7g.80gb"),
    "H200": ("1g.18gb", "1g.35gb", "2g.35gb", "3g.71gb", "4g.71gb", "7g.141gb"),
    "V5E": _SLICES_2D,
    "V5P": (
        *("2x2x1", "2x2x2", "2x4x4", "4x4x4", "4x4x8", "4x8x8", "8x8x8"),
        *("8x8x16", "8x16x16", "16x16x16", "16x16x24"),
    ),
    "V6E": _SLICES_2D,
}

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9 ._-]{0,61}[A-Za-z0-9])?"
_MIG_PROFILE = r"[1-9]g\.[1-9][0-9]*gb"
_TOPOLOGY = r"[1-9][0-9]*(?:x[1-9][0-9]*){1,2}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """An accelerator: how many, of what name and class, and which part of one.

    Attributes:
        quantity: how many, at least 1.
        device: its name, such as "A100"; any well-formed one, for there are devices that
            tasksmithy does not know. None: whichever the cluster has.
        partition: a MIG profile ("1g.5gb") of a GPU, a slice topology ("2x2x1") of a TPU;
            one of `KNOWN_PARTITIONS` where the device is there.
        device_class: what kind of accelerator it is.
    """

    quantity: int
    device: str | None = None
    partition: str | None = None
    device_class: DeviceClass = "GPU"

    @classmethod
    def of(cls, value: str | int | Device, field: str) -> Device:
        """A device from its shorthand: "A100:2" (a known name and a count), or a count alone.

        Raises:
            FieldError: for `field`, or `field.<inner>` where `value` is a `Device`.
        """
        if isinstance(value, Device):
            return checked(field, value)
        if not isinstance(value, str):
            return cls(quantity=integer(field, value, 1))
        name, _, count = value.rpartition(":")
        known = _known_spelling(name)
        if known is None or not re.fullmatch(r"[1-9][0-9]{0,5}", count):
            names = [known for names in KNOWN_DEVICES.values() for known in names]
            raise FieldError(
                field,
                value,
                'a count of 1 or more, "name:count" such as "A100:2" with a known name, or a '
                f"Device for another{near_misses(name or value, names)}",
            )
        spelling, device_class = known
        return cls(quantity=int(count), device=spelling, device_class=device_class)

    def check(self) -> None:
        """Raise `FieldError` for the first field that is not allowed."""
        integer("quantity", self.quantity, 1)
        one_of("device_class", self.device_class, get_args(DeviceClass))
        if self.device is not None:
            allowed = 'a name of letters, digits and " ._-" such as "A100", or None'
            matching("device", self.device, _NAME, allowed)
        if self.partition is not None:
            self._check_partition(self.partition)

    def _check_partition(self, partition: object) -> None:
        if self.device in KNOWN_PARTITIONS:
            one_of("partition", partition, KNOWN_PARTITIONS[self.device])
            return
        formed = {
            "GPU": (_MIG_PROFILE, 'a MIG profile such as "1g.5gb"'),
            "TPU": (_TOPOLOGY, 'a topology such as "2x2x1"'),
        }
        if self.device_class not in formed:
            raise FieldError("partition", partition, f"None: a {self.device_class} has no parts")
        pattern, allowed = formed[self.device_class]
        matching("partition", partition, pattern, f"{allowed}, or None for whole devices")

    def to_dict(self) -> dict[str, object]:
        """The fields that are set, JSON-able."""
        fields = {
            "quantity": self.quantity,
            "device": self.device,
            "partition": self.partition,
            "device_class": self.device_class,
        }
        return {name: value for name, value in fields.items() if value is not None}


def GPU(device: str, quantity: int = 1, partition: str | None = None) -> Device:  # noqa: N802 - as in Flyte
    """`quantity` GPUs of a kind, or that many parts ("1g.5gb") of one; known names in any case."""
    return Device(quantity=quantity, device=_spelling(device), partition=partition)


def TPU(device: str, partition: str | None = None) -> Device:  # noqa: N802 - as in Flyte
    """One TPU slice of a topology: `TPU("V5P", "2x2x1")`; known names in any case."""
    return Device(quantity=1, device=_spelling(device), partition=partition, device_class="TPU")


def _known_spelling(name: object) -> tuple[str, DeviceClass] | None:
    if not isinstance(name, str):  # building a value never raises, `check` does
        return None
    for device_class, names in KNOWN_DEVICES.items():
        for known in names:
            if known.casefold() == name.replace("_", " ").casefold():
                return known, device_class
    return None


def _spelling(name: str) -> str:
    known = _known_spelling(name)
    return known[0] if known else name
