"""Storage: values as bytes that are kept, and the values of those bytes.

The bytes are a pickle of builtin values and of `Record`s, which stand for all other objects. To
read it makes nothing else: no opcode reaches a class, a function or an object of anybody's. Objects
are made of the records afterwards, of the classes that the declared type names, and without a
constructor. What has no such form is a cloudpickle in a record, which runs code when it is loaded:
that is done only where the declared type is open, that is, where nothing else can store its values.
"""

from __future__ import annotations

import copyreg
import io
import pickle
import struct
import sys
import zlib
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple

from tasksmithy._texts import shorten
from tasksmithy.errors import ValueEncodingError
from tasksmithy.values._annotations import type_name
from tasksmithy.values._cloudpickle import dumped, loaded
from tasksmithy.values._declared import Declared, declared
from tasksmithy.values._places import place_of
from tasksmithy.values._reducer import Parts, Reducer
from tasksmithy.values._reducers import holds_table, reducer_for, reducer_of

_PLAIN = "tasksmithy.2"
# Pickled code is bytecode, which another version of Python must not run.
_PICKLED = f"tasksmithy.2+cloudpickle.{sys.implementation.cache_tag}"
_PROTOCOL = 5
_CHECKSUM = struct.Struct("<I")
_UNDAMAGED = 0x2144DF1C  # what the checksum is of all bytes that end with their checksum

_SCALARS = frozenset({type(None), bool, int, float, str, bytes})
_are_scalars = _SCALARS.issuperset
_SEQUENCES = frozenset({list, tuple, set, frozenset})
_CLOUDPICKLE, _TABLE = "cloudpickle", "table"


class Encoded(NamedTuple):
    """A value as bytes. With the declared type at hand, it can be read anywhere.

    Attributes:
        format: names the encoding and its version.
        data: the bytes, with a checksum.
    """

    format: str
    data: bytes


def encode(value: object, kind: Any = Any) -> Encoded:
    """A value as bytes, which `decode` reads as exactly the same: type, order and what is shared.

    Builtin types, enums, dataclasses, named tuples, pydantic models, dates, paths, arrays, tables
    and data frames have a form of their own. `File` and `Dir` are their path, and what their
    content was. All else is stored by cloudpickle, where the declared type is open.

    Args:
        value: any value.
        kind: its declared type. A class that cannot be imported elsewhere, as of the main module,
            has its own form only where the declared type names it.

    Raises:
        ValueEncodingError: something in it cannot be encoded.
    """
    if _is_flat(value):
        data = pickle.dumps(value, _PROTOCOL)
        return Encoded(_PLAIN, data + _CHECKSUM.pack(zlib.crc32(data)))
    stream = io.BytesIO()
    writer = _Writer(stream, value, kind)
    try:
        writer.dump(value)
    except _Unstorable as error:
        where = place_of(error.value, value)
        raise ValueEncodingError(where, error.problem) from error.__cause__
    except RecursionError as error:
        raise ValueEncodingError("", "nests too deeply to be encoded") from error
    stream.write(_CHECKSUM.pack(zlib.crc32(stream.getbuffer())))
    return Encoded(_PICKLED if writer.pickled else _PLAIN, stream.getvalue())


def decode(encoded: Encoded, kind: Any = Any) -> Any:
    """The value of an `Encoded`; a table or data frame comes as the declared type.

    Args:
        encoded: what `encode` gave.
        kind: the declared type, as `encode` had it.

    Raises:
        ValueEncodingError: the bytes are damaged, or written by another version of tasksmithy or,
            with pickles in them, of Python; a class is missing or not what it was; a file or
            directory is gone or has another content than it had; there is code in it, which the
            declared type does not need.
    """
    try:
        value, has_records = _read(encoded)
        if not has_records:
            return value
        return _Objects(value, kind, pickled=encoded.format == _PICKLED).of(value)
    except ValueEncodingError:
        raise
    except Exception as error:  # to make objects imports, and a cloudpickle runs the user's code
        raise ValueEncodingError(
            "",
            f"cannot be read back ({type(error).__name__}: {error}): restore what it needs, "
            "or delete it and make it again",
        ) from error


def preview(encoded: Encoded) -> object:
    """The value for who looks at it: whatever is not builtin has the `repr` of its record.

    No class is imported for it, and no cloudpickle is loaded. Raises as `decode`.
    """
    try:
        return _read(encoded)[0]
    except ValueEncodingError:
        raise
    except Exception as error:
        raise ValueEncodingError("", f"cannot be read ({error})") from error


class Record:
    """What stands for an object in the bytes; it does nothing.

    Attributes:
        shape: that of the object's reducer, or what else it is.
        parts: its parts.
    """

    __slots__ = ("parts", "shape")

    def __init__(self, shape: Any) -> None:
        self.shape = shape
        self.parts: Any = ()

    def __setstate__(self, parts: Any) -> None:
        """Take the parts, which come after it, as it may be in them itself."""
        self.parts = parts

    def __repr__(self) -> str:
        if self.shape == _CLOUDPICKLE:
            return f"<pickled value, {len(self.parts[0]):,} bytes>"
        # Only who looks at a value pays for it.
        from tasksmithy.values._record_text import text_of, text_of_table

        if self.shape == _TABLE:
            return text_of_table(*self.parts)
        return text_of(self.shape, self.parts)


class _NewRecord:
    """What a pickle calls for a new record: the only thing that it can name.

    An object without attributes, as what is in a pickle can set those of whatever it names.
    """

    __slots__ = ()

    def __call__(self, shape: Any) -> Record:
        return Record(shape)


record = _NewRecord()


class _Unstorable(Exception):  # noqa: N818 - no error of its own: the start of one
    def __init__(self, value: object, problem: str) -> None:
        super().__init__(problem)
        self.value = value
        self.problem = problem


def _is_flat(value: Any) -> bool:
    """Whether a value is a builtin scalar or holds nothing else: most values are of this kind."""
    kind = type(value)
    if kind is dict:
        return _are_scalars(map(type, value)) and _are_scalars(map(type, value.values()))
    if kind in _SEQUENCES:
        return _are_scalars(map(type, value))
    return kind in _SCALARS


class _Writer(pickle.Pickler):
    def __init__(self, stream: io.BytesIO, value: Any, kind: Any) -> None:
        super().__init__(stream, _PROTOCOL)
        self.pickled = False
        self._whole = value
        self._kind = kind
        self._declared: Declared | None = None
        self._reducers: dict[type, Reducer | None] = {}

    def reducer_override(self, value: Any) -> Any:
        if value is record:
            return "record"
        cls = type(value)
        try:
            reducer = self._reducers[cls]
        except KeyError:
            reducer = self._reducers[cls] = self._reducer(cls)
        parts = None if reducer is None else reducer.reduce(value)
        if reducer is not None and parts is not None:
            return record, (reducer.shape,), parts
        if holds_table(cls) and (table := self._table(value)) is not None:
            return record, (_TABLE,), table
        return record, (_CLOUDPICKLE,), (self._cloudpickle(value),)

    def _reducer(self, cls: type) -> Reducer | None:
        reducer = reducer_of(cls)
        if reducer is None or reducer.cls is None or self._admitted().finds(reducer.cls):
            return reducer
        return None

    def _admitted(self) -> Declared:
        if self._declared is None:
            self._declared = declared(self._kind)
        return self._declared

    def _table(self, value: Any) -> Parts | None:
        from tasksmithy.values._arrow import to_arrow  # only who has tables pays for it

        table = to_arrow(value, self._admitted(), self._kind if value is self._whole else Any)
        return None if table is None else tuple(table)

    def _cloudpickle(self, value: Any) -> bytes:
        if not self._admitted().is_open:
            problem = (
                f"is {shorten(value)} of type {type_name(type(value))}, which only cloudpickle "
                f"can store, and the declared type {type_name(self._kind)} does not ask for "
                "that: declare this type, or Any"
            )
            raise _Unstorable(value, problem)
        self.pickled = True
        try:
            return dumped(value)
        except ValueEncodingError as error:
            raise _Unstorable(value, error.problem) from error.__cause__


class _Reader(pickle.Unpickler):
    has_records = False

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) != (__name__, "record"):
            raise pickle.UnpicklingError(f"it names {module}.{name}, and may name no code")
        self.has_records = True
        return record


def _read(encoded: Encoded) -> tuple[Any, bool]:
    """What the bytes hold, with records, and whether there are any."""
    format_, content = encoded
    if format_ not in (_PLAIN, _PICKLED):
        raise ValueEncodingError(
            "",
            f"is stored in the format {format_!r}, which {_PLAIN!r} and {_PICKLED!r} cannot "
            "read: use the versions of Python and tasksmithy that wrote it, or make it again",
        )
    if zlib.crc32(content) != _UNDAMAGED:
        raise ValueEncodingError("", "is damaged where it is stored: delete it and make it again")
    # What someone has registered for short names of pickles is handed out without a question.
    copyreg.clear_extension_cache()
    reader = _Reader(io.BytesIO(content))
    return reader.load(), reader.has_records


class _Objects:
    """Makes objects of records, in place where a container can be changed.

    Args:
        value: the whole value, with records.
        kind: the declared type.
        pickled: whether the bytes say that a cloudpickle is in them.
    """

    def __init__(self, value: Any, kind: Any, *, pickled: bool) -> None:
        self._whole = value
        self._kind = kind
        self._declared = declared(kind)
        self._pickled = pickled
        self._reducers: dict[str, Reducer] = {}
        # With what it is made of: an identity is that of an object only as long as that is there.
        self._made: dict[int, tuple[object, object]] = {}
        self._met: set[int] = set()  # what was asked for again

    def of(self, value: Any) -> Any:
        """The value with objects in the place of its records."""
        kind = type(value)
        if kind is not Record and _is_flat(value):
            return value
        if (made := self._made.get(id(value))) is not None:
            self._met.add(id(value))
            return made[1]
        make = self._MAKES.get(kind)
        if make is None:
            return value  # a bytearray
        self._made[id(value)] = value, value
        made_now = make(self, value)
        if made_now is not value and kind is not Record:
            self._settle(value, made_now)
        return made_now

    def _settle(self, value: object, made: object) -> None:
        """Note what has been made of a value; it must not have been met in itself before that."""
        if id(value) in self._met:
            raise ValueError("a tuple, or an object that cannot be changed, holds itself")
        self._made[id(value)] = value, made

    def _list(self, items: list[Any]) -> list[Any]:
        for index, item in enumerate(items):
            if type(item) not in _SCALARS:
                items[index] = self.of(item)
        return items

    def _dict(self, items: dict[Any, Any]) -> dict[Any, Any]:
        if _are_scalars(map(type, items)):
            for key, item in items.items():
                if type(item) not in _SCALARS:
                    items[key] = self.of(item)
            return items
        pairs = list(items.items())
        items.clear()
        for key, item in pairs:
            items[self.of(key)] = self.of(item)
        return items

    def _tuple(self, items: Parts) -> Parts:
        made = tuple([self.of(item) for item in items])
        return items if all(map(_is, made, items)) else made

    def _set(self, items: set[Any]) -> set[Any]:
        made = [self.of(item) for item in items]
        items.clear()
        items.update(made)
        return items

    def _frozenset(self, items: frozenset[Any]) -> frozenset[Any]:
        return frozenset([self.of(item) for item in items])

    def _object(self, of: Record) -> Any:
        made: Any
        if of.shape == _CLOUDPICKLE:
            if not (self._pickled and self._declared.is_open):
                raise ValueError("there is code in it, where none may be")
            return loaded(*of.parts)
        if of.shape == _TABLE:
            from tasksmithy.values._arrow import ArrowBytes, from_arrow  # only who has tables pays

            kind = self._kind if of is self._whole else Any
            return from_arrow(ArrowBytes(*of.parts), self._declared, kind)
        reducer = self._reducers.get(of.shape)
        if reducer is None:
            reducer = self._reducers[of.shape] = reducer_for(of.shape, self._declared.find)
        if reducer.fill is None:
            made = reducer.make(self._parts(of))
            self._settle(of, made)
            return made
        made = reducer.make(of.parts)
        self._settle(of, made)
        reducer.fill(made, self._parts(of))
        return made

    def _parts(self, of: Record) -> Parts:
        return tuple([part if type(part) in _SCALARS else self.of(part) for part in of.parts])

    _MAKES: ClassVar[Mapping[type, Callable[[Any, Any], Any]]] = {
        list: _list,
        dict: _dict,
        tuple: _tuple,
        set: _set,
        frozenset: _frozenset,
        Record: _object,
    }


def _is(left: object, right: object) -> bool:
    return left is right
