"""References to container images, such as ghcr.io/org/app:1.0@sha256:..."""

from __future__ import annotations

import re

from tasksmithy.checks import non_empty
from tasksmithy.errors import FieldError

# The grammar of github.com/distribution/reference, which OCI registries and clients follow.
_HOST_PART = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_DOMAIN = rf"(?:{_HOST_PART}(?:\.{_HOST_PART})*|\[[0-9A-Fa-f:]+\])(?::[0-9]+)?"
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_ALGORITHM = r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*"
_DIGEST = rf"{_ALGORITHM}:[0-9A-Fa-f]{{32,}}"
_LONGEST_NAME = 255


def image_reference(field: str, value: object) -> str:
    """`value` if it is an image reference: `[registry/]repository[:tag][@digest]`.

    Raises:
        FieldError: it is not one; the error says which part is wrong.
    """
    reference = non_empty(field, value)

    def refused(problem: str) -> FieldError:
        return FieldError(field, value, f"[registry/]repository[:tag][@digest]; {problem}")

    rest, at, digest = reference.partition("@")
    if at and not re.fullmatch(_DIGEST, digest):
        raise refused(f"{digest!r} is no digest such as sha256:<64 hexadecimal digits>")
    # A colon before the last slash is the registry's port.
    slash = rest.rfind("/")
    colon = rest.find(":", slash + 1)
    name, tag = (rest, None) if colon < 0 else (rest[:colon], rest[colon + 1 :])
    if tag is not None and not re.fullmatch(_TAG, tag):
        raise refused(f"the tag {tag!r} is not 1 to 128 letters, digits and _.- (not first)")
    if len(name) > _LONGEST_NAME:
        raise refused(f"registry and repository together have over {_LONGEST_NAME} characters")
    first, *components = name.split("/")
    if components and _is_registry(first):
        if not re.fullmatch(_DOMAIN, first):
            raise refused(f"{first!r} is no registry such as ghcr.io or localhost:5000")
    else:
        components = [first, *components]
    for component in components:
        if not re.fullmatch(_COMPONENT, component):
            raise refused(
                f"the repository part {component!r} is not lower-case letters and digits "
                "with single . _ or - between"
            )
    return reference


def _is_registry(component: str) -> bool:
    # How clients tell "ghcr.io/x" from "library/x": a registry has a dot, a port or capitals.
    return component == "localhost" or any(
        character in ".:" or character.isupper() for character in component
    )
