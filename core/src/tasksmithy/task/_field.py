"""How a field is declared: its default, its check, how it is derived, its documentation.

A field of a task or of an environment is declared once, by `task_field`. The constructor, the
environment, the decorator, `override`, the warning about fields that a local run ignores, the spec
and the documentation follow from the declaration.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterable
from dataclasses import MISSING, Field, field
from functools import lru_cache
from types import MappingProxyType
from typing import (
    TYPE_CHECKING,
    Any,
    Final,
    Generic,
    NamedTuple,
    TypeVar,
    cast,
    get_args,
    get_origin,
    overload,
)

Given_contra = TypeVar("Given_contra", contravariant=True)
Stored_co = TypeVar("Stored_co", covariant=True)

Check = Callable[[str, Any], Any]
"""Takes a field's name and value, gives the value to store, raises FieldError if it is wrong."""


class Converted(Generic[Given_contra, Stored_co]):
    """The type of a field that takes values of one type and stores another.

    `retries: Converted[int | RetryStrategy, RetryStrategy]` may be given a number, and is read as a
    `RetryStrategy`. It is an annotation alone: the `check` of the field converts.
    """

    if TYPE_CHECKING:

        @overload
        def __get__(self, task: None, owner: Any) -> Any: ...
        @overload
        def __get__(self, task: object, owner: Any) -> Stored_co: ...
        def __get__(self, task: Any, owner: Any) -> Any: ...
        def __set__(self, task: object, value: Given_contra) -> None: ...


class Declaration(NamedTuple):
    """What is declared of a field beside its type and its default.

    None is what is not said: a class that declares a field of its base anew inherits it.

    Attributes:
        check: checks and converts what is given.
        derived: computes the value from the fields of the task.
        overridable: whether `override` may change it.
        ignored_locally: whether it makes no difference to a run on this machine.
        doc: what it is for.
    """

    check: Check | None = None
    derived: Callable[[Any], Any] | None = None
    overridable: bool | None = None
    ignored_locally: bool | None = None
    doc: str | None = None


def task_field(
    *,
    default: Any = MISSING,
    default_factory: Any = MISSING,
    init: bool = True,
    repr: bool = True,  # noqa: A002 - the name that dataclasses.field has
    compare: bool = True,
    kw_only: bool = True,
    check: Check | None = None,
    derived: Callable[[Any], Any] | None = None,
    overridable: bool | None = None,
    ignored_locally: bool | None = None,
    doc: str | None = None,
) -> Any:
    """Declare a field of a task, as `dataclasses.field` does of a dataclass.

    Examples:
        >>> from collections.abc import Sequence
        >>> from tasksmithy import Converted, FieldError, TaskTemplate, task_field
        >>> def program(name, value):
        ...     if isinstance(value, str) or not value:
        ...         raise FieldError(name, value, "a program and its arguments, as a list")
        ...     return tuple(value)
        >>> class ShellTask(TaskTemplate, task_type="shell"):
        ...     command: Converted[Sequence[str], tuple[str, ...]] = task_field(
        ...         check=program, doc="the program and its arguments"
        ...     )

    What a class leaves out of a field that its base has is as the base declares it.

    Args:
        default: the value where none is given, in any form that may be given.
        default_factory: makes that value.
        init: whether the constructor takes it.
        repr: as in `dataclasses.field`.
        compare: whether tasks that differ in it are different tasks.
        kw_only: whether it is given by its name alone; of the others, the first is also the first
            argument by position.
        check: called with the name and the value when the task is defined; gives the value to
            store, or raises `FieldError`, which becomes an error that names the task.
        derived: called with the task when every field is checked; gives the value to store, which
            `check` then sees too. What was given is in the task.
        overridable: whether `override` may change it; it may, unless the field says otherwise.
        ignored_locally: whether a run on this machine ignores it, and says so.
        doc: what it is for, a phrase for the class's docstring and `tasksmithy plugins show`.
    """
    declaration = Declaration(
        check=check,
        derived=derived,
        overridable=overridable,
        ignored_locally=ignored_locally,
        doc=doc,
    )
    return field(
        default=default,
        default_factory=default_factory,
        init=init,
        repr=repr,
        compare=compare,
        kw_only=kw_only,
        metadata={_KEY: declaration},
    )


_KEY: Final = "tasksmithy"
_NOTHING_SAID: Final = Declaration()


def declaration(field: Field[Any]) -> Declaration:
    """What is declared of a field."""
    found: Declaration = field.metadata.get(_KEY, _NOTHING_SAID)
    return found


def is_required(field: Field[Any]) -> bool:
    """Whether the constructor has no default for a field."""
    return field.init and field.default is MISSING and field.default_factory is MISSING


def given_type(field: Field[Any]) -> Any:
    """The type of the values that a field takes; as text where the source has it so."""
    kind: Any = field.type
    if isinstance(kind, str):
        return _given_in(kind) if "Converted[" in kind else kind
    return get_args(kind)[0] if get_origin(kind) is Converted else kind


@lru_cache
def _given_in(annotation: str) -> str:
    kind = ast.parse(annotation, mode="eval").body
    if isinstance(kind, ast.Subscript) and ast.unparse(kind.value).endswith("Converted"):
        return ast.unparse(cast("ast.Tuple", kind.slice).elts[0])
    return annotation


def redeclared(base: Field[Any], value: Any) -> Field[Any]:
    """The field that a class declares anew: what it does not say is as its base has it.

    Args:
        base: the field of the base.
        value: what the class body has: another default, or a field.
    """
    anew: Field[Any] = value if isinstance(value, Field) else _like(base, value)
    own, inherited = declaration(anew), declaration(base)
    said = {name: new for name in own._fields if (new := getattr(own, name)) is not None}
    merged = inherited._replace(**said)
    anew.metadata = MappingProxyType({**anew.metadata, _KEY: merged})
    return anew


def _like(base: Field[Any], default: Any) -> Any:
    return field(
        default=default, init=base.init, repr=base.repr, compare=base.compare, kw_only=base.kw_only
    )


def documented(docstring: str | None, fields: Iterable[Field[Any]]) -> str | None:
    """A class's docstring with a section `Args` of what its fields say, where it has none."""
    # Those that have to be given first, as in a call.
    ordered = sorted(fields, key=lambda f: not is_required(f))
    said = [(f.name, doc) for f in ordered if f.init and (doc := declaration(f).doc)]
    if docstring is None or not said or "Args:\n" in docstring:
        return docstring
    # Without its indentation, which the compiler takes away from Python 3.13 on.
    text, raises, errors = inspect.cleandoc(docstring).partition("Raises:\n")
    section = "Args:\n" + "".join(f"    {name}: {doc}\n" for name, doc in said)
    if not raises:
        return f"{text.rstrip()}\n\n{section}"
    return f"{text}{section}\n{raises}{errors}"
