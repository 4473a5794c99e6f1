"""What every value type promises: plain frozen data, checked only when asked, cheap to import."""

import contextlib
import copy
import dataclasses
import json
import pickle
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import tasksmithy.fields
from tasksmithy.errors import FieldError
from tasksmithy.fields._accelerators import GPU, TPU, Device
from tasksmithy.fields._cache import Cache
from tasksmithy.fields._documentation import Documentation
from tasksmithy.fields._image import Image
from tasksmithy.fields._link import Link
from tasksmithy.fields._pod import PodTemplate
from tasksmithy.fields._resources import Resources
from tasksmithy.fields._retry import Backoff, RetryStrategy
from tasksmithy.fields._reuse import ReusePolicy
from tasksmithy.fields._secret import Secret
from tasksmithy.fields._timeout import Timeout
from tasksmithy.fields._trigger import Cron, FixedRate, Trigger

VALUES: list[Any] = [
    Resources((1, "2"), "2Gi", gpu=GPU("A100", 2, "1g.5gb"), disk="1Gi", shm="auto"),
    TPU("V5P", "2x2x1"),
    Backoff(timedelta(seconds=1), 2, 60),
    RetryStrategy(3, Backoff()),
    Timeout(5, max_queued_time=timedelta(1), deadline=datetime(2025, 1, 1, tzinfo=UTC)),
    Cache("override", "v1", ignored_inputs=("x",), max_age=timedelta(1)),
    Secret("key", "group", mount="/etc/secrets", as_env_var="KEY"),
    ReusePolicy((1, 3), 30, concurrency=2, scaledown_ttl=timedelta(minutes=1)),
    Image.from_debian_base((3, 12)).with_pip_packages("a").with_env_vars({"A": "1"}),
    PodTemplate({"containers": []}, labels={"a": "b"}),
    Cron("0 0 * * *", "Europe/Zurich"),
    FixedRate(timedelta(hours=1), datetime(2025, 1, 1, tzinfo=UTC)),
    Trigger.daily(inputs={"x": 1}, labels={"a": "b"}),
    Link("Logs", "https://example.com"),
    Documentation("text"),
]
BAD: list[object] = [None, object(), "", "x", -1, float("nan"), True, [], {}, (), b"x"]
values = pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)


@values
def test_an_allowed_value_passes_its_check_unchanged(value: Any) -> None:
    before = copy.deepcopy(value)
    value.check()
    assert value == before


@values
def test_a_value_survives_pickle_and_copy_equal_and_with_the_same_hash(value: Any) -> None:
    for again in (pickle.loads(pickle.dumps(value)), copy.deepcopy(value)):
        assert again == value
        assert hash(again) == hash(value)


@values
def test_a_value_cannot_be_changed(value: Any) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(value, dataclasses.fields(value)[0].name, None)
    assert not hasattr(value, "__dict__")


@values
def test_a_dict_is_json_of_the_same_order_every_time(value: Any) -> None:
    dumped = json.dumps(value.to_dict(), allow_nan=False)
    assert json.loads(dumped) == value.to_dict()
    assert json.dumps(pickle.loads(pickle.dumps(value)).to_dict()) == dumped


@values
@pytest.mark.parametrize("bad", BAD)
def test_building_never_raises_and_a_check_only_field_errors(value: Any, bad: object) -> None:
    for field in dataclasses.fields(value):
        built = dataclasses.replace(value, **{field.name: bad})
        assert getattr(built, field.name) is bad
        with contextlib.suppress(FieldError):
            built.check()
            built.to_dict()


@pytest.mark.parametrize("bad", BAD)
def test_the_constructors_of_devices_never_raise(bad: Any) -> None:
    for device in (GPU(bad, bad, bad), TPU(bad, bad)):
        assert isinstance(device, Device)


FIELDS = Path(tasksmithy.fields.__file__).parent
MODULES = sorted(file.stem for file in FIELDS.glob("_[a-z]*.py"))
HEAVY = ["asyncio", "importlib.metadata", "kubernetes", "pydantic", "json", "zoneinfo"]


def test_importing_every_value_type_imports_nothing_heavy() -> None:
    assert "_resources" in MODULES
    imports = "; ".join(f"import tasksmithy.fields.{module}" for module in MODULES)
    program = f"""
import sys
before = set(sys.modules)
{imports}
print(*sorted((set(sys.modules) - before) & set({HEAVY!r})))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == ""
