"""RunCache: which result a call may take from the cache, and what it leaves there."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from tasksmithy.concurrency._threads import caller_is_blocked, in_thread
from tasksmithy.errors import ValueEncodingError
from tasksmithy.fields._cache import Cache
from tasksmithy.runtime.stores._cache_store import CacheStore
from tasksmithy.task._hooks import hooks_for
from tasksmithy.task._interface import NativeInterface, result_type
from tasksmithy.task._template import TaskTemplate
from tasksmithy.values._files import Dir, File
from tasksmithy.values._identity import digest
from tasksmithy.values._json import to_json
from tasksmithy.values._storage import Encoded, decode, encode

Task = TaskTemplate[..., Any]
Compute = Callable[[], Awaitable[Any]]


def decoded(encoded: Encoded, kind: Any) -> tuple[Any] | None:
    """A kept result, in a tuple; None where it is of no use any more, with a warning."""
    try:
        return (decode(encoded, kind),)
    except ValueEncodingError as problem:
        # A file was changed, or another version of a class, of Python or of tasksmithy wrote it.
        logging.getLogger("tasksmithy.run").warning("a kept result is made anew: %s", problem)
        return None


def code_version(task: Task) -> str:
    """What identifies the code, the query or the command of a task, as it or its type says.

    Raises:
        PluginError: the plugin of the task's type cannot say.
    """
    policy = task.cache
    return policy.version_override or hooks_for(task).cache_version(task)


class RunCache:
    """The cache as one run uses it.

    Args:
        store: where results are kept, for all runs.
    """

    def __init__(self, store: CacheStore) -> None:
        self._store = store
        # An interface does not change, and describing it is most of what a key costs.
        self._interfaces: dict[int, tuple[NativeInterface, str]] = {}

    async def result(
        self, task: Task, inputs: Mapping[str, Any], policy: Cache, compute: Compute
    ) -> tuple[Any, bool]:
        """The result of a call, and whether it was in the cache; `compute` makes it if it is not.

        Raises:
            ValueEncodingError: an input or the result is of no use to a cache.
        """
        # To read a large file for its digest takes a while, and others have their turn meanwhile.
        reads = any(isinstance(value, (File, Dir)) for value in inputs.values())
        call = task, inputs, policy
        key = await in_thread(self.key, *call) if reads else self.key(*call)
        kind = result_type(task.interface)
        found = self._found(key, kind, policy)
        if found:
            return found[0], True
        if not policy.serialize or caller_is_blocked.get():
            return await self._computed(key, task, kind, compute), False
        async with self._store.lock(key):
            # Who held the lock before has left what is wanted.
            found = self._found(key, kind, policy)
            if found:
                return found[0], True
            return await self._computed(key, task, kind, compute), False

    def key(self, task: Task, inputs: Mapping[str, Any], policy: Cache) -> str:
        """What a result is kept under: task, version of its code, interface, salt, input values.

        Raises:
            ValueEncodingError: an input has no value that can be told from others.
        """
        parts = [
            task.name,
            task.task_type,
            code_version(task),
            self._interface(task),
            policy.salt,
        ]
        for name, value in inputs.items():
            if name not in policy.ignored:
                try:
                    parts += [name, digest(value)]
                except ValueEncodingError as error:
                    error.add_note(
                        f"input {name!r} of task {task.name!r} is part of its cache key; "
                        f"Cache(ignored_inputs={name!r}) leaves it out"
                    )
                    raise
        # With their lengths, so that no two lists of parts read the same.
        text = "".join(f"{len(part)}:{part}" for part in parts)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    def _interface(self, task: Task) -> str:
        interface = task.interface
        known = self._interfaces.get(id(interface))
        if known is None:
            known = self._interfaces[id(interface)] = (interface, to_json(interface.to_dict()))
        return known[1]

    def _found(self, key: str, kind: Any, policy: Cache) -> tuple[Any] | None:
        """The kept result, which may be None, in a tuple."""
        if policy.behavior == "override":
            return None
        encoded = self._store.get(key, max_age=policy.max_age_seconds)
        return None if encoded is None else decoded(encoded, kind)

    async def _computed(self, key: str, task: Task, kind: Any, compute: Compute) -> Any:
        result = await compute()
        self._store.put(key, task.name, encode(result, kind))
        return result
