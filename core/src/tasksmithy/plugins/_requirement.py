"""Whether a distribution requires another version of tasksmithy than this one."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any, Final

from tasksmithy import __version__
from tasksmithy.plugins._discovery import normalised

_NAME: Final = re.compile(r"[A-Za-z0-9._-]+")
_BOUND: Final = re.compile(r"(>=|<=|==|!=|>|<)\s*([0-9]+(?:\.[0-9]+)*)\s*(?:,|$)")
_HOLDS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}


def unmet(distribution: str, version: str = __version__) -> str:
    """The requirement of a distribution on tasksmithy that `version` does not meet.

    Args:
        distribution: its name.
        version: a version of tasksmithy.

    Returns:
        The requirement, as in `tasksmithy>=0.2`; empty where it is met, where there is none, and
        where it is written in a form that is not read here.
    """
    from importlib import metadata  # only on the way to an error

    try:
        requirements = metadata.requires(distribution) or []
    except metadata.PackageNotFoundError:
        return ""
    for requirement in requirements:
        asked, _, marker = requirement.partition(";")
        name = _NAME.match(asked)
        if name is None or marker or normalised(name.group()) != "tasksmithy":
            continue
        for sign, bound in _BOUND.findall(asked[name.end() :].strip(" ()")):
            if not _HOLDS[sign](_release(version), _release(bound)):
                return asked.strip()
    return ""


def _release(version: str) -> tuple[int, ...]:
    """The numbers of a version, without zeros at the end: 1.0 is 1."""
    numbers = re.match(r"[0-9]+(?:\.[0-9]+)*", version)
    parts = [int(part) for part in numbers.group().split(".")] if numbers else []
    while parts and not parts[-1]:
        parts.pop()
    return tuple(parts)
