"""What all tests share: the cache and the records of the person who runs them are left alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True, scope="session")
def _own_user_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for variable in ("XDG_CACHE_HOME", "XDG_STATE_HOME"):
            folder: Path = tmp_path_factory.mktemp(variable.lower())
            patch.setenv(variable, str(folder))
        yield
