"""File and Dir: files and directories as inputs and outputs of tasks."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import IO, TYPE_CHECKING, Any, TypeVar

from tasksmithy.checks import non_empty
from tasksmithy.errors import FieldError, MissingDependencyError

if TYPE_CHECKING:
    from typing import Generic

    from pydantic_core import CoreSchema
    from typing_extensions import TypeVar as TypeVarWithDefault

    Content = TypeVarWithDefault("Content", default=Any)

    class _OfContent(Generic[Content]):
        pass

else:

    class _OfContent:
        """Lets `File[pd.DataFrame]` say, for those who read it, what is in a file."""

        __slots__ = ()

        def __class_getitem__(cls, content: object) -> type:
            return cls


L = TypeVar("L", bound="_Location")

_BINARY = getattr(os, "O_BINARY", 0)  # Windows would change line ends otherwise


@dataclass(frozen=True, slots=True, init=False)
class _Location:
    """A place: a path on this machine, or a URL of a file system that fsspec knows."""

    path: str

    def __init__(self, path: str | os.PathLike[str]) -> None:
        plain = os.fspath(path) if isinstance(path, os.PathLike) else path
        object.__setattr__(self, "path", plain)

    def __fspath__(self) -> str:
        """The path, for `open`, `Path` and all that takes one.

        Raises:
            FieldError: it is a URL, so nothing on this machine could open it.
        """
        if self.is_remote:
            raise FieldError("path", self.path, "a local path here, as download() gives one")
        return self.path

    def check(self) -> None:
        """Raise `FieldError` where the path is no path."""
        non_empty("path", self.path)

    @property
    def is_remote(self) -> bool:
        """Whether the path is a URL, such as `s3://bucket/key`."""
        return "://" in self.path

    @classmethod
    def __get_pydantic_core_schema__(cls: type[L], *_: Any) -> CoreSchema:
        """In JSON and where dumped a string; in Python itself or, unless strict, a path."""
        from pydantic_core import core_schema  # only where pydantic is in use

        itself = core_schema.is_instance_schema(cls)
        text = core_schema.no_info_after_validator_function(
            cls, core_schema.str_schema(min_length=1)
        )
        path = core_schema.no_info_after_validator_function(
            cls, core_schema.is_instance_schema(PurePath)
        )
        return core_schema.json_or_python_schema(
            text,
            core_schema.lax_or_strict_schema(
                core_schema.union_schema([itself, text, path]), itself
            ),
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda location: location.path,
                return_schema=core_schema.str_schema(),
            ),
        )


class File(_OfContent["Content"], _Location):
    """A file, as an input or an output of a task. `File[T]` is the same, for those who read it.

    Examples:
        >>> File("flights.csv").path
        'flights.csv'

    Attributes:
        path: a path on this machine, or, where fsspec is installed, a URL (`s3://bucket/key`).
    """

    __slots__ = ()

    def open(self, mode: str = "rb") -> IO[Any]:
        """The open file; text modes read and write UTF-8.

        Raises:
            OSError: it cannot be opened; the error names the path.
            MissingDependencyError: a URL whose file system is not installed.
            FieldError: a URL of a protocol that nobody knows.
        """
        encoding = None if "b" in mode else "utf-8"
        if not self.is_remote:
            return open(self.path, mode, encoding=encoding)  # noqa: PTH123 - Path would lose "./"
        system, inner = _file_system(self.path)
        opened: IO[Any] = system.open(inner, mode, **({"encoding": encoding} if encoding else {}))
        return opened

    def exists(self) -> bool:
        """Whether there is such a file."""
        if not self.is_remote:
            return Path(self.path).is_file()
        system, inner = _file_system(self.path)
        return bool(system.isfile(inner))

    def read_bytes(self) -> bytes:
        """All of its content. Raises as `open`."""
        with self.open("rb") as opened:
            content: bytes = opened.read()
            return content

    def read_text(self) -> str:
        """All of its content, which is UTF-8. Raises as `open`."""
        return self.read_bytes().decode()

    def download(self, to: str | os.PathLike[str]) -> Path:
        """Copy it to a path on this machine, or into a directory that is there; where it is now.

        Raises as `open`, and `OSError` where there is a pipe or a device and no file.
        """
        target = Path(to)
        if target.is_dir():
            target /= self.path.rstrip("/").rpartition("/")[2]
        target.parent.mkdir(parents=True, exist_ok=True)
        with _content(self) as source, target.open("wb") as copy:
            import shutil

            shutil.copyfileobj(source, copy)
        return target


class Dir(_OfContent["Content"], _Location):
    """A directory and all the files below it, as an input or an output of a task; also `Dir[T]`.

    Attributes:
        path: a path on this machine, or, where fsspec is installed, a URL (`s3://bucket/prefix`).
    """

    __slots__ = ()

    def exists(self) -> bool:
        """Whether there is such a directory."""
        if not self.is_remote:
            return Path(self.path).is_dir()
        system, inner = _file_system(self.path)
        return bool(system.isdir(inner))

    def names(self) -> list[str]:
        """Names of all files below it, sorted: relative, with `/` between their parts.

        Symbolic links to directories are not followed.

        Raises:
            OSError: there is no such directory, or it cannot be read; the error names the path.
        """
        if not self.is_remote:
            return sorted(_names_below(self.path))
        system, inner = _file_system(self.path)
        if not system.isdir(inner):
            raise FileNotFoundError(errno.ENOENT, "there is no such directory", self.path)
        return sorted(name[len(inner.rstrip("/")) + 1 :] for name in system.find(inner))

    def files(self) -> Iterator[File]:
        """All files below it, in the order of `names`, which also says what is raised."""
        for name in self.names():
            yield self.file(name)

    def file(self, name: str) -> File:
        """The file of a relative name, whether it is there or not."""
        return File(f"{self.path.rstrip('/')}/{name}")

    def download(self, to: str | os.PathLike[str]) -> Path:
        """Copy all its files below a directory on this machine, made where it is not there.

        Raises as `names` and `File.download`, and `OSError` where a link leads out of it.
        """
        target = Path(to)
        target.mkdir(parents=True, exist_ok=True)
        for name in self.names():
            _inner(self, name).download(target / name)
        return target


def name_of(file: File) -> str:
    """The last part of the path of a file."""
    return file.path.replace(os.sep, "/").rstrip("/").rpartition("/")[2]


def content_of(place: File | Dir) -> tuple[Any, ...]:
    """What is in a file, or in all the files of a directory with their names, as digests.

    Raises:
        OSError: it is not there, cannot be read, or is, or holds, what is no file, or a link that
            leads out of the directory.
    """
    if isinstance(place, Dir):
        return tuple((name, *content_of(_inner(place, name))) for name in place.names())
    import hashlib  # only where files are read

    opened: Any  # typeshed asks for more than an IO has
    with _content(place) as opened:
        return (hashlib.file_digest(opened, "sha256").digest(),)


def state_of(place: File | Dir) -> str | None:
    """What tells whether a file or directory is still what it was; None where that is not known.

    On this machine, that is its content. Elsewhere it is what its file system says of it, such as
    size, time and ETag, as to read it may take longer than to make it again.
    """
    import hashlib  # only where files are read

    try:
        if not place.is_remote:
            found: object = content_of(place) if place.exists() else None
        else:
            system, inner = _file_system(place.path)
            found = (
                system.find(inner, detail=True) if isinstance(place, Dir) else system.info(inner)
            )
    except Exception:  # noqa: BLE001 - a file system of any library says in its own way that it cannot
        return None
    return (
        hashlib.sha256(repr(found).encode(errors="surrogateescape")).hexdigest() if found else None
    )


def _content(file: File) -> IO[bytes]:
    """The open file, which is one: a pipe would be waited for, and a device may never end.

    Raises:
        OSError: it cannot be opened, or is no file.
    """
    if file.is_remote:
        return file.open("rb")
    handle = os.open(file.path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _BINARY)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "it is a directory, a pipe or a device, and no file", file.path)
    return os.fdopen(handle, "rb")


def _inner(folder: Dir, name: str) -> File:
    """The file of a name below a directory.

    Raises:
        OSError: it is a link that leads out of the directory.
    """
    file = folder.file(name)
    if not folder.is_remote:
        root = os.path.join(os.path.realpath(folder.path), "")  # noqa: PTH118 - with a separator
        if not os.path.realpath(file.path).startswith(root):
            raise OSError(errno.EPERM, "a link that leads out of its directory", file.path)
    return file


def _names_below(folder: str) -> Iterator[str]:
    """Relative names of all files below a directory, as deep as it may be; no link is followed."""
    waiting = [""]
    while waiting:
        inner = waiting.pop()
        with os.scandir(os.path.join(folder, inner)) as found:  # noqa: PTH118 - as it was given
            for entry in found:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(f"{inner}{entry.name}/")
                elif not entry.is_dir():
                    yield f"{inner}{entry.name}"


def _file_system(url: str) -> tuple[Any, str]:
    """The file system of a URL, and the path inside it."""
    try:
        from fsspec.core import url_to_fs  # an optional dependency
    except ImportError:
        install = 'pip install "tasksmithy[fsspec]"'
        raise MissingDependencyError(repr(url), "fsspec", install) from None
    try:
        system, inner = url_to_fs(url)
    except ImportError as error:
        raise MissingDependencyError(repr(url), url.partition(":")[0], str(error)) from error
    except ValueError as error:
        raise FieldError("path", url, f"a URL that fsspec knows ({error})") from None
    return system, inner
