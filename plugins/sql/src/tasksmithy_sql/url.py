"""Database URLs: which database one names, and how it is told without credentials."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from tasksmithy.errors import FieldError
from tasksmithy.extend import near_misses

Kind = Literal["duckdb", "sqlite", "postgresql", "sqlalchemy"]

ALLOWED = (
    "duckdb:// or sqlite:// (in memory), duckdb:///file.db, sqlite:///file.db, "
    "postgresql://user@host:port/name, or a URL of SQLAlchemy"
)

_OWN = {
    "duckdb": "duckdb",
    "sqlite": "sqlite",
    "postgresql": "postgresql",
    "postgres": "postgresql",
}

# Where SQLAlchemy's name of a dialect is not sqlglot's.
_DIALECTS = {
    "postgresql": "postgres",
    "cockroachdb": "postgres",
    "mssql": "tsql",
    "mariadb": "mysql",
    "awsathena": "athena",
}

_SECRET_WORDS = ("pass", "pwd", "token", "secret", "credential")


@dataclass(frozen=True, slots=True)
class DatabaseURL:
    """A URL that has been checked: it holds no password.

    Attributes:
        text: the URL.
        kind: what connects to it.
        scheme: its scheme without a driver.
    """

    text: str
    kind: Kind
    scheme: str

    @classmethod
    def of(cls, field: str, url: object) -> DatabaseURL:
        """The URL, checked.

        Raises:
            FieldError: it names no database, or has a password in it.
        """
        if not isinstance(url, str):
            raise FieldError(field, url, ALLOWED)
        matched = re.match(r"([a-zA-Z][a-zA-Z0-9_]*)(\+[a-zA-Z0-9_]+)?://", url)
        if re.search(r"[\s\x00]", url):
            allowed = f"a URL without white space, with %20 for a space: {ALLOWED}"
            raise FieldError(field, masked(url), allowed)
        if matched is None:
            raise FieldError(field, masked(url), ALLOWED)
        scheme = matched[1].lower()
        kind: Kind = "sqlalchemy" if matched[2] else _OWN.get(scheme, "sqlalchemy")  # type: ignore[assignment]
        found = cls(url, kind, scheme)
        try:
            parts = urlsplit(url)
        except ValueError:  # a bracket that is no IPv6 address
            raise FieldError(field, masked(url), ALLOWED) from None
        if found.is_file:
            if parts.netloc or parts.query or parts.fragment:
                raise FieldError(field, masked(url), f"{scheme}:// or {scheme}:///path/to/file.db")
            return found
        # An "@" after the host is a password with a "/" or "?" in it.
        elsewhere = "@" in parts.path + parts.query + parts.fragment
        hidden = any(_is_secret(key) for key, _ in parse_qsl(parts.query))
        if parts.password is not None or elsewhere or hidden:
            allowed = "a URL without a password: SQLConfig(url=..., password=Secret(...)) holds one"
            raise FieldError(field, masked(url), allowed)
        try:
            _ = parts.port
        except ValueError:
            raise FieldError(field, masked(url), f"a port from 0 to 65535: {ALLOWED}") from None
        close = near_misses(scheme, _OWN)
        if kind == "sqlalchemy" and not matched[2] and close and not found.dialect:
            raise FieldError(field, masked(url), f"{ALLOWED}{close}")
        return found

    @property
    def is_file(self) -> bool:
        """Whether the database is embedded: a file, or memory."""
        return self.kind in ("duckdb", "sqlite")

    @property
    def path(self) -> str:
        """The file of an embedded database; `:memory:` where there is none."""
        return unquote(urlsplit(self.text).path.removeprefix("/")) or ":memory:"

    @property
    def in_memory(self) -> bool:
        """Whether the database lives no longer than its connection."""
        return self.is_file and self.path == ":memory:"

    @property
    def location(self) -> str:
        """What tells the database from every other that the same URL means elsewhere."""
        if self.in_memory or self.kind == "sqlalchemy":
            return self.text
        if self.is_file:
            return f"{self.scheme}:///{Path(self.path).resolve()}"
        parts = urlsplit(self.text)  # libpq takes from the environment what it does not say
        said = {
            "PGHOST": parts.hostname,
            "PGPORT": parts.port,
            "PGDATABASE": parts.path.strip("/"),
            "PGUSER": parts.username,
        }
        unsaid = [f"{name}={os.environ.get(name, '')}" for name in said if not said[name]]
        return " ".join([self.text, *unsaid])

    @property
    def dialect(self) -> str:
        """The SQL dialect in sqlglot's name; empty where sqlglot has none for it."""
        from sqlglot.dialects.dialect import Dialects

        name = _DIALECTS.get(self.scheme, self.scheme)
        name = "postgres" if self.kind == "postgresql" else name
        return name if name in {dialect.value for dialect in Dialects} else ""

    @property
    def user(self) -> str | None:
        """The user that the URL names."""
        name = urlsplit(self.text).username
        return None if name is None else unquote(name)

    def __str__(self) -> str:
        return masked(self.text)


def masked(url: str) -> str:
    """A URL as it may be shown: nothing of what could be credentials, however it is written."""
    user = re.match(r"([^/]*//[^:@/?]*)@[^@]*$", url)
    if user is None:
        url = re.sub(r"//.*@", "//***@", url) if "//" in url else re.sub(r"^.*@", "***@", url)
    words = "|".join(_SECRET_WORDS)
    return re.sub(rf"(?i)([?&;][^=&;]*(?:{words})[^=&;]*=)[^&;]*", r"\1***", url)


def _is_secret(key: str) -> bool:
    return any(word in key.lower() for word in _SECRET_WORDS) and key.lower() != "passfile"
