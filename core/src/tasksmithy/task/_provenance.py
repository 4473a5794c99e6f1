"""Provenance: who provides a plugin."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Provenance:
    """Which distribution provides a plugin, in which version.

    A plugin registered in code has no distribution of its own: `distribution` is then the module
    it is defined in, and `version` is None.
    """

    distribution: str
    version: str | None = None

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}" if self.version else self.distribution
