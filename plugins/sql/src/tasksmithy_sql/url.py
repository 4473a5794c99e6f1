"""Database URLs: which database one names, and how it is told without credentials."""

from __future__ import annotations

import getpass
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

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

# What a name that holds one of the first is, or one that is one of the second between its
# underscores; but not the path of a file.
_SECRET_PARTS = (
    "pass",
    "pwd",
    "token",
    "secret",
    "credential",
    "apikey",
    "accesskey",
    "privatekey",
)
_SECRET_WORDS = frozenset(
    {"key", "jwt", "auth", "authorization", "bearer", "sas", "sig", "signature", "pw", "cookie"}
)
_NO_SECRETS = frozenset({"passfile", "sslkey", "ssl_key", "ssl_passwordfile"})
_PATHS = ("_file", "_path")


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
        named = ":" in unquote(parts.username or "")
        hidden = _hides_secret(f"{parts.path.partition(';')[2]}&{parts.query}")
        if parts.password is not None or elsewhere or named or hidden:
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
    def location(self) -> str | None:
        """What tells the database from every other that the same URL means elsewhere.

        None where that is in the hands of the driver: the URL names neither a file nor a host.
        """
        if self.is_file:
            return self.text if self.in_memory else f"{self.scheme}:///{Path(self.path).resolve()}"
        parts = urlsplit(self.text)
        if self.dialect in ("duckdb", "sqlite"):  # a file, by a driver of SQLAlchemy
            name = self.path.removeprefix("file:")
            where = name if name == ":memory:" else str(Path(name).resolve())
            return f"{self.text} {where}"
        if self.dialect == "postgres":
            return " ".join([self.text, *_libpq_settings(parts)])
        return self.text if parts.hostname else None

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
    user = re.match(r"([^/]*//(?:(?!%(?:25)*3a)[^:@/?])*)@[^@]*$", url, re.I)
    if user is None:
        url = re.sub(r"//.*@", "//***@", url) if "//" in url else re.sub(r"^.*@", "***@", url)
    return re.sub(
        r"([?&;])([^=&;]*)=([^&;]*)",
        lambda found: (
            f"{found[1]}{found[2]}=***" if _hides_secret(f"{found[2]}={found[3]}") else found[0]
        ),
        url,
    )


def _hides_secret(query: str) -> bool:
    """Whether an argument of a URL is a secret, or has one in its value, however it is encoded."""
    pairs = parse_qsl(query.replace(";", "&"), keep_blank_values=True)
    return any(_is_secret(key) or _has_secret(value) for key, value in pairs)


def _has_secret(value: str) -> bool:
    """Whether settings in the value of an argument have a secret: `DRIVER=x;PWD=y`."""
    plain = value
    while (decoded := unquote(plain)) != plain:
        plain = decoded
    settings = re.findall(r"([\w.-]+)[ \"']*[=:]", plain)
    return any(map(_is_secret, settings)) or re.search(r"//[^/?#]*@", plain) is not None


def _is_secret(key: str) -> bool:
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", unquote(key).strip()).lower()
    if name in _NO_SECRETS or name.endswith(_PATHS):
        return False
    words = set(re.split(r"[\W_]+", name))
    flat = re.sub(r"[\W_]", "", name)
    return bool(words & _SECRET_WORDS) or any(part in flat for part in _SECRET_PARTS)


def _libpq_settings(parts: SplitResult) -> list[str]:
    """What libpq takes from its surroundings, without passwords: it decides what a URL means."""
    said = {
        "PGHOST": parts.hostname,
        "PGPORT": parts.port,
        "PGDATABASE": parts.path.strip("/"),
        "PGUSER": parts.username,
    }
    found = [
        f"{name}={value}"
        for name, value in sorted(os.environ.items())
        if name.startswith("PG") and not _is_secret(name) and not said.get(name)
    ]
    with suppress(KeyError, OSError):  # a user without a name
        found.append(f"user={getpass.getuser()}")
    if "PGSERVICE" in os.environ or "service" in dict(parse_qsl(parts.query)):
        folder = os.environ.get("PGSYSCONFDIR", "/etc/postgresql-common")
        mine = os.environ.get("PGSERVICEFILE", str(Path("~/.pg_service.conf").expanduser()))
        for file in (Path(mine), Path(folder, "pg_service.conf")):
            with suppress(OSError):
                lines = file.read_text(errors="replace").splitlines()
                found += [line for line in lines if not _has_secret(line)]
    return found
