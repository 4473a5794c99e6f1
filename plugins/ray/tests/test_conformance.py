"""The executor keeps what every executor has to keep."""

from __future__ import annotations

import pytest

from tasksmithy.testing import ExecutorConformance


@pytest.mark.slow  # half a minute of CPU and more
@pytest.mark.usefixtures("own_ray")
class TestRay(ExecutorConformance):
    executor = "ray"

    @pytest.mark.skip(
        reason="Ray starts a process for each of 25 tasks that wait at once, which takes longer "
        "than the kit waits; test_ray.py has it three deep"
    )
    def test_tasks_that_wait_hold_no_place(self) -> None: ...
