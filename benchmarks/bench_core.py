"""What the core costs: a hook call, serializing, overriding, a child task, and a whole process.

python benchmarks/bench_core.py
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pluggy

from tasksmithy import (
    NativeInterface,
    Registry,
    Resources,
    SerializationContext,
    TaskEnvironment,
    TaskTemplate,
    TaskType,
    hookimpl,
    serialize,
    with_runcontext,
)

REPETITIONS = 7
HELLO = Path(__file__).parents[1] / "examples" / "hello.py"


class Row(NamedTuple):
    """A line of the table: what was done, its median in microseconds, and its peer."""

    what: str
    microseconds: float
    beside: str = ""
    ratio: float | None = None


def each(calls: dict[str, Callable[[], object]], number: int) -> dict[str, float]:
    """Median microseconds of each call, the calls taking turns."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(REPETITIONS):
        for name, call in calls.items():
            begin = time.perf_counter()
            for _ in range(number):
                call()
            seconds[name].append((time.perf_counter() - begin) / number)
    return {name: statistics.median(times) * 1e6 for name, times in seconds.items()}


class Answering(TaskType):
    task_type = "answering"

    @hookimpl
    def custom_config(self, task: TaskTemplate[..., Any]) -> dict[str, str]:
        return {"name": task.name}


class Labelling:
    @hookimpl(wrapper=True)
    def custom_config(self) -> Any:
        answer = yield
        return {**answer, "team": "data"}


def hook_rows() -> list[Row]:
    """A hook call without and with a policy, beside the same call in bare pluggy."""
    task: TaskTemplate[..., Any] = TaskTemplate(
        name="t", task_type="answering", interface=NativeInterface()
    )
    sctx = SerializationContext()
    bare = _bare_pluggy()
    plain = Registry([], task_types=[Answering]).hooks("answering")
    policed = Registry([], task_types=[Answering], policies={"p": Labelling()}).hooks("answering")
    medians = each(
        {
            "bare": lambda: bare(task=task, sctx=sctx),
            "plain": lambda: plain.custom_config(task, sctx),
            "policed": lambda: policed.custom_config(task, sctx),
        },
        5000,
    )
    beside = "pluggy alone"
    return [
        Row("hook call in pluggy alone", medians["bare"]),
        Row("hook call", medians["plain"], beside, medians["plain"] / medians["bare"]),
        Row(
            "hook call, one policy",
            medians["policed"],
            beside,
            medians["policed"] / medians["bare"],
        ),
    ]


def _bare_pluggy() -> Callable[..., object]:
    spec, impl = pluggy.HookspecMarker("bare"), pluggy.HookimplMarker("bare")

    class Spec:
        @spec(firstresult=True)
        def custom_config(self, task: Any, sctx: Any) -> Any: ...

    class Plugin:
        @impl
        def custom_config(self, task: Any) -> dict[str, str]:
            return {"name": task.name}

    manager = pluggy.PluginManager("bare")
    manager.add_hookspecs(Spec)
    manager.register(Plugin())
    hook: Callable[..., object] = manager.hook.custom_config
    return hook


def task_rows() -> list[Row]:
    """Defining, overriding and serializing a function task."""
    env = TaskEnvironment(name="bench", resources=Resources(cpu=1, memory="1Gi"))

    async def double(n: int) -> int:
        return 2 * n

    task = env.task(double)
    sctx = SerializationContext()
    medians = each(
        {
            "define a function task": lambda: env.task(double),
            "override retries": lambda: task.override(retries=3),
            "serialize": lambda: serialize(task, sctx),
        },
        1000,
    )
    return [Row(name, median) for name, median in medians.items()]


def child_rows(children: int = 2000) -> list[Row]:
    """A child task in a local run, beside a bare asyncio task of the same function."""
    env = TaskEnvironment(name="bench")
    figures: dict[str, list[float]] = {"bare": [], "async": [], "sync": [], "hit": []}

    async def plain(n: int) -> int:
        return n

    @env.task
    async def child(n: int) -> int:
        return n

    @env.task
    def sync_child(n: int) -> int:
        return n

    @env.task(cache="auto")
    async def cached(n: int) -> int:
        return n

    async def timed(name: str, coroutines: list[Any]) -> None:
        begin = time.perf_counter()
        await asyncio.gather(*coroutines)
        figures[name].append((time.perf_counter() - begin) / len(coroutines))

    @env.task
    async def parent() -> None:
        await asyncio.gather(*(cached(n) for n in range(children)))
        for _ in range(REPETITIONS):
            await timed("bare", [plain(n) for n in range(children)])
            await timed("async", [child(n) for n in range(children)])
            begin = time.perf_counter()
            for n in range(children // 10):
                await sync_child.aio(n)
            figures["sync"].append((time.perf_counter() - begin) / (children // 10))
            begin = time.perf_counter()
            for n in range(children):
                await cached(n)
            figures["hit"].append((time.perf_counter() - begin) / children)

    with tempfile.TemporaryDirectory() as folder:
        with_runcontext(cache_dir=Path(folder)).run(parent)
    medians = {name: statistics.median(times) * 1e6 for name, times in figures.items()}
    beside = "a bare asyncio task"
    return [
        Row(f"bare asyncio task, {children} gathered", medians["bare"]),
        Row(
            f"async child, {children} gathered",
            medians["async"],
            beside,
            medians["async"] / medians["bare"],
        ),
        Row("sync child, one after another", medians["sync"]),
        Row("cache hit, one after another", medians["hit"]),
    ]


def process_rows() -> list[Row]:
    """A whole process that runs a small pipeline, beside one that does nothing."""
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "python -c 'import tasksmithy'": [sys.executable, "-c", "import tasksmithy"],
        "tasksmithy plugins list": [sys.executable, "-m", "tasksmithy", "plugins", "list"],
        "tasksmithy run examples/hello.py main --n 3": [
            *(sys.executable, "-m", "tasksmithy", "run", str(HELLO), "main", "--n", "3")
        ],
    }
    calls = {
        name: lambda command=command: subprocess.run(command, check=True, capture_output=True)
        for name, command in commands.items()
    }
    medians = each(calls, 1)
    nothing = medians["python -c pass"]
    return [
        Row(name, median, "python -c pass", median / nothing) for name, median in medians.items()
    ]


def table(rows: list[Row]) -> str:
    """The rows as text."""
    lines = [f"{'what':<48}{'median us':>12}{'ratio':>8}  beside"]
    for row in rows:
        ratio = f"{row.ratio:.2f}" if row.ratio is not None else ""
        lines.append(f"{row.what:<48}{row.microseconds:>12.1f}{ratio:>8}  {row.beside}".rstrip())
    return "\n".join(lines)


def main() -> None:
    print(f"Python {sys.version.split()[0]}; medians of {REPETITIONS} interleaved repetitions")
    print(table([*hook_rows(), *task_rows(), *child_rows(), *process_rows()]))


if __name__ == "__main__":
    main()
