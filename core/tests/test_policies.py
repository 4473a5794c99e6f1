"""Policies on the side of the run: who is admitted, and what stands around an attempt."""

import asyncio
import gc
import os
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest

from tasksmithy import (
    Attempt,
    NativeInterface,
    Observer,
    PolicyVetoError,
    Registry,
    RunContext,
    Settings,
    TaskEnvironment,
    TaskTemplate,
    TaskType,
    current,
    hookimpl,
    make_attempt,
    run,
    with_runcontext,
)
from tasksmithy.errors import HookError, HookResultError, TaskTimeoutError
from tasksmithy.runtime.stores._run_store import RunStore

SEEN: list[str] = []
SEEN_BY_CACHED: ContextVar[list[str]] = ContextVar("seen")  # what a global holds is part of a key
env = TaskEnvironment(name="p")


@pytest.fixture(autouse=True)
def seen() -> list[str]:
    """What policies and tasks have noted."""
    SEEN.clear()
    SEEN_BY_CACHED.set(SEEN)
    return SEEN


@env.task
async def leaf(n: int = 1) -> int:
    SEEN.append("leaf")
    return n


@env.task
async def parent() -> int:
    return await leaf(2)


@env.task(retries=1)
async def second_time_lucky() -> int:
    SEEN.append(f"attempt {current().attempt}")
    if current().attempt == 1:
        raise ZeroDivisionError
    return 1


@env.task(cache="auto")
async def cached() -> int:
    SEEN_BY_CACHED.get().append("cached")
    return 1


@env.task(timeout=0.05)
async def too_long() -> None:
    await asyncio.sleep(60)


@env.task(timeout=0.5)
async def short() -> int:
    return 1


@env.task(env_vars={"PLACE": "far"})
def far() -> int:
    return os.getpid()


@env.task
async def exits() -> None:
    raise SystemExit(3)


@env.task
async def fails() -> None:
    raise ZeroDivisionError("by none")


@contextmanager
def policies(**named: object) -> Iterator[None]:
    """In the body, these policies are enabled, the first one outermost."""
    with Registry(settings=Settings(), policies=named).entered():
        yield


class Admits:
    """Notes whom it is asked for."""

    def __init__(self, name: str = "admits") -> None:
        self.name = name

    @hookimpl
    async def admit(self, task: Any, inputs: Any, ctx: RunContext) -> None:
        SEEN.append(f"{self.name} {task.name} {dict(inputs)}")


class Refuses:
    """Admits nothing that is refused in `names`."""

    def __init__(self, *names: str) -> None:
        self.names = names

    @hookimpl
    async def admit(self, task: Any) -> None:
        await asyncio.sleep(0)
        if task.name in self.names:
            raise PolicyVetoError(f"no {task.name} today")


class Around:
    """Notes when it is entered and left, and by what."""

    def __init__(self, name: str = "around") -> None:
        self.name = name

    @hookimpl
    @asynccontextmanager
    async def around_execute(self, task: Any, ctx: RunContext) -> AsyncIterator[None]:
        SEEN.append(f"{self.name} in {ctx.attempt}")
        try:
            yield
        except BaseException as error:
            SEEN.append(f"{self.name} out by {type(error).__name__}")
            raise
        SEEN.append(f"{self.name} out")


# Admission


def test_each_execution_is_asked_for_once_whatever_its_attempts(seen: list[str]) -> None:
    with policies(ours=Admits()):
        assert run(second_time_lucky) == 1
    assert seen == ["admits p.second_time_lucky {}", "attempt 1", "attempt 2"]


def test_children_are_asked_for_with_their_inputs(seen: list[str]) -> None:
    with policies(ours=Admits()):
        assert run(parent) == 2
    assert seen == ["admits p.parent {}", "admits p.leaf {'n': 2}", "leaf"]


def test_policies_are_asked_in_their_order_and_then_the_task_type(seen: list[str]) -> None:
    class Kind(TaskType):
        task_type = "kind"

        @hookimpl
        async def admit(self) -> None:
            SEEN.append("type")

        @hookimpl
        async def execute(self) -> None:
            SEEN.append("execute")

    task: Any = TaskTemplate(name="t", task_type="kind", interface=NativeInterface())
    given = {"a": Admits("a"), "b": Admits("b")}
    with Registry([], settings=Settings(), task_types=[Kind], policies=given).entered():
        run(task)
    assert seen == ["a t {}", "b t {}", "type", "execute"]


def test_what_is_refused_does_not_run_and_nobody_else_is_asked(seen: list[str]) -> None:
    with policies(first=Refuses("p.leaf"), second=Admits()):
        with pytest.raises(PolicyVetoError, match=r"no p\.leaf today"):
            run(leaf)
        gc.collect()  # no coroutine was made that nobody awaits
    assert seen == []


def test_a_refusal_holds_for_a_result_in_the_cache(tmp_path: Path, seen: list[str]) -> None:
    options = with_runcontext(cache_dir=tmp_path)
    with policies(ours=Refuses()):
        assert options.run(cached) == options.run(cached) == 1
    assert seen == ["cached"]
    with policies(ours=Refuses("p.cached")), pytest.raises(PolicyVetoError):
        options.run(cached)


def test_a_refusal_holds_for_a_result_in_the_record_that_is_resumed(tmp_path: Path) -> None:
    @env.task
    async def resumed() -> int:
        await leaf(1)
        if not (tmp_path / "mended").exists():
            raise ZeroDivisionError
        return 1

    recorded = with_runcontext(runs_dir=tmp_path, record=True)
    with pytest.raises(ZeroDivisionError):
        recorded.run(resumed)
    (tmp_path / "mended").touch()
    with closing(RunStore(tmp_path)) as store:
        [failed] = store.runs()
    with policies(ours=Refuses("p.leaf")), pytest.raises(PolicyVetoError, match=r"no p\.leaf"):
        with_runcontext(runs_dir=tmp_path, resume=failed.id).run(resumed)
    with policies(ours=Refuses()):
        assert with_runcontext(runs_dir=tmp_path, resume=failed.id).run(resumed) == 1


def test_a_refusal_is_told_as_the_end_of_the_execution_and_not_as_an_attempt() -> None:
    told: list[str] = []

    class Told(Observer):
        def observe(self, event: Any) -> None:
            told.append(type(event).__name__)

    with policies(ours=Refuses("p.leaf")), pytest.raises(PolicyVetoError):
        with_runcontext(observers=[Told()]).run(leaf)
    assert told == ["RunStarted", "ExecutionQueued", "ExecutionFailed", "RunEnded"]


def test_an_admission_that_fails_names_who_failed() -> None:
    class Breaks:
        @hookimpl
        async def admit(self) -> None:
            raise ZeroDivisionError("by none")

    with policies(ours=Breaks()), pytest.raises(HookError) as caught:
        run(leaf)
    assert str(caught.value) == (
        f"hook 'admit' of policy 'ours' (registered by {__name__}), for task 'p.leaf': raised "
        "ZeroDivisionError('by none')"
    )


@pytest.mark.parametrize("said", [False, True, 0, "no"])
def test_an_admission_refuses_by_an_error_and_by_no_value(said: object) -> None:
    class Says:
        @hookimpl
        async def admit(self) -> object:
            return said

    with policies(ours=Says()), pytest.raises(HookResultError) as caught:
        run(leaf)
    assert str(caught.value) == (
        f"hook 'admit' of policy 'ours' (registered by {__name__}), for task 'p.leaf': returned "
        f"{said!r}, once awaited; raise PolicyVetoError to refuse"
    )


def test_none_in_place_of_an_awaitable_admits() -> None:
    class Silent:
        @hookimpl
        def admit(self) -> None: ...

    with policies(ours=Silent()):
        assert run(leaf) == 1


class Plain(TaskType):
    task_type = "plain"

    @hookimpl
    async def execute(self) -> None:
        SEEN.append("execute")


def plain(**named: object) -> Any:
    """A task of a type that leaves everything to the core, and its registry with policies."""
    task: Any = TaskTemplate(name="plain", task_type="plain", interface=NativeInterface())
    return task, Registry([], settings=Settings(), task_types=[Plain], policies=named)


def test_a_refusal_holds_outside_of_runs(seen: list[str]) -> None:
    task, registry = plain(ours=Refuses("plain"))
    with registry.entered():
        for call in task, task.forward, task.aio:
            with pytest.raises(PolicyVetoError):
                asyncio.run(call())
    assert seen == []


# Around attempts


def test_policies_stand_around_each_attempt_as_a_whole(seen: list[str]) -> None:
    class Whole(TaskTemplate, task_type="whole"):
        async def pre(self) -> dict[str, Any]:
            SEEN.append("pre")
            return {}

        async def execute(self) -> int:
            SEEN.append("execute")
            return 1

        async def post(self, return_vals: Any) -> Any:
            SEEN.append("post")
            return return_vals

    class Kind(TaskType):
        template = Whole

        @hookimpl
        @asynccontextmanager
        async def around_execute(self) -> AsyncIterator[None]:
            SEEN.append("type in")
            yield
            SEEN.append("type out")

    interface = NativeInterface.from_types({}, {"o0": int})
    given = {"a": Around("a"), "b": Around("b")}
    with Registry([], settings=Settings(), task_types=[Kind], policies=given).entered():
        run(Whole(name="w", interface=interface))
    inner = ["pre", "type in", "execute", "type out", "post"]
    assert seen == ["a in 1", "b in 1", *inner, "b out", "a out"]


def test_policies_see_every_attempt_and_its_error(seen: list[str]) -> None:
    with policies(ours=Around()):
        assert run(second_time_lucky) == 1
    assert seen == [
        "around in 1", "attempt 1", "around out by ZeroDivisionError",
        "around in 2", "attempt 2", "around out",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("task", "error"), [(too_long, "TaskTimeoutError"), (exits, "TaskExitError")]
)
def test_policies_see_the_error_that_the_attempt_ended_with(
    task: Any, error: str, seen: list[str]
) -> None:
    with policies(ours=Around()), pytest.raises(Exception, match=task.name):
        run(task)
    assert seen == ["around in 1", f"around out by {error}"]


def test_the_time_of_a_policy_is_not_that_of_the_attempt() -> None:
    class Waits:
        @hookimpl
        @asynccontextmanager
        async def around_execute(self) -> AsyncIterator[None]:
            await asyncio.sleep(0.6)  # more than the task has
            yield

        @hookimpl
        async def admit(self) -> None:
            await asyncio.sleep(0.6)

    with policies(ours=Waits()):
        assert run(short) == 1


class Holds:
    """A policy that cannot leave its process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.pids: list[int] = []

    @hookimpl
    @asynccontextmanager
    async def around_execute(self) -> AsyncIterator[None]:
        with self.lock:
            self.pids.append(os.getpid())
            yield


def test_a_policy_stays_with_the_run_where_the_attempt_is_made_elsewhere() -> None:
    holds = Holds()
    with policies(ours=holds):
        assert run(far) != os.getpid()
    assert holds.pids == [os.getpid()]


def test_a_policy_that_is_asked_elsewhere_goes_there(seen: list[str]) -> None:
    assert set(Registry([], policies={"a": Around(), "b": Admits()}).__getstate__()) >= {"records"}

    class Labels:
        @hookimpl(wrapper=True)
        def config(self) -> Any:
            return {**(yield), "label": "ours"}

    registry = Registry([], settings=Settings(), policies={"a": Around(), "b": Labels()})
    assert list(registry.__getstate__()["_own_policies"]) == ["b"]


def test_one_attempt_that_is_made_for_another_run_has_no_policy_around_it(seen: list[str]) -> None:
    class Nobody:
        async def call(self, task: Any, args: Any, kwargs: Any, group: str) -> Any: ...
        def log(self, record: Any) -> None: ...
        def report(self, tab: str, fragment: str) -> None: ...
        def placed(self, place: str) -> None: ...

    with policies(ours=Around()):
        assert asyncio.run(make_attempt(Attempt.of(leaf, n=3), Nobody())) == 3
    assert seen == ["leaf"]


def test_policies_stand_around_an_attempt_outside_of_runs(seen: list[str]) -> None:
    task, registry = plain(ours=Around())
    with registry.entered():
        asyncio.run(task.forward())
    assert seen == ["around in 0", "execute", "around out"]


class Breaks:
    """A policy that fails before or after the attempt."""

    def __init__(self, when: str) -> None:
        self.when = when

    @hookimpl
    @asynccontextmanager
    async def around_execute(self) -> AsyncIterator[None]:
        if self.when == "before":
            raise ConnectionError("no way")
        try:
            yield
        except ZeroDivisionError:
            raise ConnectionError("no way") from None
        raise ConnectionError("no way")


@pytest.mark.parametrize("task", [leaf, fails])
@pytest.mark.parametrize("when", ["before", "after"])
def test_an_error_of_a_policy_names_it_and_keeps_its_type(task: Any, when: str) -> None:
    with policies(first=Around(), ours=Breaks(when)), pytest.raises(ConnectionError) as caught:
        run(task)
    assert caught.value.__notes__[0] == (
        f"in hook 'around_execute' of policy 'ours' (registered by {__name__}), for task "
        f"{task.name!r}"
    )
    assert "around_execute" not in "".join(caught.value.__notes__[1:])


def test_an_error_of_the_task_is_not_laid_at_the_door_of_a_policy() -> None:
    with policies(ours=Around()), pytest.raises(ZeroDivisionError) as caught:
        run(fails)
    assert "around_execute" not in "".join(caught.value.__notes__)


def test_a_veto_around_an_attempt_is_not_tried_again(seen: list[str]) -> None:
    class Vetoes:
        @hookimpl
        @asynccontextmanager
        async def around_execute(self) -> AsyncIterator[None]:
            SEEN.append("asked")
            raise PolicyVetoError("no")
            yield

    with policies(ours=Vetoes()), pytest.raises(PolicyVetoError):
        run(second_time_lucky)
    assert seen == ["asked"]


def test_a_timeout_is_seen_as_the_error_that_it_is() -> None:
    caught: list[BaseException] = []

    class Notifies:
        @hookimpl
        @asynccontextmanager
        async def around_execute(self) -> AsyncIterator[None]:
            try:
                yield
            except Exception as error:
                caught.append(error)
                raise

    with policies(ours=Notifies()), pytest.raises(TaskTimeoutError) as raised:
        run(too_long)
    assert caught == [raised.value]


class OneAtATime:
    """A policy: no two attempts of `holder` at once."""

    def __init__(self) -> None:
        self.free = asyncio.Semaphore(1)

    @hookimpl
    @asynccontextmanager
    async def around_execute(self, task: Any) -> AsyncIterator[None]:
        if task.name != "p.holder":
            yield
            return
        async with self.free:
            yield


@env.task
async def slow_leaf(n: int) -> int:
    await asyncio.sleep(0.01)
    return n


@env.task
async def holder(n: int) -> int:
    await asyncio.sleep(0.01)
    return await slow_leaf(n)


@env.task
async def three_holders() -> list[int]:
    return await asyncio.gather(*(holder(n) for n in range(3)))


def test_an_attempt_that_waits_in_a_policy_holds_no_place() -> None:
    with policies(one=OneAtATime()):
        assert with_runcontext(max_concurrency=1).run(three_holders) == [0, 1, 2]
