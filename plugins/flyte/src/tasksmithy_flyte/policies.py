"""How a task is tried, bounded and given secrets: the parts of its metadata and security."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from flyteidl2.core import literals_pb2, security_pb2
from google.protobuf.duration_pb2 import Duration

from tasksmithy import SecretRequest, TaskTemplate
from tasksmithy_flyte.errors import RenderError

SECRETS_FOLDER: Final = "/etc/flyte/secrets"
"""Where Flyte mounts the secrets that are files."""


def duration(seconds: float) -> Duration:
    """A duration, to the microsecond."""
    message = Duration()
    message.FromTimedelta(timedelta(seconds=seconds))
    return message


def retry_strategy(retries: Mapping[str, Any]) -> literals_pb2.RetryStrategy:
    """How often, and with which delays, a task is tried again."""
    message = literals_pb2.RetryStrategy(retries=retries.get("count", 0))
    if backoff := retries.get("backoff"):
        message.backoff.base.CopyFrom(duration(backoff["base"]))
        message.backoff.factor = backoff["factor"]
        if "cap" in backoff:
            message.backoff.cap.CopyFrom(duration(backoff["cap"]))
    return message


def timeout_strategy(task: str, timeout: Mapping[str, Any]) -> literals_pb2.TimeoutStrategy | None:
    """The bounds on waiting and on all attempts together; None where there are none.

    Raises:
        RenderError: the deadline is a date.
    """
    deadline, queued = timeout.get("deadline"), timeout.get("max_queued_time")
    if isinstance(deadline, str):
        raise RenderError(
            task,
            "timeout.deadline",
            f"Flyte has no deadline by date ({deadline}); give seconds or a timedelta, which "
            "count from when the first attempt is queued",
        )
    if deadline is None and queued is None:
        return None
    message = literals_pb2.TimeoutStrategy()
    if queued is not None:
        message.queued_timeout.CopyFrom(duration(queued))
    if deadline is not None:
        message.deadline.CopyFrom(duration(deadline))
    return message


def get_security_context(
    secrets: SecretRequest | None, task: str = "this"
) -> security_pb2.SecurityContext | None:
    """The message of secrets; None where there are none.

    Args:
        secrets: as a task takes them.
        task: name of the task, for errors.

    Raises:
        TaskDefinitionError: a secret is not allowed.
        RenderError: a secret is mounted elsewhere than Flyte does.
    """
    from tasksmithy import NativeInterface

    held = TaskTemplate(name=task, interface=NativeInterface(), secrets=secrets).secrets
    return security_context(task, [secret.to_dict() for secret in held])


def security_context(
    task: str, secrets: Sequence[Mapping[str, Any]]
) -> security_pb2.SecurityContext | None:
    """The message of secrets as a `TaskSpec` has them.

    Raises:
        RenderError: a secret is mounted elsewhere than Flyte does.
    """
    if not secrets:
        return None
    message = security_pb2.SecurityContext()
    for index, secret in enumerate(secrets):
        variable, mount = secret.get("as_env_var"), secret.get("mount")
        if mount is not None and posixpath.normpath(mount) != SECRETS_FOLDER:
            raise RenderError(
                task,
                f"secrets[{index}].mount",
                f"Flyte mounts secrets in {SECRETS_FOLDER} alone, not in {mount}",
            )
        # Flyte has one place for each: who wants both is given it twice.
        if variable is not None:
            message.secrets.add(
                key=secret["key"],
                group=secret.get("group"),
                env_var=variable,
                mount_requirement=security_pb2.Secret.ENV_VAR,
            )
        if mount is not None:
            message.secrets.add(
                key=secret["key"],
                group=secret.get("group"),
                mount_requirement=security_pb2.Secret.FILE,
            )
    return message


def key_values(variables: Mapping[str, str]) -> Iterable[literals_pb2.KeyValuePair]:
    """Pairs, in the order of the mapping."""
    return [literals_pb2.KeyValuePair(key=key, value=value) for key, value in variables.items()]
