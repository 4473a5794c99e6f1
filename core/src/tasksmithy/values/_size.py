"""What values take where they are passed inline, and whether that is within a task's bound."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from tasksmithy.errors import InlineSizeError
from tasksmithy.values._files import Dir, File
from tasksmithy.values._reducers import holds_table

_SHORT_BYTES = 32  # no int below the bound, and no other scalar, takes more
_SHORT_INT = 2**63


def inline_size(value: object) -> int:
    """The bytes that a value takes where it is passed inline; files and tables take none.

    Neither does what cannot be pickled: it never leaves the process.
    """
    if type(value) is bytes or (type(value) is str and value.isascii()):
        return len(value)
    if _is_outside(value):
        return 0
    try:
        try:
            return _size(_builtin_pickler(), value)
        except _NotBuiltinError:
            return _size(_any_pickler(), value)
    except Exception:  # noqa: BLE001 - pickling runs the value's own code
        return 0


def check_inline(task: str, side: str, values: Mapping[str, Any], limit: int) -> None:
    """Check that inputs or outputs together are no larger than may be passed inline.

    Args:
        task: name of the task.
        side: `"input"` or `"output"`.
        values: name to value.
        limit: the task's `max_inline_io_bytes`.

    Raises:
        InlineSizeError: they are; it names the largest.
    """
    if len(values) * _SHORT_BYTES <= limit and all(map(_is_short, values.values())):
        return  # without measuring: most calls are of this kind
    sizes = {name: inline_size(value) for name, value in values.items()}
    total = sum(sizes.values())
    if total > limit:
        largest = max(sizes, key=sizes.__getitem__)
        raise InlineSizeError(task, side, largest, sizes[largest], total, limit)


def _is_short(value: object) -> bool:
    kind = type(value)
    if kind is int:
        return -_SHORT_INT < value < _SHORT_INT  # type: ignore[operator]
    return kind is bool or kind is float or value is None


def _is_outside(value: object) -> bool:
    return isinstance(value, (File, Dir)) or holds_table(type(value))


class _NotBuiltinError(Exception):
    """A value with more than builtin values in it."""


class _Count:
    """A stream that keeps nothing but the number of its bytes."""

    def __init__(self) -> None:
        self.bytes = 0

    def write(self, content: bytes) -> int:
        self.bytes += len(content)
        return len(content)

    def besides(self, buffer: Any) -> None:
        """Count a large buffer, which is not copied only to be counted."""
        self.bytes += buffer.raw().nbytes


def _size(pickler: Any, value: object) -> int:
    count = _Count()
    pickler(count, 5, buffer_callback=count.besides).dump(value)
    return count.bytes


@functools.cache
def _builtin_pickler() -> type[Any]:
    import pickle  # only who passes more than numbers and short texts pays for it

    class Builtin(pickle.Pickler):
        def reducer_override(self, _: Any) -> Any:
            raise _NotBuiltinError

    return Builtin


@functools.cache
def _any_pickler() -> type[Any]:
    import cloudpickle  # as above

    class Other(cloudpickle.Pickler):  # type: ignore[misc]  # cloudpickle ships no types
        def reducer_override(self, obj: Any) -> Any:
            if _is_outside(obj):
                return int, ()  # which is short
            return super().reducer_override(obj)

    return Other
