"""Passwords of databases: read when a connection is made, and in no message."""

from __future__ import annotations

from urllib.parse import quote

from tasksmithy import RunContext, Secret
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


def without(password: str | None, message: object) -> str:
    """A driver's message in one line, with stars where it has the password, quoted or not."""
    text = str(message)
    if password:
        for written in (password, quote(password, safe="")):
            text = text.replace(written, "***")
    return " ".join(text.split())
