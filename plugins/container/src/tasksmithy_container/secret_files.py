"""Secrets for a container: in environment variables, and in files that are on no disk."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tasksmithy import RunContext, Secret, TaskTemplate
from tasksmithy.errors import InputError
from tasksmithy_container.inputs import Mount
from tasksmithy_container.scratch import Scratch

_NO_LINE = re.compile("[\0\r\n\ud800-\udfff]")
_LONGEST = 60_000  # bytes; what reads the file takes lines of less than 64 KiB


def secret_values(ctx: RunContext) -> Mapping[Secret, str]:
    """The values of the task's secrets, as the run has resolved them."""
    return ctx.secrets


def check_secrets(task: TaskTemplate[..., Any], values: Mapping[Secret, str]) -> None:
    """Check that every secret of the task has a value, which its variable can hold.

    Raises:
        InputError: one has none, as outside a run, or one that no line of a file can hold.
    """
    for secret in task.secrets:
        if secret not in values:
            problem = f"secret {secret.key!r} has no value here: only a run hands out secrets"
            raise InputError(task.name, problem)
    for secret, value in values.items():
        if secret.env_name and (_NO_LINE.search(value) or len(value.encode()) > _LONGEST):
            problem = (
                f"secret {secret.key!r} has a line break, a NUL, more than {_LONGEST:,} bytes, or "
                "no UTF-8, which engines do not take in a variable: mount it as a file"
            )
            raise InputError(task.name, problem)


def place_secrets(values: Mapping[Secret, str], scratch: Scratch, *, for_all: bool) -> list[Mount]:
    """Write the secrets that are handed out as files, in memory and below a folder of the user's.

    Args:
        values: the values of the secrets.
        scratch: the directories of the attempt.
        for_all: whether every user of the container can read them, or only the caller.
    """
    mounts: list[Mount] = []
    for secret, value in values.items():
        if secret.mount_file is not None:
            file = _written(scratch, str(len(mounts)), value)
            if for_all:
                file.chmod(0o644)
            mounts.append(Mount(file, str(secret.mount_file)))
    return mounts


def place_variables(values: Mapping[Secret, str], scratch: Scratch) -> dict[str, Path]:
    """Write the secrets that are handed out as variables to a file for the engine, in memory.

    Through its environment they would be settings of the engine's client: DOCKER_HOST, PATH.

    Returns:
        The names of the variables, with the file that they all are in.
    """
    variables = {secret.env_name: value for secret, value in values.items() if secret.env_name}
    if not variables:
        return {}
    lines = "".join(f"{name}={value}\n" for name, value in variables.items())
    return dict.fromkeys(variables, _written(scratch, "variables", lines))


def _written(scratch: Scratch, name: str, text: str) -> Path:
    scratch.memory.mkdir(mode=0o700, exist_ok=True)
    file = scratch.memory / name
    file.touch(mode=0o600)
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    return file
