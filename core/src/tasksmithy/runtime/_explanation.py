"""Why a call has its result from the cache, or not: what decides it, now and when it was kept."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

from tasksmithy.errors import OutputError, ValueEncodingError
from tasksmithy.fields._cache import Cache
from tasksmithy.runtime._identities import Identities
from tasksmithy.runtime._run_cache import RunCache, usable
from tasksmithy.runtime.stores._cache_store import CacheStore, Origin
from tasksmithy.task._template import TaskTemplate

Task = TaskTemplate[..., Any]


class Part(NamedTuple):
    """A part of what decides a result.

    Attributes:
        name: such as `function prices.rate` or `input month`.
        status: "same" as for the kept result, "changed", "new" (it has none of it) or "gone".
    """

    name: str
    status: Literal["same", "changed", "new", "gone"]


class Explanation(NamedTuple):
    """Why a call has its result from the cache, or not.

    Attributes:
        task: its name.
        outcome: "hit", "miss", or "off" where the task has no cache.
        reason: why, in words.
        key: what its result is kept under.
        kept: when the result that it is compared with was kept, in seconds since the epoch.
        parts: what decides the result, compared with the newest one that is kept of the task.
        doubts: what does not count as it is, but as more or as less; in words.
    """

    task: str
    outcome: Literal["hit", "miss", "off"]
    reason: str
    key: str | None = None
    kept: float | None = None
    parts: tuple[Part, ...] = ()
    doubts: tuple[str, ...] = ()


def explained(task: Task, inputs: Mapping[str, Any], store: CacheStore) -> Explanation:
    """Why a call would have its result from the cache, or not. Nothing is run or kept.

    Args:
        task: what is called.
        inputs: all of its inputs.
        store: the cache.

    Raises:
        ValueEncodingError: an input cannot be told from others.
        PluginError: the plugin of the task's type cannot be used.
        StoreError: the cache cannot be read.
    """
    policy = task.cache
    if not policy.enabled:
        return Explanation(task.name, "off", 'the task has no cache: cache="disable"')
    key = RunCache(store, Identities()).key(task, inputs, policy)
    now, made = _parts(key.origin), store.made(key.digest)
    if made is not None:
        compared = _compared(now, now)
        problem = _of_no_use(task, key.digest, made, store)
        reason = problem or f"all {len(compared)} parts are those of a kept result"
    else:
        made, then = store.newest(task.name) or (None, Origin())
        compared = _compared(now, _parts(then))
        differing = sum(part.status != "same" for part in compared)
        problem = reason = (
            "no result of this task is kept"
            if made is None
            else f"{differing} of {len(compared)} parts differ from the newest kept result"
        )
    return Explanation(
        task=task.name,
        outcome="miss" if problem else "hit",
        reason=reason,
        key=key.digest,
        kept=made,
        parts=compared,
        doubts=(*_declared(task, policy), *key.identity.doubts),
    )


def _parts(origin: Origin) -> dict[str, str]:
    """The digests of what a result is made of, by the names that a person reads."""
    inputs = {f"input {name}" if name else "salt": each for name, each in origin.inputs.items()}
    return {**inputs, **origin.parts}


def _compared(now: Mapping[str, str], then: Mapping[str, str]) -> tuple[Part, ...]:
    """The parts, those that differ first."""
    parts = [Part(name, _status(now.get(name), then.get(name))) for name in sorted({*now, *then})]
    return tuple(sorted(parts, key=lambda part: part.status == "same"))


def _status(now: str | None, then: str | None) -> Literal["same", "changed", "new", "gone"]:
    if now == then:
        return "same"
    return "new" if then is None else "gone" if now is None else "changed"


def _of_no_use(task: Task, key: str, made: float, store: CacheStore) -> str | None:
    """Why the result that is kept under the key is not used; None where it is."""
    if task.cache.behavior == "override":
        return 'it runs in any case, and its result replaces the kept one: cache="override"'
    oldest = task.cache.max_age_seconds
    if oldest is not None and made < time.time() - oldest:
        return f"the kept result is older than its max_age, {oldest:g} s"
    encoded = store.get(key, max_age=None)
    if encoded is None:
        return "the kept result was dropped at this moment"
    try:
        usable(encoded, task)
    except (ValueEncodingError, OutputError) as error:
        return f"the kept result is of no use any more: {error}"
    return None


def _declared(task: Task, policy: Cache) -> Iterator[str]:
    """What the task's own declaration takes out of the comparison."""
    if policy.version_override is not None:
        yield f"no code counts, but version_override={policy.version_override!r}"
    for name in policy.ignored:
        yield f"input {name} does not count: ignored_inputs"
    if task.secrets:
        yield "the values of secrets do not count, and a result that holds one is not kept"
