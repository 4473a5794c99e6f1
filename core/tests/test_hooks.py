"""Hook calls: who is asked, in which order, what an answer must be, and who is at fault."""

import asyncio
import functools
import gc
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import BaseModel, SecretStr

from tasksmithy import (
    DataLoadingConfig,
    NativeInterface,
    PolicyVetoError,
    Registry,
    Secret,
    SerializationContext,
    Settings,
    Sql,
    TaskSpec,
    TaskTemplate,
    TaskType,
    hookimpl,
    run,
    serialize,
    with_runcontext,
)
from tasksmithy.errors import HookError, HookResultError, NotExecutableError, TasksmithyError
from tasksmithy.plugins._discovery import POLICIES, TASK_TYPES, PluginRecord
from tasksmithy.task._context import RunContext, current
from tasksmithy.task._hookspecs import HOOKS
from tasksmithy.task._spec import Provenance

SCTX = SerializationContext(version="v1")
INTERFACE = NativeInterface.from_types({"n": int}, {"o0": Any}, {"n": 1})
OF_THE_TYPE = "task type 'demo' (demo-dist 1.2)"


def task(kind: type[TaskTemplate[..., Any]] = TaskTemplate, **fields: Any) -> Any:
    return kind(**{"name": "t", "task_type": "demo", "interface": INTERFACE, **fields})


def behaviour(hook: str, answer: Callable[[], Any], **options: Any) -> type[Any]:
    """A class with one hook that answers by `answer()`."""
    return type("Answering", (), {hook: hookimpl(**options)(lambda self: answer())})


class Jobs(TaskType):
    """A task type with the hooks of a job, which are there together or not at all."""

    @hookimpl
    def submit(self) -> None: ...

    @hookimpl
    def poll(self) -> None: ...

    @hookimpl
    def cancel(self) -> None: ...


def bases(hook: str) -> tuple[type[TaskType]]:
    return (Jobs if hasattr(Jobs, hook) else TaskType,)


@contextmanager
def importable(**content: object) -> Iterator[None]:
    """In the body, the module `demo_plugin` with this content can be imported."""
    module = ModuleType("demo_plugin")
    vars(module).update(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "demo_plugin", module)
        yield


@pytest.fixture
def installed() -> Iterator[Callable[..., Registry]]:
    """A registry of one installed task type and installed policies, with their provenance."""
    modules = ExitStack()

    def registry(task_type: object, **policies: object) -> Registry:
        modules.enter_context(importable(T=task_type, **policies))
        records = [PluginRecord(TASK_TYPES, "demo", "demo_plugin:T", "demo-dist", "1.2")]
        records += [
            PluginRecord(POLICIES, name, f"demo_plugin:{name}", f"{name}-dist", "3")
            for name in policies
        ]
        return Registry(records, settings=Settings(policies=tuple(policies)))

    with modules:
        yield registry


def ask(registry: Registry, hook: str, of: Any = None) -> Any:
    """The answer of a hook for a task."""
    hooks, of = registry.hooks("demo"), of or task()
    match hook:
        case "cache_version":
            return hooks.cache_version(of)
        case "resolve_secret":
            return hooks.resolve_secret(Secret(key="k"))
        case "execute":
            return asyncio.run(_awaited(hooks.execute(of, {"n": 1}, RunContext())))
        case "submit":
            return asyncio.run(_awaited(hooks.submit(of, {"n": 1}, "key", RunContext())))
        case "poll" | "cancel":
            return asyncio.run(_awaited(getattr(hooks, hook)(of, "j1", RunContext())))
        case "around_execute":
            return [answer for _, answer in hooks.around_execute(of, {"n": 1}, RunContext())]
        case "admit":
            return asyncio.run(_admitted(hooks, of))
    return getattr(hooks, hook)(of, SCTX)


async def _admitted(hooks: Any, of: Any) -> list[Any]:
    return [await answer for _, answer in hooks.admit(of, {"n": 1}, RunContext())]


async def _awaited(answer: Any) -> Any:
    return await answer


class Type(TaskType):
    """A task type that leaves everything to the defaults."""


# Defaults


def test_what_a_task_type_does_not_say_is_left_empty(installed: Callable[..., Registry]) -> None:
    registry = installed(Type)
    assert ask(registry, "config") == {}
    assert ask(registry, "custom_config") == {}
    assert ask(registry, "container_args") == []
    assert ask(registry, "sql") is None
    assert ask(registry, "data_loading_config") is None
    assert ask(registry, "around_execute") == []
    assert ask(registry, "resolve_secret") is None


def test_a_task_type_that_cannot_run_here_says_so(installed: Callable[..., Registry]) -> None:
    with pytest.raises(NotExecutableError) as caught:
        ask(installed(Type), "execute")
    assert str(caught.value) == (
        "task 't' cannot run here: task type 'demo' of demo-dist 1.2 has no local execution "
        "(it implements no `execute` hook)"
    )


def one_of_code() -> int:
    """Code, of which a digest would know the name alone."""
    return 1


class Own(TaskTemplate, task_type="demo"):
    query: str = "select 1"
    tags: frozenset[str] = frozenset()


@pytest.mark.parametrize(
    "other",
    [
        behaviour("custom_config", lambda: {"a": 1}),
        behaviour("container_args", lambda: ["a"]),
        behaviour("sql", lambda: "select 2"),
    ],
)
def test_the_default_cache_version_follows_what_the_hooks_answer(
    installed: Callable[..., Registry], other: type[Any]
) -> None:
    plain = ask(installed(Type), "cache_version")
    changed = type("Changed", (other, TaskType), {})
    assert ask(installed(changed), "cache_version") != plain


def test_the_default_cache_version_follows_the_fields_of_the_class(
    installed: Callable[..., Registry],
) -> None:
    registry = installed(Type)
    plain = ask(registry, "cache_version", task(Own))
    assert ask(registry, "cache_version", task(Own, retries=3)) == plain
    assert ask(registry, "cache_version", task(Own, query="select 2")) != plain


class Options(BaseModel):
    token: SecretStr


@dataclass
class Limits:
    url: str
    limit: int = field(default=10, repr=False)


class Client:
    def __init__(self, host: str) -> None:
        self.host = host

    def __repr__(self) -> str:
        return "<Client>"


def array(middle: float) -> Any:
    weights = np.zeros(2000)
    weights[500] = middle
    return weights


def frame(middle: float) -> Any:
    return pd.DataFrame({"w": array(middle)})


class Holds(TaskTemplate, task_type="demo"):
    value: Any


APART: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "secrets": (lambda: Options(token=SecretStr("a")), lambda: Options(token=SecretStr("b"))),
    "fields that are not shown": (lambda: Limits("u", 10), lambda: Limits("u", 99)),
    "objects that show nothing": (lambda: Client("a"), lambda: Client("b")),
    "long arrays": (lambda: array(0), lambda: array(7)),
    "tables": (lambda: frame(0), lambda: frame(7)),
    "arrays inside": (lambda: {"w": [array(0)]}, lambda: {"w": [array(7)]}),
    "types of numbers": (lambda: 1, lambda: True),
    "long texts": (lambda: "a" * 5000 + "b" + "a" * 5000, lambda: "a" * 10001),
}


@pytest.mark.parametrize("case", APART)
def test_the_default_cache_version_tells_values_apart_whatever_their_repr(
    installed: Callable[..., Registry], case: str
) -> None:
    registry = installed(Type)
    one, other = (
        [ask(registry, "cache_version", task(Holds, value=make())) for _ in range(2)]
        for make in APART[case]
    )
    assert one[0] == one[1]
    assert other[0] == other[1]
    assert one[0] != other[0]


@pytest.mark.parametrize("value", [threading.Lock(), one_of_code, [one_of_code], {"f": print}])
def test_the_default_cache_version_of_what_has_no_identity_is_never_the_same(
    installed: Callable[..., Registry], value: object
) -> None:
    registry, same = installed(Type), task(Holds, value=value)
    assert ask(registry, "cache_version", same) != ask(registry, "cache_version", same)


def test_a_result_of_one_array_is_not_handed_out_for_another(tmp_path: Path) -> None:
    class Sums(TaskType):
        task_type = "demo"

        @hookimpl
        async def execute(self, task: Any) -> float:
            return float(task.value.sum())

    cached = with_runcontext(cache_dir=tmp_path)
    interface = NativeInterface.from_types({}, {"o0": float})
    with Registry([], settings=Settings(), task_types=[Sums]).entered():
        sums = [
            cached.run(task(Holds, value=array(middle), cache="auto", interface=interface))
            for middle in (0, 7, 0)
        ]
    assert sums == [0, 7, 0]


def test_the_default_cache_version_follows_the_version_of_the_plugin() -> None:
    records = [PluginRecord(TASK_TYPES, "demo", "demo_plugin:T", "d", v) for v in ("1", "2")]
    with importable(T=Type):
        old, new = (Registry([record], settings=Settings()) for record in records)
        assert ask(old, "cache_version") != ask(new, "cache_version")


# Answers are checked

SPEC = TaskSpec(
    name="t", task_type="demo", task_type_version=0, provenance=Provenance("x"), interface={},
    image="auto",
)  # fmt: skip


async def one() -> int:
    return 1


@asynccontextmanager
async def nothing() -> AsyncIterator[None]:
    yield


RIGHT: list[tuple[str, Callable[[], Any], Any]] = [
    ("config", lambda: {"a": "b"}, {"a": "b"}),
    ("custom_config", lambda: {"a": [1, None, {"b": 2.5}]}, {"a": [1, None, {"b": 2.5}]}),
    ("container_args", lambda: ("a", "b"), ["a", "b"]),
    ("sql", lambda: "select 1", "select 1"),
    ("sql", lambda: Sql("select 1", "hive"), Sql("select 1", "hive")),
    (
        "data_loading_config",
        lambda: DataLoadingConfig(input_path="/i", output_path="/o"),
        DataLoadingConfig(input_path="/i", output_path="/o"),
    ),
    ("cache_version", lambda: "v1", "v1"),
    ("execute", one, 1),
    ("submit", one, 1),
    ("poll", one, 1),
    ("cancel", one, 1),
    ("serialize", lambda: SPEC, SPEC),
    ("resolve_secret", lambda: "s3cr3t", "s3cr3t"),
]

WRONG: list[tuple[str, Any, str]] = [
    ("config", {"a": 1}, "returned {'a': 1} of type dict; give a mapping of str to str"),
    ("config", ["a"], "returned ['a'] of type list; give a mapping of str to str"),
    ("custom_config", [1], "returned [1] of type list; give a mapping of JSON values"),
    (
        "custom_config",
        {"a": {"b": [{1}]}},
        ("returned a mapping that JSON cannot hold (a.b[0] is of type set); give JSON values"),
    ),
    (
        "custom_config",
        {"a": float("nan")},
        ("returned a mapping that JSON cannot hold (a is nan); give JSON values"),
    ),
    (
        "custom_config",
        {"a": {1: 2}},
        (
            "returned a mapping that JSON cannot hold (a has the key 1, "
            "which is no string); give JSON values"
        ),
    ),
    ("container_args", "sh -c x", "returned 'sh -c x' of type str; give a list of str"),
    ("container_args", ["sleep", 1], "returned ['sleep', 1] of type list; give a list of str"),
    ("sql", 1, "returned 1 of type int; give Sql, str or None"),
    ("data_loading_config", {}, "returned {} of type dict; give DataLoadingConfig or None"),
    ("cache_version", 1, "returned 1 of type int; give a str that is not empty"),
    ("cache_version", "", "returned '' of type str; give a str that is not empty"),
    ("execute", 1, "returned 1 of type int; give an awaitable, as `async def` makes it"),
    ("submit", 1, "returned 1 of type int; give an awaitable, as `async def` makes it"),
    ("poll", 1, "returned 1 of type int; give an awaitable, as `async def` makes it"),
    ("cancel", 1, "returned 1 of type int; give an awaitable, as `async def` makes it"),
    ("around_execute", 1, "returned 1 of type int; give an async context manager"),
    ("admit", True, "returned True of type bool; give an awaitable, as `async def` makes it"),
    ("serialize", {"name": "t"}, "returned {'name': 't'} of type dict; give a TaskSpec"),
    (
        "serialize",
        replace(SPEC, custom_config={"a": {1}}),
        (
            "returned a TaskSpec that JSON cannot "
            "hold (custom_config.a is of type set); give JSON values"
        ),
    ),
    ("resolve_secret", b"s3cr3t", "returned a value of type bytes; give str or None"),
]


ASYNC = {"execute", "submit", "poll", "cancel", "around_execute", "admit"}


def asker(hook: str) -> str:
    """What an error says of the task, where a task asked."""
    return "" if hook == "resolve_secret" else ", for task 't'"


def test_every_hook_has_an_example_of_a_wrong_answer_here() -> None:
    assert {hook for hook, *_ in WRONG} == set(HOOKS)


@pytest.mark.parametrize(("hook", "answer", "expected"), RIGHT)
def test_a_right_answer_arrives(
    installed: Callable[..., Registry], hook: str, answer: Callable[[], Any], expected: Any
) -> None:
    kind = type("Kind", (behaviour(hook, answer), *bases(hook)), {})
    assert ask(installed(kind), hook) == expected


@pytest.mark.parametrize(("hook", "answer", "problem"), WRONG)
def test_a_wrong_answer_names_hook_plugin_distribution_version_and_task(
    installed: Callable[..., Registry], hook: str, answer: Any, problem: str
) -> None:
    kind = type("Kind", (behaviour(hook, lambda: answer), *bases(hook)), {})
    with pytest.raises(HookResultError) as caught:
        ask(installed(kind), hook)
    assert str(caught.value) == f"hook {hook!r} of {OF_THE_TYPE}{asker(hook)}: {problem}"


@pytest.mark.parametrize("hook", sorted(HOOKS.keys() - ASYNC))
def test_a_hook_that_is_async_and_must_not_be_is_refused_and_nothing_else_is_said_of_it(
    installed: Callable[..., Registry], hook: str
) -> None:
    async def answer(self: object) -> None: ...

    kind = type("Kind", bases(hook), {hook: hookimpl(answer)})
    with pytest.raises(HookResultError, match="of type coroutine"):
        ask(installed(kind), hook)
    gc.collect()


@pytest.mark.parametrize("hook", sorted(HOOKS))
def test_an_exception_names_hook_plugin_distribution_version_and_task(
    installed: Callable[..., Registry], hook: str
) -> None:
    def fail() -> None:
        raise ZeroDivisionError("by none")

    kind = type("Kind", bases(hook), {hook: hookimpl(lambda self: fail())})
    with pytest.raises(HookError) as caught:
        ask(installed(kind), hook)
    error = caught.value
    assert str(error) == (
        f"hook {hook!r} of {OF_THE_TYPE}{asker(hook)}: raised ZeroDivisionError('by none')"
    )
    assert isinstance(error.__cause__, ZeroDivisionError)
    assert (error.hook, error.provider) == (hook, OF_THE_TYPE)


@pytest.mark.parametrize(
    ("hook", "answer", "problem"), [row for row in WRONG if not HOOKS[row[0]].unwrapped]
)
def test_a_policy_that_makes_an_answer_wrong_is_named(
    installed: Callable[..., Registry], hook: str, answer: Any, problem: str
) -> None:
    def change(self: object) -> Any:
        below = yield
        if asyncio.iscoroutine(below):
            below.close()
        return answer

    policy = type("Policy", (), {hook: hookimpl(wrapper=True)(change)})
    kind = type(
        "Kind",
        (TaskType,),
        {name: hookimpl(lambda self, a=right: a()) for name, right, _ in RIGHT if name == hook},
    )
    other = behaviour("around_execute", nothing)
    with pytest.raises(HookResultError) as caught:
        ask(installed(kind, before=other, ours=policy, after=other), hook)
    assert str(caught.value) == (
        f"hook {hook!r} of policy 'ours' (ours-dist 3){asker(hook)}: {problem}"
    )
    gc.collect()  # a coroutine that was made to find the one at fault was closed, too


def test_a_policy_whose_context_manager_is_none_is_named(
    installed: Callable[..., Registry],
) -> None:
    policy = behaviour("around_execute", lambda: "with")
    kind = type("Kind", (behaviour("around_execute", nothing), TaskType), {})
    with pytest.raises(HookResultError, match="of policy 'ours' "):
        ask(installed(kind, ours=policy), "around_execute")


def test_a_wrong_answer_of_the_task_type_is_not_blamed_on_the_policy_that_passes_it_on(
    installed: Callable[..., Registry],
) -> None:
    class Policy:
        @hookimpl(wrapper=True)
        def container_args(self) -> Any:
            return (yield)

    kind = type("Kind", (behaviour("container_args", lambda: "sh"), TaskType), {})
    with pytest.raises(HookResultError) as caught:
        ask(installed(kind, ours=Policy), "container_args")
    assert caught.value.provider == OF_THE_TYPE


def test_a_wrong_answer_in_place_of_an_exception_is_blamed_on_the_policy_that_caught_it(
    installed: Callable[..., Registry],
) -> None:
    class Policy:
        @hookimpl(wrapper=True)
        def config(self) -> Any:
            try:
                return (yield)
            except ZeroDivisionError:
                return 0

    kind = type("Kind", (behaviour("config", lambda: 1 / 0), TaskType), {})
    with pytest.raises(HookResultError, match=r"of policy 'ours' .*: returned 0 "):
        ask(installed(kind, ours=Policy), "config")


def test_an_exception_of_the_task_type_is_not_blamed_on_the_policy_around_it(
    installed: Callable[..., Registry],
) -> None:
    class Policy:
        @hookimpl(wrapper=True)
        def config(self) -> Any:
            return (yield)

    class Kind(TaskType):
        @hookimpl
        def config(self) -> Any:
            raise ZeroDivisionError

    with pytest.raises(HookError) as caught:
        ask(installed(Kind, ours=Policy), "config")
    assert caught.value.provider == OF_THE_TYPE


@pytest.mark.parametrize("after", [False, True])
def test_an_exception_of_a_policy_is_blamed_on_it(
    installed: Callable[..., Registry], after: bool
) -> None:
    class Policy:
        @hookimpl(wrapper=True)
        def config(self) -> Any:
            if not after:
                raise ZeroDivisionError
            yield
            raise ZeroDivisionError

    class Quiet:
        @hookimpl(wrapper=True)
        def config(self) -> Any:
            return (yield)

    with pytest.raises(HookError) as caught:
        ask(installed(Type, first=Quiet, ours=Policy, last=Quiet), "config")
    assert caught.value.provider == "policy 'ours' (ours-dist 3)"


def test_a_policy_that_does_not_yield_is_named(installed: Callable[..., Registry]) -> None:
    class Policy:
        @hookimpl(wrapper=True)
        def config(self, task: Any) -> Any:
            if task.name == "t":
                return {}
            return (yield)

    with pytest.raises(HookError) as caught:
        ask(installed(Type, ours=Policy), "config")
    assert caught.value.provider == "policy 'ours' (ours-dist 3)"
    assert "did not yield" in str(caught.value)


def logged(function: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator that plugins share: to Python, what it makes is the same code for all."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return call


def test_plugins_that_share_a_decorator_are_told_apart(installed: Callable[..., Registry]) -> None:
    class Kind(TaskType):
        @hookimpl
        @logged
        def config(self) -> Any:
            raise ZeroDivisionError

    class Policy:
        @hookimpl
        @logged
        def config(self) -> Any:
            return None

    with pytest.raises(HookError) as caught:
        ask(installed(Kind, ours=Policy), "config")
    assert caught.value.provider == OF_THE_TYPE


@pytest.mark.parametrize("hook", sorted(HOOKS))
@pytest.mark.parametrize("answer", [lambda: object(), lambda: 1 / 0])
def test_nobody_is_asked_a_second_time_to_word_an_error(
    installed: Callable[..., Registry], hook: str, answer: Callable[[], Any]
) -> None:
    asked: list[str] = []

    def first(self: object) -> Any:
        asked.append("policy")

    def fail(self: object) -> Any:
        asked.append("type")
        return answer()

    policy = type("Policy", (), {hook: hookimpl(first)})
    kind = type("Kind", bases(hook), {hook: hookimpl(fail)})
    with pytest.raises(HookError) as caught:
        ask(installed(kind, ours=policy), hook)
    assert caught.value.provider == OF_THE_TYPE
    assert asked == ["policy", "type"]


def test_a_policy_never_sees_a_wrong_answer(installed: Callable[..., Registry]) -> None:
    seen: list[object] = []

    class Policy:
        @hookimpl(wrapper=True)
        def config(self) -> Any:
            seen.append((yield))

    kind = type("Kind", (behaviour("config", lambda: "none"), TaskType), {})
    with pytest.raises(HookResultError, match="of task type 'demo'"):
        ask(installed(kind, ours=Policy), "config")
    assert seen == []


def test_a_policy_may_answer_in_place_of_what_failed(installed: Callable[..., Registry]) -> None:
    class Policy:
        @hookimpl(wrapper=True)
        def config(self) -> Any:
            try:
                return (yield)
            except HookResultError:
                return {"from": "policy"}

    kind = type("Kind", (behaviour("config", lambda: "none"), TaskType), {})
    assert ask(installed(kind, ours=Policy), "config") == {"from": "policy"}


def test_a_policy_that_yields_twice_is_named(installed: Callable[..., Registry]) -> None:
    class Policy:
        @hookimpl(wrapper=True)
        def config(self) -> Any:
            yield
            yield

    with pytest.raises(HookResultError) as caught:
        ask(installed(Type, ours=Policy), "config")
    assert str(caught.value) == (
        "hook 'config' of policy 'ours' (ours-dist 3), for task 't': yielded twice; a wrapper "
        "yields once"
    )


def test_a_hook_that_raises_stop_iteration_is_named_through_a_policy(
    installed: Callable[..., Registry],
) -> None:
    class Policy:
        @hookimpl(wrapper=True)
        def config(self) -> Any:
            return (yield)

    kind = type("Kind", (behaviour("config", lambda: next(iter(()))), TaskType), {})
    with pytest.raises(HookError) as caught:
        ask(installed(kind, ours=Policy), "config")
    assert caught.value.provider == OF_THE_TYPE
    assert isinstance(caught.value.__cause__, StopIteration)


class UnspeakableError(Exception):
    """An exception, and an answer, with no text."""

    def __repr__(self) -> str:
        raise ZeroDivisionError

    __str__ = __repr__


@pytest.mark.parametrize("hook", sorted(HOOKS))
def test_an_answer_or_an_exception_without_a_text_is_named_all_the_same(
    installed: Callable[..., Registry], hook: str
) -> None:
    def fail() -> None:
        raise UnspeakableError

    for answer in UnspeakableError, fail:
        kind = type("Kind", (behaviour(hook, answer), *bases(hook)), {})
        with pytest.raises(HookError) as caught:
            ask(installed(kind), hook)
        assert "UnspeakableError" in str(caught.value)
        assert caught.value.provider == OF_THE_TYPE


def test_a_key_without_a_text_is_named_all_the_same(installed: Callable[..., Registry]) -> None:
    kind = type("Kind", (behaviour("custom_config", lambda: {UnspeakableError(): 1}), TaskType), {})
    with pytest.raises(HookResultError, match="its repr raised ZeroDivisionError"):
        ask(installed(kind), "custom_config")


@pytest.mark.parametrize("hook", sorted(HOOKS))
def test_a_call_with_other_arguments_than_those_of_the_hook_is_refused(
    installed: Callable[..., Registry], hook: str
) -> None:
    with pytest.raises(TypeError, match="missing a required argument"):
        getattr(installed(Type).hooks("demo"), hook)()


def test_an_error_beneath_serialize_names_the_hook_that_failed(
    installed: Callable[..., Registry],
) -> None:
    kind = type("Kind", (behaviour("sql", lambda: 1), TaskType), {})
    with installed(kind).entered(), pytest.raises(HookResultError) as caught:
        serialize(task())
    assert caught.value.hook == "sql"


def test_a_mapping_that_holds_itself_is_a_wrong_answer(installed: Callable[..., Registry]) -> None:
    endless: dict[str, Any] = {}
    endless["self"] = endless
    kind = type("Kind", (behaviour("custom_config", lambda: endless), TaskType), {})
    with pytest.raises(HookResultError, match="nested too deeply, or in itself"):
        ask(installed(kind), "custom_config")


def test_a_secret_is_never_part_of_an_error(installed: Callable[..., Registry]) -> None:
    kind = type("Kind", (behaviour("resolve_secret", lambda: b"s3cr3t"), TaskType), {})
    with pytest.raises(HookResultError) as caught:
        ask(installed(kind), "resolve_secret")
    assert "s3cr3t" not in str(caught.value)


def test_an_answer_is_a_copy_that_its_reader_may_change(
    installed: Callable[..., Registry],
) -> None:
    kept = {"a": "b"}
    registry = installed(type("Kind", (behaviour("config", lambda: kept), TaskType), {}))
    ask(registry, "config")["c"] = "d"
    assert ask(registry, "config") == {"a": "b"}


# Policies


class Marks:
    """A policy that writes down when it sees a call and its result."""

    def __init__(self, name: str, seen: list[str]) -> None:
        self.name, self.seen = name, seen

    @hookimpl(wrapper=True)
    def custom_config(self) -> Any:
        self.seen.append(f"{self.name} before")
        answer = yield
        self.seen.append(f"{self.name} after")
        return {**answer, "order": [*answer.get("order", ()), self.name]}

    @hookimpl
    @asynccontextmanager
    async def around_execute(self, task: Any) -> AsyncIterator[None]:
        self.seen.append(f"{self.name} in")
        yield
        self.seen.append(f"{self.name} out")


class Runs(TaskType):
    task_type = "demo"

    @hookimpl
    async def execute(self, inputs: Any) -> Any:
        return inputs["n"]


def with_policies(*task_types: Any, **policies: object) -> Registry:
    return Registry([], settings=Settings(), task_types=task_types or (Runs,), policies=policies)


def test_the_first_policy_is_outermost() -> None:
    seen: list[str] = []
    registry = with_policies(a=Marks("a", seen), b=Marks("b", seen))
    assert ask(registry, "custom_config") == {"order": ["b", "a"]}
    assert seen == ["a before", "b before", "b after", "a after"]


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_the_configuration_orders_installed_policies(order: tuple[str, str]) -> None:
    seen: list[str] = []
    records = [PluginRecord(POLICIES, name, f"demo_plugin:{name}", "d", "1") for name in "ab"]
    registry = Registry(records, settings=Settings(policies=order), task_types=[Runs])
    with importable(a=Marks("a", seen), b=Marks("b", seen)):
        assert ask(registry, "custom_config") == {"order": list(reversed(order))}


def test_policies_that_are_given_stand_outside_those_that_are_configured() -> None:
    seen: list[str] = []
    registry = Registry(
        [PluginRecord(POLICIES, "p", "demo_plugin:p", "d", "1")],
        settings=Settings(policies=("p",)),
        task_types=[Runs],
        policies={"given": Marks("given", seen)},
    )
    with importable(p=Marks("configured", seen)):
        assert ask(registry, "custom_config") == {"order": ["configured", "given"]}


def test_what_surrounds_the_execution_is_entered_in_order_and_left_in_reverse() -> None:
    seen: list[str] = []

    class Traced(Runs):
        @hookimpl
        @asynccontextmanager
        async def around_execute(self) -> AsyncIterator[None]:
            seen.append("type in")
            yield
            seen.append("type out")

        @hookimpl
        async def execute(self, inputs: Any) -> Any:
            seen.append("execute")
            return inputs["n"]

    with with_policies(Traced, a=Marks("a", seen), b=Marks("b", seen)).entered():
        assert run(task(), n=5) == 5
    assert seen == ["a in", "b in", "type in", "execute", "type out", "b out", "a out"]


def test_what_surrounds_the_execution_is_left_when_it_fails() -> None:
    seen: list[str] = []

    class Fails(TaskType):
        task_type = "demo"

        @hookimpl
        async def execute(self) -> None:
            raise ZeroDivisionError

    class Watches:
        @hookimpl
        @asynccontextmanager
        async def around_execute(self, task: Any) -> AsyncIterator[None]:
            try:
                yield
            except ZeroDivisionError:
                seen.append(task.name)
                raise

    with with_policies(Fails, ours=Watches).entered(), pytest.raises(ZeroDivisionError):
        run(task())
    assert seen == ["t"]


def test_what_surrounds_the_execution_may_not_keep_its_error_to_itself() -> None:
    class Fails(TaskType):
        task_type = "demo"

        @hookimpl
        async def execute(self) -> None:
            raise ZeroDivisionError

    class Quiet:
        @hookimpl
        @asynccontextmanager
        async def around_execute(self) -> AsyncIterator[None]:
            with suppress(ZeroDivisionError):
                yield

    with with_policies(Fails, ours=Quiet).entered(), pytest.raises(HookResultError) as caught:
        run(task())
    assert caught.value.provider == f"policy 'ours' (registered by {__name__})"
    assert "kept ZeroDivisionError() to itself" in str(caught.value)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_a_policy_may_veto_before_anything_runs() -> None:
    class OwnImages:
        @hookimpl
        def around_execute(self, task: Any) -> None:
            raise PolicyVetoError(f"no {task.name} today")

    ran = []

    class Kind(TaskType):
        task_type = "demo"

        @hookimpl
        async def execute(self) -> None:
            ran.append(1)

    with with_policies(Kind, ours=OwnImages).entered():
        with pytest.raises(PolicyVetoError, match="no t today"):
            run(task())
        serialize(task())
    assert ran == []


def test_a_policy_sees_the_whole_and_may_change_it() -> None:
    class Tags:
        @hookimpl(wrapper=True)
        def serialize(self, task: Any, sctx: SerializationContext) -> Any:
            spec = yield
            return replace(spec, config={**spec.config, "deployment": sctx.version})

    with with_policies(ours=Tags).entered():
        assert serialize(task(), SCTX).config == {"deployment": "v1"}


def test_a_policy_may_answer_in_the_place_of_the_task_type() -> None:
    policy = behaviour("config", lambda: {"from": "policy"})
    kind = type(
        "Kind", (behaviour("config", lambda: {"from": "type"}), TaskType), {"task_type": "demo"}
    )
    assert ask(with_policies(kind, ours=policy), "config") == {"from": "policy"}


def test_none_of_a_policy_means_that_it_leaves_the_answer_to_the_next() -> None:
    policy = behaviour("config", lambda: None)
    kind = type(
        "Kind", (behaviour("config", lambda: {"from": "type"}), TaskType), {"task_type": "demo"}
    )
    assert ask(with_policies(kind, ours=policy), "config") == {"from": "type"}


def test_a_policy_resolves_secrets_for_every_task_type() -> None:
    class Vault:
        @hookimpl
        def resolve_secret(self, secret: Secret) -> str | None:
            return {"token": "s3cr3t"}.get(secret.key)

    other = type("Other", (TaskType,), {"task_type": "other"})
    registry = with_policies(Runs, other, vault=Vault)
    for name in "demo", "other":
        assert registry.hooks(name).resolve_secret(Secret(key="token")) == "s3cr3t"
        assert registry.hooks(name).resolve_secret(Secret(key="none")) is None


def test_policies_of_one_registry_do_not_touch_another() -> None:
    seen: list[str] = []
    kind = Runs()
    guarded = with_policies(kind, ours=Marks("ours", seen))
    plain = with_policies(kind)
    assert ask(guarded, "custom_config") == {"order": ["ours"]}
    assert ask(plain, "custom_config") == {}


class WrapsItself(TaskType):
    """A task type that puts its own mark on what its hooks give, whoever gives it."""

    task_type = "demo"

    @hookimpl(wrapper=True)
    def config(self) -> Any:
        return {**(yield), "by": "type"}

    @hookimpl(wrapper=True)
    def resolve_secret(self) -> Any:
        yield
        return "of the type"


def test_what_a_policy_answers_stands_outside_of_what_a_task_type_wraps() -> None:
    class Answers:
        @hookimpl
        def config(self) -> Any:
            return {"by": "policy"}

        @hookimpl
        def resolve_secret(self) -> str:
            return "of the policy"

    registry = with_policies(WrapsItself, ours=Answers)
    assert ask(registry, "config") == {"by": "policy"}
    assert ask(registry, "resolve_secret") == "of the policy"


def test_a_policy_that_answers_stands_outside_of_the_policies_after_it() -> None:
    seen: list[str] = []
    vault = behaviour("custom_config", lambda: {"from": "vault"})
    first = with_policies(vault=vault, audit=Marks("audit", seen))
    assert ask(first, "custom_config") == {"from": "vault"}
    assert seen == []
    second = with_policies(audit=Marks("audit", seen), vault=vault)
    assert ask(second, "custom_config") == {"from": "vault", "order": ["audit"]}


def test_what_a_task_type_wraps_stands_beneath_the_class_of_the_task() -> None:
    class Own(TaskTemplate, task_type="demo"):
        def config(self, sctx: SerializationContext) -> dict[str, str]:
            return {**super().config(sctx), "by": "class"}

    registry = with_policies(WrapsItself)
    with registry.entered():
        assert ask(registry, "config", task(Own)) == {"by": "class"}
    assert ask(registry, "config") == {"by": "type"}


# Methods that the class of a task overrides


class Sees:
    """A policy that writes down each call that passes it."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    @hookimpl(wrapper=True)
    def config(self) -> Any:
        self.calls.append("config")
        return {**(yield), "policy": "1"}

    @hookimpl(wrapper=True)
    def custom_config(self) -> Any:
        self.calls.append("custom_config")
        return {**(yield), "policy": 1}

    @hookimpl(wrapper=True)
    def container_args(self) -> Any:
        self.calls.append("container_args")
        return [*(yield), "policy"]

    @hookimpl(wrapper=True)
    def sql(self) -> Any:
        self.calls.append("sql")
        answer = yield
        return Sql(f"{getattr(answer, 'statement', answer)} -- policy")

    @hookimpl(wrapper=True)
    def data_loading_config(self) -> Any:
        self.calls.append("data_loading_config")
        return replace((yield), format="YAML")

    @hookimpl
    def execute(self) -> None:
        self.calls.append("execute")


class Base(TaskType):
    """The task type beneath the classes that override."""

    task_type = "demo"

    @hookimpl
    def config(self) -> Any:
        return {"type": "1"}

    @hookimpl
    def custom_config(self) -> Any:
        return {"type": 1}

    @hookimpl
    def container_args(self) -> Any:
        return ["type"]

    @hookimpl
    def sql(self) -> Any:
        return Sql("type")

    @hookimpl
    def data_loading_config(self) -> Any:
        return DataLoadingConfig(input_path="type", output_path="type")

    @hookimpl
    async def execute(self, inputs: Any) -> Any:
        return [("type", inputs["n"])]


CALLS: list[str] = []


class Replaces(TaskTemplate, task_type="demo"):
    def config(self, sctx: SerializationContext) -> dict[str, str]:
        CALLS.append("config")
        return {"class": sctx.version}

    def custom_config(self, sctx: SerializationContext) -> dict[str, Any]:
        CALLS.append("custom_config")
        return {"class": sctx.version}

    def container_args(self, sctx: SerializationContext) -> list[str]:
        CALLS.append("container_args")
        return ["class", sctx.version]

    def sql(self, sctx: SerializationContext) -> Sql | str | None:
        CALLS.append("sql")
        return "class"

    def data_loading_config(self, sctx: SerializationContext) -> DataLoadingConfig | None:
        CALLS.append("data_loading_config")
        return DataLoadingConfig(input_path="class", output_path="class")

    async def execute(self, n: int) -> Any:
        CALLS.append("execute")
        return [("class", n)]


class Extends(TaskTemplate, task_type="demo"):
    def config(self, sctx: SerializationContext) -> dict[str, str]:
        CALLS.append("config")
        return {**super().config(sctx), "class": sctx.version}

    def custom_config(self, sctx: SerializationContext) -> dict[str, Any]:
        CALLS.append("custom_config")
        return {**super().custom_config(sctx), "class": sctx.version}

    def container_args(self, sctx: SerializationContext) -> list[str]:
        CALLS.append("container_args")
        return [*super().container_args(sctx), "class"]

    def sql(self, sctx: SerializationContext) -> Sql | str | None:
        CALLS.append("sql")
        below = super().sql(sctx)
        assert isinstance(below, Sql)
        return Sql(f"{below.statement} class")

    def data_loading_config(self, sctx: SerializationContext) -> DataLoadingConfig | None:
        CALLS.append("data_loading_config")
        below = super().data_loading_config(sctx)
        assert below is not None
        return replace(below, output_path="class")

    async def execute(self, n: int) -> Any:
        CALLS.append("execute")
        return [*await super().execute(n=n), ("class", n)]


class Again(Extends, task_type="demo"):
    def config(self, sctx: SerializationContext) -> dict[str, str]:
        return {**super().config(sctx), "second": "1"}

    def custom_config(self, sctx: SerializationContext) -> dict[str, Any]:
        return {**super().custom_config(sctx), "second": 1}

    def container_args(self, sctx: SerializationContext) -> list[str]:
        return [*super().container_args(sctx), "second"]

    def sql(self, sctx: SerializationContext) -> Sql | str | None:
        below = super().sql(sctx)
        assert isinstance(below, Sql)
        return Sql(f"{below.statement} second")

    def data_loading_config(self, sctx: SerializationContext) -> DataLoadingConfig | None:
        below = super().data_loading_config(sctx)
        assert below is not None
        return replace(below, input_path="second")

    async def execute(self, n: int) -> Any:
        return [*await super().execute(n=n), ("second", n)]


class Inherits(Extends, task_type="demo"):
    """Overrides nothing of its own."""


class MixedIn:
    """Overrides for templates, but no template itself."""

    def config(self, sctx: SerializationContext) -> dict[str, str]:
        CALLS.append("config")
        return {**super().config(sctx), "class": sctx.version}  # type: ignore[misc]

    def custom_config(self, sctx: SerializationContext) -> dict[str, Any]:
        CALLS.append("custom_config")
        return {**super().custom_config(sctx), "class": sctx.version}  # type: ignore[misc]

    def container_args(self, sctx: SerializationContext) -> list[str]:
        CALLS.append("container_args")
        return [*super().container_args(sctx), "class"]  # type: ignore[misc]

    def sql(self, sctx: SerializationContext) -> Sql | str | None:
        CALLS.append("sql")
        return Sql(f"{super().sql(sctx).statement} class")  # type: ignore[misc]

    def data_loading_config(self, sctx: SerializationContext) -> DataLoadingConfig | None:
        CALLS.append("data_loading_config")
        return replace(super().data_loading_config(sctx), output_path="class")  # type: ignore[misc]

    async def execute(self, n: int) -> Any:
        CALLS.append("execute")
        return [*await super().execute(n=n), ("class", n)]  # type: ignore[misc]


class Mixed(MixedIn, TaskTemplate, task_type="demo"):
    """Overrides by a mixin."""


def loading(input_path: str, output_path: str) -> DataLoadingConfig:
    return DataLoadingConfig(input_path=input_path, output_path=output_path, format="YAML")


EXTENDED = {
    "config": {"type": "1", "class": "v1", "policy": "1"},
    "custom_config": {"type": 1, "class": "v1", "policy": 1},
    "container_args": ["type", "class", "policy"],
    "sql": Sql("type class -- policy"),
    "data_loading_config": loading("type", "class"),
    "execute": [("type", 7), ("class", 7)],
}
OVERRIDES: dict[type[TaskTemplate[..., Any]], dict[str, Any]] = {
    Replaces: {
        "config": {"class": "v1", "policy": "1"},
        "custom_config": {"class": "v1", "policy": 1},
        "container_args": ["class", "v1", "policy"],
        "sql": Sql("class -- policy"),
        "data_loading_config": loading("class", "class"),
        "execute": [("class", 7)],
    },
    Extends: EXTENDED,
    Inherits: EXTENDED,
    Mixed: EXTENDED,
    Again: {
        "config": {"type": "1", "class": "v1", "second": "1", "policy": "1"},
        "custom_config": {"type": 1, "class": "v1", "second": 1, "policy": 1},
        "container_args": ["type", "class", "second", "policy"],
        "sql": Sql("type class second -- policy"),
        "data_loading_config": loading("second", "class"),
        "execute": [("type", 7), ("class", 7), ("second", 7)],
    },
}
ASKED = ("config", "custom_config", "container_args", "sql", "data_loading_config")


@pytest.fixture
def calls() -> list[str]:
    """The calls of the overrides, in their order."""
    CALLS.clear()
    return CALLS


@pytest.mark.parametrize("hook", ASKED)
@pytest.mark.parametrize("kind", OVERRIDES)
def test_an_override_that_is_called_is_one_hook_call_with_the_policies(
    kind: type[TaskTemplate[..., Any]], hook: str, calls: list[str]
) -> None:
    policy = Sees()
    with with_policies(Base, sees=policy).entered():
        assert getattr(task(kind), hook)(SCTX) == OVERRIDES[kind][hook]
    assert (calls, policy.calls) == ([hook], [hook])


@pytest.mark.parametrize("kind", OVERRIDES)
def test_serialize_asks_each_override_with_the_policies(
    kind: type[TaskTemplate[..., Any]], calls: list[str]
) -> None:
    policy = Sees()
    with with_policies(Base, sees=policy).entered():
        spec = serialize(task(kind), SCTX)
    assert {hook: getattr(spec, hook) for hook in ASKED} == {
        hook: OVERRIDES[kind][hook] for hook in ASKED
    }
    # The version of the code asks again what it is made of, for no deployment.
    again = ["custom_config", "container_args", "sql"]
    assert sorted(calls) == sorted(policy.calls) == sorted([*ASKED, *again])


@pytest.mark.parametrize("kind", OVERRIDES)
def test_a_run_executes_an_override_once_with_the_policies(
    kind: type[TaskTemplate[..., Any]], calls: list[str]
) -> None:
    policy = Sees()
    with with_policies(Base, sees=policy).entered():
        assert run(task(kind), n=7) == OVERRIDES[kind]["execute"]
    assert (calls, policy.calls) == (["execute"], ["execute"])


@pytest.mark.parametrize("kind", OVERRIDES)
def test_execute_that_is_called_directly_is_one_hook_call_with_the_policies(
    kind: type[TaskTemplate[..., Any]], calls: list[str]
) -> None:
    policy = Sees()
    with with_policies(Base, sees=policy).entered():
        assert asyncio.run(_awaited(task(kind).execute(7))) == OVERRIDES[kind]["execute"]
    assert (calls, policy.calls) == (["execute"], ["execute"])


class Blocks(TaskTemplate, task_type="demo"):
    def execute(self, n: int) -> Any:
        CALLS.append("execute")
        assert current().task == self.name
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()
        return [("class", n)]


class BlocksAbove(TaskTemplate, task_type="demo"):
    def execute(self, n: int) -> Any:
        CALLS.append("execute")
        return super().execute(n=n + 1)


@pytest.mark.parametrize(("kind", "result"), [(Blocks, ("class", 7)), (BlocksAbove, ("type", 8))])
def test_a_sync_execute_is_called_once_in_a_thread(
    kind: type[TaskTemplate[..., Any]], result: tuple[str, int], calls: list[str]
) -> None:
    policy = Sees()
    with with_policies(Base, sees=policy).entered():
        assert run(task(kind), n=7) == [result]
    assert (calls, policy.calls) == (["execute"], ["execute"])


def test_what_a_sync_execute_gives_is_awaited_where_it_has_to_be() -> None:
    with with_policies(Base).entered():
        assert asyncio.run(_awaited(task(BlocksAbove).execute(7))) == [("type", 8)]


def test_a_class_with_two_templates_as_bases_has_the_overrides_of_both() -> None:
    class First(TaskTemplate, task_type="demo"):
        def config(self, sctx: SerializationContext) -> dict[str, str]:
            return {"first": "1"}

    class Second(TaskTemplate, task_type="demo"):
        def container_args(self, sctx: SerializationContext) -> list[str]:
            return ["second"]

    class Both(First, Second):
        pass

    with with_policies(Base).entered():
        spec = serialize(task(Both))
    assert (spec.config, spec.container_args) == ({"first": "1"}, ["second"])


def test_an_override_that_asks_for_another_hook_asks_with_the_policies(calls: list[str]) -> None:
    class Asks(Replaces, task_type="demo"):
        def config(self, sctx: SerializationContext) -> dict[str, str]:
            return {"args": " ".join(self.container_args(sctx))}

    policy = Sees()
    with with_policies(Base, sees=policy).entered():
        assert task(Asks).config(SCTX) == {"args": "class v1 policy", "policy": "1"}
    assert policy.calls == ["config", "container_args"]


def test_an_override_that_asks_another_task_asks_with_the_policies() -> None:
    other = task(Replaces, name="other")

    class Asks(TaskTemplate, task_type="demo"):
        def container_args(self, sctx: SerializationContext) -> list[str]:
            return [*super().container_args(sctx), *other.container_args(sctx)]

    with with_policies(Base, sees=Sees()).entered():
        assert task(Asks).container_args(SCTX) == ["type", "class", "v1", "policy", "policy"]


def test_a_task_that_calls_itself_passes_the_policies_each_time() -> None:
    class Counts(TaskTemplate, task_type="demo"):
        async def execute(self, n: int) -> int:
            return n + (await self(n=n - 1) if n else 0)

    policy = Sees()
    with with_policies(Base, sees=policy).entered():
        assert run(task(Counts), n=3) == 6
    assert policy.calls == ["execute"] * 4


def test_an_override_that_raises_or_answers_wrong_is_named(
    installed: Callable[..., Registry],
) -> None:
    class Wrong(TaskTemplate, task_type="demo"):
        def config(self, sctx: SerializationContext) -> dict[str, str]:
            return {"n": 1}  # type: ignore[dict-item]

        def sql(self, sctx: SerializationContext) -> str:
            raise ZeroDivisionError

    registry = installed(Type)
    for hook, kind in ("config", HookResultError), ("sql", HookError):
        with pytest.raises(kind) as caught:
            ask(registry, hook, task(Wrong))
        assert caught.value.provider == f"the task's class, of {OF_THE_TYPE}"


def test_an_override_that_passes_on_a_wrong_answer_is_not_to_blame(
    installed: Callable[..., Registry],
) -> None:
    kind = type("Kind", (behaviour("container_args", lambda: [1]), TaskType), {})
    with installed(kind).entered(), pytest.raises(HookResultError) as caught:
        task(Extends).container_args(SCTX)
    assert caught.value.provider == OF_THE_TYPE


def test_an_exception_beneath_an_override_is_blamed_on_the_task_type(
    installed: Callable[..., Registry],
) -> None:
    kind = type("Kind", (behaviour("config", lambda: 1 / 0), TaskType), {})
    with installed(kind).entered(), pytest.raises(HookError) as caught:
        task(Extends).config(SCTX)
    assert caught.value.provider == OF_THE_TYPE


# Bare templates


def test_a_bare_template_is_a_task_type_that_answers_by_its_methods() -> None:
    class Shell(TaskTemplate, task_type="shell"):
        script: str = "true"

        def container_args(self, sctx: SerializationContext) -> list[str]:
            return ["sh", "-c", self.script]

    registry = Registry(
        [PluginRecord(TASK_TYPES, "shell", "demo_plugin:Shell", "shell-dist", "4")],
        settings=Settings(),
        policies={"sees": Sees()},
    )
    shell = Shell(name="s", interface=NativeInterface(), script="date")
    with importable(Shell=Shell), registry.entered():
        assert shell.container_args(SCTX) == ["sh", "-c", "date", "policy"]
        assert registry.template("shell") is Shell
        assert str(registry.hooks("shell").provenance) == "shell-dist 4"


class Parent(TaskTemplate, task_type="demo"):
    """The template of the task type `demo`, which has a behaviour of its own."""


class Child(Parent, task_type="child"):
    def config(self, sctx: SerializationContext) -> dict[str, str]:
        return {**super().config(sctx), "child": "1"}


class Grandchild(Child, task_type="grandchild"):
    def container_args(self, sctx: SerializationContext) -> list[str]:
        return [*super().container_args(sctx), "grandchild"]


class WithTemplate(Base):
    template = Parent


def test_a_bare_template_inherits_the_behaviour_of_the_type_it_builds_on() -> None:
    registry = with_policies(WithTemplate, Child, Grandchild)
    child = Child(name="c", interface=INTERFACE)
    grandchild = Grandchild(name="g", interface=INTERFACE)
    with registry.entered():
        assert child.config(SCTX) == {"type": "1", "child": "1"}
        assert child.sql(SCTX) == Sql("type")
        assert run(child, n=2) == [("type", 2)]
        assert grandchild.config(SCTX) == {"type": "1", "child": "1"}
        assert grandchild.container_args(SCTX) == ["type", "grandchild"]
        assert serialize(grandchild).task_type == "grandchild"
        assert run(grandchild, n=2) == [("type", 2)]


def test_a_task_type_inherits_the_behaviour_of_the_type_its_template_builds_on() -> None:
    class Answers(TaskType):
        template = Child

        @hookimpl
        def container_args(self) -> list[str]:
            return ["answers"]

    registry = with_policies(WithTemplate, Answers)
    child = Child(name="c", interface=INTERFACE)
    with registry.entered():
        assert child.container_args(SCTX) == ["answers"]
        assert child.sql(SCTX) == Sql("type")
        assert run(child, n=2) == [("type", 2)]


def test_a_task_type_heeds_what_the_execution_heeds_that_it_inherits() -> None:
    class Heeds(WithTemplate):
        heeds = frozenset({"image"})

    class Inherits(TaskType):
        template = Child
        heeds = frozenset({"queue"})

    class Executes(TaskType):
        template = Grandchild

        @hookimpl
        async def execute(self) -> None: ...

    registry = with_policies(Heeds, Inherits, Executes)
    assert registry.hooks("child").heeds == {"image", "queue"}
    assert registry.hooks("grandchild").heeds == set()


def test_a_task_type_that_is_a_subclass_of_the_one_its_template_builds_on_is_asked_once() -> None:
    entered: list[type] = []

    class Around(TaskType):
        template = Parent

        @hookimpl
        @asynccontextmanager
        async def around_execute(self) -> AsyncIterator[None]:
            entered.append(type(self))
            yield

        @hookimpl
        async def execute(self) -> str:
            return "done"

    class Below(Around):
        template = Child

    registry = with_policies(Around, Below)
    with registry.entered():
        assert run(Child(name="c", interface=INTERFACE), n=2) == "done"
    assert entered == [Below]


def test_a_template_with_two_templates_as_bases_builds_on_the_types_of_both() -> None:
    class Left(TaskTemplate, task_type="left"): ...

    class Right(TaskTemplate, task_type="right"): ...

    class Both(Left, Right, task_type="both"): ...

    class LeftType(TaskType):
        template = Left

        @hookimpl
        def custom_config(self) -> dict[str, Any]:
            return {"of": "left"}

    class RightType(TaskType):
        template = Right

        @hookimpl
        def custom_config(self) -> dict[str, Any]:
            return {"of": "right"}

        @hookimpl
        def config(self) -> dict[str, str]:
            return {"of": "right"}

    with with_policies(LeftType, RightType, Both).entered():
        spec = serialize(Both(name="b", interface=INTERFACE), SCTX)
    assert (spec.custom_config, spec.config) == ({"of": "left"}, {"of": "right"})


def test_a_template_does_not_build_on_the_type_of_functions_by_a_base_that_names_none() -> None:
    class Shared(TaskTemplate):
        account: str = ""

    class Query(Shared, task_type="query"): ...

    with with_policies(Query).entered():
        assert Query(name="q", interface=INTERFACE).container_args(SCTX) == []


def test_a_template_whose_base_type_is_not_installed_says_so() -> None:
    with pytest.raises(TasksmithyError, match="task type 'demo'"):
        with_policies(Child).hooks("child")
