"""What tasks and environments share: frozen, keyword-only, checked when they are defined.

A subclass is a dataclass without a decorator. Its constructor names an unknown field with the near
misses, accepts the first public spellings of a field with a DeprecationWarning, and turns a
`FieldError` of any check into an error that names the task or the environment.
"""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, Mapping, Set
from dataclasses import MISSING, Field, dataclass, field, fields
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, Final, dataclass_transform

from tasksmithy._texts import near_misses
from tasksmithy.errors import DefinitionError, FieldError, NotGiven
from tasksmithy.task._field import (
    Check,
    declaration,
    documented,
    given_type,
    is_required,
    redeclared,
    task_field,
)

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

# No identifiers, so that they can be no fields.
_TO_CHECK: Final = "fields to check"
_GIVEN: Final = "fields given"


@dataclass_transform(
    kw_only_default=True, frozen_default=True, field_specifiers=(task_field, field)
)
class Definition:
    """Base of tasks and environments.

    A subclass declares its fields with `task_field`, or as a dataclass does. What takes several
    fields to check it checks in `__post_init__`, after `super().__post_init__()`, and raises
    `FieldError` there.
    """

    name: str

    _error: ClassVar[type[DefinitionError]]
    _checks: ClassVar[Mapping[str, Check]] = {}
    _derived: ClassVar[Mapping[str, Callable[[Any], Any]]] = {}
    _accepted: ClassVar[frozenset[str]] = frozenset()
    _required: ClassVar[frozenset[str]] = frozenset()
    _overridable: ClassVar[frozenset[str]] = frozenset()
    _positional: ClassVar[tuple[str, ...]] = ()
    _fill: ClassVar[Callable[..., None]]

    field_names: ClassVar[frozenset[str]] = frozenset()
    """The names of all fields, also of those that a subclass adds."""

    fixed_fields: ClassVar[frozenset[str]] = frozenset()
    """The names of the fields that `override` does not change."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        # Fields hold dictionaries and functions, so a hash over them cannot be had; dataclass
        # leaves a __hash__ alone that the class itself has.
        if "__hash__" not in cls.__dict__:
            cls.__hash__ = Definition.__hash__  # type: ignore[method-assign]
        _respell(cls)
        _redeclare(cls)
        own: Any = cls.__init__  # its own, or that of the nearest base
        if "__init__" in cls.__dict__:
            del cls.__init__
        docstring = cls.__doc__
        dataclass(frozen=True, kw_only=True, repr=False)(cls)
        declared = fields(cls)  # type: ignore[arg-type]
        if docstring is not None:
            cls.__doc__ = documented(docstring, declared)
        cls.field_names = frozenset(field.name for field in declared)
        cls._accepted = frozenset(field.name for field in declared if field.init)
        cls._required = frozenset(field.name for field in declared if is_required(field))
        cls._positional = tuple(
            field.name for field in declared if field.init and not field.kw_only
        )
        said = {field.name: declaration(field) for field in declared}
        cls._checks = {name: each.check for name, each in said.items() if each.check}
        cls._derived = {name: each.derived for name, each in said.items() if each.derived}
        cls._overridable = frozenset(
            field.name
            for field in declared
            if field.init and said[field.name].overridable is not False
        )
        cls.fixed_fields = cls.field_names - cls._overridable
        cls._fill = cls.__init__
        cls._fill.__annotations__.update(
            {field.name: given_type(field) for field in declared if field.init}
        )
        is_written = own is not object.__init__ and not hasattr(own, "is_of_fields")
        written: Any = cls  # for type checkers, what is assigned here is no declaration
        written.__init__ = own if is_written else _explaining(cls.__init__)

    def __post_init__(self) -> None:
        values, checks = self.__dict__, self._checks
        # A copy with changes has only these to check: the others were when they were given.
        for name in values.pop(_TO_CHECK, checks):
            if name in checks and name in values:
                values[name] = checks[name](name, values[name])
        for name, derive in self._derived.items():
            given = values.get(name, MISSING)
            value = derive(self)
            if value is not given:
                values[name] = checks[name](name, value) if name in checks else value

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r})"

    def __hash__(self) -> int:
        return hash((type(self), self.name))

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            # Asked only for what is no attribute.
            current = FIRST_SPELLINGS.get(name)
            if current in self.field_names:
                _warn_of(name, current, stacklevel=2)
                return getattr(self, current)
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def _settle(self, **values: Any) -> None:
        """Set fields of this frozen object."""
        self.__dict__.update(values)

    @property
    def _given(self) -> frozenset[str]:
        """The names of the fields that were given, to the constructor or to `override`."""
        given: frozenset[str] = self.__dict__[_GIVEN]
        return given

    def _rebuilt(self, changes: Mapping[str, Any]) -> Any:
        """A copy with `changes`, checked as a new definition is."""
        copy = object.__new__(type(self))
        # Only the fields: what else an object has may be computed from the values that change.
        values = {name: getattr(self, name) for name in self.field_names}
        copy.__dict__.update(values, **changes)
        copy.__dict__[_GIVEN] = self._given | changes.keys()
        copy.__dict__[_TO_CHECK] = changes
        try:
            copy.__post_init__()
        except FieldError as error:
            raise _named(self._error, self.name, error) from None
        return copy


def _respell(cls: type[Definition]) -> None:
    """Let a class declare fields by their first spellings, each with a DeprecationWarning."""
    annotations = inspect.get_annotations(cls)
    for first, current in FIRST_SPELLINGS.items():
        value = cls.__dict__.get(first, MISSING)
        is_declared = value is not MISSING or first in annotations
        if current not in cls.field_names or not is_declared or hasattr(value, "__get__"):
            continue
        if current in cls.__dict__ or current in annotations:
            raise TypeError(f"{cls.__name__} declares {first!r} and {current!r}, one field")
        _warn_of(first, current, stacklevel=4)
        if first in annotations:
            cls.__annotations__[current] = cls.__annotations__.pop(first)
        if value is not MISSING:
            delattr(cls, first)
            setattr(cls, current, value)


def _redeclare(cls: type[Definition]) -> None:
    """Let the fields of its bases that a class declares anew keep what it does not say."""
    inherited: Mapping[str, Field[Any]] = getattr(cls, "__dataclass_fields__", {})
    for name in cls.field_names & (cls.__dict__.keys() | cls.__annotations__.keys()):
        # Without an annotation dataclass would pass over `retries = 3` and keep the old default.
        cls.__annotations__.setdefault(name, inherited[name].type)
        setattr(cls, name, redeclared(inherited[name], getattr(cls, name, MISSING)))


def _explaining(fill: Callable[..., None]) -> Callable[..., None]:
    """The constructor that dataclass made, with errors for the person who wrote the call.

    Where a class has a constructor of its own and calls this one of its base, the fields and their
    defaults are those of the class.
    """

    @functools.wraps(fill)
    def __init__(self: Definition, *args: Any, **given: Any) -> None:  # noqa: N807
        cls, names = type(self), given.keys()
        if args or not (names <= cls._accepted and names >= cls._required):
            given = _as_accepted(cls, args, given)
        self.__dict__[_GIVEN] = frozenset(given)
        self.__dict__[_TO_CHECK] = cls._checks
        try:
            cls._fill(self, **given)
        except FieldError as error:
            raise _named(self._error, given["name"], error) from None
        if _TO_CHECK in self.__dict__:
            raise TypeError(
                f"{cls.__name__}.__post_init__ does not call super().__post_init__(), which "
                "checks the other fields"
            )

    vars(__init__)["is_of_fields"] = True
    return __init__


def _as_accepted(
    cls: type[Definition],
    args: tuple[Any, ...],
    given: dict[str, Any],
) -> dict[str, Any]:
    accepted, required = cls._accepted, cls._required
    owner = str(given.get("name", args[0] if args else "?"))
    if len(args) > len(cls._positional):
        first = f"{', '.join(cls._positional)}, and " if cls._positional else ""
        allowed = f"{first}every {'other ' * bool(first)}field by its name, as in name='...'"
        raise cls._error(owner, "arguments", args, allowed)
    for name, value in zip(cls._positional, args, strict=False):
        if name in given:
            raise cls._error(owner, name, given[name], "it once: it is the first argument, too")
        given = {name: value, **given}
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
            _warn_of(name, current, stacklevel=stacklevel)
            name = current
        renamed[name] = value
    return renamed


def _warn_of(first: str, current: str, *, stacklevel: int) -> None:
    problem = f"{first!r} is the first spelling of {current!r}: write {current!r}"
    warnings.warn(problem, DeprecationWarning, stacklevel=stacklevel + 1)


def _named(error: type[DefinitionError], owner: object, cause: FieldError) -> DefinitionError:
    name = owner if isinstance(owner, str) else repr(owner)
    return error(name, cause.field, cause.value, cause.allowed)
