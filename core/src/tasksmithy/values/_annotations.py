"""Annotations: the types that values are declared with, as text and in parts."""

from __future__ import annotations

import inspect
import os
import re
import sys
import types
import typing
from pathlib import Path
from typing import Any, Final


def type_name(kind: object) -> str:
    """A type as text that is the same in every process: `int`, `list[str]`, `pyarrow.lib.Table`."""
    if kind is Any:
        return "Any"
    if typing.get_origin(kind) is typing.Annotated:  # with what may have an address in its repr
        return type_name(kind.__origin__)  # type: ignore[attr-defined]
    if isinstance(kind, type) and not typing.get_args(kind):
        if kind.__module__ == "builtins":
            return kind.__name__
        return f"{importable_module(kind.__module__)}.{kind.__qualname__}"
    if typing.get_origin(kind) is not None:
        name = repr(kind).replace("typing.", "").replace("collections.abc.", "")
        return by_importable_modules(name)
    return str(kind)


_OF_A_FILE: Final = re.compile(r"^tasksmithy_source_[0-9a-f]{16}_")
_NOT_IMPORTABLE: Final = re.compile(
    r"\b(?:(?:__main__|__mp_main__)(?=[.:])|tasksmithy_source_[0-9a-f]{16}_)"
)


def by_importable_modules(names: str) -> str:
    """A text of names of types, with those of the main module as another process imports them."""
    if "__" not in names and "tasksmithy_source_" not in names:
        return names
    return _NOT_IMPORTABLE.sub(lambda found: importable_module(found[0]), names)


def importable_module(name: str) -> str:
    """The name by which another process imports a module, also the one that this one runs as."""
    if name not in ("__main__", "__mp_main__"):
        return _OF_A_FILE.sub("", name)
    main = sys.modules["__main__"]
    spec, file = getattr(main, "__spec__", None), getattr(main, "__file__", None)
    if spec is not None:  # it was started as `python -m`
        return str(spec.name)
    if not file:
        return name  # what is typed is in no file
    return os.path.splitext(os.path.basename(str(file)))[0]  # noqa: PTH119, PTH122 - asked of each name


def alternatives(kind: Any) -> tuple[Any, ...]:
    """The types that a union is of; of any other type, itself."""
    is_union = typing.get_origin(kind) in (typing.Union, types.UnionType)
    return typing.get_args(kind) if is_union else (kind,)


def is_named_tuple(kind: object) -> bool:
    """Whether a type is a NamedTuple, or another class that `collections.namedtuple` made."""
    return isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "_fields")


def member_types(kind: Any) -> dict[str, Any]:
    """The members of a NamedTuple by name, each with its type; Any where none is declared.

    Raises:
        Exception: whatever its annotations raise, which may be any code.
    """
    hints = typing.get_type_hints(kind, include_extras=True)
    return {name: hints.get(name, Any) for name in kind._fields}


def reference_to(cls: type) -> str:
    """The module and name of a class: `pkg.module:Class.Inner`."""
    # A spawned process runs the main module under a name of its own.
    module = "__main__" if cls.__module__ == "__mp_main__" else cls.__module__
    return f"{module}:{cls.__qualname__}"


def module_of(function: Any, root: Path | None = None) -> str:
    """The module that defines a function, as another process imports it.

    Args:
        function: the function.
        root: the folder that the name is relative to, where the file is in it.
    """
    name = importable_module(function.__module__)
    code = getattr(inspect.unwrap(function), "__code__", None)
    if root is None or code is None:
        return name
    file, root = Path(code.co_filename).resolve(), root.resolve()
    if not file.is_relative_to(root):
        return name
    parts = file.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and parts[1:] else parts)
