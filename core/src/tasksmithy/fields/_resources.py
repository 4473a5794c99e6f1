"""What a task needs from the machine it runs on."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Literal

from tasksmithy.checks import finite, widened
from tasksmithy.errors import FieldError
from tasksmithy.fields._accelerators import GPU, TPU, Device
from tasksmithy.fields._quantity import NANOS, Quantity

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["GPU", "TPU", "Device", "Resources"]

CPU = int | float | str

_CPU_ALLOWED = (
    'cores above 0 as a number or a Kubernetes quantity such as "500m" or "2", '
    "or a tuple (request, limit) of two"
)
_BYTES_ALLOWED = (
    'a Kubernetes quantity of at least one byte such as "512Mi", "2Gi" or "1000" (bytes)'
)


@dataclass(frozen=True, slots=True)
class Resources:
    """CPU, memory, accelerators and disk of one task.

    A pair is (request, limit): what the task is given, and what it may use at most. Quantities
    follow the grammar of Kubernetes' `resource.Quantity`.

    Attributes:
        cpu: cores: 2, 0.5, "500m", (1, 4).
        memory: bytes: "2Gi", "512M", ("1Gi", "4Gi").
        gpu: accelerators: a count, "A100:2", `GPU("A100", 1, partition="1g.5gb")`, `TPU(...)`.
        disk: bytes of ephemeral storage: "10Gi".
        shm: bytes of /dev/shm, counted as memory; "auto" for as much as there is.
    """

    cpu: CPU | tuple[CPU, CPU] | None = None
    memory: str | tuple[str, str] | None = None
    _: KW_ONLY
    gpu: str | int | Device | None = None
    disk: str | None = None
    shm: str | None = None

    def check(self) -> None:
        """Raise `FieldError` for the first field that is not allowed."""
        self.to_dict()

    def cpu_range(self) -> tuple[Quantity | None, Quantity | None]:
        """(request, limit) as canonical quantities, rounded up to a milli-core.

        A single value is a request without limit. Kubernetes knows no finer CPU than 1m.

        Raises:
            FieldError: `cpu` is not allowed.
        """
        return _range("cpu", self.cpu, _cpu)

    def memory_range(self) -> tuple[Quantity | None, Quantity | None]:
        """(request, limit) as canonical quantities, rounded up to a byte; as `cpu_range`.

        Raises:
            FieldError: `memory` is not allowed.
        """
        return _range("memory", self.memory, _memory)

    def device(self) -> Device | None:
        """The accelerator, whatever the shorthand.

        Raises:
            FieldError: `gpu` is not allowed.
        """
        return None if self.gpu is None else Device.of(self.gpu, "gpu")

    def disk_size(self) -> Quantity | None:
        """`disk` as a canonical quantity.

        Raises:
            FieldError: `disk` is not allowed.
        """
        return None if self.disk is None else _bytes("disk", self.disk)

    def shm_size(self) -> Quantity | Literal["auto"] | None:
        """`shm` as a canonical quantity, or "auto".

        Raises:
            FieldError: `shm` is not allowed.
        """
        if self.shm is None:
            return None
        if self.shm == "auto":
            return "auto"
        try:
            return _bytes("shm", self.shm)
        except FieldError as error:
            raise widened(error, '"auto"') from None

    def to_dict(self) -> dict[str, object]:
        """The fields that are set, JSON-able, quantities in canonical form.

        `cpu` and `memory` are {"request": ..., "limit": ...}, the limit only where there is one.

        Raises:
            FieldError: the first field that is not allowed.
        """
        fields: dict[str, object] = {
            "cpu": _range_dict(self.cpu_range()),
            "memory": _range_dict(self.memory_range()),
            "gpu": device.to_dict() if (device := self.device()) else None,
            "disk": self.disk_size(),
            "shm": self.shm_size(),
        }
        plain = {n: str(v) if isinstance(v, Quantity) else v for n, v in fields.items()}
        return {name: value for name, value in plain.items() if value}


def _range(
    field: str, value: object, parse: Callable[[str, object], Quantity]
) -> tuple[Quantity | None, Quantity | None]:
    if value is None:
        return None, None
    if not isinstance(value, tuple):
        return parse(field, value), None
    if len(value) != 2:
        raise FieldError(field, value, "one value or a tuple (request, limit)")
    request, limit = (parse(field, side) for side in value)
    if request > limit:
        raise FieldError(field, value, "a request that is not larger than the limit")
    return request, limit


def _range_dict(pair: tuple[Quantity | None, Quantity | None]) -> dict[str, str]:
    names = ("request", "limit")
    return {name: str(side) for name, side in zip(names, pair, strict=True) if side is not None}


def _cpu(field: str, value: object) -> Quantity:
    text = value if isinstance(value, str) else None if finite(value) is None else repr(value)
    return _positive(field, value, text, NANOS // 1000, 1, _CPU_ALLOWED)


def _bytes(field: str, value: object) -> Quantity:
    # Less than a byte is the known mistake of writing "400m" for 400M.
    text = value if isinstance(value, str) else None
    return _positive(field, value, text, NANOS, NANOS, _BYTES_ALLOWED)


def _memory(field: str, value: object) -> Quantity:
    try:
        return _bytes(field, value)
    except FieldError as error:
        raise widened(error, "a tuple (request, limit) of two") from None


def _positive(
    field: str, value: object, text: str | None, step: int, least: int, allowed: str
) -> Quantity:
    """The quantity in `text` rounded up to `step` nanos, if it is at least `least` nanos."""
    try:
        quantity = Quantity.parse(text or "")
    except ValueError:
        raise FieldError(field, value, allowed) from None
    if quantity.nanos < least:
        raise FieldError(field, value, allowed)
    return quantity.rounded_up(step)
