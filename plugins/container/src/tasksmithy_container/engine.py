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

import asyncio
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from tasksmithy_container.errors import EngineError, NoEngineError
from tasksmithy_container.process import Ended, completed

STOP_SECONDS = 5
"""How long a container may take to stop before it is killed."""

_DAEMON_SECONDS = 20.0
"""How long a daemon may take to say that it is there."""

_TRIES, _SECONDS_BETWEEN = 5, 0.3
"""How often the removal of a container is tried, and what is between two tries."""

_CHOICE = "TASKSMITHY_CONTAINER_ENGINE"
_DOCKER = (
    *("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"),
    "HOME",
)
_PODMAN = (
    *("CONTAINER_HOST", "CONTAINER_CONNECTION", "CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF"),
    *("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR"),
)
_HOW_TO_INSTALL = (
    "Install one, for example podman by 'apt-get install podman' or 'dnf install podman' (it needs "
    "no daemon), or docker as docs.docker.com/engine/install says"
)


class ImageFacts(NamedTuple):
    """What an engine knows of an image.

    Attributes:
        identity: identifies its content.
        architecture: of the machines that it is for, as engines name it: `amd64`.
        user: the user that it is made for, by name or number; empty for root.
        entrypoint: what is run with a command as its arguments.
    """

    identity: str
    architecture: str
    user: str
    entrypoint: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine that can be used.

    Attributes:
        program: its command line client.
        kind: whose command line that is.
        environment: the variables that say where its daemon, or its containers, are.
        rootless: whether root in a container is the user who started it.
    """

    program: str
    kind: Literal["docker", "podman"]
    environment: tuple[tuple[str, str], ...] = ()
    rootless: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The engine as JSON values, from which `from_dict` makes it again."""
        return {**asdict(self), "environment": dict(self.environment)}

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> Engine:
        """The engine that `to_dict` has told."""
        fields: dict[str, Any] = {**told, "environment": tuple(told["environment"].items())}
        return cls(**fields)

    @property
    def daemon(self) -> tuple[str | None, ...]:
        """What tells the engine from those that may not answer where this one does."""
        told = dict(self.environment)
        hosts = ("DOCKER_HOST", "DOCKER_CONTEXT", "CONTAINER_HOST", "CONTAINER_CONNECTION")
        return (self.program, *map(told.get, hosts))

    @property
    def client_environment(self) -> dict[str, str]:
        """The environment of its client, which finds the same containers whoever calls it."""
        deciding = _DOCKER if self.kind == "docker" else _PODMAN
        others = {name: value for name, value in os.environ.items() if name not in deciding}
        # Podman starts its monitor with none of LANG, and that takes no path but ASCII without.
        return {**others, **dict(self.environment), "LC_ALL": "C.UTF-8"}

    @property
    def removes_by_itself(self) -> bool:
        """Whether `run --rm` is used: where the client is the engine, as podman is without a host.

        A daemon is asked for the exit code only after the container ended; one that has removed it
        by then, such as podman's service, answers 0 for any.
        """
        told = dict(self.environment)
        return self.kind == "podman" and not {"CONTAINER_HOST", "CONTAINER_CONNECTION"} & {*told}

    async def call(self, *arguments: str) -> Ended:
        """Run the client."""
        return await completed([self.program, *arguments], env=self.client_environment)

    async def image(self, reference: str) -> ImageFacts | None:
        """What the engine knows of an image; None where it is not on this machine.

        Raises:
            EngineError: the engine does not answer.
        """
        facts = "{{.Id}} {{.Architecture}} {{json .Config.User}} {{json .Config.Entrypoint}}"
        ended = await self.call("image", "inspect", f"--format={facts}", reference)
        if ended.code or not ended.stdout:
            if (await self.call("info")).code:
                raise EngineError(
                    f"{self.program} is asked for image {reference!r} and does not answer: "
                    f"{' '.join(ended.stderr)} Start its daemon again, or have {_CHOICE} choose "
                    "another engine"
                )
            return None
        identity, architecture, user, entrypoint = ended.stdout[-1].split(" ", 3)
        return ImageFacts(
            identity, architecture, _known(user) or "", tuple(_known(entrypoint) or ())
        )

    async def labelled(self, label: str) -> list[tuple[str, str]]:
        """The names of all containers that have a label, and its value."""
        value = f'index .Labels "{label}"' if self.kind == "podman" else f'.Label "{label}"'
        ended = await self.call(
            *("ps", "--all", f"--filter=label={label}", f"--format={{{{.Names}}}} {{{{{value}}}}}")
        )
        found = (line.partition(" ") for line in ended.stdout)
        return [(name, value) for name, _, value in found]

    async def state(self, name: str) -> tuple[bool, bool] | None:
        """Whether a container was started, and whether it was out of memory; None: nobody knows."""
        facts = "{{.State.Status}} {{.State.OOMKilled}}"
        ended = await self.call("inspect", f"--format={facts}", name)
        if ended.code or not ended.stdout:
            return None
        status, _, out_of_memory = ended.stdout[-1].partition(" ")
        return status not in ("created", "initialized", "configured"), out_of_memory == "true"

    async def exit_code(self, name: str) -> int | None:
        """What a container that was started ends with; None where nobody knows."""
        state = await self.state(name)
        if state is None or not state[0]:
            return None
        ended = await self.call("wait", name)
        return int(ended.stdout[-1]) if not ended.code and ended.stdout else None

    async def stop(self, name: str) -> None:
        """Stop a container, and kill it where it does not stop in time."""
        await self.call("stop", f"--time={STOP_SECONDS}", name)

    async def remove(self, name: str) -> None:
        """Remove a container and its volumes, whether it is there, runs, or not.

        Raises:
            EngineError: it cannot be removed.
        """
        at_once = ["--time=0"] if self.kind == "podman" else []
        said = ""
        for attempt in range(_TRIES):
            if attempt:  # what is ending, or is killed while it is asked for, is in between states
                await asyncio.sleep(_SECONDS_BETWEEN)
            ended = await self.call("rm", "--force", "--volumes", *at_once, name)
            said = "\n".join(ended.stderr)
            if not ended.code or "no such container" in said.lower():
                return
        raise EngineError(f"container {name} cannot be removed: {said}")


_found: dict[tuple[str | None, ...], Engine] = {}


async def find_engine() -> Engine:
    """The engine to use; it is looked for once for each setting of the environment.

    The order: `TASKSMITHY_CONTAINER_ENGINE` (docker, podman, or the path of one), `DOCKER_HOST` or
    a docker context, docker with a daemon that answers, podman.

    Raises:
        NoEngineError: there is none, or the one that is asked for cannot be used.
    """
    setting = tuple(os.environ.get(name) for name in (_CHOICE, *_DOCKER, *_PODMAN, "PATH"))
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
    try:
        async with asyncio.timeout(_DAEMON_SECONDS):
            ended = await completed([program, "info", "--format={{json .SecurityOptions}}"])
    except TimeoutError:
        problem = f"its daemon does not answer within {_DAEMON_SECONDS:g} s"
        raise NoEngineError(problem) from None
    if ended.code != 0:
        said = " ".join(ended.stderr) or f"exit code {ended.code}"
        raise NoEngineError(f"its daemon does not answer: {said}")
    rootless = any("name=rootless" in line for line in ended.stdout)
    return Engine(program, "docker", _set(_DOCKER), rootless)


def _podman(program: str) -> Engine:
    return Engine(program, "podman", _set(_PODMAN), rootless=os.getuid() != 0)


def _known(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:  # a very long entry point, of which the end is cut off
        return None


def _set(names: Iterable[str]) -> tuple[tuple[str, str], ...]:
    return tuple((name, os.environ[name]) for name in names if name in os.environ)


def _docker_elsewhere() -> str | None:
    """What says which docker daemon to use, or None where nothing does."""
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT"):
        if value := os.environ.get(name):
            return f"{name}={value!r}"
    folder = os.environ.get("DOCKER_CONFIG") or os.path.expanduser("~/.docker")  # noqa: PTH111
    try:
        context = json.loads(Path(folder, "config.json").read_text("utf-8"))["currentContext"]
    except (OSError, ValueError, KeyError, TypeError):  # none, or docker itself will complain
        return None
    return f"the docker context {context!r}" if context and context != "default" else None
