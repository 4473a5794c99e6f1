"""The inputs of a task from a file of JSON, TOML or YAML, as JSON values."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from datetime import date, time
from pathlib import Path
from typing import Any

from tasksmithy.errors import InputError, MissingDependencyError
from tasksmithy.values._exact_json import json_of, with_digits, without_twins

STANDARD_INPUT = "-"


def read(task: str, file: str) -> dict[str, Any]:
    """What a file gives, by the names of inputs: JSON values, dates and times as ISO 8601.

    Args:
        task: name of the task, for the error.
        file: its path, whose end says what it is; "-" is JSON on standard input.

    Raises:
        InputError: it cannot be read.
        MissingDependencyError: it is YAML, and PyYAML is not installed.
    """
    is_piped = file == STANDARD_INPUT
    reader = _READERS.get(".json" if is_piped else Path(file).suffix.lower())
    problem: object
    if reader is None:
        problem = f"its name has to end with {', '.join(_READERS)}"
    else:
        try:
            data = sys.stdin.buffer.read() if is_piped else Path(file).read_bytes()
            found = reader(data.decode("utf-8-sig"))
            if isinstance(found, dict):
                return {name: _plain(value, name) for name, value in found.items()}
            problem = "give inputs by their names: an object, table or mapping"
        except (OSError, ValueError) as error:
            problem = error.strerror if isinstance(error, OSError) else error
    raise InputError(task, f"--inputs-file {file}: {problem}")


def _toml(text: str) -> Any:
    import tomllib

    return tomllib.loads(text, parse_float=with_digits)


def _yaml(text: str) -> Any:
    try:
        import yaml
    except ImportError:
        raise MissingDependencyError(
            "an --inputs-file of YAML", "PyYAML", "pip install pyyaml, or give JSON or TOML"
        ) from None

    class Loader(yaml.SafeLoader):  # type: ignore[misc]  # it has no types
        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            without_twins((self.construct_object(key, deep=True), None) for key, _ in node.value)
            return super().construct_mapping(node, deep)

    try:
        return yaml.load(text, Loader)  # noqa: S506 - it is a safe one
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None


_READERS: Mapping[str, Callable[[str], Any]] = {
    ".json": json_of,
    ".toml": _toml,
    ".yaml": _yaml,
    ".yml": _yaml,
}


def _plain(value: Any, where: str) -> Any:
    """A value of TOML or YAML as JSON has it."""
    if isinstance(value, dict):
        return without_twins(
            (_key(key, where), _plain(item, f"{where}.{key}")) for key, item in value.items()
        )
    if isinstance(value, list):
        return [_plain(item, f"{where}[{index}]") for index, item in enumerate(value)]
    if isinstance(value, (date, time)):
        return value.isoformat()
    if value is None or isinstance(value, (str, int, float)):
        return value
    raise ValueError(f"{where} is of type {type(value).__name__}, which JSON does not have")


def _key(key: Any, where: str) -> str:
    if isinstance(key, (str, int)) and not isinstance(key, bool):
        return str(key)
    raise ValueError(f"{where} has the key {key!r}, which is no text: put it in quotes")
