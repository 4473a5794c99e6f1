"""The arguments of `run`: everything that a task declares, as an engine's command line has it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tasksmithy import Device, Resources, RunContext
from tasksmithy_container.engine import Engine
from tasksmithy_container.errors import EngineError
from tasksmithy_container.inputs import Mount
from tasksmithy_container.leftovers import owner
from tasksmithy_container.scratch import Scratch
from tasksmithy_container.task import ContainerTask


def run_arguments(
    engine: Engine,
    task: ContainerTask,
    ctx: RunContext,
    scratch: Scratch,
    mounts: Sequence[Mount],
    secrets: Mapping[str, Path],
    user: str,
) -> list[str]:
    """The client's arguments, up to the image, without what `disk_arguments` gives.

    Args:
        engine: the engine.
        task: the task.
        ctx: the attempt, for labels.
        scratch: its directories.
        mounts: what the container sees beside its input and output directory.
        secrets: names of environment variables, and the file that has their values, which are on
            no command line.
        user: the user that the image is made for, where `needs_user` asks for it.

    Raises:
        EngineError: the user is a name, which the engine cannot give the caller's files to.
    """
    folders = [
        Mount(scratch.inputs, str(task.input_data_dir)),
        Mount(scratch.outputs, str(task.output_data_dir), read_only=False),
    ]
    variables, entrypoint = task.env_vars or {}, task.image_entrypoint
    labels = {"run": ctx.run_id, "task": task.name, "attempt": str(ctx.attempt)}
    if (who := owner()) is not None:
        labels["owner"] = who
    return [
        "run",
        f"--name={scratch.name}",
        f"--cidfile={scratch.container_id}",
        "--pull=never",
        "--log-driver=none",  # the lines are read as they come; a file of them would fill the disk
        "--security-opt=label=disable",  # where there is SELinux, mounts are not readable otherwise
        *(["--rm"] if engine.removes_by_itself else []),
        *(["--http-proxy=false"] if engine.kind == "podman" else []),  # docker hands on none either
        # Written before the command is started: it is there where, and only where, that was so.
        *([f"--pidfile={scratch.process_id}"] if engine.removes_by_itself else []),
        *_user(engine, task, user),
        *(["--init"] if task.init else []),
        *([f"--workdir={task.workdir}"] if task.workdir is not None else []),
        *([] if entrypoint is None else [f"--entrypoint={''.join(entrypoint[:1])}"]),
        *(f"--label=tasksmithy.{name}={value}" for name, value in labels.items()),
        *(_mount(mount) for mount in (*folders, *mounts)),
        *(f"--env={name}={value}" for name, value in variables.items() if name not in secrets),
        *(f"--env-file={file}" for file in {*secrets.values()}),
        *(resource_arguments(engine, task.resources) if task.resources is not None else ()),
    ]


def needs_user(engine: Engine, task: ContainerTask) -> bool:
    """Whether what becomes of the user depends on the user that the image is made for."""
    return task.user is None and engine.rootless and engine.kind == "podman"


def is_another(user: str) -> bool:
    """Whether a user of a container is, or may be, another than the caller."""
    return user.partition(":")[0] not in ("", "root", "0", str(os.getuid()))


def _user(engine: Engine, task: ContainerTask, user: str) -> list[str]:
    """Who the command runs as: the image's user, unless the task or the engine says otherwise.

    Where only the caller's own user can write the caller's files, that is who it runs as.
    """
    if not engine.rootless and os.getuid() != 0 and task.user is None:
        groups = (f"--group-add={group}" for group in os.getgroups() if group != os.getgid())
        return [f"--user={os.getuid()}:{os.getgid()}", *groups]
    chosen = [f"--user={task.user}"] if task.user is not None else []
    if not engine.rootless:
        return chosen
    if engine.kind == "docker":
        return chosen or ["--user=0:0"]
    who, _, group = (user if task.user is None else task.user).partition(":")
    if who in ("", "0", "root"):  # which is the caller, as it is
        return chosen
    if not who.isdecimal() or not (group or who).isdecimal():
        raise EngineError(
            f"task {task.name!r}: image {task.image_uri!r} is made for the user {who!r}, and "
            "rootless podman has to know the number to make that user the owner of your files: "
            'give it as user="1000:1000"'
        )
    return [f"--userns=keep-id:uid={who},gid={group or who}", f"--user={who}:{group or who}"]


def _mount(mount: Mount) -> str:
    access = ",readonly" if mount.read_only else ""
    return f"--mount=type=bind,source={mount.source},target={mount.target}{access}"


def resource_arguments(engine: Engine, resources: Resources) -> Iterator[str]:
    """The limits: of a pair (request, limit) both, of a single value the value.

    A cluster finds room for a request. One machine has nothing to find, so what is asked for is
    what there is.
    """
    request, limit = resources.cpu_range()
    # More cores than there are limit nothing, and docker refuses them.
    if (cores := limit or request) and float(cores) < (os.cpu_count() or 1):
        yield f"--cpus={float(cores):g}"
    if request and limit:
        yield f"--cpu-shares={max(2, round(1024 * float(request)))}"
    request, limit = resources.memory_range()
    if memory := limit or request:
        # The same with swap: a limit that swap makes larger is none.
        yield from (f"--memory={float(memory):.0f}b", f"--memory-swap={float(memory):.0f}b")
    if request and limit:
        yield f"--memory-reservation={float(request):.0f}b"
    if shm := resources.shm_size():
        size = _machine_memory() if shm == "auto" else round(float(shm))
        yield f"--shm-size={size}b"
    device = resources.device()
    if device is not None and can_hand_over(device):
        if engine.kind == "docker":
            yield f"--gpus={device.quantity}"
        else:  # by the names that the container device interface gives them
            yield from (f"--device=nvidia.com/gpu={index}" for index in range(device.quantity))


def can_hand_over(device: Device) -> bool:
    """Whether an engine can give such a device to a container: whole NVIDIA GPUs, by number."""
    return device.device_class == "GPU" and device.partition is None


def disk_arguments(resources: Resources | None) -> list[str]:
    """The limit of the disk, which only some engines can keep: it depends on their storage."""
    size = resources.disk_size() if resources is not None else None
    return [f"--storage-opt=size={float(size):.0f}"] if size else []


def _machine_memory() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
