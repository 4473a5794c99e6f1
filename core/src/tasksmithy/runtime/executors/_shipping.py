"""Shipping: values and exceptions as bytes that another process can read.

What a module defines goes by its name. What no name leads to, a closure or a lambda, goes by value,
which is what cloudpickle adds to pickle.
"""

from __future__ import annotations

import builtins
import io
import pickle
import sys
import traceback
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any, NamedTuple

import cloudpickle

from tasksmithy._texts import shorten
from tasksmithy.errors import NotShippableError
from tasksmithy.runtime.executors import _surroundings as surroundings


class WorkerTraceback(Exception):  # noqa: N818 - no error of its own: the end of a chain of causes
    """The traceback of an error in the process that raised it: the last `__cause__` of the error.

    Attributes:
        text: the traceback, as Python prints it.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return f"in the process that raised it:\n{self.text}"


class _Failure(NamedTuple):
    """An exception on the wire.

    Attributes:
        name: its type.
        message: its text, in full: cut before the run masks it, half of a secret could be left.
        text: its traceback.
        chain: the exception and its causes, pickled; empty where that is impossible.
        problem: why it is impossible.
    """

    name: str
    message: str
    text: str
    chain: bytes
    problem: str


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # cloudpickle ships no types
    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, BaseException) and _has_plain_reduce(type(obj)):
            reduced: Any = obj.__reduce__()
            _, args, *state = reduced
            return _remade, (type(obj), args), *state
        if isinstance(obj, (type, FunctionType)) and _is_of_main(obj):
            return NotImplemented  # by name: the worker imports the script
        return super().reducer_override(obj)


class Packed(NamedTuple):
    """A value on its way.

    Attributes:
        payload: the value, pickled.
        parts: what is not in the payload, as `put` has given it.
    """

    payload: bytes
    parts: tuple[Any, ...] = ()


Put = Callable[[object], Any]
"""Gives what goes in the place of a value, beside the payload; None where the value is pickled.

It is asked about objects of classes, not about numbers, texts and the built-in collections.
"""


class _PartsPickler(_Pickler):
    def __init__(self, stream: io.BytesIO, put: Put) -> None:
        super().__init__(stream, pickle.HIGHEST_PROTOCOL)
        self._put = put
        self.parts: list[Any] = []

    def reducer_override(self, obj: Any) -> Any:
        # Not `persistent_id`, which is asked about each text and number, too.
        if (part := self._put(obj)) is None:
            return super().reducer_override(obj)
        self.parts.append(part)
        return _part, (len(self.parts) - 1,)


class _PartsUnpickler(pickle.Unpickler):
    def __init__(self, stream: io.BytesIO, parts: Sequence[Any]) -> None:
        super().__init__(stream)
        self._parts = parts

    def find_class(self, module: str, name: str) -> Any:
        found = super().find_class(module, name)
        return self._parts.__getitem__ if found is _part else found


def _part(number: int) -> Any:
    """What stands in the bytes for a part: the one of this number, which is beside them."""
    raise LookupError(f"part {number} did not come along")


def dumps(value: object) -> bytes:
    """`value` as bytes.

    Raises:
        Exception: whatever the value, or cloudpickle, says against it.
    """
    with io.BytesIO() as stream:
        _Pickler(stream, pickle.HIGHEST_PROTOCOL).dump(value)
        return stream.getvalue()


def dumps_parts(value: object, put: Put | None) -> Packed:
    """`value` as bytes and what `put` keeps out of them.

    Raises:
        Exception: whatever the value, or cloudpickle, says against it.
    """
    if put is None:
        return Packed(dumps(value))
    with io.BytesIO() as stream:
        pickler = _PartsPickler(stream, put)
        pickler.dump(value)
        return Packed(stream.getvalue(), tuple(pickler.parts))


def loads(payload: bytes, parts: Sequence[Any] = ()) -> Any:
    """The value of bytes that a process of the same run has made.

    Args:
        payload: the bytes.
        parts: the values of the parts that are not in them.

    Raises:
        Exception: whatever the value, or an import that it needs, says against it.
    """
    if surroundings.speaks_of_main(payload):
        surroundings.ensure_main()
    if parts:
        return _PartsUnpickler(io.BytesIO(payload), parts).load()
    return pickle.loads(payload)  # noqa: S301 - from a process of this run


def packed(task: str, what: str, value: object, put: Put | None = None) -> Packed:
    """`value` on its way.

    Args:
        task: name of the task that it belongs to.
        what: what it is, for the message.
        value: the value.
        put: what keeps large values out of the bytes.

    Raises:
        NotShippableError: pickling refuses it; chained to the cause.
    """
    try:
        return dumps_parts(value, put)
    except Exception as error:
        raise NotShippableError(task, what, _reason(error)) from error


def unpacked(task: str, what: str, payload: bytes, parts: Sequence[Any] = ()) -> Any:
    """The value that `packed` was given; `parts` are the values of its parts.

    Raises:
        NotShippableError: it cannot be read here; chained to the cause.
    """
    try:
        return loads(payload, parts)
    except Exception as error:
        raise NotShippableError(task, what, f"on arrival, {_reason(error)}") from error


def pack_error(error: BaseException) -> bytes:
    """An exception with its causes, its notes and its traceback as bytes; never raises."""
    text = "".join(traceback.format_exception(error))
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and not isinstance(link, WorkerTraceback) and link not in chain:
        chain.append(link)
        link = link.__cause__
    try:
        content, problem = dumps(chain), ""
    except Exception as refusal:  # noqa: BLE001 - told to whoever receives the error
        content, problem = b"", _reason(refusal)
    message = shorten(error, sys.maxsize)
    return pickle.dumps(_Failure(_name(type(error)), message, text, content, problem))


def unpack_error(task: str, payload: bytes) -> BaseException:
    """The exception of bytes from `pack_error`, of the type that it was raised as.

    One that cannot be pickled, or not be read here, is a `NotShippableError` with its type, its
    message and its traceback.
    """
    failure: _Failure = pickle.loads(payload)  # noqa: S301 - from a process of this run
    told = WorkerTraceback(failure.text)
    problem = failure.problem
    try:
        chain: list[BaseException] = loads(failure.chain) if failure.chain else []
    except Exception as refusal:  # noqa: BLE001 - told to the caller
        chain, problem = [], f"on arrival, {_reason(refusal)}"
    if not chain:
        what = f"what it raised, {failure.name} ({failure.message}),"
        chain = [NotShippableError(task, what, problem)]
    for error, cause in zip(chain, [*chain[1:], told], strict=True):
        error.__cause__ = cause
    return chain[0]


def _has_plain_reduce(cls: type[BaseException]) -> bool:
    """Whether the class leaves pickling to the built-in one that it is below of."""
    own = (vars(base).get(name) for base in cls.__mro__ for name in ("__reduce__", "__reduce_ex__"))
    return not any(isinstance(method, FunctionType) for method in own)


def _remade(cls: type[BaseException], args: tuple[Any, ...]) -> BaseException:
    """An exception without a call of its constructor, whose parameters need not be its `args`."""
    error: BaseException = _built_in("__new__", cls)(cls, *args)
    _built_in("__init__", cls)(error, *args)
    return error


def _built_in(method: str, cls: type[BaseException]) -> Callable[..., Any]:
    """The method as the nearest built-in class of `cls` has it."""
    home = next(base for base in cls.__mro__ if getattr(builtins, base.__name__, None) is base)
    found: Callable[..., Any] = getattr(home, method)
    return found


def _is_of_main(obj: type | FunctionType) -> bool:
    """Whether the name of a class or function leads to it in a script that can be imported."""
    if obj.__module__ != "__main__" or not surroundings.main_is_importable():
        return False
    found: Any = sys.modules["__main__"]
    for name in obj.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is obj


def _name(cls: type) -> str:
    return (
        cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
    )


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
