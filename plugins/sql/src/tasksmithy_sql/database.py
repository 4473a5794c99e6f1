"""What SQL tasks share: which database, with which secret, and in a transaction or not."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from tasksmithy import Secret, TaskTemplate, checks
from tasksmithy.errors import FieldError
from tasksmithy.extend import secrets_of
from tasksmithy_sql.url import ALLOWED, DatabaseURL

if TYPE_CHECKING:
    from tasksmithy_sql.config import SQLConfig


class DatabaseTask(TaskTemplate[..., Coroutine[Any, Any, Any]], task_type="sql"):
    """A task that a database performs.

    Args:
        database: `duckdb://` for a database in memory that lives as long as the task, the URL of
            another database, or a `SQLConfig` with a URL and the secret that is its password.
        transaction: whether the task is one transaction.
    """

    database: str | SQLConfig = "duckdb://"
    transaction: bool = True

    def __post_init__(self) -> None:
        _, password = located("database", self.database)
        if password is not None:
            # The platform hands out what `secrets` names, and nothing else.
            asked = secrets_of(self.secrets, "secrets")
            if password not in asked:
                self._settle(secrets=(*asked, password))
        super().__post_init__()
        checks.boolean("transaction", self.transaction)

    @property
    def url(self) -> DatabaseURL:
        """The database's URL, checked."""
        return located("database", self.database)[0]

    @property
    def password(self) -> Secret | None:
        """The secret that is the database's password."""
        return located("database", self.database)[1]


def located(field: str, database: Any) -> tuple[DatabaseURL, Secret | None]:
    """The URL and the password's secret that the field `database` gives.

    Raises:
        FieldError: it names no database.
    """
    if isinstance(database, str):
        return DatabaseURL.of(field, database), None
    from tasksmithy_sql.config import SQLConfig  # pydantic, only where it is used already

    if not isinstance(database, SQLConfig):
        raise FieldError(field, database, f"{ALLOWED}; or a SQLConfig")
    return DatabaseURL.of(field, database.url), database.password
