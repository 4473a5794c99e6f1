"""What SQL tasks share: which database, with which secret, and in a transaction or not."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from tasksmithy import Converted, Secret, SecretRequest, TaskTemplate, checks, task_field
from tasksmithy.errors import FieldError
from tasksmithy_sql.url import ALLOWED, DatabaseURL

if TYPE_CHECKING:
    from tasksmithy_sql.config import SQLConfig


def _database(name: str, value: Any) -> Any:
    located(name, value)
    return value


def _with_password(task: DatabaseTask) -> tuple[Secret, ...]:
    password = task.password
    # One that a task has already may say its usual place, or leave that out.
    known = [secret.to_dict() for secret in task.secrets]
    if password is None or password.to_dict() in known:
        return task.secrets
    return (*task.secrets, password)


class DatabaseTask(TaskTemplate[..., Coroutine[Any, Any, Any]], task_type="sql"):
    """A task that a database performs."""

    database: str | SQLConfig = task_field(
        default="duckdb://",
        check=_database,
        doc="`duckdb://` for a database in memory that lives as long as the task, the URL of "
        "another database, or a `SQLConfig` with a URL and the secret that is its password.",
    )
    transaction: bool = task_field(
        default=True, check=checks.boolean, doc="whether the task is one transaction."
    )
    # The platform hands out what `secrets` names, and nothing else.
    secrets: Converted[SecretRequest | None, tuple[Secret, ...]] = task_field(
        default=None, derived=_with_password
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.is_cached and self.url.location is None:
            allowed = "no cache where the URL names no host: what it means is the driver's to know"
            raise FieldError("cache", self.cache, allowed)

    @property
    def is_cached(self) -> bool:
        """Whether results are kept."""
        task: TaskTemplate[..., Any] = self  # as whose field mypy knows what is stored
        return task.cache.enabled

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
