"""The executor keeps what every executor has to keep."""

from __future__ import annotations

import pytest

from tasksmithy.testing import ExecutorConformance


@pytest.mark.slow  # half a minute of CPU and more
@pytest.mark.usefixtures("own_ray")
class TestRay(ExecutorConformance):
    executor = "ray"
