"""The binary form of values: a tag, a size where one is needed, the content.

It is the same in every process: sets are sorted, nothing depends on hashes, addresses or sharing.
Long lists and tuples of one type of number or text are packed. What has no form of its own is a
cloudpickle inside; a reader takes one only where it was told to.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any, ClassVar

from tasksmithy._texts import shorten
from tasksmithy.errors import ValueEncodingError
from tasksmithy.values._cloudpickle import dumped, loaded
from tasksmithy.values._forms import (
    Form,
    Parts,
    classes_in,
    form_from,
    form_of,
    holds_table,
    is_importable,
    reference_to,
)

_DEEPEST = 100  # containers inside each other; what is deeper, or holds itself, is pickled whole
_PACKED = 16  # items from which on packing pays
_TEXTS, _LOOSE = b"Q", b"*"
_SIZE = struct.Struct("<Q")
_FLOAT = struct.Struct("<d")


class TooDeepError(Exception):
    """A value that holds itself, or nests deeper than the binary form goes."""


class Writer:
    """Writes values one after the other.

    Args:
        kind: the declared type; classes that it names need not be importable.

    Attributes:
        out: what is written.
        pickled: whether a cloudpickle is in it.
    """

    def __init__(self, kind: Any = Any) -> None:
        self.out = bytearray()
        self.pickled = False
        self._kind = kind
        self._depth = 0
        self._forms: dict[type, Form | None] = {}

    def write(self, value: Any) -> None:
        """Write one value.

        Raises:
            ValueEncodingError: something in it cannot be encoded.
            TooDeepError: it nests too deep.
        """
        method = self._METHODS.get(type(value))
        if method is not None:
            getattr(self, method)(value)
        else:
            self._other(value)

    def pickle(self, value: Any) -> None:
        """Write one value as a cloudpickle. Raises `ValueEncodingError` where it has none."""
        self.pickled = True
        self._sized(b"p", dumped(value))

    def _sized(self, tag: bytes, content: bytes) -> None:
        self._tagged(tag, len(content))
        self.out += content

    def _tagged(self, tag: bytes, size: int) -> None:
        self.out += tag
        if size < 255:
            self.out.append(size)
        else:
            self.out.append(255)
            self.out += _SIZE.pack(size)

    def _none(self, _: None) -> None:
        self.out += b"N"

    def _bool(self, value: bool) -> None:
        self.out += b"T" if value else b"F"

    def _int(self, value: int) -> None:
        size = value.bit_length() // 8 + 1
        self._sized(b"i", value.to_bytes(size, "little", signed=True))

    def _float(self, value: float) -> None:
        self.out += b"f"
        self.out += _FLOAT.pack(value)

    def _str(self, value: str) -> None:
        self._sized(b"s", value.encode("utf-8", "surrogatepass"))

    def _bytes(self, value: bytes) -> None:
        self._sized(b"b", value)

    def _list(self, value: list[Any]) -> None:
        self._sequence(b"l", value)

    def _tuple(self, value: Parts) -> None:
        self._sequence(b"t", value)

    def _dict(self, value: dict[Any, Any]) -> None:
        keys = tuple(value)
        self.out += b"d"
        self._sequence(b"t", keys, lambda index: f".keys()[{index}]")
        self._sequence(b"t", tuple(value.values()), lambda index: f"[{shorten(keys[index], 40)}]")

    def _set(self, value: set[Any]) -> None:
        self._sorted(b"e", value)

    def _frozenset(self, value: frozenset[Any]) -> None:
        self._sorted(b"z", value)

    def _sequence(
        self,
        tag: bytes,
        items: list[Any] | Parts,
        step: Callable[[int], str] = "[{}]".format,
    ) -> None:
        self._tagged(tag, len(items))
        if len(items) >= _PACKED:
            packed = _packed(items)
            self.out += packed
            if packed != _LOOSE:
                return
        self._enter()
        index = 0
        try:
            for index, item in enumerate(items):  # noqa: B007 - the error says where it stopped
                self.write(item)
        except ValueEncodingError as error:
            raise error.inside(step(index)) from error.__cause__
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
            raise TooDeepError

    def _other(self, value: Any) -> None:
        cls = type(value)
        if cls not in self._forms:
            self._forms[cls] = self._form(cls)
        form = self._forms[cls]
        parts = None if form is None else self._parts(form, value)
        if form is not None and parts is not None:
            names = form.names
            self._sized(b"o", form.shape.encode())
            self._sequence(b"t", parts, lambda index: names[index] if names else "")
        elif holds_table(cls):
            self._table(value)
        else:
            self.pickle(value)

    def _form(self, cls: type) -> Form | None:
        form = form_of(cls)
        if form is None or form.defined is None or is_importable(cls):
            return form
        # Only who has the declared type finds a class of the main module or of a function.
        return form if classes_in(self._kind).get(reference_to(cls)) is cls else None

    def _parts(self, form: Form, value: Any) -> Parts | None:
        return form.apart(value)

    def _table(self, value: Any) -> None:
        from tasksmithy.values._arrow import to_arrow  # only who has tables pays for it

        table = to_arrow(value, Any if self.out else self._kind)
        if table is None:
            self.pickle(value)
        else:
            self._sized(b"a", table.type.encode())
            self._sized(b"", table.stream)

    _METHODS: ClassVar[Mapping[type, str]] = {
        type(None): "_none",
        bool: "_bool",
        int: "_int",
        float: "_float",
        str: "_str",
        bytes: "_bytes",
        list: "_list",
        tuple: "_tuple",
        dict: "_dict",
        set: "_set",
        frozenset: "_frozenset",
    }


class Reader:
    """Reads the values that a `Writer` wrote, from bytes that are known to be undamaged.

    Args:
        data: the bytes.
        kind: the declared type, as the writer had it.
        pickled: whether a cloudpickle may be in it; without that none is ever loaded.
    """

    def __init__(self, data: bytes, kind: Any = Any, *, pickled: bool = False) -> None:
        self._data = data
        self._at = 0
        self._kind = kind
        self._pickled = pickled
        self._forms: dict[bytes, Form] = {}

    def read(self) -> Any:
        """Read one value.

        Raises:
            Exception: whatever goes wrong in bytes that no `Writer` wrote, or where a class is not
                what it was.
        """
        tag = self._data[self._at]
        self._at += 1
        return getattr(self, self._METHODS[tag])()

    def _take(self, size: int) -> bytes:
        start = self._at
        self._at = start + size
        return self._data[start : self._at]

    def _size(self) -> int:
        size = self._data[self._at]
        self._at += 1
        if size == 255:
            (size,) = _SIZE.unpack(self._take(8))
        return size

    def _none(self) -> None:
        return None

    def _true(self) -> bool:
        return True

    def _false(self) -> bool:
        return False

    def _int(self) -> int:
        return int.from_bytes(self._take(self._size()), "little", signed=True)

    def _float(self) -> float:
        value: float = _FLOAT.unpack(self._take(8))[0]
        return value

    def _str(self) -> str:
        return self._take(self._size()).decode("utf-8", "surrogatepass")

    def _bytes(self) -> bytes:
        return self._take(self._size())

    def _list(self) -> list[Any]:
        return list(self._items())

    def _tuple(self) -> Parts:
        return tuple(self._items())

    def _items(self) -> Iterable[Any]:
        count = self._size()
        if count < _PACKED:
            return [self.read() for _ in range(count)]
        packing = self._take(1)
        if packing == _LOOSE:
            return [self.read() for _ in range(count)]
        numbers = struct.unpack(f"<{count}{packing.decode().lower()}", self._take(8 * count))
        if packing != _TEXTS:
            return numbers
        (size,) = _SIZE.unpack(self._take(8))
        text = self._take(size).decode("utf-8", "surrogatepass")
        return [text[start:end] for start, end in pairwise((0, *numbers))]

    def _dict(self) -> dict[Any, Any]:
        keys = self.read()
        return dict(zip(keys, self.read(), strict=True))

    def _set(self) -> set[Any]:
        return {self.read() for _ in range(self._size())}

    def _frozenset(self) -> frozenset[Any]:
        return frozenset(self.read() for _ in range(self._size()))

    def _object(self) -> Any:
        shape = self._bytes()
        form = self._forms.get(shape)
        if form is None:
            form = self._forms[shape] = form_from(shape.decode(), classes_in(self._kind))
        return form.together(self.read())

    def _table(self) -> Any:
        from tasksmithy.values._arrow import (  # only who has tables pays for it
            ArrowBytes,
            from_arrow,
        )

        kind = self._kind if self._at == 1 else Any
        return from_arrow(ArrowBytes(self._bytes().decode(), self._bytes()), kind)

    def _pickle(self) -> Any:
        if not self._pickled:
            raise ValueError("there is a pickle where none may be")
        return loaded(self._bytes())

    _METHODS: ClassVar[Mapping[int, str]] = {
        ord("N"): "_none",
        ord("T"): "_true",
        ord("F"): "_false",
        ord("i"): "_int",
        ord("f"): "_float",
        ord("s"): "_str",
        ord("b"): "_bytes",
        ord("l"): "_list",
        ord("t"): "_tuple",
        ord("d"): "_dict",
        ord("e"): "_set",
        ord("z"): "_frozenset",
        ord("o"): "_object",
        ord("a"): "_table",
        ord("p"): "_pickle",
    }


def _packed(items: Sequence[Any]) -> bytes:
    """Items of one type behind a letter for it; only `_LOOSE` where they cannot be packed."""
    kinds = set(map(type, items))
    if kinds == {float}:
        return b"d" + struct.pack(f"<{len(items)}d", *items)
    if kinds == {int} and min(items) >= -(1 << 63) and max(items) < 1 << 63:
        return b"q" + struct.pack(f"<{len(items)}q", *items)
    if kinds == {str}:
        text = "".join(items).encode("utf-8", "surrogatepass")
        ends = struct.pack(f"<{len(items)}Q", *accumulate(map(len, items)))
        return _TEXTS + ends + _SIZE.pack(len(text)) + text
    return _LOOSE
