"""What a type checker sees of tasks. Never run; `test_typing.py` has mypy read it.

A comment `# R: type` says what `reveal_type` shows on its line, `# E: code` which error is there.
A line without such a comment has neither.
"""

from collections.abc import Callable
from typing import Any, reveal_type

from tasksmithy import (
    Converted,
    NativeInterface,
    Resources,
    TaskEnvironment,
    TaskTemplate,
    TaskType,
    arun,
    hookimpl,
    map,
    run,
    serialize,
    task_field,
    with_runcontext,
)
from tasksmithy.extend import AsyncFunctionTaskTemplate, TaskPluginRegistry
from tasksmithy_sql import SQLTask

env = TaskEnvironment(name="typed")


@env.task
async def greet(number: int, greeting: str = "hello") -> str:
    return f"{greeting} {number}"


@env.task(retries=2, resources=Resources(cpu=1))
def half(number: int) -> float:
    return number / 2


@env.task()
def nothing() -> None: ...


@env.task
def total(first: int, second: int, third: int) -> int:
    return first + second + third


# The decorator keeps the signature.

half(3)
half("3")  # E: arg-type
half()  # E: call-arg
half(3, 4)  # E: call-arg
half(numbre=3)  # E: call-arg
nothing(1)  # E: call-arg
greet.forward("3")  # E: arg-type
half.aio("3")  # E: arg-type
run(half, "3")  # E: call-overload
run(greet, number=1, greting="hi")  # E: call-overload


@env.task(retires=2)  # E: call-overload
def misspelt() -> None: ...


@env.task(retries="two")  # E: call-overload
def mistaken() -> None: ...


# A sync task is called without await, an async one with it.

reveal_type(half(3))  # R: float
reveal_type(half.forward(3))  # R: float
reveal_type(run(half, 3))  # R: float
reveal_type(run(greet, 3))  # R: str
reveal_type(run(greet, number=3, greeting="hi"))  # R: str


async def calls() -> None:
    reveal_type(await greet(3))  # R: str
    reveal_type(await greet.forward(3))  # R: str
    reveal_type(await greet.aio(3))  # R: str
    reveal_type(await half.aio(3))  # R: float
    reveal_type(await arun(half, 3))  # R: float
    reveal_type(await arun(greet, 3))  # R: str
    await half(3)  # E: misc
    await greet("3")  # E: arg-type
    await arun(greet, "3")  # E: call-overload
    text: int = await greet(3)  # E: assignment
    half(len(str(text)))


# Runs with options, and over many inputs.

runner = with_runcontext(max_concurrency=2)
with_runcontext(max_concurency=2)  # E: call-arg
with_runcontext(record="yes")  # E: arg-type
reveal_type(runner.run(half, 3))  # R: float
reveal_type(runner.run(greet, 3))  # R: str
reveal_type(list(map(half, [1, 2])))  # R: list[float]
reveal_type(list(map(half, [1], return_exceptions=True)))  # R: list[float | Exception]
reveal_type(list(map(greet, [1])))  # R: list[str]
reveal_type(list(map(greet, [1], ["hello"])))  # R: list[str]
reveal_type(list(map(total, [1], [2], [3])))  # R: list[int]
map(half, ["3"])  # E: misc
map(half, [1], [2])  # E: arg-type
map(greet, [1], [2])  # E: misc
map(half, 3)  # E: call-overload
map(half, [1], numbre=[2])  # E: call-overload


async def runs() -> None:
    reveal_type(await runner.arun(half, 3))  # R: float
    reveal_type(await runner.arun(greet, 3))  # R: str
    reveal_type([text async for text in map(greet, [1, 2])])  # R: list[str]


# override keeps it too.

reveal_type(half.override(retries=3)(3))  # R: float
reveal_type(run(greet.override(retries=3), 3))  # R: str
half.override(retries=3)("3")  # E: arg-type
half.override(retries="three")  # E: arg-type
half.override(env_vars={"A": 1})  # E: dict-item


# A field is read as what is stored, whatever form it was given in.

reveal_type(half.retries)  # R: tasksmithy.fields._retry.RetryStrategy
reveal_type(half.timeout.runtime_seconds)  # R: float | None
reveal_type(half.cache.enabled)  # R: bool


class Command(TaskTemplate[..., Any], task_type="command"):
    words: Converted[str | list[str], tuple[str, ...]] = task_field(doc="the words")
    times: int = task_field(default=1)


command = Command(name="c", interface=NativeInterface(), words="ls -l")
reveal_type(command.words)  # R: tuple[str, ...]
reveal_type(command.times)  # R: int
Command(name="c", interface=NativeInterface(), words=5)  # E: arg-type
Command(name="c", interface=NativeInterface())  # E: call-arg
command.words = ("ls",)  # E: misc


# An environment takes what it shares.

TaskEnvironment(name="e", queue=5)  # E: arg-type
TaskEnvironment(name="e", retries=2)  # E: call-arg


# Fields are seen, also those of a task type.

query = SQLTask(name="q", query="select 1")
quary = query.quary  # E: attr-defined
reveal_type(query.name)  # R: str
reveal_type(query.debuggable)  # R: bool
SQLTask(name="q", query=5)  # E: arg-type
SQLTask(name="q", quary="select 1")  # E: call-arg
SQLTask(query="select 1")  # E: call-arg
SQLTask(name="q", query="select 1", retries="two")  # E: arg-type
SQLTask("q", "select 1")  # E: call-arg
query.query = "select 2"  # E: misc


class ShellTask(TaskTemplate[..., Any], task_type="shell"):
    script: str
    strict: bool = True


shell = ShellTask(name="s", interface=NativeInterface(), script="ls")
reveal_type(shell.script)  # R: str
reveal_type(shell.strict)  # R: bool
ShellTask(name="s", interface=NativeInterface(), script=5)  # E: arg-type
ShellTask(name="s", interface=NativeInterface())  # E: call-arg
ShellTask(name="s", script="ls")  # E: call-arg
ShellTask(name="s", interface=NativeInterface(), script="ls", shell="sh")  # E: call-arg
shell.strict = False  # E: misc
reveal_type(shell.override(strict=False).script)  # R: str


class NamedTask(ShellTask, task_type="named"):
    label: str = ""


named = NamedTask(name="s", interface=NativeInterface(), script="ls", label="a")
reveal_type(named.label)  # R: str


class ShellTaskType(TaskType):
    template = ShellTask

    @hookimpl
    async def execute(self, task: ShellTask) -> str:
        return task.script

    @hookimpl
    def sql(self, task: ShellTask) -> str:
        return task.scirpt  # E: attr-defined


# The rest of the public names.


def double(number: int) -> int:
    return 2 * number


func: Callable[[int], int] = double
task = AsyncFunctionTaskTemplate(name="t", interface=NativeInterface(), func=func)
reveal_type(task(3))  # R: int
reveal_type(serialize(task).name)  # R: str
AsyncFunctionTaskTemplate(name="t", interface=NativeInterface(), func=5)  # E: arg-type
TaskPluginRegistry.register(int, ShellTask)
TaskPluginRegistry.register(int, int)  # E: arg-type
