"""{{ cookiecutter.__class }}Config: what a user says of all functions of an environment."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class {{ cookiecutter.__class }}Config(BaseModel):
    """The `plugin_config` of an environment whose functions are tasks of this type."""

    # Frozen, because tasks share it and are hashed; a misspelt field is an error, not passed over.
    model_config = ConfigDict(frozen=True, extra="forbid")

    workers: int = Field(default=4, ge=1, description="threads of the function, at least 1")
