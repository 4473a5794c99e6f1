"""What a newcomer gets wrong: the message says what to write instead."""

from __future__ import annotations

import asyncio
import gc
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasksmithy import TaskEnvironment, TaskTemplate, run, serialize
from tasksmithy import map as map_tasks
from tasksmithy.errors import (
    InputError,
    NotATaskError,
    OutputError,
    SourceError,
    TaskDefinitionError,
)
from tasksmithy.task._source import find_task, load_file

env = TaskEnvironment(name="e")


@env.task
async def g(n: int) -> int:
    return n


@env.task
async def map_in_a_list() -> list[int]:
    return list(map_tasks(g, [1, 2]))


@env.task
async def map_in_a_for() -> int:
    total = 0
    for each in map_tasks(g, [1, 2]):
        total += each
    return total


@env.task
async def map_awaited() -> Any:
    return await map_tasks(g, [1, 2])  # type: ignore[misc]


@pytest.mark.parametrize("task", [map_in_a_list, map_in_a_for, map_awaited])
def test_a_map_in_an_async_task_is_iterated_by_async_for(task: Any) -> None:
    with pytest.raises(InputError) as raised:
        run(task)
    assert str(raised.value).endswith("write [x async for x in map(g, ...)]")


def test_a_map_of_two_iterables_is_written_with_two() -> None:
    @env.task
    async def total() -> int:
        return sum(map_tasks(add, [1, 2], [3, 4]))

    @env.task
    async def add(a: int, b: int) -> int:
        return a + b

    with pytest.raises(InputError, match=r"write \[x async for x in map\(add, \.\.\., \.\.\.\)\]"):
        run(total)


def test_a_map_in_a_sync_task_is_iterated_as_it_is() -> None:
    @env.task
    def total() -> int:
        return sum(map_tasks(g, [1, 2]))

    assert run(total) == 3


@env.task
async def in_a_variable() -> int:
    x = g(1)
    return x + 1  # type: ignore[operator]


@env.task
async def in_an_expression() -> int:
    return g(1) + 1  # type: ignore[operator]


@env.task
async def by_attribute() -> int:
    x = g(1)
    return x.real  # type: ignore[attr-defined]


def notes_of(task: TaskTemplate[..., Any], error: type[Exception]) -> list[str]:
    """The notes on what a run of the task raises, but where it was."""
    with pytest.raises(error) as raised:
        run(task)
    notes = [note for note in raised.value.__notes__ if not note.startswith("in task")]
    del raised
    gc.collect()  # the frames of the error, and the calls in them that nobody awaits
    return notes


@pytest.mark.filterwarnings("ignore:coroutine 'e.g' was never awaited")
@pytest.mark.parametrize(
    ("task", "error", "name"),
    [
        (in_a_variable, TypeError, "e.g"),
        (in_an_expression, TypeError, "an async task"),
        (by_attribute, AttributeError, "e.g"),
    ],
)
def test_a_forgotten_await_is_named(task: Any, error: type[Exception], name: str) -> None:
    assert notes_of(task, error) == [
        f"{name} was called and not awaited: write await before the call"
    ]


def test_an_async_task_called_in_a_sync_one_is_named() -> None:
    @env.task
    def main() -> int:
        x = g(1)
        return x + 1  # type: ignore[operator]

    assert notes_of(main, TypeError) == [
        "e.main is sync, and e.g is async: write async def, and await the call"
    ]


def test_gather_in_a_sync_task_is_told_that_there_is_no_loop() -> None:
    @env.task
    def main() -> Any:
        return asyncio.gather(g(1), g(2))

    assert notes_of(main, RuntimeError) == ["e.main is sync and has no event loop: write async def"]


def test_another_error_has_no_advice() -> None:
    @env.task
    async def main() -> None:
        raise TypeError("too short")

    assert notes_of(main, TypeError) == []


def test_pythons_warning_of_a_call_that_nobody_awaits_names_the_task() -> None:
    @env.task
    async def main() -> None:
        g(1)

    with pytest.warns(RuntimeWarning, match=r"coroutine 'e\.g' was never awaited"):
        run(main)


def test_a_call_given_as_an_input_is_to_be_awaited() -> None:
    @env.task
    async def main() -> int:
        return await g(g(1))  # type: ignore[arg-type]

    with pytest.raises(InputError) as raised:
        run(main)
    assert str(raised.value).endswith("; write await before the call that gives it")


def test_a_call_given_as_the_result_is_to_be_awaited() -> None:
    @env.task
    async def main() -> int:
        return g(1)  # type: ignore[return-value]

    with pytest.raises(OutputError) as raised:
        run(main)
    assert str(raised.value).endswith("; write await before the call that gives it")


@pytest.mark.parametrize("use", [run, serialize, lambda given: map_tasks(given, [1])])
def test_a_call_in_the_place_of_a_task_is_told(use: Callable[[Any], Any]) -> None:
    with pytest.raises(NotATaskError, match=r"write run\(task, n=1\), not run\(task\(n=1\)\)$"):
        use(g(1))


def test_the_result_of_a_sync_task_in_its_place_is_told() -> None:
    @env.task
    def double(n: int) -> int:
        return 2 * n

    with pytest.raises(NotATaskError, match=r"^4 is no task; write run\(task, n=1\), not"):
        run(double(2))  # type: ignore[call-overload]


def test_a_function_in_the_place_of_a_task_is_told_how_to_become_one() -> None:
    def plain() -> None: ...

    with pytest.raises(NotATaskError, match=r"is no task; a function becomes one by @env\.task$"):
        run(plain)  # type: ignore[call-overload]


def test_a_wrong_result_is_told_in_the_words_of_the_function() -> None:
    @env.task
    async def main() -> int:
        return "x"  # type: ignore[return-value]

    line = inspect.unwrap(main.func).__code__.co_firstlineno
    with pytest.raises(OutputError) as raised:
        run(main)
    assert str(raised.value) == (
        f"task 'e.main': it says -> int ({__file__}, line {line}), and returned 'x' of type str"
    )


def test_an_environment_is_no_decorator() -> None:
    with pytest.raises(TaskDefinitionError, match=r"task 'e\.main': .* write @env\.task"):

        @env  # type: ignore[operator]
        async def main() -> None: ...


def test_a_method_cannot_be_a_task() -> None:
    with pytest.raises(TaskDefinitionError, match="a function outside of class Flow: a task is"):

        class Flow:
            @env.task
            async def main(self) -> None: ...


def test_a_static_method_can_be_a_task() -> None:
    class Flow:
        @staticmethod
        @env.task
        async def main(n: int) -> int:
            return n

    assert run(Flow.main, n=2) == 2


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("async def main(): ...\n", "; the function at line 3 becomes one by @env.task above it"),
        (
            "def made():\n    @env.task\n    async def main(): ...\nmade()\n",
            ", as no variable of it is called main; did you mean e.main?",
        ),
        ("", ""),
    ],
)
def test_a_name_that_is_no_tasks_is_told_why(tmp_path: Path, code: str, told: str) -> None:
    file = tmp_path / f"flow_{len(code)}.py"
    file.write_text(
        "from tasksmithy import TaskEnvironment\nenv = TaskEnvironment(name='e')\n"
        f"{code}@env.task\nasync def other(): ...\n"
    )
    with pytest.raises(SourceError) as raised:
        find_task(load_file(file), "main")
    assert str(raised.value).startswith(f"{file} has no task 'main'{told} (tasks: ")


UNTYPED = """
from tasksmithy import TaskEnvironment
env = TaskEnvironment(name="e")
@env.task
async def main(n) -> str:
    return n
"""


@pytest.mark.parametrize(
    ("text", "warned"),
    [
        ("2", "WARNING tasksmithy.run: task 'e.main': input 'n' has no type, so '2' stays text;"),
        ("[1]", "input 'n' has no type, so '[1]' stays text; declare one, as n: int"),
        ("word", ""),
        ('"quoted"', ""),
    ],
)
def test_an_input_without_a_type_stays_text(
    tasksmithy: Any, tmp_path: Path, text: str, warned: str
) -> None:
    (tmp_path / "flow.py").write_text(UNTYPED)
    done = tasksmithy("run", "flow.py", "--n", text)
    assert done.out == f"{text}\n"
    assert warned in done.err
    assert ("has no type" in done.err) == bool(warned)
