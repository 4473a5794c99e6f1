"""Accelerators: shorthands, known names and partitions."""

import pytest

from tasksmithy.errors import FieldError
from tasksmithy.fields._accelerators import (
    GPU,
    KNOWN_DEVICES,
    KNOWN_PARTITIONS,
    TPU,
    Device,
    DeviceClass,
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, Device(quantity=1)),
        (2, Device(quantity=2)),
        ("T4:1", Device(quantity=1, device="T4")),
        ("A100 80G:8", Device(quantity=8, device="A100 80G")),
        ("A100_80G:8", Device(quantity=8, device="A100 80G")),
        ("rtx_pro_6000:1", Device(quantity=1, device="RTX PRO 6000")),
        ("l40S:1", Device(quantity=1, device="L40s")),
        ("Trn1:16", Device(quantity=16, device="Trn1", device_class="NEURON")),
        ("MI300X:1", Device(quantity=1, device="MI300X", device_class="AMD_GPU")),
    ],
)
def test_a_shorthand_is_a_count_or_a_known_name_with_a_count(
    value: str | int, expected: Device
) -> None:
    assert Device.of(value, "gpu") == expected


@pytest.mark.parametrize(
    "value",
    [
        *[0, -1, True, 1.0, None],
        *["", "A100", "A100:", "A100:0", "A100:-1", "A100:x", "A100:1:1", "A100 :1", "A100:٣"],
        *[":1", "Z9:1"],
    ],
)
def test_another_shorthand_is_refused(value: object) -> None:
    with pytest.raises(FieldError) as caught:
        Device.of(value, "gpu")  # type: ignore[arg-type]
    assert caught.value.field == "gpu"
    assert caught.value.value == value


def test_a_name_without_a_count_is_recognised_in_the_error() -> None:
    with pytest.raises(FieldError, match=r"did you mean .*'H100'"):
        Device.of("H100", "gpu")


def test_a_misspelt_device_is_suggested() -> None:
    with pytest.raises(FieldError, match=r"did you mean .*'H100'"):
        Device.of("H10O:1", "gpu")


def test_a_device_is_given_back_after_its_check() -> None:
    device = GPU("A100", 2)
    assert Device.of(device, "gpu") is device
    with pytest.raises(FieldError) as caught:
        Device.of(GPU("A100", 0), "gpu")
    assert caught.value.field == "gpu.quantity"


@pytest.mark.parametrize(
    "name",
    [
        *["A2", "A10", "A10G", "A100", "A100 80G", "B200", "GB10", "GB200", "H100", "H200"],
        *["L4", "L40s", "RTX PRO 6000", "T4", "V100", "V5E", "V5P", "V6E", "Gaudi1"],
        *["Inf1", "Inf2", "Trn1", "Trn1n", "Trn2", "Trn2u", "MI100", "MI210", "MI250", "MI250X"],
        *["MI300A", "MI300X", "MI325X", "MI350X", "MI355X"],
    ],
)
def test_the_common_accelerators_are_known(name: str) -> None:
    assert Device.of(f"{name}:1", "gpu").device == name


@pytest.mark.parametrize(
    ("device_class", "name"),
    [(device_class, name) for device_class, names in KNOWN_DEVICES.items() for name in names],
)
def test_every_known_device_has_a_shorthand_and_is_allowed(
    device_class: DeviceClass, name: str
) -> None:
    device = Device.of(f"{name}:1", "gpu")
    device.check()
    assert (device.device, device.device_class) == (name, device_class)


@pytest.mark.parametrize(
    ("name", "partition"),
    [(name, partition) for name, parts in KNOWN_PARTITIONS.items() for partition in parts],
)
def test_every_known_partition_is_allowed(name: str, partition: str) -> None:
    assert any(name in names for names in KNOWN_DEVICES.values())
    make, other = (TPU, "V99") if name.startswith("V") else (GPU, "B99")
    make(name, partition=partition).check()
    make(other, partition=partition).check()  # it is formed as its class has it


def test_one_gpu_is_meant_where_no_quantity_is_given() -> None:
    assert (GPU("A100").quantity, TPU("V5P").quantity) == (1, 1)


def test_names_of_known_devices_are_taken_in_any_case() -> None:
    assert TPU("v5p", "2x2x1").device == "V5P"
    assert GPU("rtx pro 6000").device == "RTX PRO 6000"


@pytest.mark.parametrize(
    "device",
    [
        GPU("B300", 4),
        GPU("B300", partition="1g.34gb"),
        TPU("V7X", "4x4"),
        Device(quantity=1),
        Device(quantity=1, device="NPU-9", device_class="NEURON"),
    ],
)
def test_a_well_formed_device_that_is_not_known_is_allowed(device: Device) -> None:
    device.check()
    assert device.to_dict()


@pytest.mark.parametrize(
    ("device", "field"),
    [
        (GPU("A100", 0), "quantity"),
        (GPU("A100", True), "quantity"),
        (GPU(" A100"), "device"),
        (GPU(""), "device"),
        (GPU(100), "device"),  # type: ignore[arg-type]
        (GPU("A100", partition="1g.7gb"), "partition"),
        (GPU("A100", partition="2x2"), "partition"),
        (GPU("B300", partition="half"), "partition"),
        (GPU("B300", partition=2), "partition"),  # type: ignore[arg-type]
        (TPU("V5P", "2x2"), "partition"),
        (TPU("V7X", "2"), "partition"),
        (Device(quantity=1, device="Inf2", partition="1", device_class="NEURON"), "partition"),
        (Device(quantity=1, device_class="gpu"), "device_class"),  # type: ignore[arg-type]
    ],
)
def test_a_malformed_device_is_refused_by_field(device: Device, field: str) -> None:
    with pytest.raises(FieldError) as caught:
        device.check()
    assert caught.value.field == field


def test_a_refused_partition_lists_those_of_the_device() -> None:
    with pytest.raises(FieldError, match=r"'1g\.5gb', '1g\.10gb', .*'7g\.40gb'"):
        GPU("A100", partition="9g.99gb").check()


def test_only_set_fields_are_in_the_dict() -> None:
    assert Device(quantity=2).to_dict() == {"quantity": 2, "device_class": "GPU"}
    assert TPU("V5P", "2x2x1").to_dict() == {
        "quantity": 1,
        "device": "V5P",
        "partition": "2x2x1",
        "device_class": "TPU",
    }


def test_a_name_with_underscores_is_the_device_and_has_its_partitions() -> None:
    assert GPU("A100_80G", 1, "1g.10gb") == GPU("A100 80G", 1, "1g.10gb")
    GPU("A100_80G", 1, "1g.10gb").check()
    with pytest.raises(FieldError, match="partition"):
        GPU("A100_80G", 1, "1g.5gb").check()
