"""from_spec(): the task of a spec, made again through the installed task type."""

import collections
import dataclasses
import datetime as dt
import enum
import gc
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypedDict

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from tasksmithy import (
    GPU,
    Backoff,
    Cache,
    CodeBundle,
    Cron,
    Dir,
    File,
    FixedRate,
    Image,
    Link,
    NativeInterface,
    PodTemplate,
    Provenance,
    Registry,
    Resources,
    RetryStrategy,
    ReusePolicy,
    Secret,
    SerializationContext,
    SpecError,
    TaskEnvironment,
    TaskSpec,
    TaskTemplate,
    TaskType,
    Timeout,
    Trigger,
    TriggerTime,
    run,
    serialize,
)
from tasksmithy.extend import from_spec
from tasksmithy_container import ContainerTask
from tasksmithy_sql import SQLConfig, SQLTask, SQLWrite

HERE = __name__


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclasses.dataclass(frozen=True)
class Route:
    start: str
    stops: tuple[str, ...] = ()
    color: Color = Color.RED


class Row(BaseModel):
    n: int
    at: dt.datetime | None = None


class Totals(NamedTuple):
    total: int
    label: str = "x"


class Movie(TypedDict, total=False):
    title: str


class ShellTask(TaskTemplate, task_type="shell-of-specs"):  # type: ignore[type-arg]
    command: Any = ()
    options: Any = None


class Shell(TaskType):
    template = ShellTask


class WrittenTask(TaskTemplate, task_type="written"):  # type: ignore[type-arg]
    script: str = ""

    def __init__(self, name: str, lines: list[str]) -> None:
        super().__init__(name=name, interface=NativeInterface(), script="\n".join(lines))


class Written(TaskType):
    template = WrittenTask


def doubled(n: int) -> int:
    return 2 * n


env = TaskEnvironment(
    "of_specs",
    description="for specs",
    image=Image.from_debian_base((3, 12), name="tools").with_pip_packages("polars"),
    depends_on=[TaskEnvironment("below")],
)


@env.task(retries=2, cache="auto")
def add(a: int, *, b: Color = Color.RED, c: Route = Route("a")) -> Totals:
    return Totals(a)


@env.task
async def double(n: int) -> int:
    """Twice as much."""
    return 2 * n


def registry() -> Any:
    return Registry(task_types=[Shell, Written]).entered()


def again(task: TaskTemplate[..., Any], sctx: SerializationContext | None = None) -> TaskTemplate:  # type: ignore[type-arg]
    """The task made of the spec of a task as text, which has the same spec."""
    spec = serialize(task, sctx)
    version = spec.cache_version
    if version is not None and version.startswith("none-"):  # another each time
        task = task.override(cache="disable")
        spec = serialize(task, sctx)
    read = TaskSpec.from_json(spec.to_json())
    assert read.to_json() == spec.to_json()
    made = from_spec(read)
    assert serialize(made, sctx).to_json() == spec.to_json()
    assert type(made) is type(task)
    return made


TASKS: dict[str, TaskTemplate[..., Any]] = {
    "function": add,
    "async function": double,
    "changed function": add.override(retries=5, env_vars={"A": "1"}, timeout=7),
    "query": SQLTask(
        name="q",
        query="select $since as since, $n as n",
        inputs={"since": (dt.date), "n": int},
        output=list[Row],
        cache=Cache(salt="s", max_age=60),
        triggers=Trigger("t", Cron("@daily"), inputs={"since": dt.date(2026, 1, 1), "n": 1}),
    ),
    "query of one value": SQLTask(name="q", query="select 1", output=int),
    "query without a result": SQLTask(name="q", query="create table t (i int)", output=None),
    "query with a password": SQLTask(
        name="q",
        query="select 1",
        database=SQLConfig(url="postgresql://app@db/flights", password=Secret("pw", "db")),
    ),
    "write": SQLWrite(
        name="w",
        table="t",
        inputs={"rows": pa.Table},
        database="duckdb:///x.db",
        mode="upsert",
        key=["a"],
    ),
    "container": ContainerTask(
        name="c",
        image="busybox:1",
        command=["sh", "-c", "echo {{.inputs.b}}"],
        arguments=["x"],
        inputs={"b": int, "a": File},
        outputs={"y": str, "x": list[int]},
        image_entrypoint=[],
        user="1000",
        secrets=[Secret("k", mount="/etc/tls")],
    ),
    "container of an image to build": ContainerTask(
        name="c",
        image=Image.from_debian_base((3, 12)).with_apt_packages("jq").with_env_vars({"B": "1"}),
        command="jq .",
    ),
}


@pytest.mark.parametrize("name", TASKS)
def test_every_task_type_makes_its_task_again(name: str) -> None:
    again(TASKS[name])


def test_a_task_that_is_made_again_runs() -> None:
    assert run(again(double), n=4) == 8
    assert run(again(TASKS["query of one value"])) == 1


def test_all_of_a_deployment_is_in_the_spec() -> None:
    sctx = SerializationContext(
        version="v9",
        project="p1",
        domain="d1",
        org="o1",
        code_bundle=CodeBundle(pkl="s3://b/f.pkl", computed_version="abc"),
        image_cache={env.image.uri: "registry.example.com/tools:7"},  # type: ignore[union-attr]
    )
    spec = serialize(double, sctx)
    assert (spec.project, spec.domain, spec.org, spec.version) == ("p1", "d1", "o1", "v9")
    assert (spec.code_version, spec.cache_version) == ("abc", None)
    assert spec.image == "registry.example.com/tools:7"
    assert spec.definition["image"]["layers"] == [{"pip_packages": ["polars"]}]
    assert spec.environment == {
        "name": "of_specs",
        "description": "for specs",
        "depends_on": ["below"],
    }
    again(double, sctx)


def test_the_version_is_that_of_the_code_where_the_deployment_has_none() -> None:
    spec = serialize(double)
    assert spec.version == spec.code_version
    assert spec.code_version


def test_outputs_of_a_named_tuple_have_their_names() -> None:
    found = serialize(add).interface
    assert [each["name"] for each in found["outputs"]] == ["total", "label"]
    assert found["result"] == f"{HERE}:Totals"
    assert [each.get("keyword_only") for each in found["inputs"]] == [None, True, True]
    assert found["inputs"][1]["default"] == "red"
    assert found["inputs"][2]["default"] == {"start": "a", "stops": [], "color": "red"}


def test_a_cache_version_is_the_tasks_own_and_its_salt() -> None:
    def version(cache: Cache) -> str | None:
        return serialize(double.override(cache=cache)).cache_version

    assert version(Cache("disable")) is None
    assert version(Cache("auto")) == serialize(double).code_version
    assert version(Cache("auto", "v1")) == "v1"
    salted = [version(Cache("auto", "v1", salt=salt)) for salt in ("a", "b")]
    assert len({*salted, "v1"}) == 3


def test_code_without_an_identity_has_no_version_and_is_never_found_in_a_cache() -> None:
    with registry():
        task = ShellTask(name="t", interface=NativeInterface(), options=doubled)
        spec, cached = serialize(task), serialize(task.override(cache="auto"))
        assert (spec.code_version, spec.cache_version, spec.version) == (None, None, "")
        assert cached.cache_version != serialize(task.override(cache="auto")).cache_version


def test_an_environment_lasts_as_long_as_the_task() -> None:
    made = again(double)
    gc.collect()
    assert serialize(made).environment == serialize(double).environment


def test_a_class_with_a_constructor_of_its_own_is_made_by_its_fields() -> None:
    with registry():
        made = again(WrittenTask("w", ["a", "b"]))
        assert made.script == "a\nb"


# Any definition

PLAIN_TYPES = st.sampled_from(
    [
        *(int, bool, float, str, bytes, Decimal, dt.datetime, dt.date, dt.time, dt.timedelta),
        *(uuid.UUID, Path, Any, Color, Route, Row, Movie, Totals, File, Dir, pa.Table, None),
        *(Literal["a", 1], Literal[Color.BLUE], list, dict, tuple, tuple[()]),
        Annotated[int, Field(gt=1, le=9, description="a digit")],
        Annotated[str, Field(min_length=1, pattern="a+")],
        Annotated[list[int], Field(max_length=3)],
    ]
)


def types_around(inner: Any) -> Any:
    return st.one_of(
        inner.map(lambda each: list[each]),  # type: ignore[valid-type]
        inner.map(lambda each: Sequence[each]),  # type: ignore[valid-type]
        inner.map(lambda each: collections.deque[each]),  # type: ignore[valid-type]
        inner.map(lambda each: tuple[each, ...]),  # type: ignore[valid-type]
        st.tuples(inner, inner).map(lambda pair: tuple[pair]),
        inner.map(lambda each: dict[str, each]),  # type: ignore[valid-type]
        inner.map(lambda each: Mapping[str, each]),  # type: ignore[valid-type]
        inner.map(lambda each: each if each is None else each | None),
    )


TYPES = PLAIN_TYPES | types_around(PLAIN_TYPES | types_around(PLAIN_TYPES))

NAMES = st.text("abc", min_size=1, max_size=3)

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
OBJECTS = st.sampled_from(
    [Color.RED, Route("a", ("b",)), Row(n=1), dt.date(2026, 1, 1), Decimal("1.50"), Path("a/b")]
)
PLAIN_VALUES = SCALARS | OBJECTS | st.sampled_from([int, list[str], Route, dict[str, Row], doubled])


def values_around(inner: Any) -> Any:
    return (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.sets(st.text(max_size=3) | st.integers(), max_size=3)
        | st.frozensets(st.text(max_size=3), max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "$type", "$"]), inner, max_size=3)
    )


VALUES = PLAIN_VALUES | values_around(PLAIN_VALUES | values_around(PLAIN_VALUES))

MOMENT = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)
FIELDS: dict[str, list[Any]] = {
    "short_name": ["s"],
    "task_type_version": [3],
    "image": [None, "busybox:1", Image.from_debian_base((3, 12)).with_pip_packages("a")],
    "resources": [
        Resources(cpu=(1, 2), memory="2Gi", gpu="A100:2", disk="1Gi", shm="auto"),
        Resources(cpu="500m", memory=("1Gi", "2Gi"), gpu=GPU("A100", 1, "1g.5gb"), shm="1Gi"),
    ],
    "cache": ["auto", Cache("override", "v1", salt="s", serialize=True, max_age=60)],
    "retries": [3, RetryStrategy(3, Backoff(dt.timedelta(seconds=1), 2, 60))],
    "reusable": [ReusePolicy((1, 3), 30, concurrency=2, scaledown_ttl=60, scope="run")],
    "docs": ["What it is for."],
    "secrets": [["a", Secret("b", "g")], Secret("c", mount="/etc/x", as_env_var="C")],
    "timeout": [5, Timeout(5, max_queued_time=1, deadline=MOMENT), Timeout(deadline=9)],
    "pod_template": ["gpu", PodTemplate({"containers": []}, labels={"a": "b"})],
    "links": [[Link("l", "https://example.com/{{.x}}", "https://example.com/i.png")]],
    "env_vars": [{}, {"B": "1", "A": "2"}],
    "queue": ["q"],
    **{name: [True] for name in ("interruptible", "report", "debuggable", "entrypoint", "ref")},
    "max_inline_io_bytes": [0],
    "parent_env_name": ["e"],
}


def test_every_field_of_a_task_is_tried() -> None:
    elsewhere = {"name", "interface", "task_type", "parent_env", "triggers", "_call_as_synchronous"}
    assert FIELDS.keys() | elsewhere == TaskTemplate.field_names


def some_of(fields: Mapping[str, list[Any]]) -> Any:
    return st.fixed_dictionaries(
        {}, optional={name: st.sampled_from(each) for name, each in fields.items()}
    )


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    inputs=st.dictionaries(NAMES, TYPES, max_size=3),
    outputs=st.dictionaries(NAMES, TYPES, max_size=2),
    fields=some_of(FIELDS),
    command=VALUES,
    options=VALUES,
)
def test_any_definition_is_made_again(
    inputs: Any, outputs: Any, fields: Any, command: Any, options: Any
) -> None:
    interface = NativeInterface.from_types(
        {
            name: (kind, NativeInterface.from_types({"n": int}).inputs["n"][1])
            for name, kind in inputs.items()
        },
        outputs,
    )
    with registry():
        task = ShellTask(name="t", interface=interface, command=command, options=options, **fields)
        made = again(task)
        assert (made.command, made.options) == (command, options)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Color, Color.BLUE),
        (Route, Route("a", ("b",))),
        (Row, Row(n=1, at=MOMENT)),
        (Totals, Totals(1)),
        (dt.timedelta, dt.timedelta(seconds=3)),
        (dt.datetime, MOMENT),
        (Decimal, Decimal("1.50")),
        (Path, Path("a")),
        (File, File("a.csv")),
        (set[str], {"a", "b", "c"}),
        (tuple[int, ...], (1, 2)),
        (dict[Color, int], {Color.RED: 1}),
        (bytes, b"x"),
        (int | None, None),
    ],
)
def test_a_default_and_the_input_of_a_trigger_are_values_of_their_type(
    kind: Any, value: Any
) -> None:
    with registry():
        interface = NativeInterface.from_types({"x": (kind, value), "at": dt.datetime})
        triggers = (
            Trigger("t", FixedRate(5, MOMENT), inputs={"x": value, "at": TriggerTime}, labels={}),
        )
        made = again(ShellTask(name="t", interface=interface, triggers=triggers))
        assert made.interface.inputs["x"] == (kind, value)
        assert made.triggers[0].inputs == triggers[0].inputs


# What cannot be


def refused(spec: TaskSpec, **changes: Any) -> str:
    with registry(), pytest.raises(SpecError) as caught:
        from_spec(replace(spec, **changes))
    assert str(caught.value).startswith(f"spec of task {spec.name!r}: ")
    return str(caught.value)


def test_a_default_that_json_cannot_hold_is_refused_by_name() -> None:
    interface = NativeInterface.from_types({"x": (Any, object())})
    with registry(), pytest.raises(ValueError, match=r"task 't': interface\.inputs\.x=.*JSON"):
        serialize(ShellTask(name="t", interface=interface))


def test_a_type_that_is_not_installed_is_refused_with_its_distribution() -> None:
    spec = replace(serialize(double), task_type="spark", provenance=Provenance("acme-spark", "2.0"))
    assert "acme-spark 2.0, which is not installed here: install acme-spark==2.0" in refused(spec)


def test_another_version_of_the_plugin_is_refused() -> None:
    told = refused(serialize(double), provenance=Provenance("tasksmithy-function", "99"))
    assert "tasksmithy-function 99, which is not installed here" in told
    assert "is of tasksmithy-function 0." in told


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"own_fields": {"command": {"$opaque": "m:Lock"}}}, "command"),
        ({"own_fields": {"command": {"$function": "nowhere:f"}}}, "nowhere:f is not here"),
        ({"own_fields": {"command": {"$function": "m:f.<locals>.g"}}}, "inside a function"),
        ({"own_fields": {"command": {"$what": 1}}}, "'$what'"),
        ({"own_fields": {"script": "x"}}, "a field of ShellTask"),
        ({"definition": {"retries": {"many": 1}}}, "retries"),
        ({"definition": {"nothing": 1}}, "nothing"),
        ({"definition": {"cache": {"behavior": "never"}}}, "cache.behavior"),
        ({"template": "json:dumps"}, "json:dumps is no class of tasks"),
        ({"interface": {"inputs": [{"name": "x"}], "outputs": []}}, "type"),
        ({"interface": {"inputs": [], "outputs": [{"name": "x", "type": {"kind": "y"}}]}}, "'y'"),
    ],
)
def test_what_no_task_can_be_made_of_is_refused_by_name(changes: Any, told: str) -> None:
    with registry():
        spec = serialize(ShellTask(name="t", interface=NativeInterface()))
    assert told in refused(spec, **changes)


def test_an_object_that_cannot_be_made_again_is_in_the_spec_by_its_class() -> None:
    with registry():
        spec = serialize(ShellTask(name="t", interface=NativeInterface(), options=object()))
    assert spec.own_fields == {"options": {"$opaque": "builtins:object"}}
    assert "options" in refused(spec)


def test_a_function_that_takes_other_inputs_today_is_refused() -> None:
    interface = serialize(double).interface
    told = refused(serialize(double), interface={**interface, "inputs": []})
    assert "its inputs are others here" in told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "it is no JSON"),
        ("[]", "no JSON object"),
        (
            '{"form": 2, "name": "t"}',
            "spec of task 't': its form is 2, and this tasksmithy reads 1",
        ),
        ('{"form": 1, "nmae": "t"}', "there is no 'nmae'; did you mean 'name'"),
        ('{"form": 1, "name": "t"}', "task_type"),
    ],
)
def test_a_text_that_is_no_spec_is_refused(text: str, told: str) -> None:
    with pytest.raises(SpecError) as caught:
        TaskSpec.from_json(text)
    assert told in str(caught.value)


MODULE = """
import enum
from dataclasses import dataclass
from tasksmithy import TaskEnvironment, serialize
class Color(enum.Enum):
    RED = 1
class Other:
    class Color(enum.Enum):
        BLUE = "b"
@dataclass
class Both:
    one: Color
    other: Other.Color
env = TaskEnvironment("e", cache="auto")
@env.task
def f(b: Both | None = None, c: Color = Color.RED, s: set[str] = {"a", "b", "c"}) -> None: ...
if __name__ == "__main__":
    print(serialize(f).to_json())
"""


def test_a_spec_is_the_same_whatever_process_and_folder_it_is_made_in(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MODULE)
    load = "from mine import f, serialize; print(serialize(f).to_json())"
    anew = (
        "from mine import f, serialize; from tasksmithy.extend import from_spec; "
        "print(serialize(from_spec(serialize(f))).to_json())"
    )
    printed = {
        subprocess.run(
            [sys.executable, *words],
            cwd=folder,
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(tmp_path)},
        ).stdout
        for seed in ("1", "2", "3")
        for folder, words in (
            (tmp_path, ["mine.py"]),
            ("/", [str(tmp_path / "mine.py")]),
            ("/", ["-c", load]),
            (tmp_path, ["-c", anew]),
        )
    }
    assert len(printed) == 1
    assert json.loads(printed.pop())["own_fields"] == {"func": {"$function": "mine:f"}}
