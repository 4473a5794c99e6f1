"""Outputs as a container leaves them: a file or a directory for each, under its name."""

from __future__ import annotations

import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any

from tasksmithy import Dir
from tasksmithy.errors import InputError, OutputError
from tasksmithy.extend import cut, from_text, shorten, state_folder, type_name
from tasksmithy_container.border import BorderError, check_file, check_tree, shown
from tasksmithy_container.scratch import Scratch
from tasksmithy_container.task import ContainerTask
from tasksmithy_container.trees import remove_tree
from tasksmithy_container.types import is_optional, is_place, is_raw, required

_SHOWN = 20  # names of what is there instead of an output
_LONGEST_REASON = 500  # characters; a copy names each file that it fails for


def read_outputs(task: ContainerTask, scratch: Scratch) -> Any:
    """The result: the value of the only output, or a tuple of all, or None where there is none.

    Texts and bytes are taken byte for byte; of other types the white space around them does not
    count. A `File` or `Dir` is moved to where it outlives the attempt.

    Raises:
        OutputError: an output is missing, unreadable, or no value of its type.
    """
    kept = state_folder() / "outputs" / scratch.name
    try:
        values = tuple(
            _read(task, name, kind, scratch, kept) for name, kind in task.interface.outputs.items()
        )
    except BaseException:  # of a failed attempt nothing stays
        with suppress(OSError):
            remove_tree(kept)
        raise
    return values[0] if len(values) == 1 else values or None


def _read(task: ContainerTask, name: str, kind: Any, scratch: Scratch, kept: Path) -> Any:
    path = scratch.outputs / name
    there = f"{task.output_data_dir}/{name}"
    try:
        status = path.lstat()
    except FileNotFoundError:
        if is_optional(kind):
            return None
        problem = f"was not written to {there}; {_listing(task, scratch)}"
        raise OutputError(task.name, f"output {name!r} {problem}") from None
    declared, kind = kind, required(kind)
    # Nothing else: a link could lead anywhere on this machine, a pipe could be waited for forever.
    is_dir = is_place(kind) and issubclass(kind, Dir)
    wanted, is_wanted = ("directory", stat.S_ISDIR) if is_dir else ("file", stat.S_ISREG)
    if not is_wanted(status.st_mode):
        problem = f"is {type_name(kind)}, and {there} is no {wanted}; {_listing(task, scratch)}"
        raise OutputError(task.name, f"output {name!r} {problem}")
    try:
        if is_place(kind):
            kept.mkdir(mode=0o700, parents=True, exist_ok=True)
            check_tree(path, kept) if is_dir else check_file(path, kept)
            return kind(str(_moved(path, kept)))
        if status.st_size > task.max_inline_io_bytes:
            problem = (
                f"has {status.st_size} bytes, more than max_inline_io_bytes "
                f"({task.max_inline_io_bytes}); make it a File, or raise the bound"
            )
            raise OutputError(task.name, f"output {name!r} {problem}")
        content = path.read_bytes()
        if isinstance(kind, type) and issubclass(kind, bytes):
            return kind(content)
        text = content.decode()
    except UnicodeDecodeError as error:
        problem = f"is {type_name(kind)}, and {there} is not UTF-8 ({error}); make it a File"
        raise OutputError(task.name, f"output {name!r} {problem}") from None
    except BorderError as error:
        problem = (
            f"is {type_name(kind)}, and in {there} {error}: leave files that the disk has room "
            "for, directories, and links between them"
        )
        raise OutputError(task.name, f"output {name!r} {problem}") from None
    except OSError as error:
        problem = f"cannot be read from {there}: {cut(str(error), _LONGEST_REASON)}"
        raise OutputError(task.name, f"output {name!r} {problem}") from None
    try:
        return from_text(task.name, name, kind, text if is_raw(declared) else text.strip())
    except InputError as error:
        problem = f"is {type_name(kind)}, and {there} holds {shorten(text)}, which is not one"
        raise OutputError(task.name, f"output {name!r} {problem}") from error


def _listing(task: ContainerTask, scratch: Scratch) -> str:
    names = sorted(path.name for path in scratch.outputs.iterdir())
    listed = ", ".join(map(shown, names[:_SHOWN])) + (", …" if len(names) > _SHOWN else "")
    return f"there was in {task.output_data_dir}: {listed or 'nothing'}"


def _moved(path: Path, kept: Path) -> Path:
    """Move an output to where it stays and is the user's own."""
    moved = Path(shutil.move(path, kept / path.name))
    if os.getuid() == 0:
        for inner in (moved, *moved.rglob("*")):  # which were the image's user's
            os.chown(inner, 0, os.getgid(), follow_symlinks=False)
    return moved
