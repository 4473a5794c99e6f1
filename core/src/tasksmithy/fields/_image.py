"""The container image a task runs in: a reference, or the description of one to build."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tasksmithy import checks
from tasksmithy.errors import FieldError
from tasksmithy.fields._image_reference import image_reference

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

DEFAULT_NAME = "tasksmithy"


@dataclass(frozen=True, slots=True)
class PipPackages:
    """A layer of Python packages, as pip's requirement specifiers."""

    packages: tuple[str, ...]

    def check(self) -> None:
        """Raise `FieldError` for the first field that is not allowed."""
        _check_packages(self.packages)

    def to_dict(self) -> dict[str, object]:
        """The layer, JSON-able."""
        return {"pip_packages": list(self.packages)}


@dataclass(frozen=True, slots=True)
class AptPackages:
    """A layer of Debian packages, by name."""

    packages: tuple[str, ...]

    def check(self) -> None:
        """Raise `FieldError` for the first field that is not allowed."""
        _check_packages(self.packages)

    def to_dict(self) -> dict[str, object]:
        """The layer, JSON-able."""
        return {"apt_packages": list(self.packages)}


@dataclass(frozen=True, slots=True)
class EnvVars:
    """A layer of environment variables, as (name, value) pairs."""

    variables: tuple[tuple[str, str], ...]

    def check(self) -> None:
        """Raise `FieldError` for the first field that is not allowed."""
        if not _are_pairs(self.variables):
            raise FieldError("variables", self.variables, "a tuple of (name, value) pairs")
        checks.env_vars("variables", dict(self.variables))

    def to_dict(self) -> dict[str, object]:
        """The layer, JSON-able."""
        return {"env_vars": dict(self.variables)}


Layer = PipPackages | AptPackages | EnvVars


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A container image: a base, and the layers to put on it.

    It is a description and builds nothing: the cluster or a build tool does. `with_...` gives
    another image and leaves this one as it is.

    Attributes:
        base: reference of the image it starts from.
        name: `[registry/]repository` of what is built where there are layers; None: "tasksmithy".
        python_version: (major, minor) of the Python in it, where that is known.
        layers: what is added to `base`, in order.
    """

    base: str
    name: str | None = None
    python_version: tuple[int, int] | None = None
    layers: tuple[Layer, ...] = ()

    @classmethod
    def of(cls, value: str | Image, field: str) -> Image:
        """An image from its shorthand, the reference of one that is there.

        Raises:
            FieldError: for `field`, or `field.<inner>` where `value` is an image.
        """
        if isinstance(value, Image):
            return checks.checked(field, value)
        return cls(base=image_reference(field, value))

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Image:
        """The image that `to_dict` describes."""
        version = fields.get("python_version")
        major, minor = (0, 0) if version is None else map(int, version.split("."))
        return cls(
            base=fields["base"],
            name=fields.get("name"),
            python_version=None if version is None else (major, minor),
            layers=tuple(map(_layer, fields.get("layers", ()))),
        )

    @classmethod
    def from_base(cls, base: str, *, name: str | None = None) -> Image:
        """The image that `base` refers to."""
        return cls(base=base, name=name)

    @classmethod
    def from_debian_base(
        cls, python_version: tuple[int, int] | None = None, *, name: str | None = None
    ) -> Image:
        """Debian with a Python, by default one of the version that runs here."""
        version = sys.version_info[:2] if python_version is None else python_version
        base = f"python:{_dotted(version)}-slim-bookworm"
        return cls(base=base, name=name, python_version=version)

    def with_pip_packages(self, *packages: str) -> Image:
        """This image with Python packages installed."""
        return replace(self, layers=(*self.layers, PipPackages(packages)))

    def with_apt_packages(self, *packages: str) -> Image:
        """This image with Debian packages installed."""
        return replace(self, layers=(*self.layers, AptPackages(packages)))

    def with_env_vars(self, env_vars: Mapping[str, str]) -> Image:
        """This image with environment variables set.

        Raises:
            FieldError: `env_vars` is no mapping of names to strings.
        """
        variables = checks.env_vars("env_vars", env_vars)
        return replace(self, layers=(*self.layers, EnvVars(tuple(variables.items()))))

    def check(self) -> None:
        """Raise `FieldError` for the first field that is not allowed."""
        if self.python_version is not None:  # first: the base may have been derived from it
            _check_version("python_version", self.python_version)
        image_reference("base", self.base)
        if self.name is not None and re.search("@|:[^/]*$", image_reference("name", self.name)):
            raise FieldError("name", self.name, "[registry/]repository without tag and digest")
        if not isinstance(self.layers, tuple):
            raise FieldError("layers", self.layers, "a tuple of layers, by with_pip_packages(...)")
        for index, layer in enumerate(self.layers):
            _check_layer(f"layers[{index}]", layer)

    @property
    def uri(self) -> str:
        """The reference to run: `base`, or where there are layers `name` with a tag of their own.

        The tag is the hash of the description: the same on every machine, another for another
        description.
        """
        if not self.layers:
            return self.base
        import hashlib
        import json

        described = json.dumps(self.to_dict(), sort_keys=True).encode()
        return f"{self.name or DEFAULT_NAME}:{hashlib.sha256(described).hexdigest()[:16]}"

    def to_dict(self) -> dict[str, object]:
        """The fields that are set, JSON-able."""
        fields: dict[str, object] = {
            "base": self.base,
            "name": self.name,
            "python_version": self.python_version and _dotted(self.python_version),
            "layers": [layer.to_dict() for layer in self.layers],
        }
        return {name: value for name, value in fields.items() if value}


def _layer(fields: Mapping[str, Any]) -> Layer:
    [(kind, content)] = fields.items()
    if kind == "env_vars":
        return EnvVars(tuple(content.items()))
    layers: Mapping[str, Callable[[tuple[str, ...]], Layer]] = {
        "pip_packages": PipPackages,
        "apt_packages": AptPackages,
    }
    return layers[kind](tuple(content))


def _check_layer(field: str, value: object) -> None:
    if not isinstance(value, PipPackages | AptPackages | EnvVars):
        raise FieldError(field, value, "PipPackages, AptPackages or EnvVars")
    checks.checked(field, value)


def _are_pairs(value: object) -> bool:
    return isinstance(value, tuple) and all(
        isinstance(pair, tuple) and len(pair) == 2 for pair in value
    )


def _check_packages(packages: object) -> None:
    if not isinstance(packages, tuple) or not packages:
        raise FieldError("packages", packages, "the names of one package or more")
    for package in packages:
        checks.non_empty("packages", package)


def _dotted(version: object) -> str:
    return ".".join(map(str, version)) if isinstance(version, tuple) else str(version)


def _check_version(field: str, value: object) -> None:
    if not isinstance(value, tuple) or len(value) != 2:
        raise FieldError(field, value, "a tuple (major, minor) such as (3, 12)")
    for part in value:
        checks.integer(field, part, 0)
