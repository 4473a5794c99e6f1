"""The fixtures that pytest has where tasksmithy is installed.

pytest imports this module whenever it starts, so it imports what it needs when it is used.
"""

from __future__ import annotations

import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from typing import Any

    from tasksmithy.plugins._registry import Registry


@pytest.fixture
def registry() -> Iterator[Registry]:
    """A registry of what is installed, in use for the test, without settings or policies."""
    from tasksmithy.plugins._registry import Registry
    from tasksmithy.plugins._settings import Settings

    with Registry(settings=Settings()).entered() as entered:
        yield entered


@pytest.fixture
def run_task(tmp_path: Path) -> Callable[..., Any]:
    """Runs a task as `tasksmithy.run` does, with a cache of the test's own.

    `run_task(task, x=1)` gives the result.
    """
    from tasksmithy.runtime._run import with_runcontext

    return with_runcontext(cache_dir=tmp_path / "cache", runs_dir=tmp_path / "runs").run


@pytest.fixture
def fake_distribution(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Path]]:
    """Writes a distribution that is installed for the test, also for processes that it starts.

    `fake_distribution(name, files, entry_points, version="1.0")` gives the folder that it is in:

        fake_distribution(
            "acme-hello",
            {"acme_hello/__init__.py": "from tasksmithy import TaskType ..."},
            {"tasksmithy.task_types.v1": {"hello": "acme_hello:HelloTaskType"}},
        )
    """
    import os
    import sys

    from tasksmithy.testing._distribution import write_distribution

    before, folders = set(sys.modules), []

    def install(
        name: str,
        files: Mapping[str, str],
        entry_points: Mapping[str, Mapping[str, str]],
        *,
        version: str = "1.0",
    ) -> Path:
        folder = tmp_path_factory.mktemp("site")
        write_distribution(folder, name, files, entry_points, version=version)
        folders.append(str(folder))
        monkeypatch.syspath_prepend(folder)
        monkeypatch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)
        return folder

    yield install
    for module in set(sys.modules) - before:
        if str(getattr(sys.modules[module], "__file__", "")).startswith(tuple(folders)):
            del sys.modules[module]
