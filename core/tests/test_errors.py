"""The errors of tasksmithy, as a program that catches them has them."""

from __future__ import annotations

import tasksmithy
from tasksmithy import TasksmithyError, errors


def test_every_error_is_a_public_name() -> None:
    named = {
        name
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, TasksmithyError)
    }
    assert named - set(tasksmithy.__all__) == set()
