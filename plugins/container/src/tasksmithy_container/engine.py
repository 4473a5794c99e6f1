"""The container engine: which one is used, and what it is asked to do.

It is spoken to by its command line. Measured on one machine (podman 4.3, 2 cores, medians), a
container that does nothing takes

    one container   eight at once
       396 ms          1370 ms      `podman run --rm` by asyncio, no daemon
       421 ms          1370 ms      `docker run` and `docker rm`, against a Docker API socket
       769 ms          1570 ms      the same API with aiodocker: create, attach, start, wait, delete

and the event loop was late by at most 22, 62 and 59 ms while the eight ran. The command line is
the faster road, needs no package, and with podman no daemon.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tasksmithy_container.errors import EngineError, NoEngineError
from tasksmithy_container.process import Ended, completed

STOP_SECONDS = 5
"""How long a container may take to stop before it is killed."""

_CHOICE = "TASKSMITHY_CONTAINER_ENGINE"
_DOCKER = ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG")
_HOW_TO_INSTALL = (
    "Install one, for example podman by 'apt-get install podman' or 'dnf install podman' (it needs "
    "no daemon), or docker as docs.docker.com/engine/install says"
)


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine that can be used.

    Attributes:
        program: its command line client.
        kind: whose command line that is.
        environment: the variables that say where its daemon is.
        rootless: whether root in a container is the user who started it.
    """

    program: str
    kind: Literal["docker", "podman"]
    environment: tuple[tuple[str, str], ...] = ()
    rootless: bool = False

    def to_json(self) -> str:
        """The engine as text from which `from_json` makes it again."""
        return json.dumps([self.program, self.kind, self.environment, self.rootless])

    @classmethod
    def from_json(cls, text: str) -> Engine:
        """The engine that `to_json` has written."""
        program, kind, environment, rootless = json.loads(text)
        return cls(program, kind, tuple((name, value) for name, value in environment), rootless)

    @property
    def removes_by_itself(self) -> bool:
        """Whether `run --rm` is used.

        docker asks its daemon for the exit code only after the container ended; a daemon that has
        removed it by then, such as podman's service, answers 0 for any.
        """
        return self.kind == "podman"

    async def call(self, *arguments: str) -> Ended:
        """Run the client."""
        return await completed([self.program, *arguments], env=dict(self.environment))

    async def has_image(self, image: str) -> bool:
        """Whether the image is on this machine."""
        return (await self.call("image", "inspect", "--format={{.Id}}", image)).code == 0

    async def was_started(self, name: str, ended: Ended) -> bool:
        """Whether a container that ended with an error had been started before."""
        if self.removes_by_itself:
            # The engine's own codes, which a container may have too, and the engine's own words.
            last = ended.stderr[-1] if ended.stderr else ""
            return ended.code not in (125, 126, 127) or not last.startswith("Error: ")
        state = await self.call("inspect", "--format={{.State.Status}}", name)
        return state.code == 0 and state.stdout != ["created"]

    async def stop(self, name: str) -> None:
        """Stop a container, and kill it where it does not stop in time."""
        await self.call("stop", f"--time={STOP_SECONDS}", name)

    async def remove(self, name: str) -> None:
        """Remove a container and its volumes, whether it is there, runs, or not.

        Raises:
            EngineError: it cannot be removed.
        """
        at_once = ["--time=0"] if self.kind == "podman" else []
        ended = await self.call("rm", "--force", "--volumes", *at_once, name)
        said = "\n".join(ended.stderr)
        if ended.code and "no such container" not in said.lower():
            raise EngineError(f"container {name} cannot be removed: {said}")


_found: dict[tuple[str | None, ...], Engine] = {}


async def find_engine() -> Engine:
    """The engine to use; it is looked for once for each setting of the environment.

    The order: `TASKSMITHY_CONTAINER_ENGINE` (docker, podman, or the path of one), `DOCKER_HOST` or
    a docker context, docker with a daemon that answers, podman.

    Raises:
        NoEngineError: there is none, or the one that is asked for cannot be used.
    """
    setting = tuple(os.environ.get(name) for name in (_CHOICE, *_DOCKER, "PATH", "HOME"))
    if setting not in _found:
        _found[setting] = await _find()
    return _found[setting]


async def _find() -> Engine:
    if choice := os.environ.get(_CHOICE):
        return await _chosen(choice)
    docker, podman = shutil.which("docker"), shutil.which("podman")
    remote = _docker_elsewhere()
    problem = "it is not on PATH"
    if docker:
        try:
            return await _docker(docker)
        except NoEngineError as error:
            if remote:  # somebody chose it, and another engine would not be what they meant
                raise NoEngineError(f"{remote} chooses docker, and {error}") from None
            problem = str(error)
    if podman:
        return _podman(podman)
    raise NoEngineError(
        f"no container engine was found. Looked for: {_CHOICE} (not set), DOCKER_HOST or a docker "
        f"context ({remote or 'not set'}), docker ({problem}), podman (it is not on PATH). "
        f"{_HOW_TO_INSTALL}"
    )


async def _chosen(choice: str) -> Engine:
    found = shutil.which(choice)
    # Not resolved: a program may act by the name of the link that it is called by.
    program = None if found is None else str(Path(found).absolute())
    name = Path(choice).name
    if program is None or not name.startswith(("docker", "podman")):
        raise NoEngineError(
            f"{_CHOICE}={choice!r} names no engine here: give 'docker', 'podman' or the path of "
            f"one of them. {_HOW_TO_INSTALL}"
        )
    try:
        return await _docker(program) if name.startswith("docker") else _podman(program)
    except NoEngineError as error:
        raise NoEngineError(f"{_CHOICE}={choice!r}: {error}") from None


async def _docker(program: str) -> Engine:
    environment = tuple((name, os.environ[name]) for name in _DOCKER if name in os.environ)
    ended = await completed([program, "info", "--format={{json .SecurityOptions}}"])
    if ended.code != 0:
        said = " ".join(ended.stderr) or f"exit code {ended.code}"
        raise NoEngineError(f"its daemon does not answer: {said}")
    rootless = any("name=rootless" in line for line in ended.stdout)
    return Engine(program, "docker", environment, rootless)


def _podman(program: str) -> Engine:
    return Engine(program, "podman", rootless=os.getuid() != 0)


def _docker_elsewhere() -> str | None:
    """What says which docker daemon to use, or None where nothing does."""
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT"):
        if value := os.environ.get(name):
            return f"{name}={value!r}"
    folder = os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker"
    try:
        context = json.loads(Path(folder, "config.json").read_text("utf-8"))["currentContext"]
    except (OSError, ValueError, KeyError, TypeError):  # none, or docker itself will complain
        return None
    return f"the docker context {context!r}" if context and context != "default" else None
