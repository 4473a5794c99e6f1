"""What can be wrong with a cluster."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tasksmithy.errors import NonRecoverableError, PluginError


class ClusterError(NonRecoverableError):
    """A Ray cluster that cannot be reached or used."""


class Difference(NamedTuple):
    """A distribution that a worker lacks, or has in another version.

    Attributes:
        distribution: its name.
        here: its version where the run is.
        there: its version where the worker is; None where it is not installed.
    """

    distribution: str
    here: str
    there: str | None


class WorkerMismatchError(PluginError):
    """A node of the cluster has not what the attempt of a task needs.

    Attributes:
        task: name of the task.
        node: the node.
        differences: what it lacks, or has in another version.
    """

    def __init__(self, task: str, node: str, differences: Sequence[Difference]) -> None:
        super().__init__(task, node, differences)
        self.task = task
        self.node = node
        self.differences: tuple[Difference, ...] = tuple(differences)

    def __str__(self) -> str:
        told = "; ".join(
            f"it lacks {name} ({here} here)" if there is None else f"{name} is {there}, {here} here"
            for name, here, there in self.differences
        )
        wanted = " ".join(f'"{name}=={here}"' for name, here, _ in self.differences)
        return (
            f"task {self.task!r} cannot run on the Ray node {self.node}: {told}. Install there "
            f"what the run has (pip install {wanted}), or give it by the option runtime_env"
        )
