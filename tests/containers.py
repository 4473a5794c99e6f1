"""What all tests that start containers share: podman, a small image, and turns at the engine.

Where there is no podman, these tests are skipped; where CI is set they fail instead.
"""

from __future__ import annotations

import fcntl
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import pytest

_LOCKS = Path(tempfile.gettempdir())  # tests have a temporary folder of their own, later


def unusable(reason: str) -> NoReturn:
    """Skip or fail a test for which something is not there."""
    message = f"{reason}; .ci/podman installs what these tests need"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


def podman(*arguments: str, **options: Any) -> str:
    """What podman prints, which must succeed."""
    done = subprocess.run(["podman", *arguments], capture_output=True, check=False, **options)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip()


def image_name() -> str:
    """The image's name, also in the processes that tests start; tests beside these have another."""
    return os.environ.setdefault(
        "TASKSMITHY_TEST_IMAGE", f"localhost/tasksmithy-test-busybox-{os.getpid()}:1"
    )


@pytest.fixture(scope="session")
def image() -> Iterator[str]:
    """An image with busybox, made from the program on this machine."""
    busybox = shutil.which("busybox")
    if busybox is None or shutil.which("podman") is None:
        unusable("podman or busybox is not on PATH")
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.add(busybox, "bin/busybox")
        applets = subprocess.run([busybox, "--list"], capture_output=True, check=True, text=True)
        for applet in set(applets.stdout.split()) - {"busybox"}:
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    name = image_name()
    podman("import", "--quiet", "-", name, input=archive.getvalue())
    works = subprocess.run(["podman", "run", "--rm", name, "true"], capture_output=True)
    if works.returncode:
        unusable(f"podman cannot run a container: {works.stderr.decode()}")
    yield name
    podman("rmi", "--force", name)


@contextmanager
def _locked(name: str, how: int) -> Iterator[None]:
    """Hold a lock that all tests on this machine know, of whichever checkout."""
    lock = _LOCKS / f"tasksmithy-test-{name}-{os.getuid()}"
    with lock.open("w") as held:
        fcntl.flock(held, how)
        yield


@pytest.fixture
def beside_others(request: pytest.FixtureRequest) -> Iterator[None]:
    """Tests that use `alone` run while no other process tests containers.

    Every container task removes what killed processes have left, also those of another test.
    """
    how = fcntl.LOCK_EX if "alone" in request.fixturenames else fcntl.LOCK_SH
    with _locked("containers", how):
        yield


@pytest.fixture
def alone() -> None:
    """For a test of what the next container task, and nobody else, finds."""


@pytest.fixture
def shown_image(image: str, beside_others: None) -> Iterator[None]:
    """The image that pages and projects name, which is the tests' own where it is not here.

    The name is the same for all tests, so one at a time has it.
    """
    shown = "docker.io/library/busybox:1"
    with _locked("shown-image", fcntl.LOCK_EX):
        is_here = subprocess.run(["podman", "image", "exists", shown], check=False).returncode == 0
        if not is_here:
            podman("tag", image, shown)
        yield
        if not is_here:
            podman("untag", image, shown)
