"""ObjectWalk: values, classes and objects written down with all the code of the user's in them."""

from __future__ import annotations

import builtins
import functools
import os
import re
import sys
import types
import typing
from _abc import _get_dump  # type: ignore[import-not-found]
from abc import ABCMeta
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import Context, ContextVar
from hashlib import blake2b
from types import (
    BuiltinFunctionType,
    FunctionType,
    GetSetDescriptorType,
    MappingProxyType,
    MemberDescriptorType,
    MethodType,
)
from typing import Any, ClassVar
from weakref import ReferenceType, WeakKeyDictionary, WeakSet, WeakValueDictionary

from tasksmithy._texts import shorten
from tasksmithy.errors import TasksmithyError, ValueEncodingError
from tasksmithy.values._annotations import by_importable_modules, importable_module
from tasksmithy.values._identity import digest
from tasksmithy.values._installed_code import is_installed, version_of

PLAIN = frozenset({type(None), bool, int, float, complex, str, bytes, type(...)})
"""The types of values that hold nothing else, and no code."""

_CONTAINERS: tuple[Any, ...] = (list, tuple, dict, set, frozenset, MappingProxyType, deque)
_LARGE = 16  # items from which on a container is data, as a rule, and is written faster as that
_DEEPEST = 50  # containers inside each other
_TYPES = ("__supertype__", "__value__", "__bound__", "__constraints__", "__default__")
"""What a `NewType`, a type alias and a type variable stand for, as far as they have it."""
_WORD = re.compile(r"[^\W\d]\w*")

_MADE_BY_PYTHON = frozenset(
    {
        *("__dict__", "__weakref__", "__module__", "__qualname__", "__annotations_cache__"),
        *("__firstlineno__", "__static_attributes__", "__dataclass_params__", "_abc_impl"),
        "__slotnames__",  # left by pickle and copy
    }
)
"""What a class has that says nothing, or where it is, or what its methods say."""


class ObjectWalk:
    """A walk over objects. Each that has code is a part, written once; its name refers to it.

    Attributes:
        parts: a digest of each part, by its name.
        doubts: what was met that does not count as it is, but as more or as less; in words.
    """

    def __init__(self) -> None:
        self.parts: dict[str, str] = {}
        self.doubts: dict[str, None] = {}  # in order, each once
        self._names: dict[int, tuple[str, object]] = {}  # with the object, so that its id is its
        self._used: dict[str, int] = {}
        self._to_write: deque[tuple[str, Callable[[], str]]] = deque()
        self._inside: set[int] = set()

    def write_parts(self) -> None:
        """Write what has been referred to, until there is nothing new."""
        while self._to_write:
            name, write = self._to_write.popleft()
            try:
                text = write()
            except TasksmithyError:
                raise
            except Exception as error:  # noqa: BLE001 - to read an object runs code of its own
                text = self._unreadable(name, error)
            self.parts[name] = short(text)

    def _unreadable(self, what: str, error: Exception) -> str:
        problem = shorten(f"{type(error).__name__}: {error}")
        self.doubts[f"{what} cannot be read ({problem}): nothing matches"] = None
        return unmatched()

    def part(self, value: object, name: str, write: Callable[[], str]) -> str:
        """The name of the part that an object is; it is written later.

        Args:
            value: the object.
            name: names it; of several such objects, the later ones have a number.
            write: gives its content.
        """
        known = self._names.get(id(value))
        if known is not None:
            return known[0]
        nth = self._used[name] = self._used.get(name, 0) + 1
        name = name if nth == 1 else f"{name} #{nth}"
        self._names[id(value)] = name, value
        self._to_write.append((name, write))
        return name

    def named(self, where: str, value: Any) -> str:
        """The text for a value that has a name: data is a part too, so that it can be told."""
        text = self.reference(value)
        if text.partition(" #")[0] in self._used:
            return text
        digested, nth, name = short(text), 1, f"value {where}"
        while self.parts.setdefault(name, digested) != digested:
            nth += 1
            name = f"value {where} #{nth}"
        return name

    def reference(self, value: Any) -> str:
        """A text for a value, which names the parts that its code is."""
        kind = type(value)
        if kind in PLAIN:
            return f"{kind.__name__} {value!r}"
        try:
            return self._reference(value, kind)
        except TasksmithyError:
            raise
        except Exception as error:  # noqa: BLE001 - as in write_parts
            # The name as type itself has it: that of a metaclass may raise, too.
            return self._unreadable(f"an object of {type.__repr__(kind)}", error)

    def _reference(self, value: Any, kind: type) -> str:
        if (code := self.code(value)) is not None:
            return code
        if kind in _CONTAINERS:
            return self._container(value, kind)
        if isinstance(value, type):
            return f"class {qualified(value)} of {version_of(value.__module__)}"
        if is_own_class(kind):
            name = f"object of class {qualified(kind)}"
            return self.part(value, name, lambda: self._object(value, kind))
        return self._foreign(value, kind)

    def code(self, value: Any) -> str | None:
        """The text for what has code of the user's own; None for any other value."""
        if isinstance(value, type) and not typing.get_args(value):
            if not is_own_class(value):
                return None
            return self.part(value, f"class {qualified(value)}", lambda: self._class(value))
        for kind, write in self._OF_KIND.items():
            if isinstance(value, kind):
                return write(self, value)
        origin = typing.get_origin(value)
        return None if origin is None else self._generic(value, origin)

    def _class(self, cls: type) -> str:
        text = [self.reference(base) for base in (type(cls), *cls.__bases__)]
        space = vars(sys.modules.get(cls.__module__, builtins))
        for kind in vars(cls).get("__annotations__", {}).values():
            # Of an annotation in quotes, the classes and aliases that it names.
            words = _WORD.findall(kind) if isinstance(kind, str) else ()
            text += [
                self.reference(each) for word in words if _is_own_kind(each := space.get(word))
            ]
        if isinstance(cls, ABCMeta):  # what it is told to be the base of
            text += sorted(self.reference(weak()) for weak in _get_dump(cls)[0])
        for name, value in vars(cls).items():
            if name in _MADE_BY_PYTHON or name.startswith("__pydantic_"):
                continue
            if name == "__dataclass_fields__":
                value = {field: _facts(each) for field, each in value.items()}
            if name == "__doc__" and isinstance(value, str):  # dataclass makes one, with modules
                value = by_importable_modules(value)
            text.append(f"{name}={self.reference(value)}")
        # Where pydantic has put the defaults that the class body has.
        text.append(self.reference(vars(cls).get("__pydantic_fields__", {})))
        return "\n".join([qualified(cls), *text])

    def _object(self, value: Any, cls: Any) -> str:
        """An object of a class of the user's own: its class, and all that it holds."""
        fields = _fields(value, cls)
        content = [f"{name}={self.reference(field)}" for name, field in fields.items()]
        content += [self._container(value, each) for each in _CONTAINERS if isinstance(value, each)]
        if not {cls.__reduce__, cls.__reduce_ex__} <= {object.__reduce__, object.__reduce_ex__}:
            content.append(f"{self._digest(value)}")  # there is more to it, as to an exception
        elif isinstance(value, (int, float, complex, str, bytes)):
            content.append(f"{self._digest(value)}")
        return "\n".join([self.reference(cls), *content])

    def _container(self, value: Any, kind: Any) -> str:
        if len(value) > _LARGE and (text := _of_data(value)) is not None:
            return text
        if id(value) in self._inside:
            return f"{kind.__name__} that it is in"
        if len(self._inside) > _DEEPEST:
            return f"{kind.__name__} {self._digest(value)}"
        self._inside.add(id(value))
        try:
            if isinstance(value, Mapping):
                pairs = [(self.reference(k), self.reference(v)) for k, v in value.items()]
                return f"{kind.__name__} {pairs!r}"
            if kind in (set, frozenset):
                # Parts have numbers in the order in which they are met, which is to be the same in
                # any process.
                value = sorted(value, key=_order)
            items = [self.reference(each) for each in value]
        finally:
            self._inside.discard(id(value))
        return f"{kind.__name__} {sorted(items) if kind in (set, frozenset) else items!r}"

    def _foreign(self, value: Any, kind: type) -> str:
        """An object of a class of a distribution, as the digest of an input has it."""
        if any(hasattr(value, attribute) for attribute in _TYPES):  # its pickle is its name
            name = f"type {importable_module(value.__module__)}.{value.__name__}"
            return self.part(value, name, lambda: self._type(value))
        title = f"{qualified(kind)} of {version_of(kind.__module__)}"
        if (content := self._digest(value)) is not None:
            return f"{title} {content}"
        # A lock, a client, a connection: its class, and what is plain in it.
        self.doubts[f"of an object of class {qualified(kind)}, its class and plain data count"] = (
            None
        )
        plain = [
            f"{name}={self.reference(each)}"
            for name, each in (_attributes(value, kind) | _fields(value, kind)).items()
            if type(each) in PLAIN or self.code(each) is not None
        ]
        return "\n".join([title, *plain])

    def _type(self, value: Any) -> str:
        found = {name: getattr(value, name) for name in _TYPES if hasattr(value, name)}
        texts = [f"{name}={self.reference(each)}" for name, each in found.items()]
        return "\n".join([type(value).__name__, *texts])

    def _digest(self, value: Any) -> str | None:
        """The digest of a value with its code; None where it has no identity."""
        try:
            return digest(value, code=self.code)
        except (ValueEncodingError, RecursionError):
            return None

    def _generic(self, kind: Any, origin: Any) -> str:
        """An annotation with others in it, as `list[Model]`."""
        is_annotated = origin is typing.Annotated
        args = kind.__metadata__ if is_annotated else typing.get_args(kind)
        inner = self.reference(kind.__origin__ if is_annotated else origin)
        return f"{inner}[{', '.join(map(self.reference, args))}]"

    def _method(self, value: MethodType) -> str:
        return f"method({self.reference(value.__func__)} of {self.reference(value.__self__)})"

    def _wrapping(self, value: Any) -> str:
        return f"{qualified(type(value))}({self.reference(value.__func__)})"

    def _property(self, value: property) -> str:
        return f"property({', '.join(map(self.reference, (value.fget, value.fset, value.fdel)))})"

    def _cached_property(self, value: functools.cached_property[Any]) -> str:
        return f"cached property({self.reference(value.func)})"

    def _partial(self, value: functools.partial[Any]) -> str:
        parts = map(self.reference, (value.func, value.args, value.keywords))
        return f"partial({', '.join(parts)})"

    def _lru_cache(self, value: Any) -> str:
        return f"lru_cache({self.reference(value.__wrapped__)} {value.cache_parameters()})"

    def _builtin(self, value: BuiltinFunctionType) -> str:
        of = value.__self__
        owner = "" if value.__module__ else self.reference(of)  # a method has an object instead
        return f"builtin {value.__module__}.{value.__qualname__} of {owner}"

    def _context_variable(self, value: ContextVar[Any]) -> str:
        self.doubts[
            f"of context variable {value.name!r}, the default counts, and not what it is set to"
        ] = None
        try:
            default = self.reference(Context().run(value.get))
        except LookupError:
            default = "none"
        return f"context variable {value.name} {default}"

    def _weak(self, value: ReferenceType[Any]) -> str:
        return f"weak {self.reference(value())}"

    def _weak_mapping(self, value: Mapping[Any, Any]) -> str:
        return f"weak {self.reference(dict(value))}"

    def _weak_set(self, value: WeakSet[Any]) -> str:
        return f"weak {self.reference(set(value))}"

    _OF_KIND: ClassVar[dict[Any, Callable[[Any, Any], str]]] = {
        MethodType: _method,
        staticmethod: _wrapping,
        classmethod: _wrapping,
        property: _property,
        functools.cached_property: _cached_property,
        functools.partial: _partial,
        type(functools.lru_cache(int)): _lru_cache,
        BuiltinFunctionType: _builtin,
        ContextVar: _context_variable,
        ReferenceType: _weak,
        WeakKeyDictionary: _weak_mapping,
        WeakValueDictionary: _weak_mapping,
        WeakSet: _weak_set,
    }
    """How what has code is written, by its type."""


def short(text: str) -> str:
    """A digest of a text."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def qualified(value: FunctionType | type) -> str:
    """The name of a function or class, with its module."""
    return f"{importable_module(value.__module__ or '')}.{value.__qualname__}"


def unmatched() -> str:
    """A text that is that of nothing else, also the next time."""
    return f"none-{os.urandom(16).hex()}"


def _is_own_kind(value: object) -> bool:
    if isinstance(value, type):
        return is_own_class(value)
    return typing.get_origin(value) is not None or any(hasattr(value, name) for name in _TYPES)


def is_own_class(cls: type) -> bool:
    """Whether a class is the user's own, and no distribution's."""
    if cls.__module__ == "types":  # so it says of what its functions have made, whoever calls them
        return not hasattr(types, cls.__qualname__)
    return not is_installed(cls.__module__)


def _fields(value: Any, cls: type) -> dict[str, Any]:
    """The fields of an object: its slots and its dict."""
    found = {}
    for base in cls.__mro__:
        for name, member in vars(base).items():
            if isinstance(member, MemberDescriptorType) and base.__module__ != "builtins":
                try:
                    found[name] = member.__get__(value, cls)
                except AttributeError:
                    continue  # it has no value
    return found | getattr(value, "__dict__", {})


def _attributes(value: Any, cls: type) -> dict[str, Any]:
    """What an object of a class in C shows of itself."""
    found = {}
    for base in cls.__mro__:
        for name, member in vars(base).items():
            if isinstance(member, GetSetDescriptorType) and not name.startswith("__"):
                with suppress(Exception):  # it has its reasons
                    found[name] = member.__get__(value, cls)
    return found


def _of_data(value: Any) -> str | None:
    """The digest of a container without code; None of one with any, or without identity."""
    met: list[object] = []
    try:
        text = digest(value, code=met.append)
    except (ValueEncodingError, RecursionError):
        return None
    return None if any(type(each) not in PLAIN for each in met) else text


def _order(value: object) -> str:
    """A place in an order that does not depend on hashes."""
    try:
        return digest(value)
    except (ValueEncodingError, RecursionError):
        return ""


def _facts(field: Any) -> tuple[Any, ...]:
    """What a dataclass says of one of its fields."""
    said = ("type", "default", "default_factory", "init", "repr", "hash", "compare", "kw_only")
    return (*(getattr(field, name, None) for name in said), dict(field.metadata))
