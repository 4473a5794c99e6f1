"""What tasks and environments share: frozen, keyword-only, checked when they are defined.

A subclass is a dataclass without a decorator. Its constructor names an unknown field with the near
misses, accepts the first public spellings of a field with a DeprecationWarning, and turns a
`FieldError` of any check into an error that names the task or the environment.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Mapping, Set
from dataclasses import MISSING, dataclass, field, fields
from enum import Enum
from typing import Any, ClassVar, Final, dataclass_transform

from tasksmithy._texts import near_misses
from tasksmithy.errors import DefinitionError, FieldError, NotGiven

FIRST_SPELLINGS: Final = {
    "friendly_name": "short_name",
    "interruptable": "interruptible",
    "env": "env_vars",
}
"""The first public spellings of fields, and the field that each has become."""


class Unset(Enum):
    """The type of `UNSET`."""

    UNSET = "unset"

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = Unset.UNSET
"""Stands for "not given" where None, 0 and {} are values."""

_TO_CHECK: Final = "fields to check"  # no identifier, so that it can be no field

Check = Callable[[str, Any], Any]
"""Takes a field's name and value, gives the value to keep, raises FieldError if it is wrong."""


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(field,))
class Definition:
    """Base of tasks and environments.

    A subclass may check and settle fields of its own in `__post_init__`, after
    `super().__post_init__()`: raise `FieldError` there, and set a field with `self._settle(...)`.
    """

    name: str

    _error: ClassVar[type[DefinitionError]]
    _checks: ClassVar[Mapping[str, Check]]

    field_names: ClassVar[frozenset[str]] = frozenset()
    """The names of all fields, also of those that a subclass adds."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        # Fields hold dictionaries and functions, so a hash over them cannot be had; dataclass
        # leaves a __hash__ alone that the class itself has.
        if "__hash__" not in cls.__dict__:
            cls.__hash__ = Definition.__hash__  # type: ignore[method-assign]
        # Without an annotation dataclass would pass over `retries = 3` and keep the old default.
        for name in cls.field_names & cls.__dict__.keys() - cls.__annotations__.keys():
            cls.__annotations__[name] = Any
        own_init = "__init__" in cls.__dict__
        dataclass(frozen=True, kw_only=True, repr=False)(cls)
        cls.field_names = frozenset(field.name for field in fields(cls))  # type: ignore[arg-type]
        if not own_init:
            cls.__init__ = _explaining(cls.__init__)  # type: ignore[method-assign]

    def __post_init__(self) -> None:
        # A copy with changes has only these to check: the others were when they were given.
        to_check = self.__dict__.pop(_TO_CHECK, self._checks)
        for name, check in self._checks.items():
            if name not in to_check:
                continue
            given = getattr(self, name)
            settled = check(name, given)
            if settled is not given:
                object.__setattr__(self, name, settled)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r})"

    def __hash__(self) -> int:
        return hash((type(self), self.name))

    def _settle(self, **values: Any) -> None:
        """Set fields of this frozen object; for `__post_init__` alone."""
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def _rebuilt(self, changes: Mapping[str, Any]) -> Any:
        """A copy with `changes`, checked as a new definition is."""
        copy = object.__new__(type(self))
        # Only the fields: what else an object has may be computed from the values that change.
        copy.__dict__.update({name: getattr(self, name) for name in self.field_names})
        copy.__dict__.update(changes)
        copy.__dict__[_TO_CHECK] = changes
        try:
            copy.__post_init__()
        except FieldError as error:
            raise _named(self._error, self.name, error) from None
        return copy


def _explaining(init: Callable[..., None]) -> Callable[..., None]:
    """The constructor that dataclass made, with errors for the person who wrote the call."""
    code = init.__code__
    accepted = frozenset(code.co_varnames[1 : 1 + code.co_kwonlyargcount])
    required = accepted - (init.__kwdefaults__ or {}).keys()

    @functools.wraps(init)
    def __init__(self: Definition, *args: Any, **given: Any) -> None:  # noqa: N807
        if type(self).__init__ is not __init__:
            given = _with_own_fields(self, accepted, given)
        if args or not (given.keys() <= accepted and given.keys() >= required):
            given = _as_accepted(type(self), args, given, accepted, required)
        self.__dict__[_TO_CHECK] = self._checks
        try:
            init(self, **given)
        except FieldError as error:
            raise _named(self._error, given["name"], error) from None
        if _TO_CHECK in self.__dict__:
            raise TypeError(
                f"{type(self).__name__}.__post_init__ does not call super().__post_init__(), which "
                "checks the other fields"
            )

    return __init__


def _with_own_fields(
    self: Definition, accepted: frozenset[str], given: dict[str, Any]
) -> dict[str, Any]:
    """Set what a class adds that has a constructor of its own, and called that of its base."""
    others = dict(given)
    for own in fields(self):  # type: ignore[arg-type]
        if own.name in accepted:
            continue
        if own.name in given:
            object.__setattr__(self, own.name, others.pop(own.name))
        elif own.default_factory is not MISSING:
            object.__setattr__(self, own.name, own.default_factory())
    return others


def _as_accepted(
    cls: type[Definition],
    args: tuple[Any, ...],
    given: dict[str, Any],
    accepted: frozenset[str],
    required: frozenset[str],
) -> dict[str, Any]:
    owner = str(given.get("name", "?"))
    if args:
        raise cls._error(owner, "arguments", args, "every field by its name, as in name='...'")
    given = current_spellings(cls._error, owner, given, accepted, stacklevel=4)
    for name in given:
        if name not in accepted:
            allowed = f"a field of {cls.__name__}{near_misses(name, accepted)}"
            raise cls._error(owner, name, given[name], allowed)
    for name in sorted(required - given.keys()):
        raise cls._error(owner, name, NotGiven, f"one: {cls.__name__} has no default for it")
    return given


def current_spellings(
    error: type[DefinitionError],
    owner: str,
    given: Mapping[str, Any],
    accepted: Set[str],
    *,
    stacklevel: int,
) -> dict[str, Any]:
    """`given` with the first public spellings replaced, each with a DeprecationWarning.

    Args:
        error: what to raise.
        owner: name of the task or environment, for the error.
        given: the fields as they are given.
        accepted: the names of the fields that there are; one of these is no other's spelling.
        stacklevel: how far above this function the code is that is to be warned.

    Raises:
        DefinitionError: a field is given in both spellings.
    """
    renamed = {}
    for name, value in given.items():
        current = FIRST_SPELLINGS.get(name, name)
        if current != name and name not in accepted and current in accepted:
            if current in given:
                raise error(owner, name, value, f"{current!r} alone: it is the same field")
            warnings.warn(
                f"{name!r} is the first spelling of {current!r}: write {current!r}",
                DeprecationWarning,
                stacklevel=stacklevel,
            )
            name = current
        renamed[name] = value
    return renamed


def _named(error: type[DefinitionError], owner: object, cause: FieldError) -> DefinitionError:
    name = owner if isinstance(owner, str) else repr(owner)
    return error(name, cause.field, cause.value, cause.allowed)
