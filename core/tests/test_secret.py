"""Secrets: names, where they go, and requests for several."""

from pathlib import PurePosixPath
from typing import Any

import pytest

from tasksmithy.errors import FieldError
from tasksmithy.fields._secret import Secret, secrets_of


@pytest.mark.parametrize(
    ("secret", "name"),
    [
        (Secret("api-key"), "API_KEY"),
        (Secret("key", "my-group"), "MY_GROUP_KEY"),
        (Secret("key", as_env_var="OTHER"), "OTHER"),
        (Secret("key", mount="/etc/secrets"), None),
        (Secret("a.b", mount="/etc/secrets"), None),
        (Secret("key", mount="/etc/secrets", as_env_var="_BOTH1"), "_BOTH1"),
    ],
)
def test_a_secret_knows_its_environment_variable(secret: Secret, name: str | None) -> None:
    secret.check()
    assert secret.env_name == name


@pytest.mark.parametrize(
    ("secret", "field"),
    [
        (Secret(""), "key"),
        (Secret(1), "key"),  # type: ignore[arg-type]
        (Secret("key", ""), "group"),
        (Secret("key", mount="relative"), "mount"),
        (Secret("key", mount=""), "mount"),
        (Secret("key", mount=1), "mount"),  # type: ignore[arg-type]
        (Secret("key", as_env_var="lower"), "as_env_var"),
        (Secret("key", as_env_var="1ST"), "as_env_var"),
        (Secret("key", as_env_var="A\n"), "as_env_var"),
        (Secret("key", as_env_var=""), "as_env_var"),
        (Secret("key", as_env_var=1), "as_env_var"),  # type: ignore[arg-type]
        (Secret("1st"), "as_env_var"),
        (Secret("a.b"), "as_env_var"),
    ],
)
def test_a_secret_that_is_not_allowed_is_refused_by_field(secret: Secret, field: str) -> None:
    with pytest.raises(FieldError) as caught:
        secret.check()
    assert caught.value.field == field


def test_a_key_that_makes_no_variable_name_says_so() -> None:
    with pytest.raises(FieldError, match=r"'A\.B' cannot be one"):
        Secret("a.b").check()


def test_a_mount_may_be_a_path() -> None:
    secret = Secret("key", mount=PurePosixPath("/etc/secrets"))
    secret.check()
    assert secret.to_dict() == {"key": "key", "mount": "/etc/secrets"}


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (None, ()),
        ([], ()),
        ("a", (Secret("a"),)),
        (Secret("a", "g"), (Secret("a", "g"),)),
        (["a", Secret("b")], (Secret("a"), Secret("b"))),
        (("a",), (Secret("a"),)),
        (
            [Secret("a", mount="/x"), Secret("b", mount="/x")],
            (Secret("a", mount="/x"), Secret("b", mount="/x")),
        ),
    ],
)
def test_a_request_is_one_or_several(request_: Any, expected: Any) -> None:
    assert secrets_of(request_, "secrets") == expected


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (1, "secrets"),
        (True, "secrets"),
        ({"a"}, "secrets"),
        ({"a": "b"}, "secrets"),
        (b"a", "secrets[0]"),
        (["a", None], "secrets[1]"),
        ("", "secrets.key"),
        (["a", ""], "secrets[1].key"),
        ([Secret("a"), Secret("b", as_env_var="b")], "secrets[1].as_env_var"),
        (["a-b", "a_b"], "secrets[1]"),
    ],
)
def test_a_request_that_is_not_allowed_is_refused_by_place(request_: Any, field: str) -> None:
    with pytest.raises(FieldError) as caught:
        secrets_of(request_, "secrets")
    assert caught.value.field == field


def test_the_dict_has_the_effective_variable() -> None:
    assert Secret("k", "g").to_dict() == {"key": "k", "group": "g", "as_env_var": "G_K"}
