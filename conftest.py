"""What all tests share: they leave the person's cache and records alone, and heed signals."""

import gc
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

# A test starts many processes, each of which would compile all of tasksmithy again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

pytest_plugins = ["tests.containers"]

# How long an example takes says how busy the machine is.
hypothesis.settings.register_profile("tests", hypothesis.settings.default, deadline=None)
hypothesis.settings.load_profile("tests")


def pytest_collection_finish() -> None:
    """Thousands of tests stay to the end: the garbage collector need not look at them each time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def _own_user_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for variable in ("XDG_CACHE_HOME", "XDG_STATE_HOME"):
            folder: Path = tmp_path_factory.mktemp(variable.lower())
            patch.setenv(variable, str(folder))
        yield


@pytest.fixture(autouse=True, scope="session")
def _heeded_signals() -> None:
    """What tests start heeds Ctrl-C and its kin, also where the tests are started without.

    A shell has what it starts in the background ignore SIGINT, and nohup has it ignore SIGHUP; what
    that starts in turn ignores them, too.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            handler = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
            signal.signal(number, handler)


@pytest.fixture(autouse=True)
def _secrets_of_each_test() -> Iterator[None]:
    """A secret is masked until its process ends, but here only until its test does.

    So are the stores in which it would be looked for: a test may leave a run that has not ended.
    """
    yield
    if (exits := sys.modules.get("tasksmithy.runtime.secrets._exits")) is not None:
        exits.handed_out.__init__()
        exits.stores.clear()


@pytest.fixture(scope="session")
def sessions() -> Iterator[str]:
    """A folder for Ray's sessions, whose sockets need a short path."""
    pytest.importorskip("ray", reason="Ray is not installed: it has no wheel for this Python yet")
    with tempfile.TemporaryDirectory(
        prefix="ray-", dir="/tmp", ignore_cleanup_errors=True
    ) as folder:
        yield folder


@pytest.fixture(scope="module")
def own_ray(sessions: str) -> Iterator[None]:
    """A Ray of 2 CPUs that the program, here the tests, has started itself; for a whole file."""
    import ray

    from tasksmithy_ray.cluster import UNTHROTTLED

    ray.init(
        address="local",
        num_cpus=2,
        object_store_memory=80_000_000,
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
