"""How a check ends: with a failure that says what to do, or with a warning while it is new."""

from __future__ import annotations

import difflib
import functools
import warnings
from collections.abc import Callable
from typing import Concatenate, NoReturn, ParamSpec, TypeVar

import pytest

import tasksmithy

P = ParamSpec("P")
S = TypeVar("S")

TO_DO = "To do: "
"""How the last paragraph of every failure begins."""


class ConformanceWarning(UserWarning):
    """A check that is new in this release does not pass; from the next minor release on it fails.

    `filterwarnings = ["error"]` in the configuration of pytest makes it fail at once.
    """


def fail(problem: str, advice: str) -> NoReturn:
    """End a check as failed.

    Args:
        problem: what was found, where, and what is allowed.
        advice: what to do about it.
    """
    # From None: what a check has caught on the way is in its own words what it found.
    raise pytest.fail.Exception(f"{problem}\n\n{TO_DO}{advice}", pytrace=False) from None


def correct_hook(hook: str) -> str:
    """What to do about a hook that raises, or gives what it must not."""
    return f"correct hook {hook!r}; help(tasksmithy.TaskTemplateSpec) shows an example"


def since(
    release: str,
) -> Callable[[Callable[Concatenate[S, P], None]], Callable[Concatenate[S, P], None]]:
    """Marks a check that came with a release: until the next minor release it only warns.

    Args:
        release: the minor release of tasksmithy that brings the check, as in `"0.2"`.
    """

    def mark(check: Callable[Concatenate[S, P], None]) -> Callable[Concatenate[S, P], None]:
        @functools.wraps(check)
        def warning(self: S, /, *args: P.args, **kwargs: P.kwargs) -> None:
            try:
                check(self, *args, **kwargs)
            except pytest.fail.Exception as failure:
                if _minor(tasksmithy.__version__) > _minor(release):
                    raise
                warnings.warn(
                    f"{check.__name__} is new and will fail from the next minor release of "
                    f"tasksmithy on: {failure}",
                    ConformanceWarning,
                    stacklevel=2,
                )

        return warning

    return mark


def difference(first: str, second: str) -> str:
    """The lines in which two texts differ: `-` those of the first, `+` those of the second."""
    lines = difflib.unified_diff(first.splitlines(), second.splitlines(), lineterm="", n=0)
    return "\n".join(line for line in list(lines)[2:] if not line.startswith("@@"))


def _minor(version: str) -> tuple[int, ...]:
    major, minor = version.split(".")[:2]
    return int(major), int(minor)
