"""Secrets for a container: in environment variables, and in files that are on no disk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tasksmithy import RunContext, Secret, TaskTemplate
from tasksmithy.errors import InputError
from tasksmithy_container.inputs import Mount
from tasksmithy_container.scratch import Scratch


def secret_values(ctx: RunContext) -> Mapping[Secret, str]:
    """The values of the task's secrets, as the run has resolved them."""
    return ctx.secrets


def secret_environment(values: Mapping[Secret, str]) -> dict[str, str]:
    """The secrets that are handed out as environment variables."""
    return {secret.env_name: value for secret, value in values.items() if secret.env_name}


def check_secrets(task: TaskTemplate[..., Any], values: Mapping[Secret, str]) -> None:
    """Check that every secret of the task has a value, which its variable can hold.

    Raises:
        InputError: one has none, as outside a run, or has a NUL.
    """
    for secret in task.secrets:
        if secret not in values:
            problem = f"secret {secret.key!r} has no value here: only a run hands out secrets"
            raise InputError(task.name, problem)
    for secret, value in values.items():
        if secret.env_name and "\0" in value:
            problem = f"secret {secret.key!r} has a NUL, which no environment variable can hold"
            raise InputError(task.name, problem)


def place_secrets(values: Mapping[Secret, str], scratch: Scratch) -> list[Mount]:
    """Write the secrets that are handed out as files, in memory, for the user alone."""
    mounts: list[Mount] = []
    for secret, value in values.items():
        if secret.mount_file is None:
            continue
        scratch.memory.mkdir(mode=0o700, exist_ok=True)
        file = scratch.memory / str(len(mounts))
        file.touch(mode=0o600)
        file.write_bytes(value.encode())
        mounts.append(Mount(file, str(secret.mount_file)))
    return mounts
