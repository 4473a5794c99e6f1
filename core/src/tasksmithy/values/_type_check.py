"""Whether a value fits a declared type, as a type checker would say it: nothing is converted.

What is in a container is looked at, too; an iterator is not used up for it. What nothing can tell,
such as a protocol that is not `runtime_checkable`, or a name that is not defined here, fits.
"""

from __future__ import annotations

import functools
import typing
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from tasksmithy._texts import shorten
from tasksmithy.values._annotations import (
    alternatives,
    is_named_tuple,
    member_types,
    type_name,
)

if TYPE_CHECKING:
    from pydantic import TypeAdapter

# As type checkers have it: an int is a float, and either is a complex number.
_NUMBERS: Mapping[Any, tuple[type, ...]] = {
    int: (int,),
    float: (float, int),
    complex: (complex, float, int),
}
# Where the generic classes are whose parameters are the types of what is in them.
_CONTAINERS = ("builtins", "collections", "collections.abc")


class Misfit(NamedTuple):
    """A value, or a part of one, that does not fit.

    Attributes:
        kind: what is declared.
        value: what is there.
        where: where in the value, as code has it (`"[3].keys()[0]"`); empty for all of it.
        problem: what is wrong, as the end of the sentence "it ..."; empty where it is the type.
    """

    kind: Any
    value: Any
    where: str = ""
    problem: str = ""

    def __str__(self) -> str:
        """What there is to say beside the declared type and the whole value; may be empty."""
        if self.problem:
            return f"{self.where or 'it'} {self.problem}"
        if self.where:
            return f"{self.where} is {shorten(self.value)}, no {type_name(self.kind)}"
        return ""


Check = Callable[[Any], Misfit | None]


def misfit(kind: Any, value: Any) -> Misfit | None:
    """What in a value does not fit its declared type; None where all of it does."""
    try:
        return _check(kind)(value)
    except RecursionError:  # nested too deeply to be looked at, or in itself
        return None


def _check(kind: Any) -> Check:
    """What finds the misfit in a value: a type is taken apart once, and values may be many."""
    try:
        return _kept_check(kind)
    except TypeError:  # it cannot be hashed, as an Annotated with a list
        return _new_check(kind)


def _new_check(kind: Any) -> Check:
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if origin is None:
        return _of_class(kind)
    if origin is typing.Annotated:
        return _of_annotated(kind, parts)
    if len(members := alternatives(kind)) > 1:
        return _of_union(kind, members)
    if origin is typing.Literal:
        return lambda value: (
            None
            if any(type(value) is type(each) and value == each for each in parts)
            else Misfit(kind, value)
        )
    if origin in (typing.Required, typing.NotRequired):
        return _check(parts[0])
    if not isinstance(origin, type) or is_typed_dict(origin):
        return _of_class(origin)
    if origin is type:
        return _of_type(kind, parts[0])
    if _may_stand_in(origin):
        return _of_stand_in(kind, origin)
    if origin.__module__ in _CONTAINERS and issubclass(origin, Collection) and parts:
        return _of_container(kind, origin, _of_contents(kind, origin, parts))
    return _instance(kind, (origin,))


def _fits(_: Any) -> None:
    return None


def _of_class(kind: Any) -> Check:
    """The check of a type without parameters."""
    if kind is None:
        return lambda value: None if value is None else Misfit(kind, value)
    if isinstance(kind, typing.TypeVar):
        return _of_union(kind, kind.__constraints__ or (kind.__bound__ or Any,))
    for name in ("__supertype__", "__value__"):  # of a NewType, and of an alias
        if not isinstance(kind, type) and hasattr(kind, name):
            return lambda value: _check(getattr(kind, name))(value)  # it may be in itself
    if not isinstance(kind, type) or kind is Any:
        return _fits
    if is_typed_dict(kind):
        return _of_typed_dict(kind)
    if is_named_tuple(kind):
        return _of_named_tuple(kind)
    if kind in _NUMBERS:
        return _of_number(kind, _NUMBERS[kind])
    try:
        isinstance(None, kind)
    except TypeError:  # a protocol that is not runtime_checkable
        return _fits
    if _may_stand_in(kind):
        return _of_stand_in(kind, kind)
    # One of a generic model may be made without saying of what it is.
    generic = getattr(kind, "__pydantic_generic_metadata__", {}).get("origin")
    return _instance(kind, (generic or kind,))


def _instance(kind: Any, classes: tuple[type, ...]) -> Check:
    return lambda value: None if isinstance(value, classes) else Misfit(kind, value)


def _of_number(kind: Any, classes: tuple[type, ...]) -> Check:
    def check(value: Any) -> Misfit | None:
        fits = isinstance(value, classes) and not isinstance(value, bool)
        return None if fits else Misfit(kind, value)

    return check


def _of_type(kind: Any, base: Any) -> Check:
    def check(value: Any) -> Misfit | None:
        fits = isinstance(value, type) and (not isinstance(base, type) or issubclass(value, base))
        return None if fits else Misfit(kind, value)

    return check


def _of_union(kind: Any, parts: Sequence[Any]) -> Check:
    checks = [_check(part) for part in parts]

    def check(value: Any) -> Misfit | None:
        found = []
        for each in checks:
            problem = each(value)
            if problem is None:
                return None
            found.append(problem)
        # The first that gets further than the type is of what was probably meant.
        return next((each for each in found if str(each)), Misfit(kind, value))

    return check


def _of_container(kind: Any, origin: type, contents: Check) -> Check:
    def check(value: Any) -> Misfit | None:
        if not isinstance(value, origin) or isinstance(value, str):  # a text is no texts
            return Misfit(kind, value)
        return contents(value)

    return check


def _of_contents(kind: Any, origin: type, parts: Sequence[Any]) -> Check:
    """The check of what is in a container of the right class."""
    if origin is tuple and parts[-1] is not Ellipsis:
        return _of_tuple(kind, [_check(part) for part in parts])
    if issubclass(origin, Mapping):
        keys = _of_items(parts[0], lambda _, number: f".keys()[{number}]")
        # A Counter has no more than keys.
        values = _of_items(parts[1], _place_of_value) if len(parts) == 2 else None
        return lambda value: keys(value, value) or (values and values(value, value.values()))
    if len(parts) > 1 and origin is not tuple:
        return _fits
    step = "[{}]" if issubclass(origin, Sequence) else "[...]"
    items = _of_items(parts[0], lambda _, number: step.format(number))
    return lambda value: items(value, value)


def _of_tuple(kind: Any, checks: Sequence[Check]) -> Check:
    def check(value: Any) -> Misfit | None:
        if len(value) != len(checks):
            return Misfit(kind, value)
        for number, (each, item) in enumerate(zip(checks, value, strict=True)):
            if (found := each(item)) is not None:
                return found._replace(where=f"[{number}]{found.where}")
        return None

    return check


def _of_named_tuple(kind: Any) -> Check:
    try:
        checks = {name: _check(member) for name, member in member_types(kind).items()}
    except Exception:  # noqa: BLE001 - an annotation may be any code
        checks = {}

    def check(value: Any) -> Misfit | None:
        if not isinstance(value, kind):
            return Misfit(kind, value)
        for name, each in checks.items():
            if (found := each(getattr(value, name))) is not None:
                return found._replace(where=f".{name}{found.where}")
        return None

    return check


def _place_of_value(mapping: Any, number: int) -> str:
    return f"[{shorten(list(mapping)[number], 40)}]"


def _of_items(
    kind: Any, place: Callable[[Any, int], str]
) -> Callable[[Any, Collection[Any]], Misfit | None]:
    """What finds the first misfit among the items of a container; `place` says where it is."""
    check, is_told_by_class = _check(kind), _is_told_by_class(kind)

    def of_items(container: Any, items: Collection[Any]) -> Misfit | None:
        if check is _fits:
            return None
        if is_told_by_class:  # one of each class stands for a million of them
            samples = dict(zip(map(type, items), items, strict=True)).values()
            if all(check(sample) is None for sample in samples):
                return None
        for number, item in enumerate(items):
            found = check(item)
            if found is not None:
                return found._replace(where=place(container, number) + found.where)
        return None

    return of_items


def _is_told_by_class(kind: Any) -> bool:
    """Whether values of one class fit all, or none of them does."""
    if len(members := alternatives(kind)) > 1:
        return all(map(_is_told_by_class, members))
    if not isinstance(kind, type):
        return kind is None
    if is_typed_dict(kind) or is_named_tuple(kind) or _may_stand_in(kind):
        return False
    return not getattr(kind, "_is_protocol", False)  # which looks at the attributes of each


def is_typed_dict(kind: Any) -> bool:
    """Whether a type is a TypedDict."""
    # Of `typing` or of `typing_extensions`, which is another class below Python 3.12.
    return isinstance(kind, type) and issubclass(kind, dict) and hasattr(kind, "__required_keys__")


def required_keys(kind: Any) -> set[str]:
    """The keys that a dictionary of a TypedDict must have.

    Raises:
        Exception: whatever its annotations raise, which may be any code.
    """
    # What an annotation in quotes says of this, the class itself does not know.
    hints = typing.get_type_hints(kind, include_extras=True)
    said = {name: typing.get_origin(hint) for name, hint in hints.items()}
    required = {name for name in hints if said[name] is typing.Required}
    return required | {
        name for name in kind.__required_keys__ if said[name] is not typing.NotRequired
    }


def _of_typed_dict(kind: Any) -> Check:
    try:
        hints = typing.get_type_hints(kind, include_extras=True)
        required = required_keys(kind)
    except Exception:  # noqa: BLE001 - an annotation may be any code
        return _instance(kind, (dict,))

    def check(value: Any) -> Misfit | None:
        if not isinstance(value, dict):
            return Misfit(kind, value)
        for name, hint in hints.items():
            if name in value:
                found = _check(hint)(value[name])
                if found is not None:
                    return found._replace(where=f"[{name!r}]{found.where}")
            elif name in required:
                return Misfit(kind, value, problem=f"has no {name!r}")
        return None

    return check


def _of_annotated(kind: Any, parts: Sequence[Any]) -> Check:
    check = _check(parts[0])
    # The type itself is checked already, and not as strictly as pydantic would; there are
    # constraints, such as a pattern, that are of one type only.
    constraints = _by_pydantic(kind, typing.Annotated[(Any, *parts[1:])], kind)
    return lambda value: check(value) or constraints(value)


def _may_stand_in(cls: type) -> bool:
    """Whether a class that knows pydantic may stand for values of another class."""
    return hasattr(cls, "__get_pydantic_core_schema__") and not hasattr(cls, "model_fields")


def _of_stand_in(kind: Any, cls: type) -> Check:
    validate = _by_pydantic(kind, kind)
    return lambda value: None if isinstance(value, cls) else validate(value)


def _by_pydantic(kind: Any, *readings: Any) -> Check:
    """The check of what pydantic alone knows of a type: by the first reading that it can."""

    @functools.cache
    def adapter() -> TypeAdapter[Any] | None:
        from pydantic import TypeAdapter  # only a value that needs it pays for it

        for each in readings:
            with suppress(Exception):  # constraints are any code, and may make no sense
                return TypeAdapter(each)
        return None

    def check(value: Any) -> Misfit | None:
        validator = adapter()
        if validator is None:
            return None
        from pydantic import ValidationError

        try:
            validator.validate_python(value, strict=True)
        except ValidationError as error:
            [first, *_] = error.errors(include_url=False)
            told = "" if first["type"] == "is_instance_of" else f"is not allowed: {first['msg']}"
            return Misfit(kind, value, problem=told)
        return None

    return check


_kept_check = functools.lru_cache(maxsize=1024)(_new_check)
