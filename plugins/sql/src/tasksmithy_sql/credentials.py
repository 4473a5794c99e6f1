"""Passwords of databases, read when a connection is made and kept nowhere."""

from __future__ import annotations

from tasksmithy.context import RunContext
from tasksmithy.secret import Secret
from tasksmithy_sql.errors import CredentialsError


def password_of(secret: Secret | None, context: RunContext) -> str | None:
    """The value of the secret, from the context of the attempt; None where there is no secret.

    Raises:
        CredentialsError: the context has no such secret.
    """
    if secret is None:
        return None
    value = context.secrets.get(secret)
    if value is None:
        raise CredentialsError(
            f"the database's password is the secret {secret.key!r}, which has no value here; in a "
            f"run it is looked up as {secret.env_name or secret.mount}"
        )
    return value
