"""serialize(): a task as plain data, the same bytes for the same task in every process."""

import json
import math
import os
import subprocess
import sys
from collections import OrderedDict, defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from textwrap import dedent
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasksmithy import (
    Backoff,
    Cache,
    Cron,
    DataLoadingConfig,
    Image,
    Link,
    NativeInterface,
    PodTemplate,
    Registry,
    Resources,
    RetryStrategy,
    ReusePolicy,
    Secret,
    SerializationContext,
    Settings,
    Sql,
    TaskTemplate,
    TaskType,
    Timeout,
    Trigger,
    TriggerTime,
    hookimpl,
    serialize,
)
from tasksmithy.plugins._discovery import TASK_TYPES, PluginRecord
from tasksmithy.task._spec import Provenance, TaskSpec
from tasksmithy.values._json import not_json, to_json


class Quiet(TaskType):
    task_type = "demo"


class Answers(TaskType):
    task_type = "demo"
    version = 2
    given: dict[str, Any] = {}  # noqa: RUF012 - set by the tests

    @hookimpl
    def custom_config(self) -> dict[str, Any]:
        return self.given

    @hookimpl
    def sql(self) -> str:
        return "select 1"

    @hookimpl
    def data_loading_config(self) -> DataLoadingConfig:
        return DataLoadingConfig(input_path="/i", output_path="/o")


def task(**fields: Any) -> TaskTemplate[..., Any]:
    given = {"name": "etl.t", "task_type": "demo", "interface": NativeInterface(), **fields}
    return TaskTemplate(**given)


def spec(
    of: TaskTemplate[..., Any], sctx: SerializationContext | None = None, kind: Any = Quiet
) -> TaskSpec:
    with Registry([], settings=Settings(), task_types=[kind]).entered():
        return serialize(of, sctx)


def definition(**fields: Any) -> dict[str, Any]:
    return dict(spec(task(**fields)).definition)


# What a spec says


def test_a_spec_says_what_the_task_is_and_who_answered_for_it() -> None:
    interface = NativeInterface.from_types({"n": int, "s": str}, {"o0": list[str]}, {"s": "x"})
    found = spec(task(interface=interface), kind=Answers)
    assert (found.name, found.task_type, found.image) == ("etl.t", "demo", "auto")
    assert found.provenance == Provenance(__name__)
    assert found.interface == {
        "inputs": [
            {"name": "n", "type": {"kind": "integer"}, "required": True},
            {"name": "s", "type": {"kind": "string"}, "required": False, "default": "x"},
        ],
        "outputs": [{"name": "o0", "type": {"kind": "list", "item": {"kind": "string"}}}],
    }


def test_a_spec_of_an_installed_type_names_its_distribution_and_version() -> None:
    records = [PluginRecord(TASK_TYPES, "demo", f"{__name__}:Quiet", "demo-dist", "1.2")]
    with Registry(records, settings=Settings()).entered():
        found = serialize(task())
    assert found.provenance == Provenance("demo-dist", "1.2")
    assert found.to_dict()["provenance"] == {"distribution": "demo-dist", "version": "1.2"}


def test_a_spec_holds_the_answers_of_the_hooks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Answers, "given", {"a": [1, {"b": None}]})
    found = spec(task(), kind=Answers)
    assert found.custom_config == {"a": [1, {"b": None}]}
    assert found.sql == Sql("select 1")
    assert found.data_loading_config == DataLoadingConfig(input_path="/i", output_path="/o")
    assert (found.config, found.container_args) == ({}, [])


def test_the_version_of_the_format_is_the_task_types_unless_the_task_says_another() -> None:
    assert spec(task(), kind=Answers).task_type_version == 2
    assert spec(task(task_type_version=7), kind=Answers).task_type_version == 7


def test_a_task_that_says_nothing_has_no_definition() -> None:
    assert definition() == {}
    assert definition(short_name="etl.t", retries=0, env_vars=None, image=None) == {}


@pytest.mark.parametrize(
    ("field", "value", "plain"),
    [
        ("short_name", "t", "t"),
        ("interruptible", True, True),
        ("queue", "gpu", "gpu"),
        ("report", True, True),
        ("debuggable", True, True),
        ("entrypoint", True, True),
        ("ref", True, True),
        ("max_inline_io_bytes", 0, 0),
        ("env_vars", {"B": "2", "A": "1"}, {"A": "1", "B": "2"}),
        ("pod_template", "gpu-pods", "gpu-pods"),
    ],
)
def test_a_definition_holds_what_differs_from_the_default(
    field: str, value: Any, plain: Any
) -> None:
    assert definition(**{field: value}) == {field: plain}


EVERYTHING: dict[str, Any] = {
    "resources": Resources(cpu=(1, 2), memory="2Gi", gpu="A100:2", disk="1Gi", shm="auto"),
    "cache": Cache("override", "v1", ignored_inputs=("n",), max_age=timedelta(days=1)),
    "retries": RetryStrategy(3, Backoff(timedelta(seconds=1), 2, 60)),
    "reusable": ReusePolicy((1, 3), 30, concurrency=2, scaledown_ttl=timedelta(minutes=1)),
    "docs": "What it is for.",
    "secrets": (Secret("key", "group"), Secret("other", as_env_var="OTHER")),
    "timeout": Timeout(5, deadline=datetime(2030, 1, 1, tzinfo=UTC)),
    "pod_template": PodTemplate({"containers": []}, labels={"a": "b"}),
    "triggers": (Trigger("nightly", Cron("0 0 * * *", "Europe/Zurich"), inputs={"n": 1}),),
    "links": (Link("logs", "https://logs.example.com/{{.executionName}}"),),
}


@pytest.mark.parametrize("field", EVERYTHING)
def test_every_field_of_a_task_can_be_json(field: str) -> None:
    interface = NativeInterface.from_types({"n": int})
    found = definition(**{field: EVERYTHING[field]}, interface=interface)
    assert found.keys() == {field}
    assert not_json(found) is None
    assert json.loads(to_json(found)) == json.loads(json.dumps(found))


def test_the_inputs_of_a_trigger_are_as_their_types_have_them_in_json() -> None:
    interface = NativeInterface.from_types({"since": datetime, "at": datetime})
    inputs = {"since": datetime(2026, 1, 1, tzinfo=UTC), "at": TriggerTime}
    found = definition(triggers=Trigger("t", Cron("@daily"), inputs=inputs), interface=interface)
    assert found["triggers"][0]["inputs"] == {"since": "2026-01-01T00:00:00Z"}
    assert found["triggers"][0]["trigger_time_inputs"] == ["at"]


def test_a_task_without_a_container_has_no_image() -> None:
    assert spec(task(image=None)).image is None
    assert spec(task()).image == "auto"


def test_a_task_is_given_a_cache_version_only_where_it_is_cached() -> None:
    assert spec(task()).cache_version is None
    cached = spec(task(cache="auto"))
    assert cached.cache_version is not None
    assert len(cached.cache_version) == 64


# Images


def test_an_image_that_was_built_is_given_as_what_it_was_built_as() -> None:
    sctx = SerializationContext(image_cache={"busybox:1": "registry.example.com/busybox@sha256:1"})
    assert spec(task(image="busybox:1"), sctx).image == "registry.example.com/busybox@sha256:1"
    assert spec(task(image="busybox:2"), sctx).image == "busybox:2"


def test_the_default_image_can_be_built_too() -> None:
    sctx = SerializationContext(image_cache={"auto": "registry.example.com/default:1"})
    assert spec(task(), sctx).image == "registry.example.com/default:1"


def test_an_image_description_is_looked_up_by_its_uri() -> None:
    image = Image.from_debian_base((3, 12), name="tools").with_pip_packages("polars")
    assert spec(task(image=image)).image == image.uri
    sctx = SerializationContext(image_cache={image.uri: "registry.example.com/tools:1"})
    assert spec(task(image=image), sctx).image == "registry.example.com/tools:1"


# JSON


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, {"a": [math.nan]}])
def test_json_refuses_what_is_no_number(value: Any) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json(value)


def test_json_has_sorted_keys_and_keeps_letters_as_they_are() -> None:
    assert to_json({"b": "Zürich", "a": []}) == '{\n  "a": [],\n  "b": "Zürich"\n}'


@pytest.mark.parametrize(
    "value", [OrderedDict(a=1), defaultdict(list, a=[1]), {"a": (1, 2)}, {"a": defaultdict(int)}]
)
def test_dictionaries_and_tuples_of_any_kind_can_be_json(
    monkeypatch: pytest.MonkeyPatch, value: Any
) -> None:
    monkeypatch.setattr(Answers, "given", value)
    found = json.loads(spec(task(), kind=Answers).to_json())["custom_config"]
    assert found == json.loads(json.dumps(value))


def test_a_spec_as_dictionary_shares_nothing_with_the_spec(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Answers, "given", {"a": [1]})
    found = spec(task(), kind=Answers)
    found.to_dict()["custom_config"]["a"].append(2)
    assert found.custom_config == {"a": [1]}


LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary(max_size=2)
    | st.dates()
    | st.just(MappingProxyType({}))
    | st.frozensets(st.integers(), max_size=2)
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        | st.dictionaries(st.integers() | st.booleans() | st.none(), inner, max_size=2)
    ),
    max_leaves=8,
)


def has_other_keys(value: Any) -> bool:
    """Whether a key somewhere is no text: JSON would quietly make it one."""
    if isinstance(value, dict):
        return any(not isinstance(k, str) or has_other_keys(v) for k, v in value.items())
    return isinstance(value, list | tuple) and any(map(has_other_keys, value))


@given(VALUES)
def test_what_json_cannot_hold_is_found(value: Any) -> None:
    try:
        json.dumps(value, allow_nan=False)
        fits = not has_other_keys(value)
    except (TypeError, ValueError):
        fits = False
    assert (not_json(value) is None) == fits


@given(VALUES)
def test_what_fits_is_json_that_reads_back_the_same(value: Any) -> None:
    if not_json(value) is None:
        assert json.loads(to_json(value)) == json.loads(json.dumps(value))


def test_where_it_does_not_fit_is_said() -> None:
    assert not_json({"a": [1, {"b": {2}}]}) == "a[1].b is of type set"
    assert not_json([{"a": {3: 1}}]) == "[0].a has the key 3, which is no string"
    assert not_json(math.inf) == "it is inf"
    assert not_json({1: 2}) == "it has the key 1, which is no string"


# The same bytes everywhere

SCRIPT = """
from pathlib import Path
from typing import Literal

from tasksmithy import *
from tasksmithy.values._json import to_json

class Tagged(TaskTemplate, task_type="demo"):
    tags: frozenset[str] = frozenset()
    nested: dict[str, set[str]]
    pairs: tuple[frozenset[str], ...] = ()

class Demo(TaskType):
    template = Tagged

    @hookimpl
    def custom_config(self, task):
        return {name: len(name) for name in {"one", "two", "three", "four", "five"}}

words = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta"]
tasks = [
    Tagged(
        name="t",
        interface=NativeInterface.from_types(
            {"kind": Literal["a", "b"], "n": int | None, "d": dict[str, set[int]]},
            {"o0": tuple[int, str]},
            {"n": None},
        ),
        cache="auto",
        tags=frozenset(words),
        nested={"inner": set(words)},
        pairs=(frozenset(words), frozenset()),
        env_vars={name: name for name in set(words)},
        image=Image.from_debian_base((3, 12)).with_env_vars({"A": "1", "B": "2"}),
        resources=Resources(cpu=1, memory="1Gi"),
        secrets=["a", "b"],
        links=(Link("logs", "https://logs.example.com"),),
    )
]
with Registry([], settings=Settings(), task_types=[Demo]).entered():
    print(to_json([serialize(task).to_dict() for task in tasks]))
    print(serialize(tasks[0]).to_json())
"""


def in_a_process_of_its_own(code: str, seed: int) -> bytes:
    done = subprocess.run(
        [sys.executable, "-c", dedent(code)],
        env=os.environ | {"PYTHONHASHSEED": str(seed), "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def test_a_task_has_the_same_bytes_in_every_process() -> None:
    first, *others = [in_a_process_of_its_own(SCRIPT, seed) for seed in (0, 1, 2)]
    assert b'"cache_version": "' in first
    assert others == [first, first]


MAIN = """
from __future__ import annotations
import enum, sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, NamedTuple
from tasksmithy import TaskEnvironment, Trigger, serialize
from tasksmithy.extend import AsyncFunctionTaskTemplate, TaskPluginRegistry, TaskTemplate
@dataclass(frozen=True)
class Config:
    n: int = 1
class Color(enum.Enum):
    RED = 1
@dataclass
class Point:
    x: int
    color: Color = Color.RED
class Out(NamedTuple):
    points: list[Point]
    by_color: dict[Color, Point | None]
class Configured(AsyncFunctionTaskTemplate, task_type="configured"):
    extra: Config = Config(2)
TaskPluginRegistry.register(Config, Configured)
env = TaskEnvironment(name="e", plugin_config=Config(), cache="auto")
plain = TaskEnvironment(name="p", cache="auto")
@env.task(triggers=Trigger.daily(inputs={"p": Point(1)}))
async def f(p: Point, q: list[Point] = []) -> Out: ...
@plain.task
def g(p: Point | None = Point(1), c: Literal["__main__"] = "__main__") -> tuple[Point, Color]: ...
def shown():
    return "".join(serialize(task).to_json() for task in (f, g))
if __name__ == "__main__":
    print(shown())
"""


@pytest.mark.parametrize("name", ["mine.py", "turtle.py", "package/mine.py", "package/__main__.py"])
def test_a_task_has_the_same_bytes_in_the_main_script_and_where_that_is_imported(
    tmp_path: Path, name: str
) -> None:
    """However the file is started or imported, of all that its tasks are made of."""
    (file := tmp_path / name).parent.mkdir(exist_ok=True)
    file.write_text(MAIN)
    module = name.removesuffix(".py").replace("/", ".")
    in_package = "/" in name
    load = f"from tasksmithy.task._source import load_file; print(load_file('{name}').shown())"
    imported = f"from {module} import shown; print(shown())"
    started = ["-m", module] if in_package else [name]
    printed = [
        subprocess.run(
            [sys.executable, *words], cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout
        for words in (started, ["-c", imported if in_package else load])
    ]
    assert printed[0] == printed[1]
    assert f"{module}:Point" in printed[0]
    assert "__main__:" not in printed[0].replace(f"{module}:", "")
    assert "__main__." not in printed[0].replace(f"{module}.", "")
