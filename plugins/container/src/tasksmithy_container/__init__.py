"""Task type `raw-container`: a task is a container, on docker or podman."""

from tasksmithy_container.errors import ContainerError, EngineError, NoEngineError
from tasksmithy_container.task import ContainerTask

__version__ = "0.1.0"

__all__ = [
    "ContainerError",
    "ContainerTask",
    "EngineError",
    "NoEngineError",
    "__version__",
]
