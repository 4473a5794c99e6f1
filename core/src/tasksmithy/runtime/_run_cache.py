"""RunCache: which result a call may take from the cache, and what it leaves there."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

from tasksmithy.concurrency._threads import caller_is_blocked, in_thread
from tasksmithy.errors import OutputError, ValueEncodingError
from tasksmithy.fields._cache import Cache
from tasksmithy.runtime._identities import Identities
from tasksmithy.runtime.stores._cache_store import CacheStore, Origin
from tasksmithy.task._call_checks import check_result
from tasksmithy.task._code_identity import Identity
from tasksmithy.task._interface import result_type
from tasksmithy.task._template import TaskTemplate
from tasksmithy.values._declared import declared
from tasksmithy.values._files import Dir, File
from tasksmithy.values._identity import digest
from tasksmithy.values._storage import Encoded, decode, encode

Task = TaskTemplate[..., Any]
Compute = Callable[[], Awaitable[Any]]


def decoded(encoded: Encoded, task: Task) -> tuple[Any] | None:
    """A kept result, in a tuple; None where it is of no use any more, with a warning.

    It is checked as a new result is: what a name in the interface stands for may have changed.
    """
    try:
        return (usable(encoded, task),)
    except (ValueEncodingError, OutputError) as problem:
        logging.getLogger("tasksmithy.run").warning(
            "the kept result of task %r is made anew: %s", task.name, problem
        )
    return None


def usable(encoded: Encoded, task: Task) -> Any:
    """A kept result, if it still is one of the task.

    Raises:
        ValueEncodingError: a file was changed, or another version of a class, of Python or of
            tasksmithy wrote it.
        OutputError: it is not what the task gives now.
    """
    result = decode(encoded, result_type(task.interface))
    check_result(task, result)
    return result


class Key(NamedTuple):
    """What a result is kept under.

    Attributes:
        digest: of all of it.
        identity: of the task.
        inputs: what identifies each input, by its name, with the salt as that of no name.
    """

    digest: str
    identity: Identity
    inputs: Mapping[str, str]

    @property
    def origin(self) -> Origin:
        """What a result is made of that is kept under it."""
        return Origin(self.identity.digest, self.identity.parts, self.inputs)


class RunCache:
    """The cache as one run uses it.

    Args:
        store: where results are kept, for all runs.
        identities: those of the run.
    """

    def __init__(self, store: CacheStore, identities: Identities) -> None:
        self._store = store
        self._identities = identities

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
        found = await self._found(key, task, policy)
        if found:
            return found[0], True
        if not policy.serialize or (caller_is_blocked.get() and self._store.holds_locks):
            # What holds a lock here may wait for the loop that the caller of this call blocks. One
            # that waits with no lock held here is in nobody's way.
            return await self._computed(key, task, compute), False
        async with self._store.lock(key.digest):
            # Who held the lock before has left what is wanted.
            found = await self._found(key, task, policy)
            if found:
                return found[0], True
            return await self._computed(key, task, compute), False

    def key(self, task: Task, inputs: Mapping[str, Any], policy: Cache) -> Key:
        """What a result is kept under: the identity of the task, the salt, the values of inputs.

        Raises:
            ValueEncodingError: an input has no value that can be told from others.
            PluginError: the plugin of the task's type cannot say what its version is.
        """
        identity, known = self._identities.of(task), {"": policy.salt}
        code = None if policy.version_override else self._identities.code
        for name, value in inputs.items():
            if name not in policy.ignored:
                try:
                    known[name] = digest(value, code=code)
                except ValueEncodingError as error:
                    remedy = f"or leave it out of the cache key, by Cache(ignored_inputs={name!r})"
                    what = f"input {name!r} of task {task.name!r}"
                    raise error.about(what, remedy) from error.__cause__
        # With their lengths, so that no two lists of parts read the same.
        text = "".join(f"{len(part)}:{part}" for pair in known.items() for part in pair)
        text += identity.digest
        digested = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        return Key(digested, identity, known)

    async def _found(self, key: Key, task: Task, policy: Cache) -> tuple[Any] | None:
        """The kept result, which may be None, in a tuple."""
        if policy.behavior == "override":
            return None
        encoded = self._store.get(key.digest, max_age=policy.max_age_seconds)
        if encoded is None:
            return None
        return await in_thread(decoded, encoded, task) if _reads(task) else decoded(encoded, task)

    async def _computed(self, key: Key, task: Task, compute: Compute) -> Any:
        result = await compute()
        call = result, result_type(task.interface)
        try:
            encoded = await in_thread(encode, *call) if _reads(task) else encode(*call)
        except ValueEncodingError as error:
            what = f"the result of task {task.name!r}"
            remedy = 'or do without a cache for this task: cache="disable"'
            raise error.about(what, remedy) from error.__cause__
        self._store.put(key.digest, task.name, encoded, key.origin)
        return result


def _reads(task: Task) -> bool:
    """Whether to keep a result, and to take a kept one, reads files."""
    return declared(result_type(task.interface)).names(File, Dir)
