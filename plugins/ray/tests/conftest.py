"""A small Ray of the tests' own, and runs on it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from typing import Any

import pytest

from tasksmithy import with_runcontext

SMALL = {"num_cpus": 2, "object_store_memory": 80_000_000}


@pytest.fixture(scope="session")
def sessions() -> Iterator[str]:
    """A folder for Ray's sessions, whose sockets need a short path."""
    pytest.importorskip("ray", reason="Ray is not installed: it has no wheel for this Python yet")
    folder = tempfile.mkdtemp(prefix="ray-", dir="/tmp")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def own_ray(sessions: str) -> Iterator[None]:
    """A Ray of 2 CPUs that the program, here the tests, has started itself."""
    import ray

    from tasksmithy_ray.cluster import UNTHROTTLED

    ray.init(
        address="local",
        **SMALL,
        _system_config=UNTHROTTLED,
        include_dashboard=False,
        log_to_driver=False,
        configure_logging=False,
        logging_level="ERROR",
        _temp_dir=sessions,
        _node_ip_address="127.0.0.1",
    )
    yield
    ray.shutdown()


@pytest.fixture
def on_ray(own_ray: None) -> Any:
    """Runs tasks on Ray: `on_ray(**options of the run).run(task)`."""
    return lambda **options: with_runcontext(executor="ray", **options)
