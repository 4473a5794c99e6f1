"""The secrets a task is given: by name, never the value."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import PurePosixPath

from tasksmithy.checks import checked, matching, non_empty
from tasksmithy.errors import FieldError

_ENV_NAME = r"[A-Z_][A-Z0-9_]*"


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret in the secret store, and where the task finds its value.

    Attributes:
        key: its name in the store.
        group: the group of the store that it is in, where the store has groups.
        mount: the absolute path of the directory or file that holds the value for the task.
        as_env_var: the environment variable that holds it; None with no `mount`: a variable
            named after group and key.
    """

    key: str
    group: str | None = None
    _: KW_ONLY
    mount: str | os.PathLike[str] | None = None
    as_env_var: str | None = None

    def check(self) -> None:
        """Raise `FieldError` for the first field that is not allowed."""
        non_empty("key", self.key)
        if self.group is not None:
            non_empty("group", self.group)
        if self.mount is not None and not _is_absolute(self.mount):
            raise FieldError("mount", self.mount, 'an absolute path such as "/etc/secrets"')
        allowed = f"the name of an environment variable, {_ENV_NAME}"
        if self.as_env_var is not None:
            matching("as_env_var", self.as_env_var, _ENV_NAME, allowed)
        elif self.env_name is not None and not re.fullmatch(_ENV_NAME, self.env_name):
            raise FieldError("as_env_var", None, f"{allowed}: {self.env_name!r} cannot be one")

    @property
    def env_name(self) -> str | None:
        """The environment variable that holds the value; None if only a file does.

        Where `as_env_var` is not given it is GROUP_KEY or KEY, in upper case, "-" as "_".
        """
        if self.as_env_var is not None:
            return self.as_env_var
        if self.mount is not None:
            return None
        name = self.key if self.group is None else f"{self.group}_{self.key}"
        return name.replace("-", "_").upper()

    @property
    def mount_file(self) -> PurePosixPath | None:
        """The file that holds the value; None if it is not mounted.

        It is `mount` itself where that ends in the key or in a name with a suffix
        (`/etc/tls/client.pem`), otherwise `<mount>/<group>/<key>` or `<mount>/<key>`.
        """
        if self.mount is None:
            return None
        # normpath, because ".." must not lead out of the directory that stands for the root.
        mount = PurePosixPath(posixpath.normpath(os.fspath(self.mount)))
        if mount.name == self.key or mount.suffix:
            return mount
        return PurePosixPath(posixpath.normpath(mount / (self.group or "") / self.key))

    def to_dict(self) -> dict[str, object]:
        """The fields that are set, JSON-able; `as_env_var` is the effective name."""
        fields: dict[str, object] = {
            "key": self.key,
            "group": self.group,
            "mount": None if self.mount is None else os.fspath(self.mount),
            "as_env_var": self.env_name,
        }
        return {name: value for name, value in fields.items() if value is not None}


SecretRequest = str | Secret | Sequence[str | Secret]
"""What a task's `secrets` may be: a str is the key."""


def secrets_of(request: SecretRequest | None, field: str) -> tuple[Secret, ...]:
    """The secrets of a request, checked; None is none.

    Raises:
        FieldError: for `field`, `field[<index>]` or an inner field of one; also where two secrets
            would be in one environment variable or one file.
    """
    if request is None:
        return ()
    if isinstance(request, str | Secret):
        return (_secret(request, field),)
    if not isinstance(request, Sequence):
        raise FieldError(field, request, "a key, a Secret, or a list of these")
    secrets = tuple(_secret(item, f"{field}[{index}]") for index, item in enumerate(request))
    taken: set[object] = set()
    for index, secret in enumerate(secrets):
        for name, place in (("as_env_var", secret.env_name), ("mount", secret.mount_file)):
            if place in taken:
                raise FieldError(f"{field}[{index}]", secret, f"another {name}: {place} is taken")
            if place is not None:
                taken.add(place)
    return secrets


def _secret(item: object, field: str) -> Secret:
    if isinstance(item, str):
        return checked(field, Secret(item))
    if not isinstance(item, Secret):
        raise FieldError(field, item, "a key or a Secret")
    return checked(field, item)


def _is_absolute(path: object) -> bool:
    # Of the machine the task runs on, which is POSIX whatever this one is.
    return isinstance(path, str | os.PathLike) and os.fspath(path).startswith("/")
