"""The structure of a type as JSON values: all that a second program needs, which imports nothing.

`{"kind": "list", "item": {"kind": "integer"}}` is `list[int]`. The kinds are a closed list; the
page "Write a renderer" has all of them. What is no data that the list knows is `pickled`.
"""

from __future__ import annotations

import collections
import dataclasses
import enum
import typing
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from tasksmithy.values._annotations import (
    alternatives,
    importable_module,
    is_named_tuple,
    member_types,
    type_name,
)
from tasksmithy.values._files import Dir, File
from tasksmithy.values._reducers import holds_table
from tasksmithy.values._stable_json import stable_json
from tasksmithy.values._type_check import is_typed_dict, required_keys

Structure = dict[str, Any]

SCALARS: Final[Mapping[str, str]] = {
    "builtins:NoneType": "none",
    "builtins:bool": "boolean",
    "builtins:int": "integer",
    "builtins:float": "float",
    "builtins:complex": "complex",
    "builtins:str": "string",
    "builtins:bytes": "bytes",
    "decimal:Decimal": "decimal",
    "datetime:datetime": "datetime",
    "datetime:date": "date",
    "datetime:time": "time",
    "datetime:timedelta": "duration",
    "uuid:UUID": "uuid",
}
"""The kinds without parts, by their class."""

_LISTS = (
    *(list, collections.deque, collections.abc.Sequence, collections.abc.MutableSequence),
    *(collections.abc.Collection, collections.abc.Iterable),
)
_SETS = (set, frozenset, collections.abc.Set, collections.abc.MutableSet)
_MAPPINGS = (
    *(dict, collections.OrderedDict, collections.defaultdict, collections.Counter),
    *(collections.abc.Mapping, collections.abc.MutableMapping),
)
_CONTAINERS: Final[Mapping[Any, str]] = {
    **dict.fromkeys(_LISTS, "list"),
    **dict.fromkeys(_SETS, "set"),
    **dict.fromkeys(_MAPPINGS, "dict"),
}
_BARE_TUPLE: Final = typing.Tuple  # noqa: UP006 - as some write it, without its parts
_PLAIN = (list, set, dict)  # which a container is that names no class

_KEPT: weakref.WeakKeyDictionary[type, Structure] = weakref.WeakKeyDictionary()


def structure(kind: Any) -> Structure:
    """The structure of a type: JSON values, to be read and not changed."""
    return _structure(kind, ())


def class_reference(cls: Any) -> str:
    """The module and name of a class, by which another process imports it."""
    return f"{importable_module(cls.__module__)}:{cls.__qualname__}"


def _structure(kind: Any, around: tuple[str, ...]) -> Structure:
    """The structure of a type inside the records and aliases of these names."""
    if kind is Any:
        return {"kind": "any"}
    if kind is None:
        kind = type(None)
    origin = typing.get_origin(kind)
    if origin is None and isinstance(kind, type):
        if around:
            return _of_class(kind, (), around)
        if (found := _KEPT.get(kind)) is None:
            found = _of_class(kind, (), around)
            if found["kind"] != "record" or "fields" in found:  # its annotations may be known later
                _KEPT[kind] = found
        return found
    if origin is typing.Annotated:
        return _of_annotated(kind, around)
    if len(members := alternatives(kind)) > 1:
        return {"kind": "union", "members": [_structure(each, around) for each in members]}
    parts = typing.get_args(kind)
    if origin is tuple and not parts and kind is not _BARE_TUPLE:
        return {"kind": "tuple", "items": []}
    if origin is typing.Literal:
        return {"kind": "literal", "values": [_literal(each) for each in parts]}
    if isinstance(origin, type):
        return _of_class(origin, parts, around)
    return _of_form(kind, origin, parts, around)


def _of_form(kind: Any, origin: Any, parts: Any, around: tuple[str, ...]) -> Structure:
    """The structure of what is a type by a special form alone."""
    if origin in (typing.Required, typing.NotRequired):
        return _structure(parts[0], around)
    if isinstance(kind, typing.TypeVar):
        members = kind.__constraints__ or (kind.__bound__ or Any,)
        return _structure(typing.Union[members], around)  # noqa: UP007 - made at run time
    if hasattr(kind, "__supertype__"):  # a NewType is its supertype
        return _structure(kind.__supertype__, around)
    if hasattr(kind, "__value__"):  # an alias, which may be in itself
        name = f"{importable_module(kind.__module__)}:{kind.__name__}"
        if name in around:
            return {"kind": "reference", "class": name}
        return {**_structure(kind.__value__, (*around, name)), "alias": name}
    return {"kind": "pickled", "name": type_name(kind)}


def _of_class(cls: Any, parts: Any, around: tuple[str, ...]) -> Structure:
    name = class_reference(cls)
    if (scalar := SCALARS.get(name)) is not None:
        return {"kind": scalar}
    if issubclass(cls, enum.Enum):
        return _of_enum(cls, name)
    if (container := _CONTAINERS.get(cls)) is not None:
        return _of_container(cls, container, parts, around)
    if cls is tuple:
        if parts and parts[-1] is not Ellipsis:
            return {"kind": "tuple", "items": [_structure(each, around) for each in parts]}
        return {"kind": "tuple", "item": _structure(parts[0] if parts else Any, around)}
    if cls is File or cls is Dir:
        return {"kind": "file" if cls is File else "dir"}
    if name.startswith("pathlib"):  # whose classes are elsewhere in Python 3.13
        return {"kind": "path", "class": f"pathlib:{cls.__qualname__}"}
    if holds_table(cls):
        return {"kind": "frame", "class": name}
    for base in cls.__mro__[1:-1]:
        if (scalar := SCALARS.get(class_reference(base))) is not None:
            return {"kind": scalar, "class": name}
    if (form := _record_form(cls)) is not None:
        return _of_record(cls, parts, form, around)
    found = {"kind": "pickled", "class": name}
    return {**found, "name": type_name(cls[parts])} if parts else found


def _of_container(cls: Any, kind: str, parts: Any, around: tuple[str, ...]) -> Structure:
    if kind == "dict":
        counted = (int,) if cls is collections.Counter else (Any,)
        key, value = (*parts, *counted)[:2] if parts else (Any, *counted)
        found = {"kind": kind, "key": _structure(key, around), "value": _structure(value, around)}
    else:
        found = {"kind": kind, "item": _structure(parts[0] if parts else Any, around)}
    return found if cls in _PLAIN else {**found, "class": class_reference(cls)}


def _of_enum(cls: type[enum.Enum], name: str) -> Structure:
    members = []
    for member in cls:
        described: Structure = {"name": member.name}
        with suppress(ValueError):  # it has a name alone
            described["value"] = stable_json(Any, member.value)
        members.append(described)
    return {"kind": "enum", "class": name, "members": members}


def _literal(value: Any) -> object:
    if isinstance(value, enum.Enum):
        return {"enum": class_reference(type(value)), "name": value.name}
    return {"bytes": value.hex()} if isinstance(value, bytes) else value


# Records


def _record_form(cls: Any) -> str | None:
    if is_typed_dict(cls):
        return "typed_dict"
    if is_named_tuple(cls):
        return "named_tuple"
    if hasattr(cls, "model_fields"):
        return "model"
    return "dataclass" if dataclasses.is_dataclass(cls) else None


def _of_record(cls: Any, parts: Any, form: str, around: tuple[str, ...]) -> Structure:
    generic = getattr(cls, "__pydantic_generic_metadata__", {})
    if generic.get("origin") is not None:  # pydantic makes a class of each
        origin, parts = generic["origin"], generic["args"]
    else:
        origin = cls
    name = class_reference(origin)
    reference: Structure = {"kind": "reference", "class": name}
    arguments = [_structure(part, around) for part in parts]
    if arguments:
        reference["arguments"] = arguments
    if str(reference) in around:
        return reference
    found = {**reference, "kind": "record", "form": form}
    try:
        fields = _FIELDS[form](cls)
    except Exception:  # noqa: BLE001 - an annotation may be any code, and need not be known here
        return found
    bound = dict(zip(getattr(cls, "__parameters__", ()), parts, strict=False))
    inside = (*around, str(reference))
    found["fields"] = [
        _field(field, kind, default, bound, inside) for field, (kind, default) in fields.items()
    ]
    schema = _schema(cls[parts] if bound else cls)
    return found if schema is None else {**found, "schema": schema}


_REQUIRED: Final = object()
_BY_THE_CLASS: Final = object()

Fields = Mapping[str, tuple[Any, Any]]


def _field(
    name: str, kind: Any, default: Any, bound: Mapping[Any, Any], around: tuple[str, ...]
) -> Structure:
    if bound and (free := getattr(kind, "__parameters__", ())):
        kind = kind[tuple(bound.get(each, each) for each in free)]
    found = {
        "name": name,
        "type": _structure(bound.get(kind, kind) if bound else kind, around),
        "required": default is _REQUIRED,
    }
    if default is _REQUIRED or default is _BY_THE_CLASS:
        return found
    try:
        return {**found, "default": stable_json(kind, default)}
    except ValueError:  # the class gives it
        return found


def _of_dataclass(cls: Any) -> Fields:
    hints = typing.get_type_hints(cls, include_extras=True)
    found = {}
    for each in dataclasses.fields(cls):
        if each.init:
            default = each.default
            if default is dataclasses.MISSING:
                made = each.default_factory is not dataclasses.MISSING
                default = _BY_THE_CLASS if made else _REQUIRED
            found[each.name] = (hints[each.name], default)
    return found


def _of_model(cls: Any) -> Fields:
    return {
        name: (
            each.annotation,
            _REQUIRED
            if each.is_required()
            else _BY_THE_CLASS
            if each.default_factory is not None
            else each.default,
        )
        for name, each in cls.model_fields.items()
    }


def _of_typed_dict(cls: Any) -> Fields:
    required = required_keys(cls)
    hints = typing.get_type_hints(cls, include_extras=True)
    return {
        name: (hint, _REQUIRED if name in required else _BY_THE_CLASS)
        for name, hint in hints.items()
    }


def _of_named_tuple(cls: Any) -> Fields:
    defaults = cls._field_defaults
    return {name: (kind, defaults.get(name, _REQUIRED)) for name, kind in member_types(cls).items()}


_FIELDS: Final[Mapping[str, Callable[[Any], Fields]]] = {
    "dataclass": _of_dataclass,
    "model": _of_model,
    "typed_dict": _of_typed_dict,
    "named_tuple": _of_named_tuple,
}


def _schema(kind: Any) -> Any:
    """The JSON schema of a type; None where it has none."""
    from tasksmithy.values._conversion import json_schema  # pydantic, which scalars do not need

    return json_schema(kind)


# Annotated


def _of_annotated(kind: Any, around: tuple[str, ...]) -> Structure:
    base, extras = kind.__origin__, kind.__metadata__
    found = _structure(base, around)
    if found["kind"] == "frame":
        return {**found, **_of_columns(extras, around)}
    constraints = tuple(each for each in extras if _is_constraint(each))
    return _constrained(base, found, constraints, around) if constraints else found


def _constrained(
    base: Any, plain: Structure, extras: tuple[Any, ...], around: tuple[str, ...]
) -> Structure:
    """The structure of a type with what pydantic reads of what is annotated to it."""
    found = dict(plain)
    with_, without = _schema(typing.Annotated[(base, *extras)]) or {}, _schema(base) or {}
    said = {key: each for key, each in with_.items() if without.get(key) != each}
    if plain["kind"] == "union":
        said.pop("anyOf", None)
        found["members"] = []
        for member in alternatives(base):
            inner = _structure(member, around)
            if member is not type(None):  # each has them, as pydantic has it
                inner = _constrained(member, inner, extras, around)
                own = inner.get("constraints", {})
                own = {key: each for key, each in own.items() if key not in said}
                inner = {key: each for key, each in inner.items() if key != "constraints"}
                inner |= {"constraints": own} if own else {}
            found["members"].append(inner)
    return found | ({"constraints": said} if said else {})


def _is_constraint(extra: object) -> bool:
    return type(extra).__module__.partition(".")[0] in ("pydantic", "annotated_types")


def _of_columns(extras: tuple[Any, ...], around: tuple[str, ...]) -> Structure:
    """The columns, the format and the schema that are annotated to a data frame."""
    found: Structure = {}
    for extra in extras:
        if isinstance(extra, Mapping):
            found["columns"] = [
                {"name": str(name), "type": _structure(kind, around)}
                for name, kind in _flat(extra).items()
            ]
        elif isinstance(extra, str):
            found["format"] = extra
        elif type(extra).__module__.startswith("pyarrow"):
            found["arrow_schema"] = extra.to_string()
    return found


def _flat(columns: Mapping[Any, Any], above: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, kind in columns.items():
        if isinstance(kind, Mapping):
            found |= _flat(kind, f"{above}{name}.")
        else:
            found[f"{above}{name}"] = kind
    return found
