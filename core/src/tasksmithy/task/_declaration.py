"""What tasks and environments share: frozen, keyword-only, checked when they are defined.

A subclass is a dataclass, with or without the decorator. Its constructor names an unknown field
with the near misses, accepts the first public spellings of a field with a DeprecationWarning, and
turns a `FieldError` of any check into an error that names the task or the environment.

While a constructor of its own runs, a class may also assign: a field is checked then and there, and
anything else becomes a field of this one object, which `override` keeps and does not change.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Set
from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, field, fields
from enum import Enum
from types import FunctionType
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
from tasksmithy.task._spellings import (
    FIRST_SPELLINGS,
    current_spellings,
    respell,
    warn_of_spelling,
)


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
_ASSIGNED: Final = "fields assigned"  # there for as long as the object is being made

_OF_ONE_OBJECT: Final = ("field_names", "fixed_fields")
"""What an object has for itself whose constructor assigns more than its class declares."""


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
    _defaults: ClassVar[Mapping[str, Any]] = {}
    _factories: ClassVar[Mapping[str, Callable[[], Any]]] = {}
    _declared: ClassVar[Mapping[str, Field[Any]]]

    field_names: ClassVar[frozenset[str]] = frozenset()
    """The names of all fields, also of those that a subclass adds; of a task, also of what its
    constructor assigned beside them."""

    fixed_fields: ClassVar[frozenset[str]] = frozenset()
    """The names of the fields that `override` does not change."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for base in cls.__mro__[1:]:
            # A decorator @dataclass has declared them once more, without what `task_field` says.
            if (as_said := vars(base).get("_declared")) is not None:
                type.__setattr__(base, "__dataclass_fields__", as_said)
        respell(cls)
        _redeclare(cls)
        own: Any = cls.__init__  # its own, or that of the nearest base
        if "__init__" in cls.__dict__:
            del cls.__init__
        docstring = cls.__doc__
        # What a class has in itself a decorator @dataclass leaves as it is.
        written: Any = cls  # for type checkers, what is assigned here is no declaration
        for name, method in _METHODS.items():
            if name not in cls.__dict__:
                setattr(written, name, method or getattr(cls, name))
        dataclass(kw_only=True, repr=False, eq=False)(cls)
        declared = fields(written)
        cls._declared = {field.name: field for field in declared}
        if docstring is not None:
            cls.__doc__ = documented(docstring, declared)
        cls.field_names = frozenset(field.name for field in declared)
        cls._accepted = frozenset(field.name for field in declared if field.init)
        cls._required = frozenset(field.name for field in declared if is_required(field))
        cls._positional = tuple(f.name for f in declared if f.init and not f.kw_only)
        cls._defaults = {f.name: f.default for f in declared if f.default is not MISSING}
        cls._factories = {
            f.name: f.default_factory for f in declared if f.default_factory is not MISSING
        }
        said = {field.name: declaration(field) for field in declared}
        cls._checks = {name: each.check for name, each in said.items() if each.check}
        cls._derived = {name: each.derived for name, each in said.items() if each.derived}
        cls._overridable = frozenset(
            f.name for f in declared if f.init and said[f.name].overridable is not False
        )
        cls.fixed_fields = cls.field_names - cls._overridable
        of_fields: Callable[..., None] = cls.__init__
        of_fields.__annotations__.update(
            {field.name: given_type(field) for field in declared if field.init}
        )
        if own is object.__init__ or hasattr(own, "is_of_fields"):
            written.__init__ = _explaining(cls._required, of_fields)
        else:
            written.__init__ = own if hasattr(own, "is_finishing") else _finishing(own)

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

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return _compared(self) == _compared(other)

    def __hash__(self) -> int:
        # Of the name alone: fields hold dictionaries and functions.
        return hash((type(self), self.name))

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            # Asked only for what is no attribute.
            current = FIRST_SPELLINGS.get(name)
            if current in self.field_names:
                warn_of_spelling(name, current, stacklevel=2)
                return getattr(self, current)
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

        def __setattr__(self, name: str, value: Any) -> None:
            if _ASSIGNED not in self.__dict__:
                raise FrozenInstanceError(
                    f"{self!r} is made and does not change, so {name!r} cannot be set; "
                    f"override({name}=...) gives a copy of a task with another value"
                )
            _assign(self, name, value)

        def __delattr__(self, name: str) -> None:
            raise FrozenInstanceError(f"{self!r} does not change, so {name!r} cannot be deleted")

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
        mine, values = self.__dict__, copy.__dict__
        # Only the fields: what else an object has may be computed from the values that change.
        values.update({name: mine[name] for name in self.field_names if name in mine})
        values.update({name: mine[name] for name in _OF_ONE_OBJECT if name in mine}, **changes)
        values[_GIVEN] = mine[_GIVEN] | changes.keys()
        values[_TO_CHECK] = changes
        values[_ASSIGNED] = set()
        _check_all(copy)
        del values[_ASSIGNED]
        return copy


# What a class has of these that it does not write itself; None is as its nearest base has it.
_METHODS: Final[Mapping[str, Callable[..., Any] | None]] = {
    "__eq__": Definition.__eq__,
    "__hash__": Definition.__hash__,
    "__repr__": None,
}


def declared_fields(cls: type[Definition]) -> tuple[Field[Any], ...]:
    """The fields of a class with all that is declared of them, in their order."""
    return tuple(cls._declared.values())


def has_own_constructor(cls: type[Definition]) -> bool:
    """Whether a class, or a base of it, has written the constructor of its objects."""
    return hasattr(cls.__init__, "is_finishing")


def default_of(cls: type[Definition], name: str) -> Any:
    """The value of a field where none is given, as its check stores it."""
    check, default = cls._checks.get(name), cls._defaults.get(name)
    return default if check is None else check(name, default)


def _redeclare(cls: type[Definition]) -> None:
    """Let the fields of its bases that a class declares anew keep what it does not say."""
    inherited: Mapping[str, Field[Any]] = getattr(cls, "__dataclass_fields__", {})
    for name in cls.field_names & (cls.__dict__.keys() | cls.__annotations__.keys()):
        # Without an annotation dataclass would pass over `retries = 3` and keep the old default.
        cls.__annotations__.setdefault(name, inherited[name].type)
        setattr(cls, name, redeclared(inherited[name], getattr(cls, name, MISSING)))


def _compared(task: Definition) -> dict[str, Any]:
    cls = type(task)
    declared = cls._declared
    return {
        name: getattr(task, name, UNSET)
        for name in task.field_names
        if name not in declared or declared[name].compare
    }


def _assign(task: Definition, name: str, value: Any) -> None:
    """What an assignment does while a constructor, or `__post_init__`, runs."""
    cls, values = type(task), task.__dict__
    owner = values.get("name", "?")
    current = FIRST_SPELLINGS.get(name)
    if current in cls.field_names and name not in cls.field_names:
        warn_of_spelling(name, current, stacklevel=3)
        name = current
    if name in cls.field_names:
        if _GIVEN not in values:
            allowed = "what is assigned after super().__init__(...), which sets every field"
            raise cls._error(owner, name, value, allowed)
        try:
            values[name] = cls._checks[name](name, value) if name in cls._checks else value
        except FieldError as error:
            raise _named(cls._error, owner, error) from None
        values[_ASSIGNED].add(name)
        return
    hidden = inspect.getattr_static(cls, name, None)
    if isinstance(hidden, FunctionType) or name in vars(Definition):
        allowed = f"another name: it would hide {name!r} of {cls.__name__}"
        raise cls._error(owner, name, value, allowed)
    object.__setattr__(task, name, value)
    if name in values:  # and not where a property has put it
        values["field_names"] = task.field_names | {name}
        values["fixed_fields"] = task.fixed_fields | {name}


def _finish(task: Definition) -> None:
    """End the making of an object whose class has a constructor of its own."""
    cls, values = type(task), task.__dict__
    if _GIVEN not in values:
        raise TypeError(
            f"{cls.__name__}.__init__ does not call super().__init__(name=..., ...), which "
            "sets the fields"
        )
    _demand(cls, cls._required, values)
    if assigned := values[_ASSIGNED]:
        # Each is checked; what takes several of them, and what is derived, is not.
        values[_GIVEN] |= assigned
        values[_TO_CHECK] = ()
        _check_all(task)
    del values[_ASSIGNED]


def _check_all(task: Definition) -> None:
    """Call `__post_init__`, with errors that name this object."""
    cls = type(task)
    try:
        task.__post_init__()
    except FieldError as error:
        raise _named(cls._error, task.name, error) from None
    # What it assigns is computed, and neither given nor to be looked at once more.
    task.__dict__[_ASSIGNED].clear()


def _explaining(required: Set[str], of_fields: Callable[..., None]) -> Callable[..., None]:
    """The constructor of the fields, with errors for the person who wrote the call.

    Where a class has a constructor of its own and calls this one of its base, the fields and their
    defaults are those of the class; what the class itself requires, its constructor may assign.

    Args:
        required: the fields that the class that has it requires.
        of_fields: the constructor that dataclass made, for the signature.
    """

    @functools.wraps(of_fields)
    def __init__(self: Definition, *args: Any, **given: Any) -> None:  # noqa: N807
        cls, names, values = type(self), given.keys(), self.__dict__
        is_within = _ASSIGNED in values
        if args or not (names <= cls._accepted and names >= cls._required):
            given = _as_accepted(cls, args, given, required if is_within else cls._required)
        values.update(cls._defaults)
        values.update({n: make() for n, make in cls._factories.items() if n not in given})
        values.update(given)
        values[_GIVEN] = frozenset(given)
        values[_TO_CHECK] = cls._checks
        if not is_within:
            values[_ASSIGNED] = set()
        _check_all(self)
        if _TO_CHECK in values:
            raise TypeError(
                f"{cls.__name__}.__post_init__ does not call super().__post_init__(), which "
                "checks the other fields"
            )
        if not is_within:
            del values[_ASSIGNED]

    vars(__init__)["is_of_fields"] = True
    return __init__


def _finishing(own: Callable[..., None]) -> Callable[..., None]:
    """A constructor that a class has of its own, with what comes after it."""

    @functools.wraps(own)
    def __init__(self: Definition, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        kind: Any = type(self)
        if kind.__init__ is not __init__:  # called by that of a class that builds on this one
            own(self, *args, **kwargs)
            return
        self.__dict__[_ASSIGNED] = set()
        own(self, *args, **kwargs)
        _finish(self)

    vars(__init__)["is_finishing"] = True
    return __init__


def _as_accepted(
    cls: type[Definition],
    args: tuple[Any, ...],
    given: dict[str, Any],
    required: Set[str],
) -> dict[str, Any]:
    accepted = cls._accepted
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
    refuse_unknown(cls, owner, given)
    _demand(cls, required, given)
    return given


def refuse_unknown(cls: type[Definition], owner: str, given: Mapping[str, Any]) -> None:
    """Refuse what is no field of the class that a constructor takes."""
    for name in given:
        if name not in cls._accepted:
            allowed = f"a field of {cls.__name__}{near_misses(name, cls._accepted)}"
            raise cls._error(owner, name, given[name], allowed)


def _demand(cls: type[Definition], required: Set[str], given: Mapping[str, Any]) -> None:
    for name in sorted(required - given.keys()):
        owner = str(given.get("name", "?"))
        raise cls._error(owner, name, NotGiven, f"one: {cls.__name__} has no default for it")


def _named(error: type[DefinitionError], owner: object, cause: FieldError) -> DefinitionError:
    name = owner if isinstance(owner, str) else repr(owner)
    return error(name, cause.field, cause.value, cause.allowed)
