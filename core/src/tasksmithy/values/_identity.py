"""Identity: what tells one value from another, for cache keys and records.

The digest is of a canonical form: a tag, a size where one is needed, the content. It depends on
nothing that a function cannot see: not on hashes, addresses, or what is shared. Nobody reads it.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Any, ClassVar

from tasksmithy.errors import ValueEncodingError
from tasksmithy.values._annotations import by_importable_modules
from tasksmithy.values._cloudpickle import dumped
from tasksmithy.values._declared import declared
from tasksmithy.values._files import Dir, File
from tasksmithy.values._places import place_of
from tasksmithy.values._reducer import Parts, Reducer
from tasksmithy.values._reducers import holds_table, reducer_of

_VERSION = b"tasksmithy.3"
_DEEPEST = 100  # containers inside each other; what is deeper, or holds itself, is pickled whole
_SCALARS = frozenset({type(None), bool, int, float, str, bytes})
_PACKED = 16  # items from which on packing pays
_SIZE = struct.Struct("<Q").pack
_FLOAT = struct.Struct("<d").pack


def digest(
    value: object,
    *,
    reads_files: bool = True,
    code: Callable[[object], str | None] | None = None,
) -> str:
    """What identifies a value, as in a cache key, in hexadecimal digits.

    Values that a function can tell apart have different digests, and equal ones the same in any
    process. Seen are types (1, 1.0 and True), the order of dicts, all fields of an object, also
    those that do not compare, signs of zero and time zones; the order of sets is not, nor whether
    two parts are one object. A `File` or `Dir` is its name and its content, in whatever folder; a
    table is its schema and rows.

    What has no form of its own is identified by its cloudpickle: equal digests then mean equal
    pickles, but equal values may have different digests, as in another version of Python or of the
    library that defines them. A function or class of an importable module is identified by its
    name, not by its code.

    Args:
        value: any value.
        reads_files: whether `File` and `Dir` are identified by their content; if not, by their
            path, whether there is anything or not.
        code: is given each function and class that is met; what it gives counts in the place of
            their names, unless it is None.

    Raises:
        ValueEncodingError: something in it cannot be identified, or a file cannot be read.
    """
    form = _CanonicalForm(reads_files, code)
    try:
        try:
            form.write(value)
        except _TooDeepError:
            form = _CanonicalForm(reads_files, code)
            form.pickle(value)
    except _NoIdentityError as error:
        where = place_of(error.value, value)
        raise ValueEncodingError(where, error.problem) from error.__cause__
    return hashlib.sha256(form.out).hexdigest()


class _TooDeepError(Exception):
    """A value that holds itself, or nests deeper than the canonical form goes."""


class _NoIdentityError(Exception):
    def __init__(self, value: object, problem: str) -> None:
        super().__init__(problem)
        self.value = value
        self.problem = problem


class _CanonicalForm:
    """The canonical form of values, one after the other.

    Args:
        reads_files: as for `digest`.
        code: as for `digest`.

    Attributes:
        out: what is written.
    """

    def __init__(self, reads_files: bool, code: Callable[[object], str | None] | None) -> None:
        self.out = bytearray(_VERSION)
        self._reads_files = reads_files
        self._code = code
        self._depth = 0
        self._reducers: dict[type, Reducer | None] = {}

    def write(self, value: Any) -> None:
        """Write one value.

        Raises:
            _NoIdentityError: something in it has none.
            _TooDeepError: it nests too deep.
        """
        method = self._METHODS.get(type(value))
        if method is not None:
            method(self, value)
        else:
            self._other(value)

    def pickle(self, value: Any) -> None:
        """Write one value as a cloudpickle. Raises `_NoIdentityError` where it has none."""
        try:
            self._sized(b"p", dumped(value, stand_in=self._code and self._stand_in))
        except ValueEncodingError as error:
            raise _NoIdentityError(value, error.problem) from error.__cause__

    def _stand_in(self, value: object) -> object:
        """What is in a pickle instead of code, and of a set of plain values, which has no order."""
        if isinstance(value, (set, frozenset)) and _SCALARS.issuperset(map(type, value)):
            return self._apart(value)
        return None if self._code is None else self._code(value)

    def _sized(self, tag: bytes, content: bytes) -> None:
        self._tagged(tag, len(content))
        self.out += content

    def _tagged(self, tag: bytes, size: int) -> None:
        self.out += tag
        if size < 255:
            self.out.append(size)
        else:
            self.out.append(255)
            self.out += _SIZE(size)

    def _none(self, _: None) -> None:
        self.out += b"N"

    def _bool(self, value: bool) -> None:
        self.out += b"T" if value else b"F"

    def _int(self, value: int) -> None:
        size = value.bit_length() // 8 + 1
        self._sized(b"i", value.to_bytes(size, "little", signed=True))

    def _float(self, value: float) -> None:
        self.out += b"f"
        self.out += _FLOAT(value)

    def _str(self, value: str) -> None:
        self._sized(b"s", value.encode("utf-8", "surrogatepass"))

    def _bytes(self, value: bytes) -> None:
        self._sized(b"b", value)

    def _list(self, value: list[Any]) -> None:
        self._sequence(b"l", value)

    def _tuple(self, value: Parts) -> None:
        self._sequence(b"t", value)

    def _dict(self, value: dict[Any, Any]) -> None:
        self._sequence(b"d", value)
        self._sequence(b"v", value.values())

    def _set(self, value: set[Any]) -> None:
        self._sorted(b"e", value)

    def _frozenset(self, value: frozenset[Any]) -> None:
        self._sorted(b"z", value)

    def _sequence(self, tag: bytes, items: Collection[Any]) -> None:
        self._tagged(tag, len(items))
        if len(items) >= _PACKED and (packed := _packed(tuple(items))):
            self.out += packed
            return
        self._enter()
        for item in items:
            self.write(item)
        self._depth -= 1

    def _sorted(self, tag: bytes, items: Iterable[Any]) -> None:
        self._enter()
        written = sorted(map(self._apart, items))
        self._depth -= 1
        self._tagged(tag, len(written))
        self.out += b"".join(written)

    def _apart(self, value: Any) -> bytes:
        """What `write` would write, and does not."""
        start = len(self.out)
        self.write(value)
        written = bytes(self.out[start:])
        del self.out[start:]
        return written

    def _enter(self) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise _TooDeepError

    def _other(self, value: Any) -> None:
        cls = type(value)
        if cls not in self._reducers:
            self._reducers[cls] = reducer_of(cls)
            if self._code is not None and (text := self._code(cls)) is not None:
                self._sized(b"c", text.encode())
        reducer = self._reducers[cls]
        parts = None if reducer is None else self._parts(reducer, value)
        if reducer is not None and parts is not None:
            self._sized(b"o", by_importable_modules(reducer.shape).encode())
            self._sequence(b"t", parts)
        elif holds_table(cls):
            self._table(value)
        else:
            self.pickle(value)

    def _parts(self, reducer: Reducer, value: Any) -> Parts | None:
        if isinstance(value, (File, Dir)) and not self._reads_files:
            return (value.path,)
        try:
            return (reducer.identity or reducer.reduce)(value)
        except OSError as error:
            problem = f"is {value!r}, whose content cannot be read ({error})"
            raise _NoIdentityError(value, problem) from error

    def _table(self, value: Any) -> None:
        from tasksmithy.values._arrow import to_arrow  # only who has tables pays for it

        table = to_arrow(value, declared(Any), is_kept=False)
        if table is None:
            self.pickle(value)
        else:
            self._sized(b"a", table.type.encode())
            self.out += hashlib.sha256(table.stream).digest()

    _METHODS: ClassVar[Mapping[type, Callable[[Any, Any], None]]] = {
        type(None): _none,
        bool: _bool,
        int: _int,
        float: _float,
        str: _str,
        bytes: _bytes,
        list: _list,
        tuple: _tuple,
        dict: _dict,
        set: _set,
        frozenset: _frozenset,
    }


def _packed(items: Sequence[Any]) -> bytes:
    """Items of one type of number or text; empty where they are not."""
    kinds = set(map(type, items))
    if kinds == {float}:
        return b"D" + struct.pack(f"<{len(items)}d", *items)
    if kinds == {int} and min(items) >= -(1 << 63) and max(items) < 1 << 63:
        return b"I" + struct.pack(f"<{len(items)}q", *items)
    if kinds == {str}:
        text = "".join(items).encode("utf-8", "surrogatepass")
        ends = struct.pack(f"<{len(items)}Q", *accumulate(map(len, items)))
        return b"S" + ends + _SIZE(len(text)) + text
    return b""
