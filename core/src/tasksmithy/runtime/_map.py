"""map(): a task over many inputs, a bounded number of them at once, the results in order."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Coroutine, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Generic, Literal, NoReturn, Protocol, TypeVar, overload

from tasksmithy import checks
from tasksmithy._texts import near_misses, shorten
from tasksmithy.concurrency._threads import in_a_loop, wait_for
from tasksmithy.errors import FieldError, InputError, NotATaskError
from tasksmithy.task._context import current, group
from tasksmithy.task._template import TaskTemplate

A = TypeVar("A")
B = TypeVar("B")
T = TypeVar("T")
A_contra = TypeVar("A_contra", contravariant=True)
B_contra = TypeVar("B_contra", contravariant=True)
T_co = TypeVar("T_co", covariant=True)

USUAL_CONCURRENCY = 100


class TaskMap(Generic[T]):
    """The results of `map`, in the order of the inputs: for `for`, and for `async for`, once."""

    def __init__(
        self,
        task: TaskTemplate[..., Any],
        inputs: tuple[Iterable[Any], ...],
        concurrency: int,
        group_name: str,
        *,
        return_exceptions: bool,
    ) -> None:
        self._task = task
        self._inputs = inputs
        self._concurrency = concurrency
        self._group_name = group_name
        self._return_exceptions = return_exceptions
        self._taken = False

    async def __aiter__(self) -> AsyncIterator[T]:
        """Start calls while results are taken, never more at once than the concurrency."""
        calls: deque[asyncio.Task[Any]] = deque()  # those whose results are not taken yet
        running = 0
        changed = asyncio.Event()

        def ended(_: object) -> None:
            nonlocal running
            running -= 1
            changed.set()

        inputs = self._tuples()
        try:
            while True:
                # Behind a slow call others go on, and wait for their turn when they have ended.
                waits = not calls or not calls[0].done()
                room = self._concurrency - (running if waits else len(calls))
                for args in itertools.islice(inputs, max(room, 0)):
                    calls.append(self._call(args))
                    calls[-1].add_done_callback(ended)
                    running += 1
                if not calls:
                    return
                if calls[0].done():
                    yield await self._settled(calls.popleft())
                else:
                    changed.clear()
                    await changed.wait()
        finally:
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)

    def __iter__(self) -> Iterator[T]:
        """As `__aiter__`, for a sync task; outside a run, the calls come one after another.

        Raises:
            InputError: it is an async task that iterates; its loop would have to wait for itself.
        """
        if not current():
            for args in self._tuples():
                yield wait_for(self._settled(self._task.aio(*args)))
            return
        if in_a_loop():
            raise InputError(self._task.name, f"map: an async task waits for it: {self._written}")
        results = aiter(self)
        try:
            while (result := wait_for(_next_of(results))) is not _END:
                yield result
        finally:
            wait_for(results.aclose())  # type: ignore[attr-defined]

    if not TYPE_CHECKING:  # for a type checker it cannot be awaited

        def __await__(self) -> NoReturn:
            raise InputError(self._task.name, f"map: it is iterated, not awaited: {self._written}")

    @property
    def _written(self) -> str:
        """What to write in an async task."""
        called, inputs = self._task.name.rpartition(".")[2], ", ".join(["..."] * len(self._inputs))
        return f"write [x async for x in map({called}, {inputs})]"

    def _tuples(self) -> Iterator[tuple[Any, ...]]:
        """The inputs of each call."""
        if self._taken:
            problem = "map: its results were taken already; call map again, or keep them in a list"
            raise InputError(self._task.name, problem)
        self._taken = True
        for number, args in enumerate(itertools.zip_longest(*self._inputs, fillvalue=_END)):
            ended = [index for index, value in enumerate(args, 1) if value is _END]
            if ended:
                problem = f"map: iterable {ended[0]} of its inputs has {number} values, others more"
                raise InputError(self._task.name, problem)
            yield args

    def _call(self, args: tuple[Any, ...]) -> asyncio.Task[Any]:
        with group(self._group_name or self._task.short_name):
            return asyncio.create_task(self._task.aio(*args))

    async def _settled(self, call: Awaitable[Any]) -> Any:
        try:
            return await call
        except Exception as error:
            if not self._return_exceptions:
                raise
            return error


_END: Any = object()

_OPTIONS = ("concurrency", "group_name", "return_exceptions")


def _by_name(task: TaskTemplate[..., Any], name: str, value: object) -> str:
    """What to write instead of an argument that map does not take."""
    given = [each for each in task.interface.inputs if each != name]
    if len(given) == len(task.interface.inputs):
        return f"it takes no {name!r}{near_misses(name, _OPTIONS)} (options: {', '.join(_OPTIONS)})"
    return (
        f"{name!r} is an input, and inputs are given as iterables, in the order of the task's; for "
        f"one value in all calls, call the task in a task of your own, as in "
        f"{task.short_name.rpartition('.')[2]}({', '.join(given)}, {name}={shorten(value)}), and "
        "map that; or give itertools.repeat(value, times) in its place"
    )


async def _next_of(results: AsyncIterator[T]) -> T:
    return await anext(results, _END)


# What type checkers take a task for: its signature for as many inputs as are given, without await.


class _OfOne(Protocol[A_contra, T_co]):
    def aio(self, first: A_contra, /) -> Coroutine[Any, Any, T_co]: ...


class _OfTwo(Protocol[A_contra, B_contra, T_co]):
    def aio(self, first: A_contra, second: B_contra, /) -> Coroutine[Any, Any, T_co]: ...


class _OfMore(Protocol[T_co]):
    def aio(self, *args: Any, **kwargs: Any) -> Coroutine[Any, Any, T_co]: ...


@overload
def map(  # noqa: A001 - the name is the API's
    task: _OfOne[A, T],
    first: Iterable[A],
    /,
    *,
    concurrency: int = ...,
    group_name: str = ...,
    return_exceptions: Literal[False] = ...,
) -> TaskMap[T]: ...
@overload
def map(  # noqa: A001
    task: _OfTwo[A, B, T],
    first: Iterable[A],
    second: Iterable[B],
    /,
    *,
    concurrency: int = ...,
    group_name: str = ...,
    return_exceptions: Literal[False] = ...,
) -> TaskMap[T]: ...
@overload
def map(  # noqa: A001
    task: _OfMore[T],
    first: Iterable[Any],
    second: Iterable[Any],
    third: Iterable[Any],
    /,
    *more: Iterable[Any],
    concurrency: int = ...,
    group_name: str = ...,
    return_exceptions: Literal[False] = ...,
) -> TaskMap[T]: ...
@overload
def map(  # noqa: A001
    task: _OfOne[A, T],
    first: Iterable[A],
    /,
    *,
    concurrency: int = ...,
    group_name: str = ...,
    return_exceptions: bool,
) -> TaskMap[T | Exception]: ...
@overload
def map(  # noqa: A001
    task: _OfTwo[A, B, T],
    first: Iterable[A],
    second: Iterable[B],
    /,
    *,
    concurrency: int = ...,
    group_name: str = ...,
    return_exceptions: bool,
) -> TaskMap[T | Exception]: ...
@overload
def map(  # noqa: A001
    task: _OfMore[T],
    first: Iterable[Any],
    second: Iterable[Any],
    third: Iterable[Any],
    /,
    *more: Iterable[Any],
    concurrency: int = ...,
    group_name: str = ...,
    return_exceptions: bool,
) -> TaskMap[T | Exception]: ...
def map(  # noqa: A001
    task: Any,
    *inputs: Iterable[Any],
    concurrency: int = USUAL_CONCURRENCY,
    group_name: str = "",
    return_exceptions: bool = False,
    **others: Any,
) -> TaskMap[Any]:
    """Call a task for each of many inputs, a bounded number at once; the results keep the order.

    Inputs are taken as calls end, and only while results are taken; what is held are the calls in
    flight and the results that wait for a slower call before them. Iterate with `async for` in an
    async task and with `for` in a sync one.

    Args:
        task: the task.
        inputs: an iterable for each of its first inputs, as for the builtin `map`.
        concurrency: how many calls are in flight at the most.
        group_name: the group of the calls; the task's short name, if not given.
        return_exceptions: whether an error is a result in its place. If not, the first one ends the
            iteration and the calls in flight.

    Raises:
        NotATaskError: it is no task.
        InputError: the concurrency is no positive integer, there are no inputs, an input is given
            by its name, or, in the iteration, one of several iterables ends before the others.
    """
    if not isinstance(task, TaskTemplate):
        raise NotATaskError(task)
    for name, value in others.items():
        raise InputError(task.name, f"map: {_by_name(task, name, value)}")
    try:
        checks.integer("concurrency", concurrency, 1)
    except FieldError as error:
        raise InputError(task.name, f"map: {error}") from None
    if not inputs:
        raise InputError(task.name, "map: give at least one iterable of inputs")
    given: tuple[object, ...] = inputs
    for number, values in enumerate(given, 1):
        if not isinstance(values, Iterable):
            problem = f"map: {shorten(values)}, given as inputs {number}, is no iterable"
            raise InputError(task.name, problem)
    return TaskMap(task, inputs, concurrency, group_name, return_exceptions=return_exceptions)
