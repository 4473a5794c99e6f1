"""Cloudpickle: for values without a form of their own, such as functions and classes of scripts."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from tasksmithy._texts import shorten
from tasksmithy.errors import ValueEncodingError
from tasksmithy.values._annotations import type_name


def dumped(
    value: Any,
    on_buffer: Callable[[Any], None] | None = None,
    stand_in: Callable[[Any], object] | None = None,
) -> bytes:
    """A value as a cloudpickle.

    Args:
        value: any value.
        on_buffer: is given the large buffers of the value, which are then not in the pickle.
        stand_in: gives what is in the pickle instead of an object, or None: the object itself. Such
            a pickle is not to be loaded.

    Raises:
        ValueEncodingError: it cannot be pickled; chained to the reason.
    """
    import cloudpickle  # only who has such values pays for it

    stream = io.BytesIO()
    pickler = cloudpickle.Pickler(stream, protocol=5, buffer_callback=on_buffer)
    if stand_in is not None:
        pickler.persistent_id = stand_in
    try:
        pickler.dump(value)
    except Exception as error:  # pickling runs the value's own code
        raise ValueEncodingError(
            "",
            f"is {shorten(value)} of type {type_name(type(value))}, which cannot be encoded "
            f"({type(error).__name__}: {error}). Make it where it is needed instead of passing it, "
            "pass it as a File, a table or plain data, or give its class a __getstate__",
        ) from error
    return stream.getvalue()


def loaded(content: bytes) -> Any:
    """The value of a cloudpickle; whatever is in it is run."""
    import pickle  # as above

    return pickle.loads(content)  # noqa: S301 - a format of its own says that there is one
