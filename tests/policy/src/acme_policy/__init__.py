"""AcmePolicy: a label on every task, and no image but those of the company's registry.

It works on task types that it has never heard of: it wraps the hooks, which all types share.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from tasksmithy import PolicyVetoError, TaskSpec, hookimpl

REGISTRY = "registry.acme.example/"


class AcmePolicy:
    """The policy."""

    @hookimpl(wrapper=True)
    def custom_config(self) -> Generator[None, dict[str, Any], dict[str, Any]]:
        """Add the label."""
        answer = yield
        return {**answer, "labels": {**answer.get("labels", {}), "company": "acme"}}

    @hookimpl(wrapper=True)
    def serialize(self) -> Generator[None, TaskSpec, TaskSpec]:
        """Refuse an image of another registry."""
        spec = yield
        if spec.image != "auto" and not spec.image.startswith(REGISTRY):
            raise PolicyVetoError(
                f"task {spec.name!r} has the image {spec.image!r}, and only images of {REGISTRY} "
                "may run at acme"
            )
        return spec
