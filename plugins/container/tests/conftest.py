"""A container engine for the tests: podman by itself, and a Docker API socket that it serves."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.containers import image_name, podman, unusable
from tests.processes import until

from tasksmithy_container.places import run_folder

ENGINES = ("podman", "docker")
every_engine = pytest.mark.parametrize("engine", ENGINES, indirect=True)
"""For a test that is made with both each time; with Docker the others are slow tests."""


@pytest.fixture(scope="session")
def registry(image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A registry on this machine that has one image; its value is the image's reference."""
    folder = tmp_path_factory.mktemp("registry")
    podman("save", "--quiet", "--format=oci-dir", f"--output={folder}/image", image)
    index = json.loads((folder / "image/index.json").read_text())
    manifest = index["manifests"][0]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name, kind = manifest["digest"], manifest["mediaType"]
            if "/blobs/" in self.path:
                name, kind = self.path.rpartition("/")[2], "application/octet-stream"
            elif "/manifests/" in self.path and "/busybox/" not in self.path:
                self.send_error(404)
                return
            data = b"{}"
            if self.path != "/v2/":
                # An oci-dir of podman's has its blobs beside the index, or in a folder.
                places = (folder / "image/blobs/sha256", folder / "image")
                files = [place / name.removeprefix("sha256:") for place in places]
                data = next(file for file in files if file.exists()).read_bytes()
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Docker-Content-Digest", name)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(data)

        do_HEAD = do_GET  # noqa: N815 - http.server's name

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    host = f"127.0.0.1:{server.server_port}"
    configuration = folder / "registries.conf"
    configuration.write_text(f'[[registry]]\nlocation = "{host}"\ninsecure = true\n')
    os.environ["CONTAINERS_REGISTRIES_CONF"] = str(configuration)
    yield f"{host}/busybox:1"
    del os.environ["CONTAINERS_REGISTRIES_CONF"]
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def docker_socket(
    image: str, registry: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A Docker API socket that podman serves; its value is for DOCKER_HOST."""
    if shutil.which("docker") is None:
        unusable("the docker client is not on PATH")
    folder = tmp_path_factory.mktemp("docker")
    host = f"unix://{folder}/api.sock"
    # A daemon is no child of the tests, and of none of the processes that a test has ended.
    subprocess.run(
        ["setsid", "--fork", "podman", "system", "service", "--time=0", host],
        stderr=subprocess.DEVNULL,
        cwd=folder,  # for the files that say that a container was out of memory
        check=True,
    )
    patience = time.monotonic() + 120
    while subprocess.run(["docker", "--host", host, "info"], capture_output=True).returncode:
        assert time.monotonic() < patience, "podman serves no Docker API"
        time.sleep(0.1)
    yield host
    subprocess.run(["pkill", "--full", "--", f"service --time=0 {host}"], check=True)


@pytest.fixture(params=["podman", pytest.param("docker", marks=pytest.mark.slow)])
def engine(
    request: pytest.FixtureRequest,
    beside_others: None,
    image: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """Each engine in turn. Afterwards nothing is left of any container."""
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.delenv("DOCKER_CONTEXT", raising=False)
    if request.param == "podman":
        monkeypatch.setenv("TASKSMITHY_CONTAINER_ENGINE", "podman")
    else:
        monkeypatch.delenv("TASKSMITHY_CONTAINER_ENGINE", raising=False)
        monkeypatch.setenv("DOCKER_HOST", request.getfixturevalue("docker_socket"))
    # Whoever asks what is left afterwards excuses a busy machine.
    monkeypatch.setattr("tasksmithy_container.leftovers._OWN_SECONDS", 300)
    scratch = tmp_path_factory.mktemp("scratch")
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    monkeypatch.setenv("TMPDIR", str(scratch))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
    yield request.param
    assert leftovers() == set()


WAITS = "touch /var/outputs/ready; while [ ! -e /var/outputs/go ]; do sleep 0.05; done; "
"""What a script begins with that waits for `meanwhile`."""


@contextmanager
def meanwhile(*actions: Callable[[Path], Any], state: Path | None = None) -> Iterator[None]:
    """Do something to the outputs of each container in turn that waits, and let it go on."""
    containers = state or Path(os.environ["XDG_STATE_HOME"], "tasksmithy/containers")
    seen = set[Path]()

    def waiting() -> set[Path]:
        return {ready.parent for ready in containers.glob("*/outputs/ready")} - seen

    def act() -> None:
        for action in actions:
            outputs = until(waiting).pop()
            seen.add(outputs)
            action(outputs)
            (outputs / "go").touch()

    with ThreadPoolExecutor(1) as threads:
        done = threads.submit(act)
        yield
        done.result()


@pytest.fixture
def left() -> Callable[[], set[str]]:
    """What is left of containers at the moment."""
    return leftovers


def leftovers() -> set[str]:
    """Containers, volumes, processes and directories of container tasks that stay.

    The engine's own processes for a container end a moment after it, so what counts is what is
    there all the time.
    """
    patience = time.monotonic() + 120
    found = _found()
    while found and time.monotonic() < patience:
        time.sleep(0.05)
        found &= _found()
    return found


@functools.cache
def _image_id() -> str:
    return podman("image", "inspect", "--format={{.Id}}", image_name())


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:  # it has been removed meanwhile
        return b""


def _found() -> set[str]:
    listing = "{{.Names}} {{.ImageID}}"
    names = podman("ps", "--all", f"--format={listing}", "--filter=name=tasksmithy-")
    containers = dict(line.split() for line in names.splitlines())
    own = _image_id()
    # Other tests have containers at the same time, each session of an image of its own.
    others = {name for name, image in containers.items() if not own.startswith(image)}
    state = f"{os.environ['XDG_STATE_HOME']}/".encode()
    others |= {lock.stem for lock in run_folder().glob("*.lock") if state not in _content(lock)}
    volumes = podman("volume", "ls", "--quiet").split()
    processes = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        command = _content(file).replace(b"\0", b" ").decode(errors="replace")
        is_engine = f"--cidfile={os.environ['XDG_STATE_HOME']}/" in command
        if is_engine or ("conmon" in command and "tasksmithy-" in command):
            processes.append(command)
    state = os.environ["XDG_STATE_HOME"]
    folders = [*Path(state).glob("tasksmithy/containers/*")]
    for file in run_folder().glob("tasksmithy-*.lock"):
        try:
            is_own = state in file.read_text()
        except FileNotFoundError:  # it is removed meanwhile
            continue
        if is_own:
            folders += run_folder().glob(f"{file.stem}*")
    found = {*containers, *volumes, *processes, *map(str, folders)}
    return {thing for thing in found if not any(name in thing for name in others)}
