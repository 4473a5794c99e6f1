"""Images: references, and descriptions of what to build."""

import sys

import pytest

from tasksmithy.errors import FieldError
from tasksmithy.fields._image import AptPackages, EnvVars, Image, PipPackages
from tasksmithy.fields._image_reference import image_reference

DIGEST = "sha256:" + "0123456789abcdef" * 4


def test_a_reference_is_an_image() -> None:
    image = Image.of("ghcr.io/x/y:tag", "image")
    assert image == Image.from_base("ghcr.io/x/y:tag")
    assert Image.of(image, "image") is image
    assert image.uri == "ghcr.io/x/y:tag"


def test_an_image_that_is_not_allowed_is_refused_by_field() -> None:
    with pytest.raises(FieldError) as caught:
        Image.of(Image(base="X Y"), "image")
    assert caught.value.field == "image.base"
    with pytest.raises(FieldError) as caught:
        Image.of("X Y", "image")
    assert caught.value.field == "image"


@pytest.mark.parametrize(
    ("image", "field"),
    [
        (Image(base="x", name="Y"), "name"),
        (Image(base="x", name="y:tag"), "name"),
        (Image(base="x", name=f"y@{DIGEST}"), "name"),
        (Image(base="x", python_version="3.12"), "python_version"),  # type: ignore[arg-type]
        (Image(base="x", python_version=(3, "12")), "python_version"),  # type: ignore[arg-type]
        (Image(base="x", python_version=(3, -1)), "python_version"),
        (Image(base="x", python_version=(3,)), "python_version"),  # type: ignore[arg-type]
        (Image.from_debian_base("3 12"), "python_version"),  # type: ignore[arg-type]
        (Image(base="x").with_pip_packages("a", ""), "layers[0].packages"),
        (Image(base="x").with_apt_packages(["curl"]), "layers[0].packages"),  # type: ignore[arg-type]
        (Image.from_base("x").with_pip_packages(), "layers[0].packages"),
        (Image(base="x", layers=(EnvVars((("A=", ""),)),)), "layers[0].variables"),
        (Image(base="x", layers=(EnvVars(("AB",)),)), "layers[0].variables"),  # type: ignore[arg-type]
        (Image(base="x", layers=("curl",)), "layers[0]"),  # type: ignore[arg-type]
        (Image(base="x", layers=[]), "layers"),  # type: ignore[arg-type]
    ],
)
def test_a_description_that_is_not_allowed_is_refused_by_field(image: Image, field: str) -> None:
    with pytest.raises(FieldError) as caught:
        image.check()
    assert caught.value.field == field


def test_environment_variables_that_are_not_allowed_are_refused_at_once() -> None:
    with pytest.raises(FieldError) as caught:
        Image.from_base("x").with_env_vars({"A": 1})  # type: ignore[dict-item]
    assert caught.value.field == "env_vars['A']"


def test_a_name_may_have_a_registry_with_a_port() -> None:
    image = Image(base="x", name="localhost:5000/y")
    image.check()
    assert image.to_dict()["name"] == "localhost:5000/y"


def test_a_debian_image_has_the_python_that_runs_here_or_the_one_asked_for() -> None:
    here = Image.from_debian_base()
    here.check()
    assert here.python_version == sys.version_info[:2]
    assert Image.from_debian_base((3, 11)).base == "python:3.11-slim-bookworm"


def test_layers_are_added_in_order_and_the_image_before_stays_as_it_is() -> None:
    base = Image.from_base("debian", name="ghcr.io/x/y")
    image = base.with_apt_packages("curl").with_pip_packages("a>=1", "b").with_env_vars({"A": "1"})
    image.check()
    assert base.layers == ()
    assert image.layers == (
        AptPackages(("curl",)),
        PipPackages(("a>=1", "b")),
        EnvVars((("A", "1"),)),
    )
    assert image.to_dict() == {
        "base": "debian",
        "name": "ghcr.io/x/y",
        "layers": [
            {"apt_packages": ["curl"]},
            {"pip_packages": ["a>=1", "b"]},
            {"env_vars": {"A": "1"}},
        ],
    }


def test_a_python_version_is_a_dotted_text_in_the_dict() -> None:
    assert Image(base="x", python_version=(3, 12)).to_dict() == {
        "base": "x",
        "python_version": "3.12",
    }


def test_what_is_built_has_a_reference_of_its_own() -> None:
    image = Image.from_base("debian", name="ghcr.io/x/y").with_pip_packages("a")
    assert image_reference("uri", image.uri).startswith("ghcr.io/x/y:")
    assert image.uri == Image.from_base("debian", name="ghcr.io/x/y").with_pip_packages("a").uri
    assert image.uri != image.with_pip_packages("b").uri
    assert Image.from_base("debian").with_pip_packages("a").uri.startswith("tasksmithy:")
