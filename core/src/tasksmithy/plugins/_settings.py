"""What the environment and `[tool.tasksmithy]` decide about plugins and secrets."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from tasksmithy._texts import near_misses, shorten
from tasksmithy.errors import SettingsError
from tasksmithy.plugins._discovery import normalised

_EVERY_PLUGIN = frozenset({"1", "true", "__all__"})
_TABLE = "[tool.tasksmithy]"
_KEYS = ("executors", "observers", "policies", "prefer", "secrets_dir", "secrets_files")


class Settings(
    NamedTuple
):  # a dataclass imports inspect, which listing plugins has no other use for
    """The settings that discovery, the registry and local runs follow.

    Attributes:
        prefer: task type (or other plugin name) to the distribution that provides it, for names
            that several distributions provide.
        policies: names of the enabled policies. The first is outermost: it sees a call first and
            its result last.
        observers: names of the enabled observers.
        executors: name of an executor to its options.
        disabled: names of plugins or distributions that are switched off; `{"__all__"}` is all.
        strict: whether a plugin that cannot load is an error at start instead of when it is used.
        secrets_files: files of lines NAME=value that hold secrets, the first one first; by
            default `.env` in the working directory.
        secrets_dir: the directory that holds secrets as files, or None.
        file: the file that has the table; empty where there is none.
    """

    prefer: Mapping[str, str] = {}
    policies: Sequence[str] = ()
    observers: Sequence[str] = ()
    executors: Mapping[str, Mapping[str, object]] = {}
    disabled: frozenset[str] = frozenset()
    strict: bool = False
    secrets_files: tuple[str, ...] = (".env",)
    secrets_dir: str | None = None
    file: str = ""

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None, directory: str = ".") -> Settings:
        """Read the variables `TASKSMITHY_...` and the nearest `[tool.tasksmithy]`.

        The table is looked for in `pyproject.toml` in `directory` and the folders above it; the
        first file that has the table is used. Paths in it are relative to its folder; `~` is the
        user's home. `TASKSMITHY_SECRETS_DIR` goes before `secrets_dir`.

        Raises:
            SettingsError: a key is unknown, a value has the wrong type, or the file cannot be read
                or is no TOML.
        """
        environ = os.environ if environ is None else environ
        table, file = _nearest_table(directory)
        if unknown := table.keys() - set(_KEYS):
            name = min(unknown)
            raise SettingsError(
                f"{file}: {_TABLE} has no setting {name!r}"
                f"{near_misses(name, _KEYS)} (settings: {', '.join(_KEYS)})"
            )
        prefer = table.get("prefer", {})
        if not isinstance(prefer, dict) or not all(isinstance(v, str) for v in prefer.values()):
            dotted = isinstance(prefer, dict) and any(isinstance(v, dict) for v in prefer.values())
            quoted = '; a name with a dot is in quotes: {"acme.sql" = "acme-sql"}' if dotted else ""
            raise SettingsError(
                f"{file}: {_TABLE} prefer = {shorten(prefer)} is not allowed: give a table of "
                f'plugin name to distribution, such as {{sql = "tasksmithy-sql"}}{quoted}'
            )
        variable = environ.get("TASKSMITHY_SECRETS_DIR")
        return cls(
            prefer=prefer,
            policies=_enabled(table, file, "policies", "our-policy"),
            observers=_enabled(table, file, "observers", "our-notifier"),
            executors=_executors(table, file),
            disabled=_names(environ.get("TASKSMITHY_DISABLE_PLUGINS", "")),
            strict=_flag("TASKSMITHY_STRICT", environ.get("TASKSMITHY_STRICT", "")),
            secrets_files=_secrets_files(table, file),
            secrets_dir=_path(directory, variable) if variable else _secrets_dir(table, file),
            file=file,
        )

    def passed_over(self, directory: str) -> str:
        """The file that `directory` would have its settings from, where these are from another.

        Returns:
            The file; empty where there is none, or these are from it.

        Raises:
            SettingsError: the file cannot be read, or is no TOML.
        """
        _, file = _nearest_table(directory)
        return "" if file == self.file else file

    def disables(self, name: str, distribution: str) -> bool:
        """Whether the plugin `name` of `distribution` (a normalised name) is switched off."""
        if self.disabled.isdisjoint(("__all__", name, distribution)):
            return any(normalised(given) == distribution for given in self.disabled)
        return True

    def preferred(self, name: str) -> str | None:
        """The distribution that is to provide the plugin `name`, or None where none is named."""
        distribution = self.prefer.get(name)
        return None if distribution is None else normalised(distribution)


def _enabled(table: Mapping[str, object], file: str, key: str, example: str) -> tuple[str, ...]:
    """The plugins of a kind that are switched on by their names."""
    names = table.get(key, [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise SettingsError(
            f"{file}: {_TABLE} {key} = {shorten(names)} is not allowed: give a list of names, such "
            f'as ["{example}"]'
        )
    return tuple(names)


def _executors(table: Mapping[str, object], file: str) -> Mapping[str, Mapping[str, object]]:
    """The options of executors."""
    executors = table.get("executors", {})
    if not isinstance(executors, dict):
        raise SettingsError(
            f"{file}: {_TABLE} executors = {shorten(executors)} is not allowed: give a table for "
            "each executor, such as [tool.tasksmithy.executors.ray]"
        )
    for name, options in executors.items():
        if not isinstance(options, dict):
            raise SettingsError(
                f"{file}: [tool.tasksmithy.executors] {name} = {shorten(options)} is not allowed: "
                f"give a table of options, [tool.tasksmithy.executors.{name}]"
            )
    return executors


def _names(text: str) -> frozenset[str]:
    if text.strip().lower() in _EVERY_PLUGIN:
        return frozenset({"__all__"})
    return frozenset(name for part in text.split(",") if (name := part.strip()))


def _flag(variable: str, text: str) -> bool:
    match text.strip().lower():
        case "" | "0" | "false":
            return False
        case "1" | "true":
            return True
        case _:
            raise SettingsError(f"{variable}={shorten(text)} is not allowed: give 1 or 0")


def _secrets_files(table: Mapping[str, object], file: str) -> tuple[str, ...]:
    files = table.get("secrets_files")
    if files is None:
        return Settings().secrets_files
    if not isinstance(files, list) or not all(isinstance(name, str) and name for name in files):
        raise SettingsError(
            f"{file}: {_TABLE} secrets_files = {shorten(files)} is not allowed: give a list of "
            'files, such as [".env"], or [] for none'
        )
    return tuple(_path(file.removesuffix("pyproject.toml"), name) for name in files)


def _secrets_dir(table: Mapping[str, object], file: str) -> str | None:
    path = table.get("secrets_dir")
    if path is None:
        return None
    if not isinstance(path, str) or not path:
        raise SettingsError(
            f"{file}: {_TABLE} secrets_dir = {shorten(path)} is not allowed: give a directory, "
            'such as "~/secrets"'
        )
    return _path(file.removesuffix("pyproject.toml"), path)


def _path(folder: str, path: str) -> str:
    path = os.path.expanduser(path)  # noqa: PTH111 - pathlib would double the start-up here
    return os.path.abspath(os.path.join(folder, path))  # noqa: PTH100, PTH118 - as above


def _nearest_table(directory: str) -> tuple[dict[str, object], str]:
    try:
        folder = os.path.abspath(directory)  # noqa: PTH100 - pathlib would double the start-up here
    except FileNotFoundError:
        raise SettingsError(
            f"the working directory is gone, and it may have had a pyproject.toml with {_TABLE}: "
            "go to a directory that is there"
        ) from None
    while True:
        file = f"{folder}/pyproject.toml"
        try:
            with open(file, "rb") as stream:  # noqa: PTH123 - as above
                content = stream.read()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            content = b""
        except OSError as error:  # it may have the table, and with it policies
            raise SettingsError(
                f"{file} cannot be read ({error.strerror}), and it may have the table {_TABLE}: "
                "make it readable, or take it away"
            ) from None
        if _may_have_table(content) and (table := _table(content, file)) is not None:
            return table, file
        parent = os.path.dirname(folder)  # noqa: PTH120 - as above
        if parent == folder:
            return {}, ""
        folder = parent


def _may_have_table(content: bytes) -> bool:
    """Whether a file can have the table: only then is the TOML parser imported."""
    # `tasksmithy` is in the file of whoever depends on it; as a key it has one of these after it.
    # A NUL is of another encoding than UTF-8, where the table has other bytes.
    return b"\0" in content or (
        b"tasksmithy" in content
        and re.search(rb"tasksmithy[\"']?[ \t]*([].=\r\n]|$)", content) is not None
    )


@lru_cache(maxsize=8)  # a command asks for the working directory and for that of its file
def _table(content: bytes, file: str) -> dict[str, object] | None:
    import tomllib  # costs as much as the rest of the settings, and most folders have no table

    try:
        tool = tomllib.loads(content.decode()).get("tool", {})
    except ValueError as error:
        raise SettingsError(f"{file} is not valid TOML: {error}") from None
    table = tool.get("tasksmithy") if isinstance(tool, dict) else None
    if table is not None and not isinstance(table, dict):
        raise SettingsError(f"{file}: tool.tasksmithy is not a table")
    return table
