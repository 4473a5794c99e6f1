"""A limit that an organisation's policy sets holds over all that runs, containers too."""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from tasksmithy import Cache, PolicyVetoError, Registry, Settings, TaskEnvironment, with_runcontext
from tasksmithy_container import ContainerTask

PAGE = Path(__file__).parents[3] / "docs" / "write-a-policy.md"
LOG = "LOG_OF_WORK"
TICK = "cut -d' ' -f1 /proc/uptime > /var/outputs/{}; "
TIME = 10  # seconds: the max_runtime of what takes a fiftieth of one

etl = TaskEnvironment(name="etl", env_vars={})
nightly = TaskEnvironment(name="nightly")


def now() -> float:
    """Seconds since this machine started, as exact as a container sees them."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 10_000_000 / 100


@contextmanager
def worked(kind: str) -> Iterator[None]:
    """Notes, for whoever looks at it from outside, from when to when the body has run."""
    start = now()
    yield
    with open(os.environ[LOG], "a") as log:  # noqa: PTH123 - a line is written at once
        log.write(f"{kind} {start} {now()}\n")


@etl.task(timeout=TIME)
async def in_the_loop(n: int) -> int:
    with worked("loop"):
        await asyncio.sleep(0.02)
    return n


@etl.task
def in_a_thread(n: int) -> int:
    with worked("thread"):
        time.sleep(0.02)
    return n


@etl.task(timeout=120)  # a sync function with a timeout has a process of its own
def in_a_process(n: int) -> int:
    with worked("process"):
        time.sleep(0.02)
    return n


@etl.task(cache=Cache(version_override="1"))
async def kept(n: int) -> int:
    with worked("kept"):
        return n


@etl.task(cache=Cache(version_override="1"))
async def frozen(n: int) -> int:
    with worked("frozen"):
        return n


def calls(image: str) -> list[tuple[Any, int]]:
    """2,000 calls: 1 in 10 is refused, 1 in 10 has a kept result, 1 in 20 is a container's."""
    in_a_container = ContainerTask(
        name="etl.in_a_container",
        image=image,
        command=["sh", "-c", TICK.format("start") + "sleep 0.02; " + TICK.format("end")],
        inputs={"n": int},
        outputs={"start": float, "end": float},
        timeout=120,
    )
    shares = {frozen: 200, kept: 200, in_a_container: 100, in_a_process: 100}
    shares |= {in_a_thread: 600, in_the_loop: 800}
    found = [(task, n) for task, share in shares.items() for n in range(share)]
    random.Random(1).shuffle(found)
    return found


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The class of the policy, as the page about policies has it."""
    blocks = [token.content for token in MarkdownIt().parse(PAGE.read_text()) if token.content]
    [code] = [block for block in blocks if block.startswith("# warehouse.py\n")]
    assert len(code.splitlines()) <= 30
    (tmp_path / "warehouse.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    yield import_module("warehouse").Warehouse
    del sys.modules["warehouse"]


@pytest.mark.slow
def test_a_limit_and_a_veto_hold_over_functions_threads_processes_containers_and_kept_results(
    policy: Any, image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log"
    monkeypatch.setenv(LOG, str(log))
    runner = with_runcontext(cache_dir=tmp_path / "cache")
    made = calls(image)

    @nightly.task
    async def main(to_keep: bool) -> list[Any]:
        chosen = [(t, n) for t, n in made if (t in (kept, frozen) or not to_keep)]
        return await asyncio.gather(*(t.aio(n=n) for t, n in chosen), return_exceptions=True)

    with Registry(settings=Settings()).entered():
        assert not any(isinstance(each, Exception) for each in runner.run(main, to_keep=True))
    log.unlink()
    start = now()
    with Registry(settings=Settings(), policies={"dwh": policy({"etl.frozen"})}).entered():
        results = runner.run(main, to_keep=False)

    work = [
        (kind, float(a), float(b)) for kind, a, b in map(str.split, log.read_text().splitlines())
    ]
    for (task, n), result in zip(made, results, strict=True):
        if task is frozen:
            assert isinstance(result, PolicyVetoError)
        elif isinstance(result, tuple):
            work.append(("container", *result))
        else:
            assert result == n
    assert counts(work) == {"loop": 800, "thread": 600, "process": 100, "container": 100}
    assert most_at_once(work) == 2
    last = max(end for kind, _, end in work if kind == "loop")
    assert last - start > 2 * TIME  # so that what waited longest would have been out of time


def counts(work: list[tuple[str, float, float]]) -> Mapping[str, int]:
    """How often each kind has worked."""
    return {kind: sum(each == kind for each, *_ in work) for kind, *_ in work}


def most_at_once(work: list[tuple[str, float, float]]) -> int:
    """How many were at work at once; one that ends as another starts is not at once with it."""
    ends = sorted((end, -1) for _, _, end in work)
    moments = sorted([(start, 1) for _, start, _ in work] + ends)
    return max(accumulate(step for _, step in moments))
