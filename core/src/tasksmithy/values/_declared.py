"""What a declared type admits: the classes that it names, and whether values may be anything."""

from __future__ import annotations

import collections.abc
import functools
import importlib
import sys
import types
import typing
from collections.abc import Mapping
from typing import Any, NamedTuple

from tasksmithy.values._annotations import alternatives, reference_to
from tasksmithy.values._reducers import holds_table, reducer_of

_CONTAINERS = {
    *(list, dict, set, frozenset, tuple),
    *(collections.OrderedDict, collections.Counter, collections.deque, collections.defaultdict),
    *(collections.abc.Collection, collections.abc.Sequence, collections.abc.MutableSequence),
    *(collections.abc.Mapping, collections.abc.MutableMapping),
    *(collections.abc.Set, collections.abc.MutableSet),
}
_SCALARS = {type(None), bool, int, float, str, bytes}


class Declared(NamedTuple):
    """What a declared type admits.

    Attributes:
        classes: the classes that it names, also in the fields of those classes, by reference.
        is_open: whether its values may be of any class: it is, or holds, `Any`, a protocol, a
            function, a class that only cloudpickle can store, an annotation that is not known.
    """

    classes: Mapping[str, type]
    is_open: bool

    def names(self, *classes: type) -> bool:
        """Whether it names one of the classes."""
        return any(reference_to(cls) in self.classes for cls in classes)

    def find(self, reference: str) -> type:
        """The class of a reference, as `reference_to` gives one.

        It is one that the type names, or a subclass of one that is imported already. Only for an
        open type, whose values may run code anyway, a module is imported.

        Raises:
            LookupError: there is none.
        """
        found = self.classes.get(reference) or _loaded(reference)
        if found is None and self.is_open and not reference.startswith("__main__:"):
            found = _imported(reference)
        if not isinstance(found, type) or not (self.is_open or self._admits(found)):
            raise LookupError(f"the declared type names no class {reference!r}")
        return found

    def finds(self, cls: type) -> bool:
        """Whether another process that has the declared type finds the class."""
        reference = reference_to(cls)
        if self.is_open and reference.startswith("__main__:"):
            return self.classes.get(reference) is cls  # another process has another main module
        try:
            return self.find(reference) is cls
        except LookupError:
            return False

    def _admits(self, cls: type) -> bool:
        return any(issubclass(cls, each) for each in self.classes.values())


def declared(kind: Any) -> Declared:
    """What the type `kind` admits."""
    try:
        return _kept(kind)
    except TypeError:  # it cannot be hashed, as an Annotated with a list
        return _new(kind)


def _new(kind: Any) -> Declared:
    classes: dict[str, type] = {}
    seen: dict[int, Any] = {}  # an alias, or a class by its fields, may be in itself
    pending, is_open = [kind], False
    while pending:
        part = pending.pop()
        if id(part) in seen:
            continue
        seen[id(part)] = part
        if isinstance(named := typing.get_origin(part) or part, type):
            classes[reference_to(named)] = named
        inner = _inside(part)
        is_open = is_open or inner is None
        # A class that only cloudpickle can store may have fields, and they name classes.
        pending += (_fields(part) or []) if inner is None else inner
    return Declared(classes, is_open)


_kept = functools.lru_cache(maxsize=1024)(_new)


def _inside(kind: Any) -> list[Any] | None:
    """The types that a type is made of; None where its values may be anything."""
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if kind is None or kind is Ellipsis:
        return []
    if origin is typing.Annotated:
        return [kind.__origin__]
    if origin is typing.Literal:
        return [type(each) for each in parts]
    if origin in (typing.Required, typing.NotRequired) or len(alternatives(kind)) > 1:
        return list(parts)
    if isinstance(kind, typing.TypeVar):
        return list(kind.__constraints__) or ([kind.__bound__] if kind.__bound__ else None)
    for name in ("__supertype__", "__value__"):  # of a NewType, and of an alias
        if not isinstance(kind, type) and hasattr(kind, name):
            return [getattr(kind, name)]
    if origin in _CONTAINERS:
        return list(parts)
    return _inside_class(origin or kind)


def _inside_class(cls: Any) -> list[Any] | None:
    if not isinstance(cls, type) or cls in _CONTAINERS:  # of anything
        return None
    if cls in _SCALARS:
        return []
    if hasattr(cls, "__required_keys__"):  # a TypedDict
        return _fields(cls)
    if holds_table(cls):
        # A column may hold objects, which Arrow does not know.
        return None if cls.__module__.partition(".")[0] in ("pandas", "polars") else []
    reducer = reducer_of(cls)
    if reducer is None:
        return None
    return _fields(cls) if reducer.has_fields else []


def _fields(kind: Any) -> list[Any] | None:
    """The types of the fields of a class; None where an annotation cannot be resolved."""
    if hasattr(kind, "model_fields"):
        if kind.model_config.get("extra") == "allow" or kind.__private_attributes__:
            return None
        return [field.annotation for field in kind.model_fields.values()]
    try:
        return list(typing.get_type_hints(kind, include_extras=True).values())
    except Exception:  # noqa: BLE001 - an annotation may be any code, and need not be known here
        return None


def _loaded(reference: str) -> object:
    """What a reference leads to in a module that is imported; nothing is run to find it."""
    module, _, qualname = reference.partition(":")
    found: object = sys.modules.get(module)
    for part in qualname.split("."):
        found = vars(found).get(part) if isinstance(found, (type, types.ModuleType)) else None
    return found


def _imported(reference: str) -> object:
    try:
        importlib.import_module(reference.partition(":")[0])
    except ImportError:
        return None
    return _loaded(reference)
