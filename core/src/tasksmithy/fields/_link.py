"""A link from a task to somewhere else: its logs, its dashboard."""

from __future__ import annotations

from dataclasses import dataclass

from tasksmithy.checks import matching, non_empty, text
from tasksmithy.errors import FieldError

# "{{...}}" stands for what the cluster fills in, also for the whole beginning.
_URI = r"(?:https?://|file://|\{\{[^{}]+\}\})(?:[^\s{}]|\{\{[^{}]+\}\})*"


@dataclass(frozen=True, slots=True)
class Link:
    """A named link that a task's page shows.

    Attributes:
        name: the text of the link.
        uri: an http, https or file URI; `{{...}}` in it is filled in by the cluster.
        icon_uri: the URI of an icon for it; empty: none.
    """

    name: str
    uri: str
    icon_uri: str = ""

    def check(self) -> None:
        """Raise `FieldError` for the first field that is not allowed."""
        non_empty("name", self.name)
        allowed = "an http, https or file URI, or a template with {{...}} in it"
        if matching("uri", self.uri, _URI, allowed).endswith("://"):
            raise FieldError("uri", self.uri, allowed)
        text("icon_uri", self.icon_uri)

    def to_dict(self) -> dict[str, object]:
        """The fields that are set, JSON-able."""
        icon = {"icon_uri": self.icon_uri} if self.icon_uri else {}
        return {"name": self.name, "uri": self.uri, **icon}
