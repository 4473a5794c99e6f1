"""Runs on the Ray of the tests."""

from __future__ import annotations

from typing import Any

import pytest

from tasksmithy import with_runcontext


@pytest.fixture
def on_ray(own_ray: None) -> Any:
    """Runs tasks on Ray: `on_ray(**options of the run).run(task)`."""
    return lambda **options: with_runcontext(executor="ray", **options)
