"""The inputs of a task on the command line: from words to values, and as a text for `--help`."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import shlex
import typing
from collections.abc import Collection, Iterator, Mapping, Sequence
from enum import EnumType
from types import ModuleType
from typing import Any

from tasksmithy.cli._inputs_file import read
from tasksmithy.cli._table import aligned, fitted
from tasksmithy.errors import InputError
from tasksmithy.task._interface import NO_DEFAULT
from tasksmithy.task._source import tasks_in
from tasksmithy.task._template import TaskTemplate
from tasksmithy.values._annotations import alternatives, type_name
from tasksmithy.values._conversion import from_json, from_text, has_text
from tasksmithy.values._files import Dir, File
from tasksmithy.values._places import parts_of

Task = TaskTemplate[..., Any]

_logger = logging.getLogger("tasksmithy.run")
_EXAMPLES: Mapping[Any, object] = {str: "text", int: 1, float: 0.5, bool: True}


def split(task: Task, words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words that give the task's inputs, and those from `--name` on that name none of them."""
    ours: list[str] = []
    others: list[str] = []
    chosen = ours
    for word in words:
        if word.startswith("--"):
            chosen = ours if _name(word) in task.interface.inputs else others
        chosen.append(word)
    return ours, others


def given(task: Task, words: Sequence[str], file: str | None = None) -> dict[str, Any]:
    """The inputs that words as `--month 3`, `--month=3` and `--dry-run` stand for.

    Args:
        task: what they are for.
        words: the words.
        file: a file that gives the inputs that the words do not give.

    Raises:
        InputError: they are not the task's, some are missing, text stands for no value, or the
            file cannot be read.
        MissingDependencyError: the file needs a package that is not installed.
    """
    texts: dict[str, str | None] = {}
    for name, text in _pairs(task, words):
        if name in texts:
            raise InputError(task.name, f"input {name!r} is given twice")
        texts[name] = text
    filed = {} if file is None else read(task.name, file)
    # Names first: a missing or unknown input is reported before a wrong value.
    bound = task.interface.bind(task.name, (), {**filed, **texts})
    for name, value in filed.items():
        bound[name] = from_json(task.name, name, task.interface.inputs[name][0], value)
    return bound | {name: _value(task, name, text) for name, text in texts.items()}


def refuse_missing(task: Task, values: Mapping[str, Any]) -> None:
    """Refuse what was given where a file or folder in it is not on this machine.

    Raises:
        InputError: it is not there, or a folder is given for a file, or a file for a folder.
    """
    for name, value in values.items():
        for place, part in parts_of(value):
            if isinstance(part, (File, Dir)) and (problem := _missing(part)):
                where = f", at {place}," if place else ""
                raise InputError(task.name, f"input {name!r}{where} is {part!r}, and {problem}")


def usage(file: str, task: Task) -> str:
    """What a task takes, for who is to run it."""
    parts = [f"usage: tasksmithy run {file} {task.name} [--input value ...]"]
    if task.docs is not None and task.docs.description:
        parts.append(task.docs.description)
    if not task.interface.inputs:
        return "\n\n".join([*parts, "it takes no inputs"])
    table = [("INPUT", "TYPE", "DEFAULT", "")]
    for name, (kind, default) in task.interface.inputs.items():
        shown = "required" if default is NO_DEFAULT else repr(default)
        table.append((_option(name), type_name(kind), shown, _hint(name, kind)))
    return "\n\n".join([*parts, aligned(table)])


def overview(file: str, module: ModuleType) -> str:
    """The tasks of a file, for who is to choose one."""
    rows = [("TASK", "INPUTS", "DESCRIPTION")]
    for name, task in sorted(tasks_in(module).items()):
        inputs = task.interface.describe().removeprefix("inputs: ")
        rows.append((name, inputs, task.docs.short_description if task.docs is not None else ""))
    return f"usage: tasksmithy run {file} TASK [--input value ...]\n\n{fitted(aligned(rows))}"


def _pairs(task: Task, words: Sequence[str]) -> Iterator[tuple[str, str | None]]:
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("--") or word == "--":
            described = task.interface.describe()
            raise InputError(
                task.name,
                f"{word!r} is no input; give --name value, after the name of the task "
                f"({described})",
            )
        _, equals, text = word.partition("=")
        if equals:
            yield _name(word), text
        elif rest and not rest[0].startswith("--"):
            yield _name(word), rest.pop(0)
        else:
            yield _name(word), None


def _value(task: Task, name: str, text: str | None) -> Any:
    kind, _ = task.interface.inputs[name]
    if text is None and kind is not bool:
        raise InputError(task.name, f"input {name!r} is given without a value")
    if kind is Any and text is not None and _is_data(text):
        _logger.warning(
            "task %r: input %r has no type, so %r stays text; declare one, as %s: int",
            *(task.name, name, text, name),
        )
    try:
        return from_text(task.name, name, kind, "true" if text is None else text)
    except InputError as error:
        if not has_text(kind):
            raise InputError(
                task.name,
                f"input {name!r} is {type_name(kind)}, and no text stands for one: run the task "
                "from Python, or have it take a File and read that",
            ) from None
        if example := _as_json(name, kind):
            raise InputError(task.name, f"{error.problem}; give JSON, as {example}") from None
        raise


def _is_data(text: str) -> bool:
    """Whether a text is JSON of something else than text."""
    try:
        return not isinstance(json.loads(text), str)
    except ValueError:
        return False


def _missing(place: File | Dir) -> str:
    """What is not as it should be about a place on this machine; empty where nothing is."""
    what = "file" if isinstance(place, File) else "folder"
    path = os.path.abspath(place.path)  # noqa: PTH100 - as it was given
    if place.is_remote:
        return ""
    if not os.path.exists(path):  # noqa: PTH110 - a path may be none that can be looked for
        return f"there is no {what} {path}"
    other = "a folder" if os.path.isdir(path) else "a file"  # noqa: PTH112 - or a pipe
    return "" if other.endswith(what) else f"{path} is {other}: give a {what}"


def _hint(name: str, kind: Any) -> str:
    """What the help tells of an input whose type alone does not say how it is given."""
    if not has_text(kind):
        return "from Python alone"
    enums: list[Any] = [each for each in alternatives(kind) if isinstance(each, EnumType)]
    members = ", ".join(str(member.value) for each in enums for member in each)
    return f"one of {members}" if members else _as_json(name, kind)


def _as_json(name: str, kind: Any) -> str:
    """How an input that holds others is given, for example; empty for what is given as it is."""
    example = _example(kind)
    if not isinstance(example, (list, dict)):
        return ""
    return f"{_option(name)} {shlex.quote(json.dumps(example))}"


def _example(kind: Any) -> object:
    """JSON that stands for a value of a type; None where that is not known."""
    origin, members = typing.get_origin(kind) or kind, typing.get_args(kind)
    if origin is typing.Annotated:
        return _example(members[0])
    for known, example in _EXAMPLES.items():
        if kind is known:  # not looked up, as not every type can be hashed
            return example
    if isinstance(kind, EnumType):
        values = [member.value for member in list[Any](kind)]
        return values[0] if values else None
    if len(options := alternatives(kind)) > 1:
        return next((each for each in map(_example, options) if each is not None), None)
    if isinstance(kind, type) and (required := _required_fields(kind)) is not None:
        examples = {field: _example(each) for field, each in required.items()}
        return None if None in examples.values() else examples
    if not isinstance(origin, type) or not issubclass(origin, Collection):
        return None
    inner = [_example(each) for each in members if each is not Ellipsis]
    if not inner or None in inner:
        return None
    return {"name": inner[-1]} if issubclass(origin, Mapping) else inner


def _required_fields(kind: Any) -> dict[str, Any] | None:
    """The types of what a dataclass or a pydantic model must be given; None for all else."""
    if dataclasses.is_dataclass(kind) and not hasattr(kind, "__get_pydantic_core_schema__"):
        unset = dataclasses.MISSING
        fields = dataclasses.fields(kind)
        names = {each.name for each in fields if each.default is each.default_factory is unset}
    elif hasattr(kind, "model_fields"):
        names = {name for name, each in kind.model_fields.items() if each.is_required()}
    else:
        return None
    try:
        hints = typing.get_type_hints(kind)
    except Exception:  # noqa: BLE001 - an annotation may be any code
        return None
    return {name: hint for name, hint in hints.items() if name in names}


def _name(word: str) -> str:
    return word.removeprefix("--").partition("=")[0].replace("-", "_")


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")
