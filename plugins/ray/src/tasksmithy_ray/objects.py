"""Objects: large values of a run in Ray's object store, each of them once."""

from __future__ import annotations

import weakref
from typing import Any, Final

import ray

_LEAST: Final = 1_000_000
"""Bytes from which a value is an object of its own."""


def large(value: object) -> Any:
    """The value, if it goes beside the pickled rest, and None otherwise.

    Those are Arrow's tables: nothing can change them, and a worker has them without a copy. An
    array that comes from the object store could not be written to.
    """
    kind = type(value)
    if kind.__module__ != "pyarrow.lib" or kind.__name__ not in ("RecordBatch", "Table"):
        return None
    size: int = value.nbytes  # type: ignore[attr-defined]  # pyarrow may not be installed
    return value if size >= _LEAST else None


class Objects:
    """What this process has put into the object store, or has from there, while it is in use."""

    def __init__(self) -> None:
        self._refs: dict[int, tuple[weakref.ref[Any], Any]] = {}

    def put(self, value: object) -> Any:
        """The object of a large value; None for any other."""
        if large(value) is None:
            return None
        found, ref = self._refs.get(id(value), (None, None))
        if found is None or found() is not value:
            ref = ray.put(value)
            self._remember(value, ref)
        return ref

    async def get(self, part: Any) -> Any:
        """The value of an object."""
        value = await part
        self._remember(value, part)
        return value

    def _remember(self, value: object, ref: Any) -> None:
        key = id(value)
        self._refs[key] = weakref.ref(value, lambda _: self._refs.pop(key, None)), ref
