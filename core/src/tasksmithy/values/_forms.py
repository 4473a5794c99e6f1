"""Objects that are made of other values: how they are taken apart and put together.

Dates, paths, enums, dataclasses, named tuples and pydantic models. Each type has one `Form`; what
has none is for cloudpickle.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import hashlib
import importlib
import sys
import typing
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tasksmithy.values._files import Dir, File

Parts = tuple[Any, ...]

_BREAK = "\n"  # between the words of a shape; names of generic classes have spaces in them


@dataclass(frozen=True, slots=True)
class Form:
    """How the objects of one type are taken apart and put together.

    Attributes:
        shape: names the type and its parts, and is stored with every object: when either has
            changed, the text differs.
        apart: the parts of an object; None for an object that holds more than its parts.
        together: the object from its parts. It runs no constructor of a user's class.
        identity: the parts that make two objects equal; as `apart`, where not given.
        names: the parts as code has them, for errors: `".x"`.
        defined: the class, where `shape` refers to it by module and name.
    """

    shape: str
    apart: Callable[[Any], Parts | None]
    together: Callable[[Parts], Any]
    identity: Callable[[Any], Parts | None]
    names: tuple[str, ...] = ()
    defined: type | None = None


def form_of(cls: type) -> Form | None:
    """The form of a type; None where it has none."""
    known = _plain_forms()[0].get(cls)
    if known is not None:
        return known
    if issubclass(cls, enum.Enum):
        return _enum_form(cls)
    if _pickles_itself(cls):
        return None
    if dataclasses.is_dataclass(cls):
        return _dataclass_form(cls)
    if issubclass(cls, tuple) and hasattr(cls, "_fields"):
        return _namedtuple_form(cls)
    return _model_form(cls) if hasattr(cls, "__pydantic_fields_set__") else None


def holds_table(cls: type) -> bool:
    """Whether objects of a class hand out their content as Arrow, as tables and data frames do."""
    return hasattr(cls, "__arrow_c_stream__")


def form_from(shape: str, classes: Mapping[str, type]) -> Form:
    """The form that a shape names.

    Args:
        shape: as stored.
        classes: classes by reference that are looked at before any module is imported.

    Raises:
        ImportError, AttributeError: the class is not there any more.
        ValueError: it is not what it was.
    """
    if _BREAK not in shape:
        return _plain_forms()[1][shape]
    reference = shape.split(_BREAK)[1]
    cls = class_named(reference, classes)
    form = form_of(cls) if isinstance(cls, type) else None
    if form is None or form.shape != shape:
        now = form.shape if form is not None else "something else"
        was, now = (" ".join(text.split(_BREAK)) for text in (shape, now))
        raise ValueError(f"it was stored as {was!r}, which is {now!r} now")
    return form


def reference_to(cls: type) -> str:
    """The module and name of a class: `pkg.module:Class.Inner`."""
    # A spawned process runs the main module under a name of its own.
    module = "__main__" if cls.__module__ == "__mp_main__" else cls.__module__
    return f"{module}:{cls.__qualname__}"


def class_named(reference: str, classes: Mapping[str, type]) -> Any:
    """The class of a reference: one of `classes`, or else imported.

    Raises:
        ImportError, AttributeError: there is none.
    """
    return classes.get(reference) or _imported(reference)


def is_importable(cls: type) -> bool:
    """Whether another process finds the class by its reference; never one of the main module."""
    reference = reference_to(cls)
    try:
        return not reference.startswith("__main__:") and _imported(reference) is cls
    except (ImportError, AttributeError):
        return False


def classes_in(kind: Any) -> dict[str, type]:
    """The classes that a declared type names, also in its fields, by reference."""
    found: dict[str, type] = {}
    pending = [kind]
    while pending:
        part = pending.pop()
        pending += typing.get_args(part)
        if (origin := typing.get_origin(part)) is not None:
            pending.append(origin)
        if isinstance(part, type) and part.__module__ != "builtins":
            reference = reference_to(part)
            if found.get(reference) is not part:
                found[reference] = part
                pending += _annotations(part)
    return found


def _annotations(cls: type) -> list[Any]:
    try:
        return list(typing.get_type_hints(cls, include_extras=True).values())
    except Exception:  # noqa: BLE001 - an annotation may be any code, and need not be known here
        return []


def _imported(reference: str) -> Any:
    module, _, qualname = reference.partition(":")
    found: Any = sys.modules.get(module) or importlib.import_module(module)
    for part in qualname.split("."):
        found = getattr(found, part)
    return found


def _pickles_itself(cls: type) -> bool:
    """Whether a class says in its own code how it is pickled, which then decides."""
    for name in ("__reduce_ex__", "__reduce__", "__getstate__"):
        method = getattr(cls, name, None)
        home = str(getattr(method, "__module__", "")).partition(".")[0]
        if method is not getattr(object, name, None) and home not in ("dataclasses", "pydantic"):
            return True
    return False


def _enum_form(cls: type[enum.Enum]) -> Form:
    if issubclass(cls, enum.Flag):
        # Members of a flag combine into values that have no name of their own.
        return _record(
            "flag",
            cls,
            ["value"],
            apart=lambda member: (member.value,),
            together=lambda parts: cls(*parts),
        )
    return _record(
        "enum",
        cls,
        ["name", "value"],
        apart=lambda member: (member.name,),
        together=lambda parts: cls[parts[0]],
        identity=lambda member: (member.name, member.value),
    )


def _dataclass_form(cls: Any) -> Form | None:
    fields = dataclasses.fields(cls)
    names = {field.name for field in fields}
    slots = {name for base in cls.__mro__ for name in _slots(base)}
    if cls.__new__ is not object.__new__ or not slots <= names | {"__dict__", "__weakref__"}:
        return None  # it is more than its fields: an exception, a dict, ...
    ignored = {field.name for field in fields if cls.__dataclass_params__.eq and not field.compare}

    def apart(value: Any) -> Parts | None:
        if not getattr(value, "__dict__", {}).keys() <= names:
            return None
        return attributes(value)

    def together(parts: Parts) -> Any:
        value = object.__new__(cls)
        for field, part in zip(fields, parts, strict=True):
            object.__setattr__(value, field.name, part)
        return value

    def identity(value: Any) -> Parts | None:
        return attributes(value, ignored)

    def attributes(value: Any, without: Collection[str] = ()) -> Parts | None:
        try:
            return tuple(
                [None if field.name in without else getattr(value, field.name) for field in fields]
            )
        except AttributeError:  # a field that was never set
            return None

    shape_names = [field.name for field in fields]
    return _record("dataclass", cls, shape_names, apart, together, identity)


def _slots(cls: type) -> Collection[str]:
    slots: str | Collection[str] = vars(cls).get("__slots__", ())
    return [slots] if isinstance(slots, str) else slots


def _namedtuple_form(cls: Any) -> Form:
    def apart(value: Any) -> Parts | None:
        return None if getattr(value, "__dict__", None) else tuple(value)

    def together(parts: Parts) -> Any:
        return tuple.__new__(cls, parts)

    return _record("namedtuple", cls, cls._fields, apart, together)


def _model_form(cls: Any) -> Form:
    fields = tuple(cls.model_fields)
    state = ("__pydantic_extra__", "__pydantic_private__", "__pydantic_fields_set__")

    def apart(value: Any) -> Parts | None:
        values = value.__dict__
        if not values.keys() >= set(fields):
            return None  # made by model_construct, without some fields
        facts = value.__getstate__()
        return (*(values[name] for name in fields), *(facts.get(name) for name in state))

    def together(parts: Parts) -> Any:
        value = cls.__new__(cls)
        count = len(fields)
        values = dict(zip(fields, parts[:count], strict=True))
        value.__setstate__({"__dict__": values, **dict(zip(state, parts[count:], strict=True))})
        return value

    def identity(value: Any) -> Parts | None:
        parts = apart(value)
        return None if parts is None else parts[:-1]  # what was given and what is default

    return _record("model", cls, (*fields, *state), apart, together, identity)


def _record(
    kind: str,
    cls: type,
    names: Sequence[str],
    apart: Callable[[Any], Parts | None],
    together: Callable[[Parts], Any],
    identity: Callable[[Any], Parts | None] | None = None,
) -> Form:
    return Form(
        shape=_BREAK.join([kind, reference_to(cls), *names]),
        apart=apart,
        together=together,
        identity=identity or apart,
        names=tuple(f".{name}" for name in names),
        defined=cls,
    )


@functools.cache
def _plain_forms() -> tuple[dict[type, Form], dict[str, Form]]:
    """The forms of types that come with Python and tasksmithy, by type and by shape."""
    # Only values other than builtin ones pay for these imports.
    import datetime as dt
    import decimal
    import pathlib
    import uuid
    import zoneinfo

    def clock(value: Any) -> Parts:
        return (value.hour, value.minute, value.second, value.microsecond, value.tzinfo, value.fold)

    def text(value: Any) -> Parts:
        return (str(value),)

    def path(value: Any) -> Parts:
        return (value.path,)

    def with_fold(cls: Any) -> Callable[[Parts], Any]:
        return lambda parts: cls(*parts[:-1], fold=parts[-1])

    apart: dict[Any, Callable[[Any], Parts | None]] = {
        complex: lambda value: (value.real, value.imag),
        bytearray: lambda value: (bytes(value),),
        range: lambda value: (value.start, value.stop, value.step),
        dt.date: lambda value: (value.year, value.month, value.day),
        dt.time: clock,
        dt.datetime: lambda value: (value.year, value.month, value.day, *clock(value)),
        dt.timedelta: lambda value: (value.days, value.seconds, value.microseconds),
        dt.timezone: lambda value: value.__getinitargs__(),
        zoneinfo.ZoneInfo: lambda value: (value.key,) if value.key else None,
        decimal.Decimal: text,
        uuid.UUID: text,
        pathlib.PurePosixPath: text,
        pathlib.PureWindowsPath: text,
        type(pathlib.Path()): text,
        File: path,
        Dir: path,
    }
    together = {cls: with_fold(cls) for cls in (dt.time, dt.datetime)}
    identity: dict[Any, Callable[[Any], Parts]] = {File: _content, Dir: _contents}
    by_type = {
        cls: Form(
            shape=cls.__name__,
            apart=taken,
            together=together.get(cls) or _called(cls),
            identity=identity.get(cls, taken),
        )
        for cls, taken in apart.items()
    }
    return by_type, {form.shape: form for form in by_type.values()}


def _called(cls: Any) -> Callable[[Parts], Any]:
    return lambda parts: cls(*parts)


def _content(file: File) -> Parts:
    opened: Any  # typeshed asks for more than an IO has
    with file.open("rb") as opened:
        return (hashlib.file_digest(opened, "sha256").digest(),)


def _contents(folder: Dir) -> Parts:
    return tuple((name, *_content(folder.file(name))) for name in folder.names())
