"""Task type `raw-container`: a task is a container, on docker or podman."""

from tasksmithy_container.errors import ContainerError, EngineError, NoEngineError, OutputError
from tasksmithy_container.task import ContainerTask

__version__ = "0.1.0"

__all__ = [
    "ContainerError",
    "ContainerTask",
    "EngineError",
    "NoEngineError",
    "OutputError",
    "__version__",
]
