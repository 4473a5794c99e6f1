"""The reducers of what comes with Python, tasksmithy and numpy: dates, paths, files, arrays."""

from __future__ import annotations

import collections
import functools
import io
import sys
from collections.abc import Callable, Sequence
from typing import Any

from tasksmithy.values._files import Dir, File, content_of, name_of, state_of
from tasksmithy.values._reducer import Parts, Reducer

# A default dict has one of these, and no other function, to be stored without cloudpickle.
_FACTORIES: Sequence[Any] = (None, bool, int, float, str, list, dict, set, tuple)


def standard_reducer(cls: type) -> Reducer | None:
    """The reducer of a type that is none of the user's; None for all others."""
    return _by_type().get(cls) or _of_numpy(cls) or _of_pydantic(cls)


def standard_reducer_for(shape: str) -> Reducer:
    """The reducer of that shape. Raises `LookupError` where there is none."""
    return _by_shape()[shape]


@functools.cache
def _by_type() -> dict[type, Reducer]:
    # Only values other than builtin ones pay for these imports.
    import datetime as dt
    import decimal
    import pathlib
    import uuid
    import zoneinfo

    def reducer(
        cls: Any,
        reduce: Callable[[Any], Parts | None],
        make: Callable[[Parts], Any] | None = None,
        fill: Callable[[Any, Parts], None] | None = None,
    ) -> Reducer:
        return Reducer(cls.__name__, reduce, make or (lambda parts: cls(*parts)), fill)

    def clock(value: Any) -> Parts:
        return (value.hour, value.minute, value.second, value.microsecond, value.tzinfo, value.fold)

    def with_fold(cls: Any) -> Callable[[Parts], Any]:
        return lambda parts: cls(*parts[:-1], fold=parts[-1])

    def text(value: Any) -> Parts:
        return (str(value),)

    def items(value: Any) -> Parts | None:
        return None if getattr(value, "__dict__", None) else tuple(value.items())

    def with_factory(value: Any) -> Parts | None:
        if value.default_factory not in _FACTORIES:
            return None
        return (_FACTORIES.index(value.default_factory), *value.items())

    def place(cls: Any, identity: Callable[[Any], Parts]) -> Reducer:
        return Reducer(
            cls.__name__,
            lambda value: (value.path, state_of(value)),
            lambda parts: _unchanged(cls(parts[0]), parts[1]),
            identity=identity,
            cls=cls,  # to look at what is at a path is for those who expect one
        )

    paths = (
        *(pathlib.Path, pathlib.PurePath, pathlib.PurePosixPath, pathlib.PureWindowsPath),
        type(pathlib.Path()),
    )
    return {
        complex: reducer(complex, lambda value: (value.real, value.imag)),
        bytearray: reducer(bytearray, lambda value: (bytes(value),)),
        range: reducer(range, lambda value: (value.start, value.stop, value.step)),
        collections.OrderedDict: reducer(
            collections.OrderedDict,
            items,
            lambda _: collections.OrderedDict(),
            lambda value, parts: value.update(parts),
        ),
        collections.Counter: reducer(
            collections.Counter,
            items,
            lambda _: collections.Counter(),
            # Its own `update` counts what it is given.
            lambda value, parts: dict.update(value, parts),
        ),
        collections.defaultdict: reducer(
            collections.defaultdict,
            with_factory,
            lambda parts: collections.defaultdict(_FACTORIES[parts[0]]),
            lambda value, parts: value.update(parts[1:]),
        ),
        collections.deque: reducer(
            collections.deque,
            lambda value: (value.maxlen, *value),
            lambda parts: collections.deque(maxlen=parts[0]),
            lambda value, parts: value.extend(parts[1:]),
        ),
        dt.date: reducer(dt.date, lambda value: (value.year, value.month, value.day)),
        dt.time: reducer(dt.time, clock, with_fold(dt.time)),
        dt.datetime: reducer(
            dt.datetime,
            lambda value: (value.year, value.month, value.day, *clock(value)),
            with_fold(dt.datetime),
        ),
        dt.timedelta: reducer(
            dt.timedelta, lambda value: (value.days, value.seconds, value.microseconds)
        ),
        dt.timezone: reducer(dt.timezone, lambda value: value.__getinitargs__()),
        zoneinfo.ZoneInfo: reducer(
            zoneinfo.ZoneInfo, lambda value: (value.key,) if value.key else None
        ),
        decimal.Decimal: reducer(decimal.Decimal, text),
        uuid.UUID: reducer(uuid.UUID, text),
        **{cls: reducer(cls, text) for cls in paths},
        # Not the folder that it is in: what is moved is the same.
        File: place(File, lambda value: (name_of(value), *content_of(value))),
        Dir: place(Dir, content_of),
    }


@functools.cache
def _by_shape() -> dict[str, Reducer]:
    every = (*_by_type().values(), _ARRAY, _SCALAR, _TIME_ZONE)
    return {reducer.shape: reducer for reducer in every}


def _unchanged(place: File | Dir, state: str | None) -> File | Dir:
    """The file or directory, where it is what it was when it was stored."""
    now = state_of(place)
    if now is None:
        raise ValueError(f"{place} is not there any more, or cannot be read")
    if now != state:
        raise ValueError(f"{place} has been changed since")
    return place


def _of_numpy(cls: type) -> Reducer | None:
    numpy = sys.modules.get("numpy")  # who has such values has imported it
    if numpy is None or cls.__module__ != "numpy":
        return None
    if cls is numpy.ndarray:
        return _ARRAY
    return _SCALAR if issubclass(cls, numpy.generic) else None


def _npy(value: Any) -> Parts | None:
    """An array, or a scalar, as the bytes of an npy file, which has no pickle in it."""
    import numpy as np
    from numpy.lib import format as npy

    stream = io.BytesIO()
    try:
        kept = npy.descr_to_dtype(npy.dtype_to_descr(value.dtype))
        if kept != value.dtype or kept.char != value.dtype.char or kept.hasobject:
            return None
        npy.write_array(stream, np.asarray(value), allow_pickle=False)
    except (ValueError, TypeError):  # of a type that npy lacks
        return None
    return (stream.getvalue(),)


def _array(parts: Parts) -> Any:
    from numpy.lib import format as npy

    return npy.read_array(io.BytesIO(*parts), allow_pickle=False)


_ARRAY = Reducer("array", _npy, _array)
_SCALAR = Reducer("scalar", _npy, lambda parts: _array(parts)[()])


def _of_pydantic(cls: type) -> Reducer | None:
    """The reducer of pydantic's own time zones, which the datetimes have that it reads."""
    is_zone = cls.__name__ == "TzInfo" and cls.__module__.startswith("pydantic_core")
    return _TIME_ZONE if is_zone else None


def _time_zone(parts: Parts) -> Any:
    from pydantic_core import TzInfo

    return TzInfo(*parts)


_TIME_ZONE = Reducer(
    "TzInfo", lambda value: (int(value.utcoffset(None).total_seconds()),), _time_zone
)
