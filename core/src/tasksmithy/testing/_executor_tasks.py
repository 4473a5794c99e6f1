"""The tasks that the checks of executors run; an attempt may be made in another process."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import signal
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tasksmithy import report
from tasksmithy.fields._secret import Secret
from tasksmithy.task._context import current, group
from tasksmithy.task._environment import TaskEnvironment

env = TaskEnvironment(name="conformance")

SECRET: Final = Secret("conformance-token")
BEAT: Final = 0.02
"""Seconds between two signs of life."""


class RefusedError(Exception):
    """Whose parameters are not its `args`."""

    def __init__(self, code: int) -> None:
        super().__init__(f"refused with {code}")
        self.code = code


def append(file: str, line: object) -> None:
    """Add a line to a file, also where others do at the same time."""
    with open(file, "ab", buffering=0) as lines:  # noqa: PTH123 - each line is one write
        lines.write(f"{line}\n".encode())


def lines_of(file: str) -> list[str]:
    """The lines of a file; none where it is not there."""
    path = Path(file)
    return path.read_text(encoding="utf-8").split() if path.exists() else []


def digest_of(text: str) -> str:
    """What a text is known by without being shown."""
    return hashlib.sha256(text.encode()).hexdigest()


# Results and errors


@env.task
async def echo(value: Any) -> Any:
    """The value."""
    return value


@env.task
def echo_blocking(value: Any) -> Any:
    """The value, by a sync function."""
    return value


@env.task
async def refuse(code: int) -> None:
    """Raise an error with a note and a cause."""
    error = RefusedError(code)
    error.add_note("a note of the task")
    raise error from KeyError("a cause")


@env.task
async def make_lock() -> Any:
    """What cannot go to another process."""
    return threading.Lock()


# Children


@env.task
async def add_one(n: int) -> int:
    """One more."""
    return n + 1


@env.task
def add_one_blocking(n: int) -> int:
    """One more, by a sync function."""
    return n + 1


@env.task
async def fan(n: int) -> int:
    """The sum of what as many children return."""
    return sum(await asyncio.gather(*(add_one(i) for i in range(n))))


@env.task
def call_blocking(n: int) -> int:
    """What a child returns that is called by a sync function."""
    return add_one_blocking(n)


@env.task
async def chain(depth: int) -> int:
    """How many below this one wait for each other."""
    return 1 + await chain(depth - 1) if depth else 0


@env.task
async def chains(several: int, depth: int) -> int:
    """The sum of several chains at once."""
    return sum(await asyncio.gather(*(chain(depth) for _ in range(several))))


# Ends


@env.task
async def beat(folder: str) -> None:
    """Give signs of life until it is cancelled, and tidy up then."""
    try:
        while True:
            append(f"{folder}/beats", "beat")
            await asyncio.sleep(BEAT)
    finally:
        append(f"{folder}/tidied", "tidied")


@env.task
async def beat_by_a_child(folder: str) -> None:
    """Have a child give signs of life."""
    await beat(folder)


@env.task
def beat_blocking(folder: str, seconds: float) -> None:
    """Give signs of life so long, and never look whether it is to end."""
    for _ in range(int(seconds / BEAT)):
        append(f"{folder}/beats", "beat")
        time.sleep(BEAT)
    append(f"{folder}/over", "over")


@env.task
async def fail_until(file: str, last: int) -> int:
    """Fail in each attempt before the last."""
    append(file, current().attempt)
    if current().attempt < last:
        raise ConnectionError(f"attempt {current().attempt} fails")
    return current().attempt


@env.task
async def lose(file: str, times: int) -> int:
    """End the process as something outside would, in so many attempts."""
    append(file, os.getpid())
    if len(lines_of(file)) <= times:
        os.kill(os.getpid(), signal.SIGKILL)
        await asyncio.Event().wait()
    return len(lines_of(file))


@env.task
async def lose_beside(file: str, others: int) -> list[int]:
    """The results of children, beside one whose process is lost once."""
    return await asyncio.gather(lose(file, 1), *(add_one(n) for n in range(others)))


# Surroundings


@env.task(secrets=SECRET)
async def use_secret() -> str:
    """Log the secret, and return what it is known by."""
    [value] = current().secrets.values()
    current().logger.warning("the token is %s", value)
    return digest_of(value)


@env.task(secrets=SECRET)
async def raise_secret() -> None:
    """Raise the secret."""
    [value] = current().secrets.values()
    raise ValueError(f"nobody knows {value}")


@env.task
async def find_secret(digest: str) -> list[str]:
    """The environment variables of the process that have a value of this digest."""
    return [name for name, value in os.environ.items() if digest_of(value) == digest]


@env.task
async def find_after_use() -> list[str]:
    """Where the secret of a child is found by the next one."""
    return await find_secret(await use_secret())


@env.task
async def say(text: str) -> None:
    """Log by the task's logger, and by one of a module."""
    current().logger.warning("task: %s", text)
    logging.getLogger("conformance.module").warning("module: %s", text)


@env.task(report=True)
async def draw() -> None:
    """Add a tab to its report."""
    report.tab("Drawn").text("a picture")


@env.task
async def context(_: int = 0) -> Mapping[str, str]:
    """What an attempt knows of itself."""
    me = current()
    return {"run_id": me.run_id, "task": me.task, "key": me.key, "group": me.group}


@env.task
async def context_in_group() -> Mapping[str, str]:
    """What a child knows that is called in a group."""
    with group("loading"):
        return await context()


@env.task(env_vars={"CONFORMANCE_OWN": "yes"})
async def own_variable() -> str | None:
    """An environment variable that the task declares."""
    return os.environ.get("CONFORMANCE_OWN")


@env.task
async def no_variable() -> str | None:
    """The same of a task that does not declare it."""
    return os.environ.get("CONFORMANCE_OWN")


@env.task
async def variables() -> list[str | None]:
    """What a task with the variable and the next one without it see."""
    return [await own_variable(), await no_variable()]


@env.task(cache="auto")
async def count(file: str) -> int:
    """How often it has been made."""
    append(file, "made")
    return len(lines_of(file))


@env.task
async def count_then(file: str, condition: str) -> int:
    """What one child returns, where the next one does not fail."""
    made = await count.override(cache="disable")(file)
    return await require(made, condition)


@env.task
async def require(value: int, condition: str) -> int:
    """The value, where a file is there."""
    if not Path(condition).exists():
        raise FileNotFoundError(condition)
    return value


@env.task
async def call_later(condition: str) -> int:
    """What a child returns that is called once a file is there."""
    append(f"{condition}-awaited", "awaited")
    while not Path(condition).exists():
        await asyncio.sleep(BEAT)
    return await add_one(1)
