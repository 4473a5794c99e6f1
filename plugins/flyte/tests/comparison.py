"""Two messages as JSON, beside each other."""

from collections.abc import Iterator
from typing import Any

ABSENT = object()

WHOLE = (".value.type", ".var.type", ".parameter.default")
"""The ends of paths that are compared as one: types and values."""


def differences(ours: Any, theirs: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """The places where two messages differ: path (`[]` for any index), ours, theirs."""
    if path.endswith(WHOLE):
        if ours != theirs:
            yield path, ours, theirs
        return
    # What has no fields is set or not, which says the same.
    ours = {} if ours is ABSENT and isinstance(theirs, dict) else ours
    theirs = {} if theirs is ABSENT and isinstance(ours, dict) else theirs
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for name in sorted({*ours, *theirs}):
            inner = f"{path}.{name}" if path else name
            yield from differences(ours.get(name, ABSENT), theirs.get(name, ABSENT), inner)
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for one, other in zip(ours, theirs, strict=True):
            yield from differences(one, other, f"{path}[]")
    elif ours != theirs:
        yield path, ours, theirs
