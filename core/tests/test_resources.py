"""Resources: what is allowed, and the canonical quantities."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasksmithy.errors import FieldError
from tasksmithy.fields._resources import GPU, TPU, Device, Resources


def texts(amounts: tuple[Any, ...]) -> tuple[str | None, ...]:
    return tuple(None if amount is None else str(amount) for amount in amounts)


@pytest.mark.parametrize(
    ("cpu", "expected"),
    [
        (None, (None, None)),
        (2, ("2", None)),
        (0.5, ("500m", None)),
        ("500m", ("500m", None)),
        ("2", ("2", None)),
        (1 / 3, ("334m", None)),
        ("1n", ("1m", None)),
        ("1e3", ("1k", None)),
        ((1, "2500m"), ("1", "2500m")),
        ((1, 1.0), ("1", "1")),
        ((0.1, 4), ("100m", "4")),
    ],
)
def test_cpu_is_cores_rounded_up_to_a_milli(
    cpu: Any, expected: tuple[str | None, str | None]
) -> None:
    assert texts(Resources(cpu).cpu_range()) == expected


@pytest.mark.parametrize(
    "cpu",
    [
        *[0, -1, 0.0, "0", "-500m", True, float("nan"), float("inf"), "lots", "", b"1", 10**30],
        *[[1, 2], (2, 1), ("2", "1500m"), (1,), (1, 2, 3), (), (1, None), (True, 2), (0, 1)],
    ],
)
def test_cpu_is_a_positive_ordered_amount(cpu: Any) -> None:
    with pytest.raises(FieldError) as caught:
        Resources(cpu=cpu).check()
    assert caught.value.field == "cpu"


@pytest.mark.parametrize(
    ("memory", "expected"),
    [
        (None, (None, None)),
        ("2Gi", ("2Gi", None)),
        ("2048Mi", ("2Gi", None)),
        ("1000", ("1k", None)),
        ("1", ("1", None)),
        ("0.1Gi", ("107374183", None)),
        (("1Gi", "4Gi"), ("1Gi", "4Gi")),
        (("1G", "1Gi"), ("1G", "1Gi")),
    ],
)
def test_memory_is_whole_bytes(memory: Any, expected: tuple[str | None, str | None]) -> None:
    assert texts(Resources(memory=memory).memory_range()) == expected


@pytest.mark.parametrize(
    "memory", ["lots", "", "0", "-1Gi", 1024, True, "400m", ("4Gi", "1Gi"), ("1Gi", "1G"), ("1Gi",)]
)
def test_memory_is_a_positive_ordered_amount_of_at_least_a_byte(memory: Any) -> None:
    with pytest.raises(FieldError) as caught:
        Resources(memory=memory).check()
    assert caught.value.field == "memory"


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_a_range_is_allowed_if_and_only_if_it_is_ordered(request: int, limit: int) -> None:
    resources = Resources(cpu=(f"{request}m", f"{limit}m"))
    if request <= limit:
        low, high = resources.cpu_range()
        assert low is not None
        assert high is not None
        assert low <= high
    else:
        with pytest.raises(FieldError, match="not larger than the limit"):
            resources.check()


@pytest.mark.parametrize(
    ("gpu", "expected"),
    [
        (None, None),
        (2, Device(quantity=2)),
        ("A100:2", GPU("A100", 2)),
        (TPU("V5P", "2x2x1"), TPU("V5P", "2x2x1")),
    ],
)
def test_gpu_is_a_device_whatever_the_shorthand(gpu: Any, expected: Device | None) -> None:
    assert Resources(gpu=gpu).device() == expected


@pytest.mark.parametrize(
    ("gpu", "field"), [(0, "gpu"), ("A100", "gpu"), (GPU("A100", -1), "gpu.quantity")]
)
def test_a_device_that_is_not_allowed_is_refused(gpu: Any, field: str) -> None:
    with pytest.raises(FieldError) as caught:
        Resources(gpu=gpu).check()
    assert caught.value.field == field


def test_disk_and_shared_memory_are_sizes() -> None:
    resources = Resources(disk="1024Mi", shm="0.5Gi")
    assert texts((resources.disk_size(), resources.shm_size())) == ("1Gi", "512Mi")


def test_shared_memory_may_be_automatic() -> None:
    assert Resources(shm="auto").shm_size() == "auto"


@pytest.mark.parametrize("field", ["disk", "shm"])
@pytest.mark.parametrize("size", ["lots", 10, "0", ("1Gi", "2Gi"), True])
def test_a_size_is_a_positive_quantity(field: str, size: object) -> None:
    with pytest.raises(FieldError) as caught:
        Resources(**{field: size}).check()  # type: ignore[arg-type]
    assert caught.value.field == field


def test_only_disk_lacks_auto() -> None:
    with pytest.raises(FieldError):
        Resources(disk="auto").check()


def test_the_error_names_the_first_field_its_value_and_what_is_allowed() -> None:
    with pytest.raises(FieldError) as caught:
        Resources(cpu="2x", memory="lots", gpu="x").check()
    assert str(caught.value) == (
        "cpu='2x' is not allowed: give cores above 0 as a number or a Kubernetes quantity such as "
        '"500m" or "2", or a tuple (request, limit) of two'
    )


def test_no_resources_are_an_empty_dict() -> None:
    Resources().check()
    assert Resources().to_dict() == {}


def test_the_dict_has_canonical_quantities() -> None:
    resources = Resources((1, 2), "2048Mi", gpu="A100:2", disk="1e9", shm="auto")
    assert resources.to_dict() == {
        "cpu": {"request": "1", "limit": "2"},
        "memory": {"request": "2Gi"},
        "gpu": {"quantity": 2, "device": "A100", "device_class": "GPU"},
        "disk": "1G",
        "shm": "auto",
    }
