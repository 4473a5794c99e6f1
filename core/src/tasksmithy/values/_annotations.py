"""Annotations: the types that values are declared with, as text and in parts."""

from __future__ import annotations

import types
import typing
from typing import Any


def type_name(kind: object) -> str:
    """A type as text that is the same in every process: `int`, `list[str]`, `pyarrow.lib.Table`."""
    if kind is Any:
        return "Any"
    if typing.get_origin(kind) is typing.Annotated:  # with what may have an address in its repr
        return type_name(kind.__origin__)  # type: ignore[attr-defined]
    if isinstance(kind, type) and not typing.get_args(kind):
        return (
            kind.__name__
            if kind.__module__ == "builtins"
            else f"{kind.__module__}.{kind.__qualname__}"
        )
    if typing.get_origin(kind) is not None:
        return repr(kind).replace("typing.", "").replace("collections.abc.", "")
    return str(kind)


def alternatives(kind: Any) -> tuple[Any, ...]:
    """The types that a union is of; of any other type, itself."""
    is_union = typing.get_origin(kind) in (typing.Union, types.UnionType)
    return typing.get_args(kind) if is_union else (kind,)


def reference_to(cls: type) -> str:
    """The module and name of a class: `pkg.module:Class.Inner`."""
    # A spawned process runs the main module under a name of its own.
    module = "__main__" if cls.__module__ == "__mp_main__" else cls.__module__
    return f"{module}:{cls.__qualname__}"
