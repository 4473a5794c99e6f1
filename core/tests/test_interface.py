"""NativeInterface: from types, from a function's annotations, and how a call is bound to it."""

from __future__ import annotations

import collections
import functools
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime
from typing import Annotated, Any, Literal, NamedTuple, NewType, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasksmithy import FieldError, InputError, NativeInterface
from tasksmithy.task._interface import NO_DEFAULT
from tasksmithy.values._annotations import type_name

MONTHLY = NativeInterface.from_types(
    {"month": int, "carrier": str, "top": int}, {"o0": float}, {"carrier": "AA", "top": 3}
)


# From types


def test_an_input_may_be_a_pair_of_type_and_default() -> None:
    pairs = {"month": (int, NO_DEFAULT), "carrier": (str, "AA"), "top": (int, 3)}
    assert NativeInterface.from_types(pairs, {"o0": float}) == MONTHLY


@pytest.mark.parametrize("pair", [(), (int,), (int, 1, 2)])
def test_another_tuple_is_refused(pair: Any) -> None:
    with pytest.raises(FieldError, match="a pair of type and default"):
        NativeInterface.from_types({"month": pair}).check()


def test_a_default_is_given_once() -> None:
    with pytest.raises(FieldError, match="in its pair"):
        NativeInterface.from_types({"month": (int, 1)}, defaults={"month": 2})


def test_types_and_defaults_become_pairs_in_the_order_given() -> None:
    assert list(MONTHLY.inputs.items()) == [
        ("month", (int, NO_DEFAULT)),
        ("carrier", (str, "AA")),
        ("top", (int, 3)),
    ]
    assert MONTHLY.outputs == {"o0": float}


def test_nothing_goes_in_and_nothing_comes_out_by_default() -> None:
    interface = NativeInterface.from_types()
    assert interface == NativeInterface()
    assert not interface.has_outputs()


def test_required_inputs_are_those_without_a_default() -> None:
    assert MONTHLY.required_inputs() == ["month"]


def test_none_is_a_default_like_any_other() -> None:
    interface = NativeInterface.from_types({"top": int | None}, defaults={"top": None})
    assert interface.required_inputs() == []


def test_a_default_of_an_input_that_there_is_not_is_refused_with_the_near_miss() -> None:
    with pytest.raises(FieldError, match=r"'mnth'.*did you mean 'month'") as caught:
        NativeInterface.from_types({"month": int}, defaults={"mnth": 1})
    assert caught.value.field == "defaults"


@pytest.mark.parametrize(
    ("interface", "field"),
    [
        (NativeInterface({"a b": (int, NO_DEFAULT)}), "inputs"),
        (NativeInterface({5: (int, NO_DEFAULT)}), "inputs"),  # type: ignore[dict-item]
        (NativeInterface({"a": int}), "inputs.a"),  # type: ignore[dict-item]
        (NativeInterface({"a": (int, 1, 2)}), "inputs.a"),  # type: ignore[dict-item]
        (NativeInterface(["a"]), "inputs"),  # type: ignore[arg-type]
        (NativeInterface({}, {"o-0": int}), "outputs"),
        (NativeInterface({}, [int]), "outputs"),  # type: ignore[arg-type]
    ],
)
def test_names_are_identifiers_and_inputs_are_pairs(interface: NativeInterface, field: str) -> None:
    with pytest.raises(FieldError) as caught:
        interface.check()
    assert caught.value.field == field


def test_an_allowed_interface_passes_its_check() -> None:
    MONTHLY.check()
    assert [name for name in MONTHLY.inputs if not name.isidentifier()] == []


# From a function


def test_annotations_and_defaults_of_a_function_become_its_inputs() -> None:
    def func(month: int, *, carrier: str = "AA") -> float: ...

    interface = NativeInterface.from_callable(func)
    assert interface.inputs == {"month": (int, NO_DEFAULT), "carrier": (str, "AA")}
    assert interface.outputs == {"o0": float}


def test_annotations_in_quotes_are_evaluated() -> None:
    def func(months: "list[int]", at: "datetime") -> "dict[str, int]": ...  # noqa: UP037

    interface = NativeInterface.from_callable(func)
    assert interface.inputs == {"months": (list[int], NO_DEFAULT), "at": (datetime, NO_DEFAULT)}
    assert interface.outputs == {"o0": dict[str, int]}


def test_what_is_not_annotated_is_any() -> None:
    def func(a, b=1): ...  # type: ignore[no-untyped-def]

    interface = NativeInterface.from_callable(func)
    assert interface.inputs == {"a": (Any, NO_DEFAULT), "b": (Any, 1)}
    assert interface.outputs == {"o0": Any}


def test_an_async_function_has_the_outputs_that_it_is_annotated_with() -> None:
    async def func() -> int: ...

    assert NativeInterface.from_callable(func).outputs == {"o0": int}


class Pair(NamedTuple):
    """A named tuple, whose members are outputs of their names."""

    left: int
    right: str


@pytest.mark.parametrize(
    ("returned", "outputs"),
    [
        (None, {}),
        (type(None), {}),
        (int, {"o0": int}),
        (tuple[int, str], {"o0": int, "o1": str}),
        (tuple[int], {"o0": int}),
        (tuple[int, ...], {"o0": tuple[int, ...]}),
        (tuple, {"o0": tuple}),
        (list[int], {"o0": list[int]}),
        (int | None, {"o0": int | None}),
    ],
)
def test_the_members_of_a_returned_tuple_are_outputs(
    returned: Any, outputs: dict[str, Any]
) -> None:
    def func() -> None: ...

    func.__annotations__["return"] = returned
    interface = NativeInterface.from_callable(func)
    assert interface.outputs == outputs
    assert interface.has_outputs() == bool(outputs)


def test_the_members_of_a_returned_named_tuple_are_outputs_of_their_names() -> None:
    def func() -> Pair: ...

    interface = NativeInterface.from_callable(func)
    assert interface.outputs == {"left": int, "right": str}
    assert interface.by_name(Pair(1, "b")) == {"left": 1, "right": "b"}


def test_a_named_tuple_without_annotations_has_members_of_any_type() -> None:
    def func() -> None: ...

    func.__annotations__["return"] = collections.namedtuple("Plain", ["a", "b"])
    assert NativeInterface.from_callable(func).outputs == {"a": Any, "b": Any}


def test_a_wrapped_function_has_the_interface_of_the_function_inside() -> None:
    def inside(month: int) -> float: ...

    @functools.wraps(inside)
    def around(*args: Any, **kwargs: Any) -> Any: ...

    assert NativeInterface.from_callable(around) == NativeInterface.from_callable(inside)


def _with_args(*months: int) -> None: ...
def _with_kwargs(**months: int) -> None: ...
def _positional_only(month: int, /) -> None: ...


@pytest.mark.parametrize(
    ("func", "parameter"),
    [(_with_args, "*months"), (_with_kwargs, "**months"), (_positional_only, "month: 'int'")],
)
def test_parameters_that_cannot_be_given_by_name_are_refused(
    func: Callable[..., Any], parameter: str
) -> None:
    with pytest.raises(FieldError) as caught:
        NativeInterface.from_callable(func)
    assert caught.value.field == "func"
    assert caught.value.allowed.startswith("parameters that can be given by name; " + parameter)


def test_an_annotation_that_only_type_checkers_know_is_told_as_such() -> None:
    def func(month: int) -> None: ...

    func.__annotations__["month"] = "pd.DataFrame"
    with pytest.raises(FieldError, match="'pd' is not defined; what is imported for type checkers"):
        NativeInterface.from_callable(func)


@pytest.mark.parametrize("annotation", ["Mnth", "list[", "datetime.nope", "1 / 0"])
def test_an_annotation_that_cannot_be_evaluated_is_refused(annotation: str) -> None:
    def func(month: int) -> None: ...

    func.__annotations__["month"] = annotation
    with pytest.raises(FieldError, match="annotations that can be evaluated") as caught:
        NativeInterface.from_callable(func)
    assert caught.value.field == "func"


def _generator() -> Iterator[int]:
    yield 1


async def _async_generator() -> AsyncIterator[int]:
    yield 1


@pytest.mark.parametrize("func", [_generator, _async_generator])
def test_a_function_that_yields_is_refused_as_it_would_run_after_its_task(
    func: Callable[..., Any],
) -> None:
    with pytest.raises(FieldError, match="a function that returns a list"):
        NativeInterface.from_callable(func)


@pytest.mark.parametrize("func", [Pair, functools.partial(_with_args), min, "text"])
def test_what_has_no_parameters_of_its_own_is_refused(func: Any) -> None:
    with pytest.raises(FieldError) as caught:
        NativeInterface.from_callable(func)
    assert caught.value.field == "func"


# Calls


@pytest.mark.parametrize(
    ("args", "kwargs", "expected"),
    [
        ((), {}, {}),
        ((), {"month": 1}, {"month": 1}),
        ((1,), {}, {"month": 1}),
        ((1, "AA"), {"top": 2}, {"month": 1, "carrier": "AA", "top": 2}),
        ((1,), {"unknown": 2}, {"month": 1, "unknown": 2}),
    ],
)
def test_positional_arguments_become_keywords(
    args: Any, kwargs: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert MONTHLY.convert_to_kwargs(*args, **kwargs) == expected


def test_too_many_positional_arguments_are_a_type_error() -> None:
    with pytest.raises(TypeError, match="4 positional inputs given, 3 allowed"):
        MONTHLY.convert_to_kwargs(1, "AA", 3, 4)


def test_an_argument_given_twice_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="input 'month' given twice"):
        MONTHLY.convert_to_kwargs(1, month=1)


def test_binding_fills_in_defaults_in_the_order_of_the_interface() -> None:
    bound = MONTHLY.bind("t", (), {"top": 1, "month": 2})
    assert list(bound.items()) == [("month", 2), ("carrier", "AA"), ("top", 1)]


@pytest.mark.parametrize(
    ("args", "kwargs", "problem"),
    [
        ((), {}, "input 'month' is missing"),
        ((), {"month": 1, "topp": 2}, "there is no input 'topp'; did you mean 'top'?"),
        (
            (),
            {"mnth": 1},
            "input 'month' is missing; there is no input 'mnth'; did you mean 'month'?",
        ),
        ((1,), {"month": 1}, "input 'month' given twice"),
        ((1, "AA", 3, 4), {}, "4 positional inputs given, 3 allowed"),
    ],
)
def test_a_call_that_does_not_fit_is_an_input_error(
    args: Any, kwargs: dict[str, Any], problem: str
) -> None:
    with pytest.raises(InputError) as caught:
        MONTHLY.bind("flights.main", args, kwargs)
    inputs = "(inputs: month: int, carrier: str = 'AA', top: int = 3)"
    assert str(caught.value) == f"task 'flights.main': {problem} {inputs}"


def test_an_input_error_is_a_type_error_as_a_wrong_call_is() -> None:
    assert issubclass(InputError, TypeError)


def test_the_error_of_a_task_without_inputs_says_so() -> None:
    with pytest.raises(InputError, match=r"no input 'n' \(it takes no inputs"):
        NativeInterface().bind("t", (), {"n": 1})


NAMES = st.lists(st.sampled_from("abcdef"), unique=True)


@given(NAMES, st.data())
def test_binding_agrees_with_a_call_of_a_function_with_that_signature(
    names: list[str], data: st.DataObject
) -> None:
    defaults = data.draw(st.lists(st.sampled_from(names), unique=True)) if names else []
    interface = NativeInterface.from_types(
        dict.fromkeys(names, int), defaults=dict.fromkeys(defaults, 0)
    )
    signature = inspect.Signature(
        [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=0)
            if name in defaults
            else inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY)
            for name in names
        ]
    )
    kwargs = data.draw(st.dictionaries(st.sampled_from("abcdefg"), st.integers()))
    try:
        expected = signature.bind(**kwargs)
    except TypeError:
        with pytest.raises(InputError):
            interface.bind("t", (), kwargs)
    else:
        expected.apply_defaults()
        assert interface.bind("t", (), kwargs) == expected.arguments


# As text and as JSON values

UserId = NewType("UserId", int)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (int, "int"),
        (Any, "Any"),
        (datetime, "datetime.datetime"),
        (list[int], "list[int]"),
        (dict[str, list[int]], "dict[str, list[int]]"),
        (int | None, "int | None"),
        (Optional[int], "Optional[int]"),  # noqa: UP045
        (Literal["a", "b"], "Literal['a', 'b']"),
        (Callable[[int], str], "Callable[[int], str]"),
        (tuple[int, ...], "tuple[int, ...]"),
        (Annotated[int, object()], "int"),
        (Annotated[list[int], object()], "list[int]"),
        (type(None), "NoneType"),
    ],
)
def test_a_type_has_a_name_as_one_writes_it(kind: Any, name: str) -> None:
    assert type_name(kind) == name


@pytest.mark.parametrize("kind", [Pair, list[Pair], UserId])
def test_the_name_of_a_type_says_its_module(kind: Any) -> None:
    assert __name__.rpartition(".")[2] in type_name(kind)


def test_an_interface_cannot_be_hashed_as_its_defaults_may_not_be() -> None:
    with pytest.raises(TypeError):
        hash(MONTHLY)
