"""Inputs as a container finds them: a file for each, one of all, and text for templates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasksmithy import Dir, File
from tasksmithy.errors import InputError
from tasksmithy_container.conversion import content_of, jsonable
from tasksmithy_container.metadata import Entry, write_metadata
from tasksmithy_container.scratch import Scratch
from tasksmithy_container.task import ContainerTask
from tasksmithy_container.types import is_place, required


@dataclass(frozen=True, slots=True)
class Mount:
    """A file or directory of this machine, as a container sees it.

    Attributes:
        source: where it is here.
        target: where it is in the container.
        read_only: whether the container may only read it.
    """

    source: Path
    target: str
    read_only: bool = True


@dataclass(frozen=True, slots=True)
class Placed:
    """What became of the inputs.

    Attributes:
        texts: name to the text that stands for the input in a template.
        mounts: the mounts that the files and directories among them need.
    """

    texts: dict[str, str]
    mounts: list[Mount]


def place_inputs(task: ContainerTask, inputs: Mapping[str, Any], scratch: Scratch) -> Placed:
    """Write the inputs to `scratch.inputs`; None has no file.

    Raises:
        InputError: a value cannot be written as text, or a file or directory is not there.
        MissingDependencyError: the metadata format needs a package that is not installed.
    """
    texts: dict[str, str] = {}
    mounts: list[Mount] = []
    entries: list[Entry] = []
    for name, value in inputs.items():
        kind = task.interface.inputs[name][0]
        if isinstance(value, File | Dir) and (required(kind) is Any or is_place(required(kind))):
            path = _place_path(task, name, value, scratch, mounts)
            plain: Any = jsonable(task.name, name, str, path)
            texts[name] = path
        else:
            plain = jsonable(task.name, name, kind, value)
            content = content_of(plain)
            texts[name] = content.decode("utf-8", "surrogateescape")
            if value is not None:
                (scratch.inputs / name).write_bytes(content)
        entries.append(Entry(name, kind, value, plain))
    write_metadata(task.name, task.metadata_format, entries, scratch.inputs)
    for each in scratch.inputs.rglob("*"):  # for whichever user the image is made for
        if not each.is_symlink():
            each.chmod(0o755 if each.is_dir() else 0o644)
    return Placed(texts, mounts)


def _place_path(
    task: ContainerTask, name: str, value: File | Dir, scratch: Scratch, mounts: list[Mount]
) -> str:
    """Mount a file or directory, and give the path that it has in the container."""
    kind = "directory" if isinstance(value, Dir) else "file"
    if value.is_remote:
        problem = f"input {name!r} is {value.path!r}, a URL: give what its download() returns"
        raise InputError(task.name, problem)
    path = Path(value)
    if not (path.is_dir() if isinstance(value, Dir) else path.is_file()):
        there = "is something else" if path.exists() else "is not there"
        raise InputError(task.name, f"input {name!r} is the {kind} {value.path!r}, which {there}")
    # The engines' syntax for mounts cannot hold every path, so the mounted path is one of ours.
    link = scratch.links / name
    link.symlink_to(path.resolve())
    if isinstance(value, Dir):
        (scratch.inputs / name).mkdir()
    elif task.file_input_layout == "DIRECT":
        (scratch.inputs / name).touch()
    else:
        (scratch.inputs / f".{name}").touch()
        (scratch.inputs / name).mkdir()
        (scratch.inputs / name / path.name).symlink_to(f"../.{name}")
        mounts.append(Mount(link, f"{task.input_data_dir}/.{name}"))
        return f"{task.input_data_dir}/{name}/{path.name}"
    mounts.append(Mount(link, f"{task.input_data_dir}/{name}"))
    return f"{task.input_data_dir}/{name}"
