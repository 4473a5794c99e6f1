"""The reducers of all types: standard ones, and of a user's enums, records and models.

What has no reducer is for cloudpickle.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
from collections.abc import Callable, Collection, Sequence
from types import MemberDescriptorType
from typing import Any

from tasksmithy.values._annotations import reference_to, type_name
from tasksmithy.values._reducer import Parts, Reducer
from tasksmithy.values._standard_reducers import standard_reducer, standard_reducer_for

_PLAIN = {str, int, float, bool, bytes}
_BREAK = "\n"  # between the words of a shape; names of generic classes have spaces in them


def reducer_of(cls: type) -> Reducer | None:
    """The reducer of a type; None where it has none."""
    known = standard_reducer(cls)
    if known is not None:
        return known
    if issubclass(cls, enum.Enum):
        return _of_enum(cls)
    if _pickles_itself(cls):
        return None
    if dataclasses.is_dataclass(cls):
        return _of_dataclass(cls)
    if issubclass(cls, tuple) and hasattr(cls, "_fields"):
        return _of_namedtuple(cls)
    return _of_model(cls) if hasattr(cls, "__pydantic_fields_set__") else None


def reducer_for(shape: str, find: Callable[[str], type]) -> Reducer:
    """The reducer of the type that a shape names.

    Args:
        shape: as stored.
        find: the class of a reference.

    Raises:
        LookupError: as `find` does.
        ValueError: the class is not what it was.
    """
    words = shape.split(_BREAK)
    if len(words) == 1:
        standard = standard_reducer_for(shape)
        if standard.cls is not None:
            find(reference_to(standard.cls))
        return standard
    found = reducer_of(find(words[1]))
    if found is None or found.shape != shape:
        now = found.shape if found is not None else "something else"
        was, now = (" ".join(text.split(_BREAK)) for text in (shape, now))
        raise ValueError(f"it was stored as {was!r}, which is {now!r} now")
    return found


def words_of(shape: str) -> tuple[str, str, list[str]]:
    """What a shape says: the kind, or a standard type; a class, or ""; the names of its fields."""
    kind, *words = shape.split(_BREAK)
    title = words[0].rpartition(":")[2] if words else ""
    return kind, title, [field.partition(":")[0] for field in words[1:]]


def holds_table(cls: type) -> bool:
    """Whether objects of a class hand out their content as Arrow, as tables and data frames do."""
    return hasattr(cls, "__arrow_c_stream__")


def _pickles_itself(cls: type) -> bool:
    """Whether a class says in its own code how it is pickled, which then decides."""
    for name in ("__reduce_ex__", "__reduce__", "__getstate__", "__setstate__"):
        method = getattr(cls, name, None)
        home = str(getattr(method, "__module__", "")).partition(".")[0]
        if method is not getattr(object, name, None) and home not in ("dataclasses", "pydantic"):
            return True
    return False


def _of_enum(cls: type[enum.Enum]) -> Reducer:
    if issubclass(cls, enum.Flag):
        # Members of a flag combine into values that have no name of their own.
        return Reducer(
            _shape("flag", cls), lambda member: (member.value,), lambda parts: cls(*parts), cls=cls
        )

    def value_of(member: enum.Enum) -> object:
        value = member.value  # a function, for example, is no part; the name alone tells it then
        parts = value if type(value) is tuple else (value,)
        return value if {type(part) for part in parts} <= _PLAIN else None

    def make(parts: Parts) -> enum.Enum:
        name, value = parts
        member = cls.__members__[name]
        if value_of(member) != value:
            raise ValueError(f"{member} was stored with the value {value!r}")
        return member

    return Reducer(
        _shape("enum", cls), lambda member: (member.name, value_of(member)), make, cls=cls
    )


def _of_dataclass(cls: Any) -> Reducer | None:
    fields = {field.name: field.type for field in dataclasses.fields(cls)}
    slots = {name for base in cls.__mro__ for name in _slots(base)}
    if cls.__new__ is not object.__new__ or not slots <= {*fields, "__dict__", "__weakref__"}:
        return None  # it is more than its fields: an exception, a dict, ...
    if any(_runs_code(getattr(cls, name, None)) for name in fields):
        return None
    computed = {
        name
        for base in cls.__mro__
        for name, member in vars(base).items()
        if isinstance(member, functools.cached_property)
    }
    allowed = {*fields, *computed}

    def reduce(value: Any) -> Parts | None:
        if not getattr(value, "__dict__", {}).keys() <= allowed:
            return None
        try:
            return tuple([getattr(value, name) for name in fields])
        except AttributeError:  # a field that was never set
            return None

    def fill(value: Any, parts: Parts) -> None:
        for name, part in zip(fields, parts, strict=True):
            object.__setattr__(value, name, part)

    return _of_fields("dataclass", cls, fields, reduce, lambda _: object.__new__(cls), fill)


def _runs_code(member: object) -> bool:
    """Whether to set an attribute calls a method of the class's member of that name."""
    return hasattr(type(member), "__set__") and not isinstance(member, MemberDescriptorType)


def _slots(cls: type) -> Collection[str]:
    slots: str | Collection[str] = vars(cls).get("__slots__", ())
    return [slots] if isinstance(slots, str) else slots


def _of_namedtuple(cls: Any) -> Reducer:
    hints = getattr(cls, "__annotations__", {})
    fields = {name: hints.get(name, Any) for name in cls._fields}

    def reduce(value: Any) -> Parts | None:
        return None if getattr(value, "__dict__", None) else tuple(value)

    def make(parts: Parts) -> Any:
        if len(parts) != len(fields):
            raise ValueError(f"{len(parts)} values for {len(fields)} fields")
        return tuple.__new__(cls, parts)

    return _of_fields("namedtuple", cls, fields, reduce, make)


def _of_model(cls: Any) -> Reducer:
    fields = {name: field.annotation for name, field in cls.model_fields.items()}
    state = ("__pydantic_extra__", "__pydantic_private__", "__pydantic_fields_set__")

    def reduce(value: Any) -> Parts | None:
        values = value.__dict__
        if not values.keys() >= fields.keys():
            return None  # made by model_construct, without some fields
        facts = value.__getstate__()
        return (*(values[name] for name in fields), *(facts.get(name) for name in state))

    def fill(value: Any, parts: Parts) -> None:
        facts = dict(zip((*fields, *state), parts, strict=True))
        for name in state:
            object.__setattr__(value, name, facts.pop(name))
        object.__setattr__(value, "__dict__", facts)

    all_parts: dict[str, Any] = {**fields, **dict.fromkeys(state, Any)}
    return _of_fields("model", cls, all_parts, reduce, lambda _: object.__new__(cls), fill)


def _of_fields(
    kind: str,
    cls: type,
    fields: dict[str, Any],
    reduce: Callable[[Any], Parts | None],
    make: Callable[[Parts], Any],
    fill: Callable[[Any, Parts], None] | None = None,
) -> Reducer:
    described = [
        f"{name}: {hint if isinstance(hint, str) else type_name(hint)}"
        for name, hint in fields.items()
    ]
    names = tuple(f".{name}" for name in fields)
    shape = _shape(kind, cls, described)
    return Reducer(shape, reduce, make, fill, names=names, cls=cls, has_fields=True)


def _shape(kind: str, cls: type, fields: Sequence[str] = ()) -> str:
    return _BREAK.join([kind, reference_to(cls), *fields])
