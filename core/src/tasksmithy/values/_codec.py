"""Values as bytes: `encode` and `decode`, `digest` for cache keys, and their size for bounds.

One encoder serves the cache, processes, clusters and the command line. Builtin scalars import
nothing for it.
"""

from __future__ import annotations

import hashlib
import sys
import zlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from tasksmithy.errors import InlineSizeError, ValueEncodingError
from tasksmithy.values._binary import Reader, TooDeepError, Writer
from tasksmithy.values._cloudpickle import dumped
from tasksmithy.values._files import Dir, File
from tasksmithy.values._forms import Form, Parts, form_of, holds_table

_PLAIN = "tasksmithy.1"
# Pickled code is bytecode, which another version of Python must not run.
_PICKLED = f"tasksmithy.1+cloudpickle.{sys.implementation.cache_tag}"
_CHECKSUM = 4  # bytes at the end

_SHORT_BYTES = 32  # no int below the bound, and no other scalar, takes more
_SHORT_INT = 2**63


class Encoded(NamedTuple):
    """A value as bytes. With the declared type at hand, it can be read anywhere.

    Attributes:
        format: names the encoding and its version.
        data: the bytes, with a checksum.
    """

    format: str
    data: bytes


def encode(value: object, kind: Any = Any) -> Encoded:
    """A value as bytes.

    Builtin types, enums, dataclasses, named tuples, pydantic models, dates, paths, `File`, `Dir`,
    tables and data frames have a form of their own, which is the same in every process, and
    `decode` gives back exactly their types. All else is pickled by cloudpickle, also inside others.
    Two references to one object come back as two objects.

    Args:
        value: any value.
        kind: its declared type. A class that cannot be imported elsewhere, as of the main module,
            has its own form only where the declared type names it; otherwise it is pickled.

    Raises:
        ValueEncodingError: something in it cannot be encoded.
    """
    out, pickled = _written(Writer, value, kind)
    out += zlib.crc32(out).to_bytes(_CHECKSUM, "little")
    return Encoded(_PICKLED if pickled else _PLAIN, bytes(out))


def decode(encoded: Encoded, kind: Any = Any, *, reads: type[Reader] = Reader) -> Any:
    """The value of an `Encoded`; a table or data frame comes as the declared type.

    Args:
        encoded: what `encode` gave.
        kind: the declared type, as `encode` had it.
        reads: what reads it.

    Raises:
        ValueEncodingError: the bytes are damaged, or written by another version of tasksmithy or,
            with pickles in them, of Python; or a class is missing or not what it was.
    """
    if encoded.format not in (_PLAIN, _PICKLED):
        raise ValueEncodingError(
            "",
            f"is stored in the format {encoded.format!r}, which {_PLAIN!r} and {_PICKLED!r} cannot "
            "read: use the versions of Python and tasksmithy that wrote it, or make it again",
        )
    data, checksum = encoded.data[:-_CHECKSUM], encoded.data[-_CHECKSUM:]
    if zlib.crc32(data).to_bytes(_CHECKSUM, "little") != checksum:
        raise ValueEncodingError("", "is damaged where it is stored: delete it and make it again")
    try:
        return reads(data, kind, pickled=encoded.format == _PICKLED).read()
    except Exception as error:  # reading imports and, in a pickle, runs the user's code
        raise ValueEncodingError(
            "",
            f"cannot be read back ({type(error).__name__}: {error}): restore what it needs, "
            "or delete it and make it again",
        ) from error


def digest(value: object, kind: Any = Any, *, reads_files: bool = True) -> str:
    """What identifies a value, as in a cache key, in hexadecimal digits.

    Equal values of equal types have equal digests, in any process: dicts and sets whatever their
    order, `File` and `Dir` by their content wherever they are, tables by their rows and schema,
    dataclasses by the fields that they compare. Types are told apart, 1 from 1.0 and True, and so
    are equal values that are written differently: 0.0 and -0.0, a moment in two time zones.

    What `encode` would pickle is identified by its pickle. Equal digests then mean equal pickles,
    but equal values may have different digests: in another version of Python or of the library that
    defines them, with sets inside, with parts that are shared or not. A function or class of an
    importable module is identified by its name, not by its code.

    Args:
        value: any value.
        kind: its declared type.
        reads_files: whether `File` and `Dir` are identified by their content; if not, by their
            path, whether there is anything or not.

    Raises:
        ValueEncodingError: something in it cannot be encoded, or a file in it cannot be read.
    """
    out, _ = _written(_DigestWriter if reads_files else _PathDigestWriter, value, kind)
    return hashlib.sha256(out).hexdigest()


def inline_size(value: object) -> int:
    """The bytes that a value takes where it is passed inline; files and tables take none.

    Neither does what cannot be encoded: it never leaves the process.
    """
    if type(value) is bytes or (type(value) is str and value.isascii()):
        return len(value)
    writer = _SizeWriter()
    try:
        writer.write(value)
    except TooDeepError:
        writer = _SizeWriter()
        writer.pickle(value)
    return len(writer.out) + writer.besides


def check_inline(task: str, side: str, values: Mapping[str, Any], limit: int) -> None:
    """Check that inputs or outputs together are no larger than may be passed inline.

    Args:
        task: name of the task.
        side: `"input"` or `"output"`.
        values: name to value.
        limit: the task's `max_inline_io_bytes`.

    Raises:
        InlineSizeError: they are; it names the largest.
    """
    if len(values) * _SHORT_BYTES <= limit and all(map(_is_short, values.values())):
        return  # without measuring: most calls are of this kind
    sizes = {name: inline_size(value) for name, value in values.items()}
    total = sum(sizes.values())
    if total > limit:
        largest = max(sizes, key=sizes.__getitem__)
        raise InlineSizeError(task, side, largest, sizes[largest], total, limit)


def _is_short(value: object) -> bool:
    kind = type(value)
    if kind is int:
        return -_SHORT_INT < value < _SHORT_INT  # type: ignore[operator]
    return kind is bool or kind is float or value is None


def _written(writes: type[Writer], value: object, kind: Any) -> tuple[bytearray, bool]:
    writer = writes(kind)
    try:
        writer.write(value)
    except TooDeepError:
        writer = writes(kind)
        writer.pickle(value)
    return writer.out, writer.pickled


class _DigestWriter(Writer):
    """Writes what is the same for equal values; nobody reads it."""

    def _form(self, cls: type) -> Form | None:
        return form_of(cls)

    def _parts(self, form: Form, value: Any) -> Parts | None:
        try:
            return form.identity(value)
        except OSError as error:
            raise ValueEncodingError(
                "", f"is {value!r}, whose content cannot be read ({error})"
            ) from error

    def _dict(self, value: dict[Any, Any]) -> None:
        super()._dict({key: value[key] for key in sorted(value, key=self._apart)})


class _PathDigestWriter(_DigestWriter):
    """The same, where files are told apart by where they are."""

    def _parts(self, form: Form, value: Any) -> Parts | None:
        is_place = isinstance(value, (File, Dir))
        return form.apart(value) if is_place else super()._parts(form, value)


class _SizeWriter(Writer):
    """Writes what is passed inline.

    Attributes:
        besides: bytes that count and are not copied only to be counted.
    """

    def __init__(self) -> None:
        super().__init__()
        self.besides = 0

    def pickle(self, value: Any) -> None:
        def count(buffer: Any) -> None:
            self.besides += buffer.raw().nbytes

        try:
            self.out += dumped(value, count)
        except ValueEncodingError:
            return

    def _other(self, value: Any) -> None:
        if not isinstance(value, (File, Dir)) and not holds_table(type(value)):
            super()._other(value)
