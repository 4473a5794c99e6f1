"""SQLConfig: which database, and the secret that opens it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from tasksmithy import Secret
from tasksmithy.errors import FieldError
from tasksmithy_sql.url import DatabaseURL


class SQLConfig(BaseModel):
    """Where a SQL task's database is.

    Attributes:
        url: the database, without a password: `postgresql://app@db.example.com/flights`.
        password: the secret that is the password, or None. Only its name is part of the task; its
            value is read when a connection is made, and is in no spec, log, error or cache key.
    """

    # An error of pydantic would show the input, and with it a password in the URL.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: str = "duckdb://"
    password: Secret | None = Field(default=None)

    @field_validator("url")
    @classmethod
    def _names_a_database(cls, url: str) -> str:
        return DatabaseURL.of("url", url).text

    @model_validator(mode="after")
    def _has_use_for_a_password(self) -> SQLConfig:
        if self.password is not None and DatabaseURL.of("url", self.url).is_file:
            raise FieldError("password", self.password, f"no password: {self.url} takes none")
        return self
