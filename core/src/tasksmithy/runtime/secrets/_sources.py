"""The secrets of a task in a local run: where their values come from, and how the task gets them.

A value comes from the first that has one:

1. the hook `resolve_secret` of the task type and of the enabled policies;
2. the environment: `GROUP_KEY`, or `KEY` without a group, then the secret's `as_env_var`;
3. files of lines `NAME=value` with the same names (`secrets_files`; by default `.env` in the
   working directory);
4. a directory of files, `<group>/<key>` or `<key>` (`TASKSMITHY_SECRETS_DIR` or `secrets_dir`),
   as Docker and Kubernetes make them.

An empty variable or file is no value: it is what a CI service makes of a secret that it lacks.
"""

from __future__ import annotations

import os
import select
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tasksmithy.concurrency._threads import in_thread
from tasksmithy.errors import SecretNotFoundError, TasksmithyError
from tasksmithy.fields._secret import Secret
from tasksmithy.plugins._settings import Settings
from tasksmithy.runtime.secrets import _dotenv as dotenv
from tasksmithy.runtime.secrets._exits import hand_out
from tasksmithy.task._hooks import TaskHooks
from tasksmithy.task._template import TaskTemplate

PATIENCE = 10.0
"""How long a pipe is waited for, seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretSources:
    """Where secrets are on this machine, beside the environment.

    Attributes:
        env_files: files of lines NAME=value, the first one first; those that are not there are
            passed over.
        directory: the directory that holds a file for each secret, or None.
    """

    env_files: tuple[Path, ...] = (Path(".env"),)
    directory: Path | None = None

    @classmethod
    def of(cls, settings: Settings) -> SecretSources:
        """The sources that the settings name."""
        return cls(
            env_files=tuple(map(Path, settings.secrets_files)),
            directory=None if settings.secrets_dir is None else Path(settings.secrets_dir),
        )


async def resolve(
    task: TaskTemplate[..., Any], hooks: TaskHooks, sources: SecretSources
) -> dict[Secret, str]:
    """The values of the secrets that a task declares, which are masked from now on.

    Raises:
        SecretNotFoundError: a secret has no value in any of the places.
        HookError: a `resolve_secret` hook raised, or returned what is no str.
        SettingsError: a line of a file of values is no NAME=value.
    """
    secrets = task.secrets
    if not secrets:
        return {}

    def resolved() -> dict[Secret, str]:
        values = {secret: _value(secret, task.name, hooks, sources) for secret in secrets}
        hand_out(task.name, values)
        return values

    # In a thread, because a hook may ask a server, and the hook is a plain function.
    return await in_thread(resolved)


def environment(secrets: Mapping[Secret, str]) -> dict[str, str]:
    """The environment variables that hold the values; a secret that is only mounted has none."""
    return {
        secret.env_name: value for secret, value in secrets.items() if secret.env_name is not None
    }


def _value(secret: Secret, task: str, hooks: TaskHooks, sources: SecretSources) -> str:
    looked_at = []
    try:
        for place, value in _answers(secret, hooks, sources):
            if value is not None:
                return value
            looked_at.append(place)
    except TasksmithyError as error:
        error.add_note(f"while looking for the secret {secret.key!r} of task {task!r}")
        raise
    raise SecretNotFoundError(task, secret.key, secret.group, looked_at)


def _answers(
    secret: Secret, hooks: TaskHooks, sources: SecretSources
) -> Iterator[tuple[str, str | None]]:
    """Each place with the value it has, in order; one is looked at when it is asked for."""
    plugins = f"task type {hooks.task_type!r} ({hooks.provenance}) and of the policies"
    yield f"the hook resolve_secret of {plugins}", hooks.resolve_secret(secret)
    names = _names(secret)
    for name in names:
        yield _place(f"the environment variable {name}", os.environ.get(name))
    for file in sources.env_files:
        file = file.absolute()
        text, problem = _text(file)
        if problem:
            yield f"{file} ({problem})", None
            continue
        values = dotenv.parse(text, str(file))
        for name in names:
            yield _place(f"{name} in {file}", values.get(name))
    if sources.directory is not None:
        yield _in_directory(secret, sources.directory.resolve())


def _place(place: str, value: str | None) -> tuple[str, str | None]:
    return (f"{place} (empty)", None) if value == "" else (place, value)


def _names(secret: Secret) -> list[str]:
    """The variable named after group and key, then the one that the task reads."""
    stored = replace(secret, as_env_var=None, mount=None).env_name
    return [name for name in dict.fromkeys((stored, secret.env_name)) if name is not None]


def _in_directory(secret: Secret, directory: Path) -> tuple[str, str | None]:
    file = Path(os.path.normpath(directory / (secret.group or "") / secret.key))
    if not file.is_relative_to(directory):
        return f"{file} (outside of {directory})", None
    text, problem = _text(file)
    if problem:
        return f"{file} ({problem})", None
    # Editors and `echo` end a file with a line end that is no part of the value.
    return _place(str(file), text.removesuffix("\n").removesuffix("\r"))


def _from_pipe(file: Path) -> bytes:
    """What a program writes to a pipe once it is opened, as some password managers do.

    Raises:
        TimeoutError: nobody writes to it.
    """
    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb", buffering=0) as pipe:
        content = b""
        while select.select([pipe], [], [], PATIENCE)[0]:
            piece = pipe.read(65536)
            if not piece:
                return content
            content += piece
    raise TimeoutError


def _text(file: Path) -> tuple[str, str]:
    """What the file holds, or why it cannot be read."""
    try:
        content = _from_pipe(file) if file.is_fifo() else file.read_bytes()
        return content.decode("utf-8-sig"), ""
    except FileNotFoundError:
        return "", "not there"
    except TimeoutError:
        return "", f"cannot be read: it is a pipe, and nobody wrote to it for {PATIENCE:g} s"
    except OSError as error:
        return "", f"cannot be read: {error.strerror}"
    except UnicodeDecodeError:
        return "", "cannot be read: not UTF-8"
