"""A pipeline in which secrets travel, one way a task; `test_secret_ways` searches for them."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import gc
import html
import json
import logging
import logging.handlers
import os
import queue
import reprlib
import shlex
import sqlite3
import sys
import textwrap
import threading
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pydantic

from tasksmithy import Cache, Secret, TaskEnvironment, current, group, report, run

env = TaskEnvironment(name="ways")
log = logging.getLogger("app")

WAYS: dict[str, Any] = {}


def way(function: Callable[..., Any]) -> Any:
    """A task with a secret that is named after it."""
    return way_with()(function)


def way_with(mount: str | None = None, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """As `way`, with fields of the task."""

    def made(function: Callable[..., Any]) -> Any:
        secret = Secret(function.__name__, mount=mount)
        task = WAYS[function.__name__] = env.task(secrets=secret, **options)(function)
        return task

    return made


def value() -> str:
    [found] = current().secrets.values()
    return found


def handler(stream: Any, template: str) -> logging.Handler:
    made = logging.StreamHandler(stream)
    made.setFormatter(logging.Formatter(template, defaults={"token": ""}))
    return made


# Logs


@way
async def log_message() -> None:
    log.error(f"with {value()}")


@way
async def log_arguments() -> None:
    log.error("with %s and %r", value(), {"a": [value()]})


@way
async def log_field() -> None:
    own = handler(sys.stderr, "%(message)s %(token)s")
    log.addHandler(own)
    log.error("sent", extra={"token": {"value": value()}})
    log.removeHandler(own)


@way
async def log_exception() -> None:
    try:
        raise ValueError(value())
    except ValueError:
        log.exception("failed")


@way
async def log_to_file() -> None:
    own = logging.handlers.RotatingFileHandler("app.log")
    log.addHandler(own)
    log.error("with %s", value(), exc_info=KeyError(value()))
    log.removeHandler(own)
    own.close()


@way
async def log_queued() -> None:
    waiting: queue.Queue[Any] = queue.Queue()
    listener = logging.handlers.QueueListener(waiting, handler(sys.stderr, "%(message)s"))
    own = logging.handlers.QueueHandler(waiting)
    log.addHandler(own)
    listener.start()
    log.error("with %s", value())
    listener.stop()
    log.removeHandler(own)


@way
async def log_that_does_not_fit() -> None:
    log.error("with %d", value())


@way
async def log_thread_name() -> None:
    own = handler(sys.stderr, "%(threadName)s %(message)s")
    log.addHandler(own)
    thread = threading.Thread(target=log.error, args=("here",), name=f"t {value()}")
    thread.start()
    thread.join()
    log.removeHandler(own)


@way
async def log_over_lines() -> None:
    log.error(textwrap.fill(f"the token is {value()}, and more", 20))


@way
async def log_base64() -> None:
    log.error(base64.b64encode(f"user:{value()}".encode()).decode())


@way
async def log_hexadecimal() -> None:
    log.error(value().encode().hex())


@way
async def log_json_in_json() -> None:
    log.error(json.dumps(json.dumps({"token": value()})))


@way
async def log_of_the_task() -> None:
    current().logger.warning("with %s", value())


# Errors


@way
async def error_arguments() -> None:
    raise ValueError("with", {"token": value()})


@way
async def error_note() -> None:
    error = ValueError("noted")
    error.add_note(f"with {value()}")
    raise error


@way
async def error_cause() -> None:
    raise ValueError("caused") from KeyError(value())


@way
async def error_context() -> None:
    try:
        raise KeyError(value())
    except KeyError:
        raise ValueError("after another") from None


@way
async def error_group() -> None:
    raise ExceptionGroup(f"group {value()}", [KeyError(value())])


class Settings(pydantic.BaseModel):
    port: int
    ports: list[int] = []


@way
async def error_of_pydantic() -> None:
    Settings(port=value())  # type: ignore[arg-type]


@way
async def error_of_pydantic_inside() -> None:
    Settings(port=1, ports=[1, f"postgres://user:{value()}@host/and/a/longer/text"])  # type: ignore[list-item]


@dataclasses.dataclass
class Login:
    token: str


@way
async def error_dataclass() -> None:
    raise RuntimeError(Login(value()))


class OwnError(Exception):
    def __init__(self, token: str) -> None:
        self.token = token

    def __str__(self) -> str:
        return f"bad {self.token}"


@way
async def error_own_class() -> None:
    raise OwnError(value())


@way
async def error_file_name() -> None:
    Path(f"/nowhere/{value()}").read_text()


@way
async def error_sql() -> None:
    sqlite3.connect(":memory:").execute(f"SELECT {value()!r} FROM {quote(value())}")


@way
async def error_url() -> None:
    raise ConnectionError(f"https://user:{quote(value(), safe='').lower()}@host {quote(value())}")


@way
async def error_shortened() -> None:
    raise ValueError(reprlib.repr(value()))


@way
async def error_shell() -> None:
    raise ValueError(shlex.join(["curl", "-u", f"me:{value()}"]))


@way
async def error_exit() -> None:
    sys.exit(value())


@env.task
async def number(n: int) -> int:
    return n


@way
async def error_of_an_input() -> None:
    await number(value())  # type: ignore[arg-type]


@way
async def error_of_an_output() -> int:
    return value()  # type: ignore[return-value]


@way_with(retries=1)
async def error_retried() -> None:
    if current().attempt == 1:
        raise ValueError(value())


# Values


@env.task(cache=Cache(version_override="1"))
async def same(text: str) -> str:
    return text


@env.task(cache=Cache(version_override="1"))
async def same_bytes(data: bytes) -> bytes:
    return data


@way
async def value_input_and_output() -> str:
    return await same(value())


@way
async def value_in_utf_16() -> bytes:
    return await same_bytes(value().encode("utf-16"))


@way
async def value_group_name() -> None:
    with group(f"g {value()}"):
        await number(1)


@way_with(mount="/etc/secrets")
async def value_mounted() -> None:
    root = current().env_vars["TASKSMITHY_SECRETS_ROOT"]
    log.error(Path(root, "etc/secrets/value_mounted").read_text())


@way_with(report=True)
async def value_in_a_report() -> None:
    tab = report.tab(f"tab {value()}")
    tab.html(f"<b>{html.escape(value())}</b>")
    tab.text(base64.encodebytes(value().encode()).decode())
    report.log(f"with {value()}")


def secret_of(name: str) -> str:
    """What a program may know before it is handed out."""
    return Path(os.environ["TASKSMITHY_SECRETS_DIR"], name).read_text()


@way
async def before_recorded() -> None:
    """Is handed out after others had it."""


@way
async def before_cached() -> None:
    """Is handed out after others had it."""


# What Python writes by itself


@way
async def warning() -> None:
    warnings.warn(f"with {value()}", stacklevel=1)


@way
async def thread_that_dies() -> None:
    def fail(token: str) -> None:
        raise ValueError(token)

    thread = threading.Thread(target=fail, args=(value(),))
    thread.start()
    thread.join()


class Dying:
    def __init__(self, token: str) -> None:
        self.token = token

    def __repr__(self) -> str:
        return f"Dying({self.token})"

    def __del__(self) -> None:
        raise ValueError(self.token)


@way
async def finalizer() -> None:
    Dying(value())
    gc.collect()


@way
async def task_that_nobody_awaits() -> None:
    async def fail(token: str) -> None:
        raise ValueError(token)

    failing = asyncio.ensure_future(fail(value()))
    await asyncio.sleep(0.01)
    del failing
    gc.collect()


# Processes


@way
def process_logs() -> None:
    logging.basicConfig()
    log.error("with %s", value())
    logging.getLogger("tasksmithy.own").error("with %s", value())
    warnings.warn(f"with {value()}", stacklevel=1)


@way
def process_raises() -> None:
    Settings(port=value())  # type: ignore[arg-type]


class UnshippableError(Exception):
    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.lock = threading.Lock()


@way
def process_raises_what_is_not_shipped() -> None:
    raise UnshippableError(f"with {value()}")


@way
def process_dies() -> None:
    logging.basicConfig()
    log.error("dies with %s", value())
    os._exit(3)


@way
def process_thread_dies() -> None:
    def fail(token: str) -> None:
        raise ValueError(token)

    thread = threading.Thread(target=fail, args=(value(),))
    thread.start()
    thread.join()


@way
def process_of_a_child() -> str:
    raise ValueError("bad token " + value())


@way
async def process_of_a_child_that_returns() -> str:
    return value()


@env.task(timeout=60)
def logs_what_children_do() -> None:
    logging.basicConfig()
    try:
        process_of_a_child()
    except Exception as error:
        log.error("child failed: %s", error)
    log.error("child gave %s", process_of_a_child_that_returns())


@env.task(timeout=60)
def logs_its_input(text: str) -> None:
    logging.basicConfig()
    log.error("got %s", text)
    raise ValueError(text)


@way
async def process_input() -> None:
    await logs_its_input.aio(value())


@way
def process_title() -> None:
    """Is in no command line of this machine."""
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = file.read_bytes()
        except OSError:
            continue
        if value().encode() in words:
            os.write(2, b"found in a command line: " + value().encode())


# The run


@env.task
async def main() -> int:
    """Goes all ways; returns how many."""
    await same(secret_of("before_cached"))
    await same(f"{secret_of('before_recorded')} and more")
    for each in WAYS.values():
        with suppress(Exception):
            await each.aio()
    try:
        await logs_what_children_do.aio()
    except Exception as error:
        log.error("it should have worked: %s", type(error))
    return len(WAYS) + 2


@env.task
async def sleeps() -> None:
    """Has handed out and recorded, and waits to be ended."""
    await same(secret_of("before_cached"))
    await before_cached()
    await WAYS["value_input_and_output"]()
    await waits()


@env.task(secrets=Secret("waits", mount="/etc/secrets"))
async def waits() -> None:
    os.write(1, b"waiting\n")
    try:
        await asyncio.sleep(60)
    finally:
        log.error("ended with %s", value())


if __name__ == "__main__":
    run(WAYS[sys.argv[1]])
