"""TaskTemplate: every field checked, override, and the order of what a run calls."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasksmithy import (
    GPU,
    Backoff,
    Cache,
    Cron,
    Documentation,
    FieldError,
    FixedRate,
    HookResultError,
    Image,
    InputError,
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
    TaskDefinitionError,
    TaskEnvironment,
    TaskTemplate,
    TaskType,
    Timeout,
    Trigger,
    TriggerTime,
    UnknownTaskTypeError,
    arun,
    current,
    hookimpl,
    run,
)
from tasksmithy.task._declaration import UNSET
from tasksmithy.task._task_fields import MAX_INLINE_IO_BYTES

INTERFACE = NativeInterface.from_types({"n": int}, {"o0": Any}, {"n": 1})
SCTX = SerializationContext(version="v1")


class Job(TaskTemplate, task_type="job"):
    """A task with a field of its own."""

    cores: int = 1


class JobType(TaskType):
    """Answers with the input and what `pre` left in the context."""

    template = Job

    @hookimpl
    async def execute(self, inputs: Any, ctx: Any) -> Any:
        return {"n": inputs["n"], "data": dict(ctx.data), "current": dict(current().data)}


def job(**fields: Any) -> Any:
    return Job(**{"name": "t.job", "interface": INTERFACE, **fields})


@pytest.fixture(autouse=True)
def registry() -> Iterator[Registry]:
    with Registry(records=[], settings=Settings(), task_types=[JobType]).entered() as registry:
        yield registry


# Fields

DEFAULTS: dict[str, object] = {
    "name": "t.job",
    "interface": INTERFACE,
    "short_name": "t.job",
    "task_type": "job",
    "task_type_version": 0,
    "image": "auto",
    "resources": None,
    "cache": Cache("disable"),
    "interruptible": False,
    "retries": RetryStrategy(0),
    "reusable": None,
    "docs": None,
    "env_vars": None,
    "secrets": (),
    "timeout": Timeout(),
    "pod_template": None,
    "report": False,
    "queue": None,
    "debuggable": False,
    "entrypoint": False,
    "parent_env": None,
    "parent_env_name": None,
    "ref": False,
    "max_inline_io_bytes": 10 * 1024 * 1024,
    "triggers": (),
    "links": (),
    "_call_as_synchronous": False,
}


def test_the_table_of_defaults_has_every_field() -> None:
    assert DEFAULTS.keys() == TaskTemplate.field_names


@pytest.mark.parametrize("field", DEFAULTS)
def test_a_field_that_is_not_given_has_its_default(field: str) -> None:
    assert getattr(job(), field) == DEFAULTS[field]


SOON = datetime(2030, 1, 1, tzinfo=UTC)
DAILY = Trigger("daily", Cron("0 0 * * *"))
LOGS = Link("Logs", "https://example.com")

ALLOWED: list[tuple[str, object, object]] = [
    ("name", "flights.main", "flights.main"),
    ("interface", NativeInterface(), NativeInterface()),
    ("short_name", "main", "main"),
    ("task_type", "other", "other"),
    ("task_type_version", 3, 3),
    ("image", "busybox:1", Image(base="busybox:1")),
    ("image", Image(base="busybox:1"), Image(base="busybox:1")),
    ("resources", Resources(cpu=(1, 2), memory="2Gi", gpu=GPU("A100", 2)), ...),
    ("cache", "auto", Cache("auto")),
    ("cache", "disable", Cache("disable")),
    ("cache", "override", Cache("override")),
    ("cache", Cache("override", "v1"), ...),
    ("interruptible", True, True),
    ("retries", 3, RetryStrategy(3)),
    ("retries", RetryStrategy(2, Backoff(1)), ...),
    ("reusable", ReusePolicy((1, 2)), ...),
    ("docs", Documentation("text"), ...),
    ("docs", "  text\n", Documentation("text")),
    ("env_vars", {"A": "1", "EMPTY": ""}, ...),
    ("env_vars", {}, {}),
    ("secrets", "key", (Secret("key"),)),
    ("secrets", ["a", Secret("b")], (Secret("a"), Secret("b"))),
    ("timeout", 5, Timeout(5)),
    ("timeout", timedelta(minutes=1), Timeout(timedelta(minutes=1))),
    ("timeout", Timeout(5, deadline=SOON), ...),
    ("pod_template", "small", "small"),
    ("pod_template", PodTemplate({"containers": []}), ...),
    ("report", True, True),
    ("queue", "gpu", "gpu"),
    ("debuggable", True, True),
    ("entrypoint", True, True),
    ("parent_env_name", "etl", "etl"),
    ("ref", True, True),
    ("max_inline_io_bytes", 0, 0),
    ("triggers", (DAILY,), (DAILY,)),
    ("triggers", DAILY, (DAILY,)),
    ("triggers", [DAILY], (DAILY,)),
    ("links", LOGS, (LOGS,)),
    ("_call_as_synchronous", True, True),
]


@pytest.mark.parametrize(("field", "value", "kept"), ALLOWED)
def test_an_allowed_value_is_kept_in_its_plain_form(field: str, value: Any, kept: Any) -> None:
    assert getattr(job(**{field: value}), field) == (value if kept is ... else kept)


def test_every_field_has_an_allowed_value_in_the_table() -> None:
    assert {field for field, *_ in ALLOWED} == TaskTemplate.field_names - {"parent_env"}


REFUSED: list[tuple[str, object, str]] = [
    ("name", "", "name"),
    ("name", 5, "name"),
    ("interface", {"n": int}, "interface"),
    ("interface", NativeInterface({"not a name": (int, 1)}), "interface.inputs"),
    ("interface", NativeInterface({"n": int}), "interface.inputs.n"),  # type: ignore[dict-item]
    ("short_name", 5, "short_name"),
    ("short_name", None, "short_name"),
    ("task_type", "", "task_type"),
    ("task_type", None, "task_type"),
    ("task_type_version", -1, "task_type_version"),
    ("task_type_version", "1", "task_type_version"),
    ("image", "", "image"),
    ("image", "not an image", "image"),
    ("image", 5, "image"),
    ("resources", {"cpu": 1}, "resources"),
    ("resources", Resources(memory="lots"), "resources.memory"),
    ("resources", Resources(cpu=(2, 1)), "resources.cpu"),
    ("resources", Resources(gpu="A100"), "resources.gpu"),
    ("cache", "sometimes", "cache"),
    ("cache", Cache("sometimes"), "cache.behavior"),  # type: ignore[arg-type]
    ("cache", None, "cache"),
    ("cache", True, "cache"),
    ("interruptible", 1, "interruptible"),
    ("interruptible", None, "interruptible"),
    ("retries", -1, "retries"),
    ("retries", True, "retries"),
    ("retries", None, "retries"),
    ("retries", 1.5, "retries"),
    ("retries", RetryStrategy(1, Backoff(-1)), "retries.backoff.base"),
    ("reusable", True, "reusable"),
    ("reusable", "off", "reusable"),
    ("reusable", ReusePolicy(0), "reusable.replicas"),
    ("docs", 5, "docs"),
    ("env_vars", {"a": 1}, "env_vars['a']"),
    ("env_vars", {1: "a"}, "env_vars"),
    ("env_vars", {"A=B": "x"}, "env_vars"),
    ("env_vars", ["A"], "env_vars"),
    ("secrets", 5, "secrets"),
    ("secrets", [5], "secrets[0]"),
    ("secrets", ["a", Secret("")], "secrets[1].key"),
    ("timeout", "x", "timeout"),
    ("timeout", -1, "timeout"),
    ("timeout", True, "timeout"),
    ("timeout", Timeout(5, max_queued_time=-1), "timeout.max_queued_time"),
    ("pod_template", "", "pod_template"),
    ("pod_template", 5, "pod_template"),
    (
        "pod_template",
        PodTemplate(primary_container_name="A B"),
        "pod_template.primary_container_name",
    ),
    ("report", 1, "report"),
    ("queue", "", "queue"),
    ("queue", 5, "queue"),
    ("debuggable", "yes", "debuggable"),
    ("entrypoint", None, "entrypoint"),
    ("parent_env", "etl", "parent_env"),
    ("parent_env_name", "", "parent_env_name"),
    ("ref", 1, "ref"),
    ("max_inline_io_bytes", -1, "max_inline_io_bytes"),
    ("max_inline_io_bytes", None, "max_inline_io_bytes"),
    ("max_inline_io_bytes", 1e6, "max_inline_io_bytes"),
    ("triggers", "daily", "triggers[0]"),
    ("triggers", (DAILY, 5), "triggers[1]"),
    ("triggers", Trigger("x", FixedRate(0)), "triggers[0].automation.interval_minutes"),
    ("links", None, "links[0]"),
    ("links", [Link("Logs", "nowhere")], "links[0].uri"),
    ("_call_as_synchronous", 1, "_call_as_synchronous"),
]


def test_every_field_has_a_refused_value_in_the_table() -> None:
    assert {field for field, *_ in REFUSED} == TaskTemplate.field_names


@pytest.mark.parametrize(("field", "value", "at_fault"), REFUSED)
def test_a_value_that_is_not_allowed_is_refused_when_the_task_is_defined(
    field: str, value: Any, at_fault: str
) -> None:
    with pytest.raises(TaskDefinitionError) as caught:
        job(**{field: value})
    assert caught.value.field == at_fault
    assert caught.value.allowed
    assert f"{at_fault}=" in str(caught.value)
    if field != "name":
        assert "task 't.job':" in str(caught.value)


def test_what_is_allowed_is_said_in_words() -> None:
    with pytest.raises(TaskDefinitionError) as caught:
        job(cache="sometimes")
    assert str(caught.value) == (
        "task 't.job': cache='sometimes' is not allowed: "
        "give one of 'auto', 'override', 'disable', or a Cache"
    )


@pytest.mark.parametrize("define", [job, lambda **fields: job().override(**fields)])
def test_a_cache_cannot_ignore_an_input_that_the_task_does_not_have(define: Any) -> None:
    with pytest.raises(TaskDefinitionError) as caught:
        define(cache=Cache(ignored_inputs=("n", "nn")))
    assert str(caught.value) == (
        "task 't.job': cache.ignored_inputs='nn' is not allowed: "
        "give names of its inputs (n); did you mean 'n'?"
    )


def test_a_cache_may_ignore_the_inputs_of_the_task() -> None:
    assert job(cache=Cache(ignored_inputs="n")).cache.ignored == ("n",)


def test_a_task_keeps_a_copy_of_its_environment_variables() -> None:
    given = {"A": "1"}
    task = job(env_vars=given)
    given["A"] = "2"
    assert task.env_vars == {"A": "1"}


def test_the_largest_inline_size_is_ten_mebibytes_unless_said_otherwise() -> None:
    assert MAX_INLINE_IO_BYTES == 10 * 1024 * 1024


def test_a_task_holds_its_environment_weakly() -> None:
    env = TaskEnvironment(name="etl")
    task = job(parent_env=weakref.ref(env))
    assert task.parent_env() is env
    del env
    gc.collect()
    assert task.parent_env() is None


def test_a_task_without_a_function_has_no_source_file() -> None:
    assert job().source_file is None


def test_native_interface_is_the_interface() -> None:
    assert job().native_interface is INTERFACE


# override

CHANGES: list[tuple[str, object]] = [
    (field, value)
    for field, value, _ in ALLOWED
    if field not in {"name", "image", "docs", "interface", "task_type", "parent_env_name"}
]


@pytest.mark.parametrize(("field", "value"), [*CHANGES, ("cores", 4)])
def test_override_changes_one_field_and_no_other(field: str, value: Any) -> None:
    changed = job().override(**{field: value})
    assert getattr(changed, field) == getattr(job(**{field: value}), field)
    for other in Job.field_names - {field}:
        assert getattr(changed, other) == getattr(job(), other)


def test_override_leaves_the_original_as_it_was() -> None:
    task = job(env_vars={"A": "1"}, retries=1)
    before = dict(vars(task))
    task.override(env_vars={"B": "2"}, retries=5, cores=8)
    assert vars(task) == before


def test_override_keeps_the_class_and_the_fields_that_it_adds() -> None:
    changed = job(cores=4).override(retries=1)
    assert type(changed) is Job
    assert changed.cores == 4


def test_override_keeps_the_environment() -> None:
    task = job()
    env = TaskEnvironment.from_task("etl", task)
    changed = task.override(retries=1)
    assert changed.parent_env() is env
    assert changed.parent_env_name == "etl"


def test_overriding_nothing_gives_an_equal_task() -> None:
    assert job(retries=2).override() == job(retries=2)


def test_overrides_add_up() -> None:
    changed = job().override(retries=1).override(queue="gpu")
    assert (changed.retries, changed.queue) == (RetryStrategy(1), "gpu")


@pytest.mark.parametrize(
    ("fields", "changes", "expected"),
    [
        ({"retries": 3}, {"retries": 0}, RetryStrategy(0)),
        ({"env_vars": {"A": "1"}}, {"env_vars": {}}, {}),
        ({"env_vars": {"A": "1"}}, {"env_vars": None}, None),
        ({"resources": Resources(cpu=1)}, {"resources": None}, None),
        ({"secrets": "key"}, {"secrets": ()}, ()),
        ({"secrets": "key"}, {"secrets": None}, ()),
        ({"timeout": 5}, {"timeout": 0}, Timeout(0)),
        ({"timeout": 5}, {"timeout": None}, Timeout()),
        ({"queue": "gpu"}, {"queue": None}, None),
        ({"pod_template": "small"}, {"pod_template": None}, None),
        ({"max_inline_io_bytes": 5}, {"max_inline_io_bytes": 0}, 0),
        ({"interruptible": True}, {"interruptible": False}, False),
        ({"entrypoint": True}, {"entrypoint": False}, False),
        ({"links": LOGS}, {"links": ()}, ()),
        ({"short_name": "j"}, {"short_name": ""}, "t.job"),
        ({"report": True}, {"report": False}, False),
        ({"cores": 4}, {"cores": 0}, 0),
    ],
)
def test_zero_none_and_what_is_empty_are_values(
    fields: dict[str, Any], changes: dict[str, Any], expected: object
) -> None:
    changed = job(**fields).override(**changes)
    assert [getattr(changed, name) for name in changes] == [expected]


@pytest.mark.parametrize("field", [*dict(CHANGES), "cores"])
def test_unset_is_the_same_as_not_given(field: str) -> None:
    task = job(retries=2, env_vars={"A": "1"}, queue="gpu", report=True, cores=4)
    assert task.override(**{field: UNSET}) == task


def test_environment_variables_replace_and_never_merge() -> None:
    changed = job(env_vars={"A": "1"}).override(env_vars={"B": "2"})
    assert changed.env_vars == {"B": "2"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "other"),
        ("image", "busybox:1"),
        ("docs", Documentation("text")),
        ("interface", NativeInterface()),
        ("task_type", "other"),
        ("parent_env", None),
        ("parent_env_name", "other"),
    ],
)
def test_a_fixed_field_cannot_be_overridden(field: str, value: Any) -> None:
    with pytest.raises(TaskDefinitionError) as caught:
        job().override(**{field: value})
    assert caught.value.field == field
    assert "fixed when the task is defined" in str(caught.value)


def test_an_unknown_override_is_refused_with_its_near_miss() -> None:
    with pytest.raises(TaskDefinitionError) as caught:
        job().override(retires=1)
    assert str(caught.value) == (
        "task 't.job': retires=1 is not allowed: give a field of Job; did you mean 'retries'?"
    )


def test_the_near_miss_of_an_override_may_be_a_field_of_the_subclass() -> None:
    with pytest.raises(TaskDefinitionError, match="did you mean 'cores'"):
        job().override(core=1)


def test_a_near_miss_is_never_a_field_that_cannot_be_overridden() -> None:
    with pytest.raises(TaskDefinitionError) as caught:
        job().override(imag="x")
    assert "'image'" not in str(caught.value)


@pytest.mark.parametrize(
    ("field", "value", "at_fault"),
    [row for row in REFUSED if row[0] in dict(CHANGES) and row[1] != "off"],
)
def test_the_result_of_an_override_is_checked_as_a_definition_is(
    field: str, value: Any, at_fault: str
) -> None:
    with pytest.raises(TaskDefinitionError) as caught:
        job().override(**{field: value})
    assert (caught.value.owner, caught.value.field) == ("t.job", at_fault)


def test_a_field_error_of_a_subclass_names_the_task_also_in_an_override() -> None:
    class Picky(Job):
        def __post_init__(self) -> None:
            super().__post_init__()
            object.__setattr__(self, "cores", self.cores.bit_count())
            if self.cores > 1:
                raise FieldError("cores", self.cores, "a power of two")

    task: Any = Picky(name="t.picky", interface=INTERFACE)
    with pytest.raises(TaskDefinitionError, match=r"task 't\.picky': cores=2 .* a power of two"):
        task.override(cores=3)


POOL = ReusePolicy(2)
HELD: dict[str, Any] = {
    "resources": Resources(cpu=1),
    "env_vars": {"A": "1"},
    "secrets": "key",
    "pod_template": "small",
}


@pytest.mark.parametrize("field", HELD)
def test_a_reusable_task_keeps_what_its_containers_have(field: str) -> None:
    with pytest.raises(TaskDefinitionError) as caught:
        job(reusable=POOL).override(**{field: HELD[field]})
    assert caught.value.field == field
    assert "reusable='off'" in str(caught.value)


@pytest.mark.parametrize("field", HELD)
def test_a_task_cannot_become_reusable_and_change_its_containers_at_once(field: str) -> None:
    with pytest.raises(TaskDefinitionError):
        job().override(reusable=POOL, **{field: HELD[field]})


@pytest.mark.parametrize("off", ["off", None])
def test_reuse_is_switched_off(off: Any) -> None:
    assert job(reusable=POOL).override(reusable=off).reusable is None


@pytest.mark.parametrize("field", HELD)
def test_a_task_whose_reuse_is_switched_off_takes_them(field: str) -> None:
    changed = job(reusable=POOL).override(reusable="off", **{field: HELD[field]})
    assert changed == job(**{field: HELD[field]})


def test_a_reusable_task_takes_what_its_containers_do_not_hold() -> None:
    assert job(reusable=POOL).override(retries=2) == job(reusable=POOL, retries=2)


def test_switching_reuse_off_where_there_is_none_changes_nothing() -> None:
    assert job().override(reusable="off") == job()


VALID = {
    "short_name": st.text(max_size=5),
    "resources": st.none() | st.builds(Resources, cpu=st.integers(1, 64)),
    "cache": st.sampled_from(["auto", "disable", Cache("override", "v1")]),
    "retries": st.integers(0, 9) | st.builds(RetryStrategy, st.integers(0, 9)),
    "timeout": st.none() | st.integers(0, 9) | st.builds(Timeout, st.integers(0, 9)),
    "env_vars": st.none() | st.dictionaries(st.text("ABC", min_size=1), st.text("abc"), max_size=2),
    "secrets": st.none() | st.lists(st.sampled_from("abc"), unique=True),
    "max_inline_io_bytes": st.integers(0, 10**9),
    "pod_template": st.none() | st.sampled_from(["small", "large"]),
    "queue": st.none() | st.sampled_from(["gpu", "cpu"]),
    "interruptible": st.booleans(),
    "entrypoint": st.booleans(),
    "links": st.lists(st.builds(Link, st.sampled_from("ab"), st.just("https://x.org")), max_size=2),
    "report": st.booleans(),
    "debuggable": st.booleans(),
    "task_type_version": st.integers(0, 9),
    "triggers": st.sampled_from([(), DAILY, [DAILY]]),
    "cores": st.integers(0, 64),
}
FIELDS = st.fixed_dictionaries({}, optional=VALID)


@given(FIELDS, FIELDS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_overriding_is_the_same_as_defining_anew(
    fields: dict[str, Any], changes: dict[str, Any]
) -> None:
    overridden = job(**fields).override(**changes)
    anew = job(**{**fields, **changes})
    assert overridden == anew
    assert vars(overridden) == vars(anew)


# What a task answers


def test_without_a_task_type_of_that_name_asking_is_an_error() -> None:
    task = TaskTemplate(name="t", task_type="jub", interface=INTERFACE)
    with pytest.raises(UnknownTaskTypeError, match=r"task 't' has task type 'jub'.*'job'"):
        task.config(SCTX)


@pytest.mark.parametrize(
    ("hook", "default"),
    [
        ("config", {}),
        ("custom_config", {}),
        ("container_args", []),
        ("sql", None),
        ("data_loading_config", None),
    ],
)
def test_a_task_answers_the_default_of_a_hook_that_its_type_does_not_implement(
    hook: str, default: object
) -> None:
    assert getattr(job(), hook)(SCTX) == default
    assert getattr(job(), hook)(sctx=SCTX) == default


class Own(TaskTemplate):
    """Answers by methods of its class, on top of what its type answers."""

    task_type: str = "own"

    def config(self, sctx: SerializationContext) -> dict[str, str]:
        return {**super().config(sctx), "version": sctx.version}

    def sql(self, sctx: SerializationContext) -> Sql:
        return Sql("select 1")

    async def execute(self, *args: Any, **kwargs: Any) -> Any:
        return {"by": "class", **kwargs}


class OwnType(TaskType):
    """The task type beneath `Own`."""

    template = Own

    @hookimpl
    def config(self) -> dict[str, str]:
        return {"by": "type"}


@pytest.fixture
def own() -> Iterator[TaskTemplate[..., Any]]:
    with Registry(records=[], settings=Settings(), task_types=[OwnType]).entered():
        yield Own(name="t.own", interface=INTERFACE)


def test_a_class_answers_on_top_of_its_task_type_with_super(own: Any) -> None:
    assert own.config(SCTX) == {"by": "type", "version": "v1"}


def test_a_class_answers_a_hook_that_its_task_type_leaves_out(own: Any) -> None:
    assert own.sql(SCTX) == Sql("select 1")


def test_a_class_executes_by_its_own_method(own: Any) -> None:
    assert run(own, n=3) == {"by": "class", "n": 3}


def test_calling_the_method_from_outside_is_the_whole_hook_call() -> None:
    class Labels:
        @hookimpl(wrapper=True)
        def config(self) -> Any:
            return {**(yield), "label": "ours"}

    policies = {"labels": Labels()}
    registry = Registry(records=[], settings=Settings(), task_types=[OwnType], policies=policies)
    with registry.entered():
        config = Own(name="t.own", interface=INTERFACE).config(SCTX)
    assert config == {"by": "type", "version": "v1", "label": "ours"}


@pytest.mark.parametrize(
    ("args", "kwargs", "problem"),
    [
        ((), {}, "'sctx'"),
        ((), {"context": SCTX}, "'sctx'"),
        ((SCTX,), {"context": SCTX}, "'context'"),
        ((SCTX, SCTX), {}, "too many"),
    ],
)
def test_a_method_that_is_a_hook_call_takes_its_own_arguments(
    own: Any, args: tuple[Any, ...], kwargs: dict[str, Any], problem: str
) -> None:
    assert own.config(sctx=SCTX) == own.config(SCTX)
    with pytest.raises(TypeError, match=problem):
        own.config(*args, **kwargs)


@pytest.mark.parametrize("name", ["sql", "config", "pre", "native_interface", "override"])
@pytest.mark.parametrize("annotated", [True, False])
def test_a_field_that_would_hide_a_method_of_tasks_is_refused(name: str, annotated: bool) -> None:
    body = {"__annotations__": {name: str}} if annotated else {name: "text"}
    with pytest.raises(TypeError, match=f"Hiding has a field '{name}'"):
        type("Hiding", (TaskTemplate,), body, task_type="hiding")


# What refers to the interface

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def dated(*triggers: Trigger) -> TaskTemplate[..., Any]:
    interface = NativeInterface.from_types({"since": datetime, "n": (int, 1)})
    return TaskTemplate(name="t", interface=interface, triggers=triggers)


@pytest.mark.parametrize(
    ("inputs", "field", "allowed"),
    [
        ({"since": NOON, "m": 1}, "triggers[1].inputs", "names of its inputs (since, n)"),
        ({"since": NOON, "n": "1"}, "triggers[1].inputs.n", "a value of type int"),
        ({"since": NOON, "n": TriggerTime}, "triggers[1].inputs.n", "TriggerTime is a datetime"),
        ({"since": "2026-01-01"}, "triggers[1].inputs.since", "a value of type datetime"),
        ({"n": 1}, "triggers[1].inputs", "a value for since"),
        (None, "triggers[1].inputs", "a value for since"),
    ],
)
def test_the_inputs_of_a_trigger_are_held_against_the_interface(
    inputs: Any, field: str, allowed: str
) -> None:
    good = Trigger("t", Cron("@daily"), inputs={"since": TriggerTime})
    with pytest.raises(TaskDefinitionError) as caught:
        dated(good, Trigger("u", Cron("@daily"), inputs=inputs))
    assert caught.value.field == field
    assert allowed in caught.value.allowed


def test_a_task_without_inputs_has_a_trigger_without_any() -> None:
    TaskTemplate(name="t", interface=NativeInterface(), triggers=(Trigger.daily(),))
    with pytest.raises(TaskDefinitionError, match=r"names of its inputs \(it has none\)"):
        TaskTemplate(name="t", interface=NativeInterface(), triggers=(Trigger.daily("day"),))


def test_a_trigger_that_override_gives_is_checked_too() -> None:
    with pytest.raises(TaskDefinitionError, match="a value for since"):
        dated().override(triggers=Trigger.daily())


def test_an_input_of_a_trigger_that_no_spec_can_hold_is_refused() -> None:
    interface = NativeInterface.from_types({"x": Any})
    trigger = Trigger.daily(inputs={"x": object()})
    with pytest.raises(TaskDefinitionError, match=r"triggers\[0\].inputs.x.*JSON can hold"):
        TaskTemplate(name="t", interface=interface, triggers=trigger)


# Running: pre, execute, post


class Noting(Job):
    """Notes the order of what is called."""

    def pre(self, *args: Any, **kwargs: Any) -> Any:
        NOTES.append(f"pre {kwargs}")
        return {"seen": kwargs["n"]}

    def post(self, return_vals: Any) -> Any:
        NOTES.append(f"post {current().data}")
        return {**return_vals, "posted": True}


class AsyncNoting(Noting):
    """The same, async."""

    async def pre(self, *args: Any, **kwargs: Any) -> Any:
        await asyncio.sleep(0)
        return super().pre(**kwargs)

    async def post(self, return_vals: Any) -> Any:
        await asyncio.sleep(0)
        return super().post(return_vals)


class Extending(Job):
    """What pre and post of the base give can be awaited."""

    async def pre(self, *args: Any, **kwargs: Any) -> Any:
        return {**(await super().pre(*args, **kwargs)), "more": 1}

    async def post(self, return_vals: Any) -> Any:
        return {**(await super().post(return_vals)), "data": dict(current().data)}


class Closing(Job):
    """`post` only cleans up."""

    async def post(self, return_vals: Any) -> Any:
        NOTES.append("closed")


class SyncClosing(Job):
    """The same, without async."""

    def post(self, return_vals: Any) -> Any:
        NOTES.append("closed")


NOTES: list[str] = []


@pytest.fixture(autouse=True)
def _no_notes() -> None:
    NOTES.clear()


def called(task: Any, how: str) -> Any:
    """The result of `task` with n=7, by each of the ways to call it."""

    class Parent(TaskTemplate, task_type="parent"):
        async def execute(self, *args: Any, **kwargs: Any) -> Any:
            assert current()
            return await (task(n=7) if how == "call in a run" else task.aio(n=7))

    async def awaited(awaitable: Any) -> Any:
        return await awaitable

    if how == "run":
        return run(task, n=7)
    if how == "call":
        return asyncio.run(task(n=7))
    if how == "forward":
        return asyncio.run(task.forward(n=7))
    if how == "aio":
        return asyncio.run(task.aio(n=7))
    types = [JobType, Parent]
    with Registry(records=[], settings=Settings(), task_types=types).entered():
        return run(Parent(name="t.parent", interface=NativeInterface()))


every_way = pytest.mark.parametrize(
    "how", ["run", "call", "forward", "aio", "call in a run", "aio in a run"]
)


@every_way
def test_the_base_methods_pre_and_post_can_be_awaited(how: str) -> None:
    result = called(Extending(name="t", interface=INTERFACE), how)
    assert result["data"] == {"more": 1}


@every_way
@pytest.mark.parametrize("kind", [Closing, SyncClosing])
def test_a_post_that_returns_nothing_leaves_the_result(how: str, kind: type[Job]) -> None:
    assert called(kind(name="t", interface=INTERFACE), how) == called(job(), how)
    assert NOTES == ["closed"]


@every_way
@pytest.mark.parametrize("kind", [Noting, AsyncNoting])
def test_pre_comes_before_execute_and_post_after_it(kind: Any, how: str) -> None:
    result = called(kind(name="t.noting", interface=INTERFACE), how)
    assert NOTES == ["pre {'n': 7}", "post {'seen': 7}"]
    assert result == {"n": 7, "data": {"seen": 7}, "current": {"seen": 7}, "posted": True}


def test_what_is_around_an_execution_is_entered_after_pre_with_its_data() -> None:
    class Surrounded(JobType):
        @hookimpl
        @asynccontextmanager
        async def around_execute(self, ctx: Any) -> Any:
            NOTES.append(f"enter {dict(ctx.data)}")
            yield
            NOTES.append("leave")

    registry = Registry(records=[], settings=Settings(), task_types=[Surrounded])
    with registry.entered():
        run(Noting(name="t.noting", interface=INTERFACE), n=7)
    assert NOTES == ["pre {'n': 7}", "enter {'seen': 7}", "leave", "post {'seen': 7}"]


def test_the_context_of_a_run_ends_with_the_task() -> None:
    run(Noting(name="t.noting", interface=INTERFACE), n=7)
    assert not current()
    assert current().data == {}


def test_a_pre_that_returns_nothing_leaves_the_context_empty() -> None:
    class Silent(Job):
        def pre(self, *args: Any, **kwargs: Any) -> Any:
            return None

    assert run(Silent(name="t", interface=INTERFACE), n=7)["data"] == {}


def test_a_pre_that_returns_no_mapping_is_an_error() -> None:
    class Wrong(Job):
        def pre(self, *args: Any, **kwargs: Any) -> Any:
            return "seen"

    with pytest.raises(HookResultError, match=r"'pre'.*'t'.*'seen'; give a mapping"):
        run(Wrong(name="t", interface=INTERFACE), n=7)


def test_post_does_not_follow_an_execution_that_failed() -> None:
    class Failing(Noting):
        async def execute(self, *args: Any, **kwargs: Any) -> Any:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(Failing(name="t", interface=INTERFACE), n=7)
    assert NOTES == ["pre {'n': 7}"]


def test_a_sync_execute_of_a_class_runs_in_a_thread() -> None:
    class Blocking(Job):
        def execute(self, *args: Any, **kwargs: Any) -> Any:
            return threading.current_thread() is threading.main_thread()

    assert asyncio.run(Blocking(name="t", interface=INTERFACE).aio(n=7)) is False


def test_execute_alone_does_neither_pre_nor_post() -> None:
    task = Noting(name="t.noting", interface=INTERFACE)

    async def main() -> Any:
        return await task.execute(7)

    assert asyncio.run(main()) == {"n": 7, "data": {}, "current": {}}
    assert NOTES == []


def test_a_default_fills_what_a_call_leaves_out() -> None:
    assert run(job())["n"] == 1
    for way in ("__call__", "forward", "aio"):
        assert asyncio.run(getattr(job(), way)())["n"] == 1


@pytest.mark.parametrize("way", ["__call__", "forward", "aio"])
def test_inputs_that_do_not_fit_are_an_input_error(way: str) -> None:
    async def main() -> None:
        await getattr(job(), way)(m=3)

    with pytest.raises(InputError, match="no input 'm'"):
        asyncio.run(main())


def test_outside_a_run_a_call_is_forward() -> None:
    class Forwarded(Job):
        def forward(self, *args: Any, **kwargs: Any) -> Any:
            return "forward", args, kwargs

    task: Any = Forwarded(name="t", interface=INTERFACE)
    assert task(1, n=2) == ("forward", (1,), {"n": 2})


def test_inside_a_run_a_call_goes_through_the_run() -> None:
    attempts: list[int] = []

    class Flaky(TaskTemplate, task_type="flaky"):
        async def execute(self, *args: Any, **kwargs: Any) -> Any:
            attempts.append(current().attempt)
            if len(attempts) < 3:
                raise ConnectionError
            return current().task

    class Parent(TaskTemplate, task_type="parent"):
        async def execute(self, *args: Any, **kwargs: Any) -> Any:
            return await flaky()

    flaky = Flaky(name="t.flaky", interface=NativeInterface(), retries=2)
    types = [Flaky, Parent]
    with Registry(records=[], settings=Settings(), task_types=types).entered():
        parent = Parent(name="t.parent", interface=NativeInterface())
        assert run(parent) == "t.flaky"
    assert attempts == [1, 2, 3]


def test_a_synchronous_task_is_called_without_await_outside_a_run() -> None:
    task = job(_call_as_synchronous=True)
    assert task(n=7)["n"] == 7
    assert task.forward(n=7)["n"] == 7


def test_a_synchronous_task_is_called_without_await_where_a_loop_turns() -> None:
    async def main() -> Any:
        return job(_call_as_synchronous=True)(n=7)

    assert asyncio.run(main())["n"] == 7


def test_a_synchronous_task_is_called_without_await_inside_a_run() -> None:
    child = job(_call_as_synchronous=True)

    class Parent(TaskTemplate, task_type="parent"):
        def execute(self, *args: Any, **kwargs: Any) -> Any:
            return child(n=7)["n"], bool(current())

    with Registry(records=[], settings=Settings(), task_types=[JobType, Parent]).entered():
        assert run(Parent(name="t.parent", interface=NativeInterface())) == (7, True)


def test_a_synchronous_task_is_awaited_by_aio() -> None:
    assert asyncio.run(job(_call_as_synchronous=True).aio(n=7))["n"] == 7


def test_arun_is_awaited_whatever_the_task_is_called_with() -> None:
    async def main() -> Any:
        return await arun(job(_call_as_synchronous=True), n=7)

    assert asyncio.run(main())["n"] == 7
