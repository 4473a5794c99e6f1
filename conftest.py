"""What all tests share: they leave the person's cache and records alone, and heed signals."""

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

# How long an example takes says how busy the machine is.
hypothesis.settings.register_profile("tests", hypothesis.settings.default, deadline=None)
hypothesis.settings.load_profile("tests")


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
