"""What is installed: the plugins' entry points, read as metadata, no plugin imported.

`importlib.metadata` answers the same question by parsing every file of every distribution. Here
one text search decides whether a file is of interest at all, and the metadata libraries are
imported only for what they alone can read: zipped distributions, `.egg` directories and import
finders that bring distributions of their own. What is found is what `importlib_metadata` finds;
a differential test holds one against the other.
"""
# pathlib would cost more than the reading itself:
# ruff: noqa: PTH113, PTH119, PTH208

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from importlib_metadata import Distribution

# The entry point groups; the API major is in the name.
TASK_TYPES = "tasksmithy.task_types.v1"
POLICIES = "tasksmithy.policies.v1"
EXECUTORS = "tasksmithy.executors.v1"
RENDERERS = "tasksmithy.renderers.v1"
OBSERVERS = "tasksmithy.observers.v1"

_PREFIX = "tasksmithy."
_READ = os.O_RDONLY | getattr(os, "O_BINARY", 0)
_INFO_SUFFIXES = (".dist-info", ".egg-info")

# Where the finders live that only read the directories of the path, which `_scan` does itself:
# the interpreter's PathFinder, and MetadataPathFinder of the backport or of a vendored copy.
_PATH_FINDER_MODULES = {"_frozen_importlib_external", "_bootstrap_external", "importlib_metadata"}


class PluginRecord(NamedTuple):
    """One entry point in a `tasksmithy.` group, as its distribution's metadata states it."""

    group: str
    """The entry point group, whose end is the API major, as in `tasksmithy.task_types.v1`."""

    name: str
    """The entry point's name; in the group of task types this is the `task_type`."""

    value: str
    """The object reference, as in `tasksmithy_sql:SQLTaskType`, not checked here.

    `""` for a line that is not `name = value`; `name` is then the line itself.
    """

    distribution: str
    """The distribution's name, normalised as PEP 503 says, as in `tasksmithy-sql`."""

    version: str
    """The distribution's version; `""` where its metadata has none."""

    @property
    def kind(self) -> str:
        """What the plugin is, whichever API major it was written for, as in `task_types`."""
        return self.group.split(".")[1]

    @property
    def is_current(self) -> bool:
        """Whether the group is one that this release reads; if not, the plugin cannot be used."""
        return self.group in {TASK_TYPES, POLICIES, EXECUTORS, RENDERERS, OBSERVERS}


def discover(path: Iterable[str] | None = None) -> list[PluginRecord]:
    """All entry points in groups that begin with `tasksmithy.`, in the order of the path.

    Of several distributions with one normalised name the first counts, also where it has no entry
    points; one without a metadata file (what an interrupted uninstall leaves) gives way to one
    that has it. Of two in one folder (what a failed upgrade leaves) both count, so that their
    plugins are in conflict: nothing says which of them the code beside them is of. A folder that no
    distribution can be named after is none: a name begins with a letter or a digit. Names are not
    made unique: two distributions may offer the same one.

    A directory or file that cannot be read is passed over. An error raised by a foreign finder on
    `sys.meta_path` is not caught, because it leaves open what is installed.

    Args:
        path: directories and archives to search, in order; `sys.path` if not given.
    """
    found: dict[str, list[_Installed | _Foreign]] = {}
    for candidate in _distributions([*map(os.fsdecode, sys.path if path is None else path)]):
        held = found.setdefault(candidate.name, [])
        if not held or (candidate.has_metadata() and not held[0].has_metadata()):
            found[candidate.name] = [candidate]
        elif candidate.folder and candidate.folder == held[0].folder and candidate.has_metadata():
            held.append(candidate)
    records: list[PluginRecord] = []
    for same in found.values():
        told: list[PluginRecord] = []
        for distribution in same:
            entries = distribution.entries()
            version = distribution.version() if entries else ""
            each = [PluginRecord(*entry, distribution.name, version) for entry in entries]
            # A folder may stand on the path twice, and a distribution in it in two formats.
            told += [record for record in each if record not in told] if told else each
        records += told
    return records


class _Installed:
    """A distribution whose metadata is a directory: `{name}-{version}.dist-info` or `.egg-info`."""

    __slots__ = ("directory", "folder", "name", "stem")

    def __init__(self, parent: str, child: str) -> None:
        self.folder = parent
        self.directory = f"{parent}{os.sep}{child}"
        self.stem = child.rpartition(".")[0]
        self.name = normalised(self.stem.partition("-")[0])

    def has_metadata(self) -> bool:
        """Whether there is a metadata file; a legacy `.egg-info` may be that file itself."""
        files = (f"{self.directory}{os.sep}{name}" for name in ("METADATA", "PKG-INFO"))
        return any(map(os.path.exists, files)) or os.path.isfile(self.directory)

    def entries(self) -> list[tuple[str, str, str]]:
        content = self.read("entry_points.txt")
        if _PREFIX.encode() not in content:
            return []
        # The encoding is UTF-8; bytes that are not must not hide the lines that are.
        return _parsed(content.decode(errors="replace"))

    def version(self) -> str:
        """The version in the directory's name, which saves a read, or else in the metadata."""
        _, *rest = self.stem.split("-")
        if len(rest) == 1:
            return rest[0]
        for line in (self.read("METADATA") or self.read("PKG-INFO")).splitlines():
            header, _, value = line.partition(b":")
            if header.lower() == b"version":
                return value.decode(errors="replace").strip()
        return ""

    def read(self, filename: str) -> bytes:
        """The file's content, `b""` if it cannot be read."""
        # In a loop over all of site-packages, open() takes twice the time of these calls.
        try:
            descriptor = os.open(f"{self.directory}{os.sep}{filename}", _READ)
            try:
                return b"".join(iter(lambda: os.read(descriptor, 65536), b""))
            finally:
                os.close(descriptor)
        except OSError:
            return b""


class _Foreign:
    """A distribution that `importlib_metadata` or a finder on `sys.meta_path` found.

    Damaged archives and other people's classes fail in any way: what fails counts as not there.
    """

    folder = ""  # not known

    def __init__(self, distribution: Distribution) -> None:
        self.distribution = distribution
        try:  # the name that importlib_metadata compares is no public attribute
            name = getattr(distribution, "_normalized_name", None) or distribution.name
            self.name = normalised(name)
        except Exception:  # noqa: BLE001
            self.name = ""

    def has_metadata(self) -> bool:
        return bool(self.read("METADATA") or self.read("PKG-INFO"))

    def entries(self) -> list[tuple[str, str, str]]:
        try:
            points = [(ep.group, ep.name, ep.value) for ep in self.distribution.entry_points]
        except Exception:  # noqa: BLE001 - one line without "=" is enough
            return _parsed(self.read("entry_points.txt"))
        return [point for point in points if point[0].startswith(_PREFIX)]

    def version(self) -> str:
        try:
            return self.distribution.version or ""
        except Exception:  # noqa: BLE001
            return ""

    def read(self, filename: str) -> str:
        try:
            return self.distribution.read_text(filename) or ""
        except Exception:  # noqa: BLE001
            return ""


def _distributions(path: list[str]) -> Iterator[_Installed | _Foreign]:
    """Everything installed, in the order of the finders on `sys.meta_path`."""
    if not any(map(_is_foreign, sys.meta_path)):
        yield from _scan(path)
        return
    # Importing the backport appends its path finder to sys.meta_path and takes
    # find_distributions from the interpreter's: only then is the order final.
    import importlib_metadata  # noqa: F401  # pyright: ignore[reportUnusedImport]

    for finder in list(sys.meta_path):
        if _is_foreign(finder):
            yield from _ask(finder, path)
        elif hasattr(finder, "find_distributions"):
            yield from _scan(path)


def _is_foreign(finder: object) -> bool:
    """Whether the finder offers distributions that are not simply directories on the path."""
    module = str(getattr(finder, "__module__", "")).rpartition(".")[2]
    return hasattr(finder, "find_distributions") and module not in _PATH_FINDER_MODULES


def _scan(path: list[str]) -> Iterator[_Installed | _Foreign]:
    """The distributions in the directories and archives of the path."""
    for entry in (entry or os.curdir for entry in path):
        try:
            children = os.listdir(entry)
            is_archive = os.path.basename(entry).lower().endswith(".egg")
        except NotADirectoryError:
            is_archive = True
        except (OSError, ValueError):  # ValueError: a NUL character in the entry
            continue
        if is_archive:
            from importlib_metadata import MetadataPathFinder

            yield from _ask(MetadataPathFinder, [entry])
            continue
        for child in children:
            if _is_name(child) and child.lower().endswith(_INFO_SUFFIXES):
                yield _Installed(entry, child)


def _ask(finder: Any, path: list[str]) -> Iterator[_Foreign]:
    from importlib_metadata import DistributionFinder

    context: Any = DistributionFinder.Context  # its constructor is not typed
    found = map(_Foreign, finder.find_distributions(context(path=path)))
    return (each for each in found if not each.name or _is_name(each.name))


def _is_name(text: str) -> bool:
    """Whether `text` may begin with the name of a distribution.

    pip sets aside what it replaces as in `~l_big-1.0.dist-info`, and leaves it where it is killed.
    """
    return text[0].isalnum()


def _parsed(text: str) -> list[tuple[str, str, str]]:
    """`(group, name, value)` of each line in a `tasksmithy.` group of an entry_points.txt."""
    entries = []
    group = ""
    for raw in text.splitlines():
        line = raw.strip()
        if line.startswith("[") and line.endswith("]"):
            group = line.strip("[]")
        elif line and group.startswith(_PREFIX) and not line.startswith("#"):
            name, _, value = line.partition("=")
            entries.append((group, name.strip(), value.strip()))
    return entries


def normalised(name: str) -> str:
    """PEP 503: runs of `-`, `_` and `.` become one `-`, letters become small."""
    name = name.lower().replace("_", "-").replace(".", "-")
    while "--" in name:
        name = name.replace("--", "-")
    return name
