"""The commands that this process starts, with their words, which everybody on the machine sees."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

_listeners: Final[list[list[str]]] = []


@functools.cache  # a hook stays for good
def _listen() -> None:
    def hook(event: str, args: tuple[Any, ...]) -> None:
        if _listeners and event in ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.system"):
            _listeners[-1].append(repr(args[1:2] if event != "os.system" else args))

    sys.addaudithook(hook)


@contextmanager
def commands_into(commands: list[str]) -> Iterator[None]:
    """Note the words of the commands that this process starts."""
    _listen()
    _listeners.append(commands)
    try:
        yield
    finally:
        _listeners.pop()
