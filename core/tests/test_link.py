"""Links of a task."""

from typing import Any

import pytest

from tasksmithy.errors import FieldError
from tasksmithy.fields._link import Link


@pytest.mark.parametrize(
    "uri",
    [
        "https://example.com/logs?q=1#x",
        "http://localhost:8080",
        "file:///var/log/task.log",
        "https://example.com/{{run_name}}/{{ action }}",
        "{{base}}/logs",
    ],
)
def test_a_link_is_a_uri_or_a_template_of_one(uri: str) -> None:
    link = Link("Logs", uri)
    link.check()
    assert link.to_dict() == {"name": "Logs", "uri": uri}


@pytest.mark.parametrize(
    "uri",
    [
        *["", None, "logs", "/logs", "ftp://x", "javascript:alert(1)", "https://", "http:/x"],
        *["x{{y}}", "https://x/{{y", "https://x/y}}", "https://x/{y}", "{{}}"],
        *["https://a b", "https://x\n"],
    ],
)
def test_another_uri_is_refused(uri: Any) -> None:
    with pytest.raises(FieldError) as caught:
        Link("Logs", uri).check()
    assert caught.value.field == "uri"


@pytest.mark.parametrize("name", ["", " ", None])
def test_a_link_has_a_name(name: Any) -> None:
    with pytest.raises(FieldError) as caught:
        Link(name, "https://x").check()
    assert caught.value.field == "name"
