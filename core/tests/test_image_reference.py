"""Image references, by the grammar that registries follow."""

from typing import Any

import pytest

from tasksmithy.errors import FieldError
from tasksmithy.fields._image_reference import image_reference

DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize(
    "reference",
    [
        "alpine",
        "python:3.12-slim",
        "library/python",
        "my_team/app",
        "ghcr.io/x/y:tag",
        "localhost/x",
        "localhost:5000/x:1",
        "registry:5000/a/b/c",
        "REGISTRY.example.com/x",
        "HOST/x",
        "[2001:db8::1]:5000/x",
        "a.b/c",
        "x/a__b",
        "x/a---b_c.d",
        f"alpine@{DIGEST}",
        f"ghcr.io/x/y:tag@{DIGEST}",
        "x:" + "t" * 128,
        "x:_T.-",
        "x" * 255,
    ],
)
def test_a_reference_by_the_grammar_is_allowed(reference: str) -> None:
    assert image_reference("image", reference) == reference


@pytest.mark.parametrize(
    ("reference", "problem"),
    [
        ("Foo", "repository part 'Foo'"),
        ("ghcr.io/Foo/x", "repository part 'Foo'"),
        ("x/a___b", "repository part 'a___b'"),
        ("x/a..b", "repository part 'a..b'"),
        ("x//y", "repository part ''"),
        ("x/", "repository part ''"),
        ("/x", "repository part ''"),
        ("x/-a", "repository part '-a'"),
        ("x y", "repository part 'x y'"),
        ("x\n", "repository part 'x\\n'"),
        ("https://ghcr.io/x", "'https:' is no registry"),
        ("ghcr..io/x", "'ghcr..io' is no registry"),
        ("host:port/x", "'host:port' is no registry"),
        (":tag", "repository part ''"),
        ("x:", "the tag ''"),
        ("x:a:b", "the tag 'a:b'"),
        ("x:-a", "the tag '-a'"),
        ("x:" + "t" * 129, "the tag 'ttt"),
        ("x@", "'' is no digest"),
        ("x@sha256:abc", "'sha256:abc' is no digest"),
        (f"x@{DIGEST}@{DIGEST}", "is no digest"),
        ("x" * 256, "over 255 characters"),
    ],
)
def test_a_reference_outside_the_grammar_is_refused_with_the_part_that_is_wrong(
    reference: str, problem: str
) -> None:
    with pytest.raises(FieldError) as caught:
        image_reference("image", reference)
    assert caught.value.field == "image"
    assert problem in caught.value.allowed


@pytest.mark.parametrize("reference", ["", " ", None, 1])
def test_a_reference_is_a_text(reference: Any) -> None:
    with pytest.raises(FieldError, match="not empty"):
        image_reference("image", reference)
