"""Each line of what the page about migrating says works differently, run as it says."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import tasksmithy
from tasksmithy import (
    Cache,
    Cron,
    DefinitionError,
    File,
    FixedRate,
    Link,
    NativeInterface,
    NotATaskError,
    PodTemplate,
    Registry,
    ReusePolicy,
    Secret,
    SerializationContext,
    TaskDefinitionError,
    TaskEnvironment,
    TaskTemplate,
    Timeout,
    Trigger,
    UnknownTaskTypeError,
    current,
    report,
    run,
)
from tasksmithy import map as map_tasks
from tasksmithy_container import ContainerTask

PAGE = Path(__file__).parents[1] / "docs" / "migrating-from-flyte.md"
INTERFACE = NativeInterface()

Check = Callable[[], object]
CHECKS: dict[str, Check] = {}


def line(flyte: str) -> Callable[[Check], Check]:
    """Marks the check of the line that begins with `flyte`."""

    def add(check: Check) -> Check:
        CHECKS[flyte] = check
        return check

    return add


env = TaskEnvironment("e")


@env.task
async def half(n: int) -> float:
    if n < 0:
        raise ArithmeticError(n)
    return n / 2


def define(**fields: Any) -> TaskTemplate[..., Any]:
    return TaskTemplate(name="t", interface=INTERFACE, **fields)


def refused(call: Callable[[], object], text: str = "") -> None:
    with pytest.raises(DefinitionError, match=text):
        call()


class Query(TaskTemplate, task_type="q"):
    def __init__(self, query: str) -> None:
        super().__init__(name="q", interface=INTERFACE)
        self.query = query


@line("a task may be assigned to at any time")
def _() -> None:
    task = Query("select 1")
    assert task.query == "select 1"
    with pytest.raises(FrozenInstanceError):
        task.query = "select 2"


@line("`self.retries = 3` before `super().__init__(...)` is lost")
def _() -> None:
    class Early(TaskTemplate, task_type="early"):
        def __init__(self) -> None:
            self.retries = 3
            super().__init__(name="early", interface=INTERFACE)

    refused(Early, r"after super\(\).__init__")


@line("`override` calls the constructor again")
def _() -> None:
    task = Query("select 1")
    assert task.override(retries=2).query == "select 1"
    refused(lambda: task.override(query="select 2"), "fixed")


def noted(kind: type[TaskTemplate[..., Any]]) -> Any:
    with Registry(task_types=[kind]).entered():
        return run(kind(name="n", interface=NativeInterface.from_types({}, {"o0": int})))


@line("`execute` calls `pre` and `post`")
def _() -> None:
    class Twice(TaskTemplate, task_type="twice"):
        async def execute(self, *args: Any, **kwargs: Any) -> Any:
            await self.pre()
            return await self.post(1)

        async def post(self, return_vals: Any) -> Any:
            return return_vals + 10

    assert noted(Twice) == 21


@line("what `post` returns is ignored")
def _() -> None:
    class Once(TaskTemplate, task_type="once"):
        async def execute(self, *args: Any, **kwargs: Any) -> Any:
            return 5

        async def post(self, return_vals: Any) -> Any:
            return return_vals + 10

    class Nothing(TaskTemplate, task_type="nothing"):
        async def execute(self, *args: Any, **kwargs: Any) -> Any:
            return 5

        async def post(self, return_vals: Any) -> Any:
            pass

    assert (noted(Once), noted(Nothing)) == (15, 5)


@line("`task.func = wrapped` in a decorator")
def _() -> None:
    with pytest.raises(FrozenInstanceError):
        half.func = half.func


@line("`Link` with `get_link(...)`")
def _() -> None:
    assert Link("logs", "https://logs.example.com/{{.executionName}}").name == "logs"
    assert not hasattr(Link, "get_link")


@line("a task type without a plugin runs in a container")
def _() -> None:
    with pytest.raises(UnknownTaskTypeError, match="which no installed plugin provides"):
        run(define(task_type="spark"))


@line("a connector's `create`, `get`, `delete`, `AsyncConnectorExecutorMixin`")
def _() -> None:
    with pytest.raises(ImportError, match="use the hooks submit"):
        exec("from tasksmithy.connectors import AsyncConnectorExecutorMixin")
    assert {"execute"} <= TaskTemplate.__dict__.keys()
    assert not {"create", "get", "delete"} & set(dir(TaskTemplate))


@line("`get_proto_resources(...)`, `lazy_module(...)`, `ctx()`, ...")
def _() -> None:
    for name in ("extend import get_proto_resources", "extend import lazy_module", " import ctx"):
        with pytest.raises(ImportError, match="as Flyte has it; use"):
            exec(f"from tasksmithy.{name}".replace(". ", " "))


@line("`ctx().is_in_cluster()`, `.code_bundle`, `.action`, `.mode`")
def _() -> None:
    assert not {"is_in_cluster", "code_bundle", "action", "mode"} & set(dir(current()))
    assert SerializationContext().code_bundle is None


@line("`SerializationContext.get_entrypoint_path()`")
def _() -> None:
    assert not hasattr(SerializationContext, "get_entrypoint_path")
    assert half.container_args(SerializationContext())[:2] == ["python", "-m"]


@line("`PodTemplate.to_k8s_pod()`")
def _() -> None:
    assert "pod_spec" in PodTemplate({"containers": []}).to_dict()


@line("`report.log(html)`, `get_tab`, `replace`, `flush`")
def _() -> None:
    report.tab("Loss").html("<b>1</b>")
    report.log("text")
    assert not {"get_tab", "replace", "flush"} & set(dir(report))


@line("`run(task).outputs()`")
def _() -> None:
    assert run(half, 3) == 1.5


@line("`map(...)` gives errors as results")
def _() -> None:
    @env.task
    async def first() -> None:
        with pytest.raises(ArithmeticError):
            [each async for each in map_tasks(half, [-1])]
        found = [each async for each in map_tasks(half, [-1, 2], return_exceptions=True)]
        assert isinstance(found[0], ArithmeticError)
        assert found[1] == 1.0

    run(first)


@line("`map(partial(task, k=3), xs)`")
def _() -> None:
    with pytest.raises(NotATaskError):
        map_tasks(functools.partial(half, n=3), [1])  # type: ignore[call-overload]


@line('`ContainerTask("name", "image", ["command"])`')
def _() -> None:
    refused(lambda: ContainerTask("c", "alpine:3", ["true"]), "every field by its name")
    ContainerTask(name="c", image="alpine:3", command=["true"])


@line("`override(env_vars=None)` leaves them")
def _() -> None:
    assert define(env_vars={"A": "1"}).override(env_vars=None).env_vars is None


@line('`cache="enabled"`, `"on"`, `"off"`')
def _() -> None:
    for word in ("enabled", "on", "off"):
        refused(lambda word=word: define(cache=word), "'auto', 'override', 'disable'")


@line("`Cache(serialize, ...)` by position")
def _() -> None:
    with pytest.raises(TypeError):
        Cache("auto", "v1", True)
    with pytest.raises(TypeError):
        Cache("auto", policies=[])


@line("`ReusePolicy()` has an `idle_ttl` of 30 s")
def _() -> None:
    assert ReusePolicy().idle_ttl is None


@line("`Timeout()` has a `max_runtime` of None")
def _() -> None:
    assert (Timeout().max_runtime, Timeout().runtime_seconds) == (0, None)


@line('`Secret("a")` fills in `as_env_var`')
def _() -> None:
    assert (Secret("my-key").as_env_var, Secret("my-key").env_name) == (None, "MY_KEY")


@line("`short_name` of a function is its name")
def _() -> None:
    assert half.short_name == "e.half"


@line("functions are `debuggable`")
def _() -> None:
    assert half.debuggable is False


@line("`File.from_local`, `new_remote`, ...")
def _() -> None:
    assert not {"from_local", "new_remote", "named_remote"} & set(dir(File))
    assert File[int] is File


@line("`FixedRate(start_time=...)` without a time zone")
def _() -> None:
    trigger = Trigger("t", FixedRate(5, datetime(2026, 1, 1)))
    refused(lambda: define(triggers=trigger), "time zone")


@line("a trigger that lacks an input, or names another")
def _() -> None:
    for inputs in (None, {"n": 1, "m": 2}):
        trigger = Trigger("t", Cron("@daily"), inputs=inputs)
        refused(lambda trigger=trigger: half.override(triggers=trigger), "triggers")


@line("`include=`, `service_account=`, `produces_artifacts=`")
def _() -> None:
    for name in ("include", "service_account"):
        refused(lambda name=name: TaskEnvironment("e", **{name: "a"}), name)
    refused(lambda: define(produces_artifacts=True), "produces_artifacts")


@line("`@trace`, `custom_context`, `checkpoint`")
def _() -> None:
    assert not {"trace", "custom_context"} & set(tasksmithy.__all__)
    assert not hasattr(current(), "checkpoint")


@line("a wrong value fails at deployment")
def _() -> None:
    with pytest.raises(TaskDefinitionError, match="task 't': retries=-1 is not allowed"):
        define(retries=-1)


def lines() -> list[str]:
    """The first cells of the tables about what works differently."""
    section = PAGE.read_text(encoding="utf-8").partition("## What works differently\n")[2]
    rows = re.findall(r"^\| (.+?) \| .+ \|$", section.partition("\n## ")[0], re.MULTILINE)
    return [row for row in rows if row != "Flyte 2.12.1"]


def test_each_line_of_the_page_has_its_check() -> None:
    assert lines() == list(CHECKS)


@pytest.mark.parametrize("flyte", CHECKS)
def test_a_line_of_the_page_is_as_it_says(flyte: str) -> None:
    CHECKS[flyte]()


def test_the_page_says_which_version_it_follows() -> None:
    assert "This page follows Flyte 2.12.1." in PAGE.read_text(encoding="utf-8")
