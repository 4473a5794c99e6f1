"""Hook: one hook as it is declared, and a call of it through all who may answer.

A call goes from the outside to the inside, each implementation knowing only the next. An answer is
checked where it is given, so a wrapper never sees a wrong one, and an error names who gave it
without asking anybody again. pluggy finds and checks the implementations; the order of its own
calls would put a task type's wrapper outside of a policy that answers.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Concatenate, Final, Generic, NamedTuple, ParamSpec, TypeVar, cast, overload

import pluggy

from tasksmithy._texts import shorten
from tasksmithy.errors import HookError, HookResultError, TasksmithyError
from tasksmithy.task._answers import WrongAnswerError

PROJECT: Final = "tasksmithy"

hookspec: pluggy.HookspecMarker = pluggy.HookspecMarker(PROJECT)
"""Marks a method as the declaration of a hook."""

hookimpl: pluggy.HookimplMarker = pluggy.HookimplMarker(PROJECT)
"""Marks a method of a task type or policy as the answer to a hook.

`@hookimpl(wrapper=True)` is for policies: a generator around all other answers.
"""

P = ParamSpec("P")
T = TypeVar("T")


class Implementation(NamedTuple):
    """A plugin's implementation of a hook.

    Attributes:
        function: it takes the arguments that `arguments` names, by position.
        arguments: their names.
        wraps: whether it is a generator around the answers further inside.
    """

    function: Callable[..., Any]
    arguments: Sequence[str]
    wraps: bool = False


class Provider(NamedTuple):
    """Who may answer.

    Attributes:
        label: what messages call it, with distribution and version.
        implementations: the hooks that it implements.
    """

    label: str
    implementations: Mapping[str, Implementation]


class Given(NamedTuple, Generic[T]):
    """One of the answers to a hook that takes all of them.

    Attributes:
        provider: who gave it, as messages say.
        answer: the answer.
    """

    provider: str
    answer: T


class _Call:
    """A call in progress: its arguments by position, and who raised the error that is under way."""

    __slots__ = ("arguments", "error", "provider")

    def __init__(self, arguments: tuple[Any, ...]) -> None:
        self.arguments = arguments
        self.error: BaseException | None = None
        self.provider = ""

    def raised(self, error: BaseException, provider: str) -> None:
        if error is not self.error:  # otherwise a wrapper has let it through
            self.error, self.provider = error, provider


_Ask = Callable[[_Call], Any]


class Hook(Generic[P, T]):
    """A hook, made of its method in the hook spec.

    In the class it is that method. In an instance it stands for the call of the hook, which the
    instance has under its name (see `TaskHooks`).

    Attributes:
        name: its name.
        method: the method; what it returns is what the core answers where nobody else does.
        arguments: the names of its arguments.
        check: gives an answer as its reader gets it, or raises `WrongAnswerError`.
        takes_all: whether all answers are taken, and not the first one alone.
        unwrapped: what to write instead of a wrapper; empty where there may be wrappers.
    """

    def __init__(
        self,
        method: Callable[..., Any],
        check: Callable[[Any], Any],
        *,
        takes_all: bool,
        unwrapped: str,
    ) -> None:
        functools.update_wrapper(cast("Any", self), method)
        self.name: str = method.__name__
        self.method: Callable[..., Any] = hookspec(firstresult=not takes_all)(method)
        self.signature: inspect.Signature = inspect.signature(functools.partial(method, None))
        self.arguments: tuple[str, ...] = tuple(self.signature.parameters)
        self.check = check
        self.takes_all = takes_all
        self.unwrapped = unwrapped

    @overload
    def __get__(self, hooks: None, owner: type) -> Callable[..., Any]: ...
    @overload
    def __get__(self, hooks: object, owner: type) -> Callable[P, T]: ...
    def __get__(self, hooks: object, owner: type) -> Callable[..., Any]:
        if hooks is None:
            return self.method
        raise AttributeError(f"{owner.__name__} has nobody to ask for {self.name!r}")

    def of(self, providers: Sequence[Provider]) -> Callable[P, T]:
        """The call of this hook.

        Args:
            providers: who may answer, the outermost first. The core is the last to be asked.

        Returns:
            A function with the arguments of the hook. It raises `HookError` for an exception of an
            implementation, and `HookResultError` for an answer that is not allowed; an error of
            tasksmithy, such as a veto, passes as it is.
        """
        core = Implementation(functools.partial(self.method, None), self.arguments)
        asked = [
            (who.label, who.implementations[self.name])
            for who in (*providers, Provider("the core of tasksmithy", {self.name: core}))
            if self.name in who.implementations
        ]
        return self._called(self._every(asked) if self.takes_all else self._first(asked))

    def _called(self, ask: _Ask) -> Callable[..., Any]:
        count = len(self.arguments)

        def call(*args: Any, **kwargs: Any) -> Any:
            if kwargs or len(args) != count:
                args = self.signature.bind(*args, **kwargs).args
            call = _Call(args)
            try:
                return ask(call)
            except TasksmithyError:
                raise
            except Exception as error:
                raise self._error(call, error) from error

        return call

    def _error(self, call: _Call, error: BaseException) -> HookError:
        problem = f"raised {shorten(error, sys.maxsize)}"
        return HookError(self.name, self._task(call), call.provider, problem)

    def _first(self, asked: Sequence[tuple[str, Implementation]]) -> _Ask:
        ask: _Ask = self._unanswered
        for label, implementation in reversed(asked):
            ask = (self._wrapped if implementation.wraps else self._answered)(
                label, implementation, ask
            )
        return ask

    def _unanswered(self, _: _Call) -> Any:
        return self.check(None)

    def _answered(self, label: str, implementation: Implementation, below: _Ask) -> _Ask:
        """Ask one implementation, and the next where its answer is None."""
        function, places = implementation.function, self._places(implementation)

        def ask(call: _Call) -> Any:
            given = call.arguments
            try:
                answer = function(*[given[place] for place in places])
                if answer is not None:
                    return self._checked(answer, label, call)
            except StopIteration as error:  # in a wrapper's generator it would become another
                call.raised(error, label)
                raise self._error(call, error) from error
            except Exception as error:
                call.raised(error, label)
                raise
            return below(call)

        return ask

    def _wrapped(self, label: str, implementation: Implementation, below: _Ask) -> _Ask:
        """Ask the next between the two halves of one implementation, whose answer counts."""
        function, places = implementation.function, self._places(implementation)

        def ask(call: _Call) -> Any:
            given = call.arguments
            try:
                around = function(*[given[place] for place in places])
                next(around)
            except StopIteration:
                problem = "did not yield; a wrapper yields once"
                raise self._result_error(call, label, problem) from None
            except Exception as error:
                call.raised(error, label)
                raise
            try:
                try:
                    answer = below(call)
                except BaseException as error:  # noqa: BLE001 - the wrapper decides
                    around.throw(error)
                else:
                    around.send(answer)
            except StopIteration as end:
                answer = end.value
            except Exception as error:
                call.raised(error, label)
                raise
            else:
                around.close()
                raise self._result_error(call, label, "yielded twice; a wrapper yields once")
            return self._checked(answer, label, call)

        return ask

    def _every(self, asked: Sequence[tuple[str, Implementation]]) -> _Ask:
        """Ask one after the other; the next one when the answer before it has been dealt with."""
        rows = [(label, each.function, self._places(each)) for label, each in asked]

        def ask(call: _Call) -> Iterator[Given[Any]]:
            given = call.arguments
            for label, function, places in rows:
                try:
                    answer = function(*[given[place] for place in places])
                    if answer is not None:
                        answer = self._checked(answer, label, call)
                except TasksmithyError:
                    raise
                except Exception as error:
                    call.raised(error, label)
                    raise self._error(call, error) from error
                if answer is not None:
                    yield Given(label, answer)

        return ask

    def _places(self, implementation: Implementation) -> tuple[int, ...]:
        return tuple(map(self.arguments.index, implementation.arguments))

    def _checked(self, answer: object, label: str, call: _Call) -> Any:
        try:
            return self.check(answer)
        except WrongAnswerError as wrong:
            if inspect.iscoroutine(answer):
                answer.close()  # or there would be a warning that nobody has awaited it
            raise self._result_error(call, label, f"returned {wrong}") from None

    def _result_error(self, call: _Call, label: str, problem: str) -> HookResultError:
        return HookResultError(self.name, self._task(call), label, problem)

    def _task(self, call: _Call) -> str:
        """The name of the task that asks; empty where the hook is not about a task."""
        return str(call.arguments[0].name) if self.arguments[0] == "task" else ""


def first_answer(
    check: Callable[[Any], T], *, unwrapped: str = ""
) -> Callable[[Callable[Concatenate[Any, P], object]], Hook[P, T]]:
    """Declare a hook whose first answer counts that is not None.

    The method's body is what the core answers.

    Args:
        check: gives an answer as its reader gets it, or raises `WrongAnswerError`.
        unwrapped: what to write instead of a wrapper, where an implementation may not wrap others.
    """

    def declare(method: Callable[Concatenate[Any, P], object]) -> Hook[P, T]:
        return Hook(method, check, takes_all=False, unwrapped=unwrapped)

    return declare


def every_answer(
    check: Callable[[Any], T],
) -> Callable[[Callable[Concatenate[Any, P], object]], Hook[P, Iterator[Given[T]]]]:
    """Declare a hook that takes all answers that are not None, the outermost first.

    Args:
        check: gives an answer as its reader gets it, or raises `WrongAnswerError`.
    """

    def declare(
        method: Callable[Concatenate[Any, P], object],
    ) -> Hook[P, Iterator[Given[T]]]:
        return Hook(
            method,
            check,
            takes_all=True,
            unwrapped="all answers are taken, so give one of your own: @hookimpl without wrapper",
        )

    return declare
