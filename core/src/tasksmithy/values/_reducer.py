"""Reducer: how the objects of one type are taken apart into builtin values, and made of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

Parts = tuple[Any, ...]


class Reducer(NamedTuple):
    """How the objects of one type are taken apart and made again; no code of theirs runs for it.

    Attributes:
        shape: names the type, its fields and their types, and is stored with every object: when
            any of them has changed, the text differs.
        reduce: the parts of an object; None for an object that holds more than its parts.
        make: the object of its parts.
        fill: for an object that may be in its own parts: `make` makes an empty one, with an eye
            only to parts that are no objects themselves, and `fill` puts the parts into it.
        identity: what tells two objects apart for a cache key; as `reduce`, where not given.
        names: the parts as code has them, for errors: `".x"`.
        cls: the class, where a declared type has to admit it.
        has_fields: whether the parts are the fields that annotations of the class declare.
    """

    shape: str
    reduce: Callable[[Any], Parts | None]
    make: Callable[[Parts], Any]
    fill: Callable[[Any, Parts], None] | None = None
    identity: Callable[[Any], Parts | None] | None = None
    names: tuple[str, ...] = ()
    cls: type | None = None
    has_fields: bool = False
