"""RayOptions: the options of the executor."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Positive = Annotated[float, Field(gt=0)]


def _there(path: str) -> str:
    """Check that something is there to be sent; where it is on the net, Ray fetches it itself."""
    if "://" not in path and not Path(path).exists():
        raise ValueError(f"there is no {Path(path).absolute()}")
    return path


def _folder(path: str) -> str:
    if "://" not in path and Path(path).is_file() and not path.endswith(".zip"):
        raise ValueError(f"{path} is a file; give the folder of the program, or a .zip of it")
    return _there(path)


Folder = Annotated[str, AfterValidator(_folder)]
Module = Annotated[str, AfterValidator(_there)]


class RayOptions(BaseModel):
    """Which cluster makes the attempts, and how its resources are called.

    Attributes:
        address: the cluster: `HOST:6379`, or `auto` on one of its machines. None: `RAY_ADDRESS`, or
            a Ray on this machine that ends with the run.
        connect_timeout: seconds after which an address that does not answer is given up.
        num_cpus: cores of a Ray on this machine; None: all.
        num_gpus: GPUs of it; None: all.
        resources: custom resources of it, by name.
        object_store_memory: bytes of its object store; None: as Ray has it.
        temp_dir: folder of its sessions; None: as Ray has it.
        working_dir: folder of the program, which the workers of a cluster get as theirs; None: it
            is there already.
        py_modules: further packages (folders or wheels) that they get.
        runtime_env: what else goes into Ray's `runtime_env`, such as `{"pip": [...]}`.
        queues: the custom resources that stand for a task's `queue`, by queue.
        interruptible: the custom resources that an interruptible task asks for.
        adds_nodes: whether the cluster adds nodes where a task needs one; otherwise a task that no
            node has the resources for is refused.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    address: str | None = None
    connect_timeout: Positive = 30.0
    num_cpus: Annotated[int, Field(ge=1)] | None = None
    num_gpus: Annotated[int, Field(ge=0)] | None = None
    resources: dict[str, Positive] = Field(default_factory=dict)
    object_store_memory: Annotated[int, Field(ge=78_643_200)] | None = None
    temp_dir: str | None = None
    working_dir: Folder | None = None
    py_modules: list[Module] = Field(default_factory=list)
    runtime_env: dict[str, Any] = Field(default_factory=dict)
    queues: dict[str, dict[str, Positive]] = Field(default_factory=dict)
    interruptible: dict[str, Positive] = Field(default_factory=dict)
    adds_nodes: bool = False

    @property
    def connection(self) -> RayOptions:
        """The options that a connection to Ray is made with, which those of tasks do not change."""
        of_tasks: dict[str, Any] = {"queues": {}, "interruptible": {}, "adds_nodes": False}
        return self.model_copy(update={"address": self.cluster, **of_tasks})

    @property
    def cluster(self) -> str | None:
        """The address of the cluster; None for a Ray on this machine that ends with the run."""
        return self.address or os.environ.get("RAY_ADDRESS") or None
