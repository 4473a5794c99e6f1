"""NativeInterface: the typed inputs and outputs of a task, in Python's own types."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from tasksmithy._texts import near_misses
from tasksmithy.errors import FieldError, InputError
from tasksmithy.values._annotations import is_named_tuple, member_types, type_name

NO_DEFAULT: Any = inspect.Parameter.empty
"""Stands where an input has no default, as in the standard library's `inspect`."""


@dataclass(frozen=True, slots=True)
class NativeInterface:
    """What goes into a task and what comes out.

    Attributes:
        inputs: name to `(type, default)`, in the order of the parameters. An input without a
            default has `inspect.Parameter.empty` there and must be given.
        outputs: name to type. A function's single result is called `o0`, the members of a
            returned tuple are `o0`, `o1`, ..., those of a NamedTuple have their names.
        keyword_only: names of the inputs that are given by name alone.
        result: the NamedTuple that holds the outputs; None where a result is the one output, or a
            plain tuple of several.
    """

    inputs: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    outputs: Mapping[str, Any] = field(default_factory=dict)
    keyword_only: frozenset[str] = frozenset()
    result: type[tuple[Any, ...]] | None = None

    __hash__: ClassVar[None] = None  # type: ignore[assignment]  # defaults may be unhashable

    @classmethod
    def from_types(
        cls,
        inputs: Mapping[str, Any] | None = None,
        outputs: Mapping[str, Any] | None = None,
        defaults: Mapping[str, Any] | None = None,
    ) -> NativeInterface:
        """An interface from `{name: type}`, or `{name: (type, default)}`, for each input.

        Examples:
            >>> NativeInterface.from_types({"month": int, "day": (int, 1)}, {"o0": str}).describe()
            'inputs: month: int, day: int = 1'

        Args:
            inputs: name to type, or to a pair of type and default, which is
                `inspect.Parameter.empty` where there is none.
            outputs: name to type.
            defaults: name to default, for inputs that are no pairs.

        Raises:
            FieldError: a default is none of an input, or of one that is a pair.
        """
        inputs, defaults = inputs or {}, defaults or {}
        for name in defaults:
            if name not in inputs:
                allowed = f"defaults of inputs{near_misses(str(name), map(str, inputs))}"
                raise FieldError("defaults", name, allowed)
            if isinstance(inputs[name], tuple):
                raise FieldError("defaults", name, "the default in its pair of type and default")
        pairs = {
            name: kind if isinstance(kind, tuple) else (kind, defaults.get(name, NO_DEFAULT))
            for name, kind in inputs.items()
        }
        return cls(pairs, dict(outputs or {}))

    @classmethod
    def from_callable(cls, func: Callable[..., Any]) -> NativeInterface:
        """The interface that a function's annotations declare; what is not annotated is Any.

        Raises:
            FieldError: it is a class or a generator function, it takes `*args`, `**kwargs` or
                positional-only parameters, its parameters are not known, or an annotation cannot
                be evaluated.
        """
        if isinstance(func, type):
            raise FieldError("func", func, "a function, not a class")
        if inspect.isgeneratorfunction(func) or inspect.isasyncgenfunction(func):
            # Its body would run where the generator is used: after the task, and outside the run.
            raise FieldError("func", func, "a function that returns a list, say; this one yields")
        try:
            hints = typing.get_type_hints(func, include_extras=True)
        except Exception as error:  # noqa: BLE001 - an annotation in quotes is any code
            if not hasattr(inspect.unwrap(func), "__code__"):  # a partial, an object to be called
                raise FieldError("func", func, "a function with a name, by def") from None
            why = f"{error}; what is imported for type checkers only is not there"
            told = why if isinstance(error, NameError) else error
            raise FieldError("func", func, f"annotations that can be evaluated ({told})") from None
        try:
            parameters = inspect.signature(func).parameters
        except ValueError as error:
            raise FieldError("func", func, f"a function with known parameters ({error})") from None
        inputs, keyword_only = {}, set()
        for name, parameter in parameters.items():
            if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                raise FieldError(
                    "func", func, f"parameters that can be given by name; {parameter} cannot"
                )
            inputs[name] = (hints.get(name, Any), parameter.default)
            if parameter.kind is parameter.KEYWORD_ONLY:
                keyword_only.add(name)
        returned = hints.get("return", Any)
        if is_named_tuple(returned):
            outputs = member_types(returned)
            return cls(inputs, outputs, frozenset(keyword_only), returned)
        return cls(inputs, _outputs(returned), frozenset(keyword_only))

    def check(self) -> None:
        """Check that the names are identifiers.

        Raises:
            FieldError: a name is not an identifier, or an input is no pair of type and default.
        """
        for side in ("inputs", "outputs"):
            names = getattr(self, side)
            if not isinstance(names, Mapping):
                raise FieldError(side, names, "a mapping of names to types")
            for name in names:
                if not isinstance(name, str) or not name.isidentifier():
                    raise FieldError(side, name, "names that are Python identifiers")
        for name, pair in self.inputs.items():
            if not isinstance(pair, tuple) or len(pair) != 2:
                raise FieldError(f"inputs.{name}", pair, "a pair of type and default")

    def has_outputs(self) -> bool:
        """Whether anything comes out."""
        return bool(self.outputs)

    def required_inputs(self) -> list[str]:
        """Names of the inputs that have no default."""
        return [name for name, (_, default) in self.inputs.items() if default is NO_DEFAULT]

    def convert_to_kwargs(self, /, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Positional and keyword arguments as keywords, the positional ones first.

        Raises:
            TypeError: too many positional arguments, or an argument given twice.
        """
        if not args:
            return kwargs
        positional = [name for name in self.inputs if name not in self.keyword_only]
        if len(args) > len(positional):
            raise TypeError(f"{len(args)} positional inputs given, {len(positional)} allowed")
        given = dict(zip(positional, args, strict=False))
        if twice := given.keys() & kwargs.keys():
            raise TypeError(f"input {min(twice)!r} given twice")
        return given | kwargs

    def bind(self, task: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """The inputs of one call by name, defaults filled in.

        Args:
            task: name of the task, for the error.
            args: positional arguments of the call.
            kwargs: keyword arguments of the call.

        Raises:
            InputError: an input is missing, unknown or given twice.
        """
        try:
            given = self.convert_to_kwargs(*args, **kwargs)
        except TypeError as error:
            raise InputError(task, f"{error} ({self.describe()})") from None
        bound = {name: given.get(name, default) for name, (_, default) in self.inputs.items()}
        missing = [name for name, value in bound.items() if value is NO_DEFAULT]
        if missing or len(given) > len(bound) or not given.keys() <= bound.keys():
            problems = [f"input {name!r} is missing" for name in missing]
            problems += [
                f"there is no input {name!r}{near_misses(name, bound)}"
                for name in given
                if name not in bound
            ]
            raise InputError(task, f"{'; '.join(problems)} ({self.describe()})")
        return bound

    def by_name(self, result: Any) -> dict[str, Any]:
        """What a task returned, checked, by the names of its outputs."""
        if len(self.outputs) == 1 and self.result is None:
            return dict.fromkeys(self.outputs, result)
        return dict(zip(self.outputs, result, strict=True)) if self.outputs else {}

    def describe(self) -> str:
        """The inputs as text, for messages: `inputs: month: int, carrier: str = 'AA'`."""
        parts, is_marked = [], False
        for name, (kind, default) in self.inputs.items():
            if name in self.keyword_only and not is_marked:
                parts.append("*")
                is_marked = True
            parts.append(
                f"{name}: {type_name(kind)}" + ("" if default is NO_DEFAULT else f" = {default!r}")
            )
        return f"inputs: {', '.join(parts)}" if parts else "it takes no inputs"


def _outputs(returned: Any) -> dict[str, Any]:
    if returned is None or returned is type(None):
        return {}
    members = typing.get_args(returned) if typing.get_origin(returned) is tuple else ()
    if members and Ellipsis not in members:
        return {f"o{index}": member for index, member in enumerate(members)}
    return {"o0": returned}


def result_type(interface: NativeInterface) -> Any:
    """The type of what a task returns: that of its output, or of a tuple of its outputs."""
    if interface.result is not None:
        return interface.result
    kinds = tuple(interface.outputs.values())
    if len(kinds) == 1:
        return kinds[0]
    return tuple[kinds] if kinds else type(None)  # type: ignore[valid-type]
