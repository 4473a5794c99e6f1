"""A local run: results, children, retries, the errors that a caller sees."""

from __future__ import annotations

import asyncio
import logging
import threading
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytest

from tasksmithy import (
    Backoff,
    InputError,
    MissingDependencyError,
    NativeInterface,
    NonRecoverableError,
    NotExecutableError,
    OutputError,
    PolicyVetoError,
    Registry,
    RetryStrategy,
    TaskEnvironment,
    TaskTemplate,
    TaskType,
    UnknownTaskTypeError,
    arun,
    current,
    hookimpl,
    in_thread,
    init,
    is_initialized,
    run,
    with_runcontext,
)
from tasksmithy._registry_in_use import registry_in_use
from tasksmithy.errors import TaskRecursionError
from tasksmithy.extend import AsyncFunctionTaskTemplate, TaskPluginRegistry

env = TaskEnvironment(name="t")


class FlakyError(Exception):
    """Raised by the tasks of these tests."""


@env.task
async def double(n: int) -> int:
    return 2 * n


@env.task
def half(n: int) -> float:
    return n / 2


def test_run_returns_the_result_of_an_async_task() -> None:
    assert run(double, 4) == 8


def test_run_returns_the_result_of_a_sync_task() -> None:
    assert run(half, n=4) == 2.0


def test_arun_returns_the_result_once_awaited() -> None:
    async def main() -> int:
        return await arun(double, n=4)

    assert asyncio.run(main()) == 8


def test_run_works_where_an_event_loop_turns_already_as_in_a_notebook() -> None:
    async def cell() -> int:
        return run(double, n=4)

    assert asyncio.run(cell()) == 8


def test_a_sync_task_runs_in_a_thread_of_its_own() -> None:
    @env.task
    def thread() -> str:
        return threading.current_thread().name

    assert run(thread) != threading.current_thread().name


def test_children_that_a_parent_gathers_run_side_by_side() -> None:
    together = asyncio.Barrier(3)

    @env.task
    async def child() -> bool:
        # Only children that run at once all come to the barrier.
        await asyncio.wait_for(together.wait(), timeout=20)
        return True

    @env.task
    async def parent() -> list[bool]:
        return await asyncio.gather(child(), child(), child())

    assert run(parent) == [True, True, True]


def test_sync_children_that_a_parent_gathers_run_side_by_side() -> None:
    together = threading.Barrier(3)

    @env.task
    def child() -> bool:
        together.wait(timeout=20)
        return True

    @env.task
    async def parent() -> list[bool]:
        return await asyncio.gather(child.aio(), child.aio(), child.aio())

    assert run(parent) == [True, True, True]


def test_a_sync_task_calls_a_sync_task_and_gets_its_result() -> None:
    @env.task
    def parent(n: int) -> float:
        return half(n) + half(n + 2)

    assert run(parent, n=2) == 3.0


def test_a_sync_task_may_run_an_async_one_and_wait_for_it() -> None:
    @env.task
    def parent(n: int) -> int:
        return run(double, n)

    assert run(parent, n=2) == 4


def test_an_async_task_may_call_a_sync_one_without_await() -> None:
    @env.task
    async def parent(n: int) -> float:
        return half(n)

    assert run(parent, n=2) == 1.0


def test_sync_tasks_that_call_each_other_200_deep_do_not_starve() -> None:
    @env.task
    def down(n: int) -> int:
        return 0 if n == 0 else 1 + down(n - 1)

    assert run(down, n=200) == 200


def test_async_tasks_that_await_each_other_1000_deep_have_room_on_the_stack() -> None:
    @env.task
    async def down(n: int) -> int:
        return 0 if n == 0 else 1 + await down(n - 1)

    assert run(down, n=1000) == 1000


@env.task(retries=2)
async def endless(n: int) -> int:
    return await endless(n + 1)


@env.task
async def even(n: int) -> bool:
    return await odd(n + 1)


@env.task
async def odd(n: int) -> bool:
    return await even(n + 1)


@pytest.mark.parametrize("task", [endless, even])
def test_tasks_that_call_each_other_without_end_are_an_error(task: Any) -> None:
    with pytest.raises(RecursionError, match="2,000 tasks that wait for each other") as raised:
        run(task, n=0)
    assert isinstance(raised.value, TaskRecursionError)


def test_sync_and_async_tasks_that_call_each_other_in_turn_do_not_deadlock() -> None:
    @env.task
    def blocking(n: int) -> int:
        return 0 if n == 0 else 1 + run(turning, n - 1)

    @env.task
    async def turning(n: int) -> int:
        return 0 if n == 0 else 1 + blocking(n - 1)

    assert run(blocking, n=20) == 20


def test_a_child_belongs_to_the_run_of_its_parent() -> None:
    @env.task
    async def run_id() -> str:
        return current().run_id

    @env.task
    async def parent() -> tuple[str, str]:
        return current().run_id, await run_id()

    mine, childs = run(parent)
    assert mine == childs != ""


def test_two_runs_have_different_ids() -> None:
    @env.task
    async def run_id() -> str:
        return current().run_id

    assert run(run_id) != run(run_id)


def test_the_context_names_the_task_and_its_attempt() -> None:
    @env.task
    async def where() -> tuple[str, int]:
        return current().task, current().attempt

    assert run(where) == ("t.where", 1)


def test_the_context_is_falsy_outside_a_run() -> None:
    assert not current()


def test_the_context_reaches_a_sync_task() -> None:
    @env.task
    def where() -> str:
        return current().task

    assert run(where) == "t.where"


def failing(times: int, error: type[Exception] = FlakyError) -> Any:
    """A function that fails as often as said, and then returns the number of its calls."""
    calls: list[int] = []

    async def flaky() -> int:
        calls.append(1)
        if len(calls) <= times:
            raise error(f"call {len(calls)}")
        return len(calls)

    return flaky


def test_a_failed_attempt_is_followed_by_as_many_retries_as_declared() -> None:
    assert run(env.task(retries=2)(failing(times=2))) == 3


def test_the_last_error_is_raised_when_the_retries_are_used_up() -> None:
    with pytest.raises(FlakyError, match="call 3"):
        run(env.task(retries=2)(failing(times=5)))


def test_without_retries_there_is_one_attempt() -> None:
    with pytest.raises(FlakyError, match="call 1"):
        run(env.task(failing(times=1)))


def test_an_override_of_the_retries_counts() -> None:
    assert run(env.task(failing(times=1)).override(retries=1)) == 2


def test_a_non_recoverable_error_ends_the_retries() -> None:
    with pytest.raises(NonRecoverableError, match="call 1"):
        run(env.task(retries=5)(failing(times=5, error=NonRecoverableError)))


@pytest.mark.parametrize(
    "error",
    [
        PolicyVetoError("not here"),
        NotExecutableError("not here"),
        MissingDependencyError("this", "that", "pip install that"),
    ],
)
def test_what_no_retry_can_help_against_is_not_retried(error: Exception) -> None:
    attempts: list[int] = []

    @env.task(retries=5)
    async def refused() -> None:
        attempts.append(current().attempt)
        raise error

    with pytest.raises(type(error)):
        run(refused)
    assert attempts == [1]


def test_each_attempt_has_its_number_in_the_context() -> None:
    attempts: list[int] = []

    @env.task(retries=2)
    async def flaky() -> None:
        attempts.append(current().attempt)
        raise FlakyError

    with pytest.raises(FlakyError):
        run(flaky)
    assert attempts == [1, 2, 3]


def test_the_loop_is_free_while_a_retry_waits_for_its_backoff() -> None:
    order: list[str] = []

    @env.task
    async def beside() -> None:
        order.append("beside")

    @env.task(retries=RetryStrategy(count=1, backoff=Backoff(base=0.2)))
    async def flaky() -> None:
        order.append(f"attempt {current().attempt}")
        if current().attempt == 1:
            raise FlakyError

    @env.task
    async def parent() -> None:
        waiting = asyncio.create_task(flaky())
        await asyncio.sleep(0)
        while order != ["attempt 1"]:
            await asyncio.sleep(0)
        await beside()
        await waiting

    run(parent)
    assert order == ["attempt 1", "beside", "attempt 2"]


def test_a_failed_attempt_that_is_retried_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="tasksmithy"):
        run(env.task(retries=1)(failing(times=1)))
    [record] = caplog.records
    assert record.name == "tasksmithy.task.t.flaky"
    assert record.getMessage() == "attempt 1 of 2 failed: FlakyError: call 1"


def test_a_parent_catches_the_error_of_its_child_as_the_type_it_was_raised_as() -> None:
    @env.task
    async def child() -> None:
        raise FlakyError("no")

    @env.task
    async def parent() -> str:
        try:
            await child()
        except FlakyError as error:
            return f"caught {error}"
        return "nothing"

    assert run(parent) == "caught no"


def test_a_sync_parent_catches_the_error_of_its_child() -> None:
    @env.task
    def child() -> None:
        raise FlakyError("no")

    @env.task
    def parent() -> str:
        try:
            child()
        except FlakyError as error:
            return f"caught {error}"
        return "nothing"

    assert run(parent) == "caught no"


def test_an_error_carries_a_note_with_the_task_the_attempt_and_the_run() -> None:
    @env.task(retries=1)
    async def broken() -> None:
        raise FlakyError(current().run_id)

    with pytest.raises(FlakyError) as raised:
        run(broken)
    assert raised.value.__notes__ == [f"in task 't.broken', attempt 2 of 2, run {raised.value}"]


def test_a_parent_catches_an_error_that_has_no_text(tmp_path: Path) -> None:
    class SilentError(Exception):
        def __repr__(self) -> str:
            raise RuntimeError("this one has no text")

    @env.task(retries=1)
    async def fails() -> None:
        raise SilentError

    @env.task
    async def parent() -> str:
        try:
            await fails()
        except SilentError:
            return "caught"
        return "missed"

    assert run(parent) == "caught"
    assert with_runcontext(record=True, runs_dir=tmp_path).run(parent) == "caught"


def test_the_traceback_of_an_error_shows_the_line_that_raised_it() -> None:
    @env.task
    def broken() -> None:
        raise FlakyError("here")

    with pytest.raises(FlakyError) as raised:
        run(broken)
    assert 'raise FlakyError("here")' in "".join(traceback.format_exception(raised.value))


def test_a_failing_child_leaves_its_siblings_alone_if_the_parent_catches_the_error() -> None:
    @env.task
    async def child(n: int) -> int:
        if n == 1:
            raise FlakyError
        await asyncio.sleep(0.01)
        return n

    @env.task
    async def parent() -> list[Any]:
        return await asyncio.gather(*(child(n) for n in range(3)), return_exceptions=True)

    first, second, third = run(parent)
    assert (first, third) == (0, 2)
    assert isinstance(second, FlakyError)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "task 't.double': input 'n' is missing (inputs: n: int)"),
        ({"n": 1, "m": 2}, "task 't.double': there is no input 'm' (inputs: n: int)"),
        ({"n": "1"}, "task 't.double': input 'n' is int, and '1' of type str was given"),
        ({"n": True}, "task 't.double': input 'n' is int, and True of type bool was given"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(inputs: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as raised:
        run(double, **inputs)
    assert str(raised.value).startswith(message)


def test_the_default_of_an_input_may_be_other_than_its_type_says() -> None:
    @env.task
    async def limited(limit: int = None) -> str:  # type: ignore[assignment]  # noqa: RUF013
        return f"up to {limit}"

    assert run(limited) == "up to None"
    with pytest.raises(InputError):
        run(limited, limit="5")  # type: ignore[arg-type]


def test_inputs_of_a_child_are_checked_too() -> None:
    @env.task
    async def parent() -> None:
        await double("2")  # type: ignore[arg-type]

    with pytest.raises(InputError, match=r"'t.double'"):
        run(parent)


@env.task
async def answer_to(question: str) -> int:
    answers: dict[str, Any] = {"right": 42, "text": "42", "truth": True, "nothing": None}
    return answers[question]  # type: ignore[no-any-return]


def test_a_result_that_fits_its_declared_type_is_returned() -> None:
    assert run(answer_to, question="right") == 42


@pytest.mark.parametrize(
    ("question", "given"),
    [("text", "'42' of type str"), ("truth", "True of type bool"), ("nothing", "None of type")],
)
def test_a_result_that_does_not_fit_its_declared_type_is_an_error(
    question: str, given: str
) -> None:
    with pytest.raises(OutputError) as raised:
        run(answer_to, question=question)
    assert str(raised.value).startswith("task 't.answer_to': it says -> int (")
    assert f", and returned {given}" in str(raised.value)


def test_results_of_several_outputs_are_checked_one_by_one() -> None:
    @env.task
    async def pair(second: Any) -> tuple[int, str]:
        return 1, second

    assert run(pair, second="b") == (1, "b")
    with pytest.raises(OutputError, match="output 'o1' is str, and the result was 2"):
        run(pair, second=2)


def test_a_result_that_is_no_tuple_where_several_outputs_are_declared_is_an_error() -> None:
    @env.task
    async def pair() -> tuple[int, str]:
        return 1  # type: ignore[return-value]

    with pytest.raises(OutputError, match=r"2 outputs \(o0, o1\), and the result was 1; return a"):
        run(pair)


def test_what_has_no_declared_output_may_return_anything() -> None:
    @env.task
    async def undeclared():  # type: ignore[no-untyped-def]
        return object

    assert run(undeclared) is object


@dataclass
class Unfinished:
    """A dataclass that names a type which is not there, as one for type checkers only is not."""

    later: Undefined  # type: ignore[name-defined]  # noqa: F821


def test_a_result_is_not_lost_for_a_type_that_cannot_be_checked() -> None:
    @env.task
    async def unfinished() -> list[Unfinished]:
        return [Unfinished(1)]

    assert run(unfinished)[0].later == 1


def test_a_result_of_the_wrong_type_is_not_computed_again() -> None:
    attempts = 0

    @env.task(retries=3)
    async def wrong() -> int:
        nonlocal attempts
        attempts += 1
        return "1"  # type: ignore[return-value]

    with pytest.raises(OutputError):
        run(wrong)
    assert attempts == 1


def test_an_input_is_handed_over_as_the_object_it_is() -> None:
    given = [1, 2]

    @env.task
    async def same(values: list[int]) -> bool:
        return values is given

    assert run(same, values=given)


def test_a_reference_to_a_task_elsewhere_is_not_run() -> None:
    with pytest.raises(NotExecutableError, match=r"'t.double' is a reference"):
        run(double.override(ref=True))


def test_a_task_type_without_local_execution_says_so() -> None:
    class Remote(TaskType):
        task_type = "remote"

    task: TaskTemplate[..., Any] = TaskTemplate(
        name="far", task_type="remote", interface=NativeInterface()
    )
    with (
        Registry([], task_types=[Remote]).entered(),
        pytest.raises(NotExecutableError, match=r"task 'far' cannot run here: task type 'remote'"),
    ):
        run(task)


def test_a_task_type_of_ones_own_runs_and_has_children() -> None:
    class Twice(TaskType):
        task_type = "twice"

        @hookimpl
        async def execute(self, inputs: Any) -> Any:
            return await double(inputs["n"]) + await in_thread(lambda: 1)

    task: TaskTemplate[..., Any] = TaskTemplate(
        name="t", task_type="twice", interface=NativeInterface.from_types({"n": int})
    )
    registry = Registry(task_types=[Twice])
    with registry.entered():
        assert run(task, n=3) == 7


@pytest.fixture
def fresh_process_registry() -> Iterator[None]:
    before = registry_in_use._process, registry_in_use._begun
    registry_in_use._process, registry_in_use._begun = None, False
    yield
    registry_in_use._process, registry_in_use._begun = before


@pytest.mark.usefixtures("fresh_process_registry")
def test_a_process_is_initialized_by_init() -> None:
    assert not is_initialized()
    init()
    assert is_initialized()


@pytest.mark.usefixtures("fresh_process_registry")
def test_a_process_is_initialized_by_its_first_run() -> None:
    assert not is_initialized()
    run(double, n=1)
    assert is_initialized()


@pytest.mark.usefixtures("fresh_process_registry")
def test_init_takes_a_registry_of_ones_own() -> None:
    registry = Registry([])
    init(registry=registry)
    assert registry_in_use.get() is registry


@pytest.mark.usefixtures("fresh_process_registry")
def test_a_process_is_not_initialized_by_the_definition_of_a_task() -> None:
    TaskEnvironment(name="e").task(half.func)
    assert not is_initialized()


@pytest.mark.usefixtures("fresh_process_registry")
def test_init_keeps_what_was_registered_in_code() -> None:
    class Config:
        pass

    class Configured(AsyncFunctionTaskTemplate[..., Any], task_type="configured"):
        pass

    TaskPluginRegistry.register(Config, Configured)
    before = TaskEnvironment(name="e", plugin_config=Config()).task(half.func)
    init()
    assert TaskPluginRegistry.find(Config) is Configured
    assert TaskPluginRegistry.list_plugins() == [Config]
    assert run(before, n=1) == 0.5
    after = TaskEnvironment(name="e", plugin_config=Config()).task(half.func)
    assert type(after) is Configured


@pytest.mark.usefixtures("fresh_process_registry")
def test_init_inside_another_registry_takes_nothing_of_that() -> None:
    class Other(TaskTemplate, task_type="other"):
        pass

    with Registry(task_types=[Other]).entered():
        init()
    with pytest.raises(UnknownTaskTypeError):
        registry_in_use.get().task_type("other")


# A NamedTuple as a result, and inputs by name alone


class Count(NamedTuple):
    """The result of a task that counts."""

    total: int
    label: str


class Single(NamedTuple):
    """One output with a name."""

    total: int


def test_the_members_of_a_named_tuple_are_checked() -> None:
    @env.task
    async def wrong() -> Count:
        return Count("not an int", "b")  # type: ignore[arg-type]

    with pytest.raises(OutputError, match=r"output 'total' is int.*'not an int' of type str"):
        run(wrong)


def test_a_named_tuple_is_the_result_of_the_task_as_it_is() -> None:
    @env.task
    async def right() -> Count:
        return Count(1, "a")

    @env.task
    async def single() -> Single:
        return Single(3)

    assert type(run(right)) is Count
    assert run(right) == Count(1, "a")
    assert run(single) == Single(3)


@pytest.mark.parametrize("result", [(1, "a"), Single(1), None, 5])
def test_another_result_than_the_named_tuple_is_refused(result: Any) -> None:
    @env.task
    async def other() -> Count:
        return cast("Count", result)

    with pytest.raises(OutputError, match=r"it declares Count\(total, label\).*return a Count"):
        run(other)


def test_a_named_tuple_comes_back_from_the_cache_as_it_was(tmp_path: Path) -> None:
    @env.task(cache="auto")
    async def kept(n: int) -> Count:
        return Count(n, "a")

    with_cache = with_runcontext(cache_dir=tmp_path)
    assert [with_cache.run(kept, 1), with_cache.run(kept, 1)] == [Count(1, "a")] * 2
    assert type(with_cache.run(kept, 1)) is Count


@pytest.mark.parametrize("value", [Count("1", "a"), Count(1, None)])  # type: ignore[arg-type]
@pytest.mark.parametrize("kind", [Count, list[Count], Count | None, dict[str, Count]])
def test_the_members_of_a_named_tuple_in_an_input_are_checked(kind: Any, value: Count) -> None:
    async def takes(value: Any) -> None: ...

    takes.__annotations__["value"] = kind
    given = {"list": [value], "dict": {"k": value}}.get(getattr(kind, "__name__", ""), value)
    with pytest.raises(InputError, match=r"total|label"):
        run(env.task(takes), given)


def test_a_parameter_that_is_keyword_only_is_given_by_name_in_a_run_too() -> None:
    @env.task
    def gen(a: int, *, b: int = 2) -> int:
        return a + b

    @env.task
    def parent() -> int:
        return gen(1, 3)  # type: ignore[call-arg]

    assert run(gen, 1, b=3) == 4
    for call in (lambda: run(gen, 1, 3), lambda: run(parent)):
        with pytest.raises(
            InputError, match=r"2 positional inputs given, 1 allowed .*a: int, \*, b"
        ):
            call()


def test_an_input_may_be_called_self() -> None:
    @env.task
    async def child(self: int) -> int:
        return self

    @env.task
    async def parent() -> int:
        return await child(self=1) + await child.aio(self=2)

    assert run(parent) == 3


# Threads that know of no run


@env.task(retries=3)
def flaky_in_a_pool(tries: list[int]) -> str:
    tries.append(1)
    if len(tries) < 3:
        raise ConnectionError("again")
    return "ok"


@env.task
def in_a_pool(carries: bool) -> str:
    with ThreadPoolExecutor(1) as pool:
        tries: list[int] = []
        if carries:
            return pool.submit(copy_context().run, flaky_in_a_pool, tries).result()
        return pool.submit(flaky_in_a_pool, tries).result()


def test_a_call_from_a_thread_that_has_no_run_is_warned_of_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    for _ in range(2):
        with pytest.raises(ConnectionError):
            run(in_a_pool, carries=False)
    [told] = [each for each in caplog.messages if "knows of no run" in each]
    assert "'t.flaky_in_a_pool' is called in a thread" in told
    assert "copy_context" in told


def test_a_thread_that_is_given_the_context_calls_children(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert run(in_a_pool, carries=True) == "ok"
    assert "knows of no run" not in caplog.text


def test_a_function_in_a_thread_that_raises_generator_exit_is_an_error_that_says_so() -> None:
    @env.task
    def ends() -> None:
        raise GeneratorExit

    with pytest.raises(RuntimeError, match="a function in a thread raised GeneratorExit"):
        run(ends)


def test_another_event_loop_than_that_of_asyncio_is_told() -> None:
    with pytest.raises(NotExecutableError, match=r"'t\.double' needs an event loop of asyncio"):
        arun(double, n=1).send(None)
