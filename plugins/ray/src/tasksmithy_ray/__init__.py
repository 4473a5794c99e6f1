"""Executor `ray`: the attempts of tasks are made on a Ray cluster."""

from tasksmithy_ray.errors import ClusterError, WorkerMismatchError
from tasksmithy_ray.executor import RayExecutor
from tasksmithy_ray.options import RayOptions

__version__ = "0.1.0"

__all__ = ["ClusterError", "RayExecutor", "RayOptions", "WorkerMismatchError", "__version__"]
